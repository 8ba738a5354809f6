import { expect, it } from 'vitest';
import type { EventDetails, TicketTypeDetails } from '../../sdk/index.ts';
import { alertsOf, type Sale } from './alerts.ts';

const EVENT = { status: 'active', timezone: 'Europe/Berlin' } as EventDetails;
const type = (name: string, available: number, more: Partial<TicketTypeDetails> = {}): TicketTypeDetails =>
  ({ name, available, capacity: 100, sale_state: 'on_sale', sale_from: null, ...more }) as TicketTypeDetails;
const said = (sale: Partial<Sale>): string[] =>
  alertsOf('en', { event: EVENT, types: [type('Stalls', 50)], reviews: 0, expired: undefined, ...sale }).map(({ text }) => text);

it('nothing is said while all goes well', () => {
  expect(said({})).toEqual([]);
  expect(said({ expired: { expired: 3, made: 10 } })).toEqual([]);
  // Of few holds nothing can be said.
  expect(said({ expired: { expired: 5, made: 5 } })).toEqual([]);
});

it.each<[string, Partial<Sale>, string[]]>([
  ['the last tickets', { types: [type('Stalls', 10), type('Box', 0), type('Balcony', 11)] }, ['Stalls: only 10 left.', 'Box is sold out.']],
  ['a sale that begins later', { types: [type('Stalls', 0, { sale_state: 'not_started', sale_from: '2027-06-01T18:00:00Z' })] }, ['Stalls goes on sale at 1 Jun 2027, 20:00.']],
  ['no types', { types: [] }, ['There are no ticket types: nobody can book.']],
  ['payments first', { event: { ...EVENT, status: 'paused' }, reviews: 2 }, ['Payments that wait for your decision: 2.', 'The sale is paused.']],
  ['holds that nobody pays', { expired: { expired: 9, made: 20 } }, ['45% of the holds of the last two days ran out unpaid.']],
  ['an event that is cancelled, and not that it is sold out', { event: { ...EVENT, status: 'cancelled' }, types: [type('Stalls', 0)] }, ['The event is cancelled.']],
])('%s', (_name, sale, words) => {
  expect(said(sale)).toEqual(words);
});
