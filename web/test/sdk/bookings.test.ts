import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AdminState, Booking, BookingsView, HeldTicket, SeatcastClient, TopicView } from '../../src/sdk/index.ts';
import { Bookings, COMMITTED_WITHIN_US } from '../../src/sdk/bookings.ts';
import { GUEST } from '../../src/sdk/own-bookings.ts';
import { accepted, FakeServer, foreignTokenOf, refused, tokenOf } from '../support/fake-server.ts';
import { FakeStorage } from '../support/fake-storage.ts';

let server: FakeServer;
let client: SeatcastClient;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  client = server.client({ token: tokenOf(3) });
});
afterEach(() => {
  client.close();
  vi.useRealTimers();
});

/** Watches the bookings of whoever is asking, and keeps what was shown. */
function watch(of = client): { views: BookingsView[]; last: () => BookingsView; statuses: () => (string | undefined)[] } {
  const views: BookingsView[] = [];
  of.watchBookings((view) => views.push(view));
  const last = (): BookingsView => views.at(-1)!;
  return { views, last, statuses: () => last().bookings?.map(({ status }) => status) ?? [undefined] };
}

const cancelRoute = (id: string): void => {
  server.routes.set(`PUT /bookings/${id}/status`, () => accepted(server.changeBooking(3, id, { status: 'cancelled' })));
};

describe('the known bookings', () => {
  const booking = (version: number, status: Booking['status'] = 'pending', id = 'b-1'): Booking =>
    ({ id, version, status, created_at: '2030-01-01T10:00:00Z' }) as Booking;
  const shown = (known: Bookings): string[] => known.list.map(({ id, version }) => `${id}/${version}`);

  it('keep the higher version, whoever tells the lower one', () => {
    const known = Bookings.none.changed([booking(3)], [], 100);
    expect(shown(known.told([booking(2)], 200))).toEqual(['b-1/3']);
    expect(shown(known.changed([booking(2)], [], 200))).toEqual(['b-1/3']);
    expect(shown(known.whole([booking(2)], 200))).toEqual(['b-1/3']);
    expect(shown(known.told([booking(4)], 50))).toEqual(['b-1/4']);
  });

  it('that are gone stay gone for an answer that is not newer', () => {
    const gone = Bookings.none.changed([booking(3)], [], 100).changed([], ['b-1'], 200);
    expect(shown(gone)).toEqual([]);
    expect(shown(gone.told([booking(3)], 150))).toEqual([]);
    expect(shown(gone.told([booking(4)], 150))).toEqual(['b-1/4']);
    expect(shown(gone.changed([booking(3)], [], 300))).toEqual(['b-1/3']);
  });

  it('are what a whole state says, but for what REST told after it began', () => {
    const known = Bookings.none.whole([booking(1, 'pending', 'b-1')], 100).told([booking(1, 'pending', 'b-2')], 200);
    expect(shown(known.whole([booking(1, 'pending', 'b-1')], 201))).toEqual(['b-2/1', 'b-1/1']);
    const later = 200 + COMMITTED_WITHIN_US;
    expect(shown(known.whole([booking(1, 'pending', 'b-1')], later))).toEqual(['b-1/1']);
  });

  it('that REST lists late do not bring back one that is gone', () => {
    const gone = Bookings.none.changed([booking(3)], [], 100).changed([], ['b-1'], 200);
    expect(shown(gone.toldAll([booking(3)], 150))).toEqual([]);
    expect(shown(Bookings.none.changed([booking(3)], [], 100).toldAll([], 150))).toEqual([]);
    expect(shown(Bookings.none.changed([booking(3)], [], 200).toldAll([], 150))).toEqual(['b-1/3']);
  });

  it('have beside them the tickets that were taken over, under the same rule', () => {
    const ticket = (version: number, id = 7): HeldTicket => ({ id, version, code: `TKT-${id}`, taken_over_at: `2030-01-01T10:0${id}:00Z` }) as HeldTicket;
    const known = Bookings.none.whole([booking(1), ticket(4), ticket(1, 8)], 100);
    expect(shown(known)).toEqual(['b-1/1']);
    const tickets = (of: Bookings): string[] => of.tickets.map(({ id, version }) => `${id}/${version}`);
    expect(tickets(known)).toEqual(['8/1', '7/4']);
    expect(tickets(known.changed([ticket(3)], [], 200))).toEqual(['8/1', '7/4']);
    const gone = known.changed([], [7], 200);
    expect(tickets(gone)).toEqual(['8/1']);
    expect(tickets(gone.toldAll([booking(1), ticket(4), ticket(1, 8)], 150))).toEqual(['8/1']);
    expect(tickets(gone.changed([ticket(6)], [], 300))).toEqual(['8/1', '7/6']);
    expect(tickets(known.whole([booking(1)], 200))).toEqual([]);
  });

  it('stay the same object when nothing changed', () => {
    const known = Bookings.none.changed([booking(3)], [], 100);
    expect(known.told([booking(3)], 200)).toBe(known);
  });
});

