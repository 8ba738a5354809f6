import type { Browser } from 'playwright-core';
import type { SeatcastSeatMap } from '../../src/elements/seatcast-seat-map/seatcast-seat-map.ts';
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

/** A hall of two rows with so many seats each. */
async function makeHall(title: string, seatsOfRow: number): Promise<{ id: number; typeId: number }> {
  const made = await makeEvent(title, seatsOfRow * 2, 0);
  const row = (label: string, y: number): object => ({
    label,
    seats: Array.from({ length: seatsOfRow }, (_, place) => ({ number: String(place + 1), x: place, y })),
  });
  await rest('PUT', `/events/${made.id}/seatmap`, { sections: [{ name: 'Hall', ticket_type_id: made.typeId, rows: [row('A', 0), row('B', 1)] }] }, 2);
  return made;
}

const seatIds = async (event: number): Promise<number[]> => JSON.parse(await sql(`select json_agg(id order by position) from seats where event_id = ${event}`)) as number[];

it('the dashboard counts sales, revenue and visitors while they happen', async () => {
  const { id, typeId } = await makeEvent('Watched', 20, 1_000);
  const { page, errors } = await openDesk(browser, `/desk/events/${id}`);
  const figures = (): Promise<string> => textOf(page.locator('desk-dashboard .figures'));
  await expect.poll(figures).toContain('Revenue €0');
  await open(browser, `${url}/events/${id}`);
  await expect.poll(figures).toMatch(/Here now 1 /);
  const bookings: string[] = [];
  for (const quantity of [10, 8]) {
    const buyer = await makeUser('A watched buyer');
    const booking = await rest<{ id: string }>('POST', '/bookings', { event_id: id, items: [{ ticket_type_id: typeId, quantity }] }, buyer);
    bookings.push(booking.id);
  }
  await expect.poll(figures).toMatch(/Held 18 /);
  for (const booking of bookings) await rest('PUT', `/bookings/${booking}/status`, { status: 'confirmed', paid_by: 'cash' }, 2);
  await expect.poll(figures).toMatch(/Sold 18 90% of 20 Held 0 Left 2 Revenue €180 Confirmed bookings 2 /);
  await expect.poll(() => textOf(page.locator('desk-dashboard .alerts'))).toContain('Standard: only 2 left.');
  // The picture over time has the sale as well, in its table.
  // Not the last one, if an hour has begun since.
  await expect.poll(() => page.getByRole('table', { name: 'Sales over time' }).getByRole('row').allTextContents()).toContainEqual(expect.stringMatching(/18\s*€180/));
  await picture(page, 'desk dashboard');
  expect(await faultsOf(page)).toEqual([]);
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture(page, 'desk dashboard dark');
  expect(await faultsOf(page)).toEqual([]);
  expect(errors).toEqual([]);
});

it('somebody of the box office sees no revenue, and no pages of the manager', async () => {
  const title = `With staff ${crypto.randomUUID()}`;
  const { id } = await makeEvent(title, 20, 1_000);
  const email = `box-${crypto.randomUUID()}@example.org`;
  const member = await rest<{ id: number }>('POST', '/users', { name: 'Box office', email }, 1);
  await sql(`update users set email_confirmed_at = now(), password_hash = (select password_hash from users where id = 2) where id = ${member.id}`);
  await sql(`insert into organization_members (organization_id, user_id, role) values (2, ${member.id}, 'box_office')`);
  const { page, errors } = await openDesk(browser, '/desk', {}, email);
  await page.getByRole('link', { name: title }).click();
  await expect.poll(() => textOf(page.locator('desk-dashboard .figures'))).toMatch(/Sold 0 /);
  expect(await textOf(page.locator('desk-dashboard'))).not.toContain('Revenue');
  expect(await textOf(page.getByRole('navigation', { name: 'Event' }))).not.toContain('Ticket types');
  await page.goto(`${url}/desk/events/${id}/edit`);
  await page.getByRole('heading', { name: 'Not for this account' }).waitFor();
  expect(errors).toEqual([]);
});

it('a notice is seen before it is sent, appears to viewers, and is withdrawn', async () => {
  const { id } = await makeEvent('With notices', 20);
  const viewer = (await open(browser, `${url}/events/${id}`)).page;
  const seen = (): Promise<string> => textOf(viewer.locator('seatcast-notices').first());
  const { page, errors } = await openDesk(browser, `/desk/events/${id}/notices`);
  await page.getByLabel('Message').fill('Doors open at six.');
  await expect.poll(() => textOf(page.locator('desk-notices seatcast-notices'))).toMatch(/Update ?\. Doors open at six\./);
  expect(await seen()).toBe('');
  await picture(page, 'desk notice');
  expect(await faultsOf(page)).toEqual([]);
  await page.getByRole('button', { name: 'Send to all viewers' }).click();
  await expect.poll(seen).toContain('Doors open at six.');
  await page.getByRole('button', { name: 'Withdraw: Doors open at six.' }).click();
  await page.locator('desk-dialog').getByRole('button', { name: 'Withdraw', exact: true }).click();
  await expect.poll(seen).toBe('');
  await expect.poll(() => textOf(page.locator('desk-notices'))).toContain('No notices are out.');
  expect(errors).toEqual([]);
});

