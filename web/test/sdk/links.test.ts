import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { SeatcastClient } from '../../src/sdk/index.ts';
import { FakeServer } from '../support/fake-server.ts';

const CARDS = 250;
let server: FakeServer;
let client: SeatcastClient;
let statuses: Map<number, string>;

beforeEach(async () => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.joinsMax = 100;
  client = server.client();
  statuses = new Map();
  for (let id = 1; id <= CARDS; id += 1) {
    server.addEvent(id);
    client.watch(`event:${id}`, ({ status }) => statuses.set(id, status));
  }
  await server.settle(50);
});
afterEach(() => {
  client.close();
  vi.useRealTimers();
});

const live = (): number => [...statuses.values()].filter((status) => status === 'live').length;

it('web_8: all cards of a page are live, however many the server lets one connection have', async () => {
  expect(live()).toBe(CARDS);
  expect(server.links).toBe(3);
  await server.settle(30_000);
  expect(live()).toBe(CARDS);
});

it('web_8: all of them are live again when the links were cut, and are changed by what happens', async () => {
  server.cut();
  await server.settle(20_000);
  expect(live()).toBe(CARDS);
  server.sell(CARDS, 7, 3);
  let available: number | undefined;
  client.watch(`event:${CARDS}`, ({ state }) => (available = state?.ticket_types[0]?.available))();
  expect(available).toBe(97);
});

it('a caller who signs in is told on every link', async () => {
  const said: string[] = [];
  server.onPush = ({ event, topic }) => void (event === 'access_token' && said.push(topic));
  client.setToken('e30.e30.x');
  await server.settle(50);
  expect(said).toHaveLength(3);
});
