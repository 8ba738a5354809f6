/** What visitors met that was wrong, each as its kind; rows of this list that elements can show alone are tested beside them. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { badgeSays, launch, open, picture, textOf } from '../support/browser.ts';
import { faultsOf } from '../support/desk.ts';
import { makeEvent, rest, seatcast, sql } from '../support/world.ts';

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

describe('web_1: a seat map', () => {
  let seated: string;
  beforeAll(async () => {
    seated = await sql('select event_id from seats group by event_id order by count(*) desc limit 1');
  });

  const looks: [string, BrowserContextOptions][] = [
    ['reduced motion', { reducedMotion: 'reduce' }],
    ['forced colours', { forcedColors: 'active' }],
    ['forced colours, dark, reduced motion', { forcedColors: 'active', colorScheme: 'dark', reducedMotion: 'reduce' }],
  ];

  it.each(looks)('has the colours of its legend with %s', async (name, look) => {
    const { page } = await open(browser, `${url}/events/${seated}`, look);
    const map = page.locator('seatcast-seat-map');
    await map.locator('.legend .type').first().waitFor();
    /** How many pixels of the picture have the colour of each thing in the legend. */
    const drawn = (): Promise<Record<string, number>> =>
      map.evaluate((element) => {
        const canvas = element.shadowRoot!.querySelector('canvas')!;
        const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
        const pixels = new Map<string, number>();
        for (let at = 0; at < data.length; at += 4) {
          if (data[at + 3] !== 255) continue;
          const colour = `${data[at]},${data[at + 1]},${data[at + 2]}`;
          pixels.set(colour, (pixels.get(colour) ?? 0) + 1);
        }
        // The thin ones have no whole pixel of their own at this scale.
        const swatches = [...element.shadowRoot!.querySelectorAll('.swatch')].filter((swatch) => !/chosen|blocked|sold/.test(swatch.getAttribute('class')!));
        return Object.fromEntries(
          swatches.map((swatch) => {
            const colour = getComputedStyle(swatch).color.match(/\d+/g)!.slice(0, 3).join();
            return [`${swatch.getAttribute('class')} ${colour}`, pixels.get(colour) ?? 0];
          }),
        );
      });
    await expect.poll(async () => Object.values(await drawn()).filter((count) => count > 20).length).toBeGreaterThanOrEqual(4);
    const colours = new Set(Object.keys(await drawn()).map((key) => key.split(' ').at(-1)));
    // Where the reader's colours are forced, types are told by shape and letter; what is held is told from what is free by both.
    expect(colours.size).toBeGreaterThanOrEqual(look.forcedColors ? 2 : 5);
    await picture(page, `seat map with ${name}`);
  });
});

describe('web_6: an event that began', () => {
  it('is no longer offered, and not the first of the list', async () => {
    const { id } = await makeEvent('Began already', 100);
    const { page } = await open(browser, `${url}/events/${id}`);
    await badgeSays(page, /^100 left/);
    await sql(`update events set starts_at = now() - interval '2 hours' where id = ${id}`);
    await badgeSays(page, /^Ended/);
    await expect.poll(() => textOf(page.locator('seatcast-ticket-types'))).toContain('Sales have ended');
    await expect.poll(() => page.getByRole('button', { name: /^(Hold|Book)/ }).count()).toBe(0);
    await page.goto(url);
    await page.locator('seatcast-event-list .card').first().waitFor();
    expect(await textOf(page.locator('seatcast-event-list'))).not.toContain('Began already');
    const more = page.getByRole('button', { name: 'Show more' });
    await expect
      .poll(async () => {
        // It goes while the last of them come.
        if (await more.isVisible()) await more.click({ timeout: 2_000 }).catch(() => undefined);
        return more.isVisible();
      })
      .toBe(false);
    await page.getByRole('button', { name: 'Show past events' }).click();
    await expect.poll(() => textOf(page.locator(`seatcast-event-list [data-event="${id}"]`))).toMatch(/Began already .*Ended/);
  });
});

it("web_9: a cancelled event's reason is read on its page", async () => {
  const { id } = await makeEvent('Called off', 10);
  const { page } = await open(browser, `${url}/events/${id}`);
  await badgeSays(page, /^10 left/);
  await rest('POST', `/events/${id}/cancel`, { reason: 'Singer is ill' }, 2);
  await expect.poll(() => textOf(page.locator('seatcast-notices'))).toContain('Singer is ill');
});

