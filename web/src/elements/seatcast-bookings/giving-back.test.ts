import { describe, expect, it } from 'vitest';
import type { Booking, PriceLine, RefundPolicy } from '../../sdk/index.ts';
import { givesBack } from './giving-back.ts';

const START = '2030-01-10T20:00:00Z';
const event = { starts_at: START, timezone: 'Europe/Berlin' };
const policy = (changes: Partial<RefundPolicy> = {}): RefundPolicy => ({ percent: 100, until_minutes: 0, by_ticket: false, keeps_fees: false, ...changes });
const line = (kind: PriceLine['kind'], amount: number, tax_amount = 0, included = true): PriceLine =>
  ({ kind, ticket_type_id: null, name: kind, quantity: 1, unit_amount: amount, amount, tax_amount, tax: tax_amount ? { basis_points: 1_900, included } : null });

function booking(total: number, lines: PriceLine[], changes: Partial<Booking> = {}, currency = 'EUR'): Booking {
  return { total: { amount: total, currency }, lines, payment: null, tickets: [], items: [], ...changes } as unknown as Booking;
}

const now = Date.parse('2030-01-01T00:00:00Z');
const amount = (of: Booking, by: RefundPolicy): number | undefined => givesBack(of, by, event, now).amount?.amount;

describe('what a cancellation gives back', () => {
  it('is all of it, a share, or all but the fees', () => {
    const of = booking(9_300, [line('ticket', 9_000), line('fee', 300)]);
    expect(amount(of, policy())).toBe(9_300);
    expect(amount(of, policy({ percent: 50 }))).toBe(4_650);
    expect(amount(of, policy({ keeps_fees: true }))).toBe(9_000);
    expect(amount(of, policy({ percent: 80, keeps_fees: true }))).toBe(7_200);
    expect(amount(of, policy({ percent: 0 }))).toBe(0);
  });

  it('counts fees without the tax that they contain', () => {
    expect(amount(booking(9_300, [line('ticket', 9_000), line('fee', 300, 48)]), policy({ keeps_fees: true }))).toBe(9_048);
    expect(amount(booking(9_357, [line('ticket', 9_000), line('fee', 300, 57, false), line('tax', 57, 57, false)]), policy({ keeps_fees: true }))).toBe(9_057);
  });

  it('is no more than is left of the payment, and an amount that there is', () => {
    const money = (value: number): { amount: number; currency: string } => ({ amount: value, currency: 'EUR' });
    const payment = { amount: money(9_000), refunded: money(6_000) } as Booking['payment'];
    expect(amount(booking(9_000, [], { payment: payment ?? null }), policy({ percent: 80 }))).toBe(3_000);
    expect(amount(booking(999, []), policy({ percent: 50 }))).toBe(499);
    expect(amount(booking(12_350, [], {}, 'KWD'), policy({ percent: 50 }))).toBe(6_170);
    expect(amount(booking(0, []), policy())).toBeUndefined();
  });

  it('falls to single tickets by their prices, so that all of them add up', () => {
    const ticket = (code: string, ticket_type_id: number): Booking['tickets'][number] => ({ code, ticket_type_id, seat_id: null, status: 'valid' });
    const item = (ticket_type_id: number, amount: number): Booking['items'][number] => ({ ticket_type_id, name: '', quantity: 1, unit_price: { amount, currency: 'EUR' }, seats: [] });
    const of = booking(1_000, [], { tickets: [ticket('A', 1), ticket('B', 1), ticket('C', 2)], items: [item(1, 333), item(2, 334)] });
    const back = (...codes: string[]): number | undefined => givesBack(of, policy({ by_ticket: true }), event, now, new Set(codes)).amount?.amount;
    expect([back('A'), back('B'), back('C')]).toEqual([333, 333, 334]);
    expect(back('A', 'B', 'C')).toBe(1_000);
    expect(givesBack(of, policy({ by_ticket: true }), event, now).tickets).toHaveLength(3);
    expect(givesBack(of, policy(), event, now).tickets).toEqual([]);
  });

  it('ends so many minutes before the event begins', () => {
    const at = (time: string): boolean => givesBack(booking(100, []), policy({ until_minutes: 90 }), event, Date.parse(time)).isTooLate;
    expect(at('2030-01-10T18:29:59Z')).toBe(false);
    expect(at('2030-01-10T18:30:00Z')).toBe(true);
    expect(givesBack(booking(100, []), policy({ until_minutes: 90 }), event, now).until).toBe('2030-01-10T18:30:00.000Z');
  });
});
