// @vitest-environment happy-dom
/** The package as somebody gets it who installs it: packed, installed into an empty project, run by Node, compiled, bundled. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { rolldown } from 'rolldown';
import { FakeServer } from '../support/fake-server.ts';
import type { SeatcastClient } from '../../src/sdk/index.ts';

const PATIENCE_MS = 120_000;
const run = promisify(execFile);
/** Tests run in `web/`; in the environment of a page `import.meta.url` is no file. */
const packed = join(process.cwd(), 'client');
const compiler = join(dirname(createRequire(join(process.cwd(), 'package.json')).resolve('typescript/package.json')), 'bin', 'tsc');
let project: string;

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'seatcast-client-'));
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', project], { cwd: packed });
  // The build may say something before the list.
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf('[\n'))) as [{ filename: string }];
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', join(project, filename)], { cwd: project });
}, PATIENCE_MS);
afterAll(async () => {
  await rm(project, { recursive: true, force: true });
});

const file = async (name: string, text: string): Promise<string> => {
  await writeFile(join(project, name), text);
  return join(project, name);
};

const CONSUMER = `
import { SeatcastClient, Refusal, STEPS, TicketAvailabilityService, type Booking, type TicketAvailability } from '@seatcast/client';

const client = new SeatcastClient({ url: 'https://tickets.example', token: 'x' });
const stop: () => void = client.watch('event:42', ({ state, status, revision }) => {
  const names: string[] = state?.ticket_types.map(({ name, available }) => name + available) ?? [];
  if (status === 'live') console.log(names, revision + 1);
});
client.watch('seats:42', ({ state }) => console.log(state?.seats.at(0)));
client.watch('user:3', ({ state }) => console.log(state?.list.length));
client.watch('admin:42', ({ state }) => console.log(state?.figures?.revenue.amount));
// @ts-expect-error there is no such topic
client.watch('nothing:42', () => {});
const service = new TicketAvailabilityService(client);
service.trackEvents([42]);
service.getEventAvailability(42).subscribe((availability: TicketAvailability) => console.log(availability.availableTickets));
client.setStep(42, STEPS.choosing);
client.track('ticket_selected', { event_id: 42 });
export async function buy(): Promise<Booking | undefined> {
  try {
    return await client.book({ event_id: 42, items: [{ ticket_type_id: 7, quantity: 2 }] });
  } catch (error) {
    if (error instanceof Refusal) console.log(error.code);
    return undefined;
  }
}
stop();
`;

describe('@seatcast/client', () => {
  it('is imported by Node', async () => {
    const script = `import { SeatcastClient, TicketAvailabilityService, Live } from '@seatcast/client';
      const client = new SeatcastClient({ url: 'http://127.0.0.1:9' });
      const live = new TicketAvailabilityService(client).getEventAvailability(1);
      console.log(client instanceof SeatcastClient, live instanceof Live);
      client.close();`;
    const { stdout, stderr } = await run(process.execPath, [await file('run.mjs', script)], { cwd: project });
    expect(stdout).toBe('true true\n');
    expect(stderr).toBe('');
  }, PATIENCE_MS);

  it.each([
    ['nodenext', 'nodenext', 'es2022'],
    ['bundler', 'esnext', 'es2022,dom'],
  ])('has types that a strict compiler takes (%s)', async (moduleResolution, module, lib) => {
    await file('consumer.ts', CONSUMER);
    const options = ['--strict', '--noEmit', '--skipLibCheck', 'false', '--target', 'es2022', '--types', '', '--lib', lib];
    const asked = [compiler, ...options, '--module', module, '--moduleResolution', moduleResolution, 'consumer.ts', 'platform.d.ts'];
    // Node's own types would be installed from elsewhere; this is what the consumer and the client use of its platform.
    await file('platform.d.ts', lib.includes('dom') ? '' : PLATFORM);
    await run(process.execPath, asked, { cwd: project }).catch(({ stdout }: { stdout: string }) => expect(stdout).toBe(''));
  }, PATIENCE_MS);

  it('is bundled, and only what is used of it', async () => {
    const bundleOf = async (name: string): Promise<string> => {
      const input = await file(`${name}.mjs`, `import { ${name} } from '@seatcast/client';\nconsole.log(new ${name}({ url: 'https://tickets.example' }).now() > 0);`);
      const bundle = await rolldown({ input, cwd: project, platform: 'browser', logLevel: 'silent' });
      const { output } = await bundle.write({ dir: join(project, `out-${name}`), minify: true });
      const { stdout } = await run(process.execPath, [join(project, `out-${name}`, output[0].fileName)]);
      expect(stdout).toBe('true\n');
      return readFile(join(project, `out-${name}`, output[0].fileName), 'utf8');
    };
    const [live, whole] = [await bundleOf('LiveClient'), await bundleOf('SeatcastClient')];
    expect(whole).toContain('/bookings/quote');
    expect(live).not.toContain('/bookings/quote');
  }, PATIENCE_MS);
});