it('web_13: terms of sale that change show on a page that is open', async () => {
  const { id, typeId } = await makeEvent('Other terms', 50);
  const { page } = await open(browser, `${url}/events/${id}`);
  const more = page.getByRole('button', { name: 'One more Standard' });
  await more.click();
  const change = (terms: object): Promise<unknown> => rest('PATCH', `/events/${id}/ticket-types/${typeId}`, terms, 2);
  await change({ max_per_user: 1 });
  await expect.poll(() => more.isDisabled()).toBe(true);
  await change({ max_per_user: null, members_only: true });
  await expect.poll(() => textOf(page.locator('seatcast-ticket-types'))).toContain('Sign in to buy');
  await change({ members_only: false, sale_from: new Date(Date.now() + 3_600_000).toISOString() });
  await expect.poll(() => textOf(page.locator('seatcast-ticket-types'))).toContain('On sale from');
  await change({ sale_from: null });
  await expect.poll(() => more.isEnabled()).toBe(true);
});

describe('web_14: an address where nothing is', () => {
  it.each(['/nope', '/events/abc', '/events/1/', '/bookings/', '/bookings/nope'])('%s answers 404 with the page, which says so', async (path) => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const answer = await page.goto(url + path);
    expect(answer?.status()).toBe(404);
    await expect.poll(() => page.getByRole('heading', { name: 'There is nothing here' }).isVisible()).toBe(true);
    const program = await fetch(url + path);
    expect(program.status).toBe(404);
    expect(await program.json()).toMatchObject({ success: false, data: { code: 'NOT_FOUND' } });
  });
});

