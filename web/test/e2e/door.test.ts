import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { launch, open, picture, textOf } from '../support/browser.ts';
import { Link } from '../support/link.ts';
import { cameraOf, film } from '../support/fake-camera.ts';
import { makeEvent, rest, seatcast, sql } from '../support/world.ts';

const { url } = seatcast();
const PASSWORD = 'seatcast-demo';
let browser: Browser;
const links: Link[] = [];
let folder: string;
/** The organizer of the events that tests make. */
let email: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seatcast-door-'));
  email = await sql('select email from users where id = 2');
  browser = await launch();
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  for (const link of links.splice(0)) await link.close();
});
afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

interface Sold {
  event: number;
  title: string;
  codes: string[];
}

/** An event of tonight with tickets that are sold. */
async function sold(name: string, quantity: number): Promise<Sold> {
  const title = `${name} ${crypto.randomUUID().slice(0, 6)}`;
  const { id, typeId } = await makeEvent(title, 50, 0);
  const begins = new Date(Date.now() + 3_600_000).toISOString();
  const event_id = id;
  const booking = await rest<{ id: string }>('POST', '/bookings', {
    event_id,
    items: [{ ticket_type_id: typeId, quantity }],
    contact: { name: 'Ada Lovelace', email: 'ada@example.org' },
  });
  await sql(`update events set starts_at = '${begins}' where id = ${id}`);
  const codes = (await sql(`select code from tickets where booking_id = '${booking.id}' order by id`)).split('\n');
  return { event: id, title, codes };
}

async function payloadOf(code: string): Promise<string> {
  return (await rest<{ payload: string }>('GET', `/tickets/${code}`, undefined, 2)).payload;
}

async function signIn(page: Page): Promise<void> {
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Signs in and opens a door of an event. */
async function openDoor(
  from: Browser,
  { title }: Sold,
  gate: string,
  options: BrowserContextOptions = {},
  at = url,
): Promise<{ page: Page; errors: string[] }> {
  const opened = await open(from, `${at}/checkin?lang=en`, { reducedMotion: 'reduce', ...options });
  await signIn(opened.page);
  await opened.page.getByRole('radio', { name: title }).check();
  await opened.page.getByLabel('Gate').fill(gate);
  await opened.page.getByRole('button', { name: 'Open the door' }).click();
  await expect.poll(() => numbers(opened.page)).toMatch(/of \d+ admitted/);
  return opened;
}

const numbers = (page: Page): Promise<string> => textOf(page.locator('door-view .numbers'));
const verdict = (page: Page): Promise<string> => textOf(page.locator('door-view .verdict'));

async function type(page: Page, code: string): Promise<void> {
  await page.getByLabel('Ticket code').fill(code);
  await page.getByRole('button', { name: 'Check', exact: true }).click();
}

async function violations(page: Page): Promise<string[]> {
  const found = await new AxeBuilder({ page }).analyze();
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

/** All that the door keeps on the device, but for its files. */
function onDevice(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const answered = <T>(request: IDBRequest<T>): Promise<T> => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
    const stores = (await answered(indexedDB.open('seatcast-doors'))).transaction(['scans', 'lists']);
    return JSON.stringify(await Promise.all(['scans', 'lists'].map((name) => answered(stores.objectStore(name).getAll()))));
  });
}

/** The wire to the server is cut: a network that Chromium only emulates lets requests of a new service worker through. */
async function cut(link: Link, page: Page): Promise<void> {
  link.cut();
  await expect.poll(() => numbers(page)).toContain('Offline');
}

