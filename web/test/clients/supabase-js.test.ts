import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launch, open } from '../support/browser.ts';
import { makeEvent, number, organizersToken, seatcast, sql } from '../support/world.ts';

/**
 * Code that was written for Supabase (`supabase-page/`), with address and key changed and nothing else: React in
 * Chromium, on a page of another origin, with npm `@supabase/supabase-js` as it was when the code was written and as it
 * is now.
 */
const root = fileURLToPath(new URL('supabase-page', import.meta.url));

/** The page's script with this version of the client. */
async function bundled(client: string): Promise<string> {
  const built = await build({
    root,
    configFile: false,
    logLevel: 'error',
    define: { 'process.env.NODE_ENV': '"production"' },
    oxc: { jsx: { runtime: 'automatic', development: false } },
    resolve: {
      alias: [
        { find: '@supabase/supabase-js', replacement: client },
        { find: /^@\//, replacement: `${root}/` },
      ],
    },
    build: { write: false, minify: false, rolldownOptions: { input: `${root}/main.tsx`, output: { codeSplitting: false } } },
  });
  const [first] = Array.isArray(built) ? built : [built];
  const chunk = first && 'output' in first ? first.output.find((one) => one.type === 'chunk') : undefined;
  if (!chunk || !('code' in chunk)) throw new Error('nothing was built');
  return chunk.code;
}

interface PageOf {
  page: Page;
  errors: string[];
  /** All that the page shows, in one line. */
  text(): Promise<string>;
  /** Toasts and warnings. */
  said(): Promise<string[]>;
}

describe.each(['supabase-js-2.39', 'supabase-js-latest'])('%s', (client) => {
  let browser: Browser;
  let elsewhere: Server;
  let event: { id: number; typeId: number };
  const contexts: BrowserContext[] = [];

  beforeAll(async () => {
    const script = await bundled(client);
    elsewhere = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
      if (pathname === '/page.js') return void response.setHeader('content-type', 'text/javascript').end(script);
      response.setHeader('content-type', 'text/html').end(`<!doctype html><title>Supabase</title><link rel="icon" href="data:,">
        <div id="root"></div><script>const settings = ${searchParams.get('settings')}</script>
        <script type="module" src="/page.js"></script>`);
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    elsewhere?.close();
  });

  beforeEach(async () => {
    event = await makeEvent(`Page with ${client}`, 50);
  });
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
  });

  async function opened(registrationId: string, key = 'any-key'): Promise<PageOf> {
    const ticket = { id: event.typeId, name: 'Standard', price: 45 };
    const settings = { url: seatcast().url, key, eventId: String(event.id), registrationId, ticket };
    const query = new URLSearchParams({ settings: JSON.stringify(settings) });
    const { port } = elsewhere.address() as AddressInfo;
    const { page, context, errors } = await open(browser, `http://127.0.0.1:${port}/?${query}`);
    contexts.push(context);
    return {
      page,
      errors,
      text: async () => (await page.locator('#root').innerText()).replace(/\s+/g, ' ').trim(),
      said: () => page.evaluate('said'),
    };
  }

  const setLeft = (left: number): Promise<string> =>
    sql(`update ticket_types set capacity = ${left} where id = ${event.typeId}`);

  it('reads what is left, and follows it live', async () => {
    await setLeft(30);
    const { text, said, errors } = await opened('ann');
    await expect.poll(text).toMatch(/^Standard \$45 LIVE\s?30 available Select/);
    await setLeft(7);
    await expect.poll(text).toMatch(/LIVE\s?Only 7 left! Select/);
    expect(await said()).toEqual(['Standard: 7']);
    await setLeft(0);
    await expect.poll(text).toMatch(/LIVE\s?SOLD OUT Sold Out/);
    expect(errors).toEqual([]);
  });

  it('shows who else is registering, and at which step', async () => {
    const ann = await opened('ann');
    const bob = await opened('bob');
    for (const { text } of [ann, bob]) {
      await expect.poll(text).toMatch(/1 other person is registering for this event 2 selecting tickets now/);
    }
    // The hook leaves its channel and joins it again at once.
    await bob.page.evaluate("setStep('payment')");
    for (const { text } of [ann, bob]) await expect.poll(text).toMatch(/1 other person is .* 1 selecting tickets now/);
    await bob.page.close();
    await expect.poll(ann.text).not.toMatch(/other/);
    expect([...ann.errors, ...bob.errors]).toEqual([]);
  });

  it("shows the organizer's updates", async () => {
    const ann = await opened('ann');
    const organizer = await opened('olga', organizersToken());
    for (const { text } of [ann, organizer]) await expect.poll(text).toMatch(/LIVE/);
    const banner = async (): Promise<unknown> => JSON.parse(await ann.page.locator('.banner').innerText());
    await expect
      .poll(async () => {
        // A page that has just joined may miss what was said before.
        await organizer.page.evaluate("broadcastUpdate('info_update', { doors: '19:00' })");
        return ann.page.locator('.banner').count();
      })
      .toBe(1);
    expect(await banner()).toMatchObject({ updateType: 'info_update', data: { doors: '19:00' } });
    await organizer.page.evaluate("broadcastUpdate('cancellation', {})");
    await expect.poll(banner).toMatchObject({ updateType: 'cancellation' });
    await expect.poll(ann.said).toContain('Event information has been updated');
    await expect.poll(ann.said).toContain('This event has been cancelled');
    expect([...ann.errors, ...organizer.errors]).toEqual([]);
  });

  it('reports every interaction', async () => {
    const session = `${client} ${crypto.randomUUID()}`;
    const { page, errors } = await opened(session);
    const stored = (): Promise<number> => number(`select count(*) from interactions where session_id = '${session}'`);
    // One waits for the interval, fifty-one are sent at once.
    await page.evaluate(`tracker.track('form_field_changed', { field: 'name', eventId: '${event.id}' })`);
    await expect.poll(stored).toBe(1);
    await page.evaluate("for (let n = 0; n < 51; n += 1) tracker.track('ticket_selected', { n })");
    await expect.poll(stored).toBe(52);
    const [first] = JSON.parse(
      await sql(`select json_agg(i order by id) from interactions i where session_id = '${session}'`),
    ) as Record<string, unknown>[];
    const data = { field: 'name', eventId: String(event.id), user_id: `user of ${session}` };
    expect(first).toMatchObject({ action: 'form_field_changed', event_id: event.id, user_id: null, data });
    expect(first?.['page_url']).toBe(page.url());
    expect(errors).toEqual([]);
  });

  it('keeps ten channels at most, and uses each again', async () => {
    const others = await Promise.all([1, 2, 3, 4].map((nth) => makeEvent(`Other ${nth} with ${client}`, 10)));
    const kinds = ['event-tickets', 'registration', 'event-updates'];
    const names = others.flatMap(({ id }) => kinds.map((kind) => `${kind}:${id}`));
    const { page, text, errors } = await opened('ann');
    await expect.poll(text).toMatch(/LIVE/);
    const kept = await page.evaluate(`(() => {
      window.statuses = {};
      for (const name of ${JSON.stringify(names)}) {
        const channel = realtimeManager.subscribe(name, {});
        if (realtimeManager.subscribe(name, {}) !== channel) return 'another channel';
        channel.subscribe((status) => (statuses[name] = status));
      }
      return [...realtimeManager.channels.keys()];
    })()`);
    expect(kept).toEqual(names.slice(-10));
    const joined = async (): Promise<string[]> => {
      const statuses: Record<string, string> = await page.evaluate('statuses');
      return names.filter((name) => statuses[name] === 'SUBSCRIBED');
    };
    await expect.poll(joined).toEqual(names.slice(-10));
    await page.evaluate('realtimeManager.unsubscribeAll()');
    expect(await page.evaluate('realtimeManager.channels.size')).toBe(0);
    expect(errors).toEqual([]);
  });
});
