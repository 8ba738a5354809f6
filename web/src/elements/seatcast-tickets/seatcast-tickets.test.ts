// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Booking, SeatcastClient } from '../../sdk/index.ts';
import { accepted, FakeServer, refused } from '../../../test/support/fake-server.ts';
import { FakeStorage } from '../../../test/support/fake-storage.ts';
import { textOf } from '../../../test/support/mount.ts';
import type { SeatcastTickets } from './seatcast-tickets.ts';
import './seatcast-tickets.ts';
// Fetched with the first QR; under fake timers there is no later.
import '../../sdk/files.ts';

let server: FakeServer;
let client: SeatcastClient;
let element: SeatcastTickets;

const start = Date.parse('2030-01-01T10:00:00Z');
const seat = { id: 9, section: 'Stalls', row: 'H', number: '2' };
const ticket = (code: string, status: string, seat_id: number | null = null): object => ({ code, status, ticket_type_id: 7, seat_id });
const booking = (given: object): Booking =>
  ({
    id: 'b-1',
    reference: 'BK-1',
    status: 'confirmed',
    confirmed_at: new Date(start).toISOString(),
    items: [{ ticket_type_id: 7, name: 'Standard', quantity: 2, seats: [seat] }],
    tickets: [ticket('TKT-1', 'valid'), ticket('TKT-2', 'valid', 9), ticket('TKT-3', 'used'), ticket('TKT-4', 'transferred')],
    ...given,
  }) as unknown as Booking;
const svg = (text: string) => (): Response => new Response(`<svg>${text}</svg>`, { headers: { 'content-type': 'image/svg+xml' } });
const images = (): string[] => [...element.renderRoot.querySelectorAll('img')].map(({ src }) => decodeURIComponent(src));
const asked = (): string[] => server.requests.map(({ path }) => path);

beforeEach(() => {
  vi.useFakeTimers({ now: start + 60_000 });
  server = new FakeServer();
  for (const code of ['TKT-1', 'TKT-2']) server.routes.set(`GET /tickets/${code}/qr.svg`, svg(code));
  const storage = new FakeStorage();
  storage.setItem('seatcast.booking.b-1', JSON.stringify({ id: 'b-1', event_id: 1, token: 'secret', version: 1 }));
  client = server.client({ storage });
});
afterEach(() => {
  document.body.replaceChildren();
  client.close();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

async function show(given: Booking): Promise<void> {
  element = Object.assign(document.createElement('seatcast-tickets'), { client, booking: given });
  document.body.append(element);
  await settled();
}

async function settled(): Promise<void> {
  await element.updateComplete;
  await server.settle(20);
  await element.updateComplete;
}

it('shows the QR of each ticket that opens the door, with the proof of a guest', async () => {
  await show(booking({}));
  expect(images()).toEqual(['data:image/svg+xml,<svg>TKT-1</svg>', 'data:image/svg+xml,<svg>TKT-2</svg>']);
  expect(textOf(element)).toContain('Standard TKT-1 Valid Hand on Stalls · Row H · Seat 2 TKT-2 Valid Hand on Standard TKT-3 Used Standard TKT-4 Handed on');
  expect(server.requests.map(({ headers }) => headers.get('x-booking-token'))).toEqual(['secret', 'secret']);
});

it('prints all tickets of a large booking, in as many files as they take', async () => {
  const pages = vi.fn((part: string) => new Response(`part ${part}`, { headers: { 'content-type': 'application/pdf' } }));
  server.routes.set('GET /bookings/b-1/tickets.pdf', () => pages(new URLSearchParams(server.requests.at(-1)!.path.split('?')[1]).get('part') ?? '1'));
  const names: string[] = [];
  vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
    names.push(this.download);
  });
  await show(booking({ tickets: Array.from({ length: 1_001 }, (_, at) => ticket(`TKT-${at + 1}`, at === 0 ? 'valid' : 'used')) }));
  server.requests.length = 0;
  [...element.renderRoot.querySelectorAll('button')].find(({ textContent }) => textContent?.trim() === 'Print (PDF)')?.click();
  await vi.waitFor(() => expect(names).toEqual(['tickets-BK-1-1-of-2.pdf', 'tickets-BK-1-2-of-2.pdf']));
  expect(pages.mock.calls).toEqual([['1'], ['2']]);
  expect(server.requests.map(({ headers }) => headers.get('x-booking-token'))).toEqual(['secret', 'secret']);
  expect(element.problem).toBeUndefined();
});

it('shows none of a booking that is not new, until it is asked to', async () => {
  await show(booking({ confirmed_at: '2029-12-01T10:00:00Z' }));
  expect(asked()).toEqual([]);
  element.renderRoot.querySelector<HTMLElement>('[aria-pressed=false]')?.click();
  await settled();
  expect(images()).toHaveLength(2);
  element.renderRoot.querySelector<HTMLElement>('[aria-pressed=true]')?.click();
  await settled();
  expect(images()).toEqual([]);
});

it('web_5: knows by the server’s clock which booking is new', async () => {
  vi.setSystemTime(start + 3_600_000);
  vi.spyOn(client, 'now').mockReturnValue(start + 60_000);
  await show(booking({}));
  expect(images()).toHaveLength(2);
});

it('takes the QR away when the ticket was used', async () => {
  await show(booking({}));
  element.booking = booking({ tickets: [ticket('TKT-1', 'used'), ticket('TKT-2', 'valid')] });
  await settled();
  expect(images()).toEqual(['data:image/svg+xml,<svg>TKT-2</svg>']);
});

