// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { SeatcastClient } from '../../sdk/index.ts';
import { accepted, FakeServer, refused } from '../../../test/support/fake-server.ts';
import { drawn, find, mount, textOf } from '../../../test/support/mount.ts';
import type { SeatcastUnsent } from './seatcast-unsent.ts';
import './seatcast-unsent.ts';

let server: FakeServer;
let client: SeatcastClient;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  client = server.client();
});
afterEach(() => {
  document.body.replaceChildren();
  client.close();
  vi.useRealTimers();
});

/** A booking that nobody answered, as its buyer finds it. */
async function unsent(): Promise<SeatcastUnsent> {
  server.routes.set('POST /bookings', () => {
    throw new TypeError('fetch failed');
  });
  client.book({ event_id: 1, items: [{ ticket_type_id: 7, quantity: 2 }, { seat_id: 3 }] }).catch(() => {});
  await server.settle(60_000);
  const element = await mount<SeatcastUnsent>(server, client, 'seatcast-unsent', {});
  await drawn(server, element);
  return element;
}

const posts = (): number => server.requests.filter(({ method }) => method === 'POST').length;

it('takes no room while there is nothing', async () => {
  const element = await mount<SeatcastUnsent>(server, client, 'seatcast-unsent', {});
  expect(element.hasAttribute('empty')).toBe(true);
});

it('offers a booking that could not be sent, and sends nothing by itself', async () => {
  const element = await unsent();
  const before = posts();
  expect(element.hasAttribute('empty')).toBe(false);
  expect(textOf(element)).toContain('3 tickets for Event 1');
  expect(textOf(element)).toContain('Book it now');
  await server.settle(120_000);
  expect(posts()).toBe(before);
});

it('books it once the buyer wants it, with the same key, and is empty then', async () => {
  const element = await unsent();
  const keys = (): Set<string | null> => new Set(server.requests.filter(({ method }) => method === 'POST').map(({ headers }) => headers.get('idempotency-key')));
  server.routes.set('POST /bookings', () => accepted({ id: 'b-1', event_id: 1, version: 1, token: 'secret' }, {}, 201));
  const made: Event[] = [];
  element.addEventListener('seatcast-booked', (event) => made.push(event));
  find<HTMLButtonElement>(element, '.primary').click();
  await drawn(server, element);
  expect(made).toHaveLength(1);
  expect(keys().size).toBe(1);
  expect(element.hasAttribute('empty')).toBe(true);
});

it('says why it was refused until that is closed', async () => {
  const element = await unsent();
  server.routes.set('POST /bookings', () => refused(409, 'SOLD_OUT'));
  find<HTMLButtonElement>(element, '.primary').click();
  await drawn(server, element);
  expect(textOf(element)).toContain('Your booking did not succeed. Somebody was faster');
  find<HTMLButtonElement>(element, '.button').click();
  await drawn(server, element);
  expect(element.hasAttribute('empty')).toBe(true);
});

it('forgets it when the buyer does not want it', async () => {
  const element = await unsent();
  const before = posts();
  find<HTMLButtonElement>(element, '.button:not(.primary)').click();
  await drawn(server, element);
  expect(element.hasAttribute('empty')).toBe(true);
  expect(posts()).toBe(before);
});
