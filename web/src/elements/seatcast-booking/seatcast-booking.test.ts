// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BookingRequest, PriceLine, SeatcastClient } from '../../sdk/index.ts';
import { accepted, FakeServer, refused, tokenOf } from '../../../test/support/fake-server.ts';
import { FakeStorage } from '../../../test/support/fake-storage.ts';
import { drawn, find, mount, textOf } from '../../../test/support/mount.ts';
import type { BookingMadeEvent } from '../events/booking-made.ts';
import type { BookingRefusedEvent } from '../events/booking-refused.ts';
import { QUOTE_PATIENCE_MS } from '../internal/quote-controller.ts';
import { HoldsChangedEvent } from '../events/holds-changed.ts';
import { SelectionChangedEvent, type SelectionLine } from '../events/selection-changed.ts';
import type { SeatcastRevealed } from '../seatcast-revealed/seatcast-revealed.ts';
import type { SeatcastSeatMap } from '../seatcast-seat-map/seatcast-seat-map.ts';
import type { SeatcastBooking } from './seatcast-booking.ts';
import './seatcast-booking.ts';
// Loaded when there are some; under fake timers there is no later.
import '../seatcast-bookings/seatcast-bookings.ts';
import '../seatcast-waitlist/seatcast-waitlist.ts';
import '../seatcast-revealed/seatcast-revealed.ts';
import '../seatcast-seat-map/seatcast-seat-map.ts';
import './otherwise.ts';
import './email-proof.ts';
import './name-gap.ts';
import './unkept.ts';

let server: FakeServer;
let client: SeatcastClient;
let element: SeatcastBooking;
/** The server's price of tickets, with what comes on top. */
let price: { unit: number; extra: PriceLine[] };
/** Stands for the element that choices come from. */
let source: HTMLElement & { busy: boolean; clear: () => void };

const line = (quantity: number, amount = 4_500): SelectionLine => ({
  item: { ticket_type_id: 7, quantity },
  label: 'Standard',
  quantity,
  unitPrice: { amount, currency: 'EUR' },
});
const booking = {
  id: 'b-1', reference: 'BK-7F3K9Q', event_id: 1, version: 1, status: 'pending', quantity: 2,
  total: { amount: 9_000, currency: 'EUR' }, items: [], tickets: [], expires_at: null, created_at: '',
};

beforeEach(async () => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  price = { unit: 4_500, extra: [] };
  server.routes.set('POST /bookings/quote', (body) => accepted(quoteOf(body as BookingRequest)));
  client = server.client({ storage: new FakeStorage() });
  element = await mount(server, client, 'seatcast-booking', { event: '1' });
  source = Object.assign(document.createElement('div'), { busy: false, clear: vi.fn() });
  element.append(source);
});
afterEach(() => {
  document.body.replaceChildren();
  client.close();
  vi.useRealTimers();
});

function quoteOf({ items }: BookingRequest): object {
  const quantity = items.reduce((sum, item) => sum + ('quantity' in item ? item.quantity : 1), 0);
  const ticket = { ...priceLine('ticket', 'Standard', price.unit * quantity), quantity, unit_amount: price.unit };
  const lines = [ticket, ...price.extra];
  const amount = lines.reduce((sum, one) => sum + one.amount, 0);
  return { event_id: 1, quantity, total: { amount, currency: 'EUR' }, lines };
}

function priceLine(kind: PriceLine['kind'], name: string, amount: number, given: Partial<PriceLine> = {}): PriceLine {
  return { kind, name, amount, ticket_type_id: null, quantity: 1, unit_amount: amount, tax_amount: 0, tax: null, ...given };
}

/** Chooses, and waits for the price. */
async function choose(...lines: SelectionLine[]): Promise<void> {
  source.dispatchEvent(new SelectionChangedEvent(1, lines));
  await element.updateComplete;
  await drawn(server, element);
}
const posts = (path: string): { body: unknown; headers: Headers }[] =>
  server.requests.filter((request) => request.method === 'POST' && request.path === path);
const button = (): HTMLButtonElement => find(element, '.primary');
const keys = (): (string | null)[] =>
  posts('/bookings').map(({ headers }) => headers.get('idempotency-key'));

