/** What comes back to the owner of a booking who cancels it, by the event's refund policy. The server says the same. */
import type { Booking, EventDetails, Money, RefundPolicy, Ticket } from '../../sdk/index.ts';

const MINUTE_MS = 60_000;

/** What an owner is told before a confirmed booking is cancelled. */
export interface GivesBack {
  /** RFC 3339: owners can cancel until then. */
  until: string;
  isTooLate: boolean;
  /** Undefined for a booking that nothing was paid for here. */
  amount: Money | undefined;
  percent: number;
  keepsFees: boolean;
  /** Tickets that may be given back one by one; none where it is all or nothing. */
  tickets: readonly Ticket[];
}

export function givesBack(booking: Booking, policy: RefundPolicy, event: Pick<EventDetails, 'starts_at' | 'timezone'>, now: number, codes?: ReadonlySet<string>): GivesBack {
  const untilMs = Date.parse(event.starts_at) - policy.until_minutes * MINUTE_MS;
  const { currency } = booking.total;
  return {
    until: new Date(untilMs).toISOString(),
    isTooLate: now >= untilMs,
    amount: booking.total.amount > 0 ? { amount: amountOf(booking, policy, codes), currency } : undefined,
    percent: policy.percent,
    keepsFees: policy.keeps_fees && feesOf(booking) > 0,
    tickets: policy.by_ticket && booking.tickets.length > 1 ? booking.tickets.filter(({ status }) => status === 'valid') : [],
  };
}

/** `codes`: of these tickets, else of all that are good. */
function amountOf(booking: Booking, { percent, keeps_fees: keepsFees }: RefundPolicy, codes?: ReadonlySet<string>): number {
  const { payment, total } = booking;
  const paid = payment?.amount.amount ?? total.amount;
  const left = paid - (payment?.refunded.amount ?? 0);
  const base = keepsFees ? Math.max(0, paid - feesOf(booking)) : paid;
  const back = Math.floor((worthOf(booking, base, codes) * percent) / 100);
  return Math.max(0, Math.min(left, back - (back % stepOf(total.currency))));
}

/**
 * The part of a total that falls to these tickets, by their prices. The parts of all tickets add up to it: each is the difference of
 * two roundings of what it and the tickets before it cost (`src/ticketing/refund.rs`).
 */
function worthOf({ tickets, items, total: { currency } }: Booking, total: number, codes?: ReadonlySet<string>): number {
  if (!codes) return total;
  const known = tickets.map(({ ticket_type_id: type }) => items.find(({ ticket_type_id: id }) => id === type)?.unit_price.amount ?? 0);
  const isPriced = known.some((price) => price > 0);
  const prices = isPriced ? known : known.map(() => 1);
  const sum = prices.reduce((all, price) => all + price, 0);
  const step = stepOf(currency);
  const upTo = (cost: number): number => (cost === sum ? total : Math.min(total, Math.floor((2 * cost * total + sum * step) / (2 * sum * step)) * step));
  let cost = 0;
  let worth = 0;
  for (const [place, { code }] of tickets.entries()) {
    const price = prices[place] ?? 0;
    if (codes.has(code)) worth += upTo(cost + price) - upTo(cost);
    cost += price;
  }
  return worth;
}

/** Fees, without the tax that they contain. */
function feesOf({ lines = [] }: Booking): number {
  return lines.filter(({ kind }) => kind === 'fee').reduce((sum, { amount, tax_amount: tax, tax: rate }) => sum + amount - (rate?.included ? tax : 0), 0);
}

/** Currencies with three decimals move in tens. */
function stepOf(currency: string): number {
  const digits = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;
  return digits === 3 ? 10 : 1;
}
