import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EventState, SeatcastClient, SeatsState, TopicView } from '../../src/sdk/index.ts';
import { Rewind } from '../../src/sdk/rewind.ts';
import { FakeServer } from '../support/fake-server.ts';

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

/** Watches event 1 and keeps what was shown. */
function watchEvent(of = client): { views: TopicView<EventState>[]; last: () => TopicView<EventState>; stop: () => void } {
  const views: TopicView<EventState>[] = [];
  const stop = of.watch('event:1', (view) => views.push(view));
  return { views, last: () => views[views.length - 1]!, stop };
}

const left = (view: TopicView<EventState>): number | undefined => view.state?.ticket_types[0]?.available;

it('says that it is offline once the client is closed: nobody proves its numbers any more', async () => {
  const { last } = watchEvent();
  await server.settle(10);
  client.close();
  expect(last()).toMatchObject({ status: 'offline', revision: 1 });
  expect(left(last())).toBe(100);
  await server.settle(60_000);
  expect([last().status, server.links]).toEqual(['offline', 1]);
});

describe('joining', () => {
  it('shows the state of the reply and is live', async () => {
    const { last } = watchEvent();
    expect(last().status).toBe('connecting');
    await server.settle(10);
    expect(last()).toMatchObject({ status: 'live', revision: 1 });
    expect(left(last())).toBe(100);
  });

  it('is asked for again by another caller, though the server has closed the link on which it was refused', async () => {
    client.watch('event:9', () => {});
    await server.settle(10);
    server.close(1008);
    await server.settle(60_000);
    expect(server.links).toBe(1);
    client.setToken('another');
    await server.settle(10);
    expect(server.links).toBe(2);
  });

  it('says why a topic is refused, and does not ask again', async () => {
    let refused: unknown;
    client.watch('event:9', (view) => (refused = view.refused));
    await server.settle(60_000);
    expect(refused).toMatchObject({ code: 'EVENT_NOT_FOUND', retry: 'never' });
    expect(server.joins).toHaveLength(1);
  });

  it('shares one topic and one link among all who watch', async () => {
    watchEvent();
    watchEvent();
    await server.settle(10);
    expect([server.links, server.joins.length]).toEqual([1, 1]);
  });

  it('leaves a topic some time after the last watcher, and closes the link with it', async () => {
    const { stop } = watchEvent();
    await server.settle(10);
    stop();
    await server.settle(1_000);
    watchEvent().stop();
    await server.settle(10);
    expect(server.joins).toHaveLength(1);
    await server.settle(5_000);
    watchEvent();
    await server.settle(10);
    expect([server.links, server.joins.length]).toEqual([2, 2]);
  });

  it('outlives the last watcher of a client that was closed before, as strict mode of React does', async () => {
    const first = watchEvent();
    await server.settle(10);
    client.close();
    first.stop();
    const { last } = watchEvent();
    await server.settle(5_000);
    server.sell(1, 7, 3);
    await server.settle(10);
    expect([last().status, left(last())]).toEqual(['live', 97]);
  });

  it('is given up at once where its client is closed while it lingers', async () => {
    watchEvent().stop();
    await server.settle(10);
    client.close();
    const { last } = watchEvent();
    await server.settle(5_000);
    server.sell(1, 7, 3);
    await server.settle(10);
    expect([last().status, left(last())]).toEqual(['live', 97]);
  });
});

