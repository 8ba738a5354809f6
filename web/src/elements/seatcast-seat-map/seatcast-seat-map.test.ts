// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SeatcastClient, TicketTypeDetails } from '../../sdk/index.ts';
import { accepted, FakeServer } from '../../../test/support/fake-server.ts';
import { drawn, find, mount, textOf } from '../../../test/support/mount.ts';
import type { SelectionChangedEvent } from '../events/selection-changed.ts';
import type { SeatcastSeatMap } from './seatcast-seat-map.ts';
import './seatcast-seat-map.ts';
// Fetched when they are needed, which takes real time the first time; the tests have fake time.
import './plan.ts';
import '../../sdk/seat-runs.ts';

let server: FakeServer;
let client: SeatcastClient;
let element: SeatcastSeatMap;
let selected: SelectionChangedEvent | undefined;

/** Two rows of four; the ids say which seat is where. */
const map = (layout: number, id: number[]): Response =>
  accepted({
    layout,
    sections: [{ id: 1, name: 'Stalls' }],
    wheelchair: [6],
    companion: [7],
    seats: {
      id,
      section: [0, 0, 0, 0, 0, 0, 0, 0],
      row: ['A', 'A', 'A', 'A', 'B', 'B', 'B', 'B'],
      number: ['1', '2', '3', '4', '1', '2', '3', '4'],
      ticket_type_id: [7, 7, 7, 7, 7, 7, 7, 7],
      x: [0, 10, 20, 30, 0, 10, 20, 30],
      y: [0, 0, 0, 0, 12, 12, 12, 12],
    },
  });

beforeEach(async () => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  server.event(1).event['max_per_booking'] = 2;
  server.seat(1, 1, 2);
  server.routes.set('GET /events/1/seatmap', () => map(1, [10, 11, 12, 13, 14, 15, 16, 17]));
  client = server.client();
  element = await mount(server, client, 'seatcast-seat-map', { event: '1' });
  await drawn(server, element);
  selected = undefined;
  element.addEventListener('seatcast-selection', (event) => (selected = event));
  find<HTMLButtonElement>(element, '.to-list').click();
  await element.updateComplete;
});
afterEach(() => {
  document.body.replaceChildren();
  client.close();
  vi.useRealTimers();
});

const active = (): HTMLElement => element.shadowRoot!.activeElement as HTMLElement;

/** Presses keys where the focus is; Enter and the space bar press its button. */
async function keys(...names: string[]): Promise<void> {
  for (const key of names) {
    if (key === 'Enter') active().click();
    else active().dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    await element.updateComplete;
    await element.updateComplete;
  }
}
const chosen = (): unknown[] => (selected?.lines ?? []).map(({ item }) => item);
const said = (): string => textOf(find(element, '.said'));

describe('the list of the seat map', () => {
  it('shows the rows of the only section, and counts what is left of each', async () => {
    expect(textOf(find(element, '.level'))).toContain('Row A 3 free Row B 4 free');
    expect(textOf(active())).toBe('Row A 3 free');
    server.seat(1, 2, 1);
    await drawn(server, element);
    expect(textOf(find(element, '.level'))).toContain('Row A 2 free Row B 4 free');
  });

  it('says of each seat in words what the picture shows', async () => {
    await keys('Enter');
    const seats = [...element.renderRoot.querySelectorAll('.seat')];
    expect(seats.map((seat) => seat.getAttribute('aria-label'))).toEqual([
      'Stalls, Row A Seat 1, Type 7 €45.00, free',
      'Stalls, Row A Seat 2, Type 7 €45.00, sold',
      'Stalls, Row A Seat 3, Type 7 €45.00, free',
      'Stalls, Row A Seat 4, Type 7 €45.00, free',
    ]);
    expect(seats.map((seat) => seat.getAttribute('aria-disabled'))).toEqual(['false', 'true', 'false', 'false']);
    // One level at a time, and one way in by the tab key.
    expect(element.renderRoot.querySelectorAll('.entry')).toHaveLength(0);
    expect(element.renderRoot.querySelectorAll('.seat[tabindex="0"]')).toHaveLength(1);
  });

  it('is used by keyboard alone', async () => {
    await keys('Enter', 'Enter', 'ArrowDown', 'ArrowRight', 'Enter');
    expect(chosen()).toEqual([{ seat_id: 10 }, { seat_id: 15 }]);
    expect(selected?.lines[1]?.label).toBe('Stalls · Row B Seat 2');
    expect(active().getAttribute('aria-pressed')).toBe('true');
    await keys('Enter');
    expect(chosen()).toEqual([{ seat_id: 10 }]);
    await keys('Escape');
    expect(textOf(active())).toBe('Row B 4 free');
  });

  it('goes to what is typed', async () => {
    await keys('b', 'Enter', '3');
    expect(active().getAttribute('aria-label')).toContain('Row B Seat 3');
  });

  it('keeps the focus when the seat under it is taken, and where it is when others are', async () => {
    await keys('Enter');
    const before = active();
    server.seat(1, 0, 2);
    server.seat(1, 3, 2);
    await drawn(server, element);
    expect(active()).toBe(before);
    expect(before.getAttribute('aria-label')).toContain('sold');
  });
});