it('says why a QR cannot be shown, and tries again when asked to', async () => {
  server.routes.set('GET /tickets/TKT-1/qr.svg', () => refused(409, 'TICKET_REPLACED'));
  await show(booking({}));
  expect(textOf(element)).toContain('This ticket was handed on.');
  server.routes.set('GET /tickets/TKT-1/qr.svg', svg('TKT-1'));
  element.renderRoot.querySelector<HTMLElement>('[aria-pressed=false]')?.click();
  await settled();
  expect(images()).toHaveLength(2);
  expect(textOf(element)).not.toContain('handed on.');
});

it('has no buttons where nothing opens the door', async () => {
  await show(booking({ tickets: [ticket('TKT-1', 'void')] }));
  expect(textOf(element)).toBe('Standard TKT-1 Void');
});

it('offers a ticket to somebody, and withdraws that', async () => {
  const form = (): HTMLFormElement => element.renderRoot.querySelector('form')!;
  const offer = async (): Promise<void> => {
    const [name, email] = [...form().querySelectorAll('input')];
    name!.value = 'Grace';
    email!.value = 'grace@example.org';
    form().dispatchEvent(new Event('submit', { cancelable: true }));
    await settled();
  };
  const handOn = async (): Promise<void> => {
    element.renderRoot.querySelector<HTMLElement>('.link')?.click();
    await settled();
  };
  server.routes.set('POST /tickets/TKT-1/transfer', () => accepted({}, {}, 201));
  server.routes.set('DELETE /tickets/TKT-1/transfer', () => accepted(null));
  await show(booking({}));
  await handOn();
  await offer();
  const sent = server.requests.findLast(({ method }) => method === 'POST');
  expect(sent?.body).toEqual({ name: 'Grace', email: 'grace@example.org' });
  expect(sent?.headers.get('x-booking-token')).toBe('secret');
  expect(textOf(element)).toContain('The ticket TKT-1 is offered to Grace by mail.');
  element.renderRoot.querySelector<HTMLElement>('.recipient button')?.click();
  await settled();
  expect(textOf(element)).toContain('not offered any more');
  // After a reload the page does not know of an offer until the server says so.
  server.routes.set('POST /tickets/TKT-1/transfer', () => refused(409, 'TRANSFER_PENDING'));
  await handOn();
  await offer();
  expect(textOf(element)).toContain('Withdraw that first.');
  expect(textOf(element)).toContain('Withdraw the offer');
  // Nothing is offered any more once it was taken over.
  server.routes.set('POST /tickets/TKT-1/transfer', () => accepted({}, {}, 201));
  element.renderRoot.querySelector<HTMLElement>('.recipient button')?.click();
  await settled();
  await handOn();
  await offer();
  element.booking = booking({ tickets: [ticket('TKT-1', 'valid'), ticket('TKT-2', 'used')] });
  await settled();
  expect(textOf(element)).toContain('is offered to Grace');
  element.booking = booking({ tickets: [ticket('TKT-1', 'transferred'), ticket('TKT-2', 'used')] });
  await settled();
  expect(textOf(element)).not.toContain('is offered to Grace');
});

it('shows an offer that is under way, also of another page, until it is withdrawn or taken', async () => {
  server.routes.set('DELETE /tickets/TKT-1/transfer', () => accepted(null));
  const offered = (at: string): Booking => booking({ confirmed_at: '2029-12-01T10:00:00Z', tickets: [{ ...ticket('TKT-1', 'valid'), offer: { to: 'g…@example.org', at } }, ticket('TKT-2', 'valid')] });
  await show(offered('2029-12-01T11:00:00Z'));
  expect(textOf(element)).toContain('TKT-1 Valid Offered to g…@example.org Withdraw the offer');
  const withdraw = (): HTMLElement[] => [...element.renderRoot.querySelectorAll<HTMLElement>('.recipient button')];
  expect(withdraw().map((button) => button.getAttribute('aria-label'))).toEqual(['Withdraw the offer of ticket TKT-1']);
  withdraw()[0]!.click();
  await settled();
  // The booking of a guest is not read anew.
  expect(withdraw()).toEqual([]);
  server.routes.set('POST /tickets/TKT-1/transfer', () => accepted({}, {}, 201));
  element.renderRoot.querySelector<HTMLElement>('.actions button')?.click();
  await settled();
  element.renderRoot.querySelector<HTMLElement>('.link')?.click();
  await settled();
  const form = element.renderRoot.querySelector('form')!;
  const [name, email] = [...form.querySelectorAll('input')];
  name!.value = 'Bob';
  email!.value = 'bob@example.org';
  form.dispatchEvent(new Event('submit', { cancelable: true }));
  await settled();
  expect(textOf(element)).toContain('is offered to Bob');
  expect(textOf(element)).not.toContain('g…@example.org');
  element.booking = offered('2029-12-01T12:00:00Z');
  await settled();
  expect(withdraw()).toHaveLength(1);
  element.booking = booking({ tickets: [ticket('TKT-1', 'transferred'), ticket('TKT-2', 'valid')] });
  await settled();
  expect(textOf(element)).not.toContain('Offered to');
});

it('has the tickets mailed again', async () => {
  const again = (): HTMLElement | undefined => [...element.renderRoot.querySelectorAll<HTMLElement>('.actions button')].at(-1);
  server.routes.set('POST /bookings/b1/resend', () => accepted(null, {}, 202));
  await show(booking({ id: 'b1' }));
  again()?.click();
  await settled();
  expect(textOf(element)).toContain('The tickets are on their way by mail.');
  server.routes.set('POST /bookings/b1/resend', () => refused(409, 'NO_ADDRESS'));
  again()?.click();
  await settled();
  expect(textOf(element)).toContain('made without an e-mail address');
});
