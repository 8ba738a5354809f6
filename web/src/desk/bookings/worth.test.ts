import { expect, it } from 'vitest';
import type { Booking } from '../../sdk/index.ts';
import { leftOf, worthOf } from './worth.ts';

function booking(total: number, prices: number[], currency = 'EUR'): Booking {
  const items = prices.map((amount, type) => ({ ticket_type_id: type, name: `Type ${type}`, quantity: 1, unit_price: { amount, currency }, seats: [] }));
  const tickets = prices.map((_, type) => ({ code: `T${type}`, ticket_type_id: type, seat_id: null, status: 'valid' as const }));
  return { items, tickets, total: { amount: total, currency } } as unknown as Booking;
}

const parts = (of: Booking): number[] => of.tickets.map(({ code }) => worthOf(of, new Set([code])).amount);

it('the parts of all tickets come to the total, to the last unit', () => {
  for (const [total, prices] of [
    [100, [1, 1, 1]],
    [9_999, [3_300, 4_500, 2_200]],
    [1, [5, 5]],
    [4_000, [0, 0, 0]],
    [0, [10, 20]],
  ] as const) {
    const of = booking(total, [...prices]);
    expect(parts(of).reduce((sum, part) => sum + part, 0)).toBe(total);
    expect(worthOf(of, new Set(of.tickets.map(({ code }) => code))).amount).toBe(total);
  }
  // As `src/ticketing/refund/tests.rs` has it: not 33 three times.
  expect(parts(booking(100, [1, 1, 1]))).toEqual([33, 34, 33]);
});

it('amounts of currencies with three decimals are multiples of ten', () => {
  for (const currency of ['KWD', 'IQD']) expect(parts(booking(4_000, [1, 1, 1], currency))).toEqual([1_330, 1_340, 1_330]);
});

it('what is left is what was paid less what is on its way back', () => {
  const of = booking(9_000, [4_500, 4_500]);
  const payment = { state: 'captured', amount: { amount: 9_000, currency: 'EUR' }, refunded: { amount: 4_500, currency: 'EUR' } };
  expect(leftOf({ ...of, payment } as unknown as Booking)).toEqual({ amount: 4_500, currency: 'EUR' });
  expect(leftOf({ ...of, status: 'confirmed', paid_by: 'comp' } as Booking).amount).toBe(0);
  expect(leftOf({ ...of, status: 'confirmed', paid_by: 'cash' } as Booking).amount).toBe(9_000);
  expect(leftOf({ ...of, status: 'pending' } as Booking).amount).toBe(0);
});
