import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { badgeSays, launch, open, textOf } from '../support/browser.ts';
import { makeEvent, number, rest, seatcast, sql } from '../support/world.ts';

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

it('a booking in one window is seen in another, held and given back', async () => {
  const { id } = await makeEvent('Two windows', 50);
  const [buyer, viewer] = await Promise.all([open(browser, `${url}/events/${id}`), open(browser, `${url}/events/${id}`)]);
  await badgeSays(viewer.page, /^50 left LIVE$/i);

  const more = buyer.page.getByRole('button', { name: 'One more Standard' });
  await more.click();
  await more.click();
  await buyer.page.getByRole('button', { name: 'Hold 2 tickets' }).click();
  await badgeSays(viewer.page, /^48 left LIVE$/i);
  await badgeSays(buyer.page, /^48 left LIVE$/i);

  const hold = buyer.page.locator('seatcast-bookings [data-booking]');
  await expect.poll(() => textOf(hold)).toMatch(/held for you[\s\S]*1[45]:\d\d[\s\S]*2 × Standard[\s\S]*BK-/i);
  await hold.getByRole('button', { name: /^Cancel/ }).click();
  await badgeSays(viewer.page, /^50 left LIVE$/i);
  await expect.poll(() => textOf(hold)).toMatch(/^cancelled/i);
  expect([...buyer.errors, ...viewer.errors]).toEqual([]);
});

it('nothing on paper is called live', async () => {
  const { id } = await makeEvent('On paper', 50);
  const { page } = await open(browser, `${url}/events/${id}`);
  await badgeSays(page, /^50 left LIVE$/i);
  const mark = page.locator('seatcast-event-page .now > seatcast-availability .liveness');
  expect(await mark.isVisible()).toBe(true);
  await page.emulateMedia({ media: 'print' });
  expect(await mark.isVisible()).toBe(false);
});

it('a row changed by hand is seen in every window, on the list as well', async () => {
  const { id, typeId } = await makeEvent('By hand', 50);
  const [page, list] = await Promise.all([open(browser, `${url}/events/${id}`), open(browser, `${url}/?q=By+hand`)]);
  await badgeSays(page.page, /^50 left LIVE$/i);
  const card = list.page.locator(`[data-event="${id}"] seatcast-availability`);
  await expect.poll(() => textOf(card)).toMatch(/50 left/);

  await sql(`update ticket_types set capacity = 7 where id = ${typeId}`);
  await badgeSays(page.page, /^Only 7 left LIVE$/i);
  await expect.poll(() => textOf(card)).toMatch(/Only 7 left/);
  expect(await number(`select available_count from event_tickets where id = ${typeId}`)).toBe(7);

  await sql(`update events set title = 'Renamed by hand' where id = ${id}`);
  await expect.poll(() => textOf(page.page.locator('h1'))).toBe('Renamed by hand');
});

it('the last ticket turns the badge red and the page cannot be booked', async () => {
  const { id, typeId } = await makeEvent('Last one', 1);
  const { page } = await open(browser, `${url}/events/${id}`);
  await badgeSays(page, /^Only 1 left LIVE$/i);
  await page.getByRole('button', { name: 'One more Standard' }).click();
  // Somebody else is faster.
  await rest('POST', '/bookings', { event_id: id, items: [{ ticket_type_id: typeId, quantity: 1 }] }, 5);
  await badgeSays(page, /^Sold out LIVE$/i);
  await expect.poll(() => page.getByText('Your selection was reduced').count()).toBe(1);
  expect(await page.getByRole('button', { name: 'One more Standard' }).isDisabled()).toBe(true);
});

it('a visitor is counted for others by step, and not any more after leaving', async () => {
  const { id } = await makeEvent('Crowded', 50);
  const [buyer, viewer] = await Promise.all([open(browser, `${url}/events/${id}`), open(browser, `${url}/events/${id}`)]);
  const here = (): Promise<string> => textOf(viewer.page.locator('seatcast-presence'));
  await expect.poll(here).toMatch(/^1 other here$/);
  await buyer.page.getByRole('button', { name: 'One more Standard' }).click();
  await expect.poll(here).toMatch(/^1 other here 1 choosing tickets$/);
  // The buyer is no other person on the own page.
  expect(await textOf(buyer.page.locator('seatcast-presence'))).toMatch(/^1 other here$/);
  await buyer.page.getByRole('button', { name: 'Hold 1 ticket' }).click();
  await expect.poll(here).toMatch(/^1 other here 1 checking out$/);
  await buyer.page.getByRole('button', { name: /^Cancel booking/ }).click();
  await expect.poll(here).toMatch(/^1 other here$/);
  await buyer.page.close();
  await expect.poll(here).toBe('');
});