describe('web_15: an event', () => {
  it('with long words in all that its organizer wrote wraps on the smallest screen, from the list to the booking', async () => {
    const word = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft';
    const type = { name: word, price: 4_500, capacity: 10 };
    const event = { title: word, venue: word, city: word, description: word, category: 'concert', starts_at: '2037-06-01T20:00:00Z', timezone: 'Europe/Berlin', currency: 'EUR' };
    const { id } = await rest<{ id: number }>('POST', '/events', { ...event, capacity: 20, ticket_types: [type, { ...type, name: `${word} 2` }] }, 2);
    await rest('POST', `/events/${id}/notices`, { type: 'custom', message: word }, 2);
    const { page } = await open(browser, `${url}/events/${id}`, { viewport: { width: 320, height: 640 }, reducedMotion: 'reduce' });
    const wraps = async (): Promise<void> => expect(await faultsOf(page)).toEqual([]);
    await badgeSays(page, /^Only 20 left|^20 left/);
    await page.locator('.notice').waitFor();
    await wraps();
    await picture(page, 'long word at 320 px');
    for (const more of await page.getByRole('button', { name: /^One more/ }).all()) await more.click();
    await page.getByRole('button', { name: 'Hold 2 tickets' }).waitFor();
    await wraps();
    await picture(page, 'long word chosen');
    await page.getByRole('button', { name: 'Hold 2 tickets' }).click();
    await page.getByRole('button', { name: 'Change' }).click();
    await page.locator('seatcast-change li').first().waitFor();
    await wraps();
    const reference = await page.locator('seatcast-bookings .reference').innerText();
    for (const [path, ready] of [[`/bookings/${reference}`, 'h2#event'], ['/bookings', '[data-booking] .title'], [`/?q=${word}`, '.card']] as const) {
      await page.goto(url + path);
      await page.locator(ready).first().waitFor();
      await wraps();
      await picture(page, `long word ${path.split(/[/?]/)[1] || 'list'}${path.includes('BK') ? ' one' : ''}`);
    }
  });

  it('with long names of sections and ticket types has a map and a list that fit the smallest screen', async () => {
    const word = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerk';
    const { id, typeId } = await makeEvent('Long names', 20);
    await rest('PATCH', `/events/${id}/ticket-types/${typeId}`, { name: word }, 2);
    const rows = Array.from({ length: 20 }, (_, place) => `${word},Reihe,${place + 1},${(place % 10) * 10},${place < 10 ? 0 : 10},${typeId}`);
    const drawn = await fetch(`${url}/api/v1/events/${id}/seatmap`, {
      method: 'PUT',
      headers: { 'content-type': 'text/csv', 'x-user-id': '2' },
      body: ['section,row,number,x,y,ticket_type_id', ...rows].join('\n'),
    });
    expect(drawn.status).toBe(200);
    const { page } = await open(browser, `${url}/events/${id}`, { viewport: { width: 320, height: 640 }, reducedMotion: 'reduce' });
    const map = page.locator('seatcast-seat-map');
    await map.locator('.legend .type').first().waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await map.getByRole('button', { name: 'Choose from a list' }).click();
    await map.locator('button.entry').first().click();
    await map.locator('button.seat').first().click();
    await page.getByRole('button', { name: 'Hold 1 ticket' }).waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await picture(page, 'long names of seats');
    const tip = await map.locator('.tip').evaluate((element) => element.scrollWidth - element.clientWidth);
    expect(tip).toBeLessThanOrEqual(0);
  });

  it('whose picture is broken has a poster, and one from a server without https has its picture', async () => {
    const pixel = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');
    const pictures: Server = createServer((_, answer) => void answer.writeHead(200, { 'content-type': 'image/gif' }).end(pixel));
    await new Promise<void>((resolve) => pictures.listen(0, '127.0.0.1', resolve));
    const { id } = await makeEvent('With a picture', 10);
    const show = async (image_url: string): Promise<Page> => {
      await rest('PATCH', `/events/${id}`, { image_url }, 2);
      const { page } = await open(browser, `${url}/events/${id}`);
      return page;
    };
    try {
      const good = (await show(`http://127.0.0.1:${(pictures.address() as AddressInfo).port}/a.gif`)).locator('.poster img');
      await expect.poll(() => good.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(1);
      const broken = (await show(`${url}/no-such.png`)).locator('.poster img');
      await expect.poll(() => broken.evaluate((image) => getComputedStyle(image).opacity)).toBe('0');
    } finally {
      pictures.close();
    }
  });
});

it('web_17: elements show and sell in a frame that may not store anything', async () => {
  const { id } = await makeEvent('Framed', 30);
  const inside = `<!doctype html><script type="module" src="${url}/embed/seatcast.js"></script>
    <seatcast-availability event="${id}"></seatcast-availability>
    <seatcast-booking event="${id}"><seatcast-ticket-types event="${id}"></seatcast-ticket-types></seatcast-booking>`;
  const outside: Server = createServer((request, answer) => {
    answer.setHeader('content-type', 'text/html');
    answer.end(request.url === '/inside' ? inside : '<!doctype html><iframe sandbox="allow-scripts allow-forms" src="/inside" width="900" height="800"></iframe>');
  });
  await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve));
  try {
    const { page, errors } = await open(browser, `http://127.0.0.1:${(outside.address() as AddressInfo).port}/`);
    const frame = page.frameLocator('iframe');
    const badge = (): Promise<string> => textOf(frame.locator('body > seatcast-availability'));
    await expect.poll(badge).toMatch(/30 left\s+LIVE/i);
    await frame.getByRole('button', { name: 'One more Standard' }).click();
    // The frame will have forgotten the booking when its buyer comes back from paying.
    await expect.poll(() => textOf(frame.locator('seatcast-booking'))).toContain('only an e-mail address finds it again');
    await frame.getByRole('button', { name: 'Hold 1 ticket' }).click();
    await frame.getByRole('textbox', { name: 'E-mail' }).fill('ada@example.org');
    await frame.getByRole('button', { name: 'Hold 1 ticket' }).click();
    await expect.poll(badge).toMatch(/29 left\s+LIVE/i);
    await expect.poll(() => textOf(frame.locator('seatcast-bookings [data-booking]'))).toContain('Held for you');
    expect(errors).toEqual([]);
  } finally {
    outside.close();
  }
});

