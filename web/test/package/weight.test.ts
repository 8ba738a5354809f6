/** The weight of the elements, as other sites load them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect, it, vi } from 'vitest';
import { build } from 'vite';

const AVAILABILITY_BYTES_MAX = 20_000;

it('availability alone is at most 20 kB, packed', async () => {
  // Lit has more to say while it is tested.
  vi.stubEnv('NODE_ENV', 'production');
  const outDir = await mkdtemp(join(tmpdir(), 'seatcast-weight-'));
  try {
    const root = fileURLToPath(new URL('../..', import.meta.url));
    const built = await build({ root, logLevel: 'silent', mode: 'production', build: { outDir, emptyOutDir: true } });
    if (!('output' in built)) throw new Error('no single build');
    const scripts = new Map(built.output.flatMap((file) => (file.type === 'chunk' ? [[file.fileName, file] as const] : [])));
    /** What a browser fetches before the element is shown. */
    const loaded = (name: string, seen = new Set<string>()): Set<string> => {
      if (seen.has(name)) return seen;
      seen.add(name);
      for (const imported of scripts.get(name)?.imports ?? []) loaded(imported, seen);
      return seen;
    };
    const weight = [...loaded('embed/availability.js')].map((name) => gzipSync(scripts.get(name)!.code, { level: 9, memLevel: 9 }).length);
    expect(weight.length).toBeGreaterThan(1);
    expect(weight.reduce((sum, bytes) => sum + bytes)).toBeLessThanOrEqual(AVAILABILITY_BYTES_MAX);
  } finally {
    vi.unstubAllEnvs();
    await rm(outDir, { recursive: true, force: true });
  }
}, 60_000);