describe('bookings of an account', () => {
  it('are live, and show what is held, paid, cancelled and expired elsewhere at once', async () => {
    const { id } = server.hold(3);
    const { last, statuses } = watch();
    expect(last().status).toBe('connecting');
    await server.settle(10);
    expect(last()).toMatchObject({ status: 'live', problem: undefined });
    expect(statuses()).toEqual(['pending']);
    const other = server.hold(3, { created_at: '2040-01-01T00:00:00Z' });
    server.changeBooking(3, id, { status: 'confirmed' });
    expect(statuses()).toEqual(['pending', 'confirmed']);
    server.changeBooking(3, other.id, { status: 'expired' });
    server.changeBooking(3, id, { status: 'cancelled' });
    expect(statuses()).toEqual(['expired', 'cancelled']);
    server.dropBooking(3, id);
    expect(statuses()).toEqual(['expired']);
    expect(server.requests.filter(({ path }) => path.startsWith('/bookings/mine'))).toEqual([]);
  });

  it('stay live while nothing happens, although the node\'s last change is older than our join', async () => {
    server.hold(3);
    await server.settle(1_000);
    const { views, last } = watch();
    await server.settle(120_000);
    expect(last().status).toBe('live');
    expect(views.filter(({ status }) => status === 'stale')).toEqual([]);
    expect(server.joins).toHaveLength(1);
  });

  it('catch up with since after a cut', async () => {
    const { id } = server.hold(3);
    const { last, statuses } = watch();
    await server.settle(10);
    server.cut();
    expect(last().status).toBe('stale');
    server.changeBooking(3, id, { status: 'cancelled' });
    await server.settle(2_000);
    expect(statuses()).toEqual(['cancelled']);
    expect(last().status).toBe('live');
    expect(server.joins.at(-1)?.payload['since']).toBeGreaterThan(1e15);
  });

  it('of our own are shown with their answer, and a late whole state does not take them back', async () => {
    const { statuses } = watch();
    server.silent = true;
    await server.settle(10);
    // The node reads, then the booking is committed and answered, then the node's answer comes.
    const readAt = server.bookings.now();
    server.silent = false;
    server.loseFrames = true;
    server.routes.set('POST /bookings', () => accepted({ ...server.hold(3), server_time: new Date().toISOString() }, {}, 201));
    const booked = client.book({ event_id: 1, items: [] });
    await server.settle(1);
    await booked;
    server.sendRaw(JSON.stringify(['1', '1', 'user:3', 'phx_reply', { status: 'ok', response: { revision: readAt, resumed: false, state: { bookings: [] } } }]));
    await server.settle(1);
    expect(statuses()).toEqual(['pending']);
  });

  it('cancelled here show so with the answer, and an older frame does not undo it', async () => {
    const before = server.hold(3);
    const { statuses } = watch();
    await server.settle(10);
    server.loseFrames = true;
    cancelRoute(before.id);
    const cancelled = client.cancel(before);
    await server.settle(1);
    await cancelled;
    expect(statuses()).toEqual(['cancelled']);
    const to = server.bookings.now();
    server.push('user:3', 'update', { from: 1, to, bookings: [before] });
    expect(statuses()).toEqual(['cancelled']);
  });

  it('come by polling where no socket gets through, under the same rule', async () => {
    const { id } = server.hold(3);
    server.reachable = false;
    const { last, statuses } = watch();
    await server.settle(15_000);
    expect(statuses()).toEqual(['pending']);
    expect(last().status).toBe('live');
    server.changeBooking(3, id, { status: 'confirmed' });
    const ticket = { id: 811, version: 1, code: 'TKT-20300101-9G4M2RVX', taken_over_at: '2030-01-01T10:00:00Z' } as HeldTicket;
    server.tickets = [ticket];
    await server.settle(10_500);
    expect(statuses()).toEqual(['confirmed']);
    expect(last().tickets).toEqual([ticket]);
    server.tickets = [];
    await server.settle(10_500);
    expect(last().tickets).toEqual([]);
    server.dropBooking(3, id);
    await server.settle(10_500);
    expect(statuses()).toEqual([]);
    server.hold(3);
    server.reachable = true;
    await server.settle(60_000);
    expect(statuses()).toEqual(['pending']);
    const polls = server.requests.length;
    await server.settle(30_000);
    expect(server.requests.length).toBe(polls);
  });

  it('say why, when they are refused', async () => {
    server = new FakeServer();
    client = server.client();
    let refusal: unknown;
    client.watch('user:3', ({ refused: why }) => (refusal = why));
    await server.settle(10);
    expect(refusal).toMatchObject({ code: 'UNAUTHORIZED' });
    client.setToken(tokenOf(3));
    await server.settle(10);
    expect(refusal).toBeUndefined();
  });

  it('are another\'s as soon as somebody else is asking, on the same link', async () => {
    client = server.client();
    client.userId = 3;
    server.hold(3);
    const theirs = server.hold(4, { status: 'confirmed' });
    const { views, statuses } = watch();
    await server.settle(10);
    expect(statuses()).toEqual(['pending']);
    const seen = views.length;
    client.userId = 4;
    expect(views[seen]?.bookings).toBeUndefined();
    await server.settle(10);
    expect(statuses()).toEqual(['confirmed']);
    server.hold(3);
    expect(views.at(-1)?.bookings?.map(({ id }) => id)).toEqual([theirs.id]);
    expect(server.links).toBe(1);
    client.userId = undefined;
    await server.settle(10);
    expect(views.at(-1)).toMatchObject({ bookings: [], account: false });
  });

  it('stay while the token of the same user is renewed', async () => {
    server.hold(3);
    const { views } = watch();
    await server.settle(10);
    client.setToken(`${tokenOf(3)}again`);
    await server.settle(10);
    expect(views.slice(2).every(({ bookings }) => bookings?.length === 1)).toBe(true);
    expect(server.joins).toHaveLength(1);
  });

  it('learn the server\'s time for the countdown, once', async () => {
    server.hold(3);
    watch();
    await server.settle(10);
    server.hold(3);
    await server.settle(10);
    const reads = server.requests.filter(({ path }) => /^\/bookings\/b-/.test(path));
    expect(reads).toHaveLength(1);
    expect(String(client.countdown({ expires_at: new Date(Date.now() + 60_000).toISOString() }))).toBe('1:00');
  });

  it('are not taken back by a node that lost its database', async () => {
    const { id } = server.hold(3);
    server.cutOff('older');
    server.changeBooking(3, id, { status: 'confirmed' });
    const { views, statuses } = watch();
    await server.settle(10);
    server.reaches = 'cut';
    server.cut();
    await server.settle(120_000);
    expect(statuses()).toEqual(['confirmed']);
    expect(views.at(-1)?.status).toBe('stale');
    server.heal();
    await server.settle(30_000);
    expect(views.at(-1)?.status).toBe('live');
    expect(statuses()).toEqual(['confirmed']);
  });
});

