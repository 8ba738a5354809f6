import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { launch, picture, textOf } from '../support/browser.ts';
import { faultsOf, headingSays, openDesk } from '../support/desk.ts';
import { makeEvent, rest, sql } from '../support/world.ts';

/** Id of the demo's organizer. */
const ORGANIZER = 2;
const PHONE = { viewport: { width: 320, height: 720 } };
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

interface Made {
  id: string;
  reference: string;
}

/** A guest's hold, or, with the way in which staff were paid, a sale. */
async function book(event: { id: number; typeId: number }, name: string, quantity = 2, paid_by?: string): Promise<Made> {
  const booking = await rest<Made>('POST', '/bookings', {
    event_id: event.id,
    items: [{ ticket_type_id: event.typeId, quantity }],
    contact: { name, email: `${crypto.randomUUID()}@example.org` },
  });
  if (paid_by) await rest('PUT', `/bookings/${booking.id}/status`, { status: 'confirmed', paid_by }, ORGANIZER);
  return booking;
}

const rows = (page: Page): Promise<string> => textOf(page.locator('desk-bookings tbody tr'));
const shown = (page: Page): Promise<string> => textOf(page.locator('desk-booking'));
/** Its buttons are in the page that shows it, not in its own tree. */
const dialog = (page: Page): Locator => page.locator('desk-dialog');
/** Heading and content of the dialog that is open. */
const asked = async (page: Page): Promise<string> => `${await textOf(dialog(page))} ${await dialog(page).innerText()}`.replace(/\s+/g, ' ');

describe('the bookings of an event', () => {
  it('are found by name and reference, filtered, and live', async () => {
    const event = await makeEvent('Bookings of one evening', 50);
    const held = await book(event, 'Grace Hopper');
    const sold = await book(event, 'Ada Lovelace', 3, 'cash');
    const { page, errors } = await openDesk(browser, `/desk/events/${event.id}/bookings`);
    await expect.poll(() => rows(page)).toMatch(new RegExp(`${sold.reference} Ada Lovelace \\S+@example.org Confirmed 3 × Standard €135.00 .*\n${held.reference} Grace Hopper \\S+@example.org Held 2 × Standard €90.00`));
    await picture(page, 'desk bookings');
    expect(await faultsOf(page)).toEqual([]);
    // Nobody has to reload for a new one.
    const third = await book(event, 'Alan Turing', 1);
    await expect.poll(() => rows(page)).toContain(third.reference);
    await page.getByLabel('Status').selectOption('confirmed');
    await expect.poll(() => rows(page)).toMatch(new RegExp(`^${sold.reference}[^\n]*$`));
    await page.getByLabel('Reference, name, e-mail or code').fill('lovelace');
    await page.getByRole('button', { name: 'Search' }).click();
    await expect.poll(() => rows(page)).toMatch(new RegExp(`^${sold.reference} Ada Lovelace[^\n]*$`));
    await page.getByLabel('Status').selectOption('All');
    await page.getByLabel('Reference, name, e-mail or code').fill('hopper');
    await page.getByRole('button', { name: 'Search' }).click();
    await expect.poll(() => rows(page)).toMatch(new RegExp(`^${held.reference} Grace Hopper[^\n]*$`));
    expect(await faultsOf(page)).toEqual([]);
    await page.getByLabel('Reference, name, e-mail or code').fill(held.reference.toLowerCase());
    await page.keyboard.press('Enter');
    await expect.poll(() => shown(page)).toMatch(new RegExp(`${held.reference} Held .*Grace Hopper`));
    expect(errors).toEqual([]);
  });

  it('are worked on together, with progress, and those that cannot be are named', async () => {
    const event = await makeEvent('Many at once', 50);
    const sold = await book(event, 'First', 1, 'cash');
    const held = await book(event, 'Second', 1);
    const { page, errors } = await openDesk(browser, `/desk/events/${event.id}/bookings`);
    await page.getByRole('checkbox', { name: 'Choose all that are shown' }).check();
    await expect.poll(() => textOf(page.locator('desk-bookings .bulk'))).toContain('2 bookings chosen');
    await picture(page, 'desk bookings chosen');
    await page.getByRole('button', { name: 'Send tickets again' }).click();
    expect(await faultsOf(page)).toEqual([]);
    await dialog(page).getByRole('button', { name: 'Send tickets again' }).click();
    await expect.poll(() => asked(page)).toMatch(new RegExp(`Done: 1 booking .*2 of 2 done .*1 booking refused.*${held.reference}: It is not confirmed`));
    await picture(page, 'desk bulk done');
    await dialog(page).getByRole('button', { name: 'Close' }).last().click();
    await page.getByRole('checkbox', { name: `Choose ${sold.reference}` }).check();
    await page.getByRole('button', { name: 'Cancel bookings' }).click();
    await dialog(page).getByLabel('Reason').fill('The hall is closed');
    await dialog(page).getByRole('button', { name: 'Cancel bookings' }).click();
    await expect.poll(() => asked(page)).toMatch(/Done: 1 booking/);
    await expect.poll(() => sql(`select status from bookings where id = '${sold.id}'`)).toMatch(/cancelled|refunded/);
    expect(errors).toEqual([]);
  });
});

