import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SeatcastClient, TextStorage, UnsentBooking } from '../../src/sdk/index.ts';
import { LAST_KNOWN } from '../../src/sdk/last-known.ts';
import { accepted, FakeServer } from '../support/fake-server.ts';
import { FakeStorage } from '../support/fake-storage.ts';

/** Characters. */
const ROOM = 5_000;
const BOOKING = { id: 'b-1', event_id: 1, version: 1, status: 'pending', token: 'secret' };
const WISH = { event_id: 1, items: [{ ticket_type_id: 7, quantity: 1 }] };

let server: FakeServer;
let client: SeatcastClient | undefined;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  server.routes.set('POST /bookings', () => accepted(BOOKING, {}, 201));
  server.routes.set('GET /bookings/b-1', (_body, headers) => (headers.get('x-booking-token') === 'secret' ? accepted(BOOKING) : new Response(null, { status: 404 })));
});
afterEach(() => {
  client?.close();
  client = undefined;
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** The page is loaded (again). */
function page(storage?: TextStorage): SeatcastClient {
  client?.close();
  return (client = server.client(storage ? { storage } : {}));
}

const keys = (storage: FakeStorage): string[] => Array.from({ length: storage.length }, (_, index) => storage.key(index)!);
/** The site takes all the room that is left. */
const fill = (storage: FakeStorage): void => storage.setItem('of the site', 'x'.repeat(ROOM - 11 - keys(storage).reduce((sum, key) => sum + key.length + storage.getItem(key)!.length, 0)));
const own = async (of: SeatcastClient): Promise<string[]> => (await of.myBookings()).map(({ id }) => id);
const forbidden = (storage: FakeStorage): TextStorage =>
  new Proxy(storage, {
    get(): never {
      throw new DOMException('The operation is insecure.', 'SecurityError');
    },
  });

describe("the proof of a guest's booking", () => {
  it('outlives the page where the storage is full of last known numbers, which give way', async () => {
    const storage = new FakeStorage(ROOM);
    storage.setItem('of the site', 'x'.repeat(1_000));
    storage.setItem('seatcast.last.http://fake/events?', 'x'.repeat(ROOM - 1_100));
    await page(storage).book(WISH);
    expect(keys(storage)).toEqual(['of the site', 'seatcast.booking.b-1']);
    expect(await own(page(storage))).toEqual(['b-1']);
  });

  it("is in the tab's own storage where the site has filled the other one, and moves when there is room", async () => {
    const [storage, tab] = [new FakeStorage(ROOM), new FakeStorage()];
    vi.stubGlobal('sessionStorage', tab);
    storage.setItem('of the site', 'x'.repeat(ROOM - 20));
    await page(storage).book(WISH);
    expect(keys(tab)).toEqual(['seatcast.booking.b-1']);
    const again = page(storage);
    expect(await own(again)).toEqual(['b-1']);
    storage.removeItem('of the site');
    server.routes.set('PUT /bookings/b-1/status', () => accepted({ ...BOOKING, version: 2 }));
    await again.cancel(BOOKING);
    expect([keys(tab), keys(storage)]).toEqual([[], ['seatcast.booking.b-1']]);
  });

  it('stays where every tab finds it when a newer version does not fit there', async () => {
    const [storage, tab] = [new FakeStorage(ROOM), new FakeStorage()];
    vi.stubGlobal('sessionStorage', tab);
    const client = page(storage);
    await client.book(WISH);
    fill(storage);
    server.routes.set('PUT /bookings/b-1/status', () => accepted({ ...BOOKING, version: 1_000 }));
    await client.cancel(BOOKING);
    expect(keys(storage)).toEqual(['seatcast.booking.b-1', 'of the site']);
    expect(keys(tab)).toEqual([]);
    expect(await own(page(storage))).toEqual(['b-1']);
  });

  it('gives way to a newer token, wherever that fits', async () => {
    const [storage, tab] = [new FakeStorage(ROOM), new FakeStorage()];
    vi.stubGlobal('sessionStorage', tab);
    const client = page(storage);
    await client.book(WISH);
    fill(storage);
    server.routes.set('POST /bookings/open', () => accepted({ ...BOOKING, version: 2, token: 'a longer secret' }));
    await client.openLink('link');
    expect(keys(storage)).toEqual(['of the site']);
    expect(JSON.parse(tab.getItem('seatcast.booking.b-1')!)).toMatchObject({ version: 2, token: 'a longer secret' });
  });

  it('is known to this page where nothing keeps it, and the page is told before', async () => {
    const full = new FakeStorage(0);
    vi.stubGlobal('sessionStorage', new FakeStorage(0));
    for (const storage of [full, forbidden(full), undefined]) {
      const client = page(storage);
      expect(client.isRemembered).toBe(false);
      await client.book(WISH);
      expect(await own(client)).toEqual(['b-1']);
    }
    vi.stubGlobal('sessionStorage', new FakeStorage());
    expect(page(full).isRemembered).toBe(true);
    expect(page(new FakeStorage()).isRemembered).toBe(true);
    page().userId = 3;
    expect(client!.isRemembered).toBe(true);
  });
});

it('an attempt that nobody answered is offered again after a reload with a full storage', async () => {
  const storage = new FakeStorage(ROOM);
  storage.setItem('seatcast.last.http://fake/events?', 'x'.repeat(ROOM - 50));
  server.routes.set('POST /bookings', () => Promise.reject(new TypeError('fetch failed')));
  const asked = page(storage).book(WISH).catch(() => undefined);
  await server.settle(60_000);
  await asked;
  let unsent: readonly UnsentBooking[] = [];
  page(storage).watchUnsent((attempts) => (unsent = attempts));
  expect(unsent.map(({ state, request }) => [state, request])).toEqual([['unsent', WISH]]);
});

it('last known answers have a bound of their own together, the oldest go', async () => {
  const storage = new FakeStorage();
  const client = page(storage);
  const description = 'x'.repeat(LAST_KNOWN.lengthMax - 1_000);
  server.routes.set('GET /events', () => accepted([{ id: 1, description }]));
  for (let nth = 0; nth < 10; nth += 1) {
    await client.events({ q: `jazz ${nth}` });
    await server.settle(1_000);
  }
  const lengths = keys(storage).map((key) => storage.getItem(key)!.length);
  expect(lengths.reduce((sum, length) => sum + length, 0)).toBeLessThanOrEqual(LAST_KNOWN.totalMax);
  expect(keys(storage)).toContain('seatcast.last.http://fake/events?q=jazz+9');
  expect(keys(storage)).toHaveLength(5);
});
