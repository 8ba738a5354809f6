import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Booking, BookingsView, EventState, SeatsState, TopicView } from '../../src/sdk/index.ts';
import { accepted, FakeServer, tokenOf } from '../support/fake-server.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A small generator with a seed, so that a failure can be run again (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Checks every view of the bookings: no version is lower than one before, none untrue, none lost. */
class BookingsWatch {
  readonly untrue: string[] = [];
  last: BookingsView | undefined;
  readonly #server: FakeServer;
  readonly #gone = new Set<string>();
  readonly #highest = new Map<string, number>();

  constructor(server: FakeServer) {
    this.#server = server;
  }

  /** Changes the bookings of a user, somewhere, somehow. */
  change(random: () => number): void {
    const standing = this.#server.bookings.read(3);
    const one = standing[Math.floor(random() * standing.length)];
    if (!one || random() < 0.3) this.#server.hold(3);
    else if (random() < 0.1) this.#drop(one.id);
    else this.#server.changeBooking(3, one.id, { quantity: Math.ceil(random() * 9), status: random() < 0.5 ? 'pending' : 'cancelled' });
  }

  #drop(id: string): void {
    this.#gone.add(id);
    this.#server.dropBooking(3, id);
  }

  see(view: BookingsView): void {
    const before = this.last?.bookings;
    this.last = view;
    if (!view.bookings) {
      if (before) this.untrue.push('the bookings were forgotten');
      return;
    }
    for (const { id, version, status, quantity } of view.bookings) {
      if (version < (this.#highest.get(id) ?? 0)) this.untrue.push(`${id} stepped back from ${this.#highest.get(id)} to ${version}`);
      this.#highest.set(id, Math.max(version, this.#highest.get(id) ?? 0));
      const truth = this.#server.bookings.version(id, version);
      if (truth?.status !== status || truth.quantity !== quantity) this.untrue.push(`${id}/${version} is ${status}/${quantity}`);
    }
    const ids = new Set(view.bookings.map(({ id }) => id));
    for (const { id } of before ?? []) if (!ids.has(id) && !this.#gone.has(id)) this.untrue.push(`${id} was lost`);
  }

  /** In the end it is what the database says. */
  ends(): void {
    expect(this.untrue).toEqual([]);
    expect(this.last?.status).toBe('live');
    const told = (bookings: readonly Booking[] = []): string[] => bookings.map(({ id, version }) => `${id}/${version}`).sort();
    expect(told(this.last?.bookings)).toEqual(told(this.#server.bookings.read(3)));
  }
}

/**
 * Whatever happens in between, on two nodes of which one may be cut off from the database: revisions only grow
 * until the database is put back, versions of bookings only grow, what is shown was true, and it ends true.
 */
async function run(seed: number): Promise<void> {
  const random = randomFrom(seed);
  const server = new FakeServer();
  server.addEvent(1, 100_000);
  /** Stock at each revision. */
  const truth = new Map([[1, 100_000]]);
  const client = server.client({ token: tokenOf(3) });
  const own = new BookingsWatch(server);
  let view: TopicView<EventState> | undefined;
  let seats: TopicView<SeatsState> | undefined;
  let highest = 0;
  // Collected, not thrown: listeners are not the place from which a test can fail.
  const untrue: string[] = [];
  let putBack = false;
  client.watch('event:1', (seen) => {
    view = seen;
    if (seen.revision < highest && !putBack) untrue.push(`stepped back from ${highest} to ${seen.revision}`);
    highest = seen.revision;
    const shown = seen.state?.ticket_types[0]?.available;
    const true_ = truth.get(seen.revision);
    if (shown !== undefined && shown !== true_) untrue.push(`${shown} at ${seen.revision}, truth ${true_}`);
  });
  client.watch('seats:1', (seen) => (seats = seen));
  client.watchBookings((seen) => own.see(seen));
  server.routes.set('POST /bookings', () => accepted(server.hold(3), {}, 201));

  const acts: (() => void)[] = [
    () => server.sell(1, 7, 1),
    () => server.sell(1, 7, 1),
    () => server.seat(1, Math.floor(random() * 8), Math.floor(random() * 4)),
    () => server.notice(1, 'something'),
    () => (server.loseFrames = random() < 0.5),
    () => (server.silent = random() < 0.3),
    () => server.cut(),
    () => (server.reachable = random() < 0.6),
    () => server.fetchFails(random() < 0.5),
    () => (server.logFrom = server.event(1).revision - Math.floor(random() * 5)),
    () => server.drain(random() * 2_000),
    () => (server.streams = random() < 0.6),
    () => (server.buffered = random() < 0.3),
    () => server.cutStreams(),
    () => (server.swallows = random() < 0.4),
    () => (server.slams = random() < 0.4),
    () => own.change(random),
    () => own.change(random),
    () => own.change(random),
    () => void client.book({ event_id: 1, items: [] }).catch(() => {}),
    () => void client.myBookings().catch(() => {}),
    () => (server.restDelayMs = random() < 0.5 ? random() * 3_000 : 0),
    () => server.cutOff(random() < 0.5 ? 'later' : 'older', random() < 0.5),
    () => (server.reaches = random() < 0.5 ? 'cut' : 'whole'),
    () => server.heal(),
  ];
  for (let step = 0; step < 120; step += 1) {
    const { revision, ticketTypes } = server.event(1);
    truth.set(revision + 1, ticketTypes.get(7)!.available - 1);
    const act = acts[Math.floor(random() * acts.length)]!;
    // Sales write their number before they are pushed; other changes leave it as it was.
    if (act !== acts[0] && act !== acts[1]) truth.set(revision + 1, ticketTypes.get(7)!.available);
    act();
    await server.settle(random() < 0.8 ? random() * 400 : random() * 20_000);
  }

  // It ends with socket, stream or polling.
  const way = ['socket', 'stream', 'polling'][seed % 3];
  server.loseFrames = server.silent = server.buffered = false;
  server.swallows = server.slams = false;
  server.restDelayMs = 0;
  server.heal();
  server.reachable = way === 'socket';
  server.streams = way === 'stream';
  if (!server.reachable) server.cut();
  if (!server.streams) server.cutStreams();
  server.fetchFails(false);
  await server.settle(90_000);
  own.ends();
  if (seed % 2 === 0) {
    putBack = true;
    const revision = Math.ceil(server.event(1).revision / 2);
    server.rewind(1, revision, truth.get(revision)!);
    await server.settle(60_000);
  }
  expect(untrue).toEqual([]);
  const end = server.event(1);
  expect(view).toMatchObject({ status: 'live', revision: end.revision });
  expect(view?.state?.ticket_types[0]?.available).toBe(end.ticketTypes.get(7)?.available);
  const names = ['available', 'held', 'sold', 'blocked'];
  expect(end.seats.map((_, position) => seats?.state?.seats.at(position))).toEqual(end.seats.map((s) => names[s]));
  client.close();
}

/** More than usual by `SEEDS=2000 npm test -- test/sdk/random.test.ts`. */
const seeds = Number(process.env['SEEDS'] ?? 90);

describe('under random changes, losses, cuts and outages', () => {
  it.each(Array.from({ length: seeds }, (_, index) => index + 1))('seed %i', async (seed) => {
    await run(seed);
  });
});