it('web_17: our own pages work where the browser forbids all storage', async () => {
  const { id } = await makeEvent('Not stored', 30);
  const { page, context, errors } = await open(browser, `${url}/healthz`);
  await context.addInitScript(() => {
    for (const name of ['localStorage', 'sessionStorage', 'indexedDB']) {
      Object.defineProperty(globalThis, name, { get: () => { throw new DOMException(`${name} is forbidden`, 'SecurityError'); } });
    }
  });
  for (const path of ['/', '/bookings', '/account', '/desk', '/checkin', '/dev']) {
    await page.goto(url + path);
    await page.getByRole('heading', { level: 1 }).or(page.getByRole('heading', { name: 'Sign in' })).first().waitFor();
    // The last that a page of the demo asks for is who may act.
    await page.waitForLoadState('networkidle');
  }
  await page.goto(`${url}/events/${id}`);
  await page.locator('seatcast-user-switcher select').waitFor();
  await page.getByRole('button', { name: 'One more Standard' }).click();
  await page.getByRole('textbox', { name: 'E-mail' }).fill('ada@example.org');
  await page.getByRole('button', { name: 'Hold 1 ticket' }).click();
  await expect.poll(() => textOf(page.locator('seatcast-bookings [data-booking]'))).toContain('Held for you');
  expect(errors).toEqual([]);
});

it('web_20: the page of the API has no violation that axe finds, in its head and in an operation', async () => {
  const { page } = await open(browser, `${url}/docs/`);
  const own = page.locator('#operations-bookings-get_bookings_mine');
  await own.locator('.opblock-summary-control').click();
  await own.getByRole('button', { name: 'Try it out' }).waitFor();
  // All two hundred operations are made alike, and would take axe minutes.
  const looked = new AxeBuilder({ page }).include('.information-container').include('#operations-bookings-get_bookings_mine');
  const { violations } = await looked.analyze();
  expect(violations.map(({ id, nodes }) => `${id} ${nodes.length}: ${nodes[0]?.html}`)).toEqual([]);
}, 120_000);

describe('web_21: the list', () => {
  it('shows new events without a reload, and free ones as free', async () => {
    const title = `Fresh ${crypto.randomUUID()}`;
    const { page } = await open(browser, `${url}/?q=${encodeURIComponent(title)}`);
    await expect.poll(() => textOf(page.locator('seatcast-event-list'))).toContain('Nothing found');
    await makeEvent(title, 10, 0);
    await expect.poll(() => textOf(page.locator('seatcast-event-list .card .price')), { timeout: 30_000 }).toBe('Free');
  });

  it('is as it was after the way back from an event', async () => {
    await Promise.all(Array.from({ length: 30 }, (_, nth) => makeEvent(`Way back ${nth}`, 10)));
    const { page } = await open(browser, `${url}/?q=Way+back`);
    const cards = page.locator('seatcast-event-list .card[data-event]');
    await expect.poll(() => cards.count()).toBe(24);
    await page.getByRole('button', { name: 'Show more' }).click();
    await expect.poll(() => cards.count()).toBe(30);
    const last = cards.nth(28).getByRole('link');
    // A click may scroll a little more: the place is where it happened.
    await page.evaluate(() => addEventListener('click', () => Object.assign(globalThis, { place: scrollY }), true));
    await last.click();
    await badgeSays(page, /^10 left/);
    const place = await page.evaluate(() => (globalThis as { place?: number }).place ?? 0);
    expect(place).toBeGreaterThan(200);
    await page.goBack();
    await expect.poll(() => cards.count()).toBe(30);
    // What stands above may be some pixels less high while its numbers come.
    await expect.poll(async () => Math.abs((await page.evaluate(() => scrollY)) - place)).toBeLessThan(40);
  });

  it.each(['/', '/events/2'])('%s does not shift about while it comes, on a phone', async (path) => {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
    const page = await context.newPage();
    await page.addInitScript(() => {
      const sum = globalThis as { shifts?: number };
      sum.shifts = 0;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries() as (PerformanceEntry & { value: number })[]) sum.shifts = (sum.shifts ?? 0) + entry.value;
      }).observe({ type: 'layout-shift', buffered: true });
    });
    await page.goto(url + path);
    await expect.poll(() => textOf(page.locator('seatcast-availability').first())).toMatch(/live/i);
    await page.waitForLoadState('networkidle');
    expect(await page.evaluate(() => (globalThis as { shifts?: number }).shifts)).toBeLessThan(0.1);
  });
});
