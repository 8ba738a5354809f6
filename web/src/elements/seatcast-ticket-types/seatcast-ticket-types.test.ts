// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SeatcastClient, TicketType } from '../../sdk/index.ts';
import { FakeServer, ticketType } from '../../../test/support/fake-server.ts';
import { drawn, find, mount, textOf } from '../../../test/support/mount.ts';
import type { SelectionChangedEvent } from '../events/selection-changed.ts';
import type { SeatcastTicketTypes } from './seatcast-ticket-types.ts';
import './seatcast-ticket-types.ts';

let server: FakeServer;
let client: SeatcastClient;
let element: SeatcastTicketTypes;
let selected: SelectionChangedEvent | undefined;

beforeEach(async () => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  server.event(1).ticketTypes.set(8, { ...ticketType(8, 4), price: { amount: 0, currency: 'EUR' } });
  client = server.client();
  element = await mount(server, client, 'seatcast-ticket-types', { event: '1' });
  selected = undefined;
  element.addEventListener('seatcast-selection', (event) => (selected = event));
});
afterEach(() => {
  document.body.replaceChildren();
  client.close();
  vi.useRealTimers();
});

async function press(type: number, sign: 'more' | 'fewer', times = 1): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    find<HTMLButtonElement>(element, `[data-ticket-type="${type}"] button[aria-label^="One ${sign}"]`).click();
    await element.updateComplete;
  }
}
const more = (type: number): HTMLButtonElement =>
  find<HTMLButtonElement>(element, `[data-ticket-type="${type}"] button[aria-label^="One more"]`);

