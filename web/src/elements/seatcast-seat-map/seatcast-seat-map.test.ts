// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SeatcastClient } from '../../sdk/index.ts';
import { accepted, FakeServer } from '../../../test/support/fake-server.ts';
import { drawn, find, mount, textOf } from '../../../test/support/mount.ts';
import type { SelectionChangedEvent } from '../events/selection-changed.ts';
import type { SeatcastSeatMap } from './seatcast-seat-map.ts';
import './seatcast-seat-map.ts';

let server: FakeServer;
let client: SeatcastClient;
let element: SeatcastSeatMap;
let selected: SelectionChangedEvent | undefined;

beforeEach(async () => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  server.event(1).event['max_per_booking'] = 2;
  server.seat(1, 1, 2);
  server.routes.set('GET /events/1/seatmap', () =>
    accepted({
      layout: 1,
      sections: [{ id: 1, name: 'Stalls' }],
      seats: {
        id: [10, 11, 12, 13, 14, 15, 16, 17],
        section: [0, 0, 0, 0, 0, 0, 0, 0],
        row: ['A', 'A', 'A', 'A', 'B', 'B', 'B', 'B'],
        number: ['1', '2', '3', '4', '1', '2', '3', '4'],
        ticket_type_id: [7, 7, 7, 7, 7, 7, 7, 7],
        x: [0, 10, 20, 30, 0, 10, 20, 30],
        y: [0, 0, 0, 0, 12, 12, 12, 12],
      },
    }),
  );
  client = server.client();
  element = await mount(server, client, 'seatcast-seat-map', { event: '1' });
  await drawn(server, element);
  selected = undefined;
  element.addEventListener('seatcast-selection', (event) => (selected = event));
  find(element, '.keys').dispatchEvent(new FocusEvent('focus'));
  await element.updateComplete;
});
afterEach(() => {
  document.body.replaceChildren();
  client.close();
  vi.useRealTimers();
});

async function keys(...names: string[]): Promise<void> {
  for (const key of names) {
    find(element, '.keys').dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    await element.updateComplete;
  }
}
const chosen = (): unknown[] => (selected?.lines ?? []).map(({ item }) => item);

describe('the seat map', () => {
  it('counts what is left of each section while somebody looks', async () => {
    const details = find<HTMLDetailsElement>(element, 'details');
    expect(details.querySelectorAll('li')).toHaveLength(0);
    details.open = true;
    details.dispatchEvent(new Event('toggle'));
    await element.updateComplete;
    expect(textOf(details)).toContain('Stalls · Type 7 7 of 8');
    server.seat(1, 2, 1);
    await drawn(server, element);
    expect(textOf(details)).toContain('Stalls · Type 7 6 of 8');
  });

  it('says in words what the picture shows of the row at hand', () => {
    const options = [...element.renderRoot.querySelectorAll('[role=option]')].map((option) => textOf(option));
    expect(options).toHaveLength(4);
    expect(options[0]).toBe('Stalls, Row A Seat 1, Type 7 €45.00, free');
    expect(options[1]).toContain('sold');
  });

  it('is used by keyboard alone', async () => {
    await keys('Enter', 'ArrowDown', 'ArrowRight', ' ');
    expect(chosen()).toEqual([{ seat_id: 10 }, { seat_id: 15 }]);
    expect(selected?.lines[1]?.label).toBe('Stalls · Row B Seat 2');
    await keys('Enter');
    expect(chosen()).toEqual([{ seat_id: 10 }]);
  });

  it('does not choose what is sold, and says so', async () => {
    await keys('ArrowRight', 'Enter');
    expect(selected).toBeUndefined();
    expect(textOf(element)).toContain('Row A Seat 2 is sold.');
  });

  it('chooses no more than one booking may have', async () => {
    await keys('Enter', 'End', 'Enter', 'ArrowLeft', 'Enter');
    expect(chosen()).toHaveLength(2);
    expect(textOf(element)).toContain('At most 2 seats per booking.');
  });

  it('drops a seat that somebody else took, and says so', async () => {
    await keys('Enter');
    server.seat(1, 0, 1);
    await drawn(server, element);
    expect(chosen()).toEqual([]);
    expect(element.statusOf(10)).toBe('held');
    expect(textOf(element)).toContain('Row A Seat 1 was just taken.');
  });

  it('keeps it while it is being booked: the hold is our own', async () => {
    await keys('Enter');
    element.busy = true;
    server.seat(1, 0, 1);
    await drawn(server, element);
    element.clear();
    element.busy = false;
    await drawn(server, element);
    expect(textOf(element)).not.toContain('taken');
  });

  it('fetches the geometry again when the layout changes', async () => {
    const before = server.requests.length;
    const event = { ...server.event(1).event, layout: 2 };
    server.push('event:1', 'update', { from: 2, to: 3, event });
    await drawn(server, element);
    expect(server.requests.slice(before).map(({ path }) => path)).toEqual(['/events/1/seatmap?layout=2&form=runs']);
  });
});
