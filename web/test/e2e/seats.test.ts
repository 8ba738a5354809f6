import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { SeatcastSeatMap } from '../../src/elements/seatcast-seat-map/seatcast-seat-map.ts';
import { launch, open, picture, textOf } from '../support/browser.ts';
import { number, rest, seatcast } from '../support/world.ts';

const { url } = seatcast();
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

/** The nth free seat of the layout, and where it is drawn on the window, once nothing moves. */
async function freeSeat(page: Page, skip = 0): Promise<{ id: number; x: number; y: number }> {
  const map = page.locator('seatcast-seat-map');
  await expect.poll(() => map.evaluate((element: SeatcastSeatMap) => element.plan?.isReady && element.plan.isAtRest)).toBe(true);
  return map.evaluate((element: SeatcastSeatMap, nth) => {
    const { ids, positions } = element.geometry!;
    const free = [...positions].map((position) => ids[position]!).filter((id) => element.statusOf(id) === 'available')[nth]!;
    const { left, top } = element.renderRoot.querySelector('canvas')!.getBoundingClientRect();
    const { x, y } = element.pointOf(free)!;
    return { id: free, x: x + left, y: y + top };
  }, skip);
}

/** The colours that are drawn at a seat, and whether the legend's for this status is among them. */
async function looksAs(page: Page, seatId: number, status: 'held' | 'chosen' | `type-${number}`): Promise<boolean> {
  return page.locator('seatcast-seat-map').evaluate(
    (element: SeatcastSeatMap, [id, look]) => {
      const canvas = element.renderRoot.querySelector('canvas')!;
      const ratio = canvas.width / canvas.clientWidth;
      const { x, y } = element.pointOf(id)!;
      const side = 5;
      const { data } = canvas.getContext('2d')!.getImageData(Math.round(x * ratio) - 2, Math.round(y * ratio) - 2, side, side);
      const wanted = getComputedStyle(element.renderRoot.querySelector(`.swatch.${look}`)!).color.match(/\d+/g)!.slice(0, 3).map(Number);
      // The last bits of a colour may be lost where it is blended.
      const isNear = (at: number): boolean => wanted.every((value, channel) => Math.abs(value - data[at * 4 + channel]!) < 8);
      return Array.from({ length: side * side }, (_, at) => at).some((at) => data[at * 4 + 3]! > 200 && isNear(at));
    },
    [seatId, status] as const,
  );
}

/** Where a seat is drawn on the window. */
async function where(page: Page, seatId: number): Promise<{ x: number; y: number }> {
  return page.locator('seatcast-seat-map').evaluate((element: SeatcastSeatMap, id) => {
    const { left, top } = element.renderRoot.querySelector('.frame')!.getBoundingClientRect();
    const { x, y } = element.pointOf(id)!;
    return { x: x + left, y: y + top };
  }, seatId);
}

it('2,000 seats are drawn', async () => {
  const page = await open2000();
  await freeSeat(page);
  const seats = await page.locator('seatcast-seat-map').evaluate((element: SeatcastSeatMap) => element.geometry!.count);
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
  expect(await looksAs(viewer, seat.id, 'held')).toBe(false);

  await buyer.mouse.click(seat.x, seat.y);
  await buyer.getByRole('button', { name: 'Hold 1 ticket' }).click();
  await expect.poll(() => looksAs(viewer, seat.id, 'held')).toBe(true);

  const hold = buyer.locator('seatcast-bookings [data-booking]');
  await expect.poll(() => textOf(hold)).toMatch(/Row \w+ · Seat \d+/);
  // For the buyer it is no seat that somebody holds, but the own one.
  const own = await freeSeat(buyer).then(() => where(buyer, seat.id));
  await expect.poll(() => looksAs(buyer, seat.id, 'chosen')).toBe(true);
  await buyer.mouse.click(own.x, own.y);
  await expect.poll(() => textOf(buyer.locator('seatcast-seat-map .said'))).toContain('is yours');
  await hold.getByRole('button', { name: /^Cancel/ }).click();
  await expect.poll(() => looksAs(viewer, seat.id, 'held')).toBe(false);
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
  // Another one beside it is offered, and taken by one click.
  await slow.getByRole('button', { name: /^Take Row \w+ Seat \d+ instead$/ }).click();
  await expect.poll(() => slow.getByRole('button', { name: 'Hold 1 ticket' }).count()).toBe(1);
});

