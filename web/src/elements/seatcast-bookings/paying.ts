/** A payment as its buyer sees it, on the way to the provider's page and back. */
import type { Booking } from '../../sdk/index.ts';
import { sum } from '../internal/format.ts';
import type { Language } from '../internal/language.ts';
import { WORDS } from './words.ts';

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
export function moneyWords(language: Language, { status, payment, confirmed_at: confirmedAt }: Booking): string | undefined {
  const words = WORDS[language];
  if (!payment) return undefined;
  const { state, refunded } = payment;
  if (state === 'needs_review') return words.review;
  if (refunded.amount > 0) return words.goesBack(sum(language, refunded));
  if (status !== 'expired' && status !== 'cancelled') return undefined;
  // It was in time, and given back later: the refund, if the policy grants one, may still be on the way.
  if (confirmedAt !== null) return state === 'captured' ? words.byPolicy : undefined;
  switch (state) {
    case 'captured':
      return words.tooLate;
    case 'authorized':
    case 'processing':
      return words.tooLateToTake;
    default:
      return words.notCharged;
  }
}

const KEY = 'seatcast.paying';

/** How long after the way back the answer of a bank is waited for before the button to pay is offered again. */
export const BACK = {
  ms: 10_000,
  /** Shorter where a card was declined before as well: that is likely to be said of the last card. */
  declinedMs: 1_000,
  /** How often a guest asks meanwhile. */
  askMs: 1_000,
} as const;

/** A booking that the browser went away to pay. */
export interface Left {
  id: string;
  /** A card had been declined before: the booking says so until the next one is answered. */
  wasDeclined: boolean;
}

/** Remembers which booking is being paid while the browser is on another site. */
export function leaveToPay(booking: Booking): void {
  try {
    sessionStorage.setItem(KEY, `${booking.id} ${payingOf(booking)}`);
  } catch {
    // Forbidden (private windows): the button to pay is there a moment too early.
  }
}

/** Undefined where the browser was not away to pay. */
export function leftToPay(): Left | undefined {
  try {
    const [id, paying] = sessionStorage.getItem(KEY)?.split(' ') ?? [];
    return id ? { id, wasDeclined: paying === 'declined' } : undefined;
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
