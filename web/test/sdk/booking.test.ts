import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Refusal, Unreachable, type SeatcastClient } from '../../src/sdk/index.ts';
import { Countdown, ServerClock } from '../../src/sdk/clock.ts';
import { accepted, FakeServer, refused, tokenOf } from '../support/fake-server.ts';
import { FakeStorage } from '../support/fake-storage.ts';

let server: FakeServer;
let client: SeatcastClient;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  client = server.client();
});

afterEach(() => {
  client.close();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const request = { event_id: 1, items: [{ ticket_type_id: 7, quantity: 2 }] };
const pending = { id: 'b-1', event_id: 1, version: 1, status: 'pending', server_time: '2026-01-01T10:00:00Z' };
const keys = (): (string | null)[] => server.requests.map(({ headers }) => headers.get('idempotency-key'));

/** Answers with these in turn; a thrown one is a network that failed. */
function answers(...list: (Response | Error)[]): void {
  server.routes.set('POST /bookings', () => {
    const next = list.shift() ?? refused(500, 'INTERNAL');
    if (next instanceof Error) throw next;
    return next;
  });
}

/** The client finds this booking kept. */
function storageOf(kept: { id: string } & Record<string, unknown>): void {
  const storage = new FakeStorage();
  storage.setItem(`seatcast.booking.${kept.id}`, JSON.stringify(kept));
  client.close();
  client = server.client({ storage });
}

/** Lets the retries' pauses pass, and answers what became of the promise. */
async function outcome<T>(promise: Promise<T>): Promise<T | Error> {
  const settled = promise.catch((error: Error) => error);
  await server.settle(60_000);
  return settled;
}

describe('a price', () => {
  it('is asked for with the token of a guest’s hold, which may use the code up', async () => {
    const quote = { event_id: 1, quantity: 2, total: { amount: 1_000, currency: 'EUR' }, lines: [] };
    server.routes.set('POST /bookings/quote', () => accepted(quote));
    const proofOf = async (vouchers?: string[]): Promise<string | null | undefined> => {
      expect(await outcome(client.quote({ ...request, ...(vouchers ? { vouchers } : {}) }))).toEqual(quote);
      return server.requests.at(-1)?.headers.get('x-booking-token');
    };
    expect(await proofOf(['ONCE'])).toBeNull();
    answers(accepted({ ...pending, token: 'with the code' }, {}, 201), accepted({ ...pending, id: 'b-2', token: 'without' }, {}, 201));
    await outcome(client.book({ ...request, vouchers: ['ONCE'] }));
    await outcome(client.book(request));
    expect(await proofOf(['OTHER', 'ONCE'])).toBe('with the code');
    expect(await proofOf(['OTHER'])).toBe('without');
    expect(await proofOf()).toBeNull();
  });

  it('is asked for with nothing of another event’s', async () => {
    storageOf({ id: 'b-9', event_id: 2, token: 'secret', version: 1, vouchers: ['ONCE'] });
    server.routes.set('POST /bookings/quote', () => accepted({}));
    await outcome(client.quote({ ...request, vouchers: ['ONCE'] }));
    expect(server.requests.at(-1)?.headers.get('x-booking-token')).toBeNull();
  });
});

describe('paying', () => {
  const attempt = { attempt: 'p-1', provider: 'demo', status: 'requires_action', redirect_url: '/pay/demo/p-1' };

  it('leads to a page of the server, and proves the booking a guest\'s', async () => {
    answers(accepted({ ...pending, token: 'secret' }, {}, 201));
    await outcome(client.book(request));
    server.routes.set('POST /bookings/b-1/payment', () => accepted(attempt, {}, 201));
    const begun = await outcome(client.pay(pending, { return_url: 'https://blog.example/' }));
    const [, sent] = server.requests;
    expect(sent?.headers.get('x-booking-token')).toBe('secret');
    expect(sent?.body).toEqual({ return_url: 'https://blog.example/' });
    expect(begun).toMatchObject({ redirect_url: expect.stringMatching(/^https?:\/\/[^/]+\/pay\/demo\/p-1$/) as string });
  });

  it('leaves a provider\'s address as it is, and asks again when nobody answered', async () => {
    const elsewhere = 'https://cards.example/p-1';
    const list = [new TypeError('fetch failed'), accepted({ ...attempt, redirect_url: elsewhere }, {}, 201)];
    server.routes.set('POST /bookings/b-1/payment', () => {
      const next = list.shift();
      if (next instanceof Response) return next;
      throw next ?? new TypeError('asked too often');
    });
    expect(await outcome(client.pay(pending))).toMatchObject({ redirect_url: elsewhere });
    expect(new Set(keys()).size).toBe(1);
  });
});

describe('booking', () => {
  it('answers the booking', async () => {
    answers(accepted(pending, {}, 201));
    expect(await outcome(client.book(request))).toEqual(pending);
    expect(server.requests[0]?.body).toEqual(request);
  });

  it('keeps its key across retries, so that it is made once', async () => {
    answers(new TypeError('fetch failed'), new Response('bad gateway', { status: 502 }), accepted(pending, {}, 201));
    await outcome(client.book(request));
    expect(server.requests).toHaveLength(3);
    expect(new Set(keys()).size).toBe(1);
    expect(keys()[0]).toMatch(/^[0-9a-f]{32}$/);
  });

  it('takes another key for another booking', async () => {
    answers(accepted(pending, {}, 201), accepted(pending, {}, 201));
    await outcome(client.book(request));
    await outcome(client.book(request));
    expect(new Set(keys()).size).toBe(2);
  });

  it('waits as long as a busy desk asks', async () => {
    const busy = JSON.stringify({ success: false, message: 'busy', data: { code: 'BUSY' } });
    answers(new Response(busy, { status: 503, headers: { 'retry-after': '7' } }), accepted(pending, {}, 201));
    const booked = client.book(request);
    await server.settle(6_900);
    expect(server.requests).toHaveLength(1);
    await server.settle(200);
    await booked;
    expect(server.requests).toHaveLength(2);
  });

  it('waits as long as a limit on requests asks, and repeats no booking beyond a share', async () => {
    const often = JSON.stringify({ success: false, message: 'slower', data: { code: 'RATE_LIMITED' } });
    answers(new Response(often, { status: 429, headers: { 'retry-after': '3' } }), refused(429, 'HOLDS_EXCEEDED', { max: 4 }));
    const booked = client.book(request).catch((error: unknown) => error);
    await server.settle(2_900);
    expect(server.requests).toHaveLength(1);
    await server.settle(200);
    expect(await booked).toMatchObject({ code: 'HOLDS_EXCEEDED' });
    expect(server.requests).toHaveLength(2);
  });

  it('repeats while its first try is still under way', async () => {
    answers(refused(409, 'IDEMPOTENCY_IN_FLIGHT'), accepted(pending, {}, 201));
    await outcome(client.book(request));
    expect(new Set(keys()).size).toBe(1);
    expect(server.requests).toHaveLength(2);
  });

  it('is in doubt where its first try never ends: the attempt stays known', async () => {
    answers(...Array.from({ length: 9 }, () => refused(409, 'IDEMPOTENCY_IN_FLIGHT')));
    let unsent = 0;
    client.watchUnsent(({ length }) => (unsent = length));
    expect(await outcome(client.book(request))).toBeInstanceOf(Unreachable);
    expect(server.requests).toHaveLength(5);
    expect(unsent).toBe(1);
  });

  it.each([
    ['signs in', undefined, tokenOf(3)],
    ['signs out', tokenOf(3), undefined],
    ['is another one', tokenOf(3), tokenOf(4)],
    ['signs in with an account of another issuer', undefined, tokenOf('auth0|ada')],
    ['signs out of one', tokenOf('auth0|ada'), undefined],
    ['is another one of theirs', tokenOf('auth0|ada'), tokenOf('auth0|bo')],
  ])('is not repeated under another name, where the caller %s meanwhile', async (_how, before, after) => {
    // The pause after the first try is long enough for the change.
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    client.setToken(before);
    answers(new TypeError('fetch failed'), accepted(pending, {}, 201));
    const booked = client.book(request).catch((error: unknown) => error);
    await server.settle(10);
    client.setToken(after);
    await server.settle(60_000);
    expect(await booked).toBeInstanceOf(Unreachable);
    expect(keys()).toHaveLength(1);
    // It is still the one's who sent it.
    client.setToken(before);
    let states: string[] = [];
    client.watchUnsent((attempts) => (states = attempts.map(({ state }) => state)));
    expect(states).toEqual(['unsent']);
  });

  it.each([3, 'auth0|ada'])('is repeated with a fresh token of the same caller, %s', async (user) => {
    client.setToken(tokenOf(user));
    answers(new TypeError('fetch failed'), accepted(pending, {}, 201));
    const booked = client.book(request);
    await server.settle(10);
    client.setToken(`${tokenOf(user)}x`);
    await server.settle(60_000);
    expect(await booked).toMatchObject({ id: 'b-1' });
    expect(new Set(keys()).size).toBe(1);
  });

  it('does not repeat what was refused, and says why', async () => {
    answers(refused(409, 'SOLD_OUT', { by_type: { 7: 0 } }));
    const refusal = await outcome(client.book(request));
    expect(refusal).toBeInstanceOf(Refusal);
    expect(refusal).toMatchObject({ code: 'SOLD_OUT', status: 409, data: { by_type: { 7: 0 } } });
    expect(server.requests).toHaveLength(1);
  });

  it('gives up in the end, in doubt', async () => {
    answers(...Array.from({ length: 9 }, () => new TypeError('fetch failed')));
    expect(await outcome(client.book(request))).toBeInstanceOf(Unreachable);
    expect(server.requests).toHaveLength(5);
  });
});

describe('a buyer without an account', () => {
  const made = (id: string): Response => accepted({ ...pending, id, token: `secret of ${id}` }, {}, 201);
  const book = async (by: SeatcastClient, id: string): Promise<void> => {
    answers(made(id));
    await outcome(by.book(request));
  };
  const tokens = (): (string | null)[] => server.requests.map(({ headers }) => headers.get('x-booking-token'));

  it('proves to own a booking by the token that it was answered with', async () => {
    const storage = new FakeStorage();
    await book(server.client({ storage }), 'b-1');

    const later = server.client({ storage });
    server.routes.set('GET /bookings/b-1', () => accepted(pending));
    server.routes.set('PUT /bookings/b-1/status', () => accepted({ ...pending, status: 'cancelled', version: 2 }));
    expect((await later.myBookings()).map(({ id }) => id)).toEqual(['b-1']);
    await later.cancel({ id: 'b-1' });
    expect(tokens()).toEqual([null, 'secret of b-1', 'secret of b-1']);
  });

  it('web_3: keeps the bookings of all tabs, whichever wrote last', async () => {
    const storage = new FakeStorage();
    // Both tabs are open, and have read the storage, before either books.
    const tabs = [server.client({ storage }), server.client({ storage })] as const;
    await Promise.all(tabs.map((tab) => tab.myBookings()));
    await book(tabs[0], 'b-1');
    await book(tabs[1], 'b-2');
    for (const id of ['b-1', 'b-2']) server.routes.set(`GET /bookings/${id}`, () => accepted({ ...pending, id }));
    for (const tab of [...tabs, server.client({ storage })]) {
      expect((await tab.myBookings()).map(({ id }) => id)).toEqual(['b-2', 'b-1']);
    }
  });

  it('is told of what another tab did, by the storage', async () => {
    const storage = new FakeStorage();
    const tabs = [server.client({ storage }), server.client({ storage })] as const;
    storage.changed = (key) => tabs.forEach((tab) => tab.storageChanged(key));
    let status = 'pending';
    server.routes.set('GET /bookings/b-1', () => accepted({ ...pending, status, version: status === 'pending' ? 1 : 2 }));
    server.routes.set('PUT /bookings/b-1/status', () => {
      status = 'cancelled';
      return accepted({ ...pending, status, version: 2 });
    });
    const seen: (string | undefined)[] = [];
    tabs[1].watchBookings(({ bookings }) => seen.push(bookings?.[0]?.status));
    await server.settle(10);
    expect(seen.at(-1)).toBeUndefined();
    await book(tabs[0], 'b-1');
    await server.settle(10);
    expect(seen.at(-1)).toBe('pending');
    await tabs[0].cancel({ id: 'b-1' });
    await server.settle(10);
    expect(seen.at(-1)).toBe('cancelled');
  });

  it('keeps bookings in memory where there is no storage, or it refuses', async () => {
    const storage = new FakeStorage();
    storage.setItem = () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
    for (const tab of [server.client(), server.client({ storage })]) {
      await book(tab, 'b-1');
      server.routes.set('GET /bookings/b-1', () => accepted(pending));
      expect(await tab.myBookings()).toHaveLength(1);
    }
  });

  it('keeps the newest fifty', async () => {
    const storage = new FakeStorage();
    const tab = server.client({ storage });
    for (let made = 10; made < 70; made += 1) await book(tab, `b-${made}`);
    expect(storage.length).toBeLessThanOrEqual(51);
    expect(storage.getItem('seatcast.booking.b-69')).toContain('secret of b-69');
    expect(storage.getItem('seatcast.booking.b-10')).toBeNull();
  });
});

describe('the countdown', () => {
  const start = Date.parse('2031-01-01T10:00:00Z');
  const left = (clock: ServerClock): Countdown => new Countdown('2031-01-01T10:05:00Z', clock);

  it('goes by the server\'s clock, whatever ours says', async () => {
    const clock = new ServerClock();
    clock.tell(start + 59_500, true);
    const countdown = left(clock);
    expect(String(countdown)).toBe('4:01');
    await server.settle(61_000);
    vi.setSystemTime(new Date('2040-01-01'));
    expect(String(countdown)).toBe('3:00');
    await server.settle(600_000);
    expect([String(countdown), countdown.leftMs()]).toEqual(['0:00', 0]);
  });

  it('believes the latest of what the server said, and no node\'s clock that differs a little', () => {
    const clock = new ServerClock();
    clock.tellRoughly(start + 3_000);
    clock.tell(start, true);
    expect(String(left(clock))).toBe('5:00');
    clock.tell(start - 60_000);
    clock.tellRoughly(start + 3_000);
    expect(String(left(clock))).toBe('5:00');
  });

  it('web_4: is right again after the machine slept, when its own clock stood still', () => {
    const clock = new ServerClock();
    clock.tell(start, true);
    // A beat after waking: nothing passed here, two minutes did there.
    clock.tellRoughly(start + 120_000);
    expect(String(left(clock))).toBe('3:00');
  });
});
