import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { launch, open, picture, textOf } from '../support/browser.ts';
import { makeEvent, makeUser, rest, seatcast, sql } from '../support/world.ts';

const { url } = seatcast();
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
});
afterAll(async () => {
  await browser?.close();
});

/** A pushed change shows within this time; a poll would take longer. */
const AT_ONCE = { timeout: 8_000 };

const cards = (page: Page): Locator => page.locator('seatcast-bookings [data-booking]');
const statuses = (page: Page): Promise<(string | null)[]> =>
  cards(page).evaluateAll((found) => found.map((card) => card.getAttribute('data-status')));

/** A window of a user, as on a device of its own. */
async function windowOf(user: number, path: string): Promise<Page> {
  const context = await browser.newContext();
  await context.addInitScript((id) => sessionStorage.setItem('seatcast.user', String(id)), user);
  const page = await context.newPage();
  await page.goto(`${url}${path}`);
  await expect.poll(() => page.getByLabel('Acting as').inputValue()).toBe(String(user));
  return page;
}

async function hold(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'One more Standard' }).click();
  await page.getByRole('button', { name: 'Hold 1 ticket' }).click();
}

async function bookingOf(eventId: number): Promise<string> {
  return sql(`select id from bookings where event_id = ${eventId} order by created_at desc limit 1`);
}

describe('two windows of one user', () => {
  it('web_7 web_9: show what is held in one, what the organizer cancels, and why', async () => {
    const [{ id }, user] = await Promise.all([makeEvent('Two devices', 20), makeUser('Tina')]);
    const [first, second, list] = await Promise.all([windowOf(user, `/events/${id}`), windowOf(user, `/events/${id}`), windowOf(user, '/bookings')]);
    await expect.poll(() => textOf(list.locator('seatcast-bookings-page .message'))).toContain('Nothing booked yet');
    await hold(first);
    await expect.poll(() => statuses(first), AT_ONCE).toEqual(['pending']);
    await expect.poll(() => statuses(second), AT_ONCE).toEqual(['pending']);
    expect(await textOf(cards(second))).toMatch(/held for you 1[45]:\d\d 1 × Standard/i);
    await expect.poll(() => textOf(cards(list)), AT_ONCE).toMatch(/held for you two devices 1[45]:\d\d/i);

    await rest('PUT', `/bookings/${await bookingOf(id)}/status`, { status: 'cancelled', reason: 'Singer is ill' }, 2);
    for (const page of [first, second]) {
      await expect.poll(() => textOf(cards(page)), AT_ONCE).toMatch(/^cancelled singer is ill/i);
      expect(await page.getByRole('button', { name: /^Cancel booking/ }).count()).toBe(0);
    }
    await expect.poll(() => textOf(cards(list)), AT_ONCE).toMatch(/cancelled two devices singer is ill/i);
    // The next hold takes the message away, in both.
    await hold(second);
    for (const page of [first, second]) await expect.poll(() => statuses(page), AT_ONCE).toEqual(['pending']);

    // When the event is cancelled, both say so, also one that is opened afterwards.
    await rest('POST', `/events/${id}/cancel`, { reason: 'The hall burnt down' }, 2);
    await second.reload();
    for (const page of [first, second]) {
      await expect.poll(() => textOf(page.locator('.notice.cancellation'))).toBe('This event was cancelled. Nothing can be booked any more. The hall burnt down');
      await expect.poll(() => textOf(cards(page).first())).toMatch(/^cancelled the hall burnt down/i);
    }
    // Its booking's page does not lead back to tickets that are not sold.
    await first.goto(`${url}/bookings/${await bookingOf(id)}`);
    await first.locator('h2#event').waitFor();
    expect(await first.getByRole('link', { name: 'Choose tickets again' }).count()).toBe(0);
  });

  it('show that a hold was paid for, with its tickets', async () => {
    const [{ id }, user] = await Promise.all([makeEvent('Paid at the desk', 20), makeUser('Paul')]);
    const [first, second] = await Promise.all([windowOf(user, `/events/${id}`), windowOf(user, `/events/${id}`)]);
    await hold(first);
    await expect.poll(() => statuses(second), AT_ONCE).toEqual(['pending']);
    await rest('PUT', `/bookings/${await bookingOf(id)}/status`, { status: 'confirmed', paid_by: 'cash' }, 2);
    for (const page of [first, second]) await expect.poll(() => textOf(cards(page)), AT_ONCE).toMatch(/^confirmed .*TKT-\d{8}-/i);
  });

  it('web_11: say that a hold ended, and what to do', async () => {
    const [{ id }, user] = await Promise.all([makeEvent('Ran out', 20), makeUser('Rita')]);
    const [first, second] = await Promise.all([windowOf(user, `/events/${id}`), windowOf(user, `/events/${id}`)]);
    await hold(first);
    await expect.poll(() => statuses(second), AT_ONCE).toEqual(['pending']);
    await sql(`update bookings set expires_at = now() + interval '12 s' where id = '${await bookingOf(id)}'`);
    // Both at once: it is not there for long.
    await Promise.all([first, second].map((page) => expect.poll(() => textOf(cards(page)), AT_ONCE).toMatch(/held for you 0:(0\d|1[0-2])/i)));
    for (const page of [first, second]) await expect.poll(() => textOf(cards(page)), { timeout: 30_000 }).toMatch(/your hold ended, choose again/i);
    await picture(first, 'hold ended');
    await second.setViewportSize({ width: 390, height: 844 });
    await cards(second).scrollIntoViewIfNeeded();
    await picture(second, 'hold ended on a phone');
    await first.getByRole('button', { name: 'One more Standard' }).click();
    await expect.poll(() => cards(first).count()).toBe(0);
  });
});

