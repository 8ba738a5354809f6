import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { badge, badgeSays, launch, open, textOf } from '../support/browser.ts';
import { Link } from '../support/link.ts';
import { makeEvent, seatcast, sql } from '../support/world.ts';

let browser: Browser;
let link: Link;

beforeAll(async () => {
  browser = await launch();
});
beforeEach(async () => {
  link = await Link.to(seatcast().url);
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await link.close();
});
afterAll(async () => {
  await browser?.close();
});

it('a cut connection is shown as stale at once, then offline, and heals with what was missed', async () => {
  const { id, typeId } = await makeEvent('Cut', 50);
  const { page } = await open(browser, `${link.url}/events/${id}`);
  await badgeSays(page, /^50 left LIVE$/i);

  link.cut();
  await badgeSays(page, /^50 left STALE$/i);
  await sql(`update ticket_types set capacity = 40 where id = ${typeId}`);
  await badgeSays(page, /^50 left OFFLINE$/i);

  link.restore();
  // Whenever it says live, it says the truth.
  await expect.poll(() => badge(page), { timeout: 30_000 }).toMatch(/LIVE$/i);
  expect(await badge(page)).toMatch(/^40 left LIVE$/i);
});

it('a connection that carries nothing any more is noticed by the missing beats', async () => {
  const { id, typeId } = await makeEvent('Stalled', 50);
  const { page } = await open(browser, `${link.url}/events/${id}`);
  await badgeSays(page, /^50 left LIVE$/i);

  link.stall();
  await sql(`update ticket_types set capacity = 40 where id = ${typeId}`);
  await badgeSays(page, /^50 left STALE$/i, 30_000);

  link.restore();
  await badgeSays(page, /^40 left LIVE$/i);
});

/** A page behind a firewall that lets no WebSocket through, as long as `open.socket` is false. */
async function behindFirewall(): Promise<{ page: Page; asked: string[]; open: { socket: boolean } }> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const open = { socket: false };
  await page.routeWebSocket(/realtime/, (socket) => {
    if (open.socket) socket.connectToServer();
    else void socket.close({ code: 1011 });
  });
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  return { page, asked, open };
}

it('a stream keeps the numbers and the people live when WebSockets are blocked', async () => {
  const { id, typeId } = await makeEvent('Streamed', 50);
  const { page, asked, open: firewall } = await behindFirewall();
  await page.goto(`${link.url}/events/${id}`);
  await badgeSays(page, /^50 left LIVE$/i);
  await expect.poll(() => asked.some((url) => url.includes('/stream?topic=event'))).toBe(true);
  const other = await open(browser, `${link.url}/events/${id}`);
  await expect.poll(() => textOf(page.locator('seatcast-presence'))).toBe('1 other here');

  const polls = asked.filter((url) => url.includes('/availability')).length;
  const before = Date.now();
  await sql(`update ticket_types set capacity = 40 where id = ${typeId}`);
  await badgeSays(page, /^40 left LIVE$/i);
  // Pushed: the next poll would have come seconds later.
  expect(Date.now() - before).toBeLessThan(9_000);
  expect(asked.filter((url) => url.includes('/availability')).length).toBe(polls);

  // The firewall opens: the socket takes over, and the reader is counted from then on.
  firewall.socket = true;
  await expect.poll(() => textOf(other.page.locator('seatcast-presence')), { timeout: 30_000 }).toBe('1 other here');
  await sql(`update ticket_types set capacity = 30 where id = ${typeId}`);
  await badgeSays(page, /^30 left LIVE$/i);
});

it('polling keeps the numbers live, and never steps back, when WebSockets and streams are blocked', async () => {
  const { id, typeId } = await makeEvent('Polled', 50);
  const { page, asked, open: firewall } = await behindFirewall();
  await page.route(/\/stream/, (route) => route.abort());
  await page.goto(`${link.url}/events/${id}`);
  await badgeSays(page, /^50 left LIVE$/i);
  await page.evaluate(() => {
    const badge = document.querySelector('seatcast-app')?.shadowRoot?.querySelector('seatcast-event-page')?.shadowRoot?.querySelector('.now > seatcast-availability');
    const seen: string[] = ((globalThis as unknown as { seen: string[] }).seen = []);
    const look = (): void => {
      const text = badge?.shadowRoot?.querySelector('.text')?.textContent ?? '';
      if (text !== seen.at(-1)) seen.push(text);
      requestAnimationFrame(look);
    };
    look();
  });
  for (const left of [40, 30]) {
    await sql(`update ticket_types set capacity = ${left} where id = ${typeId}`);
    await badgeSays(page, new RegExp(`^${left} left LIVE$`, 'i'), 30_000);
  }
  expect(asked.filter((url) => url.includes('/availability')).length).toBeGreaterThan(1);

  // To the socket, and back to polling.
  firewall.socket = true;
  await sql(`update ticket_types set capacity = 20 where id = ${typeId}`);
  await expect.poll(() => badge(page), { timeout: 30_000 }).toMatch(/^Limited · 20 left LIVE$|^20 left LIVE$/i);
  firewall.socket = false;
  link.cut();
  // Which of the two depends on when the polls in flight fail.
  await badgeSays(page, /20 left (STALE|OFFLINE)$/i, 30_000);
  link.restore();
  await sql(`update ticket_types set capacity = 15 where id = ${typeId}`);
  await expect.poll(() => badge(page), { timeout: 30_000 }).toMatch(/15 left LIVE$/i);
  const numbers = (await page.evaluate(() => (globalThis as unknown as { seen: string[] }).seen)).map((text) => Number(/\d+/.exec(text)?.[0]));
  expect(numbers).toEqual(numbers.toSorted((one, other) => other - one));
}, 90_000);
