import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventParser } from '../../src/sdk/sse.ts';
import type { EventState, SeatcastClient, SeatsState, TopicView } from '../../src/sdk/index.ts';
import { FakeServer } from '../support/fake-server.ts';

describe('events in pieces', () => {
  const text = 'retry: 1500\n\nevent: update\nid: 7\ndata: {"a":1}\n\n: still here\n\ndata: two\r\ndata: lines\r\n\r\nevent: lost\n';
  const expected = [{ event: 'update', data: '{"a":1}' }, { event: 'message', data: 'two\nlines' }];

  it.each([1, 2, 7, 1_000])('of %i characters are the same', (size) => {
    const parser = new EventParser();
    const events = [];
    for (let at = 0; at < text.length; at += size) events.push(...parser.push(text.slice(at, at + size)));
    expect(events).toEqual(expected);
    expect(parser.retryMs).toBe(1_500);
  });
});

describe('behind a firewall that stops WebSockets only', () => {
  let server: FakeServer;
  let client: SeatcastClient;
  let views: TopicView<EventState>[];

  beforeEach(async () => {
    vi.useFakeTimers();
    server = new FakeServer();
    server.addEvent(1);
    server.reachable = false;
    server.streams = true;
    client = server.client();
    views = [];
    client.watch('event:1', (seen) => views.push(seen));
    await server.settle(3_000);
  });
  afterEach(() => {
    client.close();
    vi.useRealTimers();
  });

  const last = (): TopicView<EventState> => views[views.length - 1]!;
  const left = (): number | undefined => last().state?.ticket_types[0]?.available;
  const polls = (): number => server.requests.filter(({ path }) => path.startsWith('/availability')).length;
  const streams = (): string[] => server.requests.map(({ path }) => path).filter((path) => path.includes('/stream'));

  it('changes come at once, live by the same beats, and nothing is polled', async () => {
    const before = polls();
    server.sell(1, 7, 10);
    await server.settle(1);
    expect([last().status, left()]).toEqual(['live', 90]);
    await server.settle(60_000);
    expect(last().status).toBe('live');
    expect(polls()).toBe(before);
    expect(views.some(({ status }) => status === 'offline')).toBe(false);
  });

  it('people are shown', async () => {
    server.people(1, { viewing: 4 });
    await server.settle(1_000);
    expect(last().state?.presence?.total).toBe(4);
  });

  it('seats come as well', async () => {
    let seats: TopicView<SeatsState> | undefined;
    client.watch('seats:1', (seen) => (seats = seen));
    await server.settle(10);
    server.seat(1, 3, 2);
    await server.settle(10);
    expect([seats?.status, seats?.state?.seats.at(3)]).toEqual(['live', 'sold']);
    expect(server.streamsOpen).toBe(2);
  });

  it('a list of events is polled: browsers have few connections', async () => {
    for (const id of [2, 3]) {
      server.addEvent(id);
      client.watch(`event:${id}`, () => {});
    }
    await server.settle(1_000);
    expect(server.streamsOpen).toBe(0);
    server.sell(1, 7, 10);
    await server.settle(10_500);
    expect([last().status, left()]).toEqual(['live', 90]);
  });

  it('missed changes are brought by the next stream, from our revision on', async () => {
    server.cutStreams();
    server.streams = false;
    await server.settle(10);
    // A poll proves what the stream did.
    expect(last().status).toBe('live');
    server.sell(1, 7, 5);
    server.streams = true;
    await server.settle(10_500);
    expect([last().status, left(), last().revision]).toEqual(['live', 95, 2]);
    await server.settle(60_000);
    expect(streams().at(-1)).toMatch(/since=[12]$/);
    expect(server.streamsOpen).toBe(1);
  });

  it('a gap is seen, and the stream is opened anew', async () => {
    server.loseFrames = true;
    server.sell(1, 7, 5);
    server.loseFrames = false;
    server.notice(1, 'hello');
    await server.settle(1_000);
    expect([last().revision, left(), last().state?.notices.length]).toEqual([3, 95, 1]);
  });

  it('a stream that says nothing any more is given up', async () => {
    server.silent = true;
    await server.settle(11_000);
    expect(last().status).not.toBe('live');
    await server.settle(5_000);
    // A client that hears no beats polls.
    expect(last().status).toBe('live');
  });

  it('is no step back when socket, stream and polling take turns', async () => {
    for (let round = 0; round < 6; round += 1) {
      server.sell(1, 7, 1);
      if (round % 3 === 0) server.reachable = !server.reachable;
      if (!server.reachable) server.cut();
      if (round % 2 === 1) server.streams = !server.streams;
      if (!server.streams) server.cutStreams();
      server.sell(1, 7, 1);
      await server.settle(25_000);
      expect([last().status, left()]).toEqual(['live', 98 - round * 2]);
    }
    const revisions = views.map(({ revision }) => revision);
    expect(revisions).toEqual(revisions.toSorted((one, other) => one - other));
  });

  it('closes them when the socket is there, and keeps the people', async () => {
    server.people(1, { viewing: 2 });
    server.reachable = true;
    await server.settle(20_000);
    expect(server.streamsOpen).toBe(0);
    expect([last().status, last().state?.presence?.total]).toEqual(['live', 2]);
    const before = streams().length;
    await server.settle(120_000);
    expect(streams()).toHaveLength(before);
  });

  it('polls where a proxy keeps the events back', async () => {
    client.close();
    server.buffered = true;
    client = server.client();
    client.watch('event:1', (seen) => views.push(seen));
    await server.settle(3_000);
    server.sell(1, 7, 10);
    await server.settle(10_500);
    expect([last().status, left()]).toEqual(['live', 90]);
    expect(server.streamsOpen).toBeLessThanOrEqual(1);
  });
});

