/** A payment as its buyer sees it, on the way to the provider's page and back. */
import type { Booking } from '../../sdk/index.ts';
import { sum } from '../internal/format.ts';

/** `open`: the buyer may pay; `declined`: so did a bank, another card may do; `underway`: wait; `review`: a person looks. */
export type Paying = 'open' | 'declined' | 'underway' | 'review';

export function payingOf({ payment }: Booking): Paying {
  switch (payment?.state) {
    case 'authorized':
    case 'processing':
    case 'captured':
      return 'underway';
    case 'needs_review':
      return 'review';
    default:
      return payment?.failure ? 'declined' : 'open';
  }
}

/** Where the money of a booking is that is no hold any more; undefined where that is plain. */
export function moneyWords({ status, payment }: Booking): string | undefined {
  if (!payment) return undefined;
  const { state, refunded } = payment;
  if (state === 'needs_review') return 'Somebody is looking at your payment, and will tell you.';
  if (refunded.amount > 0) return `${sum(refunded)} goes back to you.`;
  if (status !== 'expired' && status !== 'cancelled') return undefined;
  switch (state) {
    case 'captured':
      return 'Your payment came too late: it goes back to you.';
    case 'authorized':
    case 'processing':
      return 'Your payment came too late: nothing is taken, or it goes back to you.';
    default:
      return 'Nothing was charged.';
  }
}

const KEY = 'seatcast.paying';

/** How long after the way back the answer of a bank is waited for before the button to pay is offered again. */
export const BACK = {
  ms: 10_000,
  /** Shorter where a card was declined: it is likely to have been the last word. */
  declinedMs: 3_000,
  /** How often a guest asks meanwhile. */
  askMs: 1_000,
} as const;

/** Remembers which booking is being paid while the browser is on another site. */
export function leaveToPay(id: string): void {
  try {
    sessionStorage.setItem(KEY, id);
  } catch {
    // Forbidden (private windows): the button to pay is there a moment too early.
  }
}

/** The booking that the browser went away to pay; undefined for none. */
export function leftToPay(): string | undefined {
  try {
    return sessionStorage.getItem(KEY) ?? undefined;
  } catch {
    return undefined;
  }
}

export function isBack(): void {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // There was none.
  }
}
