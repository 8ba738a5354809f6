import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { EventList, EventState, SeatcastClient, TopicView } from '../../src/sdk/index.ts';
import { accepted, FakeServer, refused } from '../support/fake-server.ts';
import { FakeStorage } from '../support/fake-storage.ts';

let server: FakeServer;
let storage: FakeStorage;
const clients: SeatcastClient[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  storage = new FakeStorage();
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  vi.useRealTimers();
});

/** A page that watches event 1, and all that it showed. */
function page(kept: Pick<FakeStorage, keyof FakeStorage> | undefined = storage): { seen: TopicView<EventState>[]; client: SeatcastClient } {
  const client = server.client(kept ? { storage: kept } : {});
  clients.push(client);
  const seen: TopicView<EventState>[] = [];
  client.watch('event:1', (view) => seen.push(view));
  return { seen, client };
}

/** A visit that sees 93 tickets, and the network is gone afterwards. */
async function visited(): Promise<number> {
  const { client } = page();
  server.sell(1, 7, 7);
  await server.settle(4_000);
  client.close();
  const at = Date.now();
  server.reachable = false;
  server.cut();
  server.fetchFails();
  return at;
}

const left = ({ state }: TopicView<EventState>): number | undefined => state?.ticket_types[0]?.available;

it('a page without network shows the last numbers, and never as live', async () => {
  const at = await visited();
  const { seen } = page();
  await server.settle(1_000);
  expect(left(seen.at(-1)!)).toBe(93);
  expect(seen.at(-1)).toMatchObject({ status: 'stale', revision: 0 });
  expect(Math.abs(seen.at(-1)!.rememberedAt! - at)).toBeLessThan(5_000);
  await server.settle(60_000);
  expect(seen.at(-1)!.status).toBe('offline');
  expect(seen.some(({ status }) => status === 'live')).toBe(false);
});

it('the server\'s numbers replace them when it is there again, even if they are older', async () => {
  await visited();
  server.rewind(1, 1, 100);
  const { seen } = page();
  await server.settle(5_000);
  expect(left(seen.at(-1)!)).toBe(93);
  server.reachable = true;
  server.fetchFails(false);
  await server.settle(30_000);
  expect(left(seen.at(-1)!)).toBe(100);
  expect(seen.at(-1)).toMatchObject({ status: 'live', revision: 1, rememberedAt: undefined });
  expect(seen.filter(({ status }) => status === 'live').every((view) => left(view) === 100)).toBe(true);
});

it('a page with network never shows them', async () => {
  await visited();
  server.reachable = true;
  server.fetchFails(false);
  const { seen } = page();
  await server.settle(3_000);
  expect(seen.every(({ rememberedAt }) => rememberedAt === undefined)).toBe(true);
});

it('a tab that is behind leaves what another one wrote', async () => {
  const ahead = page();
  await server.settle(1_000);
  server.sell(1, 7, 7);
  await server.settle(4_000);
  ahead.client.close();
  // The node that new links reach has not heard of it, and does not know that.
  server.rewind(1, 1, 100);
  page();
  await server.settle(4_000);
  server.reachable = false;
  server.cut();
  server.fetchFails();
  const { seen } = page();
  await server.settle(1_000);
  expect(left(seen.at(-1)!)).toBe(93);
});

it('what was written stays within its bound, the newest first', async () => {
  for (let id = 2; id <= 40; id += 1) {
    server.addEvent(id);
    const { client } = page();
    client.watch(`event:${id}`, () => {});
    await server.settle(2_100);
    client.close();
  }
  const kept = Array.from({ length: storage.length }, (_, index) => storage.key(index)!).filter((key) => key.startsWith('seatcast.last.'));
  expect(kept).toHaveLength(30);
  expect(kept).toContain('seatcast.last.http://fake/event:40');
  expect(kept).not.toContain('seatcast.last.http://fake/event:2');
});

it('everything works where a storage refuses all', async () => {
  const forbidden = new Proxy(storage, {
    get(): never {
      throw new DOMException('The operation is insecure.', 'SecurityError');
    },
  });
  const { seen, client } = page(forbidden);
  await server.settle(5_000);
  expect(seen.at(-1)!.status).toBe('live');
  server.routes.set('POST /bookings', () => new Response(JSON.stringify({ success: true, message: '', data: { id: 'b-1', event_id: 1, version: 1, token: 'secret' } }), { status: 201 }));
  expect(await client.book({ event_id: 1, items: [{ ticket_type_id: 7, quantity: 1 }] })).toMatchObject({ id: 'b-1' });
});

it('a list that was asked for before is there without network, as of when it was known', async () => {
  const events = [{ id: 1, title: 'Event 1' }];
  server.routes.set('GET /events', () => accepted(events, { 'x-total-count': '7' }));
  const { client } = page();
  const from = (moment: string): Promise<EventList> => client.events({ q: 'jazz', from: moment });
  expect(await from('2030-01-01T00:00:00Z')).toEqual({ events, total: 7 });
  server.fetchFails();
  const known = await from('2030-01-02T00:00:00Z');
  expect(known).toMatchObject({ events, total: 7 });
  expect(Math.abs(known.rememberedAt! - Date.now())).toBeLessThan(2_000);
  await expect(client.events({ q: 'rock' })).rejects.toThrow('fetch failed');
});

it('a refusal is an answer: no list is remembered in its place', async () => {
  server.routes.set('GET /events', () => accepted([]));
  const { client } = page();
  await client.events();
  server.routes.set('GET /events', () => refused(422, 'INVALID'));
  await expect(client.events()).rejects.toMatchObject({ code: 'INVALID' });
});