const APP = `
import { AsyncPipe } from '@angular/common';
import { Component, inject, provideZonelessChangeDetection, signal, type ApplicationRef } from '@angular/core';
import { bootstrapApplication } from '@angular/platform-browser';
import type { SeatcastClient } from '@seatcast/client';
import { provideSeatcast, RealTimeAvailabilityComponent, TicketAvailabilityService } from '@seatcast/client/angular';

@Component({
  selector: 'app-root',
  imports: [RealTimeAvailabilityComponent, AsyncPipe],
  template: \`
    <app-real-time-availability [eventId]="id()" [fallbackAvailable]="20" [fallbackTotal]="100" />
    <button [disabled]="(status$ | async)?.disabled">{{ (status$ | async)?.text }}</button>
    <input type="number" [max]="(availability$ | async)?.availableTickets ?? 0" />
  \`,
})
class App {
  readonly service = inject(TicketAvailabilityService);
  readonly id = id;
  readonly status$ = this.service.getAvailabilityStatus(1);
  readonly availability$ = this.service.getEventAvailability(1);
}
export const id = signal(1);
export function start(client: SeatcastClient): Promise<ApplicationRef> {
  return bootstrapApplication(App, { providers: [provideZonelessChangeDetection(), provideSeatcast({ client })] });
}
`;

describe('@seatcast/client/angular', () => {
  interface App {
    start(client: SeatcastClient): Promise<{ destroy(): void; whenStable(): Promise<void> }>;
    id: { set(id: number): void };
  }

  it('is compiled by Angular, strictly, and shows what is left, live, with the fallback until then', async () => {
    for (const name of ['@angular', 'rxjs', 'tslib']) await symlink(join(process.cwd(), 'node_modules', name), join(project, 'node_modules', name));
    await file('app.ts', APP);
    await file(
      'tsconfig.json',
      JSON.stringify({
        compilerOptions: { target: 'es2022', module: 'es2022', moduleResolution: 'bundler', lib: ['es2023', 'dom'], types: [], strict: true, skipLibCheck: true, outDir: 'app', experimentalDecorators: true },
        angularCompilerOptions: { strictTemplates: true },
        files: ['app.ts'],
      }),
    );
    const ngc = join(packed, 'angular/node_modules/@angular/compiler-cli/bundles/src/bin/ngc.js');
    await run(process.execPath, [ngc, '-p', join(project, 'tsconfig.json')], { cwd: project });
    // The compiler finishes the library when it is loaded, as it does without a build of Angular's own.
    const input = await file('page.mjs', `import '@angular/compiler';\nexport * from './app/app.js';`);
    const bundle = await rolldown({ input, cwd: project, platform: 'browser', logLevel: 'silent' });
    const { output } = await bundle.generate({ format: 'iife', name: 'page', inlineDynamicImports: true });
    const page = new Function(`${output[0].code}; return page;`)() as App;

    document.body.append(document.createElement('app-root'));
    const server = new FakeServer();
    server.addEvent(1);
    server.addEvent(2, 50);
    server.reachable = false;
    server.fetchFails();
    const client = server.client();
    const app = await page.start(client);
    const text = (): string => document.querySelector('app-real-time-availability')?.textContent?.replace(/\s+/g, ' ').trim() ?? '';
    try {
      await vi.waitFor(() => expect(text()).toBe('Limited Availability 20 of 100 left'), { timeout: 10_000 });
      server.reachable = true;
      server.fetchFails(false);
      client.nudge();
      await vi.waitFor(() => expect(text()).toBe('Available 100 of 100 left LIVE'), { timeout: 10_000 });
      server.sell(1, 7, 95);
      await vi.waitFor(() => expect(text()).toBe('Almost Sold Out 5 of 100 left LIVE'), { timeout: 10_000 });
      expect(document.querySelector('button')?.textContent).toBe('Almost Sold Out');
      expect(document.querySelector('input')?.max).toBe('5');
      server.sell(1, 7, 5);
      await vi.waitFor(() => expect(document.querySelector('button')?.disabled).toBe(true), { timeout: 10_000 });
      page.id.set(2);
      await vi.waitFor(() => expect(text()).toBe('Available 50 of 50 left LIVE'), { timeout: 10_000 });
    } finally {
      app.destroy();
      client.close();
    }
  }, PATIENCE_MS);
});

/** Globals of Node that the types name. */
const PLATFORM = `
declare const console: { log(...parts: unknown[]): void };
declare class Headers { get(name: string): string | null; has(name: string): boolean }
declare class Response {}
declare class Blob { text(): Promise<string> }
declare class AbortSignal {}
interface ReadableStreamDefaultReader<T> { read(): Promise<{ done: boolean; value?: T }> }
declare function fetch(input: string, init?: object): Promise<Response>;
declare function setTimeout(run: () => void, ms: number): { readonly id: unique symbol };
declare class AbortController {}
`;