describe('the seat map', () => {
  it('does not choose what is sold, and says so', async () => {
    await keys('Enter', 'ArrowRight', 'Enter');
    expect(selected).toBeUndefined();
    expect(said()).toBe('Row A Seat 2 is sold.');
  });

  it('chooses no more than one booking may have', async () => {
    await keys('Enter', 'Enter', 'End', 'Enter', 'ArrowLeft', 'Enter');
    expect(chosen()).toHaveLength(2);
    expect(said()).toBe('At most 2 seats per booking.');
  });

  it('chooses for a party at once, and moves it as one', async () => {
    find<HTMLButtonElement>(element, '.stepper button:last-child').click();
    await keys('b', 'Enter', 'Enter');
    expect(chosen()).toEqual([{ seat_id: 14 }, { seat_id: 15 }]);
    await keys('End', 'Enter');
    expect(chosen()).toEqual([{ seat_id: 16 }, { seat_id: 17 }]);
    // Row A has a sold seat in between.
    await keys('ArrowUp', 'Home', 'Enter');
    expect(said()).toBe('There are no 2 free seats side by side here.');
    expect(chosen()).toHaveLength(2);
  });

  it('lets the server pick the best, in one line of the choice', async () => {
    await keys('Enter', 'Enter');
    find<HTMLButtonElement>(element, '.stepper button:last-child').click();
    find<HTMLButtonElement>(element, '.best .button').click();
    await element.updateComplete;
    expect(chosen()).toEqual([{ ticket_type_id: 7, quantity: 2, best_available: true }]);
    expect(selected?.lines[0]).toMatchObject({ label: 'Type 7 · best seats available', quantity: 2 });
    element.removeLine(selected!.lines[0]!);
    expect(chosen()).toEqual([]);
  });

  it('shows the seats that the server picked', async () => {
    find<HTMLButtonElement>(element, '.best .button').click();
    element.clear();
    element.mine = [14, 15];
    server.seat(1, 4, 1);
    server.seat(1, 5, 1);
    await drawn(server, element);
    expect(said()).toBe('Yours: Row B Seat 1, Row B Seat 2.');
  });

  it('dims what a filter leaves out, and shortens the list', async () => {
    const filter = [...element.renderRoot.querySelectorAll<HTMLButtonElement>('.legend .type')].at(-1)!;
    expect(textOf(filter)).toBe('Wheelchair spaces');
    filter.click();
    await element.updateComplete;
    expect(textOf(find(element, '.level'))).toContain('Row B 2 free');
    expect(textOf(find(element, '.level'))).not.toContain('Row A');
    find<HTMLButtonElement>(element, '.entry').click();
    await element.updateComplete;
    expect([...element.renderRoot.querySelectorAll('.seat')].map((seat) => seat.getAttribute('aria-label'))).toEqual([
      'Stalls, Row B Seat 3, wheelchair space, Type 7 €45.00, free',
      'Stalls, Row B Seat 4, companion seat, Type 7 €45.00, free',
    ]);
    filter.click();
    await element.updateComplete;
    expect(element.renderRoot.querySelectorAll('.seat')).toHaveLength(4);
  });

  it('lets one line of the choice go from outside', async () => {
    await keys('Enter', 'Enter', 'End', 'Enter');
    element.removeLine(selected!.lines[0]!);
    expect(chosen()).toEqual([{ seat_id: 13 }]);
  });

  it('offers the nearest free seat in place of one that was taken', async () => {
    await keys('Enter', 'Enter');
    server.seat(1, 0, 1);
    await drawn(server, element);
    const offer = find<HTMLButtonElement>(element, '.offer');
    expect(textOf(offer)).toBe('Take Row B Seat 1 instead');
    offer.click();
    await element.updateComplete;
    expect(chosen()).toEqual([{ seat_id: 14 }]);
    expect(element.renderRoot.querySelector('.offer')).toBeNull();
  });

  it('drops a seat that somebody else took, and says so', async () => {
    await keys('Enter', 'Enter');
    server.seat(1, 0, 1);
    await drawn(server, element);
    expect(chosen()).toEqual([]);
    expect(element.statusOf(10)).toBe('held');
    expect(textOf(element)).toContain('Row A Seat 1 was just taken.');
  });

  it('keeps it while it is being booked: the hold is our own', async () => {
    await keys('Enter', 'Enter');
    element.busy = true;
    server.seat(1, 0, 1);
    await drawn(server, element);
    element.clear();
    element.busy = false;
    await drawn(server, element);
    expect(textOf(element)).not.toContain('taken');
  });

  describe('with hidden ticket types', () => {
    const hidden = { id: 9, name: 'Press', price: { amount: 2_000, currency: 'EUR' }, capacity: 4, available: 4, held: 0, sold: 0, hidden: true, seated: true, status: 'available' };
    const unveil = async (places: number[], layout = 1): Promise<void> => {
      const types = [{ ...hidden, available: places.length }] as unknown as TicketTypeDetails[];
      element.revealed = { opened: new Map(), refused: new Map(), types, seats: { layout, places: new Set(places) }, isStale: false };
      await drawn(server, element);
    };

    beforeEach(async () => {
      const map = server.routes.get('GET /events/1/seatmap')!;
      server.routes.set('GET /events/1/seatmap', async (...asked) => {
        const { data } = (await (await map(...asked)).json()) as { data: { seats: { ticket_type_id: number[] } } };
        data.seats.ticket_type_id.fill(9, 4);
        return accepted(data);
      });
      for (let place = 4; place < 8; place += 1) server.event(1).seats[place] = 3;
      document.body.replaceChildren();
      client.close();
      client = server.client();
      element = await mount(server, client, 'seatcast-seat-map', { event: '1' });
      await drawn(server, element);
      element.addEventListener('seatcast-selection', (event) => (selected = event));
      find<HTMLButtonElement>(element, '.to-list').click();
      await element.updateComplete;
    });

    it('opens the free seats of those that a code reveals, and names them', async () => {
      expect(element.statusOf(14)).toBe('blocked');
      expect(textOf(find(element, '.legend'))).not.toContain('Press');
      // Places of another layout mean nothing.
      await unveil([4, 5, 6], 2);
      expect(element.statusOf(14)).toBe('blocked');
      await unveil([4, 5, 6]);
      expect(element.statusOf(14)).toBe('available');
      expect(element.statusOf(17)).toBe('blocked');
      expect(textOf(find(element, '.legend'))).toMatch(/Press €20.00 Only 3 left/);
      await keys('b', 'Enter', 'Enter');
      expect(chosen()).toEqual([{ seat_id: 14 }]);
      expect(selected?.lines[0]?.unitPrice.amount).toBe(2_000);
      // Somebody else's hold comes with the topic, before the numbers are read again.
      server.seat(1, 4, 1);
      await drawn(server, element);
      expect(chosen()).toEqual([]);
      expect(said()).toContain('Row B Seat 1');
    });

    it('closes them when the code is taken back, and drops what was chosen', async () => {
      await unveil([4, 5]);
      await keys('b', 'Enter', 'Enter');
      expect(chosen()).toHaveLength(1);
      element.revealed = undefined;
      await drawn(server, element);
      expect(chosen()).toEqual([]);
      expect(said()).toBe('');
      expect(element.statusOf(14)).toBe('blocked');
    });
  });

  it('fetches the geometry again when the layout changes', async () => {
    const before = server.requests.length;
    const event = { ...server.event(1).event, layout: 2 };
    server.push('event:1', 'update', { from: 2, to: 3, event });
    await drawn(server, element);
    expect(server.requests.slice(before).map(({ path }) => path)).toEqual(['/events/1/seatmap?layout=2&form=runs']);
  });
});

