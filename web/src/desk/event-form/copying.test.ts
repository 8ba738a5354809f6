// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deskClientOf } from '../../../test/support/desk-page.ts';
import { accepted, FakeServer, packed, refused } from '../../../test/support/fake-server.ts';
import { textOf } from '../../../test/support/mount.ts';
import type { DeskClient } from '../desk-client.ts';
import { DeskToasts } from '../toasts.ts';
import { NewEventPage } from './new-event-page.ts';

const MAKES = 2;
let server: FakeServer;
let client: DeskClient;

const type = (id: number, sort: number): object => ({ id, name: `Type ${id}`, price: { amount: 4_500, currency: 'EUR' }, capacity: 10, sort, min_per_booking: 1, max_per_booking: null, max_per_user: null });
/** As the server answers: in the order of `sort`, then of ids. The second event was sent the types 12 and 10, in that order. */
const first = { id: 1, title: 'First', venue: 'Hall', description: '', category: 'music', country: null, timezone: 'Europe/Berlin', starts_at: '2038-06-01T18:00:00Z', image_url: null, currency: 'EUR', capacity: 30, membership_required: false, max_per_booking: 10, hold_minutes: 15, offer_minutes: 720, organizer_id: 3, layout: 1, ticket_types: [type(11, 0), type(12, 1), type(10, 2)] };
const made = { ...first, id: MAKES, layout: 0, ticket_types: [type(21, 1), type(22, 2)] };

beforeEach(() => {
  vi.useFakeTimers();
  history.replaceState(null, '', '/desk/events/new?copy=1');
  server = new FakeServer();
  client = deskClientOf(server);
  const answers: Record<string, unknown> = {
    'GET /events/1': first,
    'POST /events': made,
    'POST /events/2/resume': made,
    'GET /events/1/fees': [{ id: 1, name: 'Service', kind: 'per_ticket', value: 150, absorbed: false }],
    'GET /events/1/taxes': [
      { id: 1, name: 'VAT', rate: 1_900, included: true, ticket_type_id: 10 },
      { id: 2, name: 'Everywhere', rate: 700, included: true, ticket_type_id: null },
    ],
    'GET /events/1/vouchers': [{ id: 1, code: 'BOTH', kind: 'percent', value: 1_000, uses_max: null, max_per_booking: null, reveals_hidden: false, valid_from: null, valid_to: null, ticket_type_ids: [11, 12] }],
    'GET /events/1/refund-policy': { percent: 50 },
    'GET /events/1/payment-terms': { offline_days: 0 },
    'GET /events/1/seatmap': {
      layout: 1,
      sections: [{ id: 1, name: 'Hall' }],
      seats: { id: [1, 2, 3], section: [0, 0, 0], row: ['A', 'A', 'A'], number: ['1', '2', '3'], ticket_type_id: [10, 12, 12], x: [1, 2, 3], y: [0, 0, 0] },
    },
    'GET /events/1/seats': { layout: 1, seats: packed([3, 3, 2]), revealed: [1] },
    'PUT /events/2/seatmap': {},
    'PUT /events/2/refund-policy': {},
    'PUT /events/2/payment-terms': {},
    ...Object.fromEntries(['fees', 'taxes', 'vouchers'].map((what) => [`POST /events/2/${what}`, {}])),
  };
  for (const [route, data] of Object.entries(answers)) server.routes.set(route, () => accepted(data));
});
afterEach(() => {
  document.body.replaceChildren();
  client.close();
  vi.useRealTimers();
});

const sent = (route: string): unknown[] => server.requests.filter(({ method, path }) => `${method} ${path}` === route).map(({ body }) => body);

/** Copies the event without its first ticket type, as it is sold first. */
async function copy(button: 'draft' | 'active'): Promise<void> {
  const page = new NewEventPage();
  document.body.append(page);
  await server.settle(100);
  page.renderRoot.querySelector<HTMLElement>('.type > button')?.click();
  await page.updateComplete;
  const begins = page.renderRoot.querySelector<HTMLInputElement>('#starts_at');
  if (begins) begins.value = '2039-06-01T20:00';
  page.renderRoot.querySelector<HTMLElement>(`button[value=${button}]`)?.click();
  await vi.waitFor(() => expect(location.pathname).toBe('/desk/events/2/edit'), { timeout: 60_000 });
}

