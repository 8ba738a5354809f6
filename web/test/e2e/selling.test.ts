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

const PHONE = { viewport: { width: 375, height: 812 }, reducedMotion: 'reduce' } as const;
const DESK = { viewport: { width: 1_280, height: 900 }, reducedMotion: 'reduce' } as const;
const card = (page: Page): Locator => page.locator('seatcast-bookings [data-booking]');
const panel = (page: Page): Promise<string> => textOf(page.locator('seatcast-booking .panel'));

/** An event with a fee, a tax in its prices, and vouchers. */
async function pricedEvent(title: string): Promise<{ id: number; typeId: number }> {
  const event = await makeEvent(title, 20);
  const make = (list: string, body: object): Promise<unknown> => rest('POST', `/events/${event.id}/${list}`, body, 2);
  await make('fees', { name: 'Service fee', kind: 'per_ticket', value: 150 });
  await make('taxes', { name: 'VAT', rate: 1_900, included: true });
  await make('vouchers', { code: 'SUMMER', kind: 'percent', value: 1_000, uses_max: 1 });
  await make('vouchers', { code: 'LATER', kind: 'percent', value: 5_000, valid_from: '2036-01-01T00:00:00Z' });
  return event;
}

async function faults(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

/** A window of a user of the demo. */
async function windowOf(user: number, path: string, options: object = DESK): Promise<Page> {
  const context = await browser.newContext(options);
  await context.addInitScript((id) => sessionStorage.setItem('seatcast.user', String(id)), user);
  const page = await context.newPage();
  await page.goto(`${url}${path}`);
  await expect.poll(() => page.getByLabel('Acting as').inputValue()).toBe(String(user));
  return page;
}

async function applyVoucher(page: Page, code: string): Promise<void> {
  const field = page.getByLabel('Code', { exact: true });
  if (!(await field.isVisible())) await page.getByText('Voucher', { exact: true }).click();
  await field.fill(code);
  await page.getByRole('button', { name: 'Apply' }).click();
}

async function payByCard(page: Page): Promise<void> {
  await page.getByRole('button', { name: /^Pay €/ }).click();
  await page.waitForURL(/\/pay\/demo\//);
  await page.getByLabel('Card number').fill('4242 4242 4242 4242');
  await page.getByRole('button', { name: 'Pay' }).click();
  await page.waitForURL(/\/bookings\/BK-\w+$/);
  await expect.poll(() => textOf(card(page))).toMatch(/^confirmed/i);
}

describe.each([
  ['a phone', PHONE],
  ['a desk', DESK],
])('on %s', (name, options) => {
  it('a guest sees fee and tax, tries vouchers, names who comes, pays, and has QR, PDF and calendar', async () => {
    const { id } = await pricedEvent(`Sold on ${name}`);
    const { page, errors } = await open(browser, `${url}/events/${id}`, options);
    for (let times = 0; times < 2; times += 1) await page.getByRole('button', { name: 'One more Standard' }).click();
    await expect.poll(() => panel(page)).toMatch(/Service fee €3.00 Total €93.00 incl. VAT 19% €14.85/);
    await picture(page, `price on ${name}`);
    await applyVoucher(page, 'nothing');
    await expect.poll(() => panel(page)).toContain('There is no voucher NOTHING for this event.');
    await applyVoucher(page, 'later');
    await expect.poll(() => panel(page)).toContain('The voucher LATER is not valid yet.');
    await applyVoucher(page, 'summer');
    await expect.poll(() => panel(page)).toMatch(/Voucher SUMMER −€9.00 Service fee €3.00 Total €84.00/);
    await page.getByText('Names on the tickets').click();
    await page.getByLabel('1 · Standard').fill('Ada Lovelace');
    await page.getByLabel('2 · Standard').fill('Charles Babbage');
    // Where there is room for it, it is open.
    if (options === PHONE) await page.getByText('Your name and e-mail').click();
    await page.getByLabel('E-mail').fill('ada@example.org');
    await picture(page, `voucher on ${name}`);
    expect(await faults(page)).toEqual([]);

    await page.getByRole('button', { name: 'Hold 2 tickets' }).click();
    await expect.poll(() => textOf(card(page))).toMatch(/2 × Standard €90.00 Voucher SUMMER −€9.00 Service fee €3.00 Pay €84.00/);
    await card(page).scrollIntoViewIfNeeded();
    await picture(page, `hold on ${name}`);
    await payByCard(page);
    const attendees = `select string_agg(a.name, ',' order by position) from booking_attendees a
                       join bookings b on b.id = a.booking_id where b.event_id = ${id}`;
    expect(await sql(attendees)).toBe('Ada Lovelace,Charles Babbage');
    expect(await sql(`select total_amount from bookings where event_id = ${id}`)).toBe('8400');

    const codes = page.getByRole('img', { name: /^QR code of ticket TKT-/ });
    await expect.poll(() => codes.count()).toBe(2);
    // They are really drawn: the page's policy lets them be.
    for (const image of await codes.all()) {
      await expect.poll(() => image.evaluate((img: HTMLImageElement) => img.complete && img.naturalWidth > 0)).toBe(true);
    }
    await card(page).scrollIntoViewIfNeeded();
    await picture(page, `tickets on ${name}`);
    expect(await faults(page)).toEqual([]);
    const fetched = async (button: string): Promise<string> => {
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: button }).click()]);
      return download.suggestedFilename();
    };
    expect(await fetched('Print (PDF)')).toMatch(/^tickets-BK-\w+\.pdf$/);
    expect(await fetched('Add to calendar')).toMatch(/^BK-\w+\.ics$/);
    const width = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(width).toBeLessThanOrEqual(0);
    expect(errors).toEqual([]);
  });
});