describe('one booking', () => {
  it('is marked as paid, and its money goes back: some tickets, an amount, the rest', async () => {
    const event = await makeEvent('Paid at the desk', 50);
    const booking = await book(event, 'Mary Shelley', 3);
    const { page, errors } = await openDesk(browser, `/desk/events/${event.id}/bookings/${booking.reference}`);
    await expect.poll(() => shown(page)).toMatch(/Held .*Mary Shelley .*Held until/);
    await page.getByRole('button', { name: 'Mark as paid' }).click();
    await dialog(page).getByRole('radio', { name: 'Cash' }).check();
    await picture(page, 'desk mark as paid');
    expect(await faultsOf(page)).toEqual([]);
    await dialog(page).getByRole('button', { name: 'Mark as paid' }).click();
    await expect.poll(() => shown(page)).toMatch(/Confirmed .*Cash .*Invoice INV-\d{4}-\d+/);
    const codes = (await sql(`select code from tickets where booking_id = '${booking.id}' order by id`)).split('\n');

    await page.getByRole('button', { name: 'Give money back' }).click();
    await expect.poll(() => asked(page)).toContain('€135.00 goes back');
    await page.getByRole('radio', { name: 'Some tickets' }).check();
    await page.getByRole('checkbox', { name: codes[0]! }).check();
    await expect.poll(() => asked(page)).toMatch(/€45.00 goes back €90.00 stays paid · 1 ticket void/);
    await picture(page, 'desk refund some tickets');
    expect(await faultsOf(page)).toEqual([]);
    await dialog(page).getByLabel('Reason').fill('A broken chair');
    await dialog(page).getByRole('button', { name: 'Give €45.00 back' }).click();
    await expect.poll(() => shown(page)).toMatch(/€45.00 Given back A broken chair .*Credit note CN-/);
    await expect.poll(() => shown(page)).toMatch(new RegExp(`${codes[0]} Standard Void`));
    expect(await sql(`select sum(amount) from refunds where booking_id = '${booking.id}'`)).toBe('4500');

    await page.getByRole('button', { name: 'Give money back' }).click();
    await page.getByRole('radio', { name: 'An amount' }).check();
    await page.getByLabel('Amount (EUR)').fill('90.01');
    await expect.poll(() => asked(page)).toContain('At most €90.00 can go back.');
    await page.getByLabel('Amount (EUR)').fill('10');
    await dialog(page).getByRole('button', { name: 'Give €10.00 back' }).click();
    await expect.poll(() => shown(page)).toMatch(/€10.00 Given back/);
    await picture(page, 'desk booking with refunds');
    expect(await faultsOf(page)).toEqual([]);

    await page.getByRole('button', { name: 'Give money back' }).click();
    await dialog(page).getByRole('button', { name: 'Give €80.00 back' }).click();
    await expect.poll(() => sql(`select status from bookings where id = '${booking.id}'`)).toBe('refunded');
    await expect.poll(() => shown(page)).toMatch(/^← All bookings BK-\S+ Given back/);
    expect(await page.getByRole('button', { name: 'Give money back' }).count()).toBe(0);
    expect(errors).toEqual([]);
  });

  it('gives an amount back once, however often its answer is lost', async () => {
    const event = await makeEvent('A bad line', 50);
    const booking = await book(event, 'Ada Byron', 2, 'cash');
    const { page } = await openDesk(browser, `/desk/events/${event.id}/bookings/${booking.reference}`);
    await page.getByRole('button', { name: 'Give money back' }).click();
    await page.getByRole('radio', { name: 'An amount' }).check();
    await page.getByLabel('Amount (EUR)').fill('20');
    let isLost = true;
    await page.route('**/refunds', async (route) => {
      if (route.request().method() !== 'POST' || !isLost) return route.fallback();
      // Done by the server; the browser never hears of it.
      await route.fetch();
      await route.abort();
    });
    const give = dialog(page).getByRole('button', { name: 'Give €20.00 back' });
    await give.click();
    await expect.poll(() => asked(page), { timeout: 30_000 }).toMatch(/The server does not answer/);
    // Behind the dialog is what became of it, and the wish stays the same.
    await expect.poll(() => shown(page)).toMatch(/€20.00 Given back/);
    expect(await page.getByLabel('Amount (EUR)').isDisabled()).toBe(true);
    expect(await faultsOf(page)).toEqual([]);
    isLost = false;
    await give.click();
    await expect.poll(() => textOf(page.locator('desk-toasts'))).toContain('€20.00 had gone back already. Nothing more goes back.');
    expect(await sql(`select count(*), sum(amount) from refunds where booking_id = '${booking.id}'`)).toBe('1|2000');
  });

  it('is sent again and cancelled, on a phone, with its history', async () => {
    const event = await makeEvent('On a small screen', 50);
    const booking = await book(event, 'Emmy Noether', 1, 'terminal');
    const { page, errors } = await openDesk(browser, `/desk/events/${event.id}/bookings/${booking.id}`, PHONE);
    await page.getByRole('button', { name: 'Send tickets again' }).click();
    await expect.poll(() => textOf(page.locator('desk-toasts'))).toContain('A mail is on its way.');
    await expect.poll(() => textOf(page.getByRole('region', { name: 'History' }))).toMatch(/Booked .*Confirmed Card terminal .*Tickets by mail/);
    await picture(page, 'desk booking on a phone');
    expect(await faultsOf(page)).toEqual([]);
    await page.getByRole('button', { name: 'Cancel booking' }).click();
    await expect.poll(() => asked(page)).toContain('€45.00 goes back to the buyer.');
    await dialog(page).getByLabel('Reason').fill('Wrong evening');
    await page.keyboard.press('Enter');
    await expect.poll(() => sql(`select status from bookings where id = '${booking.id}'`)).toMatch(/cancelled|refunded/);
    await expect.poll(() => shown(page)).toContain('Wrong evening');
    expect(errors).toEqual([]);
  });

  it('has a ticket that its buyer offers to somebody, which staff keep from going there', async () => {
    const event = await makeEvent('Offered by mistake', 50);
    const booking = await book(event, 'Rosalind Franklin', 2, 'cash');
    const [code, other] = (await sql(`select code from tickets where booking_id = '${booking.id}' order by id`)).split('\n') as [string, string];
    for (const [ticket, email] of [[code, 'grace@example.org'], [other, 'alan@example.org']] as const) await rest('POST', `/tickets/${ticket}/transfer`, { name: 'Somebody', email }, ORGANIZER);
    const { page, errors } = await openDesk(browser, `/desk/events/${event.id}/bookings/${booking.reference}`, PHONE);
    await expect.poll(() => shown(page)).toMatch(new RegExp(`${code} Standard .*Valid Offered to g…@example.org Withdraw the offer`));
    await picture(page, 'desk booking with an offered ticket');
    expect(await faultsOf(page)).toEqual([]);
    await page.getByRole('button', { name: `Withdraw the offer of ticket ${code}` }).click();
    await expect.poll(() => textOf(page.locator('desk-toasts'))).toContain(`Ticket ${code} is not offered any more.`);
    await expect.poll(() => page.getByRole('button', { name: 'Withdraw the offer' }).count()).toBe(1);
    expect(await sql(`select count(*) from transfers where state = 'pending' and ticket_id = (select id from tickets where code = '${code}')`)).toBe('0');
    // Its buyer was faster with the other one, which is what staff wanted.
    await page.route(`**/tickets/${other}/transfer`, async (route) => {
      await rest('DELETE', `/tickets/${other}/transfer`, undefined, ORGANIZER);
      await route.fallback();
    });
    await page.getByRole('button', { name: `Withdraw the offer of ticket ${other}` }).click();
    await expect.poll(() => page.getByRole('button', { name: 'Withdraw the offer' }).count()).toBe(0);
    expect(errors).toEqual([]);
  });

  it('of another event, or none, is not shown', async () => {
    const [event, other] = [await makeEvent('One', 5), await makeEvent('Another', 5)];
    const booking = await book(other, 'Nobody', 1);
    const { page } = await openDesk(browser, `/desk/events/${event.id}/bookings/${booking.id}`);
    await expect.poll(() => shown(page)).toContain('There is no such booking');
    expect(await faultsOf(page)).toEqual([]);
  });

  it('is read in Persian, in the dark', async () => {
    const event = await makeEvent('به فارسی', 50);
    const booking = await book(event, 'Sara', 2, 'cash');
    const { page, errors } = await openDesk(browser, `/desk/events/${event.id}/bookings/${booking.id}?lang=fa`, { colorScheme: 'dark' });
    await headingSays(page, /تاریخچه/);
    await expect.poll(() => shown(page)).toContain('تأییدشده');
    await picture(page, 'desk booking in Persian');
    expect(await faultsOf(page)).toEqual([]);
    expect(errors).toEqual([]);
  });
});