it('a seat map is imported from a file, without its bad rows, and buyers see it', async () => {
  const { id } = await makeEvent('Without a hall', 10);
  const { page, errors } = await openDesk(browser, `/desk/events/${id}/seats`);
  const lines = ['section,row,number,x,y,ticket_type,blocked', 'Hall,A,1,0,0,Floor,', 'Hall,A,2,1,0,Floor,yes', 'Hall,A,2,2,0,Floor,', 'Hall,A,x,east,0,Floor,'];
  await page.getByLabel(/^File/).setInputFiles({ name: 'hall.csv', mimeType: 'text/csv', buffer: Buffer.from(lines.join('\n')) });
  // Of one type nothing has to be said; the names of the file are shown all the same.
  await expect.poll(() => textOf(page.locator('desk-import-map'))).toContain('Seats read: 2 · rows refused: 2');
  const bad = await textOf(page.getByRole('region', { name: 'Refused rows' }));
  expect(bad).toContain('4 this seat is there twice');
  expect(bad).toContain('5 x and y are no numbers');
  await expect.poll(() => textOf(page.locator('desk-import-map seatcast-seat-map'))).toContain('Standard');
  await picture(page, 'desk import');
  expect(await faultsOf(page)).toEqual([]);
  await page.getByRole('button', { name: 'Import (seats: 2, left out: 2)' }).click();
  await expect.poll(() => number(`select count(*) from seats where event_id = ${id}`)).toBe(2);
  expect(await number(`select count(*) from seats where event_id = ${id} and blocked`)).toBe(1);
  await expect.poll(() => page.getByRole('form', { name: 'A whole section or row' }).count()).toBe(1);
  await page.getByLabel(/^File/).setInputFiles({ name: 'plan.json', mimeType: 'application/json', buffer: Buffer.from('{"zones": [') });
  await expect.poll(() => textOf(page.locator('desk-import-map .problem'))).toContain('This is no JSON');
  expect(errors).toEqual([]);
});

