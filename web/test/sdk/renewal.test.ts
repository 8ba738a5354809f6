import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Refusal, Unreachable, type BookingsView, type ClientOptions, type EventState, type SeatcastClient, type TopicView } from '../../src/sdk/index.ts';
import { accepted, FakeServer, refused, tokenOf } from '../support/fake-server.ts';

const ENDED = tokenOf(3);
const FRESH = `${tokenOf(3)}again`;
const request = { event_id: 1, items: [{ ticket_type_id: 7, quantity: 2 }] };

let server: FakeServer;
let client: SeatcastClient;
/** What REST was asked for, and as whom. */
let asked: string[];
let keys: (string | null)[];
let good: string;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  server.reachable = false;
  asked = [];
  keys = [];
  good = FRESH;
});
afterEach(() => {
  client.close();
  vi.useRealTimers();
});

/** A client whose token has ended, at a server that takes the good one only. */
function open(options: Partial<ClientOptions>): void {
  const fetched: typeof fetch = (input, init) => {
    const headers = new Headers(init?.headers);
    const bearer = headers.get('authorization');
    if (headers.has('idempotency-key')) keys.push(headers.get('idempotency-key'));
    asked.push(`${new URL(String(input)).pathname.replace('/api/v1', '')} ${bearer?.slice(-5) ?? 'nobody'}`);
    if (bearer !== null && bearer !== `Bearer ${good}`) return Promise.resolve(refused(401, 'TOKEN_EXPIRED'));
    return server.fetch(input, init);
  };
  client = server.client({ token: ENDED, fetch: fetched, ...options });
}

describe('a token that ended is renewed by REST', () => {
  it('where no socket gets through, once for all who ask, and what is written goes out again with its key', async () => {
    const refreshToken = vi.fn(() => new Promise<string>((resolve) => setTimeout(() => resolve(FRESH), 100)));
    open({ refreshToken });
    let view: TopicView<EventState> | undefined;
    client.watch('event:1', (seen) => (view = seen));
    server.routes.set('POST /bookings', () => accepted(server.hold(3), {}, 201));
    const booked = client.book(request);
    const me = client.me().catch((error: unknown) => error);
    await server.settle(1_000);
    expect(await booked).toMatchObject({ status: 'pending' });
    await me;
    await server.settle(20_000);
    expect(refreshToken).toHaveBeenCalledOnce();
    expect(view?.status).toBe('live');
    expect([keys.length, new Set(keys).size]).toEqual([2, 1]);
  });

  it('so that signing out reaches the server', async () => {
    open({ refreshToken: async () => FRESH });
    server.routes.set('POST /auth/logout', () => accepted(null));
    await client.signOut();
    expect(asked).toEqual([`/auth/logout ${ENDED.slice(-5)}`, '/auth/logout again']);
    expect(client.isGuest).toBe(true);
  });

  it('but nothing goes out again as another caller, nor as nobody', async () => {
    open({ refreshToken: async () => tokenOf(4) });
    expect(await client.book(request).catch((error: unknown) => error)).toMatchObject({ status: 401 });
    expect(asked).toHaveLength(1);
    client.close();
    open({ refreshToken: async () => undefined });
    expect(await client.book(request).catch((error: unknown) => error)).toBeInstanceOf(Refusal);
    expect([asked.length, client.isGuest]).toEqual([2, true]);
  });

  it('and whoever waits no longer is told so, however long that takes', async () => {
    open({ refreshToken: () => new Promise(() => {}) });
    const waits = new AbortController();
    const read = client.rest.send('/auth/me', { signal: waits.signal }).catch((error: unknown) => error);
    await server.settle(4_000);
    waits.abort();
    expect(await Promise.race([read, server.settle(10)])).toBeInstanceOf(Unreachable);
    expect(asked).toHaveLength(1);
  });

  it('and where nobody can be asked for one, the caller stays who they are', async () => {
    open({});
    expect(await client.book(request).catch((error: unknown) => error)).toMatchObject({ status: 401 });
    expect([asked.length, client.isGuest]).toEqual([1, false]);
  });
});

describe('where the site\'s server cannot be reached for another token', () => {
  it('the buyer stays signed in, and it is asked for again', async () => {
    server.reachable = true;
    const hold = server.hold(3);
    const refreshToken = vi.fn<() => Promise<string>>().mockRejectedValueOnce(new TypeError('fetch failed')).mockResolvedValue(FRESH);
    good = ENDED;
    open({ refreshToken });
    let view: BookingsView | undefined;
    client.watchBookings((seen) => (view = seen));
    await server.settle(10);
    server.close(4001);
    good = FRESH;
    await server.settle(1_000);
    expect(client.isGuest).toBe(false);
    expect(view).toMatchObject({ account: true, bookings: [{ id: hold.id }] });
    server.close(4001);
    await server.settle(1_000);
    expect(refreshToken).toHaveBeenCalledTimes(2);
    expect(view).toMatchObject({ account: true, status: 'live' });
  });
});
