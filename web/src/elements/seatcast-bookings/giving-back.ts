/** What comes back to the owner of a booking who cancels it, by the event's refund policy. The server says the same. */
import type { Booking, EventDetails, Money, RefundPolicy } from '../../sdk/index.ts';

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
}

export function givesBack(booking: Booking, policy: RefundPolicy, event: Pick<EventDetails, 'starts_at' | 'timezone'>, now: number): GivesBack {
  const untilMs = Date.parse(event.starts_at) - policy.until_minutes * MINUTE_MS;
  const { currency } = booking.total;
  return {
    until: new Date(untilMs).toISOString(),
    isTooLate: now >= untilMs,
    amount: booking.total.amount > 0 ? { amount: amountOf(booking, policy), currency } : undefined,
    percent: policy.percent,
    keepsFees: policy.keeps_fees && feesOf(booking) > 0,
  };
}

function amountOf(booking: Booking, { percent, keeps_fees: keepsFees }: RefundPolicy): number {
  const { payment, total } = booking;
  const paid = payment?.amount.amount ?? total.amount;
  const left = paid - (payment?.refunded.amount ?? 0);
  const base = keepsFees ? Math.max(0, paid - feesOf(booking)) : paid;
  const back = Math.floor((base * percent) / 100);
  return Math.max(0, Math.min(left, back - (back % stepOf(total.currency))));
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