describe('updates', () => {
  it('are applied in order', async () => {
    const { last } = watchEvent();
    await server.settle(10);
    server.sell(1, 7, 3);
    expect([left(last()), last().revision]).toEqual([97, 2]);
    server.notice(1, 'Doors open at seven');
    expect(last().state?.notices.map(({ message }) => message)).toEqual(['Doors open at seven']);
  });

  it('that are old are dropped', async () => {
    const { last } = watchEvent();
    await server.settle(10);
    server.sell(1, 7, 3);
    server.push('event:1', 'update', { from: 0, to: 1, ticket_types: [], event: {} });
    expect([left(last()), last().revision]).toEqual([97, 2]);
  });

  it('that overlap are applied: values are absolute', async () => {
    const { last } = watchEvent();
    await server.settle(10);
    server.sell(1, 7, 3);
    const after = { ...server.event(1).ticketTypes.get(7)!, available: 50 };
    server.push('event:1', 'update', { from: 1, to: 3, ticket_types: [after] });
    expect([left(last()), last().revision]).toEqual([50, 3]);
  });

  it('from 0 replace everything', async () => {
    const { last } = watchEvent();
    await server.settle(10);
    const { event } = server.event(1);
    server.push('event:1', 'update', { from: 0, to: 8, event, ticket_types: [], notices: [] });
    expect(last()).toMatchObject({ revision: 8, status: 'live', state: { ticket_types: [] } });
  });

  it('from 0 keep the people who are here, and show nothing of rows that were removed', async () => {
    const { last } = watchEvent();
    await server.settle(10);
    server.push('event:1', 'presence', { total: 3, by_step: { viewing: 3 } });
    const { event, ticketTypes } = server.event(1);
    const gone = [{ id: 9, removed: true }];
    server.push('event:1', 'update', { from: 0, to: 8, event, ticket_types: [ticketTypes.get(7), ...gone], notices: gone });
    expect(last().state?.presence).toEqual({ total: 3, by_step: { viewing: 3 } });
    expect(last().state?.ticket_types.map(({ id }) => id)).toEqual([7]);
    expect(last().state?.notices).toEqual([]);
  });

  it('drop a removed row', async () => {
    const { last } = watchEvent();
    await server.settle(10);
    server.push('event:1', 'update', { from: 1, to: 2, ticket_types: [{ id: 7, removed: true }] });
    expect(last().state?.ticket_types).toEqual([]);
  });

  it('after a gap are fetched by joining again with since', async () => {
    const { last } = watchEvent();
    await server.settle(10);
    server.loseFrames = true;
    server.sell(1, 7, 3);
    server.loseFrames = false;
    server.notice(1, 'hello');
    await server.settle(1);
    expect(server.joins.map(({ payload }) => payload)).toEqual([{}, { since: 1 }]);
    expect([left(last()), last().revision, last().status]).toEqual([97, 3, 'live']);
    expect(last().state?.notices).toHaveLength(1);
  });

  it('that are read together with the reply of the join are applied after it', async () => {
    const { last } = watchEvent();
    server.silent = true;
    await server.settle(10);
    server.silent = false;
    server.loseFrames = true;
    const state = { event: server.event(1).event, ticket_types: [], notices: [] };
    server.sendRaw(JSON.stringify(['1', '1', 'event:1', 'phx_reply', { status: 'ok', response: { revision: 1, resumed: false, state } }]));
    server.sendRaw(JSON.stringify([null, null, 'event:1', 'update', { from: 1, to: 2, notices: [{ id: 1, message: 'hello' }] }]));
    expect(last()).toMatchObject({ revision: 2, status: 'live' });
  });

  it('of seats change single seats', async () => {
    let view: TopicView<SeatsState> | undefined;
    client.watch('seats:1', (seen) => (view = seen));
    await server.settle(10);
    server.seat(1, 5, 2);
    expect(view?.state?.seats.at(5)).toBe('sold');
    expect(view?.state?.seats.at(4)).toBe('available');
    // A change that concerns no seat still moves the revision on.
    server.sell(1, 7, 1);
    expect(view).toMatchObject({ revision: 3, status: 'live' });
  });

  it('of a new layout replace every seat', async () => {
    let view: TopicView<SeatsState> | undefined;
    client.watch('seats:1', (seen) => (view = seen));
    await server.settle(10);
    server.seat(1, 5, 2);
    server.push('seats:1', 'update', { from: 2, to: 3, layout: 2, seats: btoa('\0\0\x04') });
    expect(view?.state?.layout).toBe(2);
    expect([5, 9, 12].map((position) => view?.state?.seats.at(position))).toEqual(['available', 'held', 'blocked']);
  });
});

