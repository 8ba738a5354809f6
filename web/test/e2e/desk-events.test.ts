import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { launch, open, picture, textOf } from '../support/browser.ts';
import { dialogText, faultsOf, openDesk } from '../support/desk.ts';
import { makeEvent, makeUser, number, rest, seatcast, sql } from '../support/world.ts';

const { url } = seatcast();
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

const toasts = (page: Page): Promise<string> => textOf(page.locator('desk-toasts'));

interface Event {
  id: number;
  title: string;
  status: string;
  city: string | null;
  capacity: number;
  starts_at: string;
  ticket_types: { id: number; name: string; price: { amount: number }; capacity: number; hidden: boolean; sort: number }[];
}

const eventOf = (id: number): Promise<Event> => rest('GET', `/events/${id}`, undefined, 2);

it('an event is made by keyboard alone, as a draft, and put on sale', async () => {
  const { page, errors } = await openDesk(browser, '/desk');
  await page.getByRole('link', { name: 'New event' }).focus();
  await page.keyboard.press('Enter');
  const typed = async (label: string | RegExp, text: string): Promise<void> => {
    await page.getByLabel(label, { exact: typeof label === 'string' }).focus();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type(text);
  };
  // Sent too early: the first fault has the focus, and all say what is missing.
  await page.getByRole('button', { name: 'Save as a draft' }).focus();
  await page.keyboard.press('Enter');
  await expect.poll(() => page.evaluate(() => document.querySelector('desk-app')?.shadowRoot?.querySelector('desk-new-event')?.shadowRoot?.activeElement?.id)).toBe('title');
  expect(await page.locator('desk-new-event [aria-invalid=true]').evaluateAll((fields) => fields.map(({ id }) => id))).toEqual(['title', 'venue', 'starts_at', 'capacity', 'name-1', 'price-1', 'capacity-1']);
  expect(await faultsOf(page)).toEqual([]);
  await typed('Title', 'Made by keyboard');
  await typed('Venue', 'Keyboard hall');
  await typed('City', 'Tehran');
  await typed('Time zone', 'Asia/Tehran');
  await page.getByLabel('Begins', { exact: true }).fill('2037-06-01T20:00');
  await page.getByLabel('Capacity').first().fill('120');
  await typed('Name', 'Floor');
  await typed(/^Price/, '۴۵٫۵');
  await page.getByRole('group', { name: 'Ticket type 1' }).getByLabel('Capacity').fill('100');
  await page.getByRole('button', { name: 'Save as a draft' }).focus();
  await page.keyboard.press('Enter');
  await expect.poll(() => page.url()).toMatch(/\/desk\/events\/\d+\/edit$/);
  const id = Number(/events\/(\d+)/.exec(page.url())?.[1]);
  const made = await eventOf(id);
  // Eight in the evening in Tehran.
  expect(new Date(made.starts_at).toISOString()).toBe('2037-06-01T16:30:00.000Z');
  expect([made.status, made.city, made.capacity, made.ticket_types[0]?.price.amount]).toEqual(['draft', 'Tehran', 120, 4_550]);
  await page.getByRole('button', { name: 'Put on sale' }).focus();
  await page.keyboard.press('Enter');
  await expect.poll(async () => (await eventOf(id)).status).toBe('active');
  await expect.poll(() => page.getByRole('button', { name: 'Pause the sale' }).count()).toBe(1);
  await picture(page, 'desk event details');
  expect(await faultsOf(page)).toEqual([]);
  expect(errors).toEqual([]);
});

it('two people change one event: what both changed is asked, what one changed stays, and sales are no conflict', async () => {
  const { id, typeId } = await makeEvent('Of two minds', 50, 0);
  const { page, errors } = await openDesk(browser, `/desk/events/${id}/edit`);
  await page.getByLabel('Title', { exact: true }).fill('Our title');
  await page.getByLabel('Venue', { exact: true }).fill('Our hall');
  // Somebody buys meanwhile, and somebody else changes title and description.
  const buyer = await makeUser('A buyer');
  await rest('POST', '/bookings', { event_id: id, items: [{ ticket_type_id: typeId, quantity: 2 }] }, buyer);
  await rest('PATCH', `/events/${id}`, { title: 'Their title', description: 'Their words' }, 2);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.waitFor();
  const asked = await dialogText(page);
  expect(asked).toContain('Our title');
  expect(asked).toContain('Their title');
  expect(asked).not.toContain('Their words');
  await picture(page, 'desk conflict');
  expect(await faultsOf(page)).toEqual([]);
  // Left without an answer, all is as it was typed, and the keyboard is where it was.
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await expect.poll(() => page.getByRole('button', { name: 'Save', exact: true }).evaluate((button) => button.matches(':focus'))).toBe(true);
  expect(await page.getByLabel('Title', { exact: true }).inputValue()).toBe('Our title');
  await page.keyboard.press('Enter');
  await dialog.waitFor();
  await page.getByRole('radio', { name: 'Their title' }).check();
  // A choice that cannot be saved is not lost.
  await page.route(`**/events/${id}`, (route) => (route.request().method() === 'PATCH' ? route.abort() : route.continue()));
  await page.getByRole('button', { name: 'Save the choice' }).click();
  await expect.poll(() => page.getByRole('alert').allInnerTexts()).toContainEqual(expect.stringContaining('does not answer'));
  expect(await page.getByLabel('Title', { exact: true }).inputValue()).toBe('Their title');
  expect(await page.getByLabel('Venue', { exact: true }).inputValue()).toBe('Our hall');
  await page.unroute(`**/events/${id}`);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect.poll(() => toasts(page)).toContain('Saved');
  const after = await rest<{ title: string; venue: string; description: string }>('GET', `/events/${id}`, undefined, 2);
  expect([after.title, after.venue, after.description]).toEqual(['Their title', 'Our hall', 'Their words']);
  await expect.poll(() => page.getByLabel('Title', { exact: true }).inputValue()).toBe('Their title');
  expect(errors).toEqual([]);
});

