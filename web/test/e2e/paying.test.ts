import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Locator, Page } from 'playwright-core';
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

const CARDS = { good: '4242 4242 4242 4242', declined: '4000 0000 0000 0002', asks: '4000 0025 0000 3155', silent: '4000 0000 0000 0119' };
const card = (page: Page): Locator => page.locator('seatcast-bookings [data-booking]');

/** Holds two tickets of a new event and follows «Pay» to the page where a card is typed. */
async function toTheCardPage(page: Page): Promise<void> {
  for (let times = 0; times < 2; times += 1) await page.getByRole('button', { name: 'One more Standard' }).click();
  await page.getByRole('button', { name: 'Hold 2 tickets' }).click();
  await expect.poll(() => textOf(card(page))).toMatch(/held for you 1[45]:\d\d 2 × Standard Pay €90.00/i);
  await page.getByRole('button', { name: /^Pay €90.00/ }).click();
  await page.waitForURL(/\/pay\/demo\//);
  expect(await page.locator('.amount').innerText()).toContain('90.00');
}

it.each([
  ['th', 'Noto Sans Thai Variable', '90.00 EUR'],
  ['fa', 'Vazirmatn Variable', '۹۰٫۰۰ EUR'],
])('the card page speaks %s in the fonts of the shop, on a phone in the dark as well', async (lang, family, amount) => {
  const { id } = await makeEvent('Paid elsewhere', 20);
  const booking = await rest<{ id: string }>('POST', '/bookings', { event_id: id, quantity: 2 }, await makeUser('Abroad'));
  const { redirect_url: path } = await rest<{ redirect_url: string }>('POST', `/bookings/${booking.id}/payment`, {}, 1);
  const { page, errors } = await open(browser, `${url}${path.split('?')[0]}?lang=${lang}`, { viewport: { width: 320, height: 640 }, colorScheme: 'dark', reducedMotion: 'reduce' });
  expect(await page.locator('.amount').innerText()).toBe(amount);
  await expect.poll(() => page.evaluate((name) => document.fonts.ready.then((all) => [...all].some((font) => font.family.includes(name) && font.status === 'loaded')), family)).toBe(true);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(320);
  await picture(page, `card page ${lang}`);
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id: rule }) => rule)).toEqual([]);
  expect(errors).toEqual([]);
});

async function type(page: Page, number: string): Promise<void> {
  await page.getByLabel('Card number').fill(number);
  await page.getByRole('button', { name: 'Pay' }).click();
}

