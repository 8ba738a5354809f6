// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Booking, HeldTicket, Payment, SeatcastClient } from '../../sdk/index.ts';
import { accepted, FakeServer, refused, tokenOf } from '../../../test/support/fake-server.ts';
import { FakeStorage } from '../../../test/support/fake-storage.ts';
import { drawn, find, mount, textOf } from '../../../test/support/mount.ts';
import type { HoldsChangedEvent } from '../events/holds-changed.ts';
import type { PaymentStartedEvent } from '../events/payment-started.ts';
import { BACK } from './paying.ts';
import type { SeatcastBookings } from './seatcast-bookings.ts';
import './seatcast-bookings.ts';
// Loaded when they are needed; under fake timers there is no later.
import '../seatcast-change/seatcast-change.ts';
import '../seatcast-tickets/seatcast-tickets.ts';

let server: FakeServer;
let client: SeatcastClient;
let hold: Booking;

const start = Date.parse('2030-01-01T10:00:00Z');
const TICKET = { code: 'TKT-20300101-7F3K9QWX', ticket_type_id: 7, seat_id: null, status: 'valid' } as const;

beforeEach(() => {
  vi.useFakeTimers({ now: start });
  server = new FakeServer();
  server.addEvent(1);
  client = server.client({ token: tokenOf(3) });
  hold = server.hold(3, { reference: 'BK-7F3K9Q' });
});
afterEach(() => {
  sessionStorage.clear();
  document.body.replaceChildren();
  client.close();
  vi.useRealTimers();
});

const shown = (attributes: Record<string, string> = { event: '1', active: '' }): Promise<SeatcastBookings> =>
  mount(server, client, 'seatcast-bookings', attributes);
const change = (given: Partial<Booking>): Booking => server.changeBooking(3, hold.id, given);
const button = (element: SeatcastBookings): HTMLButtonElement | null => element.renderRoot.querySelector('.foot .cancel');
const statuses = (element: SeatcastBookings): (string | undefined)[] =>
  [...element.renderRoot.querySelectorAll<HTMLElement>('[data-booking]')].map(({ dataset }) => dataset['status']);

describe('tickets that others handed on', () => {
  const held = (given: Partial<HeldTicket> = {}): HeldTicket => ({
    ...{ id: 811, version: 1, code: 'TKT-20300101-9G4M2RVX', status: 'transferred', event_id: 2, event_title: 'Nacht der Türme' },
    ...{ event_status: 'active', venue: 'Altes Werk', starts_at: '2030-02-01T19:00:00Z', timezone: 'Europe/Berlin' },
    ...{ ticket_type_id: 9, ticket_type: 'Stalls', seat: { id: 5, section: 'Left', row: 'B', number: '7' }, taken_over_at: '2029-12-01T10:00:00Z' },
    ...given,
  });
  const tell = (told: object): void => {
    const from = server.bookings.changedAt(3);
    server.push('user:3', 'update', { from, to: server.bookings.now() + 1, ...told });
  };
  const cards = (element: SeatcastBookings): (string | undefined)[] =>
    [...element.renderRoot.querySelectorAll<HTMLElement>('[data-ticket]')].map(({ dataset }) => `${dataset['ticket']} ${dataset['status']}`);

  it('show live below the bookings, without anything of a booking', async () => {
    const element = await shown({});
    await drawn(server, element);
    expect(cards(element)).toEqual([]);
    tell({ tickets: [held()] });
    await drawn(server, element);
    expect(cards(element)).toEqual(['811 good']);
    expect(textOf(element)).toContain('The ticket TKT-20300101-9G4M2RVX is yours.');
    expect(textOf(element)).toContain('Tickets handed to you Yours Nacht der Türme Fri 1 Feb 2030, 20:00');
    const ticket = find<HTMLElement & { renderRoot: ShadowRoot }>(element, '[data-ticket] seatcast-tickets');
    expect(ticket.renderRoot.textContent?.replace(/\s+/g, ' ')).toContain('Left · Row B · Seat 7 TKT-20300101-9G4M2RVX Valid');
    expect(element.renderRoot.querySelector('[data-ticket] .foot')).toBeNull();
    tell({ tickets: [held({ version: 2, event_status: 'cancelled' })] });
    await drawn(server, element);
    expect(cards(element)).toEqual(['811 cancelled']);
    // The bookings of a cancelled event end soon after it, or before the page is told of either.
    tell({ tickets: [held({ version: 3, event_status: 'cancelled', status: 'void' })] });
    await drawn(server, element);
    expect(cards(element)).toEqual(['811 cancelled']);
    tell({ tickets: [held({ version: 4, status: 'void' })] });
    await drawn(server, element);
    expect(cards(element)).toEqual(['811 void']);
    expect(textOf(element)).toContain('The ticket TKT-20300101-9G4M2RVX was taken back.');
    tell({ gone_tickets: [811] });
    await drawn(server, element);
    expect(cards(element)).toEqual([]);
  });

  it('are left out beside an event, where only what holds stock is shown, and with one booking', async () => {
    const [active, single, ofEvent] = [await shown(), await shown({ booking: 'BK-7F3K9Q' }), await shown({ event: '2' })];
    await drawn(server, ofEvent);
    tell({ tickets: [held()] });
    for (const element of [active, single, ofEvent]) await drawn(server, element);
    expect([active, single, ofEvent].map(cards)).toEqual([[], [], ['811 good']]);
    expect(ofEvent.hasAttribute('empty')).toBe(false);
  });
});

