/**
 * Starts the real server for the end-to-end tests, once for each of the files that run at once: the binary, its private
 * Postgres in a temporary folder, the demo data. Tests ask for theirs with `seatcast()` of `world.ts`.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

/** Signs the tokens of the tests. */
export const secret = 'the secret of the end-to-end tests';

export interface Seatcast {
  /** `http://127.0.0.1:…` */
  url: string;
  /** For `psql`. */
  database: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    servers: Seatcast[];
  }
}

const binary = process.env['SEATCAST_BIN'] ?? fileURLToPath(new URL('../../../target/debug/seatcast', import.meta.url));

/** Time the server has to start, and to end when it is told to. */
const PATIENCE_MS = 60_000;

export interface Started extends Seatcast {
  stop: () => Promise<void>;
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const starting = Array.from({ length: project.config.maxWorkers }, () => start());
  const stop = async (): Promise<void> => {
    for (const started of await Promise.allSettled(starting)) if (started.status === 'fulfilled') await started.value.stop();
  };
  try {
    const servers = await Promise.all(starting);
    project.provide('servers', servers.map(({ url, database }) => ({ url, database })));
    return stop;
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A server of its own: its private Postgres in a temporary folder, the demo data, and what the test wants otherwise. */
export async function start(options: readonly string[] = []): Promise<Started> {
  const folder = await mkdtemp(join(tmpdir(), 'seatcast-e2e-'));
  // Started by root, Postgres runs as another user, who has to get in.
  await chmod(folder, 0o755);
  const environment = {
    ...process.env,
    DATABASE_URL: '',
    HOST: '127.0.0.1',
    PORT: '0',
    RUST_LOG: 'warn',
    SEATCAST_DATA_DIR: folder,
    SEATCAST_JWT_SECRET: secret,
  };
  // Set but empty would be an address that cannot be read.
  delete (environment as NodeJS.ProcessEnv)['DATABASE_URL'];
  let server: ChildProcess | undefined;
  const stop = async (): Promise<void> => {
    if (server) await end(server);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await promisify(execFile)(binary, ['seed'], { env: environment });
    server = spawn(binary, ['serve', '--dev', '--limits', 'off', ...options], { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
    const url = await addressOf(server);
    const host = encodeURIComponent(join(folder, 'postgres'));
    return { url, database: `postgres:///seatcast?host=${host}&user=seatcast`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Reads `Seatcast is on http://…` from what the server prints. */
function addressOf(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    if (!server.stdout) return reject(new Error('the server has no output'));
    const lines = createInterface(server.stdout);
    const timer = setTimeout(() => reject(new Error('the server did not say where it is')), PATIENCE_MS);
    lines.on('line', (line) => {
      const address = /Seatcast is on (http:\/\/\S+)/.exec(line)?.[1];
      if (!address) return;
      clearTimeout(timer);
      resolve(address);
    });
    server.once('error', reject);
    server.once('exit', (code) => reject(new Error(`the server ended with ${code} before it was ready`)));
  });
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = once(server, 'exit');
  const force = setTimeout(() => server.kill('SIGKILL'), PATIENCE_MS);
  server.kill('SIGTERM');
  await ended;
  clearTimeout(force);
}