describe('a buyer', () => {
  it('without an account is declined, pays with another card, and has the tickets', async () => {
    const { id } = await makeEvent('Paid by card', 20);
    const { page, errors } = await open(browser, `${url}/events/${id}`, { reducedMotion: 'reduce' });
    await toTheCardPage(page);
    await type(page, CARDS.declined);
    await expect.poll(() => page.locator('[role=alert]').innerText()).toContain('declined');
    await page.getByRole('link', { name: 'Back' }).click();
    await page.waitForURL(/\/bookings\/BK-\w+$/);
    await expect.poll(() => textOf(card(page))).toMatch(/held for you 1[45]:\d\d 2 × Standard The card was declined.* Pay €90.00/i);
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id: rule }) => rule)).toEqual([]);
    await picture(page, 'card declined');

    await page.getByRole('button', { name: /^Pay €90.00/ }).click();
    await page.waitForURL(/\/pay\/demo\//);
    await type(page, CARDS.good);
    await page.waitForURL(/\/bookings\/BK-\w+$/);
    await expect.poll(() => textOf(card(page))).toMatch(/^confirmed 2 × Standard Standard TKT-\S+ Valid Hand on Standard TKT-/i);
    await picture(page, 'paid by card');
    expect(await sql(`select status || ' ' || total_amount from bookings where event_id = ${id}`)).toBe('confirmed 9000');
    await expect.poll(() => sql(`select state || ' ' || captured_amount from payments where event_id = ${id}`)).toBe('captured 9000');
    // A reload shows the same, and asks for nothing to be paid.
    await page.reload();
    await expect.poll(() => textOf(card(page))).toMatch(/^confirmed/i);
    expect(await page.getByRole('button', { name: /^Pay/ }).count()).toBe(0);
    // Cancelled only after a question, and the card stays.
    await page.getByRole('button', { name: /^Cancel booking/ }).click();
    await expect.poll(() => textOf(card(page))).toContain('Cancel this booking? Its 2 tickets become void');
    await picture(page, 'cancel it');
    await page.getByRole('button', { name: 'Yes, cancel it' }).click();
    await expect.poll(() => textOf(card(page))).toMatch(/^(cancelled|refunded) .*goes back to you/i);
    await picture(page, 'cancelled after paying');
    expect(errors).toEqual([]);
  });

  it('leaves the card page by the browser’s button, and goes on at once with the same payment; one that is worked on is said to be', async () => {
    const { id } = await makeEvent('Left the card page', 20);
    const { page, errors } = await open(browser, `${url}/events/${id}`, { viewport: { width: 375, height: 812 }, reducedMotion: 'reduce' });
    await toTheCardPage(page);
    const cardPage = page.url();
    // Sooner than a bank's answer would be waited for.
    const AT_ONCE = { timeout: 8_000 };
    const unfinished = /held for you 1[45]:\d\d 2 × Standard Your payment is not finished\..* Pay €90.00/i;
    await page.goBack();
    await expect.poll(() => textOf(card(page)), AT_ONCE).toMatch(unfinished);
    await picture(page, 'payment not finished');
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id: rule }) => rule)).toEqual([]);
    await page.reload();
    await expect.poll(() => textOf(card(page)), AT_ONCE).toMatch(unfinished);
    await page.goto(`${url}/bookings/${await sql(`select reference from bookings where event_id = ${id}`)}`);
    await expect.poll(() => textOf(card(page)), AT_ONCE).toMatch(unfinished);
    await picture(page, 'payment not finished on its page');

    await page.getByRole('button', { name: /^Pay €90.00/ }).click();
    await page.waitForURL(cardPage);
    await type(page, CARDS.silent);
    await page.waitForURL(/\/bookings\/BK-\w+$/);
    const paying = /held for you 2 × Standard Paying … Your tickets stay yours/i;
    await expect.poll(() => textOf(card(page))).toMatch(paying);
    await page.goBack();
    await page.waitForURL(cardPage);
    await page.goBack();
    await page.waitForURL(/\/bookings\/BK-\w+$/);
    await expect.poll(() => textOf(card(page)), AT_ONCE).toMatch(paying);
    expect(await page.getByRole('button', { name: /^Pay/ }).count()).toBe(0);
    expect(errors).toEqual([]);
  });

  it('finds the page as it was left, where the browser kept it, and goes on at once as well', async () => {
    const keeping = await launch([], ['--disable-back-forward-cache']);
    try {
      const { id } = await makeEvent('Kept by the browser', 20);
      const { page, context } = await open(keeping, 'about:blank', { reducedMotion: 'reduce' });
      await context.addInitScript(() => addEventListener('pageshow', ({ persisted }) => Object.assign(globalThis, { persisted })));
      await page.goto(`${url}/events/${id}`);
      await toTheCardPage(page);
      // The page that comes back is loaded already.
      await page.goBack({ waitUntil: 'commit' });
      await expect.poll(() => page.evaluate(() => (globalThis as { persisted?: boolean }).persisted)).toBe(true);
      await expect.poll(() => textOf(card(page)), { timeout: 5_000 }).toMatch(/Your payment is not finished\..* Pay €90.00/i);
      await page.getByRole('button', { name: /^Pay €90.00/ }).click();
      await page.waitForURL(/\/pay\/demo\//);
    } finally {
      await keeping.close();
    }
  });

  it('with an account is asked by the bank, on a phone; another window shows tickets and refunds at once', async () => {
    const [{ id }, user] = await Promise.all([makeEvent('Asked by the bank', 20), makeUser('Nora')]);
    const acting = async (path: string): Promise<Page> => {
      const context = await browser.newContext({ viewport: { width: 375, height: 812 }, reducedMotion: 'reduce' });
      await context.addInitScript((of) => sessionStorage.setItem('seatcast.user', String(of)), user);
      const page = await context.newPage();
      await page.goto(`${url}${path}`);
      await expect.poll(() => page.getByLabel('Acting as').inputValue()).toBe(String(user));
      return page;
    };
    const [page, list] = await Promise.all([acting(`/events/${id}`), acting('/bookings')]);
    await toTheCardPage(page);
    await type(page, CARDS.asks);
    await page.getByRole('button', { name: 'It is me' }).click();
    await page.waitForURL(/\/bookings\/BK-\w+$/);
    for (const one of [page, list]) await expect.poll(() => textOf(card(one))).toMatch(/^confirmed .*TKT-/i);
    // Nobody has to look for it.
    const isInView = async () => {
      const top = (await card(page).boundingBox())?.y ?? -1;
      return top >= 0 && top < 400;
    };
    await expect.poll(isInView).toBe(true);
    await picture(page, 'paid on a phone');
    await picture(list, 'paid in another window');

    // An administrator gives half of it back, and then the rest: both windows say so at once.
    const booking = await sql(`select id from bookings where event_id = ${id}`);
    await expect.poll(() => sql(`select state from payments where event_id = ${id}`)).toBe('captured');
    await rest('POST', `/bookings/${booking}/refunds`, { amount: { amount: 4_500, currency: 'EUR' }, reason: 'Rain' }, 1);
    for (const one of [page, list]) await expect.poll(() => textOf(card(one))).toMatch(/^confirmed .*€45.00 goes back to you/i);
    await rest('POST', `/bookings/${booking}/refunds`, { all: true, reason: 'More rain' }, 1);
    await expect.poll(() => textOf(card(list))).toMatch(/^refunded .*€90.00 goes back to you.*void/i);
    await picture(list, 'given back');
  });
});