it('asks for no party where seats are chosen one by one', async () => {
  expect(element.renderRoot.querySelector('.party')).not.toBeNull();
  element.setAttribute('one-by-one', '');
  await element.updateComplete;
  expect([element.renderRoot.querySelector('.party'), element.renderRoot.querySelector('.best')]).toEqual([null, null]);
  expect(find(element, '.to-list')).toBeTruthy();
});

describe('a map that another event is shown on', () => {
  beforeEach(() => {
    server.addEvent(2);
    server.seat(2, 1, 0);
    server.routes.set('GET /events/2/seatmap', () => map(1, [20, 21, 22, 23, 24, 25, 26, 27]));
  });

  it('fetches its places, though the layout of the one before has the same number and is on its way', async () => {
    element.remove();
    let answer!: (places: Response) => void;
    server.routes.set('GET /events/1/seatmap', () => new Promise<Response>((resolve) => (answer = resolve)));
    element = await mount(server, client, 'seatcast-seat-map', { event: '1' });
    await vi.waitFor(() => expect(answer).toBeDefined());
    element.setAttribute('event', '2');
    await drawn(server, element);
    expect([element.statusOf(20), element.problem]).toEqual(['available', false]);
    // Late, they are of no use, whether they come or not.
    answer(new Response('later', { status: 503 }));
    await drawn(server, element);
    expect([element.statusOf(10), element.statusOf(20), element.problem]).toEqual([undefined, 'available', false]);
  });

  it('tells that nothing of the one before is chosen any more', async () => {
    await keys('Enter', 'Enter');
    expect(chosen()).toEqual([{ seat_id: 10 }]);
    element.setAttribute('event', '2');
    await drawn(server, element);
    expect([selected?.eventId, chosen()]).toEqual([1, []]);
    selected = undefined;
    element.setAttribute('event', '1');
    await drawn(server, element);
    expect(selected).toBeUndefined();
  });
});