describe('bookings of an account of another issuer', () => {
  const me = (): number => server.requests.filter(({ path }) => path === '/auth/me').length;

  // One that numbers its people has other people by our numbers.
  it.each(['auth0|ada', '8'])('are live, as the user whom the server knows by %s', async (sub) => {
    client = server.client({ token: foreignTokenOf(sub, 3) });
    server.routes.set('GET /auth/me', () => accepted({ id: 3 }));
    const own = server.hold(3);
    const { last, statuses } = watch();
    await server.settle(100);
    expect(last()).toMatchObject({ account: true, status: 'live', problem: undefined });
    server.changeBooking(3, own.id, { status: 'confirmed' });
    expect(statuses()).toEqual(['confirmed']);
    client.setToken(`${foreignTokenOf(sub, 3)}again`);
    client.nudge();
    await server.settle(60_000);
    expect([last().status, me()]).toEqual(['live', 1]);
    server.routes.set('GET /auth/me', () => accepted({ id: 4 }));
    client.setToken(foreignTokenOf('auth0|bo', 4));
    await server.settle(100);
    expect([last().status, statuses()]).toEqual(['live', []]);
  });

  it('are an account\'s, and read by REST, until the server has said who it is', async () => {
    client = server.client({ token: foreignTokenOf('auth0|ada', 3) });
    server.routes.set('GET /auth/me', () => refused(503, 'UNAVAILABLE'));
    server.hold(3);
    const { last, statuses } = watch();
    await server.settle(100);
    expect([last().account, statuses()]).toEqual([true, ['pending']]);
    server.routes.set('GET /auth/me', () => accepted({ id: 3 }));
    await server.settle(GUEST.intervalMs + 100);
    expect(last().status).toBe('live');
  });
});