it('web_2: a price that rose is shown before it is paid; a ticket that was used says so at once', async () => {
  const [{ id, typeId }, user] = await Promise.all([pricedEvent('Dearer meanwhile'), makeUser('Dora')]);
  const page = await windowOf(user, `/events/${id}`);
  await page.getByRole('button', { name: 'One more Standard' }).click();
  await expect.poll(() => panel(page)).toContain('Total €46.50');
  await rest('POST', `/events/${id}/fees`, { name: 'Cloakroom', kind: 'per_booking', value: 200 }, 2);
  await page.getByRole('button', { name: 'Hold 1 ticket' }).click();
  await expect.poll(() => panel(page)).toMatch(/Cloakroom €2.00 Total €48.50 .*The price has changed/);
  await picture(page, 'price changed');
  await page.getByRole('button', { name: 'Hold 1 ticket' }).click();
  await payByCard(page);
  const code = await sql(`select code from tickets where ticket_type_id = ${typeId}`);
  await rest('POST', '/checkins', { code, nonce: crypto.randomUUID(), gate: 'North' }, 2);
  await expect.poll(() => textOf(card(page))).toContain(`${code} Used`);
  expect(await page.getByRole('img', { name: /^QR code/ }).count()).toBe(0);
});

it('people wait for tickets, see their place, and answer what they are offered', async () => {
  const [{ id, typeId }, first, second] = await Promise.all([makeEvent('Sold out', 2), makeUser('Wanda'), makeUser('Willi')]);
  const held = await rest<{ id: string }>('POST', '/bookings', { event_id: id, items: [{ ticket_type_id: typeId, quantity: 2 }] }, 9);
  const [guest, one, other] = await Promise.all([
    open(browser, `${url}/events/${id}`, PHONE),
    windowOf(first, `/events/${id}`, PHONE),
    windowOf(second, `/events/${id}`),
  ]);
  const waitlist = (page: Page): Promise<string> => textOf(page.locator('seatcast-waitlist'));
  await expect.poll(() => waitlist(guest.page)).toBe('Sign in to join the waitlist.');
  await one.getByLabel('Tickets, together').fill('2');
  await picture(one, 'waitlist to join on a phone');
  await one.getByRole('button', { name: 'Join the waitlist' }).click();
  await expect.poll(() => waitlist(one)).toContain('1 your place on the waitlist, for 2 tickets');
  await other.getByRole('button', { name: 'Join the waitlist' }).click();
  await expect.poll(() => waitlist(other)).toContain('2 your place on the waitlist, for 1 ticket');
  await one.locator('seatcast-waitlist').scrollIntoViewIfNeeded();
  await picture(one, 'waitlist place on a phone');
  await picture(other, 'waitlist place on a desk');
  for (const page of [one, other]) expect(await faults(page)).toEqual([]);

  await rest('PUT', `/bookings/${held.id}/status`, { status: 'cancelled' }, 9);
  await expect.poll(() => textOf(card(one))).toMatch(/^offered to you 1[12]:\d\d:\d\d 2 × Standard .*you are next.* Take them Decline/i);
  await expect.poll(() => waitlist(one)).toBe('');
  await card(one).scrollIntoViewIfNeeded();
  await picture(one, 'offer on a phone');
  expect(await faults(one)).toEqual([]);
  await one.getByRole('button', { name: /^Decline the offer/ }).click();
  await expect.poll(() => card(one).count()).toBe(0);

  await expect.poll(() => textOf(card(other))).toMatch(/^offered to you .*1 × Standard/i);
  await picture(other, 'offer on a desk');
  await other.getByRole('button', { name: /^Take the offer/ }).click();
  await expect.poll(() => textOf(card(other))).toMatch(/^held for you .*Pay €45.00/i);
  await payByCard(other);
});

