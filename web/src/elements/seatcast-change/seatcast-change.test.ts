// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BookedSeat, Booking, SeatcastClient } from '../../sdk/index.ts';
import { accepted, FakeServer, refused, tokenOf } from '../../../test/support/fake-server.ts';
import { drawn, find, textOf } from '../../../test/support/mount.ts';
import type { BookingChangedEvent } from '../events/booking-changed.ts';
import type { SeatcastChange } from './seatcast-change.ts';
import './seatcast-change.ts';

let server: FakeServer;
let client: SeatcastClient;
let asked: unknown[];

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2030-01-01T10:00:00Z') });
  server = new FakeServer();
  server.addEvent(1);
  client = server.client({ token: tokenOf(3) });
  asked = [];
  const type = { id: 7, name: 'Standard', price: { amount: 4_500, currency: 'EUR' }, available: 10, min_per_booking: 1, max_per_booking: null, sale_state: 'on_sale', seated: false };
  const members = { ...type, id: 8, name: 'Members', members_only: true };
  server.routes.set('GET /events/1', () => accepted({ id: 1, revision: 1, ticket_types: [type, members, { ...type, id: 9, name: 'Seats', seated: true }] }));
});
afterEach(() => {
  document.body.replaceChildren();
  client.close();
  vi.useRealTimers();
});

async function shown(given: Partial<Booking> = {}): Promise<SeatcastChange> {
  const booking = server.hold(3, given);
  server.routes.set(`PATCH /bookings/${booking.id}`, (body) => {
    asked.push((body as { items: unknown }).items);
    return accepted(server.changeBooking(3, booking.id, { quantity: 1 }));
  });
  const element = document.createElement('seatcast-change');
  element.client = client;
  element.booking = booking;
  document.body.append(element);
  await drawn(server, element);
  return element;
}
const press = async (element: SeatcastChange, label: string): Promise<void> => {
  const button = [...element.renderRoot.querySelectorAll('button')].find((one) => one.getAttribute('aria-label') === label || textOf(one) === label);
  if (!button) throw new Error(`no button ${label} in ${textOf(element)}`);
  button.click();
  await drawn(server, element);
};

describe('the tickets of a hold', () => {
  it('are put in place of the others, and told', async () => {
    const element = await shown();
    const changed: Booking[] = [];
    const closed = vi.fn();
    element.addEventListener('seatcast-changed', (event) => changed.push((event as BookingChangedEvent).booking));
    element.addEventListener('close', closed);
    expect(textOf(element)).toContain('2 tickets · €90.00');
    expect((find(element, '.primary') as HTMLButtonElement).disabled).toBe(true);
    await press(element, 'One fewer Standard');
    expect(textOf(element)).toContain('1 ticket · €45.00');
    await press(element, 'Change tickets');
    expect(asked).toEqual([[{ ticket_type_id: 7, quantity: 1 }]]);
    expect(changed).toHaveLength(1);
    expect(closed).toHaveBeenCalledOnce();
  });

  it('are one at least', async () => {
    const element = await shown();
    for (let times = 0; times < 2; times += 1) await press(element, 'One fewer Standard');
    expect(textOf(element)).toContain('Keep one ticket at least, or cancel the booking.');
    expect((find(element, '.primary') as HTMLButtonElement).disabled).toBe(true);
  });

  it('are seats that are given up, and kept again', async () => {
    const seat = (id: number, number: string): BookedSeat => ({ id, section: 'Stalls', row: 'H', number });
    const items = [{ ticket_type_id: 9, name: 'Seats', quantity: 2, unit_price: { amount: 4_500, currency: 'EUR' }, seats: [seat(1, '1'), seat(2, '2')] }];
    const element = await shown({ items });
    await press(element, 'Give up Stalls · Row H · Seat 2');
    expect(textOf(element)).toContain('1 ticket · €45.00');
    await press(element, 'Keep Stalls · Row H · Seat 2');
    await press(element, 'Give up Stalls · Row H · Seat 1');
    await press(element, 'Change tickets');
    expect(asked).toEqual([[{ seat_id: 2 }]]);
  });

  it('are of hidden types as well, with their price, and may be fewer', async () => {
    const standing = (id: number, name: string, quantity: number, amount: number): object => ({ ticket_type_id: id, name, quantity, unit_price: { amount, currency: 'EUR' }, seats: [] });
    const element = await shown({ items: [standing(7, 'Standard', 1, 4_500), standing(20, 'Backstage', 2, 9_000)] as Booking['items'] });
    expect(textOf(element)).toContain('3 tickets · €225.00');
    await press(element, 'One fewer Backstage');
    expect(textOf(element)).toContain('2 tickets · €135.00');
    // One too many, and back.
    await press(element, 'One fewer Backstage');
    await press(element, 'One more Backstage');
    await press(element, 'Change tickets');
    expect(asked).toEqual([[{ ticket_type_id: 7, quantity: 1 }, { ticket_type_id: 20, quantity: 1 }]]);
  });

  it('stay as they are where others were faster, which is said', async () => {
    const element = await shown();
    server.routes.set(`PATCH /bookings/${element.booking?.id}`, () => refused(409, 'NOT_ENOUGH_LEFT', { left: 1 }));
    await press(element, 'One more Standard');
    await press(element, 'Change tickets');
    expect(textOf(element)).toContain('Somebody was faster: only 1 ticket left.');
    await press(element, 'One fewer Standard');
    expect(textOf(element)).not.toContain('Somebody was faster');
  });
});