describe('booking', () => {
  it('waits for a choice', () => {
    expect(button().disabled).toBe(true);
    expect(textOf(element)).toContain('Choose your seats to begin.');
  });

  it('shows what was chosen and what it costs', async () => {
    await choose(line(2));
    expect(textOf(element)).toContain('Total €90.00');
    expect(textOf(button())).toBe('Hold 2 tickets');
    price.unit = 0;
    await choose(line(1, 0));
    expect(textOf(button())).toBe('Book 1 ticket');
  });

  it('keeps its key where the token ended between two tries: the first may have been booked', async () => {
    client.setToken(tokenOf(3));
    let tries = 0;
    server.routes.set('POST /bookings', () => {
      tries += 1;
      if (tries === 1) throw new TypeError('fetch failed');
      return tries === 2 ? refused(401, 'TOKEN_EXPIRED') : accepted(booking, {}, 201);
    });
    await choose(line(2));
    button().click();
    await drawn(server, element, 10_000);
    client.setToken(`${tokenOf(3)}again`);
    button().click();
    await drawn(server, element);
    expect([keys().length, new Set(keys()).size]).toEqual([3, 1]);
  });

  it('books it, tells so, and empties the choice', async () => {
    let made: BookingMadeEvent | undefined;
    element.addEventListener('seatcast-booked', (event) => (made = event));
    server.routes.set('POST /bookings', () => accepted(booking, {}, 201));
    await choose(line(2));
    button().click();
    expect(source.busy).toBe(true);
    await drawn(server, element);
    expect(made?.booking.reference).toBe('BK-7F3K9Q');
    expect(source.clear).toHaveBeenCalledOnce();
    expect(source.busy).toBe(false);
    expect(textOf(element)).toContain('Held for you');
    expect(element.renderRoot.querySelector('.primary')).toBeNull();
  });

  it('sends the total that was shown, and the contact that was typed', async () => {
    const sent = (): unknown => posts('/bookings').at(-1)?.body;
    server.routes.set('POST /bookings', () => refused(409, 'PRICE_CHANGED', { total: { amount: 9_200, currency: 'EUR' } }));
    await choose(line(2));
    price.unit = 4_600;
    button().click();
    await drawn(server, element);
    expect(sent()).toMatchObject({ expected_total: { amount: 9_000, currency: 'EUR' } });
    expect(sent()).not.toHaveProperty('contact');
    expect(textOf(element)).toContain('The price has changed');
    // The total that the server named is shown, and agreed to by booking again.
    expect(textOf(element)).toContain('Total €92.00');
    button().click();
    await drawn(server, element);
    expect(sent()).toMatchObject({ expected_total: { amount: 9_200, currency: 'EUR' } });
    await choose(line(2, 4_600));
    expect(textOf(element)).toContain('The price has changed');
    const email = find<HTMLInputElement>(element, 'input[type=email]');
    email.value = 'ada@example.org';
    email.dispatchEvent(new Event('input', { bubbles: true }));
    button().click();
    await drawn(server, element);
    expect(sent()).toMatchObject({ expected_total: { amount: 9_200, currency: 'EUR' }, contact: { email: 'ada@example.org' } });
    expect(new Set(keys()).size).toBe(3);
  });

  it('asks for a code from the mail where the tickets want one', async () => {
    server.routes.set('POST /bookings', () => refused(403, 'EMAIL_PROOF_REQUIRED'));
    server.routes.set('POST /email-codes', () => accepted(null, {}, 202));
    await choose(line(2));
    button().click();
    await drawn(server, element);
    const type = (name: string, value: string): void => {
      const input = find<HTMLInputElement>(element, `input[name=${name}]`);
      input.value = value;
      input.dispatchEvent(new Event('input', { bubbles: true }));
    };
    type('email', 'ada@example.org');
    await element.updateComplete;
    find(element, 'details button').click();
    await drawn(server, element);
    expect(server.requests.at(-1)).toMatchObject({ path: '/email-codes', body: { email: 'ada@example.org' } });
    type('code', 'ABCD2345');
    button().click();
    await drawn(server, element);
    expect(server.requests.at(-1)?.body).toMatchObject({ email_code: 'ABCD2345', contact: { email: 'ada@example.org' } });
  });

  it('shows discounts, fees and taxes, and the total of the server', async () => {
    price.extra = [
      priceLine('discount', 'SUMMER', -600, { ticket_type_id: 7 }),
      priceLine('discount', 'SUMMER', -300, { ticket_type_id: 8 }),
      priceLine('fee', 'Service fee', 200),
      priceLine('tax', 'City tax', 83, { tax_amount: 83, tax: { basis_points: 100, included: false } }),
      priceLine('tax', 'VAT', 0, { tax_amount: 1_342, tax: { basis_points: 1_900, included: true } }),
    ];
    await choose(line(2));
    expect(textOf(element)).toContain('Voucher SUMMER −€9.00 Service fee €2.00 City tax 1% €0.83 Total €83.83 incl. VAT 19% €13.42');
    server.routes.set('POST /bookings', () => accepted(booking, {}, 201));
    button().click();
    await drawn(server, element);
    expect(posts('/bookings')[0]?.body).toMatchObject({ expected_total: { amount: 8_383 } });
  });

  it('applies vouchers, and drops one that does not apply', async () => {
    const apply = async (code: string): Promise<void> => {
      const form = find<HTMLFormElement>(element, '.vouchers form');
      form.querySelector('input')!.value = code;
      form.dispatchEvent(new Event('submit', { cancelable: true }));
      await drawn(server, element);
      await drawn(server, element);
    };
    server.routes.set('POST /bookings/quote', (body) => {
      const { vouchers = [] } = body as BookingRequest;
      const wrong = vouchers.find((code) => code !== 'SUMMER');
      if (wrong) return refused(404, 'VOUCHER_NOT_FOUND', { voucher: wrong });
      price.extra = vouchers.map((code) => priceLine('discount', code, -900));
      return accepted(quoteOf(body as BookingRequest));
    });
    server.routes.set('POST /bookings', () => refused(409, 'VOUCHER_USED_UP', { voucher: 'SUMMER' }));
    await choose(line(2));
    await apply(' summer ');
    expect(textOf(element)).toContain('Total €81.00');
    await apply('winter');
    expect(textOf(element)).toContain('There is no voucher WINTER for this event.');
    expect(textOf(element)).toContain('Total €81.00');
    // Somebody else took its last use: what it costs without is shown before it is booked.
    button().click();
    await drawn(server, element);
    await drawn(server, element);
    expect(posts('/bookings')[0]?.body).toMatchObject({ vouchers: ['SUMMER'], expected_total: { amount: 8_100 } });
    expect(textOf(element)).toContain('The voucher SUMMER is used up.');
    expect(textOf(element)).toContain('Total €90.00');
  });

  it('says before anything is held why this cannot be booked', async () => {
    const minimum = { amount: 50, currency: 'EUR' };
    server.routes.set('POST /bookings/quote', () => refused(422, 'BELOW_MINIMUM_CHARGE', { minimum }));
    await choose(line(1, 20));
    expect(textOf(element)).toContain('less than can be paid by card: €0.50 at least');
    server.routes.set('POST /bookings/quote', (body) => accepted(quoteOf(body as BookingRequest)));
    await choose(line(2));
    expect(textOf(element)).not.toContain('by card');
  });

  it('waits for the price a moment, asks once at a time, and goes on without it', async () => {
    const answers: ((answer: Response) => void)[] = [];
    server.routes.set('POST /bookings/quote', () => new Promise((resolve) => answers.push(resolve)));
    for (const quantity of [1, 2, 3]) await choose(line(quantity));
    expect(posts('/bookings/quote')).toHaveLength(1);
    expect(button().disabled).toBe(true);
    answers[0]?.(accepted(quoteOf({ event_id: 1, items: [line(1).item] })));
    await drawn(server, element);
    expect(posts('/bookings/quote').map(({ body }) => (body as BookingRequest).items)).toEqual([[line(1).item], [line(3).item]]);
    expect(button().disabled).toBe(true);
    await drawn(server, element, QUOTE_PATIENCE_MS);
    expect(button().disabled).toBe(false);
    expect(textOf(element)).toContain('Total €135.00');
    price.unit = 5_000;
    answers[1]?.(accepted(quoteOf({ event_id: 1, items: [line(3).item] })));
    await drawn(server, element);
    expect(textOf(element)).toContain('Total €150.00');
  });

  it('sends the names that were typed, in the order of the tickets', async () => {
    const fields = (): HTMLInputElement[] => [...element.renderRoot.querySelectorAll<HTMLInputElement>('input[name=attendee]')];
    const type = (place: number, name: string): void => {
      fields()[place]!.value = name;
      fields()[place]!.dispatchEvent(new Event('input', { bubbles: true }));
    };
    server.routes.set('POST /bookings', () => accepted(booking, {}, 201));
    await choose(line(3));
    expect(fields()).toHaveLength(3);
    type(1, 'Bob');
    await drawn(server, element);
    button().click();
    await drawn(server, element);
    expect(posts('/bookings')).toHaveLength(0);
    expect(fields()[0]!.validationMessage).toContain('name this one as well');
    type(0, ' Ada ');
    await element.updateComplete;
    button().click();
    await drawn(server, element);
    expect(posts('/bookings')[0]?.body).toMatchObject({ attendees: [{ name: 'Ada' }, { name: 'Bob' }] });
  });

  describe('where nothing is openly on sale', () => {
    const hidden = { id: 9, name: 'Press', price: { amount: 2_000, currency: 'EUR' }, capacity: 5, available: 5, held: 0, sold: 0, hidden: true, seated: false };
    const apply = async (code: string): Promise<void> => {
      server.routes.set('GET /events/2/ticket-types', () => accepted(code === 'press' ? [hidden, { ...hidden, id: 10, hidden: false }] : []));
      const form = find<HTMLFormElement>(element, '.vouchers form');
      form.querySelector('input')!.value = code;
      form.dispatchEvent(new Event('submit', { cancelable: true }));
      await drawn(server, element);
      await drawn(server, element);
    };
    const types = (): HTMLElement | null => element.renderRoot.querySelector('seatcast-revealed');

    beforeEach(async () => {
      document.body.replaceChildren();
      server.addEvent(2);
      server.event(2).ticketTypes.clear();
      element = await mount(server, client, 'seatcast-booking', { event: '2' });
    });

    it('says so, and that a code may open more', async () => {
      expect(textOf(element)).toContain('Nothing is openly on sale here. If you have a code, type it to see its tickets.');
      expect(textOf(element)).not.toMatch(/sold out|waitlist/i);
      expect(find<HTMLDetailsElement>(element, '.vouchers').open).toBe(true);
      await apply('other');
      expect(textOf(element)).toContain('The code OTHER opens nothing here.');
      element.setAttribute('lang', 'th');
      await drawn(server, element);
      expect(textOf(element)).toContain('ที่นี่ไม่มีบัตรเปิดขายทั่วไป');
    });

    it('shows what a code opens, and books it with the code', async () => {
      await apply('press');
      expect(textOf(types()!)).toMatch(/Press Only 5 left .*€20.00/);
      expect(textOf(types()!.shadowRoot!.querySelector('.visually-hidden[role=status]')!)).toBe('Opened by your code: Press.');
      find<HTMLButtonElement>(types() as SeatcastBooking, '.stepper button:last-child').click();
      await drawn(server, element);
      await drawn(server, element);
      expect(find(types() as SeatcastBooking, 'output').textContent).toBe('1');
      server.routes.set('POST /bookings', () => accepted(booking, {}, 201));
      button().click();
      await drawn(server, element);
      expect(posts('/bookings')[0]?.body).toMatchObject({ items: [{ ticket_type_id: 9, quantity: 1 }], vouchers: ['PRESS'] });
      expect(textOf(types()!)).not.toContain('Press');
    });

    it('opens hidden types also where the sale to everybody has ended', async () => {
      document.body.replaceChildren();
      server.addEvent(3);
      server.event(3).event['starts_at'] = new Date(Date.now() + 7_200_000).toISOString();
      server.event(3).ticketTypes.set(7, { ...server.event(3).ticketTypes.get(7)!, sale_to: new Date(Date.now() - 1_000).toISOString() });
      element = await mount(server, client, 'seatcast-booking', { event: '3' });
      expect(textOf(element)).toContain('Nothing is on sale here at the moment.');
      server.routes.set('GET /events/3/ticket-types', () => accepted([hidden]));
      const form = find<HTMLFormElement>(element, '.vouchers form');
      form.querySelector('input')!.value = 'press';
      form.dispatchEvent(new Event('submit', { cancelable: true }));
      await drawn(server, element);
      await drawn(server, element);
      find<HTMLButtonElement>(types() as SeatcastBooking, '.stepper button:last-child').click();
      await drawn(server, element);
      await drawn(server, element);
      expect(button().disabled).toBe(false);
    });

    it('takes back what is chosen with its code', async () => {
      await apply('press');
      find<HTMLButtonElement>(types() as SeatcastBooking, '.stepper button:last-child').click();
      await drawn(server, element);
      find(element, '.vouchers .applied button').click();
      await drawn(server, element);
      expect(textOf(types()!)).not.toContain('Press');
      expect(textOf(element)).toContain('Nothing is openly on sale here.');
    });
  });

  describe('elements that come and go:', () => {
    /** As a page adds a map later: beside the ticket types, or deep inside something else. */
    const addMap = async (into: Element): Promise<SeatcastSeatMap> => {
      const map = Object.assign(document.createElement('seatcast-seat-map'), { client, event: 1 });
      into.append(map);
      await drawn(server, element);
      return map;
    };

    it('tell a map that comes later which seats are the buyer’s, and what codes open', async () => {
      const revealed = { types: [] } as unknown as NonNullable<SeatcastSeatMap['revealed']>;
      find(element, 'seatcast-bookings').dispatchEvent(new HoldsChangedEvent(1, [17, 18]));
      element.vouchers = ['PRESS'];
      await choose(line(1));
      find<SeatcastRevealed>(element, 'seatcast-revealed').told!(revealed);
      const deep = document.createElement('div');
      element.append(deep);
      for (const place of [element, deep]) {
        const map = await addMap(place);
        expect(map.mine).toEqual([17, 18]);
        expect(map.revealed).toBe(revealed);
      }
    });

    it('what was chosen in one that has left is not booked', async () => {
      await choose(line(2));
      expect(button().disabled).toBe(false);
      source.remove();
      await drawn(server, element);
      expect(element.lines).toEqual([]);
      expect(button().disabled).toBe(true);
      // Should it come back, it has nothing chosen, either.
      expect(source.clear).toHaveBeenCalled();
    });

    it('a choice outlives that the booking itself is put elsewhere', async () => {
      await choose(line(2));
      element.remove();
      await drawn(server, element);
      document.body.append(element);
      await drawn(server, element);
      expect(element.lines).toEqual([line(2)]);
    });
  });

  it('says why it was refused, and tries anew with another key', async () => {
    let refusal: BookingRefusedEvent | undefined;
    element.addEventListener('seatcast-refused', (event) => (refusal = event));
    server.routes.set('POST /bookings', () => refused(409, 'SOLD_OUT'));
    await choose(line(2));
    button().click();
    await drawn(server, element);
    expect(refusal?.refusal.code).toBe('SOLD_OUT');
    expect(textOf(element)).toContain('Somebody was faster');
    button().click();
    await drawn(server, element);
    expect(new Set(keys()).size).toBe(2);
  });

  it('keeps its key when nobody answered, also for the next try', async () => {
    server.routes.set('POST /bookings', () => Promise.reject(new TypeError('fetch failed')));
    await choose(line(2));
    button().click();
    await drawn(server, element, 60_000);
    expect(textOf(element)).toContain('nothing is ever booked twice');
    button().click();
    await drawn(server, element, 60_000);
    expect(keys()).toHaveLength(10);
    expect(new Set(keys()).size).toBe(1);
  });

  it('asks a guest for an e-mail address where the browser keeps nothing, and says why', async () => {
    server.routes.set('POST /bookings', () => accepted(booking, {}, 201));
    element.client = server.client();
    await drawn(server, element);
    await choose(line(2));
    await drawn(server, element);
    expect(textOf(element)).toContain('only an e-mail address finds it again');
    expect(find<HTMLDetailsElement>(element, '.contact').open).toBe(true);
    button().click();
    await drawn(server, element);
    expect(posts('/bookings')).toHaveLength(0);
    const email = find<HTMLInputElement>(element, 'input[name=email]');
    email.value = 'ada@example.org';
    email.dispatchEvent(new Event('input', { bubbles: true }));
    button().click();
    await drawn(server, element);
    expect(posts('/bookings').map(({ body }) => (body as BookingRequest).contact)).toEqual([{ email: 'ada@example.org' }]);
    element.client.close();
  });

  it('leaves the address to those who have an account', async () => {
    server.routes.set('POST /bookings', () => accepted(booking, {}, 201));
    element.client = server.client({ token: tokenOf(3) });
    await drawn(server, element);
    await choose(line(2));
    await drawn(server, element);
    expect(textOf(element)).not.toContain('only an e-mail address');
    button().click();
    await drawn(server, element);
    expect(posts('/bookings')).toHaveLength(1);
    element.client.close();
  });

  describe('after an attempt that nobody answered', () => {
    const answers = (): unknown => server.routes.set('POST /bookings', () => accepted(booking, {}, 201));
    const sent = (): unknown[] => posts('/bookings').map(({ body }) => (body as { items: { quantity: number }[] }).items[0]?.quantity);

    beforeEach(async () => {
      server.routes.set('POST /bookings', () => Promise.reject(new TypeError('fetch failed')));
      await choose(line(2));
      button().click();
      await drawn(server, element, 60_000);
      server.requests.splice(0);
    });

    it('asks what became of it before another choice is booked, says so, and keeps that choice', async () => {
      const made: string[] = [];
      element.addEventListener('seatcast-booked', (event) => made.push((event as BookingMadeEvent).booking.id));
      answers();
      await choose(line(3));
      button().click();
      await drawn(server, element);
      expect(sent()).toEqual([2]);
      expect(made).toEqual(['b-1']);
      expect(textOf(element)).toContain('was booked after all');
      expect(source.clear).not.toHaveBeenCalled();
      expect(element.lines).toEqual([line(3)]);
      button().click();
      await drawn(server, element);
      expect(sent()).toEqual([2, 3]);
      expect(new Set(keys()).size).toBe(2);
      expect(element.lines).toEqual([]);
    });

    it('books the other choice where the server says that it was not', async () => {
      server.routes.set('POST /bookings', (body) => ((body as BookingRequest).items[0] as { quantity: number }).quantity === 2 ? refused(409, 'SOLD_OUT') : accepted(booking, {}, 201));
      await choose(line(3));
      button().click();
      await drawn(server, element);
      expect(sent()).toEqual([2, 3]);
      expect(element.lines).toEqual([]);
    });

    it('sends it no more once the buyer gave it up', async () => {
      client.watchUnsent(([attempt]) => attempt && queueMicrotask(() => client.forgetUnsent(attempt)))();
      await server.settle();
      answers();
      await choose(line(3));
      button().click();
      await drawn(server, element);
      expect(sent()).toEqual([3]);
    });

    it('books the other choice where the buyer sent it again elsewhere', async () => {
      answers();
      client.watchUnsent(([attempt]) => attempt?.state === 'unsent' && queueMicrotask(() => void client.bookAgain(attempt)))();
      await server.settle(1_000);
      await choose(line(3));
      button().click();
      await drawn(server, element);
      expect(sent()).toEqual([2, 3]);
      expect(element.lines).toEqual([]);
    });

    it('books nothing of it on the page of another event', async () => {
      server.addEvent(2);
      answers();
      element.event = 2;
      await drawn(server, element);
      await choose(line(3));
      button().click();
      await drawn(server, element);
      expect(posts('/bookings').map(({ body }) => (body as BookingRequest).event_id)).toEqual([2]);
    });

    it('sends it under no other name', async () => {
      client.setToken(tokenOf(3));
      answers();
      await choose(line(3));
      button().click();
      await drawn(server, element);
      expect(sent()).toEqual([3]);
    });
  });

  describe('web_12: a message goes when it is not true any more:', () => {
    const refuse = async (code: string): Promise<void> => {
      server.routes.set('POST /bookings', () => refused(409, code));
      await choose(line(2));
      button().click();
      await drawn(server, element);
    };
    const event = async (to: number, changes: object): Promise<void> => {
      const { event: before } = server.event(1);
      server.push('event:1', 'update', { from: 1, to, event: { ...before, ...changes } });
      await drawn(server, element);
    };

    it('sales are open again', async () => {
      await refuse('SALES_CLOSED');
      await event(2, { status: 'paused' });
      expect(textOf(element)).toContain('Sales are closed.');
      await event(3, { status: 'active' });
      expect(textOf(element)).not.toContain('Sales are closed.');
    });

    it('there are enough tickets again', async () => {
      await refuse('SOLD_OUT');
      server.sell(1, 7, 99);
      await drawn(server, element);
      expect(textOf(element)).toContain('Somebody was faster');
      server.sell(1, 7, -50);
      await drawn(server, element);
      expect(textOf(element)).not.toContain('Somebody was faster');
    });

    it('the server is back', async () => {
      server.reachable = false;
      server.fetchFails();
      server.cut();
      await choose(line(2));
      button().click();
      await drawn(server, element, 60_000);
      expect(textOf(element)).toContain('The server does not answer.');
      server.reachable = true;
      server.fetchFails(false);
      await drawn(server, element, 30_000);
      expect(textOf(element)).not.toContain('The server does not answer.');
    });

    it('the other hold has ended', async () => {
      client.setToken(tokenOf(3));
      const { id } = server.hold(3);
      await drawn(server, element);
      await refuse('PENDING_BOOKING_EXISTS');
      expect(textOf(element)).toContain('You already hold tickets');
      server.changeBooking(3, id, { status: 'expired' });
      await drawn(server, element);
      expect(textOf(element)).not.toContain('You already hold tickets');
      expect(textOf(element)).toContain('Your hold ended, choose again.');
      // The buyer does so.
      await choose(line(1));
      await drawn(server, element);
      expect(textOf(element)).not.toContain('choose again');
    });
  });

  it('is not offered while sales are paused', async () => {
    await choose(line(2));
    server.push('event:1', 'update', { from: 1, to: 2, event: { ...server.event(1).event, status: 'paused' } });
    await drawn(server, element);
    expect(button().disabled).toBe(true);
  });
});

