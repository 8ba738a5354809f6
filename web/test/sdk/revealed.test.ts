import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { watchRevealed, type Revealed, type SeatcastClient } from '../../src/sdk/index.ts';
import { accepted, FakeServer, refused } from '../support/fake-server.ts';
import { FakeStorage } from '../support/fake-storage.ts';

let server: FakeServer;
let client: SeatcastClient;
let seen: Revealed[];
/** How often it was told that something grows old. */
let aged: number;
let stop: () => void;
/** What the code opens, as the server knows it. */
let press: { id: number; available: number; hidden: boolean; seated: boolean };
let free: number[];

const last = (): Revealed => seen.at(-1)!;
const reads = (list: string): string[] => server.requests.map(({ path }) => path).filter((path) => path.startsWith(`/events/1/${list}?voucher=`));

beforeEach(async () => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  press = { id: 9, available: 5, hidden: true, seated: false };
  free = [4, 5];
  server.routes.set('GET /events/1/ticket-types', () => {
    const code = /voucher=(\w+)/.exec(server.requests.at(-1)!.path)?.[1];
    return accepted(code === 'PRESS' ? [{ ...press }, { id: 7, hidden: false }] : [{ id: 7, hidden: false }]);
  });
  server.routes.set('GET /events/1/seats', () => accepted({ layout: 1, revision: 1, changed: [], revealed: free }));
  client = server.client();
  seen = [];
  aged = 0;
});
afterEach(() => {
  stop();
  client.close();
  vi.useRealTimers();
});

async function watch(...codes: string[]): Promise<void> {
  stop = watchRevealed(client, 1, codes, (revealed) => (revealed ? seen.push(revealed) : (aged += 1)));
  await server.settle(1_100);
}

it('reads what a code opens, again whenever the event changes, and at most once a second', async () => {
  await watch('PRESS');
  expect(last().types).toEqual([press]);
  expect([...last().opened.keys()]).toEqual(['PRESS']);
  await server.settle(60_000);
  const before = reads('ticket-types').length;
  press = { ...press, available: 4 };
  server.sell(1, 7, 1);
  await server.settle(20);
  expect(last().types[0]?.available).toBe(4);
  for (let times = 0; times < 20; times += 1) {
    press = { ...press, available: press.available - 1 };
    server.sell(1, 7, 1);
    await server.settle(50);
  }
  await server.settle(2_000);
  expect(last().types[0]?.available).toBe(-16);
  expect(reads('ticket-types').length - before).toBeLessThanOrEqual(4);
  expect(reads('seats')).toEqual([]);
});

it('shows a type of which the code sets some aside, as long as there are any', async () => {
  let kept = { id: 7, available: 3, hidden: false, seated: false, reserved: 3 };
  server.routes.set('GET /events/1/ticket-types', () => accepted([{ ...kept }, { id: 8, hidden: false, reserved: 0 }]));
  await watch('KEPT');
  expect(last().types).toEqual([kept]);
  kept = { ...kept, available: 0, reserved: 0 };
  server.sell(1, 7, 1);
  await server.settle(2_000);
  expect(last().types).toEqual([]);
});

it('asks with the token of a guest’s hold, which may use the code up', async () => {
  const storage = new FakeStorage();
  client.close();
  client = server.client({ storage });
  const held = (id: string, event_id: number, vouchers?: string[]): void => storage.setItem(`seatcast.booking.${id}`, JSON.stringify({ id, event_id, token: `of ${id}`, version: 1, vouchers }));
  held('b-1', 1, ['FRIENDS', 'PRESS']);
  held('b-2', 1);
  held('b-3', 2, ['PRESS']);
  press = { ...press, seated: true };
  const proofs = (): (string | null)[] => server.requests.filter(({ path }) => path.includes('voucher=')).map(({ headers }) => headers.get('x-booking-token'));
  await watch('PRESS');
  expect(proofs()).toEqual(['of b-1', 'of b-1']);
  stop();
  server.requests.length = 0;
  // Of no hold that is known to use it: the newest, as one that was opened by its link.
  await watch('OTHER');
  expect(proofs()).toEqual(['of b-2']);
});

it('is not old in a hot sale, where something changes during each reading', async () => {
  await watch('PRESS');
  server.restDelayMs = 200;
  for (let times = 0; times < 200; times += 1) {
    press = { ...press, available: 1_000 - times };
    server.sell(1, 7, 1);
    await server.settle(50);
  }
  expect(seen.some(({ isStale }) => isStale)).toBe(false);
  expect(last().types[0]?.available).toBeLessThan(830);
});

it('asks for free seats where a type is sold by the seat', async () => {
  press = { ...press, seated: true };
  await watch('PRESS');
  expect(last().seats).toEqual({ layout: 1, places: new Set([4, 5]) });
  free = [5];
  server.seat(1, 4, 1);
  await server.settle(20);
  expect(last().seats?.places).toEqual(new Set([5]));
});

it('asks once for a code that opens nothing: each wrong one counts as a guess', async () => {
  await watch('NOTHING', 'PRESS');
  server.sell(1, 7, 1);
  await server.settle(5_000);
  expect(reads('ticket-types').filter((path) => path.includes('NOTHING'))).toHaveLength(1);
  expect(last().refused.has('NOTHING')).toBe(true);
  expect(last().types).toEqual([press]);
});

it('lets go what a code opened that has ended', async () => {
  await watch('PRESS');
  press = { ...press, hidden: false };
  server.sell(1, 7, 1);
  await server.settle(20);
  expect(last().types).toEqual([]);
  expect(last().refused.has('PRESS')).toBe(true);
});

it('keeps what it knows while the server does not answer, says that it is old, and catches up', async () => {
  await watch('PRESS');
  const answer = server.routes.get('GET /events/1/ticket-types')!;
  server.routes.set('GET /events/1/ticket-types', () => refused(429, 'RATE_LIMITED'));
  press = { ...press, available: 2 };
  server.sell(1, 7, 1);
  await server.settle(4_000);
  expect(last()).toMatchObject({ isStale: false });
  await server.settle(2_000);
  expect(last()).toMatchObject({ isStale: true });
  expect(last().types[0]?.available).toBe(5);
  server.routes.set('GET /events/1/ticket-types', answer);
  await server.settle(60_000);
  expect(last()).toMatchObject({ isStale: false });
  expect(last().types[0]?.available).toBe(2);
});

it('tells nothing before every code was answered, so that what is chosen by another one stays', async () => {
  const answer = server.routes.get('GET /events/1/ticket-types')!;
  server.routes.set('GET /events/1/ticket-types', (...asked) => (server.requests.at(-1)!.path.includes('SLOW') ? refused(429, 'RATE_LIMITED') : answer(...asked)));
  await watch('PRESS', 'SLOW');
  await server.settle(6_000);
  expect(seen).toEqual([]);
  expect(aged).toBeGreaterThan(0);
  server.routes.set('GET /events/1/ticket-types', answer);
  await server.settle(60_000);
  expect(last().types).toEqual([press]);
});

it.each([401, 500])('asks again after an answer that is not about the code (%i)', async (status) => {
  await watch('PRESS');
  const answer = server.routes.get('GET /events/1/ticket-types')!;
  server.routes.set('GET /events/1/ticket-types', () => refused(status, 'ANOTHER_TIME'));
  press = { ...press, available: 3 };
  server.sell(1, 7, 1);
  await server.settle(2_000);
  expect(last().types[0]?.available).toBe(5);
  expect(last().refused.size).toBe(0);
  server.routes.set('GET /events/1/ticket-types', answer);
  await server.settle(60_000);
  expect(last().types[0]?.available).toBe(3);
});
