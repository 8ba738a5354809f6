import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Countdown, Refusal, Unreachable, type SeatcastClient } from '../../src/sdk/index.ts';
import { accepted, FakeServer, refused } from '../support/fake-server.ts';

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
});

const request = { event_id: 1, items: [{ ticket_type_id: 7, quantity: 2 }] };
const pending = { id: 'b-1', event_id: 1, status: 'pending', server_time: '2026-01-01T10:00:00Z' };
const keys = (): (string | null)[] => server.requests.map(({ headers }) => headers.get('idempotency-key'));

/** Answers with these in turn; a thrown one is a network that failed. */
function answers(...list: (Response | Error)[]): void {
  server.routes.set('POST /bookings', () => {
    const next = list.shift() ?? refused(500, 'INTERNAL');
    if (next instanceof Error) throw next;
    return next;
  });
}

/** Lets the retries' pauses pass, and answers what became of the promise. */
async function outcome<T>(promise: Promise<T>): Promise<T | Error> {
  const settled = promise.catch((error: Error) => error);
  await server.settle(60_000);
  return settled;
}

describe('booking', () => {
  it('answers the booking and the server\'s clock', async () => {
    answers(accepted(pending, {}, 201));
    expect(await outcome(client.book(request))).toEqual({ booking: pending, serverTime: pending.server_time });
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

  it('repeats while its first try is still under way', async () => {
    answers(refused(409, 'IDEMPOTENCY_IN_FLIGHT'), accepted(pending, {}, 201));
    await outcome(client.book(request));
    expect(new Set(keys()).size).toBe(1);
    expect(server.requests).toHaveLength(2);
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
  it('proves that a booking is his by the token that it was answered with', async () => {
    const storage = new Map<string, string>();
    const kept = {
      getItem: (key: string) => storage.get(key) ?? null,
      setItem: (key: string, value: string) => void storage.set(key, value),
    };
    client = server.client({ storage: kept });
    answers(accepted({ ...pending, token: 'secret' }, {}, 201));
    await outcome(client.book(request));

    const later = server.client({ storage: kept });
    server.routes.set('GET /bookings/b-1', () => accepted(pending));
    server.routes.set('PUT /bookings/b-1/status', () => accepted({ ...pending, status: 'cancelled' }));
    expect((await later.myBookings()).map(({ booking }) => booking.id)).toEqual(['b-1']);
    await later.cancel({ id: 'b-1', event_id: 1 });
    expect(server.requests.map(({ headers }) => headers.get('x-booking-token'))).toEqual([null, 'secret', 'secret']);
  });
});

describe('the countdown', () => {
  it('goes by the server\'s clock, whatever ours says', async () => {
    const left = new Countdown('2031-01-01T10:05:00Z', '2031-01-01T10:00:59.5Z');
    expect(String(left)).toBe('4:01');
    await server.settle(61_000);
    vi.setSystemTime(new Date('2040-01-01'));
    expect(String(left)).toBe('3:00');
    await server.settle(600_000);
    expect([String(left), left.leftMs()]).toEqual(['0:00', 0]);
  });
});