describe('two tabs of a guest', () => {
  async function tabs(...paths: string[]): Promise<Page[]> {
    const context: BrowserContext = await browser.newContext();
    const opened = paths.map(async (path) => {
      const page = await context.newPage();
      await page.goto(`${url}${path}`);
      return page;
    });
    return Promise.all(opened);
  }

  it('web_3 web_7: keep the bookings of both, and show what the other did', async () => {
    const [one, other] = [await makeEvent('Tab one', 20), await makeEvent('Tab two', 20)];
    const [first, second, list] = await tabs(`/events/${one.id}`, `/events/${other.id}`, '/bookings');
    await hold(first!);
    await expect.poll(() => statuses(first!), AT_ONCE).toEqual(['pending']);
    await hold(second!);
    await expect.poll(() => textOf(cards(list!)), AT_ONCE).toMatch(/tab two.*\n.*tab one/i);
    await first!.reload();
    await expect.poll(() => statuses(first!), AT_ONCE).toEqual(['pending']);
    await first!.goto(`${url}/bookings`);
    await expect.poll(() => textOf(cards(first!))).toMatch(/tab two.*\n.*tab one/i);
    await second!.getByRole('button', { name: /^Cancel booking/ }).click();
    await expect.poll(() => statuses(list!), AT_ONCE).toEqual(['cancelled', 'pending']);
  });
});

it.each([
  ['light', {}],
  ['dark', { colorScheme: 'dark' }],
  ['on a phone', { viewport: { width: 390, height: 844 } }],
] as const)('the bookings page with a hold, tickets and what ended has no violation that axe finds: %s', async (look, options) => {
  const { page } = await open(browser, url, { ...options, reducedMotion: 'reduce' });
  const user = await makeUser('Bella');
  await page.evaluate((id) => sessionStorage.setItem('seatcast.user', String(id)), user);
  const prices = { 'Still held': 4_500, 'For free': 0, 'Called off': 4_500 };
  const booked: { id: string }[] = [];
  for (const [title, price] of Object.entries(prices)) {
    const { id: event_id } = await makeEvent(`${title} ${look}`, 20, price);
    booked.push(await rest('POST', '/bookings', { event_id, quantity: 2 }, user));
  }
  await rest('PUT', `/bookings/${booked[2]!.id}/status`, { status: 'cancelled', reason: 'The hall is under water' }, 2);
  await page.goto(`${url}/bookings`);
  await expect.poll(() => statuses(page)).toEqual(['cancelled', 'confirmed', 'pending']);
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  await picture(page, `bookings ${look}`);
});

describe('a buyer without an account', () => {
  it('finds a booking again on another device, by a mailed link', async () => {
    const { id } = await makeEvent('Found again', 20);
    const { page } = await open(browser, `${url}/events/${id}`);
    await page.getByRole('button', { name: 'One more Standard' }).click();
    await page.getByLabel('Name').fill('Ada');
    const email = `ada-${id}@example.org`;
    await page.getByLabel('E-mail').fill(email);
    await picture(page, 'name and e-mail');
    await page.getByRole('button', { name: 'Hold 1 ticket' }).click();
    await expect.poll(() => statuses(page)).toEqual(['pending']);
    const reference = await sql(`select reference from bookings where event_id = ${id}`);

    const { page: other } = await open(browser, `${url}/bookings`);
    await other.getByLabel('Reference').fill(reference.toLowerCase());
    await other.getByLabel('E-mail').fill(email);
    await other.getByRole('button', { name: 'Send me the link' }).click();
    await expect.poll(() => textOf(other.locator('seatcast-find-booking'))).toContain('If there is such a booking');
    const mailed = async (): Promise<string | undefined> => {
      const outbox = (await (await fetch(`${url}/dev/outbox`)).json()) as { to: string; text: string }[];
      return outbox.find(({ to }) => to === email)?.text.match(/http\S+/)?.[0];
    };
    await expect.poll(mailed).toBeDefined();
    await other.goto((await mailed()) ?? '');
    await expect.poll(() => textOf(other.locator('.said'))).toBe(`Your booking ${reference} is here.`);
    await expect.poll(() => statuses(other)).toEqual(['pending']);
    expect(new URL(other.url()).hash).toBe('');
    await picture(other, 'found again');
    // It is this buyer's from now on.
    await other.reload();
    await expect.poll(() => statuses(other)).toEqual(['pending']);
    await other.getByRole('button', { name: /^Cancel booking/ }).click();
    await expect.poll(() => sql(`select status from bookings where event_id = ${id}`)).toBe('cancelled');
  });
});
