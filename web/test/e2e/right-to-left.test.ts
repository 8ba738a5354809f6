import type { Browser, Locator } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { launch, open, picture } from '../support/browser.ts';
import { openDesk } from '../support/desk.ts';
import { makeEvent, rest, seatcast } from '../support/world.ts';

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

const style = (of: Locator, property: string): Promise<string> => of.evaluate((element, name) => getComputedStyle(element).getPropertyValue(name), property);
const TITLE = 'A title of the organizer, which is so long that it takes more than one line';
const TEXT = 'A text that ends with a full stop.';

it('the shop begins all lines at the same edge, and keeps arrows off the border', async () => {
  const { id } = await makeEvent(TITLE, 20);
  await rest('PATCH', `/events/${id}`, { description: TEXT }, 2);
  const { page } = await open(browser, `${url}/events/${id}?lang=fa`, { viewport: { width: 360, height: 780 } });
  const title = page.locator('h1');
  await title.waitFor();
  expect([await style(title, 'direction'), await style(title, 'text-align')]).toEqual(['ltr', 'right']);
  await page.goto(`${url}/?lang=fa`);
  const when = page.locator('select[name=when]');
  await when.waitFor();
  expect(await style(when, 'background-position')).toMatch(/^\d/);
  await page.goto(`${url}/?lang=en`);
  await expect.poll(() => style(when, 'background-position')).toMatch(/^calc\(100%/);
});

it('the desk writes what the organizer wrote in its own direction, and dates and numbers as Persian does', async () => {
  const { id } = await makeEvent(TITLE, 20);
  await rest('PATCH', `/events/${id}`, { description: TEXT }, 2);
  const { page } = await openDesk(browser, `/desk/events/${id}/edit?lang=fa`);
  const description = page.locator('textarea[name=description]');
  await description.waitFor();
  expect(await style(description, 'direction')).toBe('ltr');
  expect(await page.locator('desk-event-frame .facts').innerText()).toContain('۲۰۳۷، ');
  await picture(page, 'desk from right to left');
  await page.goto(`${url}/desk/events/${id}/replay?lang=fa`);
  await expect.poll(() => page.locator('.controls').innerText()).toMatch(/−۱\s+\+۱/);
});

it('the sign-in of the desk has a title in the language that is spoken', async () => {
  const { page } = await open(browser, `${url}/desk?lang=fa`);
  await expect.poll(() => page.title()).toBe('میز برگزارکننده · Seatcast');
});

it('tables of the desk break neither buttons nor codes in the middle, on a tablet', async () => {
  const { id } = await makeEvent(TITLE, 20, 0);
  await rest('POST', '/bookings', { event_id: id, quantity: 2 }, 3);
  const { page } = await openDesk(browser, `/desk/events/${id}/doors?lang=fa`, { viewport: { width: 768, height: 900 } });
  const lines = (of: string): Promise<number[]> => page.locator(of).evaluateAll((found) => found.map((one) => one.getClientRects().length));
  await page.locator('tbody .whole-word').first().waitFor();
  expect(new Set(await lines('tbody .whole-word'))).toEqual(new Set([1]));
  const heights = await page.locator('tbody .button').evaluateAll((found) => found.map(({ clientHeight }) => clientHeight));
  expect(Math.max(...heights)).toBeLessThan(50);
  // All columns are in sight.
  expect(await page.locator('.scroll').first().evaluate((box) => box.scrollWidth - box.clientWidth)).toBe(0);
});