describe('a copy of an event', () => {
  it('has taxes, vouchers and seats at the types that they were at, though a type was taken away', async () => {
    await copy('draft');
    expect(sent('POST /events')).toMatchObject([{ status: 'draft', ticket_types: [{ name: 'Type 12' }, { name: 'Type 10' }] }]);
    expect(sent('POST /events/2/taxes')).toEqual([
      { name: 'VAT', rate: 1_900, included: true, ticket_type_id: 22 },
      { name: 'Everywhere', rate: 700, included: true },
    ]);
    expect(sent('POST /events/2/vouchers')).toMatchObject([{ code: 'BOTH', ticket_type_ids: [21] }]);
    const [map] = sent('PUT /events/2/seatmap') as [{ sections: { rows: { seats: { ticket_type_id: number; blocked: boolean }[] }[] }[] }];
    expect(map.sections[0]?.rows[0]?.seats.map(({ ticket_type_id }) => ticket_type_id)).toEqual([22, 21, 21]);
  });

  it('keeps blocked seats blocked; free ones of hidden types and sold ones are free', async () => {
    await copy('draft');
    const [map] = sent('PUT /events/2/seatmap') as [{ sections: { rows: { seats: { blocked: boolean }[] }[] }[] }];
    expect(map.sections[0]?.rows[0]?.seats.map(({ blocked }) => blocked)).toEqual([true, false, false]);
  });

  it('has all seats but those of a type that was taken away, and is not put on sale without them', async () => {
    const seats = { id: [1, 2, 3, 4], section: [0, 0, 1, 1], row: ['A', 'B', 'A', 'A'], number: ['1', '1', '1', '2'], ticket_type_id: [10, 11, 11, 12], x: [1, 1, 1, 2], y: [0, 1, 5, 5] };
    server.routes.set('GET /events/1/seatmap', () => accepted({ layout: 1, sections: [{ id: 1, name: 'Hall' }, { id: 2, name: 'Balcony' }], seats }));
    server.routes.set('GET /events/1/seats', () => accepted({ layout: 1, seats: packed([0, 0, 0, 3]), revealed: [] }));
    await copy('active');
    expect(sent('PUT /events/2/seatmap')).toMatchObject([
      {
        sections: [
          { name: 'Hall', rows: [{ label: 'A', seats: [{ number: '1', ticket_type_id: 22 }] }] },
          { name: 'Balcony', rows: [{ label: 'A', seats: [{ number: '2', ticket_type_id: 21, blocked: true }] }] },
        ],
      },
    ]);
    const toasts = new DeskToasts();
    document.body.append(toasts);
    await toasts.updateComplete;
    expect(textOf(toasts)).toContain('seat map (Hall, Balcony)');
    expect(sent('POST /events/2/resume')).toEqual([]);
  });

  it('sets as many tickets aside for the bearers of a voucher, of the type that it is for', async () => {
    server.routes.set('GET /events/1/vouchers', () => accepted([{ id: 1, code: 'KEPT', kind: 'percent', value: 0, reserved: 5, reserved_left: 2, valid_from: null, valid_to: null, ticket_type_ids: [12] }]));
    await copy('draft');
    expect(sent('POST /events/2/vouchers')).toEqual([{ code: 'KEPT', kind: 'percent', value: 0, reserved: 5, ticket_type_ids: [21] }]);
  });

  it('has no map where all its seats are of types that were taken away', async () => {
    const seats = { id: [1], section: [0], row: ['A'], number: ['1'], ticket_type_id: [11], x: [1], y: [0] };
    server.routes.set('GET /events/1/seatmap', () => accepted({ layout: 1, sections: [{ id: 1, name: 'Hall' }], seats }));
    server.routes.set('GET /events/1/seats', () => accepted({ layout: 1, seats: packed([0]), revealed: [] }));
    await copy('active');
    expect(sent('PUT /events/2/seatmap')).toEqual([]);
    expect(sent('POST /events/2/resume')).toEqual([]);
  });

  it('has no rule of a type that was taken away, which would be one of all types, and is not put on sale without it', async () => {
    server.routes.set('GET /events/1/taxes', () => accepted([{ id: 1, name: 'VAT', rate: 1_900, included: true, ticket_type_id: 11 }]));
    server.routes.set('GET /events/1/vouchers', () => accepted([{ id: 1, code: 'GONE', kind: 'percent', value: 1_000, valid_from: null, valid_to: null, ticket_type_ids: [11] }]));
    await copy('active');
    expect(sent('POST /events/2/taxes')).toEqual([]);
    expect(sent('POST /events/2/vouchers')).toEqual([]);
    expect(sent('POST /events/2/resume')).toEqual([]);
  });

  it('leaves out vouchers that are valid for a time only', async () => {
    server.routes.set('GET /events/1/vouchers', () => accepted([{ id: 1, code: 'EARLY', kind: 'percent', value: 1_000, valid_from: null, valid_to: '2027-01-01T00:00:00Z', ticket_type_ids: null }]));
    await copy('active');
    expect(sent('POST /events/2/vouchers')).toEqual([]);
    expect(sent('POST /events/2/resume')).toHaveLength(1);
  });

  it('is a draft until all is copied, and put on sale then', async () => {
    await copy('active');
    expect(sent('POST /events')).toMatchObject([{ status: 'draft' }]);
    expect(server.requests.at(-1)?.path).toBe('/events/2/resume');
  });

  it('stays a draft when a part did not go', async () => {
    server.routes.set('PUT /events/2/refund-policy', () => refused(403, 'FORBIDDEN'));
    await copy('active');
    expect(sent('POST /events')).toMatchObject([{ status: 'draft' }]);
    expect(sent('POST /events/2/resume')).toEqual([]);
  });
});