it('one click chooses for a party, and the panel lets one of them go', async () => {
  const page = await open2000();
  await freeSeat(page);
  for (let seats = 1; seats < 3; seats += 1) await page.getByRole('button', { name: 'One seat more' }).click();
  const middle = await page.locator('seatcast-seat-map').evaluate((element: SeatcastSeatMap) => {
    const { positions, ids, type } = element.geometry!;
    const isFree = (position: number | undefined): boolean => position !== undefined && element.statusOf(ids[position]!) === 'available';
    const fits = (position: number): boolean => {
      const block = element.geometry!.blockOf(position);
      const at = block.indexOf(position);
      return [at - 1, at, at + 1].every((place) => isFree(block[place]) && type[block[place]!] === type[position]);
    };
    return ids[[...positions].reverse().find(fits)!]!;
  });
  // The back of the hall is below the window's edge.
  await page.locator('seatcast-seat-map').evaluate((element: SeatcastSeatMap) => element.renderRoot.querySelector('.frame')!.scrollIntoView({ block: 'end' }));
  const at = await where(page, middle);
  await page.mouse.click(at.x, at.y);
  await expect.poll(() => page.getByRole('button', { name: 'Hold 3 tickets' }).count()).toBe(1);
  await expect.poll(() => looksAs(page, middle, 'chosen')).toBe(true);
  await page.getByRole('button', { name: /^Remove .* Seat/ }).first().click();
  await expect.poll(() => page.getByRole('button', { name: 'Hold 2 tickets' }).count()).toBe(1);
  await page.keyboard.press('Enter');
  await expect.poll(() => page.getByRole('button', { name: 'Hold 1 ticket' }).count()).toBe(1);
});

it('the server picks the best seats, side by side, and the map shows which', async () => {
  const { page } = await open(browser, `${url}/events/${eventId}`, { reducedMotion: 'reduce' });
  await freeSeat(page);
  await page.getByRole('button', { name: 'One seat more' }).click();
  await page.getByLabel('Ticket type of the best available seats').selectOption({ label: 'Balcony · €32.00' });
  await page.getByRole('button', { name: 'Best available' }).click();
  await page.getByRole('button', { name: 'Hold 2 tickets' }).click();
  const said = (): Promise<string> => textOf(page.locator('seatcast-seat-map .said'));
  await expect.poll(said).toMatch(/^Yours: Row \w+ Seat \d+, Row \w+ Seat \d+\.$/);
  const [, row, one, other, next] = /Row (\w+) Seat (\d+), Row (\w+) Seat (\d+)/.exec(await said())!;
  expect(other).toBe(row);
  expect(Math.abs(Number(next) - Number(one))).toBe(1);
  const mine = await page.locator('seatcast-seat-map').evaluate((element: SeatcastSeatMap) => element.mine![0]!);
  await expect.poll(() => looksAs(page, mine, 'chosen')).toBe(true);
  await page.locator('seatcast-bookings [data-booking]').getByRole('button', { name: /^Cancel/ }).click();
});

