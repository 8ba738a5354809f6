import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Backoff } from '../../src/sdk/backoff.ts';
import type { EventState, SeatcastClient, TopicView } from '../../src/sdk/index.ts';
import { FakeServer } from '../support/fake-server.ts';

let server: FakeServer;
let client: SeatcastClient;
let view: TopicView<EventState>;

beforeEach(async () => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  client = server.client();
  client.watch('event:1', (seen) => (view = seen));
  await server.settle(10);
});

afterEach(() => {
  client.close();
  vi.useRealTimers();
});

describe('backoff', () => {
  it('spreads each delay between nothing and a doubling bound', () => {
    const high = new Backoff({ baseMs: 100, capMs: 1_000, random: () => 0.999_999 });
    expect([1, 2, 3, 4, 5, 6].map(() => Math.round(high.next()))).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    const low = new Backoff({ baseMs: 100, capMs: 1_000, random: () => 0 });
    expect(low.next()).toBe(0);
    high.reset();
    expect(Math.round(high.next())).toBe(100);
  });
});

describe('the link', () => {
  it('comes back by itself after it broke, and resumes', async () => {
    server.cut();
    await server.settle(1_000);
    expect(server.links).toBe(2);
    expect(server.joins.at(-1)?.payload).toEqual({ since: 1 });
    expect(view.status).toBe('live');
  });

  it('keeps trying while the server is away', async () => {
    server.reachable = false;
    server.cut();
    await server.settle(120_000);
    expect(server.links).toBeGreaterThan(8);
    server.reachable = true;
    await server.settle(16_000);
    expect(view.status).toBe('live');
  });

  it('is not believed any more when the network is said to be gone, and is again when it comes back', async () => {
    client.networkLost();
    expect(view.status).toBe('stale');
    await server.settle(1_000);
    expect(view.status).toBe('live');
  });

  it('tries at once when it is nudged', async () => {
    server.reachable = false;
    server.cut();
    await server.settle(60_000);
    server.reachable = true;
    client.nudge();
    await server.settle(10);
    expect(view.status).toBe('live');
  });

  it('is given up when the heartbeat is not answered', async () => {
    // Beats keep coming, so only the heartbeat can notice that nothing of ours arrives.
    await server.settle(24_000);
    server.deaf = true;
    await server.settle(10_900);
    server.deaf = false;
    await server.settle(1_500);
    expect(server.links).toBe(2);
    expect(view.status).toBe('live');
  });

  it('is opened anew when a frame cannot be read', async () => {
    server.sendRaw('[1,2]');
    await server.settle(1_000);
    expect([server.links, view.status]).toEqual([2, 'live']);
  });
});

describe('a close code', () => {
  it('of a drain is obeyed: back after the delay that it named, not before', async () => {
    server.drain(3_000);
    await server.settle(2_900);
    expect(server.links).toBe(1);
    await server.settle(200);
    expect([server.links, view.status]).toEqual([2, 'live']);
  });

  it('of too many connections makes it wait long', async () => {
    server.close(4002);
    await server.settle(19_000);
    expect(server.links).toBe(1);
    await server.settle(2_000);
    expect(server.links).toBe(2);
  });

  it('of a policy makes it stop, and poll instead', async () => {
    server.close(1008);
    server.sell(1, 7, 5);
    await server.settle(60_000);
    expect(server.links).toBe(1);
    expect(view).toMatchObject({ status: 'live', revision: 2 });
  });

  it('of a policy is not for ever: a page that is shown again opens another link', async () => {
    server.close(1008);
    await server.settle(60_000);
    client.nudge();
    await server.settle(10);
    expect([server.links, view.status]).toEqual([2, 'live']);
  });

  it('of an ended token gets a new one first', async () => {
    client.close();
    const refreshed = server.client({ token: 'old', refreshToken: async () => 'new' });
    refreshed.watch('event:1', (seen) => (view = seen));
    await server.settle(10);
    expect(server.joins.at(-1)?.payload).toEqual({ access_token: 'old' });
    server.close(4001);
    await server.settle(1_000);
    expect(server.joins.at(-1)?.payload).toEqual({ since: 1, access_token: 'new' });
    refreshed.close();
  });
});