describe('a map that is drawn anew while it sells', () => {
  /** The seats stand the other way round; the one that is sold keeps its status. */
  const others = [17, 16, 15, 14, 13, 12, 11, 10];
  const statuses = others.map((id) => (id === 11 ? 2 : 0));
  const shown = (...ids: number[]): unknown[] => ids.map((id) => element.statusOf(id));

  it('shows no seat as another one is, however long its places take, and keeps the choice', async () => {
    await keys('Enter', 'Enter', 'ArrowDown', 'ArrowRight', 'ArrowRight', 'Enter');
    expect(chosen()).toEqual([{ seat_id: 10 }, { seat_id: 16 }]);
    server.routes.set('GET /events/1/seatmap', () => new Response('later', { status: 503 }));
    server.redraw(1, 2, statuses);
    await drawn(server, element);
    expect(shown(11, 16)).toEqual(['sold', 'available']);
    await server.settle(10_000);
    expect(shown(11, 16)).toEqual(['sold', 'available']);
    expect(chosen()).toEqual([{ seat_id: 10 }, { seat_id: 16 }]);
    server.routes.set('GET /events/1/seatmap', () => map(2, others));
    await server.settle(10_000);
    await drawn(server, element);
    server.seat(1, 0, 2);
    await drawn(server, element);
    expect(shown(11, 16, 17)).toEqual(['sold', 'available', 'sold']);
    expect(chosen()).toEqual([{ seat_id: 10 }, { seat_id: 16 }]);
  });

  it('tells that a chosen seat is gone, which would be refused when it is booked', async () => {
    await keys('Enter', 'Enter', 'ArrowDown', 'ArrowRight', 'ArrowRight', 'Enter');
    expect(chosen()).toEqual([{ seat_id: 10 }, { seat_id: 16 }]);
    server.routes.set('GET /events/1/seatmap', () => map(2, [17, 16, 15, 14, 13, 12, 11, 99]));
    server.redraw(1, 2, statuses);
    await drawn(server, element);
    expect(chosen()).toEqual([{ seat_id: 16 }]);
    expect(said()).toBe('The seat map was changed: Row A Seat 1 is not on it any more.');
  });

  it('keeps the party, and the best seats that were asked for', async () => {
    find<HTMLButtonElement>(element, '.stepper button:last-child').click();
    find<HTMLButtonElement>(element, '.best .button').click();
    await element.updateComplete;
    const told = selected;
    server.routes.set('GET /events/1/seatmap', () => map(2, others));
    server.redraw(1, 2, statuses);
    await drawn(server, element);
    expect(selected).toBe(told);
    expect(find(element, '.best .button').getAttribute('aria-pressed')).toBe('true');
    expect(textOf(find(element, '.stepper output'))).toBe('2');
    find<HTMLButtonElement>(element, '.best .button').click();
    expect(chosen()).toEqual([]);
  });

  it('waits for the statuses where its places are there first', async () => {
    server.routes.set('GET /events/1/seatmap', () => map(2, others));
    const { push } = server;
    server.push = (topic, name, payload) => topic.startsWith('seats:') || push.call(server, topic, name, payload);
    server.redraw(1, 2, statuses);
    await drawn(server, element);
    expect(element.geometry?.layout).toBe(2);
    expect(shown(11, 16)).not.toContain('sold');
    server.push = push;
    server.push('seats:1', 'update', { from: server.event(1).revision - 1, to: server.event(1).revision, layout: 2, seats: btoa(String.fromCharCode(0, 2 << 4)) });
    await drawn(server, element);
    expect(shown(11, 16)).toEqual(['sold', 'available']);
  });
});