describe('bookings', () => {
  it('count down to the deadline of a hold', async () => {
    const element = await shown();
    expect(textOf(element)).toContain('Held for you 2:00 2 × Standard');
    expect(textOf(element)).toContain('BK-7F3K9Q');
    await drawn(server, element, 61_000);
    expect(textOf(element)).toContain('0:59');
    expect(find(element, '.countdown').classList.contains('soon')).toBe(true);
  });

  it('lead to the event in the shop of their server, also from another site', async () => {
    const element = await shown({});
    await drawn(server, element);
    expect(find<HTMLAnchorElement>(element, '.title').href).toBe(client.eventAddress(1));
    expect(client.eventAddress(1)).toMatch(/^https?:\/\/[^/]+\/events\/1$/);
  });

  it('name the seats row by row', async () => {
    const seat = (row: string, number: string): object => ({ id: 1, section: 'Stalls', row, number });
    const items = [{ ticket_type_id: 7, name: 'Standard', quantity: 3, unit_price: {}, seats: [seat('H', '1'), seat('H', '2'), seat('J', '9')] }];
    change({ items: items as unknown as Booking['items'] });
    const element = await shown();
    expect(textOf(element)).toContain('Stalls · Row H · Seats 1, 2; Stalls · Row J · Seat 9');
  });

  it('web_11: say that a hold ended as soon as it did, without a button that is of no use', async () => {
    const element = await shown();
    await drawn(server, element, 119_000);
    expect(textOf(element)).toContain('Held for you');
    await drawn(server, element, 1_200);
    expect(textOf(element)).toContain('Expired Your hold ended, choose again.');
    expect(button(element)).toBeNull();
    change({ status: 'expired' });
    await drawn(server, element);
    expect(textOf(element)).toContain('The hold BK-7F3K9Q has ended.');
    expect(textOf(element)).toContain('Your hold ended, choose again.');
  });

  it('take that away when something newer is held, or the buyer chose again', async () => {
    const element = await shown();
    change({ status: 'expired' });
    await drawn(server, element);
    expect(statuses(element)).toEqual(['expired']);
    const other = server.hold(3);
    await drawn(server, element);
    expect(statuses(element)).toEqual(['pending']);
    server.changeBooking(3, other.id, { status: 'expired' });
    await drawn(server, element);
    expect(statuses(element)).toEqual(['expired']);
    element.forgetEnded();
    await drawn(server, element);
    expect(statuses(element)).toEqual([]);
    expect(element.hasAttribute('empty')).toBe(true);
  });

  it('web_7 web_9: show at once what is held, paid and cancelled elsewhere, and why', async () => {
    const element = await shown();
    const holds: number[] = [];
    element.addEventListener('seatcast-holds', (event) => holds.push((event as HoldsChangedEvent).pending));
    const other = server.hold(3);
    await element.updateComplete;
    expect(statuses(element)).toEqual(['pending', 'pending']);
    server.changeBooking(3, other.id, { status: 'confirmed', tickets: [TICKET] });
    await element.updateComplete;
    expect(textOf(element)).toContain('TKT-20300101-7F3K9QWX');
    expect(textOf(element)).toContain(`Booking ${other.reference} is confirmed.`);
    change({ status: 'cancelled', cancel_reason: 'Singer is ill' });
    await element.updateComplete;
    expect(textOf(element)).toContain('Cancelled Singer is ill');
    expect(holds).toEqual([2, 1, 0]);
  });

  it('cancel', async () => {
    const element = await shown();
    server.routes.set(`PUT /bookings/${hold.id}/status`, () => accepted(change({ status: 'cancelled', cancel_reason: 'cancelled by the buyer' })));
    const cancelled = vi.fn();
    element.addEventListener('seatcast-cancelled', cancelled);
    button(element)?.click();
    await drawn(server, element);
    expect(cancelled).toHaveBeenCalledOnce();
    expect(textOf(element)).toBe('Booking BK-7F3K9Q is cancelled. Cancelled 2 × Standard BK-7F3K9Q 2 tickets · €90.00');
  });

  it('web_10: ask before tickets become void, and keep the card', async () => {
    change({ status: 'confirmed', tickets: [TICKET], confirmed_at: '2030-01-01T10:00:00Z' });
    const element = await shown();
    const cancels = vi.fn(() => accepted(change({ status: 'cancelled', cancel_reason: 'cancelled by the buyer' })));
    server.routes.set(`PUT /bookings/${hold.id}/status`, cancels);
    button(element)?.click();
    await drawn(server, element);
    expect(textOf(element)).toContain('Cancel this booking? Its 2 tickets become void. €90.00 goes back to you.');
    expect((element.renderRoot as ShadowRoot).activeElement?.textContent).toBe('Keep it');
    find(element, '.question .keep').click();
    await drawn(server, element);
    expect(textOf(element)).not.toContain('Cancel this booking?');
    expect(cancels).not.toHaveBeenCalled();
    button(element)?.click();
    await drawn(server, element);
    find(element, '.question .yes').click();
    await drawn(server, element);
    expect(cancels).toHaveBeenCalledOnce();
    expect(statuses(element)).toEqual(['cancelled']);
  });

  it('say what comes back before a booking is cancelled, also of single tickets', async () => {
    const codes = ['TKT-A', 'TKT-B'];
    change({ status: 'confirmed', tickets: codes.map((code) => ({ ...TICKET, code })) });
    const amounts = [7_200, 3_600];
    server.routes.set(`GET /bookings/${hold.id}/cancellation`, () =>
      accepted({ until: '2030-01-10T20:00:00Z', amount: { amount: amounts.shift(), currency: 'EUR' }, percent: 80, keeps_fees: true, ticket_ids: codes }),
    );
    const element = await shown();
    button(element)?.click();
    await drawn(server, element);
    expect(textOf(element)).toContain('Its 2 tickets become void. €72.00 goes back to you: 80% of the price without fees.');
    find<HTMLInputElement>(element, 'fieldset input').click();
    await drawn(server, element);
    expect(textOf(element)).toContain('Its ticket becomes void. €36.00 goes back to you: 80% of the price without fees.');
    expect(server.requests.at(-1)?.path).toBe(`/bookings/${hold.id}/cancellation?ticket_ids=TKT-B`);
  });

  it('give back the tickets that nobody else holds', async () => {
    change({ status: 'confirmed', tickets: [{ ...TICKET, status: 'transferred' }, { ...TICKET, code: 'TKT-B' }] });
    const given = { until: '2030-01-10T20:00:00Z', amount: { amount: 4_500, currency: 'EUR' }, percent: 100, keeps_fees: false, ticket_ids: ['TKT-B'] };
    server.routes.set(`GET /bookings/${hold.id}/cancellation`, () =>
      server.requests.at(-1)?.path.endsWith('ticket_ids=TKT-B') ? accepted(given) : refused(409, 'TICKET_TRANSFERRED'),
    );
    const cancels = vi.fn(() => accepted(change({ status: 'confirmed' })));
    server.routes.set(`PUT /bookings/${hold.id}/status`, cancels);
    const element = await shown();
    button(element)?.click();
    await drawn(server, element);
    expect(textOf(element)).toContain('Its ticket becomes void. €45.00 goes back to you');
    find(element, '.question .yes').click();
    await drawn(server, element);
    expect(cancels).toHaveBeenCalledWith(expect.objectContaining({ ticket_ids: ['TKT-B'] }), expect.anything());
  });

  it('say until when a booking could be cancelled', async () => {
    change({ status: 'confirmed', tickets: [TICKET] });
    server.routes.set(`GET /bookings/${hold.id}/cancellation`, () => refused(409, 'REFUND_POLICY', { until: '2029-12-31T20:00:00Z' }));
    const element = await shown();
    button(element)?.click();
    await drawn(server, element);
    expect(textOf(element)).toContain('It could be cancelled until');
    expect(find<HTMLButtonElement>(element, '.question .yes').disabled).toBe(true);
  });

  it('say that a ticket was used, also where the booking tells so only now', async () => {
    change({ status: 'confirmed', tickets: [TICKET] });
    const element = await shown();
    server.routes.set(`PUT /bookings/${hold.id}/status`, () => {
      change({ tickets: [{ ...TICKET, status: 'used' }] });
      return refused(409, 'INVALID_TRANSITION', { used: true });
    });
    button(element)?.click();
    await drawn(server, element);
    find(element, '.question .yes').click();
    await drawn(server, element);
    expect(textOf(element)).toContain('One of its tickets was used');
  });

  it('say why a cancellation failed, until the booking is another or the server is back', async () => {
    const element = await shown();
    server.routes.set(`PUT /bookings/${hold.id}/status`, () => refused(409, 'INVALID_TRANSITION'));
    button(element)?.click();
    await drawn(server, element);
    expect(textOf(element)).toContain('This booking has ended already.');
    change({ quantity: 1 });
    await drawn(server, element);
    expect(textOf(element)).not.toContain('ended already');

    server.reachable = false;
    server.fetchFails();
    server.cut();
    button(element)?.click();
    await drawn(server, element, 60_000);
    expect(textOf(element)).toContain('The server does not answer.');
    server.reachable = true;
    server.fetchFails(false);
    await drawn(server, element, 30_000);
    expect(textOf(element)).not.toContain('does not answer');
  });

  it('show the tickets of a confirmed one', async () => {
    change({ status: 'confirmed', tickets: [TICKET] });
    const element = await shown();
    expect(textOf(element)).toContain('TKT-20300101-7F3K9QWX');
  });

  it('name the lines of the price beside the tickets', async () => {
    const line = { ticket_type_id: null, quantity: 1, unit_amount: 0, tax_amount: 0, tax: null };
    const lines = [
      { ...line, kind: 'fee', name: 'Service fee', amount: 200 },
      { ...line, kind: 'tax', name: 'VAT', amount: 0, tax_amount: 1_469, tax: { basis_points: 1_900, included: true } },
    ] as const;
    const tickets = { ...line, kind: 'ticket', ticket_type_id: 7, name: 'Standard', quantity: 2, unit_amount: 4_500, amount: 9_000 } as const;
    change({ lines: [tickets, ...lines], total: { amount: 9_200, currency: 'EUR' } });
    const element = await shown();
    expect(textOf(element)).toContain('2 × Standard €90.00 Service fee €2.00');
    expect(textOf(element)).toContain('€92.00 incl. VAT 19% €14.69');
  });

  it('that the waitlist offers are taken or declined, not paid', async () => {
    const offer = server.hold(3, { kind: 'offer', expires_at: new Date(start + 12 * 3_600_000).toISOString() });
    const place = { id: 5, event_id: 1, quantity: 2, status: 'offered', booking_id: offer.id };
    const becomes = (given: Partial<Booking>) => (): Response => accepted(server.changeBooking(3, offer.id, given));
    server.routes.set('GET /waitlist/mine', () => accepted([place]));
    server.routes.set('POST /waitlist/5/accept', () => refused(409, 'PENDING_BOOKING_EXISTS', { booking_id: hold.id }));
    const holds: number[] = [];
    change({ status: 'cancelled', cancel_reason: 'cancelled by the buyer' });
    const element = await shown();
    element.addEventListener('seatcast-holds', (event) => holds.push((event as HoldsChangedEvent).pending));
    expect(textOf(element)).toContain('Offered to you 12:00:00');
    expect(textOf(element)).not.toContain('Pay €');
    find(element, '.answers .primary').click();
    await drawn(server, element);
    expect(textOf(element)).toContain('You already hold tickets');
    server.routes.set('POST /waitlist/5/accept', becomes({ kind: 'checkout' }));
    find(element, '.answers .primary').click();
    await drawn(server, element);
    expect(textOf(element)).toMatch(/Held for you .* Pay €90.00/);
    expect(holds).toEqual([1]);

    const other = server.hold(3, { kind: 'offer' });
    server.routes.set('GET /waitlist/mine', () => accepted([{ ...place, booking_id: other.id }]));
    server.routes.set('POST /waitlist/5/decline', () => {
      server.changeBooking(3, other.id, { status: 'cancelled', cancel_reason: null });
      return accepted({ ...place, status: 'declined' });
    });
    await drawn(server, element);
    find(element, '.answers .button:not(.primary)').click();
    await drawn(server, element);
    expect(statuses(element)).toEqual(['pending']);
    expect(textOf(element)).toContain('You declined the offer.');
  });

  it('of another event are left out; without an event all are shown, ended ones too', async () => {
    change({ status: 'cancelled', cancel_reason: 'Singer is ill' });
    const other = await shown({ event: '2', active: '' });
    expect(textOf(other)).toBe('');
    const all = await shown({});
    expect(textOf(all)).toContain('Cancelled Event 1 Singer is ill');
    change({ cancel_reason: 'seats withdrawn by the organizer' });
    expect(textOf(await shown({ lang: 'th' }))).toContain('ผู้จัดงานนำที่นั่งเหล่านี้ออกจากการขาย');
    change({ cancel_reason: 'the payment was cancelled at the provider' });
    expect(textOf(await shown({ lang: 'fa' }))).toContain('پرداخت لغو شد.');
  });

  it('web_21: of an event that was deleted do not call it by its number', async () => {
    server.routes.set('GET /events/1', () => refused(404, 'EVENT_NOT_FOUND'));
    expect(textOf(await shown({}))).toContain('An event that is not listed any more');
  });

  it('say that there is no connection where they are all that is shown', async () => {
    const all = await shown({});
    server.reachable = false;
    server.fetchFails();
    server.cut();
    await drawn(server, all, 15_000);
    expect(textOf(all)).toContain('No connection. These are your bookings as last known.');
  });

  it('are those of the other when another user is asking', async () => {
    const element = await shown();
    expect(statuses(element)).toEqual(['pending']);
    client.setToken(tokenOf(4));
    await drawn(server, element);
    expect(textOf(element)).toBe('');
  });

  it('of a guest are those of this browser, whichever tab made them', async () => {
    const storage = new FakeStorage();
    const tabs = [server.client({ storage }), server.client({ storage })] as const;
    storage.changed = (key) => tabs.forEach((tab) => tab.storageChanged(key));
    const guests = { ...hold, user_id: null };
    server.routes.set('POST /bookings', () => accepted({ ...guests, token: 'secret' }, {}, 201));
    server.routes.set(`GET /bookings/${hold.id}`, () => accepted({ ...guests, server_time: new Date().toISOString() }));
    const element = await mount<SeatcastBookings>(server, tabs[1], 'seatcast-bookings', { event: '1', active: '' });
    expect(statuses(element)).toEqual([]);
    void tabs[0].book({ event_id: 1, items: [] });
    await drawn(server, element);
    expect(textOf(element)).toContain('Held for you 2:00');
  });
});