describe('bookings of a guest', () => {
  let storage: FakeStorage;
  let booking: Booking;

  beforeEach(() => {
    storage = new FakeStorage();
    // Of nobody: the token alone proves it.
    booking = { ...server.hold(0), user_id: null };
    client = server.client({ storage });
    server.routes.set('POST /bookings', () => accepted({ ...booking, token: 'secret' }, {}, 201));
    server.routes.set(`GET /bookings/${booking.id}`, () => accepted({ ...booking, server_time: new Date().toISOString() }));
  });

  const asked = (): number => server.requests.filter(({ method }) => method === 'GET').length;
  const book = async (): Promise<void> => {
    const booked = client.book({ event_id: 1, items: [] });
    await server.settle(10);
    await booked;
  };

  it('are shown when they are made, and asked for again after the deadline', async () => {
    const { last, statuses } = watch();
    await server.settle(10);
    expect(statuses()).toEqual([]);
    await book();
    expect(statuses()).toEqual(['pending']);
    expect(last()).toMatchObject({ status: 'stale', account: false });
    await server.settle(119_000);
    booking = { ...booking, version: 2, status: 'expired' };
    await server.settle(1_000 + GUEST.afterDeadlineMs);
    expect(statuses()).toEqual(['expired']);
    // It has ended: nothing more is asked, not even when the page is shown again.
    const before = asked();
    await server.settle(300_000);
    client.nudge();
    await server.settle(10);
    expect(asked()).toBe(before);
  });

  it('are asked for when the page is shown again, and now and then while a hold is open', async () => {
    await book();
    const { statuses } = watch();
    await server.settle(10);
    booking = { ...booking, version: 2, quantity: 1 };
    client.nudge();
    await server.settle(10);
    expect(statuses()).toEqual(['pending']);
    booking = { ...booking, version: 3, status: 'cancelled' };
    await server.settle(GUEST.intervalMs);
    expect(statuses()).toEqual(['cancelled']);
  });

  it('are asked for slowly while one is confirmed: the organizer may give the money back', async () => {
    await book();
    booking = { ...booking, version: 2, status: 'confirmed', expires_at: null };
    const { statuses } = watch();
    await server.settle(10);
    expect(statuses()).toEqual(['confirmed']);
    booking = { ...booking, version: 3, status: 'refunded' };
    await server.settle(GUEST.confirmedMs);
    expect(statuses()).toEqual(['refunded']);
  });

  it('are asked for while a refund of what was cancelled is awaited', async () => {
    await book();
    const { statuses } = watch();
    await server.settle(10);
    const eur = (amount: number): { amount: number; currency: string } => ({ amount, currency: 'EUR' });
    const payment = { id: 'p', provider: 'demo', method: null, state: 'captured', amount: eur(9), refunded: eur(0), failure: null } as const;
    booking = { ...booking, version: 2, status: 'cancelled', confirmed_at: booking.created_at, payment };
    server.routes.set(`PUT /bookings/${booking.id}/status`, () => accepted(booking));
    await client.cancel(booking);
    await server.settle(10);
    expect(statuses()).toEqual(['cancelled']);
    booking = { ...booking, version: 3, status: 'refunded', payment: { ...payment, refunded: eur(9) } };
    await server.settle(GUEST.payingMs);
    expect(statuses()).toEqual(['refunded']);
  });

  const eur = (amount: number): { amount: number; currency: string } => ({ amount, currency: 'EUR' });
  const attempt = { id: 'p', provider: 'stripe', method: null, state: 'requires_action', amount: eur(9), refunded: eur(0), failure: null } as const;

  it.each(['expired', 'cancelled'] as const)('that were %s while a bank was asked are asked for, soon and then slowly: its yes may still count', async (status) => {
    await book();
    const { last, statuses } = watch();
    await server.settle(10);
    booking = { ...booking, version: 2, status, payment: attempt };
    client.nudge();
    await server.settle(10);
    expect(statuses()).toEqual([status]);
    booking = { ...booking, version: 3, payment: { ...attempt, state: 'captured' } };
    await server.settle(GUEST.payingMs);
    expect(last().bookings?.[0]?.payment?.state).toBe('captured');
    await server.settle(GUEST.payingMs * GUEST.moneyAsksMax);
    const before = asked();
    await server.settle(GUEST.confirmedMs * 4);
    expect(asked() - before).toBe(4);
    booking = { ...booking, version: 4, status: 'confirmed' };
    await server.settle(GUEST.confirmedMs);
    expect(statuses()).toEqual(['confirmed']);
  });

  it('that ended before the page was loaded are asked for until their attempt has ended as well', async () => {
    await book();
    booking = { ...booking, version: 2, status: 'expired', payment: attempt };
    const { last } = watch();
    await server.settle(10);
    booking = { ...booking, version: 3, payment: { ...attempt, state: 'canceled' } };
    await server.settle(GUEST.payingMs);
    expect(last().bookings?.[0]?.payment?.state).toBe('canceled');
    const before = asked();
    await server.settle(300_000);
    expect(asked()).toBe(before);
  });

  it('never step back, whichever answer comes last', async () => {
    await book();
    const { statuses } = watch();
    await server.settle(10);
    const older = booking;
    booking = { ...booking, version: 2, status: 'confirmed' };
    client.nudge();
    await server.settle(10);
    booking = older;
    client.nudge();
    await server.settle(10);
    expect(statuses()).toEqual(['confirmed']);
  });

  it('say so while the server is away, and are asked for until it is back', async () => {
    await book();
    const { last, statuses } = watch();
    await server.settle(10);
    server.fetchFails();
    client.nudge();
    await server.settle(10);
    expect(last().status).toBe('offline');
    expect(last().problem).toBeInstanceOf(Error);
    expect(statuses()).toEqual(['pending']);
    server.fetchFails(false);
    await server.settle(GUEST.backoffCapMs);
    expect(last()).toMatchObject({ status: 'stale', problem: undefined });
  });

  it('stay while the server has no time for us', async () => {
    await book();
    const { last, statuses } = watch();
    await server.settle(10);
    server.routes.set(`GET /bookings/${booking.id}`, () => refused(429, 'RATE_LIMITED'));
    client.nudge();
    await server.settle(10);
    expect(statuses()).toEqual(['pending']);
    // Not a refusal: it is asked again, as late as the server says.
    expect(last().problem).toMatchObject({ message: 'RATE_LIMITED' });
  });

  it('that the server does not know any more are left out', async () => {
    await book();
    server.routes.set(`GET /bookings/${booking.id}`, () => refused(404, 'BOOKING_NOT_FOUND'));
    const { statuses } = watch();
    await server.settle(10);
    expect(statuses()).toEqual([]);
  });
});