it('a filter dims the other seats, and lists only its own', async () => {
  const page = await open2000();
  const first = await freeSeat(page);
  await expect.poll(() => looksAs(page, first.id, 'type-1')).toBe(true);
  await page.locator('seatcast-seat-map .legend').getByRole('button', { name: /Balcony/ }).click();
  await expect.poll(() => looksAs(page, first.id, 'type-1')).toBe(false);
  await page.getByRole('button', { name: 'Choose from a list' }).click();
  await expect.poll(() => page.locator('seatcast-seat-map .entry .name').allInnerTexts()).toEqual(['Balcony']);
  await page.getByLabel('Price').selectOption({ label: 'Up to €32' });
  await page.locator('seatcast-seat-map .legend').getByRole('button', { name: /Balcony/ }).click();
  await expect.poll(() => page.locator('seatcast-seat-map .entry .name').allInnerTexts()).toEqual(['Balcony']);
  await page.getByLabel('Price').selectOption({ label: 'Any price' });
  await expect.poll(() => looksAs(page, first.id, 'type-1')).toBe(true);
});

it('the map is zoomed by buttons, wheel and fingers, dragged, and shown whole again', async () => {
  const { page } = await open(browser, `${url}/events/${eventId}`, { reducedMotion: 'reduce' });
  const { id } = await freeSeat(page);
  /** A place on the map, on the window; a click on a button may have scrolled the page. */
  const at = async (x: number, y: number): Promise<[number, number]> => {
    const box = (await page.locator('seatcast-seat-map .ground').boundingBox())!;
    return [box.x + x, box.y + y];
  };
  const size = (): Promise<number> =>
    page.locator('seatcast-seat-map').evaluate((element: SeatcastSeatMap) => {
      const { ids, positions } = element.geometry!;
      const [one, other] = [positions[0]!, positions.at(-1)!].map((position) => element.pointOf(ids[position]!)!);
      return Math.hypot(one!.x - other!.x, one!.y - other!.y);
    });
  const whole = await size();
  await page.getByRole('button', { name: 'Zoom in' }).click();
  await expect.poll(size).toBeGreaterThan(whole * 1.5);
  await expect.poll(() => page.getByRole('button', { name: 'Show all' }).isEnabled()).toBe(true);
  const before = await where(page, id);
  await page.mouse.move(...(await at(300, 200)));
  await page.mouse.down();
  await page.mouse.move(...(await at(330, 240)), { steps: 4 });
  await page.mouse.up();
  const after = await where(page, id);
  expect([Math.round(after.x - before.x), Math.round(after.y - before.y)]).toEqual([30, 40]);
  await page.getByRole('button', { name: 'Show all' }).click();
  await expect.poll(size).toBeCloseTo(whole, 0);
  await page.mouse.move(...(await at(300, 200)));
  await page.keyboard.down('Control');
  await page.mouse.wheel(0, -200);
  // The wheel takes its time; the key has to be down until then.
  await expect.poll(size).toBeGreaterThan(whole * 2);
  await page.keyboard.up('Control');
  await page.getByRole('button', { name: 'Show all' }).click();
  await expect.poll(size).toBeCloseTo(whole, 0);
  const session = await page.context().newCDPSession(page);
  const [x, y] = await at(350, 200);
  const fingers = (type: 'touchStart' | 'touchMove', apart: number): Promise<unknown> =>
    session.send('Input.dispatchTouchEvent', {
      type,
      touchPoints: [-1, 1].map((side, finger) => ({ x: x + side * apart, y, id: finger })),
    });
  await fingers('touchStart', 30);
  for (const apart of [40, 60, 80, 100]) await fingers('touchMove', apart);
  await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
  await expect.poll(size).toBeGreaterThan(whole * 2.5);
});