it('seats are blocked and put back; those that buyers hold are named, and left or ended as one says', async () => {
  const { id } = await makeHall('With a hall', 4);
  const seats = await seatIds(id);
  await sql(`update ticket_types set price_amount = 1000 where event_id = ${id}`);
  const buyer = await makeUser('Holds a seat');
  await rest('POST', '/bookings', { event_id: id, items: [{ seat_id: seats[1] }] }, buyer);
  const { page, errors } = await openDesk(browser, `/desk/events/${id}/seats`);
  const blocked = (): Promise<number> => number(`select count(*) from seats where event_id = ${id} and blocked`);
  const whole = page.getByRole('form', { name: 'A whole section or row' });
  await whole.getByLabel('Row').selectOption('A');
  await whole.getByRole('button', { name: 'Take it' }).click();
  const dialog = page.locator('desk-dialog');
  await expect.poll(() => dialogText(page)).toMatch(/Seats to block: 3 .*Held by buyers at this moment: Hall A 2/);
  await picture(page, 'desk block seats');
  expect(await faultsOf(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Block seats' }).click();
  await expect.poll(blocked).toBe(3);
  await expect.poll(() => dialog.count()).toBe(0);
  await whole.getByLabel('Row').selectOption('A');
  await whole.getByRole('button', { name: 'Take it' }).click();
  await dialog.getByLabel(/^End these holds as well/).check();
  await dialog.getByRole('button', { name: 'Block seats' }).click();
  await expect.poll(blocked).toBe(4);
  expect(await number(`select count(*) from bookings where event_id = ${id} and status = 'pending'`)).toBe(0);
  await page.getByLabel('Put blocked seats back on sale').check();
  await whole.getByRole('button', { name: 'Take it' }).click();
  await dialog.getByRole('button', { name: 'Put blocked seats back on sale' }).click();
  await expect.poll(blocked).toBe(0);
  // One seat by its place on the map.
  await page.getByLabel('Block seats').check();
  const map = page.locator('desk-seats seatcast-seat-map').first();
  await expect.poll(() => textOf(map)).toContain('8 left');
  await map.scrollIntoViewIfNeeded();
  const point = await map.evaluate((element, seat) => (element as SeatcastSeatMap).pointOf(seat), seats[4] ?? 0);
  const frame = await map.locator('canvas').first().boundingBox();
  await page.mouse.click((frame?.x ?? 0) + (point?.x ?? 0), (frame?.y ?? 0) + (point?.y ?? 0));
  await page.getByRole('button', { name: 'Block the chosen seats' }).click();
  await dialog.getByRole('button', { name: 'Block seats' }).click();
  await expect.poll(() => sql(`select id from seats where event_id = ${id} and blocked`)).toBe(String(seats[4]));
  expect(errors).toEqual([]);
});

it('seats of a hidden ticket type are free for its people, and blocked as any other', async () => {
  const { id, typeId } = await makeHall('With a hidden hall', 4);
  await rest('PATCH', `/events/${id}/ticket-types/${typeId}`, { hidden: true }, 2);
  const seats = await seatIds(id);
  const { page, errors } = await openDesk(browser, `/desk/events/${id}/seats`);
  const map = page.locator('desk-seats seatcast-seat-map').first();
  const status = (): Promise<unknown> => map.evaluate((element, seat) => (element as SeatcastSeatMap).statusOf(seat), seats[0] ?? 0);
  await expect.poll(status).toBe('available');
  const whole = page.getByRole('form', { name: 'A whole section or row' });
  await whole.getByLabel('Row').selectOption('A');
  await whole.getByRole('button', { name: 'Take it' }).click();
  await expect.poll(() => dialogText(page)).toMatch(/Seats to block: 4/);
  await page.locator('desk-dialog').getByRole('button', { name: 'Block seats' }).click();
  await expect.poll(() => number(`select count(*) from seats where event_id = ${id} and blocked`)).toBe(4);
  await expect.poll(status).toBe('blocked');
  expect(errors).toEqual([]);
});

it('a sale is seen again: step by step by keyboard, at a moment, and played to its end', async () => {
  const { id, typeId } = await makeHall('Seen again', 4);
  const seats = await seatIds(id);
  const buyer = await makeUser('Seen buying');
  await rest('POST', '/bookings', { event_id: id, items: [{ seat_id: seats[0] }, { seat_id: seats[1] }] }, buyer);
  await rest('PATCH', `/events/${id}/seats`, { seat_ids: [seats[7]], blocked: true }, 2);
  const another = await makeUser('Seen as well');
  await rest('POST', '/bookings', { event_id: id, items: [{ ticket_type_id: typeId, quantity: 2, best_available: true }] }, another);
  // The shop's address leads to the desk.
  const { page, errors } = await openDesk(browser, `/events/${id}/replay`);
  await expect.poll(() => page.url()).toBe(`${url}/desk/events/${id}/replay`);
  const figures = (): Promise<string> => textOf(page.locator('desk-replay .figures'));
  await expect.poll(figures).toMatch(/Sold 0 .*Change 0 /);
  const slider = page.getByRole('slider', { name: 'Time' });
  const legend = (): Promise<string> => textOf(page.locator('desk-replay seatcast-seat-map'));
  await slider.press('End');
  await expect.poll(figures).toMatch(/Sold 4 Held 0 Left 3 /);
  await expect.poll(legend).toContain('3 left');
  await picture(page, 'desk replay');
  expect(await faultsOf(page)).toEqual([]);
  // One change back, the last booking is not there yet.
  await slider.press('ArrowLeft');
  await expect.poll(figures).toMatch(/Sold 2 Held 0 Left 5 /);
  await slider.press('ArrowLeft');
  await expect.poll(figures).toMatch(/Sold 2 Held 0 Left 6 /);
  await slider.press('Home');
  await expect.poll(figures).toMatch(/Sold 0 /);
  await page.getByLabel('Speed').selectOption('600');
  await page.getByRole('button', { name: 'Play' }).click();
  await expect.poll(figures).toMatch(/Sold 4 Held 0 Left 3 /);
  await page.getByRole('button', { name: 'From the beginning' }).waitFor();
  expect(await textOf(page.locator('desk-replay ol'))).toContain('Standard: +2 sold');
  expect(errors).toEqual([]);
});

it.each(['', '/notices', '/seats', '/replay'])('the event’s page «%s» fits a phone, in Persian and in the dark', async (part) => {
  const { id } = await makeHall('Donaudampfschifffahrtsgesellschaftskapitänsmützenball', 4);
  const { page, errors } = await openDesk(browser, `/desk/events/${id}${part}?lang=fa`, { ...PHONE, colorScheme: 'dark' });
  await page.locator('desk-event-frame h1').waitFor();
  await expect.poll(() => page.locator('desk-event-frame .skeleton').count()).toBe(0);
  await picture(page, `desk${part.replace('/', ' ')} in persian on a phone`);
  expect(await faultsOf(page)).toEqual([]);
  expect(errors).toEqual([]);
});