describe('bookings that were made as a guest, once their buyer has signed in', () => {
  let storage: FakeStorage;
  let guests: Booking;

  beforeEach(async () => {
    storage = new FakeStorage();
    guests = { ...server.hold(0, { reference: 'BK-GUEST7' }), user_id: null };
    client = server.client({ storage });
    server.routes.set('POST /bookings', () => accepted({ ...guests, token: 'secret' }, {}, 201));
    server.routes.set(`GET /bookings/${guests.id}`, (_, headers) =>
      headers.get('x-booking-token') === 'secret' ? accepted(guests) : refused(404, 'BOOKING_NOT_FOUND'),
    );
    const booked = client.book({ event_id: 1, items: [] });
    await server.settle(10);
    await booked;
  });
  const reads = (): number => server.requests.filter(({ path }) => path === `/bookings/${guests.id}`).length;

  it('stay in sight beside the account\'s, and go on', async () => {
    const own = server.hold(3);
    const { last, statuses } = watch();
    await server.settle(10);
    client.setToken(tokenOf(3));
    await server.settle(10);
    expect(last()).toMatchObject({ account: true, status: 'live' });
    expect(last().bookings?.map(({ id }) => id).sort()).toEqual([own.id, guests.id].sort());
    server.changeBooking(3, own.id, { status: 'confirmed' });
    guests = { ...guests, version: 2, status: 'expired' };
    await server.settle(120_000 + GUEST.afterDeadlineMs);
    expect(statuses().sort()).toEqual(['confirmed', 'expired']);
    expect((await client.myBookings()).map(({ id }) => id)).toEqual([own.id, guests.id]);
  });

  it('are the account\'s own, and not asked for, where it took them over', async () => {
    const taken = server.hold(3, { ...guests, user_id: 3, status: 'confirmed' });
    client.setToken(tokenOf(3));
    const { last } = watch();
    await server.settle(10);
    expect(last().bookings?.map(({ id, user_id: user }) => [id, user])).toEqual([[taken.id, 3]]);
    client.nudge();
    await server.settle(10);
    const before = reads();
    await server.settle(GUEST.confirmedMs * 3);
    expect(reads()).toBe(before);
  });

  it('are found by their reference, and those whose mailed link is opened show', async () => {
    storage = new FakeStorage();
    client = server.client({ storage, token: tokenOf(3) });
    const { last } = watch();
    await server.settle(10);
    expect(last().bookings).toEqual([]);
    server.routes.set('POST /bookings/open', () => accepted({ ...guests, token: 'secret' }));
    await client.openLink('link');
    await server.settle(10);
    expect(last().bookings?.map(({ id }) => id)).toEqual([guests.id]);
    expect((await client.bookingOf('bk-guest7')).id).toBe(guests.id);
  });

  it.each([
    ['an account', 4],
    ['a guest', null],
  ])('but those of others that staff write, %s\'s here, are not', async (_, user_id) => {
    client.setToken(tokenOf(3));
    const { last } = watch();
    await server.settle(10);
    const other = { ...server.hold(4), user_id, version: 2, status: 'cancelled' as const };
    server.routes.set(`PUT /bookings/${other.id}/status`, () => accepted(other));
    const seen = new Set<string | undefined>();
    client.watchBookings(({ bookings }) => bookings?.forEach(({ id }) => seen.add(id)));
    await client.cancel(other);
    await server.settle(10);
    expect([...seen]).toEqual([guests.id]);
    expect(last().bookings?.map(({ id }) => id)).toEqual([guests.id]);
  });
});

