import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EventState, SeatcastClient, SeatsState, TopicView } from '../../src/sdk/index.ts';
import { accepted, FakeServer } from '../support/fake-server.ts';

let server: FakeServer;
let client: SeatcastClient;
let view: TopicView<EventState>;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  server.reachable = false;
  client = server.client();
  client.watch('event:1', (seen) => (view = seen));
});

afterEach(() => {
  client.close();
  vi.useRealTimers();
});

const polls = (): number => server.requests.filter(({ path }) => path.startsWith('/availability')).length;

describe('behind a firewall that stops WebSockets and streams', () => {
  it('polling shows the numbers, live by the same proof as beats', async () => {
    await server.settle(3_000);
    expect(view).toMatchObject({ status: 'live', revision: 1 });
    server.sell(1, 7, 10);
    await server.settle(10_500);
    expect(view).toMatchObject({ status: 'live', revision: 2 });
    await server.settle(60_000);
    expect(view.status).toBe('live');
  });

  it('asks every 10 s, with the ETag of the last answer', async () => {
    await server.settle(3_000);
    const before = polls();
    await server.settle(30_000);
    expect(polls() - before).toBe(3);
    const asked = server.requests.filter(({ path }) => path.startsWith('/availability'));
    expect(asked.at(-1)?.headers.get('if-none-match')).toBe('"1"');
    const reads = server.requests.filter(({ path }) => path === '/events/1');
    expect(reads).toHaveLength(1);
  });

  it('asks every 5 s while something is sold out', async () => {
    server.sell(1, 7, 100);
    await server.settle(3_000);
    const before = polls();
    await server.settle(30_000);
    expect(polls() - before).toBe(6);
  });

  it('misses no notice that is made while it reads', async () => {
    server.notice(1, 'before');
    server.routes.set('GET /events/1', async () => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      server.routes.delete('GET /events/1');
      server.notice(1, 'meanwhile');
      return server.fetch('http://fake/api/v1/events/1');
    });
    await server.settle(60_000);
    expect(view).toMatchObject({ status: 'live', revision: 3 });
    expect(view.state?.notices.map(({ message }) => message)).toEqual(['before', 'meanwhile']);
  });

  it('reads all pages of the notices: the newest are on the last', async () => {
    server.notice(1, 'first');
    server.notice(1, 'last');
    const [first, last] = server.event(1).notices;
    server.routes.set('GET /events/1/notices', () => accepted([first], { link: '<?cursor=abc>; rel="next"' }));
    const asked: string[] = [];
    const { fetch } = server;
    const paged: typeof fetch = (input, init) => {
      asked.push(String(input));
      return String(input).endsWith('?cursor=abc') ? Promise.resolve(accepted([last])) : fetch(input, init);
    };
    const other = server.client({ fetch: paged });
    let shown: TopicView<EventState> | undefined;
    other.watch('event:1', (seen) => (shown = seen));
    await server.settle(3_000);
    expect(shown?.state?.notices.map(({ message }) => message)).toEqual(['first', 'last']);
    expect(asked.filter((path) => path.includes('notices'))).toHaveLength(2);
    other.close();
  });

  it('one request asks for all events', async () => {
    server.addEvent(2);
    client.watch('event:2', () => {});
    await server.settle(3_000);
    const asked = server.requests.filter(({ path }) => path.startsWith('/availability')).at(-1);
    expect(asked?.path).toBe('/availability?event_ids=1,2');
  });

  it('reads seats as well', async () => {
    let seats: TopicView<SeatsState> | undefined;
    server.seat(1, 3, 2);
    client.watch('seats:1', (seen) => (seats = seen));
    await server.settle(3_000);
    expect(seats?.state?.seats.at(3)).toBe('sold');
    expect(seats?.status).toBe('live');
  });

  it('says that there is no such event', async () => {
    let missing: TopicView<EventState> | undefined;
    client.watch('event:9', (seen) => (missing = seen));
    await server.settle(3_000);
    expect(missing?.refused).toMatchObject({ code: 'EVENT_NOT_FOUND' });
    server.addEvent(9);
    await server.settle(11_000);
    expect(missing).toMatchObject({ refused: undefined, status: 'live' });
  });

  it('is offline when REST is gone as well, and stops polling when the socket is back', async () => {
    await server.settle(3_000);
    server.fetchFails();
    await server.settle(25_000);
    expect(view).toMatchObject({ status: 'offline', revision: 1 });
    server.fetchFails(false);
    server.reachable = true;
    await server.settle(20_000);
    expect(view.status).toBe('live');
    const before = polls();
    await server.settle(30_000);
    expect(polls()).toBe(before);
  });

  it('works without any WebSocket class', async () => {
    client.close();
    const { noTransport } = await import('../../src/sdk/transport.ts');
    client = server.client({ transport: noTransport });
    client.watch('event:1', (seen) => (view = seen));
    await server.settle(10);
    expect(view).toMatchObject({ status: 'live', revision: 1 });
  });
});

describe('what nobody waits for', () => {
  const document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  const show = (visibilityState: 'visible' | 'hidden'): void => {
    document.visibilityState = visibilityState;
    document.dispatchEvent(new Event('visibilitychange'));
  };
  beforeEach(() => {
    document.visibilityState = 'visible';
    vi.stubGlobal('document', document);
  });
  afterEach(() => void vi.unstubAllGlobals());

  it('is not asked by a hidden page, which asks at once when it is shown', async () => {
    await server.settle(3_000);
    show('hidden');
    await server.settle(10_500);
    const before = polls();
    server.sell(1, 7, 10);
    await server.settle(120_000);
    expect(polls()).toBe(before);
    expect(view.status).not.toBe('live');
    show('visible');
    await server.settle(50);
    expect(view).toMatchObject({ status: 'live', revision: 2 });
    await server.settle(30_000);
    expect(polls() - before).toBe(4);
  });

  it('is not asked for by a page that opens hidden', async () => {
    client.close();
    show('hidden');
    const before = polls();
    client = server.client();
    client.watch('event:1', (seen) => (view = seen));
    await server.settle(30_000);
    expect(polls()).toBe(before);
    show('visible');
    await server.settle(50);
    expect(view.status).toBe('live');
  });

  it('is asked half as often where nothing changed for two minutes, and stays live', async () => {
    await server.settle(135_000);
    const before = polls();
    const statuses = new Set<string>();
    client.watch('event:1', ({ status }) => statuses.add(status));
    await server.settle(100_000);
    expect(polls() - before).toBe(5);
    expect([...statuses]).toEqual(['live']);
    server.sell(1, 7, 10);
    await server.settle(20_500);
    expect(view).toMatchObject({ status: 'live', revision: 2 });
    const after = polls();
    await server.settle(30_000);
    expect(polls() - after).toBe(3);
  });

  it('is asked for soon after something is known to have changed', async () => {
    await server.settle(135_000);
    const before = polls();
    client.refresh();
    await server.settle(30_500);
    expect(polls() - before).toBe(4);
  });
});