it('a cancellation says before what it does, shows how far it is, and tells viewers the organizer’s words', async () => {
  const { id, typeId } = await makeEvent('To be cancelled', 50, 1_500);
  const viewer = await open(browser, `${url}/events/${id}`);
  const buyer = await makeUser('Paid already');
  const booking = await rest<{ id: string }>('POST', '/bookings', { event_id: id, items: [{ ticket_type_id: typeId, quantity: 2 }] }, buyer);
  await rest('PUT', `/bookings/${booking.id}/status`, { status: 'confirmed', paid_by: 'cash' }, 2);
  const other = await makeUser('Holds still');
  await rest('POST', '/bookings', { event_id: id, items: [{ ticket_type_id: typeId, quantity: 3 }] }, other);
  const { page, errors } = await openDesk(browser, `/desk/events/${id}/edit`, PHONE);
  await page.getByRole('button', { name: 'Cancel the event' }).click();
  await expect.poll(() => dialogText(page)).toContain('What waits for payment ends: 1 booking with 3 tickets.');
  expect(await dialogText(page)).toContain('€30.00 at most');
  await picture(page, 'desk cancel on a phone');
  expect(await faultsOf(page)).toEqual([]);
  await page.getByLabel('Reason').fill('The roof leaks.');
  await page.getByLabel('I understand that this cannot be undone').check();
  await page.getByRole('button', { name: 'Cancel the event now' }).click();
  await expect.poll(() => textOf(page.locator('desk-cancel-progress'))).toContain('All is given back.');
  await expect.poll(() => number(`select count(*) from bookings where event_id = ${id} and status in ('pending', 'confirmed')`)).toBe(0);
  await expect.poll(() => textOf(viewer.page.locator('seatcast-notices').first())).toContain('The roof leaks.');
  expect(errors).toEqual([]);
});

it('a copy has types, fees, vouchers and the seat map of the first', async () => {
  const { id, typeId } = await makeEvent('The first one', 10);
  await rest('POST', `/events/${id}/fees`, { name: 'Service', kind: 'per_ticket', value: 150 }, 2);
  await rest('POST', `/events/${id}/vouchers`, { code: 'COPIED', kind: 'percent', value: 1_000, ticket_type_ids: [typeId] }, 2);
  const seats = [1, 2, 3].map((place) => ({ number: String(place), x: place, y: 0 }));
  await rest('PUT', `/events/${id}/seatmap`, { sections: [{ name: 'Hall', ticket_type_id: typeId, rows: [{ label: 'A', seats }] }] }, 2);
  const { page } = await openDesk(browser, `/desk/events/${id}/edit`);
  await page.getByRole('link', { name: 'Copy' }).click();
  await page.getByLabel('Title', { exact: true }).fill('The second one');
  await page.getByLabel('Begins', { exact: true }).fill('2038-06-01T20:00');
  await page.getByRole('button', { name: 'Save as a draft' }).click();
  await expect.poll(() => toasts(page)).toContain('The event is made');
  expect(await toasts(page)).not.toContain('Not copied');
  const copy = await number(`select max(id) from events where title = 'The second one'`);
  expect(await number(`select count(*) from seats where event_id = ${copy}`)).toBe(3);
  expect(await sql(`select name from fees where event_id = ${copy}`)).toBe('Service');
  const [type] = (await eventOf(copy)).ticket_types;
  expect(await sql(`select ticket_type_ids::text from vouchers where event_id = ${copy}`)).toContain(String(type?.id));
});