describe('a client that is closed while somebody watches', () => {
  it.each([undefined, 3])('shows the bookings of %s offline, asks for nothing, and begins anew for whoever watches then', async (user) => {
    const storage = new FakeStorage();
    let hold = { ...server.hold(user ?? 0), ...(user ? {} : { user_id: null }) };
    client = server.client({ storage, ...(user ? { token: tokenOf(user) } : {}) });
    server.routes.set('POST /bookings', () => accepted({ ...hold, ...(user ? {} : { token: 'secret' }) }, {}, 201));
    server.routes.set(`GET /bookings/${hold.id}`, () => accepted(hold));
    const { last, statuses } = watch();
    await server.settle(10);
    const booked = client.book({ event_id: 1, items: [] });
    await server.settle(10);
    await booked;
    expect(statuses()).toEqual(['pending']);
    client.close();
    expect(last().status).toBe('offline');
    expect(statuses()).toEqual(['pending']);
    const before = server.requests.length;
    await server.settle(60_000);
    expect(server.requests.length).toBe(before);
    hold = user ? server.changeBooking(user, hold.id, { status: 'confirmed' }) : { ...hold, version: 2, status: 'confirmed' };
    const stop = client.watchBookings(() => {});
    await server.settle(1_000);
    expect(statuses()).toEqual(['confirmed']);
    expect(last().status).toBe(user ? 'live' : 'stale');
    stop();
  });
});

describe('an organizer', () => {
  it('sees the event and its figures, and later figures win', async () => {
    let view: TopicView<AdminState> | undefined;
    client.watch('admin:1', (seen) => (view = seen));
    await server.settle(10);
    expect(view).toMatchObject({ status: 'live', revision: 1, state: { figures: null } });
    const figures = { as_of: 2_000, tickets_sold: 5 };
    server.push('admin:1', 'figures', figures);
    server.push('admin:1', 'figures', { as_of: 1_000, tickets_sold: 4 });
    server.sell(1, 7, 1);
    expect(view?.state?.figures).toEqual(figures);
    expect(view?.state?.ticket_types[0]?.available).toBe(99);
    server.cut();
    await server.settle(2_000);
    expect(view?.state?.figures).toEqual(figures);
  });
});
