import { afterEach, beforeEach, expect, it } from 'vitest';
import WebSocket from 'ws';
import { SeatcastClient, type EventState, type SeatsState, type TopicView } from '../../src/sdk/index.ts';
import type { WebSocketConstructor } from '../../src/sdk/transport.ts';
import { Link } from '../support/link.ts';
import { makeEvent, number, seatcast, sql } from '../support/world.ts';

/** Our own SDK, in Node, against the real server. */
let link: Link;
let client: SeatcastClient;

beforeEach(async () => {
  link = await Link.to(seatcast().url);
  client = new SeatcastClient({ url: link.url, WebSocket: WebSocket as unknown as WebSocketConstructor });
});
afterEach(async () => {
  client.close();
  await link.close();
});

it('shows what the database says, through cuts, while rows change', async () => {
  const { id, typeId } = await makeEvent('SDK', 5_000);
  let view: TopicView<EventState> | undefined;
  const revisions: number[] = [];
  client.watch(`event:${id}`, (seen) => {
    view = seen;
    revisions.push(seen.revision);
  });
  await expect.poll(() => view?.status).toBe('live');
  for (let round = 1; round <= 5; round += 1) {
    if (round % 2 === 0) link.cut();
    await sql(
      Array.from({ length: 20 }, (_, step) => `update ticket_types set capacity = ${round * 100 + step} where id = ${typeId}`).join(';'),
    );
    link.restore();
    await expect.poll(() => view?.state?.ticket_types[0]?.available).toBe(round * 100 + 19);
    await expect.poll(() => view?.status).toBe('live');
    expect(view?.revision).toBe(await number(`select max(revision) from changes where event_id = ${id}`));
  }
  expect(revisions).toEqual(revisions.toSorted((a, b) => a - b));
});

it('books, is shown its own booking at once, and cancels', async () => {
  const { id, typeId } = await makeEvent('SDK books', 10);
  let view: TopicView<EventState> | undefined;
  client.watch(`event:${id}`, (seen) => (view = seen));
  await expect.poll(() => view?.status).toBe('live');
  const booking = await client.book({ event_id: id, items: [{ ticket_type_id: typeId, quantity: 3 }] });
  expect(booking).toMatchObject({ status: 'pending', quantity: 3, total: { amount: 13_500, currency: 'EUR' } });
  await expect.poll(() => view?.state?.ticket_types[0]).toMatchObject({ available: 7, held: 3 });
  expect((await client.myBookings()).map((mine) => mine.id)).toEqual([booking.id]);
  await client.cancel(booking);
  await expect.poll(() => view?.state?.ticket_types[0]).toMatchObject({ available: 10, held: 0 });
});

it('follows 2,000 seats', async () => {
  const id = await number('select event_id from seats group by event_id order by count(*) desc limit 1');
  let view: TopicView<SeatsState> | undefined;
  client.watch(`seats:${id}`, (seen) => (view = seen));
  await expect.poll(() => view?.status).toBe('live');
  const free = await number(
    `select position from seats s where event_id = ${id} and not blocked and not exists
       (select from claims c where c.seat_id = s.id and c.state <> 'dead') order by position desc limit 1`,
  );
  expect(view?.state?.seats.at(free)).toBe('available');
  await sql(`update seats set blocked = true where event_id = ${id} and position = ${free}`);
  await expect.poll(() => view?.state?.seats.at(free)).toBe('blocked');
  await sql(`update seats set blocked = false where event_id = ${id} and position = ${free}`);
  await expect.poll(() => view?.state?.seats.at(free)).toBe('available');
});
