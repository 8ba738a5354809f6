import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EventState, SeatsState, TopicView } from '../../src/sdk/index.ts';
import { FakeServer } from '../support/fake-server.ts';

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

/** Whatever happens in between: revisions only grow until the database is put back, what is shown was true, and it ends true. */
async function run(seed: number): Promise<void> {
  const random = randomFrom(seed);
  const server = new FakeServer();
  server.addEvent(1, 100_000);
  /** What was left at each revision. */
  const truth = new Map([[1, 100_000]]);
  const client = server.client();
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

  // It ends on one of the three roads.
  const road = ['socket', 'stream', 'polling'][seed % 3];
  server.loseFrames = server.silent = server.buffered = false;
  server.swallows = server.slams = false;
  server.reachable = road === 'socket';
  server.streams = road === 'stream';
  if (!server.reachable) server.cut();
  if (!server.streams) server.cutStreams();
  server.fetchFails(false);
  await server.settle(90_000);
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

describe('under random changes, losses, cuts and outages', () => {
  it.each(Array.from({ length: 90 }, (_, index) => index + 1))('seed %i', async (seed) => {
    await run(seed);
  });
});