describe('paying', () => {
  const payment = (given: Partial<Payment>): Payment => ({
    id: 'p-1',
    provider: 'demo',
    method: null,
    state: 'requires_action',
    amount: { amount: 9_000, currency: 'EUR' },
    refunded: { amount: 0, currency: 'EUR' },
    failure: null,
    ...given,
  });
  const pay = (element: SeatcastBookings): HTMLButtonElement | null => element.renderRoot.querySelector('.pay');
  /** Begins to pay; the browser stays. Answers what the element wanted to do. */
  async function started(element: SeatcastBookings, answer: object = { redirect_url: '/pay/demo/p-1' }): Promise<PaymentStartedEvent | undefined> {
    let event: PaymentStartedEvent | undefined;
    element.addEventListener('seatcast-payment', (begun) => {
      event = begun;
      begun.preventDefault();
    });
    server.routes.set(`POST /bookings/${hold.id}/payment`, () => accepted(answer, {}, 201));
    pay(element)?.click();
    await drawn(server, element);
    return event;
  }

  it('begins with a page to come back to, and leads to the provider', async () => {
    const element = await shown();
    expect(textOf(pay(element)!)).toBe('Pay €90.00');
    const event = await started(element);
    expect(server.requests.at(-1)).toMatchObject({ path: `/bookings/${hold.id}/payment`, body: { return_url: location.href } });
    expect(event?.attempt.redirect_url).toMatch(/^https?:.*\/pay\/demo\/p-1$/);
    expect(event?.booking.id).toBe(hold.id);
    expect(pay(element)?.disabled).toBe(false);
  });

  it('says why it cannot begin', async () => {
    const element = await shown();
    server.routes.set(`POST /bookings/${hold.id}/payment`, () => refused(409, 'INVALID_TRANSITION'));
    pay(element)?.click();
    await drawn(server, element);
    expect(textOf(element)).toContain('This booking has ended already.');
  });

  it('says so where nothing takes the money', async () => {
    const element = await shown();
    server.routes.set(`POST /bookings/${hold.id}/payment`, () => accepted({ provider: 'stripe', client_secret: 'pi_1_secret' }, {}, 201));
    pay(element)?.click();
    await drawn(server, element);
    expect(textOf(element)).toContain('Paying by card is not set up here.');
  });

  it('begins again where the provider has not answered, and says so in the end', async () => {
    const element = await shown();
    const answers = vi.fn(() => accepted({ provider: 'stripe', status: 'creating', publishable_key: 'pk_1' }, {}, 201));
    server.routes.set(`POST /bookings/${hold.id}/payment`, answers);
    pay(element)?.click();
    await drawn(server, element);
    expect(textOf(element)).not.toContain('Paying by card is not set up here.');
    for (let tries = 1; tries < 4; tries += 1) await drawn(server, element, 1_000);
    expect(answers).toHaveBeenCalledTimes(4);
    expect(textOf(element)).toContain('The payment service does not answer at the moment.');
    expect(pay(element)?.disabled).toBe(false);
  });

  it('tells how to pay to staff', async () => {
    const element = await shown();
    await started(element, { instructions: 'BK-7F3K9Q · 90.00 EUR' });
    expect(textOf(element)).toContain('Pay this before the hold ends: BK-7F3K9Q · 90.00 EUR');
  });

  it('offers another card after a decline, while the hold goes on', async () => {
    const element = await shown();
    change({ payment: payment({ failure: 'card_declined' }) });
    await drawn(server, element);
    expect(textOf(element)).toContain('The card was declined. Your tickets are still held: try another one. Pay €90.00');
    expect(textOf(element)).toContain('The payment of BK-7F3K9Q was declined.');
    expect(textOf(element)).toContain('Held for you 2:00');
  });

  it('waits while the provider works on it, past the deadline too', async () => {
    const element = await shown();
    change({ payment: payment({ state: 'processing' }) });
    await drawn(server, element, 130_000);
    expect(statuses(element)).toEqual(['pending']);
    expect(textOf(element)).toContain('Paying … Your tickets stay yours meanwhile.');
    expect(pay(element)).toBeNull();
    change({ status: 'confirmed', tickets: [TICKET], payment: payment({ state: 'captured' }) });
    await drawn(server, element);
    expect(textOf(element)).toContain('Confirmed');
    expect(textOf(element)).not.toContain('Paying');
  });

  it('waits for the bank after the way back, and then offers the button again', async () => {
    sessionStorage.setItem('seatcast.paying', hold.id);
    const element = await shown();
    await drawn(server, element, 1_000);
    expect(textOf(element)).toContain('Paying …');
    await drawn(server, element, BACK.ms);
    expect(textOf(pay(element)!)).toBe('Pay €90.00');
    expect(sessionStorage.length).toBe(0);
  });

  const UNFINISHED = 'Your payment is not finished. Your tickets are still held: go on with it, or choose another way to pay. Pay €90.00';
  const arrivedBy = (type: NavigationTimingType): void => void vi.spyOn(performance, 'getEntriesByType').mockReturnValue([{ type } as PerformanceNavigationTiming]);

  it('goes on at once after the browser’s own way back, on a page that it loads anew', async () => {
    arrivedBy('back_forward');
    sessionStorage.setItem('seatcast.paying', `${hold.id} open`);
    change({ payment: payment({}) });
    const element = await shown();
    expect(textOf(element)).toContain(UNFINISHED);
    expect(textOf(element)).toContain('Held for you 2:00');
    expect(pay(element)?.disabled).toBe(false);
    expect(sessionStorage.length).toBe(0);
  });

  it('goes on at once on a page that the browser kept as it was left, and asks for news of it', async () => {
    const element = await shown();
    sessionStorage.setItem('seatcast.paying', `${hold.id} open`);
    const show = (persisted: boolean): void => void globalThis.dispatchEvent(Object.assign(new Event('pageshow'), { persisted }));
    show(true);
    change({ payment: payment({}) });
    await drawn(server, element);
    expect(textOf(element)).toContain(UNFINISHED);
    expect(sessionStorage.length).toBe(0);
    // The answer of a card that was typed before comes all the same.
    change({ payment: payment({ state: 'processing' }) });
    await drawn(server, element);
    expect(textOf(element)).toContain('Paying … Your tickets stay yours meanwhile.');
    expect(pay(element)).toBeNull();
  });

  it('says that it is paying after the way back too, while the provider works on it', async () => {
    arrivedBy('back_forward');
    sessionStorage.setItem('seatcast.paying', `${hold.id} open`);
    change({ payment: payment({ state: 'processing' }) });
    const element = await shown();
    expect(textOf(element)).toContain('Paying … Your tickets stay yours meanwhile.');
    expect(pay(element)).toBeNull();
  });

  it('waits over a reload no longer than without, and not at all where the provider never led back', async () => {
    arrivedBy('reload');
    change({ payment: payment({}) });
    sessionStorage.setItem('seatcast.paying', `${hold.id} open ${Date.now() - BACK.ms + 2_000}`);
    const element = await shown();
    await drawn(server, element, 1_000);
    expect(textOf(element)).toContain('Paying …');
    await drawn(server, element, 1_500);
    expect(textOf(element)).toContain(UNFINISHED);

    document.body.replaceChildren();
    sessionStorage.setItem('seatcast.paying', `${hold.id} open`);
    expect(textOf(await shown())).toContain(UNFINISHED);
  });

  it('says nothing of it where staff are paid, nor of a payment that was not begun', async () => {
    const element = await shown();
    expect(textOf(element)).not.toContain('not finished');
    change({ payment: payment({ provider: 'offline' }) });
    await drawn(server, element);
    expect(textOf(element)).not.toContain('not finished');
    expect(textOf(pay(element)!)).toBe('Pay €90.00');
  });

  it('says at once that the card was declined, and what another tab gave back', async () => {
    sessionStorage.setItem('seatcast.paying', `${hold.id} open`);
    change({ payment: payment({ failure: 'card_declined' }) });
    const element = await shown();
    expect(textOf(element)).toContain('The card was declined.');
    sessionStorage.setItem('seatcast.paying', `${hold.id} declined`);
    change({ status: 'cancelled', cancel_reason: 'cancelled by the buyer', payment: payment({ state: 'canceled' }) });
    document.body.replaceChildren();
    const other = await shown();
    await drawn(server, other, 1_000);
    expect(textOf(other)).toContain('Cancelled Nothing was charged.');
  });

  it('was in time where the buyer cancels later', async () => {
    const element = await shown({});
    change({ status: 'cancelled', confirmed_at: '2030-01-01T10:00:00Z', payment: payment({ state: 'captured' }) });
    await drawn(server, element);
    expect(textOf(element)).toContain('What goes back to you follows the refund policy.');
    expect(textOf(element)).not.toContain('too late');
  });

  it.each([
    ['expired', { state: 'failed' }, 'choose again. Nothing was charged.'],
    ['expired', { state: 'requires_action', provider: 'offline' }, 'choose again. Nothing was charged.'],
    ['expired', { state: 'requires_action' }, 'Expired Event 1 Your payment is not finished.'],
    ['cancelled', { state: 'processing' }, 'Your payment is not finished.'],
    ['expired', { state: 'captured' }, 'Your payment came too late: it goes back to you.'],
    ['expired', { state: 'authorized' }, 'Expired Event 1 Your payment is not finished.'],
    ['cancelled', { state: 'captured', refunded: { amount: 4_500, currency: 'EUR' } }, '€45.00 goes back to you.'],
    ['refunded', { state: 'captured', refunded: { amount: 9_000, currency: 'EUR' } }, '€90.00 goes back to you.'],
    ['confirmed', { state: 'captured', refunded: { amount: 4_500, currency: 'EUR' } }, '€45.00 goes back to you.'],
    ['cancelled', { state: 'needs_review' }, 'Somebody is looking at your payment'],
  ] as const)('tells where the money is: %s, %o', async (status, given, words) => {
    const element = await shown({});
    change({ status, payment: payment(given) });
    await drawn(server, element);
    expect(textOf(element)).toContain(words);
  });

  it('asks to pay again what is confirmed and whose money did not come', async () => {
    change({ status: 'confirmed', payment: payment({ state: 'needs_review', owed: true }) });
    const element = await shown();
    expect(textOf(element)).toContain('Your bank did not give us the money, and nothing was taken.');
    expect(textOf(pay(element)!)).toBe('Pay €90.00');
    change({ payment: payment({ state: 'processing', owed: true }) });
    await drawn(server, element);
    expect(pay(element)).toBeNull();
    change({ payment: payment({ state: 'captured' }) });
    await drawn(server, element);
    expect(pay(element)).toBeNull();
    expect(textOf(element)).not.toContain('Your bank did not give us the money');
  });

  it('web_21: marks tickets that are not good any more', async () => {
    change({ status: 'confirmed', tickets: [TICKET, { ...TICKET, code: 'TKT-20300101-AAAAAAAA', status: 'void' }] });
    const element = await shown();
    expect(textOf(element)).toContain('Standard TKT-20300101-7F3K9QWX Valid Standard TKT-20300101-AAAAAAAA Void');
  });
});