describe('an element that choices come from', () => {
  it('takes clicks again when it is taken out while its choice is being booked', async () => {
    server.routes.set('POST /bookings', () => new Promise(() => {}));
    await choose(line(2));
    button().click();
    expect(source.busy).toBe(true);
    source.remove();
    await drawn(server, element);
    expect(source.busy).toBe(false);
    expect(source.clear).toHaveBeenCalledOnce();
  });

  it('has left also when it moves to another booking, not when it is deep inside', async () => {
    const shadow = element.appendChild(document.createElement('div')).attachShadow({ mode: 'open' });
    shadow.append(source);
    await choose(line(2));
    element.append(document.createElement('p'));
    await drawn(server, element);
    expect(element.lines).toEqual([line(2)]);
    const other = await mount<SeatcastBooking>(server, client, 'seatcast-booking', { event: '1' });
    element.append(source);
    await choose(line(2));
    other.append(source);
    await drawn(server, element);
    expect(element.lines).toEqual([]);
    expect(source.clear).toHaveBeenCalledOnce();
  });
});

describe('a guest whose booking the browser would forget', () => {
  beforeEach(async () => {
    element.remove();
    client.close();
    client = server.client();
    element = await mount(server, client, 'seatcast-booking', { event: '1' });
    element.append(source);
  });
  afterEach(() => void vi.doUnmock('./unkept.ts'));

  it.each(['come', 'do not come'])('is asked for an address, where the words about it %s', async (how) => {
    if (how !== 'come') {
      vi.doMock('./unkept.ts', () => {
        throw new TypeError('Failed to fetch dynamically imported module');
      });
    }
    await choose(line(2));
    expect(find<HTMLInputElement>(element, 'input[name=email]').required).toBe(true);
    expect(find<HTMLDetailsElement>(element, '.contact').open).toBe(true);
    await vi.waitFor(() => expect(textOf(element).includes('only an e-mail address finds it again')).toBe(how === 'come'));
  });
});