it('a seat is chosen by keyboard alone: section, row, seat', async () => {
  const page = await open2000();
  await freeSeat(page);
  const focused = (): Promise<string> =>
    page.locator('seatcast-seat-map').evaluate((element: SeatcastSeatMap) => {
      const active = element.shadowRoot!.activeElement;
      return `${active?.getAttribute('aria-label') ?? active?.textContent ?? ''}`.replace(/\s+/g, ' ').trim();
    });
  await page.getByRole('button', { name: 'Choose from a list' }).focus();
  await page.keyboard.press('Enter');
  await expect.poll(focused).toMatch(/^Stalls/);
  await page.keyboard.press('ArrowRight');
  await expect.poll(focused).toMatch(/^Circle/);
  await page.keyboard.press('Enter');
  await expect.poll(focused).toMatch(/^Row .* free$/);
  await page.keyboard.press('Enter');
  await expect.poll(focused).toMatch(/^Circle, Row .* Seat .* free$/);
  await page.keyboard.press('ArrowDown');
  const seat = await focused();
  await page.keyboard.press('Escape');
  await expect.poll(focused).toMatch(/^Row /);
  await page.keyboard.press('Escape');
  await expect.poll(focused).toMatch(/^Circle/);
  expect(seat).toMatch(/^Circle, Row/);
  await page.keyboard.press('Enter');
  await expect.poll(focused).toMatch(/^Row /);
  await page.keyboard.press('Enter');
  await expect.poll(focused).toMatch(/ free$/);
  await page.keyboard.press(' ');
  await expect.poll(() => page.getByRole('button', { name: 'Hold 1 ticket' }).count()).toBe(1);
  await expect.poll(focused).toMatch(/ chosen$/);
});

const looks: [string, BrowserContextOptions][] = [
  ['light', {}],
  ['dark', { colorScheme: 'dark' }],
  ['320 px wide', { viewport: { width: 320, height: 800 } }],
  ['forced colours', { forcedColors: 'active' }],
];

it.each(looks)('no level of the list has a violation that axe finds, nor scrolls sideways: %s', async (name, look) => {
  const { page, errors } = await open(browser, `${url}/events/${eventId}`, { reducedMotion: 'reduce', ...look });
  await freeSeat(page);
  const violations = async (): Promise<string[]> => {
    const found = await new AxeBuilder({ page }).analyze();
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  };
  await page.getByRole('button', { name: 'Choose from a list' }).click();
  for (const level of ['.sections .entry', '.rows .entry', '.seats .seat:not(.taken)']) {
    const entry = page.locator(`seatcast-seat-map ${level}`).filter({ hasNotText: /\b0 free/ }).first();
    await entry.waitFor();
    expect(await violations(), level).toEqual([]);
    await picture(page, `seats ${name} ${level}`.replace(/[^\w ]/g, ''));
    await entry.click();
  }
  await page.getByRole('button', { name: 'Hold 1 ticket' }).waitFor();
  expect(await violations()).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  expect(errors).toEqual([]);
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
  await expect.poll(async () => page.locator('seatcast-seat-map .ground.zoomed').count()).toBe(1);
  const after = await freeSeat(page);
  expect(after.id).toBe(before.id);
  await page.touchscreen.tap(after.x, after.y);
  await expect.poll(() => page.getByRole('button', { name: 'Hold 1 ticket' }).count()).toBe(1);
});

it('the numbers by section are live, and those of REST', async () => {
  const [buyer, viewer] = await Promise.all([open2000(), open2000()]);
  const seat = await freeSeat(buyer);
  await viewer.getByRole('button', { name: 'Choose from a list' }).click();
  const shown = (): Promise<string[]> =>
    viewer.locator('seatcast-seat-map .entry').evaluateAll((entries) =>
      entries
        .flatMap((entry) => {
          const section = entry.querySelector('.name')!.textContent!;
          return [...entry.querySelectorAll('.counts')].map((line) => `${section} · ${line.textContent!.replace(/ · \S+\s+/, ' ').replace(/\s+/g, ' ').trim()}`);
        })
        .sort(),
    );
  interface Row { section: string; ticket_type: string; available: number; allocated: number }
  const told = async (): Promise<string[]> => {
    const rows = await rest<Row[]>('GET', `/availability/${eventId}/sections`);
    return rows.map((row) => `${row.section} · ${row.ticket_type} ${row.available === 0 ? 'sold out' : `${row.available} of ${row.allocated}`}`).sort();
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