it('ticket types are made, changed and put in order; vouchers and taxes change prices', async () => {
  const { id } = await makeEvent('With types', 100);
  const { page, errors } = await openDesk(browser, `/desk/events/${id}/tickets`);
  await page.getByRole('button', { name: 'Add a ticket type' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Balcony');
  await page.getByLabel(/^Price/).fill('29');
  await page.getByLabel('Capacity', { exact: true }).fill('-1');
  await page.getByLabel('Hidden: booked with a voucher that reveals it').check();
  const save = page.locator('desk-dialog').getByRole('button', { name: 'Save' });
  await save.click();
  // The server's word about the field, at the field.
  await expect.poll(() => page.locator('#capacity').getAttribute('aria-invalid')).toBe('true');
  expect(await faultsOf(page)).toEqual([]);
  await page.getByLabel('Capacity', { exact: true }).fill('20');
  await save.click();
  await expect.poll(async () => (await eventOf(id)).ticket_types.map(({ name, hidden }) => [name, hidden])).toEqual([
    ['Standard', false],
    ['Balcony', true],
  ]);
  await page.getByRole('button', { name: 'Move Balcony up' }).click();
  await expect.poll(async () => (await eventOf(id)).ticket_types.map(({ name }) => name)).toEqual(['Balcony', 'Standard']);
  await expect.poll(() => textOf(page.getByRole('row').nth(1))).toContain('Balcony');
  await picture(page, 'desk ticket types');
  await page.getByRole('button', { name: 'Delete Balcony' }).click();
  await page.locator('desk-dialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await expect.poll(async () => (await eventOf(id)).ticket_types.length).toBe(1);

  await page.getByRole('link', { name: 'Vouchers, fees, taxes' }).click();
  await page.getByRole('button', { name: 'Add a voucher' }).click();
  await page.getByLabel('Code').fill('EARLY');
  await page.getByLabel('Value').fill('12.5');
  await page.locator('desk-dialog').getByRole('button', { name: 'Save' }).click();
  await expect.poll(() => sql(`select code || ' ' || value from vouchers where event_id = ${id}`)).toBe('EARLY 1250');
  await page.getByRole('button', { name: 'Edit EARLY' }).click();
  await page.getByLabel('Kind').selectOption('amount');
  await page.getByLabel('Value').fill('5');
  await page.locator('desk-dialog').getByRole('button', { name: 'Save' }).click();
  await expect.poll(() => sql(`select kind || ' ' || value from vouchers where event_id = ${id}`)).toBe('amount 500');
  await page.getByRole('button', { name: 'Add a tax' }).click();
  await page.getByLabel('Name').fill('VAT');
  await page.getByLabel('Rate in percent').fill('7');
  await page.locator('desk-dialog').getByRole('button', { name: 'Save' }).click();
  await expect.poll(() => textOf(page.locator('desk-rule-list').last())).toContain('VAT');
  await page.getByLabel('Given back, in percent of the price').fill('80');
  await page.getByLabel('Until so many hours before the event begins').fill('24');
  await page.getByRole('form', { name: 'Money back and payment' }).getByRole('button', { name: 'Save' }).click();
  await expect.poll(() => rest('GET', `/events/${id}/refund-policy`, undefined, 2)).toMatchObject({ percent: 80, until_minutes: 1_440 });
  await picture(page, 'desk prices');
  expect(await faultsOf(page)).toEqual([]);
  expect(errors).toEqual([]);
});

it('taxes of the organization hold for its events in a country', async () => {
  const { page, errors } = await openDesk(browser, '/desk');
  await page.getByRole('link', { name: 'Taxes', exact: true }).click();
  await page.getByRole('button', { name: 'Add a tax' }).click();
  const name = `VAT ${crypto.randomUUID()}`;
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Rate in percent').fill('8.1');
  await page.getByLabel('Country').fill('ch');
  expect(await faultsOf(page)).toEqual([]);
  await page.locator('desk-dialog').getByRole('button', { name: 'Save' }).click();
  await expect.poll(() => textOf(page.getByRole('row').filter({ hasText: name }))).toContain('CH 8.1%');
  await page.getByRole('button', { name: `Delete ${name}` }).click();
  await page.locator('desk-dialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await expect.poll(() => page.getByRole('row').filter({ hasText: name }).count()).toBe(0);
  await picture(page, 'desk taxes');
  expect(await faultsOf(page)).toEqual([]);
  expect(errors).toEqual([]);
});

it.each(['edit', 'tickets', 'prices'])('%s fits a phone, in Persian and in the dark', async (part) => {
  const { id } = await makeEvent('Donaudampfschifffahrtsgesellschaftskapitänsmützenball', 30);
  const { page, errors } = await openDesk(browser, `/desk/events/${id}/${part}?lang=fa`, { ...PHONE, colorScheme: 'dark' });
  await page.locator('desk-event-frame h1').waitFor();
  await expect.poll(() => page.locator('desk-event-frame .skeleton').count()).toBe(0);
  await picture(page, `desk ${part} in persian on a phone`);
  expect(await faultsOf(page)).toEqual([]);
  expect(errors).toEqual([]);
});