describe('the door', () => {
  it('lets a ticket in that the camera sees, once', async () => {
    const show = await sold('Seen by the camera', 2);
    const file = join(folder, 'ticket.y4m');
    const qr = await fetch(`${url}/api/v1/tickets/${show.codes[0]}/qr.svg`, { headers: { 'x-user-id': '2' } });
    const studio = await open(browser, `${url}/checkin`);
    await film(studio.page, await qr.text(), file);
    const seeing = await launch(cameraOf(file));
    try {
      const { page, errors } = await openDoor(seeing, show, 'North', { viewport: { width: 375, height: 812 } });
      await expect.poll(() => verdict(page)).toContain('Welcome Let in Ada Lovelace Standard');
      await expect.poll(() => numbers(page)).toMatch(/^1 of 2 admitted Live/);
      expect(await sql(`select gate || ' ' || result from checkins where event_id = ${show.event}`)).toBe('North admitted');
      await picture(page, 'door camera on a phone');
      // The picture stays, and is not a second scan.
      await expect.poll(() => page.locator('door-view video').evaluate((video: HTMLVideoElement) => video.currentTime)).toBeGreaterThan(1);
      expect(await sql(`select count(*) from checkins where event_id = ${show.event}`)).toBe('1');
      await type(page, await payloadOf(show.codes[0]!));
      await expect.poll(() => verdict(page)).toMatch(/^Already used Used at .*North/);
      expect(errors).toEqual([]);
    } finally {
      await seeing.close();
    }
  });

  it('works without network, also over a reload, and merges: what another gate did first is shown', async () => {
    const show = await sold('Without network', 3);
    const link = await Link.to(url);
    links.push(link);
    const { page, errors } = await openDoor(browser, show, 'North', {}, link.url);
    await page.evaluate(() => navigator.serviceWorker.ready);
    await type(page, show.codes[0]!);
    await expect.poll(() => verdict(page)).toContain('Welcome Let in Ada Lovelace');

    await cut(link, page);
    await type(page, await payloadOf(show.codes[1]!));
    await expect.poll(() => verdict(page)).toMatch(/^Welcome Let in Ada Lovelace/);
    await page.getByLabel('Name, code or reference').fill('lovelace');
    await page.getByRole('button', { name: 'Search by name' }).click();
    await expect.poll(() => textOf(page.getByRole('search'))).toMatch(/3 tickets found From the list of this device.*Used at .*Expected/);
    await picture(page, 'door by name offline');
    await type(page, show.codes[2]!.toLowerCase());
    await expect.poll(() => numbers(page)).toMatch(/^3 of 3 admitted Offline · 2 scans to merge/);
    await type(page, show.codes[1]!);
    await expect.poll(() => verdict(page)).toMatch(/^Already used .*North/);
    await type(page, 'TKT-NO-TICKET');
    await expect.poll(() => verdict(page)).toMatch(/^Unknown/);
    await picture(page, 'door offline');
    expect(await violations(page)).toEqual([]);

    await page.reload();
    await expect.poll(() => numbers(page)).toMatch(/^3 of 3 admitted Offline · 2 scans to merge/);
    expect(await textOf(page.locator('.ready'))).toBe('Ready for the next ticket.');
    await type(page, show.codes[2]!);
    await expect.poll(() => verdict(page)).toMatch(/^Already used/);

    // Meanwhile the same ticket was shown at a gate that has network.
    await rest('POST', '/checkins', { code: show.codes[2], nonce: crypto.randomUUID(), gate: 'South', event_id: show.event }, 2);
    link.restore();
    await expect.poll(() => numbers(page)).toMatch(/^3 of 3 admitted Live List/);
    const surprise = page.getByRole('region', { name: 'Decided differently by the server' });
    await expect.poll(() => textOf(surprise)).toMatch(/Used at .*South/);
    await picture(page, 'door merged');
    expect(await violations(page)).toEqual([]);
    const results = await sql(`select string_agg(gate || ' ' || result || ' ' || offline, ', ' order by id) from checkins where event_id = ${show.event}`);
    expect(results).toBe('North admitted false, South admitted false, North admitted true, North already_used true');
    await surprise.getByRole('button', { name: /^Read:/ }).click();
    await surprise.waitFor({ state: 'detached' });
    // It is not merged again, and stays read.
    await page.reload();
    await expect.poll(() => numbers(page)).toMatch(/^3 of 3 admitted Live/);
    expect(await surprise.count()).toBe(0);
    expect(await sql(`select count(*) from checkins where event_id = ${show.event}`)).toBe('4');
    expect(errors.filter((error) => !/WebSocket|ERR_/.test(error))).toEqual([]);
  });

  it('is open in one tab of a device, also without network: the one that was opened last', async () => {
    const show = await sold('Two tabs', 3);
    const link = await Link.to(url);
    links.push(link);
    const { page: first, errors } = await openDoor(browser, show, 'North', {}, link.url);
    await first.evaluate(() => navigator.serviceWorker.ready);
    await cut(link, first);
    await type(first, show.codes[0]!);
    await expect.poll(() => verdict(first)).toContain('Welcome');

    const second = await first.context().newPage();
    await second.goto(first.url());
    await expect.poll(() => numbers(second)).toMatch(/^1 of 3 admitted Offline · 1 scan to merge/);
    await type(second, show.codes[0]!);
    await expect.poll(() => verdict(second)).toMatch(/^Already used/);
    await type(second, show.codes[1]!);
    await expect.poll(() => verdict(second)).toContain('Welcome');
    const closed = first.getByRole('heading', { name: 'This door is open in another tab' });
    await expect.poll(() => closed.count()).toBe(1);
    expect(await first.getByLabel('Ticket code').count()).toBe(0);
    await picture(first, 'door in another tab');
    expect(await violations(first)).toEqual([]);

    await first.getByRole('button', { name: 'Open it here' }).click();
    await expect.poll(() => numbers(first)).toMatch(/^2 of 3 admitted Offline · 2 scans to merge/);
    await type(first, show.codes[1]!);
    await expect.poll(() => verdict(first)).toMatch(/^Already used/);
    await expect.poll(() => textOf(second.locator('check-in-app main'))).toContain('This door is open in another tab');
    link.restore();
    await expect.poll(() => numbers(first)).toMatch(/^2 of 3 admitted Live List/);
    expect(await sql(`select string_agg(result, ' ' order by id) from checkins where event_id = ${show.event}`)).toBe('admitted admitted');

    // Another door there leaves this one's names; signing out there closes it, and its names go.
    await second.getByRole('button', { name: 'Another door' }).click();
    await second.getByRole('radio', { name: show.title }).waitFor();
    expect(await onDevice(first)).toContain('Lovelace');
    await second.getByRole('button', { name: 'Sign out' }).click();
    await expect.poll(() => textOf(first.locator('check-in-app main'))).not.toContain('admitted');
    await expect.poll(() => onDevice(first)).not.toContain('Lovelace');
    expect(errors.filter((error) => !/WebSocket|ERR_/.test(error))).toEqual([]);
  });

  it('forgets names when the event ends, on a page that stays open without network', async () => {
    const show = await sold('Ends', 2);
    const link = await Link.to(url);
    links.push(link);
    const { page } = await openDoor(browser, show, 'North', {}, link.url);
    await type(page, show.codes[0]!);
    await expect.poll(() => verdict(page)).toContain('Welcome Let in Ada Lovelace');
    await cut(link, page);
    await page.getByLabel('Name, code or reference').fill('lovelace');
    await page.getByRole('button', { name: 'Search by name' }).click();
    await expect.poll(() => textOf(page.getByRole('search'))).toContain('2 tickets found');
    const kept = (): Promise<string> => onDevice(page);
    expect(await kept()).toContain('Ada Lovelace');

    // Without an end of its own it is over a day after it began.
    await page.clock.setFixedTime(Date.now() + 26 * 3_600_000);
    await expect.poll(() => textOf(page.locator('door-view'))).not.toContain('Lovelace');
    await expect.poll(kept).not.toContain('Lovelace');
    await type(page, show.codes[1]!);
    await expect.poll(() => verdict(page)).toMatch(/^Welcome Let in/);
    await expect.poll(() => numbers(page)).toMatch(/^2 of 2 admitted Offline/);
    expect(await kept()).not.toContain('Lovelace');
    await picture(page, 'door after the end');
  });

  it('finds people by name, undoes, and counts what another gate does', async () => {
    const show = await sold('By name', 2);
    const { page, errors } = await openDoor(browser, show, 'North');
    await page.getByLabel('Name, code or reference').fill('lovelace');
    await page.getByRole('button', { name: 'Search by name' }).click();
    await expect.poll(() => textOf(page.getByRole('search'))).toContain('2 tickets found');
    await page.getByRole('button', { name: 'Let in Ada Lovelace' }).first().click();
    await expect.poll(() => numbers(page)).toMatch(/^1 of 2/);
    await picture(page, 'door by name');
    expect(await violations(page)).toEqual([]);
    await page.getByRole('search').getByRole('button', { name: 'Undo Ada Lovelace' }).click();
    await expect.poll(() => numbers(page)).toMatch(/^0 of 2/);
    expect(await sql(`select status from tickets where code = '${show.codes[0]}'`)).toBe('valid');

    await type(page, show.codes[0]!);
    await expect.poll(() => numbers(page)).toMatch(/^1 of 2/);
    await page.getByRole('region', { name: 'Scans of this device' }).getByRole('button', { name: 'Undo Ada Lovelace' }).first().click();
    await expect.poll(() => numbers(page)).toMatch(/^0 of 2/);
    // Nobody is welcomed any more.
    expect(await textOf(page.locator('.result'))).toBe('Undone');
    await rest('POST', '/checkins', { code: show.codes[1], nonce: crypto.randomUUID(), gate: 'South', event_id: show.event }, 2);
    await expect.poll(() => numbers(page)).toMatch(/^1 of 2/);
    await type(page, show.codes[1]!);
    await expect.poll(() => verdict(page)).toMatch(/^Already used .*South/);
    expect(errors).toEqual([]);
  });

  it('says what is wrong with a ticket: taken back, of another event, handed on, none at all', async () => {
    const [show, other] = [await sold('Many faults', 3), await sold('Another show', 1)];
    const old = await payloadOf(show.codes[1]!);
    await sql(`update tickets set status = 'void' where code = '${show.codes[0]}'`);
    await sql(`update tickets set generation = generation + 1 where code = '${show.codes[1]}'`);
    const link = await Link.to(url);
    links.push(link);
    const { page, errors } = await openDoor(browser, show, 'North', { viewport: { width: 320, height: 640 } }, link.url);
    const cases: [string, RegExp, string][] = [
      [await payloadOf(other.codes[0]!), /^Other event/, 'other event'],
      [show.codes[0]!, /^Not valid/, 'void'],
      [old, /^Handed on/, 'handed on'],
      ['https://example.org/', /^Unknown/, 'unknown'],
    ];
    for (const [text, words, name] of cases) {
      await type(page, text);
      await expect.poll(() => verdict(page)).toMatch(words);
      await picture(page, `door ${name} at 320 px`);
    }
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    expect(await violations(page)).toEqual([]);
    // The list says the same without network.
    await cut(link, page);
    for (const [text, words] of cases) {
      await type(page, text);
      await expect.poll(() => verdict(page)).toMatch(words);
    }
    expect(await sql(`select count(*) from checkins where event_id = ${show.event}`)).toBe('0');
    expect(errors.filter((error) => !/WebSocket|ERR_/.test(error))).toEqual([]);
  });

  it('is worked in Persian, in the dark, by keyboard alone', async () => {
    const show = await sold('با صفحه‌کلید', 1);
    const { page, errors } = await open(browser, `${url}/checkin?lang=fa`, { colorScheme: 'dark', reducedMotion: 'reduce' });
    await page.getByLabel('ایمیل').fill(email);
    await page.keyboard.press('Tab');
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press('Enter');
    const radio = page.getByRole('radio', { name: show.title });
    await radio.focus();
    await page.keyboard.press('Space');
    await picture(page, 'door choice in Persian');
    expect(await violations(page)).toEqual([]);
    await page.getByLabel('ورودی').focus();
    await page.keyboard.type('شمالی');
    await page.keyboard.press('Enter');
    await expect.poll(() => numbers(page)).toContain('۰ از ۱');
    await page.getByLabel('کد بلیت').focus();
    await page.keyboard.type(show.codes[0]!);
    await page.keyboard.press('Enter');
    await expect.poll(() => verdict(page)).toContain('خوش آمدید');
    // The next code can be typed at once.
    expect(await page.evaluate(() => (document.activeElement?.shadowRoot?.activeElement?.shadowRoot?.activeElement as HTMLInputElement | null)?.name)).toBe('code');
    await picture(page, 'door in Persian');
    expect(await violations(page)).toEqual([]);
    expect(errors).toEqual([]);
  });

  it('is closed to those who work at no door, and no byte of it is on the buyers’ pages', async () => {
    const { page } = await open(browser, `${url}/checkin?lang=en`);
    const customer = await sql('select email from users where id = 3');
    await page.getByLabel('E-mail').fill(customer);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect.poll(() => textOf(page.locator('check-in-app main'))).toContain('Not for this account');
    const shop = await open(browser, url);
    const asked: string[] = [];
    shop.page.on('request', (request) => asked.push(request.url()));
    await shop.page.reload({ waitUntil: 'networkidle' });
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.filter((address) => /checkin|wasm/.test(address))).toEqual([]);
  });
});