describe('ticket types', () => {
  it('show name, price and what is left, live', async () => {
    expect(textOf(element)).toContain('Type 7 100 left');
    expect(textOf(element)).toContain('€45.00');
    expect(textOf(element)).toContain('Free');
    server.sell(1, 7, 1);
    await drawn(server, element);
    expect(textOf(element)).toContain('Type 7 99 left');
  });

  it('tell what is chosen', async () => {
    await press(7, 'more', 2);
    await press(8, 'more');
    expect(selected?.lines.map(({ item }) => item)).toEqual([
      { ticket_type_id: 7, quantity: 2 },
      { ticket_type_id: 8, quantity: 1 },
    ]);
    await press(7, 'fewer', 2);
    expect(selected?.lines.map(({ label }) => label)).toEqual(['Type 8']);
  });

  it('give no more than is left', async () => {
    await press(8, 'more', 4);
    expect(more(8).disabled).toBe(true);
    expect(more(7).disabled).toBe(false);
  });

  it('give no more in total than one booking may have', async () => {
    await press(7, 'more', 9);
    await press(8, 'more');
    expect([more(7).disabled, more(8).disabled]).toEqual([true, true]);
  });

  it('web_2: tell the choice anew when its price changes', async () => {
    await press(7, 'more', 2);
    const type = server.event(1).ticketTypes.get(7);
    const dearer = { ...type, price: { amount: 4_600, currency: 'EUR' } };
    server.push('event:1', 'update', { from: 1, to: 2, ticket_types: [dearer] });
    await drawn(server, element);
    expect(selected?.lines).toMatchObject([{ quantity: 2, unitPrice: { amount: 4_600 } }]);
  });

  it('take back what others bought meanwhile, and say so', async () => {
    await press(8, 'more', 3);
    server.sell(1, 8, 2);
    await drawn(server, element);
    expect(selected?.lines[0]?.quantity).toBe(2);
    expect(textOf(element)).toContain('Type 8: only 2 left. Your selection was reduced.');
  });

  it('keep the choice while it is being booked: the stock that falls is our own', async () => {
    await press(8, 'more', 3);
    element.busy = true;
    server.sell(1, 8, 3);
    await drawn(server, element);
    expect(element.quantities.get(8)).toBe(3);
    element.clear();
    element.busy = false;
    await drawn(server, element);
    expect(textOf(element)).not.toContain('reduced');
  });

  it('keep to the terms of sale: least and most per booking, not before sales begin', async () => {
    const soon = new Date(Date.now() + 60_000).toISOString();
    const types = server.event(1).ticketTypes;
    const terms = (id: number, given: Partial<TicketType>): unknown => types.set(id, { ...(types.get(id) ?? ticketType(id, 50)), ...given });
    terms(7, { min_per_booking: 2, max_per_booking: 4 });
    terms(8, { members_only: true });
    terms(9, { sale_from: soon });
    element.remove();
    client.close();
    element = await mount(server, client, 'seatcast-ticket-types', { event: '1' });
    await drawn(server, element);
    await press(7, 'more');
    expect(element.quantities.get(7)).toBe(2);
    await press(7, 'more', 2);
    expect(more(7).disabled).toBe(true);
    await press(7, 'fewer', 3);
    expect(element.quantities.get(7)).toBeUndefined();
    expect(textOf(element)).toContain('Members only');
    // A guest is no member.
    expect(textOf(element)).toContain('Sign in to buy');
    expect(textOf(element)).toContain('On sale from');
    await drawn(server, element, 61_000);
    expect(more(9).disabled).toBe(false);
  });

  it('web_13: follow the terms of sale while the page is open', async () => {
    const standard = server.event(1).ticketTypes.get(7)!;
    const told = async (to: number, terms: Partial<TicketType>): Promise<void> => {
      server.push('event:1', 'update', { from: 1, to, ticket_types: [{ ...standard, ...terms }] });
      await drawn(server, element);
    };
    await press(7, 'more', 3);
    await told(2, { max_per_user: 2 });
    expect(element.quantities.get(7)).toBe(2);
    expect(textOf(element)).toContain('Type 7: at most 2 per booking. Your selection was reduced.');
    expect(more(7).disabled).toBe(true);
    await told(3, { sale_from: new Date(Date.now() + 60_000).toISOString() });
    expect(element.quantities.size).toBe(0);
    expect(textOf(element)).toContain('On sale from');
    await told(4, { members_only: true });
    expect(textOf(element)).toContain('Sign in to buy');
    client.userId = 3;
    await drawn(server, element);
    expect(more(7).disabled).toBe(false);
    await told(5, { sale_to: new Date(Date.now() + 3_000).toISOString() });
    expect(more(7).disabled).toBe(false);
    // Nothing has told the time but the head of an answer, which leaves out parts of seconds.
    await drawn(server, element, 4_050);
    expect(textOf(element)).toContain('Sales have ended');
  });

  it.each([-3_600_000, 3_600_000])("web_5: go by the server's clock, whatever the visitor's says (%i ms off)", async (off) => {
    const at = Date.now();
    const wrong = vi.spyOn(Date, 'now');
    // The server's beats go by its own clock; ours is wrong from here on.
    element.remove();
    const sold = { ...server.event(1).ticketTypes.get(7)!, sale_from: new Date(at - 60_000).toISOString(), sale_to: new Date(at + 60_000).toISOString() };
    server.event(1).ticketTypes.set(7, sold);
    const other = server.client();
    wrong.mockImplementation(() => at + off);
    element = await mount(server, other, 'seatcast-ticket-types', { event: '1' });
    await drawn(server, element, 12_000);
    expect(more(7).disabled).toBe(false);
    await drawn(server, element, 50_000);
    expect(textOf(element)).toContain('Sales have ended');
    other.close();
  });

  it('web_19: take the words of frameworks for yes and no', async () => {
    element.setAttribute('readonly', 'false');
    await element.updateComplete;
    expect(element.readonly).toBe(false);
    expect(more(7)).toBeDefined();
    element.setAttribute('readonly', '');
    await element.updateComplete;
    expect(element.renderRoot.querySelector('.stepper')).toBeNull();
  });

  it('cannot be chosen while sales are paused', async () => {
    server.push('event:1', 'update', { from: 1, to: 2, event: { ...server.event(1).event, status: 'paused' } });
    await drawn(server, element);
    expect(more(7).disabled).toBe(true);
  });
});
