// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SeatcastClient } from '../../sdk/index.ts';
import { accepted, FakeServer } from '../../../test/support/fake-server.ts';
import { drawn, find, mount, textOf } from '../../../test/support/mount.ts';
import type { SeatcastBookings } from './seatcast-bookings.ts';
import './seatcast-bookings.ts';

let server: FakeServer;
let client: SeatcastClient;
let status: string;

const start = Date.parse('2030-01-01T10:00:00Z');
const at = (seconds: number): string => new Date(start + seconds * 1_000).toISOString();

/** What the server says of the one booking that there is. */
function booking(): object {
  return {
    id: 'b-1',
    reference: 'BK-7F3K9Q',
    event_id: 1,
    status,
    quantity: 2,
    total: { amount: 9_000, currency: 'EUR' },
    items: [{ ticket_type_id: 7, name: 'Standard', quantity: 2, unit_price: { amount: 4_500, currency: 'EUR' }, seats: [] }],
    tickets: status === 'confirmed' ? [{ code: 'TKT-20300101-7F3K9QWX', ticket_type_id: 7, seat_id: null, status: 'valid' }] : [],
    expires_at: at(120),
    server_time: new Date().toISOString(),
    created_at: at(0),
  };
}

beforeEach(() => {
  vi.useFakeTimers({ now: start });
  server = new FakeServer();
  server.addEvent(1);
  client = server.client({ token: 'somebody' });
  status = 'pending';
  server.routes.set('GET /bookings/mine', () => accepted([booking()]));
});
afterEach(() => {
  document.body.replaceChildren();
  client.close();
  vi.useRealTimers();
});

const shown = (attributes: Record<string, string> = { event: '1', active: '' }): Promise<SeatcastBookings> =>
  mount(server, client, 'seatcast-bookings', attributes);

describe('bookings', () => {
  it('count down to the deadline of a hold', async () => {
    const element = await shown();
    expect(textOf(element)).toContain('Held for you 2:00 2 × Standard');
    expect(textOf(element)).toContain('BK-7F3K9Q');
    await drawn(server, element, 61_000);
    expect(textOf(element)).toContain('0:59');
    expect(find(element, '.countdown').classList.contains('soon')).toBe(true);
  });

  it('name the seats row by row', async () => {
    const seat = (row: string, number: string): object => ({ id: 1, section: 'Stalls', row, number });
    const items = [{ ticket_type_id: 7, name: 'Standard', quantity: 3, unit_price: {}, seats: [seat('H', '1'), seat('H', '2'), seat('J', '9')] }];
    server.routes.set('GET /bookings/mine', () => accepted([{ ...booking(), items }]));
    const element = await shown();
    expect(textOf(element)).toContain('Stalls · Row H · Seats 1, 2; Stalls · Row J · Seat 9');
  });

  it('ask what became of a hold after its deadline', async () => {
    const element = await shown();
    status = 'expired';
    await drawn(server, element, 119_000);
    expect(textOf(element)).toContain('Held for you');
    await drawn(server, element, 3_000);
    expect(textOf(element)).toBe('The hold BK-7F3K9Q has ended.');
  });

  it('cancel', async () => {
    const element = await shown();
    server.routes.set('PUT /bookings/b-1/status', () => {
      status = 'cancelled';
      return accepted(booking());
    });
    const cancelled = vi.fn();
    element.addEventListener('seatcast-cancelled', cancelled);
    find<HTMLButtonElement>(element, '.button').click();
    await drawn(server, element);
    expect(cancelled).toHaveBeenCalledOnce();
    expect(textOf(element)).toBe('Booking BK-7F3K9Q is cancelled.');
  });

  it('show the tickets of a confirmed one', async () => {
    status = 'confirmed';
    const element = await shown();
    expect(textOf(element)).toContain('TKT-20300101-7F3K9QWX');
  });

  it('of another event are left out; without an event all are shown, ended ones too', async () => {
    status = 'cancelled';
    const other = await shown({ event: '2', active: '' });
    expect(textOf(other)).toBe('');
    const all = await shown({});
    expect(textOf(all)).toContain('Cancelled Event 1');
  });

  it('are those of the other when another user is asking', async () => {
    const element = await shown();
    server.routes.set('GET /bookings/mine', () => accepted([]));
    client.setToken('another');
    await drawn(server, element);
    expect(textOf(element)).toBe('');
  });
});
