import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Booking, SeatcastClient, UnsentBooking } from '../../src/sdk/index.ts';
import { accepted, FakeServer, refused, tokenOf } from '../support/fake-server.ts';
import { FakeStorage } from '../support/fake-storage.ts';

let server: FakeServer;
let storage: FakeStorage;
/** Bookings that the server made, by the key of the request. */
let made: Map<string, Booking>;
/** What the server does with a booking. */
let behaves: 'answers' | 'answer is lost' | 'request is lost' | 'refuses' | 'hangs';
const pages: SeatcastClient[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  storage = new FakeStorage();
  made = new Map();
  behaves = 'answers';
  server.routes.set('POST /bookings', (_, headers) => {
    if (behaves === 'request is lost') throw new TypeError('fetch failed');
    if (behaves === 'refuses') return refused(409, 'SOLD_OUT');
    const key = headers.get('idempotency-key')!;
    const booking = made.get(key) ?? server.bookings.make(0, { user_id: null, token: `token of ${key}` } as Partial<Booking>);
    made.set(key, booking);
    if (behaves === 'answer is lost') throw new TypeError('fetch failed');
    if (behaves === 'hangs') return new Promise<Response>(() => {});
    return accepted(booking, {}, 201);
  });
});
afterEach(() => {
  for (const page of pages.splice(0)) page.close();
  vi.useRealTimers();
});

const request = { event_id: 1, items: [{ ticket_type_id: 7, quantity: 2 }] };

function open(options: { userId?: number } = {}): SeatcastClient {
  const page = server.client({ storage });
  if (options.userId !== undefined) page.userId = options.userId;
  pages.push(page);
  return page;
}

function watched(page: SeatcastClient): () => readonly UnsentBooking[] {
  let list: readonly UnsentBooking[] = [];
  page.watchUnsent((unsent) => (list = unsent));
  return () => list;
}

const keptTokens = (): number => Array.from({ length: storage.length }, (_, index) => storage.key(index)!).filter((key) => key.startsWith('seatcast.booking.')).length;
const posts = (): number => server.requests.filter(({ method }) => method === 'POST').length;

describe('a token that ended in the middle of a booking', () => {
  it('says nothing of the try whose answer was lost: its key stays', async () => {
    const page = open({ userId: 3 });
    const unsent = watched(page);
    let tries = 0;
    const lost = server.routes.get('POST /bookings')!;
    server.routes.set('POST /bookings', (body, headers) => {
      behaves = 'answer is lost';
      tries += 1;
      return tries === 1 ? lost(body, headers) : refused(401, 'TOKEN_EXPIRED');
    });
    const first = page.book(request).catch((error: unknown) => error);
    await server.settle(60_000);
    expect(await first).toMatchObject({ status: 401 });
    expect(unsent()).toMatchObject([{ state: 'unsent' }]);
    server.routes.set('POST /bookings', lost);
    behaves = 'answers';
    const [attempt] = unsent();
    await page.bookAgain(attempt!);
    expect([made.size, unsent()]).toEqual([1, []]);
  });

  it('but is an answer to somebody without one', async () => {
    const page = open();
    const unsent = watched(page);
    server.routes.set('POST /bookings', () => refused(401, 'UNAUTHORIZED'));
    await page.book(request).catch(() => undefined);
    expect(unsent()).toEqual([]);
  });
});