describe('freshness', () => {
  it('stays live while beats come', async () => {
    const { last, views } = watchEvent();
    await server.settle(60_000);
    expect(last().status).toBe('live');
    expect(views.filter(({ status }) => status === 'stale')).toEqual([]);
    expect(server.joins).toHaveLength(1);
  });

  it('is stale 12 s after the last beat, and recovers', async () => {
    const { last } = watchEvent();
    await server.settle(10);
    server.silent = true;
    await server.settle(11_900);
    expect(last().status).toBe('live');
    await server.settle(200);
    expect(last().status).toBe('stale');
    server.silent = false;
    // The join that went unanswered gives up after 10 s, and another link is opened.
    await server.settle(11_000);
    expect(last().status).toBe('live');
    expect(server.links).toBe(2);
  });

  it('is stale when a beat knows more than we got within a second, and recovers', async () => {
    const { last, views } = watchEvent();
    await server.settle(10);
    server.loseFrames = true;
    server.sell(1, 7, 5);
    await server.settle(5_000);
    expect(last().status).toBe('live');
    await server.settle(1_000);
    expect(views.some(({ status }) => status === 'stale')).toBe(true);
    expect([last().status, left(last())]).toEqual(['live', 95]);
  });

  it('is stale when the node goes on beating without its database, and does not pester it', async () => {
    const { last } = watchEvent();
    await server.settle(10);
    server.frozen = true;
    await server.settle(30_000);
    expect(last().status).toBe('stale');
    expect(server.joins).toHaveLength(1);
    server.frozen = false;
    await server.settle(5_000);
    expect(last().status).toBe('live');
  });

  it('is stale as soon as the node says that it lost its database, and live as soon as it is back', async () => {
    const { last } = watchEvent();
    await server.settle(10);
    server.loseDatabase();
    expect([last().status, left(last())]).toEqual(['stale', 100]);
    await server.settle(20_000);
    expect(last().status).toBe('stale');
    expect(server.joins).toHaveLength(1);
    server.findDatabase();
    expect(last().status).toBe('live');
  });

  it('is stale as soon as the link is lost, offline after 10 s, live when it is back', async () => {
    const { last } = watchEvent();
    await server.settle(10);
    server.reachable = false;
    server.fetchFails();
    server.cut();
    expect([last().status, left(last())]).toEqual(['stale', 100]);
    await server.settle(10_000);
    expect([last().status, left(last())]).toEqual(['offline', 100]);
    server.sell(1, 7, 4);
    server.reachable = true;
    await server.settle(16_000);
    expect([last().status, left(last())]).toEqual(['live', 96]);
    expect(server.joins.at(-1)?.payload).toEqual({ since: 1 });
  });

  it('takes a whole state when the log does not reach back', async () => {
    const { last } = watchEvent();
    await server.settle(10);
    server.cut();
    server.sell(1, 7, 4);
    server.logFrom = 2;
    await server.settle(2_000);
    expect([last().status, left(last()), last().revision]).toEqual(['live', 96, 2]);
  });

  it('never steps back, unless the database was put back', async () => {
    const { last } = watchEvent();
    await server.settle(10);
    server.sell(1, 7, 4);
    server.sell(1, 7, 4);
    server.event(1).revision = 1;
    server.event(1).log.length = 0;
    server.logFrom = 10;
    server.cut();
    await server.settle(1_000);
    expect([last().revision, last().status]).toEqual([3, 'stale']);
    // Not before the node has heard from its database several times.
    await server.settle(40_000);
    expect([last().revision, last().status]).toEqual([1, 'live']);
  });
});

describe('a database that was put back', () => {
  /** Event 1 has another history, at a revision and with so many tickets left; nobody can resume from the lost one. */
  function putBack(revision: number, available: number): void {
    server.rewind(1, revision, available);
    server.logFrom = 10;
  }

  it('voids the updates of the older join while the next one waits for its answer', async () => {
    const { last } = watchEvent();
    await server.settle(10);
    // A gap, so the topic is joined again; the answer takes its time.
    server.silent = true;
    server.push('event:1', 'update', { from: 5, to: 6 });
    const type = server.event(1).ticketTypes.get(7)!;
    server.push('event:1', 'update', { from: 1, to: 9, ticket_types: [{ ...type, available: 50 }] });
    expect([left(last()), last().revision]).toEqual([100, 1]);
    server.silent = false;
    const state = { event: server.event(1).event, ticket_types: [{ ...type, available: 80 }], notices: [] };
    server.sendRaw(JSON.stringify(['2', '2', 'event:1', 'phx_reply', { status: 'ok', response: { revision: 7, resumed: false, state } }]));
    expect([left(last()), last().revision]).toEqual([80, 7]);
    server.push('event:1', 'update', { from: 7, to: 10, ticket_types: [{ ...type, available: 79 }] });
    expect([left(last()), last().revision, last().status]).toEqual([79, 10, 'live']);
  });

  it('brings no change of its new history into a view of the lost one', async () => {
    const { last, views } = watchEvent();
    await server.settle(10);
    server.notice(1, 'lost');
    server.sell(1, 7, 40);
    server.event(1).notices.length = 0;
    putBack(1, 90);
    await server.settle(1_000);
    // Older than ours, and not believed yet.
    expect([left(last()), last().revision, last().status]).toEqual([60, 3, 'stale']);
    for (const quantity of [1, 1, 1]) server.sell(1, 7, quantity);
    await server.settle(1);
    expect([left(last()), last().revision, last().status]).toEqual([87, 4, 'live']);
    const seen = views.filter(({ state }) => state).map((view) => `${left(view)} left, ${view.state?.notices.length} notices`);
    expect([...new Set(seen)]).toEqual(['100 left, 0 notices', '100 left, 1 notices', '60 left, 1 notices', '88 left, 0 notices', '87 left, 0 notices']);
  });

  it('proves nothing of the lost history when its new one comes by the same revision', async () => {
    const { last, views } = watchEvent();
    await server.settle(10);
    server.sell(1, 7, 40);
    putBack(1, 90);
    const wasShown = views.length;
    await server.settle(1_000);
    server.loseFrames = true;
    server.sell(1, 7, 1);
    // A beat, at once: it makes the client ask, and the new history is believed.
    server.findDatabase();
    await server.settle(1);
    expect([left(last()), last().revision, last().status]).toEqual([89, 2, 'live']);
    expect(views.slice(wasShown).filter((view) => view.status === 'live' && left(view) !== 89)).toEqual([]);
  });
});

