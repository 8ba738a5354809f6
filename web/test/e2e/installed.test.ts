import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { badgeSays, badge, launch, open, picture, textOf } from '../support/browser.ts';
import { Link } from '../support/link.ts';
import { makeEvent, number, seatcast } from '../support/world.ts';

/** The pages as an installed app: without network, and back. */
const { url } = seatcast();
let browser: Browser;
let link: Link;

beforeAll(async () => {
  browser = await launch();
});
beforeEach(async () => {
  link = await Link.to(url);
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await link.close();
});
afterAll(async () => {
  await browser?.close();
});

/** The page's service worker is at work. */
async function installed(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const { active } = await navigator.serviceWorker.ready;
    while (active?.state !== 'activated') await new Promise((changed) => active?.addEventListener('statechange', changed, { once: true }));
  });
}

const keptAddresses = (page: Page): Promise<string[]> =>
  page.evaluate(async () => {
    const caches_ = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
    const requests = await Promise.all(caches_.map((cache) => cache.keys()));
    return requests.flat().map((request) => new URL(request.url).pathname);
  });

/** The last numbers are in the storage. */
async function remembered(page: Page, event: number): Promise<void> {
  await expect.poll(() => page.evaluate((topic) => Object.keys(localStorage).some((key) => key.startsWith('seatcast.last.') && key.endsWith(topic)), `/event:${event}`)).toBe(true);
}

it('browsers find nothing that keeps them from installing it', async () => {
  const { page, context } = await open(browser, url);
  await installed(page);
  const devtools = await context.newCDPSession(page);
  const { errors } = await devtools.send('Page.getAppManifest');
  expect(errors).toEqual([]);
  const { installabilityErrors } = await devtools.send('Page.getInstallabilityErrors');
  // A window of its own is as a private one, where nothing is installed.
  expect(installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito')).toEqual([]);
});

it('without network the event is there with its last numbers, not as live; and live again when the network is back', async () => {
  const { id } = await makeEvent('Tunnel concert', 37);
  const { page, errors } = await open(browser, `${link.url}/events/${id}`);
  await badgeSays(page, /^37 left LIVE$/i);
  await installed(page);
  await remembered(page, id);

  link.cut();
  await page.reload();
  await expect.poll(() => textOf(page.locator('h1'))).toBe('Tunnel concert');
  await badgeSays(page, /^37 left (stale|offline)$/i);
  await badgeSays(page, /^37 left offline$/i);
  await picture(page, 'installed offline');
  expect(await badge(page)).not.toMatch(/live/i);

  link.restore();
  await badgeSays(page, /^37 left LIVE$/i, 30_000);
  expect(errors.filter((error) => !error.includes('WebSocket'))).toEqual([]);
});

it('other pages open without network as well, and addresses that are none of ours do not', async () => {
  const { page } = await open(browser, link.url);
  const cards = page.locator('seatcast-event-list [data-event]');
  await expect.poll(() => cards.count()).toBeGreaterThan(0);
  await installed(page);
  link.cut();
  // The list is as it was known, and no number of it is called live.
  await page.reload();
  await expect.poll(() => cards.count()).toBeGreaterThan(0);
  await expect.poll(() => textOf(cards.first().locator('seatcast-availability'))).toMatch(/stale|offline|^$/i);
  expect(await textOf(page.locator('seatcast-event-list'))).not.toMatch(/\blive\b/i);
  await page.goto(`${link.url}/bookings`);
  await expect.poll(() => page.locator('seatcast-bookings-page').count()).toBe(1);
  await expect(page.goto(`${link.url}/docs`)).rejects.toThrow(/ERR_/);
});

it('keeps the page and its files, no answer of the API, and nothing of an older build', async () => {
  const { id } = await makeEvent('Kept', 10);
  // A page of the same place without a worker: an older build left something here.
  const { page } = await open(browser, `${link.url}/favicon.svg`);
  await page.evaluate(async () => void (await caches.open('seatcast-shop-older')));
  await page.goto(`${link.url}/events/${id}`);
  await badgeSays(page, /^10 left LIVE$/i);
  await installed(page);
  await page.reload();
  await badgeSays(page, /^10 left LIVE$/i);
  expect((await keptAddresses(page)).filter((path) => path !== '/' && !path.startsWith('/assets/'))).toEqual([]);
  expect(await keptAddresses(page)).toContain('/');
  const names = await page.evaluate(() => caches.keys());
  expect(names).not.toContain('seatcast-shop-older');
  expect(names).toEqual([expect.stringMatching(/^seatcast-shop-/)]);
});

it('a booking that could not be sent is offered when the network is back, and booked once', async () => {
  const { id } = await makeEvent('Sent later', 20);
  const { page } = await open(browser, `${link.url}/events/${id}`);
  await badgeSays(page, /^20 left LIVE$/i);
  await installed(page);
  await remembered(page, id);
  await page.getByRole('button', { name: 'One more Standard' }).click();
  link.cut();
  await page.getByRole('button', { name: 'Hold 1 ticket' }).click();
  const offer = page.locator('seatcast-unsent .attempt[data-state=unsent]');
  await expect.poll(() => offer.count(), { timeout: 30_000 }).toBe(1);
  await page.reload();
  await expect.poll(() => textOf(offer)).toMatch(/1 ticket.*sent only if you want it/);
  await picture(page, 'installed unsent');

  link.restore();
  await badgeSays(page, /^20 left LIVE$/i);
  expect(await number(`select count(*) from bookings where event_id = ${id}`)).toBe(0);
  await page.getByRole('button', { name: 'Book it now' }).click();
  await badgeSays(page, /^19 left LIVE$/i);
  await expect.poll(() => page.locator('seatcast-unsent .attempt').count()).toBe(0);
  await expect.poll(() => textOf(page.locator('seatcast-bookings [data-booking]'))).toMatch(/1 × Standard/);
  expect(await number(`select count(*) from bookings where event_id = ${id}`)).toBe(1);
});
