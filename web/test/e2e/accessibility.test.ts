import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { launch, open, textOf } from '../support/browser.ts';
import { faultsOf, openDesk } from '../support/desk.ts';
import { makeEvent, number, rest, seatcast, sql } from '../support/world.ts';

const { url } = seatcast();
let browser: Browser;
let seated: number;

beforeAll(async () => {
  seated = await number('select event_id from seats group by event_id order by count(*) desc limit 1');
  browser = await launch();
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
});
afterAll(async () => {
  await browser?.close();
});

const looks: [string, BrowserContextOptions][] = [
  ['light', {}],
  ['dark', { colorScheme: 'dark' }],
  ['on a phone', { viewport: { width: 390, height: 844 } }],
];

const pages: [string, () => string, string][] = [
  ['the list', () => '/', 'seatcast-event-list .card seatcast-availability .badge:not(.skeleton)'],
  ['an event', () => '/events/2', 'seatcast-ticket-types li'],
  ['a seated event', () => `/events/${seated}`, 'seatcast-seat-map .legend .type'],
  ['the bookings', () => '/bookings', 'seatcast-bookings-page .message'],
  ['a missing event', () => '/events/999999', '.message'],
];

describe.each(looks)('%s', (_, look) => {
  it.each(pages)('%s has no violation that axe finds, and does not scroll sideways', async (_name, path, ready) => {
    const { page, context, errors } = await open(browser, `${url}${path()}`, { ...look, reducedMotion: 'reduce' });
    await page.locator(ready).first().waitFor({ state: 'attached' });
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([]);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow).toBeLessThanOrEqual(0);
    expect(errors).toEqual([]);
    await context.close();
  });

  it('web_22: a choice, a hold and a cancelled event have no violation that axe finds, with others around', async () => {
    const { id } = await makeEvent('Held', 4);
    const { page, context } = await open(browser, `${url}/events/${id}`, { ...look, reducedMotion: 'reduce' });
    const other = await open(browser, `${url}/events/${id}`);
    const violations = async (): Promise<string[]> => {
      const found = await new AxeBuilder({ page }).analyze();
      return found.violations.map(({ id: rule, nodes }) => `${rule}: ${nodes.map(({ html }) => html).join(' ')}`);
    };
    await expect.poll(() => textOf(page.locator('seatcast-presence'))).toBe('1 other here');
    await page.getByRole('button', { name: 'One more Standard' }).click();
    expect(await violations()).toEqual([]);
    await page.getByRole('button', { name: 'Hold 1 ticket' }).click();
    await page.locator('seatcast-bookings [data-booking]').waitFor();
    expect(await violations()).toEqual([]);
    await sql(`update events set capacity = 9 where id = ${id}; update events set status = 'cancelled' where id = ${id}`);
    await page.locator('.notice.cancellation').waitFor();
    expect(await violations()).toEqual([]);
    await other.context.close();
    await context.close();
  });
});

it('in forced colours one sees which page and which category are chosen', async () => {
  const { page } = await open(browser, url, { forcedColors: 'active' });
  const [chosen, other] = [page.locator('.chips [aria-pressed=true]'), page.locator('.chips [aria-pressed=false]').first()];
  await other.waitFor();
  const ground = (button: Locator): Promise<string> => button.evaluate((element) => getComputedStyle(element).backgroundColor);
  expect(await ground(chosen)).not.toBe(await ground(other));
  const line = (name: string): Promise<string> => page.getByRole('link', { name, exact: true }).evaluate((element) => getComputedStyle(element).textDecorationLine);
  expect([await line('Events'), await line('My bookings')]).toEqual(['underline', 'none']);
});

it('at 400 % zoom the choice does not cover what one chooses from', async () => {
  const { id } = await makeEvent('Zoomed', 4);
  const { page } = await open(browser, `${url}/events/${id}`, { viewport: { width: 320, height: 256 }, reducedMotion: 'reduce' });
  const more = page.getByRole('button', { name: 'One more Standard' });
  await more.click();
  await page.getByRole('button', { name: 'Hold 1 ticket' }).waitFor({ state: 'attached' });
  await more.evaluate((element) => element.scrollIntoView({ block: 'end' }));
  // Playwright clicks only where nothing is above.
  await more.click({ timeout: 5_000, trial: true });
  expect(await faultsOf(page)).toEqual([]);
});

/** Where the keyboard is: the innermost element with the focus. */
function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    return element ? `${element.localName} ${element.getAttribute('aria-label') ?? element.textContent}`.replace(/\s+/g, ' ').trim() : '';
  });
}

describe('the focus', () => {
  it('comes back to a button that did not work, and stays near one that is gone', async () => {
    const { page } = await open(browser, `${url}/account`);
    const form = page.locator('form').first();
    await form.getByLabel('E-mail').fill('jonas@seatcast.example');
    await form.getByLabel('Password').fill('not this one');
    const signIn = form.getByRole('button', { name: 'Sign in' });
    await signIn.press('Enter');
    await page.locator('.said:not(:empty)').waitFor();
    await expect.poll(() => focused(page)).toBe('button Sign in');
    await form.getByLabel('Password').fill('seatcast-demo');
    await signIn.press('Enter');
    await page.getByRole('button', { name: 'Sign out', exact: true }).waitFor();
    await expect.poll(() => focused(page)).toMatch(/^seatcast-account-page/);
  });

  it('stays among the notices when one is closed, and at the waitlist when it is joined', async () => {
    const { id, typeId } = await makeEvent('Kept place', 1);
    await rest('POST', '/bookings', { event_id: id, items: [{ ticket_type_id: typeId, quantity: 1 }] });
    await rest('POST', `/events/${id}/notices`, { type: 'custom', message: 'Bring a coat' }, 2);
    const { page } = await openDesk(browser, `/events/${id}`);
    await page.getByRole('button', { name: 'Dismiss: Bring a coat' }).press('Enter');
    await expect.poll(() => focused(page)).toBe('div Notices');
    await page.locator('seatcast-waitlist').getByRole('button').press('Enter');
    await page.locator('seatcast-waitlist .place').waitFor();
    await expect.poll(() => focused(page)).toMatch(/^seatcast-waitlist/);
  });

  it('is where somebody put it meanwhile', async () => {
    const { page } = await open(browser, `${url}/account`);
    const form = page.locator('form').first();
    await form.getByLabel('E-mail').fill('jonas@seatcast.example');
    await form.getByLabel('Password').fill('not this one');
    let answer = (): void => undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    await page.route('**/auth/login', async (route) => {
      await held;
      await route.continue();
    });
    await form.getByRole('button', { name: 'Sign in' }).press('Enter');
    await form.getByLabel('Password').focus();
    answer();
    await page.locator('.said:not(:empty)').waitFor();
    expect(await focused(page)).toMatch(/^input/);
  });
});
