/** The worth of a refund before it is asked for, by the rule of `src/ticketing/refund.rs`. The server has the last word. */
import { decimals } from '../../elements/internal/format.ts';
import type { Booking, Money } from '../../sdk/index.ts';

/** Amounts of currencies with three decimals are multiples of ten. */
const STEP_OF_THREE_DECIMALS = 10n;

function stepOf(currency: string): bigint {
  return decimals(currency) === 3 ? STEP_OF_THREE_DECIMALS : 1n;
}

/**
 * The part of a booking's total that falls to these tickets, by their prices. The parts of all tickets add up to it: each is
 * the difference of two roundings of what it and the tickets before it cost.
 */
export function worthOf({ tickets, items, total }: Pick<Booking, 'tickets' | 'items' | 'total'>, codes: ReadonlySet<string>): Money {
  const priceOf = (type: number): bigint => BigInt(items.find(({ ticket_type_id: id }) => id === type)?.unit_price.amount ?? 0);
  let prices = tickets.map(({ ticket_type_id: type }) => priceOf(type));
  let sum = prices.reduce((all, price) => all + price, 0n);
  // Where no ticket has a price, all have the same part.
  if (sum === 0n) [prices, sum] = [prices.map(() => 1n), BigInt(prices.length)];
  const [whole, step] = [BigInt(total.amount), stepOf(total.currency)];
  const unit = (sum > 0n ? sum : 1n) * step;
  const upTo = (cost: bigint): bigint => {
    const part = ((2n * cost * whole + unit) / (2n * unit)) * step;
    return cost === sum || part > whole ? whole : part;
  };
  let [cost, worth] = [0n, 0n];
  for (const [place, { code }] of tickets.entries()) {
    const next = cost + prices[place]!;
    if (codes.has(code)) worth += upTo(next) - upTo(cost);
    cost = next;
  }
  return { amount: Number(worth), currency: total.currency };
}

/** Money that was paid and is not on its way back. */
export function leftOf({ payment, total, paid_by: by, status }: Booking): Money {
  if (payment?.state === 'captured') return { amount: payment.amount.amount - payment.refunded.amount, currency: total.currency };
  // Staff were paid, by other means than a provider.
  return { amount: status === 'confirmed' && by && by !== 'comp' ? total.amount - (payment?.refunded.amount ?? 0) : 0, currency: total.currency };
}