describe('older whole states', () => {
  const at = (second: number): string => new Date(1e12 + second * 1_000).toISOString();

  it('are believed when they come again and again from nodes that hear from their database', () => {
    const rewind = new Rewind();
    expect([0, 2_000].map((now) => rewind.olderState(now))).toEqual([false, false]);
    rewind.beat(at(1), false);
    rewind.beat(at(2), false);
    expect(rewind.olderState(4_000)).toBe(true);
  });

  it('are not believed from nodes that were cut off, each at its own moment, and say so', () => {
    const rewind = new Rewind();
    for (let second = 0; second < 60; second += 5) {
      rewind.beat(at(second % 10), true);
      expect(rewind.olderState(second * 1_000)).toBe(false);
    }
  });

  it('need no beat when REST read them from the database', () => {
    const rewind = new Rewind();
    expect([0, 10_000, 20_000].map((now) => rewind.olderState(now, true))).toEqual([false, false, true]);
  });
});

describe('a node that lost its database', () => {
  it.each([
    ['and refuses those who know more', 'later', false],
    ['and says so, but tells what it has', 'older', true],
    ['and does not know it yet', 'older', false],
  ] as const)('%s, does not take the view back', async (_, answers, saysDown) => {
    const { last, views } = watchEvent();
    await server.settle(10);
    server.cutOff(answers, saysDown);
    server.sell(1, 7, 4);
    expect(last().revision).toBe(2);
    server.reaches = 'cut';
    server.cut();
    await server.settle(120_000);
    expect([last().revision, left(last()), last().status]).toEqual([2, 96, 'stale']);
    expect(last().refused).toBeUndefined();
    // It is not pestered either: the pauses grow.
    expect(server.joins.length).toBeLessThan(50);
    // Another node is tried now and then.
    expect(server.links).toBeGreaterThan(3);
    server.reaches = 'whole';
    await server.settle(60_000);
    expect([last().revision, last().status]).toEqual([2, 'live']);
    expect(Math.min(...views.slice(3).map(({ revision }) => revision))).toBe(2);
  });

  it('is forgiven as soon as it is back', async () => {
    const { last } = watchEvent();
    await server.settle(10);
    server.cutOff('later');
    server.sell(1, 7, 4);
    server.reaches = 'cut';
    server.cut();
    await server.settle(20_000);
    server.heal();
    server.sell(1, 7, 4);
    await server.settle(20_000);
    expect([last().revision, left(last()), last().status]).toEqual([3, 92, 'live']);
  });
});

describe('a state from REST', () => {
  it('is taken when it is newer, and never when it is older', async () => {
    const { last } = watchEvent();
    await server.settle(10);
    server.routes.set('POST /bookings', () => {
      server.loseFrames = true;
      server.sell(1, 7, 2);
      return bookingMade(server.event(1).revision);
    });
    const made = client.book({ event_id: 1, items: [{ ticket_type_id: 7, quantity: 2 }] });
    await server.settle(10);
    await made;
    // Our own write is known to exist: when its frame does not come within a second we fetch it.
    expect(last().revision).toBe(1);
    await server.settle(1_000);
    expect([last().revision, left(last()), last().status]).toEqual([2, 98, 'live']);
  });
});

function bookingMade(revision: number): Response {
  const data = { id: 'b-1', event_id: 1, status: 'pending', server_time: new Date().toISOString() };
  const headers = { 'x-event-revision': String(revision) };
  return new Response(JSON.stringify({ success: true, message: '', data }), { status: 201, headers });
}