describe('after the database was put back', () => {
  let server: FakeServer;
  let client: SeatcastClient;
  let view: TopicView<EventState>;

  beforeEach(async () => {
    vi.useFakeTimers();
    server = new FakeServer();
    server.addEvent(1);
    server.reachable = false;
    server.streams = true;
    client = server.client();
    client.watch('event:1', (seen) => (view = seen));
    await server.settle(3_000);
    for (let sold = 0; sold < 4; sold += 1) server.sell(1, 7, 1);
    await server.settle(1);
  });
  afterEach(() => {
    client.close();
    vi.useRealTimers();
  });

  const left = (): number | undefined => view.state?.ticket_types[0]?.available;

  it('streams find out, and call nothing live until then', async () => {
    expect([view.revision, left(), view.status]).toEqual([5, 96, 'live']);
    server.rewind(1, 2, 99);
    await server.settle(2_000);
    expect([view.revision, view.status]).toEqual([5, 'stale']);
    await server.settle(20_000);
    expect([view.revision, left(), view.status]).toEqual([2, 99, 'live']);
    expect(server.streamsOpen).toBe(1);
  });

  it('a beat of less than what is shown proves nothing, and what is true is asked for', async () => {
    server.event(1).revision = 2;
    await server.settle(14_000);
    expect(view.status).toBe('stale');
    await server.settle(40_000);
    expect([view.revision, view.status]).toEqual([2, 'live']);
  });

  it('polls find out as well', async () => {
    server.streams = false;
    server.rewind(1, 2, 99);
    await server.settle(14_000);
    expect([view.revision, view.status]).not.toEqual([5, 'live']);
    await server.settle(30_000);
    expect([view.revision, left(), view.status]).toEqual([2, 99, 'live']);
  });

  it('a node that is behind for a moment is not believed', async () => {
    server.event(1).revision = 4;
    server.cutStreams();
    await server.settle(1_500);
    server.event(1).revision = 5;
    await server.settle(12_000);
    expect([view.revision, left(), view.status]).toEqual([5, 96, 'live']);
  });
});

describe.each(['swallows', 'slams'] as const)('a socket that opens and %s', (fault) => {
  let server: FakeServer;
  let client: SeatcastClient;
  let view: TopicView<EventState>;
  const statuses = new Set<string>();

  beforeEach(async () => {
    vi.useFakeTimers();
    server = new FakeServer();
    server.addEvent(1);
    server[fault] = true;
    client = server.client();
    client.watch('event:1', (seen) => {
      view = seen;
      statuses.add(seen.status);
    });
    await server.settle(5_000);
  });
  afterEach(() => {
    client.close();
    vi.useRealTimers();
  });

  it.each([true, false])('streams and polls take over, and stay (streams: %s)', async (streams) => {
    server.streams = streams;
    await server.settle(60_000);
    statuses.clear();
    for (let sold = 0; sold < 6; sold += 1) {
      server.sell(1, 7, 1);
      await server.settle(12_000);
      expect(view).toMatchObject({ status: 'live', revision: sold + 2 });
    }
    expect([...statuses]).toEqual(['live']);
    // The pauses between attempts grow to 15 s at most, drawn at random.
    expect(server.links).toBeLessThan(60);
  });

  it('the socket is taken as soon as it answers', async () => {
    server.streams = true;
    await server.settle(30_000);
    server[fault] = false;
    await server.settle(30_000);
    expect([view.status, server.streamsOpen]).toEqual(['live', 0]);
    const asked = server.requests.length;
    await server.settle(60_000);
    expect(server.requests).toHaveLength(asked);
  });
});

describe('a handshake that hangs', () => {
  it('streams and polls take over meanwhile', async () => {
    vi.useFakeTimers();
    const server = new FakeServer();
    server.addEvent(1);
    const client = server.client({ transport: () => ({ send: () => {}, close: () => {} }) });
    let view: TopicView<EventState> | undefined;
    client.watch('event:1', (seen) => (view = seen));
    await server.settle(3_100);
    expect(view).toMatchObject({ status: 'live', revision: 1 });
    client.close();
    vi.useRealTimers();
  });
});