it('a place on the waitlist is left again', async () => {
  const [{ id, typeId }, user] = await Promise.all([makeEvent('Left again', 1), makeUser('Lea')]);
  await rest('POST', '/bookings', { event_id: id, items: [{ ticket_type_id: typeId, quantity: 1 }] }, 9);
  const page = await windowOf(user, `/events/${id}`);
  await page.getByRole('button', { name: 'Join the waitlist' }).click();
  await page.getByRole('button', { name: 'Leave the waitlist' }).click();
  await expect.poll(() => page.getByRole('button', { name: 'Join the waitlist' }).isVisible()).toBe(true);
  expect(await sql(`select status from waitlist where event_id = ${id}`)).toBe('left');
});

/** An event with two rows for everybody, and one with three seats for those who have the code `FRIENDS`. */
async function veiledEvent(): Promise<{ id: number; hidden: number; standing: number }> {
  const { id, typeId } = await makeEvent('Friends sit in front', 40);
  const types = `/events/${id}/ticket-types`;
  const { id: hidden } = await rest<{ id: number }>('POST', types, { name: 'Friends', price: 2_000, capacity: 3, hidden: true }, 2);
  const { id: standing } = await rest<{ id: number }>('POST', types, { name: 'Backstage', price: 9_000, capacity: 5, hidden: true }, 2);
  const row = (label: string, y: number, seats: number): object => ({ label, seats: Array.from({ length: seats }, (_, x) => ({ number: String(x + 1), x, y })) });
  const sections = [
    { name: 'Front', ticket_type_id: hidden, rows: [row('A', 0, 3)] },
    { name: 'Stalls', ticket_type_id: typeId, rows: [row('B', 1, 8), row('C', 2, 8)] },
  ];
  await rest('PUT', `/events/${id}/seatmap`, { sections }, 2);
  await rest('POST', `/events/${id}/vouchers`, { code: 'FRIENDS', kind: 'percent', value: 0, reveals_hidden: true }, 2);
  return { id, hidden, standing };
}

