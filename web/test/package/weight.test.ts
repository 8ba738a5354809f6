/** The weight of the elements, as other sites load them, and of the pages. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { build } from 'vite';

const AVAILABILITY_BYTES_MAX = 20_000;
/** The event's page at its first load: HTML, styles, scripts. Fonts and the seat map come on top. */
const EVENT_PAGE_BYTES_MAX = 60_000;

/** Names of all files that a browser fetches before the first drawing, and what each weighs, packed. */
let weights: Map<string, number>;
let imports: Map<string, readonly string[]>;
/** Modules that each script is made of. */
let modules: Map<string, readonly string[]>;
/** Style sheets that the HTML of the pages names. */
let sheets: string[];
let outDir: string;

beforeAll(async () => {
  // Lit has more to say while it is tested.
  vi.stubEnv('NODE_ENV', 'production');
  outDir = await mkdtemp(join(tmpdir(), 'seatcast-weight-'));
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const built = await build({ root, logLevel: 'silent', mode: 'production', build: { outDir, emptyOutDir: true } });
  if (!('output' in built)) throw new Error('no single build');
  weights = new Map(built.output.map((file) => [file.fileName, gzipSync(file.type === 'chunk' ? file.code : file.source, { level: 9, memLevel: 9 }).length]));
  const html = built.output.find(({ fileName }) => fileName === 'index.html');
  sheets = [...String(html && 'source' in html ? html.source : '').matchAll(/rel="stylesheet"[^>]*href="\/([^"]+)"/g)].map(([, name]) => name!);
  imports = new Map(built.output.flatMap((file) => (file.type === 'chunk' ? [[file.fileName, file.imports] as const] : [])));
  modules = new Map(built.output.flatMap((file) => (file.type === 'chunk' ? [[file.fileName, file.moduleIds] as const] : [])));
}, 60_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(outDir, { recursive: true, force: true });
});

function loaded(name: string, seen = new Set<string>()): Set<string> {
  if (seen.has(name)) return seen;
  seen.add(name);
  for (const imported of imports.get(name) ?? []) loaded(imported, seen);
  return seen;
}

function weightOf(names: Iterable<string>): number {
  return [...names].reduce((sum, name) => sum + weights.get(name)!, 0);
}

/**
 * Some browsers never load a part again that once failed to load. So a part that is of use when the network was away comes
 * with the script that will need it.
 */
it.each([
  ['embed/availability.js', /\/follow-page\.ts$/],
  ['seatcast-tickets.ts', /\/sdk\/files\.ts$/],
  ['booking-page.ts', /\/sdk\/files\.ts$/],
])('%s brings what cannot wait for the network', (script, part) => {
  const brings = [...modules].find(([name, ids]) => name === script || ids.some((id) => id.endsWith(`/${script}`)))!;
  expect([...loaded(brings[0])].some((name) => modules.get(name)?.some((id) => part.test(id)))).toBe(true);
});

it('availability alone is at most 20 kB, packed', () => {
  const files = loaded('embed/availability.js');
  expect(files.size).toBeGreaterThan(1);
  expect(weightOf(files)).toBeLessThanOrEqual(AVAILABILITY_BYTES_MAX);
});

it('the event’s page is at most 60 kB at its first load, packed', () => {
  const named = [...weights.keys()];
  const page = named.find((name) => /^assets\/page-.*\.js$/.test(name))!;
  expect(sheets.length).toBeGreaterThan(0);
  const files = new Set([...loaded(page), 'index.html', ...sheets]);
  expect([...files].filter((name) => /seat-map|account|event-list/.test(name))).toEqual([]);
  // Sites and organizers use these; the pages' client is a `BuyerClient`.
  const parts = [...files].flatMap((name) => modules.get(name) ?? []);
  expect(parts.some((id) => id.endsWith('/sdk/buyer-client.ts'))).toBe(true);
  expect(parts.filter((id) => /\/sdk\/(?:client|tracker|admin-model)\.ts$/.test(id))).toEqual([]);
  expect(files.size).toBeGreaterThan(4);
  expect(weightOf(files)).toBeLessThanOrEqual(EVENT_PAGE_BYTES_MAX);
});