it('web_21: notices appear, their times as people read them, and a cancelled event says so', async () => {
  const { id } = await makeEvent('Noticed', 20);
  const { page } = await open(browser, `${url}/events/${id}`);
  await badgeSays(page, /20 left/);
  await rest('POST', `/events/${id}/notices`, { type: 'info_update', message: 'Doors open at seven' }, 2);
  const notices = (): Promise<string> => textOf(page.locator('seatcast-notices'));
  await expect.poll(notices).toContain('Doors open at seven');
  // Those that make themselves, also of a change by hand: each once, the newest first.
  await sql(`update events set capacity = 30 where id = ${id}; update events set starts_at = '2037-06-01T21:00:00Z' where id = ${id}`);
  await expect.poll(notices).toMatch(/now begins at 1 Jun 2037, 23:00 \(Berlin\).*from 20 to 30.*Doors open at seven/);
  await page.reload();
  await expect.poll(notices).toMatch(/now begins at.*from 20 to 30.*Doors open at seven/);
  await page.getByRole('button', { name: 'Dismiss: Doors open at seven' }).click();
  await page.reload();
  await expect.poll(notices).toMatch(/now begins at/);
  expect(await notices()).not.toContain('Doors open');

  await sql(`update events set status = 'cancelled' where id = ${id}`);
  await expect.poll(notices).toContain('This event was cancelled.');
  expect((await notices()).match(/cancelled/gi)).toHaveLength(1);
  await badgeSays(page, /^Cancelled/);
  expect(await page.locator('seatcast-booking').count()).toBe(0);
});

it('two people of the demo are two people, and their bookings are listed', async () => {
  const { id } = await makeEvent('People', 20);
  const { page } = await open(browser, `${url}/events/${id}`);
  const who = page.getByLabel('Acting as');
  await who.selectOption('4');
  await page.getByRole('button', { name: 'One more Standard' }).click();
  await page.getByRole('button', { name: 'Hold 1 ticket' }).click();
  const hold = page.locator('seatcast-bookings [data-booking]');
  await expect.poll(() => hold.count()).toBe(1);
  // One hold per person and event.
  await page.getByRole('button', { name: 'One more Standard' }).click();
  await page.getByRole('button', { name: 'Hold 1 ticket' }).click();
  await expect.poll(() => textOf(page.getByRole('alert'))).toContain('already hold');

  await who.selectOption('5');
  await expect.poll(() => hold.count()).toBe(0);
  await who.selectOption('4');
  await page.getByRole('link', { name: 'My bookings' }).click();
  await expect.poll(() => textOf(hold)).toContain('People');
});

it('tickets are held and given back by keyboard alone, and the focus is never lost', async () => {
  const { id } = await makeEvent('Keys', 20);
  const { page } = await open(browser, `${url}/events/${id}`);
  await badgeSays(page, /20 left/);
  /** The element that has the focus, inside shadow roots as well. */
  const focused = (): Promise<string> =>
    page.evaluate(() => {
      let active: Element | null = document.activeElement;
      while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
      return (active?.getAttribute('aria-label') ?? active?.textContent ?? '').replace(/\s+/g, ' ').trim();
    });
  const tabTo = async (name: RegExp): Promise<void> => {
    for (let steps = 0; steps < 30 && !name.test(await focused()); steps += 1) await page.keyboard.press('Tab');
    expect(await focused()).toMatch(name);
    const ring = await page.evaluate(() => {
      let active: Element | null = document.activeElement;
      while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
      return active ? getComputedStyle(active).outlineStyle : 'none';
    });
    expect(ring).toBe('solid');
  };
  await tabTo(/^One more Standard$/);
  await page.keyboard.press('Enter');
  // Until its price is known the keyboard passes it over.
  await expect.poll(() => page.getByRole('button', { name: 'Hold 1 ticket' }).isEnabled()).toBe(true);
  await tabTo(/^Hold 1 ticket$/);
  await page.keyboard.press('Enter');
  await expect.poll(focused).toMatch(/^Held for you 1[45]:\d\d 1 × Standard/);
  await tabTo(/^Cancel booking/);
  await page.keyboard.press('Enter');
  await expect.poll(focused).toMatch(/^Cancelled/);
  await badgeSays(page, /20 left/);
});
