import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, inject, it } from 'vitest';
import type { SeatcastSeatMap } from '../../src/elements/seatcast-seat-map/seatcast-seat-map.ts';
import { launch, open, textOf } from '../support/browser.ts';
import { number, rest } from '../support/world.ts';

const { url } = inject('seatcast');
let browser: Browser;
let eventId: number;

beforeAll(async () => {
  eventId = await number("select id from events where title = 'The Winter''s Tale'");
  browser = await launch();
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
});
afterAll(async () => {
  await browser?.close();
});

const open2000 = async (): Promise<Page> => (await open(browser, `${url}/events/${eventId}`)).page;

/** The free seat nearest to the front, and where it is drawn on the window. */
async function freeSeat(page: Page, skip = 0): Promise<{ id: number; x: number; y: number }> {
  const map = page.locator('seatcast-seat-map');
  await expect.poll(() => map.evaluate((element: SeatcastSeatMap) => element.geometry !== undefined && element.statusOf(element.geometry.seats[0]!.id))).toBeTruthy();
  return map.evaluate((element: SeatcastSeatMap, nth) => {
    const seat = element.geometry!.seats.filter(({ id }) => element.statusOf(id) === 'available')[nth]!;
    const { left, top } = element.renderRoot.querySelector('canvas')!.getBoundingClientRect();
    const { x, y } = element.pointOf(seat.id)!;
    return { id: seat.id, x: x + left, y: y + top };
  }, skip);
}

/** The colour that is drawn in the middle of a seat, and the colour that the legend gives to holds. */
async function colours(page: Page, seatId: number): Promise<{ seat: number[]; held: number[] }> {
  return page.locator('seatcast-seat-map').evaluate((element: SeatcastSeatMap, id) => {
    const canvas = element.renderRoot.querySelector('canvas')!;
    const ratio = canvas.width / canvas.clientWidth;
    const { x, y } = element.pointOf(id)!;
    const pixel = canvas.getContext('2d')!.getImageData(Math.round(x * ratio), Math.round(y * ratio), 1, 1).data;
    const swatch = getComputedStyle(element.renderRoot.querySelector('.swatch.held')!).backgroundColor;
    return { seat: [...pixel].slice(0, 3), held: swatch.match(/\d+/g)!.slice(0, 3).map(Number) };
  }, seatId);
}

it('2,000 seats are drawn', async () => {
  const page = await open2000();
  await freeSeat(page);
  const seats = await page.locator('seatcast-seat-map').evaluate((element: SeatcastSeatMap) => element.geometry!.seats.length);
  expect(seats).toBe(2_000);
  const painted = await page.locator('seatcast-seat-map canvas').evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((_, index) => index % 4 === 3 && data[index]! > 0).length / (canvas.width * canvas.height);
  });
  expect(painted).toBeGreaterThan(0.1);
});

it('a seat that is clicked and held in one window gets the colour of held seats in another', async () => {
  const [buyer, viewer] = await Promise.all([open2000(), open2000()]);
  const seat = await freeSeat(buyer);
  await freeSeat(viewer);
  expect((await colours(viewer, seat.id)).seat).not.toEqual((await colours(viewer, seat.id)).held);

  await buyer.mouse.click(seat.x, seat.y);
  await buyer.getByRole('button', { name: 'Hold 1 ticket' }).click();
  await expect.poll(async () => (await colours(viewer, seat.id)).seat).toEqual((await colours(viewer, seat.id)).held);

  const hold = buyer.locator('seatcast-bookings [data-booking]');
  await expect.poll(() => textOf(hold)).toMatch(/Row \w+ · Seat \d+/);
  // For the buyer it is no seat that somebody holds, but the own one.
  await expect.poll(async () => (await colours(buyer, seat.id)).seat).not.toEqual((await colours(buyer, seat.id)).held);
  await buyer.mouse.click(seat.x, seat.y);
  await expect.poll(() => textOf(buyer.locator('seatcast-seat-map .said'))).toContain('is yours');
  await hold.getByRole('button', { name: /^Cancel/ }).click();
  await expect.poll(async () => (await colours(viewer, seat.id)).seat).not.toEqual((await colours(viewer, seat.id)).held);
});

it('a buyer whose chosen seat somebody else takes is told, and not charged', async () => {
  const [slow, fast] = await Promise.all([open2000(), open2000()]);
  const seat = await freeSeat(slow, 3);
  await slow.mouse.click(seat.x, seat.y);
  await expect.poll(() => slow.getByRole('button', { name: 'Hold 1 ticket' }).count()).toBe(1);
  const same = await freeSeat(fast, 3);
  expect(same.id).toBe(seat.id);
  await fast.mouse.click(same.x, same.y);
  await fast.getByRole('button', { name: 'Hold 1 ticket' }).click();
  await expect.poll(() => textOf(slow.locator('seatcast-seat-map .said'))).toContain('was just taken');
  await expect.poll(() => slow.getByRole('button', { name: 'Hold tickets' }).isDisabled()).toBe(true);
});

it('a seat is chosen by keyboard alone', async () => {
  const page = await open2000();
  await freeSeat(page);
  await page.locator('seatcast-seat-map .keys').focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowUp');
  const cursor = (): Promise<string> =>
    page.locator('seatcast-seat-map').evaluate((element: SeatcastSeatMap) => element.statusOf(element.cursor!.id) ?? '');
  for (let step = 0; step < 60 && (await cursor()) !== 'available'; step += 1) await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await expect.poll(() => page.getByRole('button', { name: 'Hold 1 ticket' }).count()).toBe(1);
});

it('on a phone the first tap comes closer, the next one chooses', async () => {
  const { page } = await open(browser, `${url}/events/${eventId}`, {
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
  });
  await freeSeat(page);
  await page.locator('seatcast-seat-map canvas').scrollIntoViewIfNeeded();
  const before = await freeSeat(page);
  await page.touchscreen.tap(before.x, before.y);
  await expect.poll(async () => page.locator('seatcast-seat-map canvas.zoomed').count()).toBe(1);
  const after = await freeSeat(page);
  expect(after.id).toBe(before.id);
  await page.touchscreen.tap(after.x, after.y);
  await expect.poll(() => page.getByRole('button', { name: 'Hold 1 ticket' }).count()).toBe(1);
});

it('the numbers by section are live, and those of REST', async () => {
  const [buyer, viewer] = await Promise.all([open2000(), open2000()]);
  const seat = await freeSeat(buyer);
  await viewer.getByText('Seats left by section').click();
  const shown = async (): Promise<string[]> => {
    const lines = await viewer.locator('seatcast-seat-map details li').allInnerTexts();
    return lines.map((line) => line.replace(/\s+/g, ' ')).sort();
  };
  interface Row { section: string; ticket_type: string; available: number; allocated: number }
  const told = async (): Promise<string[]> => {
    const rows = await rest<Row[]>('GET', `/availability/${eventId}/sections`);
    return rows.map((row) => `${row.section} · ${row.ticket_type} ${row.available} of ${row.allocated}`).sort();
  };
  const before = await told();
  expect(before.length).toBeGreaterThan(2);
  await expect.poll(shown).toEqual(before);
  await buyer.mouse.click(seat.x, seat.y);
  await buyer.getByRole('button', { name: 'Hold 1 ticket' }).click();
  await expect.poll(shown).not.toEqual(before);
  expect(await shown()).toEqual(await told());
  await buyer.locator('seatcast-bookings [data-booking]').getByRole('button', { name: /^Cancel/ }).click();
  await expect.poll(shown).toEqual(before);
});