it('a code opens hidden ticket types: live numbers beside the others, and seats on the map', async () => {
  const { id, hidden, standing } = await veiledEvent();
  const seats = JSON.parse(await sql(`select json_agg(id order by position) from seats where ticket_type_id = ${hidden}`)) as number[];
  const { page, errors } = await open(browser, `${url}/events/${id}`, DESK);
  const map = page.locator('seatcast-seat-map');
  const revealed = page.locator('seatcast-revealed');
  const status = (seat: number): Promise<unknown> => map.evaluate((element, of) => (element as HTMLElementTagNameMap['seatcast-seat-map']).statusOf(of), seat);
  await expect.poll(() => status(seats[0]!)).toBe('blocked');
  await applyVoucher(page, 'friends');
  await expect.poll(() => status(seats[0]!)).toBe('available');
  await expect.poll(() => textOf(revealed)).toMatch(/Friends Only 3 left .*On the seat map.*Backstage Only 5 left/);
  await expect.poll(() => textOf(map.locator('.legend'))).toMatch(/Friends €20.00 Only 3 left/);
  await picture(page, 'revealed by a code');
  expect(await page.locator('seatcast-booking .panel').evaluate((side) => side.scrollWidth - side.clientWidth)).toBe(0);
  expect(await faults(page)).toEqual([]);

  // Others with the code buy; everybody else is told nothing of it.
  const book = async (item: object): Promise<unknown> => rest('POST', '/bookings', { event_id: id, items: [item], vouchers: ['FRIENDS'] }, await makeUser('A friend'));
  await book({ seat_id: seats[1] });
  await expect.poll(() => status(seats[1]!)).toBe('held');
  await expect.poll(() => textOf(revealed)).toContain('Friends Only 2 left');
  await book({ ticket_type_id: standing, quantity: 4 });
  await expect.poll(() => textOf(revealed)).toContain('Backstage Only 1 left');

  await map.getByRole('button', { name: 'Choose from a list' }).click();
  await map.getByRole('button', { name: /^Front/ }).click();
  await map.locator('button.entry, button.seat').first().click();
  if ((await map.locator('button.seat[aria-pressed="true"]').count()) === 0) await map.locator('button.seat').first().click();
  await page.getByRole('button', { name: 'One more Backstage' }).click();
  await expect.poll(() => panel(page)).toMatch(/Front · Row A Seat 1 €20.00 .*1 × Backstage €90.00 .*Total €110.00/);
  await page.getByRole('button', { name: 'Hold 2 tickets' }).click();
  await expect.poll(() => textOf(card(page))).toContain('Front');
  expect(await sql(`select count(*) from claims where seat_id = ${seats[0]} and state = 'held'`)).toBe('1');
  expect(errors).toEqual([]);
});

it('a code that is good once stays open to the guest whose hold uses it, and to nobody else', async () => {
  const { id } = await makeEvent('Good once', 20);
  await rest('POST', `/events/${id}/ticket-types`, { name: 'Friends', price: 2_000, capacity: 3, hidden: true }, 2);
  await rest('POST', `/events/${id}/vouchers`, { code: 'ONCE', kind: 'percent', value: 1_000, reveals_hidden: true, uses_max: 1 }, 2);
  const { page, errors } = await open(browser, `${url}/events/${id}`, DESK);
  await applyVoucher(page, 'once');
  await page.getByRole('button', { name: 'One more Friends' }).click();
  await page.getByRole('button', { name: 'Hold 1 ticket' }).click();
  await expect.poll(() => textOf(card(page))).toMatch(/1 × Friends €20.00 Voucher ONCE −€2.00 Pay €18.00/);

  await page.getByRole('button', { name: 'One more Standard' }).click();
  await applyVoucher(page, 'once');
  await expect.poll(() => panel(page)).toMatch(/Friends Only 2 left.*1 × Standard €45.00.*Voucher ONCE −€4.50 Total €40.50/);
  await picture(page, 'a code good once');

  const other = await open(browser, `${url}/events/${id}`, DESK);
  await other.page.getByRole('button', { name: 'One more Standard' }).click();
  await applyVoucher(other.page, 'once');
  await expect.poll(() => panel(other.page)).toContain('The voucher ONCE is used up.');
  expect(await other.page.getByRole('button', { name: 'One more Friends' }).count()).toBe(0);
  expect([...errors, ...other.errors]).toEqual([]);
});