describe('a page that is loaded again in the middle of a booking', () => {
  it('has its key kept before anything is sent', () => {
    behaves = 'hangs';
    let sentAt: number | undefined;
    server.routes.set('POST /bookings', () => {
      sentAt = Array.from({ length: storage.length }, (_, index) => storage.key(index)!).filter((key) => key.startsWith('seatcast.attempt.')).length;
      return new Promise<Response>(() => {});
    });
    void open().book(request);
    expect(sentAt).toBe(1);
  });

  it('asks again with the key, and finds the one booking', async () => {
    behaves = 'hangs';
    void open().book(request);
    await server.settle(500);
    expect(keptTokens()).toBe(0);
    behaves = 'answers';
    const page = open();
    let bookings: readonly Booking[] | undefined;
    page.watchBookings((view) => (bookings = view.bookings));
    await server.settle(500);
    expect(made.size).toBe(1);
    expect(keptTokens()).toBe(1);
    expect(bookings?.map(({ id }) => id)).toEqual([...made.values()].map(({ id }) => id));
    expect(watched(page)()).toEqual([]);
    expect(posts()).toBe(2);
  });

  it('sends the same body again', async () => {
    behaves = 'hangs';
    void open().book({ ...request, contact: { email: 'ana@example.com' }, vouchers: ['SUMMER'] });
    await server.settle(500);
    behaves = 'answers';
    watched(open());
    await server.settle(500);
    const [first, second] = server.requests.filter(({ method }) => method === 'POST');
    expect(JSON.stringify(second?.body)).toBe(JSON.stringify(first?.body));
    expect(second?.headers.get('idempotency-key')).toBe(first?.headers.get('idempotency-key'));
  });

  it('tells why it was refused, until that is put away', async () => {
    behaves = 'hangs';
    void open().book(request);
    await server.settle(500);
    behaves = 'refuses';
    const page = open();
    const list = watched(page);
    await server.settle(500);
    expect(list()).toMatchObject([{ state: 'refused', refusal: { code: 'SOLD_OUT' } }]);
    page.forgetUnsent(list()[0]!);
    expect(list()).toEqual([]);
  });

  it.each(['before', 'after'])('tells the next caller nothing of a refusal that came %s they signed in', async (when) => {
    behaves = 'hangs';
    void open({ userId: 3 }).book(request);
    await server.settle(500);
    behaves = 'refuses';
    let answer = (): void => undefined;
    server.routes.set('POST /bookings', () => new Promise((resolve) => (answer = () => resolve(refused(409, 'SOLD_OUT')))));
    const page = open({ userId: 3 });
    const list = watched(page);
    await server.settle(500);
    if (when === 'before') answer();
    await server.settle(10);
    page.userId = 4;
    answer();
    await server.settle(500);
    expect(list()).toEqual([]);
  });

  it('does not ask by itself after two minutes: it offers', async () => {
    behaves = 'hangs';
    void open().book(request);
    await server.settle(500);
    await server.settle(150_000);
    const before = posts();
    behaves = 'answers';
    const list = watched(open());
    await server.settle(1_000);
    expect(posts()).toBe(before);
    expect(list()).toMatchObject([{ state: 'unsent', request }]);
  });

  it('shows nothing of another account of the same issuer, nor of a guest, and keeps no token', async () => {
    behaves = 'request is lost';
    const page = open();
    page.setToken(tokenOf('auth0|ada'));
    page.book(request).catch(() => {});
    await server.settle(60_000);
    const list = watched(page);
    expect(list()).toHaveLength(1);
    for (const other of [tokenOf('auth0|bo'), undefined, 'sk_key', 'sk_other']) {
      page.setToken(other);
      expect(list()).toEqual([]);
    }
    page.book(request).catch(() => {});
    const kept = Array.from({ length: storage.length }, (_, index) => storage.getItem(storage.key(index)!)).join();
    expect(kept).not.toContain('sk_');
    expect(kept).not.toContain(tokenOf('auth0|ada'));
  });

  it('shows nothing of another caller', async () => {
    behaves = 'hangs';
    void open({ userId: 3 }).book(request);
    await server.settle(500);
    behaves = 'answers';
    const before = posts();
    const page = open();
    const list = watched(page);
    await server.settle(500);
    expect(list()).toEqual([]);
    expect(posts()).toBe(before);
    page.userId = 3;
    await server.settle(500);
    expect(posts()).toBe(before + 1);
    expect(made.size).toBe(1);
  });
});

describe('a booking that could not be sent', () => {
  async function unsent(): Promise<SeatcastClient> {
    behaves = 'request is lost';
    const page = open();
    const outcome = page.book(request).catch((error: unknown) => error);
    await server.settle(60_000);
    expect(await outcome).toMatchObject({ name: 'Unreachable' });
    return page;
  }

  it('is offered, and never sent by itself', async () => {
    const page = await unsent();
    expect(watched(page)()).toMatchObject([{ state: 'unsent', request }]);
    behaves = 'answers';
    const before = posts();
    page.nudge();
    const later = watched(open());
    await server.settle(300_000);
    expect(posts()).toBe(before);
    expect(later()).toHaveLength(1);
  });

  it('is booked once when its buyer asks, whatever had become of it', async () => {
    await unsent();
    behaves = 'answer is lost';
    const page = open();
    const list = watched(page);
    const again = page.bookAgain(list()[0]!).catch(() => {});
    expect(list()).toMatchObject([{ state: 'asking' }]);
    await server.settle(60_000);
    await again;
    expect(list()).toMatchObject([{ state: 'unsent' }]);
    behaves = 'answers';
    const booking = await page.bookAgain(list()[0]!);
    expect([...made.values()].map(({ id }) => id)).toEqual([booking.id]);
    expect(list()).toEqual([]);
  });

  it('is gone when its buyer does not want it any more, in other tabs as well', async () => {
    const page = await unsent();
    const other = open();
    const [list, there] = [watched(page), watched(other)];
    page.forgetUnsent(list()[0]!);
    other.storageChanged('seatcast.attempt.x');
    expect([list(), there()]).toEqual([[], []]);
  });

  it('is forgotten before the server forgets its key', async () => {
    await unsent();
    await server.settle(23 * 3_600_000);
    expect(watched(open())()).toEqual([]);
  });

  it('leaves nothing behind when the server answered', async () => {
    await open().book(request);
    behaves = 'refuses';
    await open().book(request).catch(() => {});
    expect(Array.from({ length: storage.length }, (_, index) => storage.key(index)!).filter((key) => key.startsWith('seatcast.attempt.'))).toEqual([]);
  });

  it('is offered by the page itself where there is no storage', async () => {
    behaves = 'request is lost';
    const page = server.client();
    pages.push(page);
    void page.book(request).catch(() => {});
    await server.settle(60_000);
    expect(watched(page)()).toMatchObject([{ state: 'unsent' }]);
  });
});

it('two tabs that book at the same time leave each other\'s attempts alone', async () => {
  behaves = 'hangs';
  const [one, other] = [open(), open()];
  void one.book(request);
  void other.book({ ...request, items: [{ ticket_type_id: 7, quantity: 1 }] });
  await server.settle(500);
  behaves = 'answers';
  watched(open());
  await server.settle(500);
  expect(made.size).toBe(2);
  expect(keptTokens()).toBe(2);
});
