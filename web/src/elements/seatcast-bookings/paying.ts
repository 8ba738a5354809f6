/** A payment as its buyer sees it, on the way to the provider's page and back. */
import type { Booking, PaymentAttempt } from '../../sdk/index.ts';
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
      return payment.owed ? 'open' : 'review';
    default:
      return payment?.failure ? 'declined' : 'open';
  }
}

/** Whether there is something to pay: of a hold, and of a confirmed booking whose money did not come. */
export function isToPay({ status, payment }: Booking): boolean {
  return status === 'pending' || (status === 'confirmed' && payment?.owed === true);
}

/** A bank may still say yes: the tickets come then, if they are not somebody else's by now. */
export function isMoneyOpen({ payment }: Booking): boolean {
  switch (payment?.state) {
    case 'creating':
    case 'requires_action':
      return payment.provider !== 'offline';
    case 'authorized':
    case 'processing':
      return true;
    default:
      return false;
  }
}

/** Where the money of a booking is that is no hold any more; undefined where that is plain. */
export function moneyWords(language: Language, booking: Booking): string | undefined {
  const { status, payment, confirmed_at: confirmedAt } = booking;
  const words = WORDS[language];
  if (!payment) return undefined;
  const { state, refunded } = payment;
  if (status === 'confirmed' && payment.owed) return words.owed;
  if (state === 'needs_review') return words.review;
  if (refunded.amount > 0) return words.goesBack(sum(language, refunded));
  if (status !== 'expired' && status !== 'cancelled') return undefined;
  // It was in time, and given back later: the refund, if the policy grants one, may still be on the way.
  if (confirmedAt !== null) return state === 'captured' ? words.byPolicy : undefined;
  if (state === 'captured') return words.tooLate;
  return isMoneyOpen(booking) ? words.notFinished : words.notCharged;
}

/** An attempt to pay that waits for its buyer, who may have left the provider's page; staff are paid elsewhere. */
export function isBegun({ payment }: Booking): boolean {
  const awaitsBuyer = payment?.state === 'creating' || payment?.state === 'requires_action';
  return awaitsBuyer && payment.provider !== 'offline' && payment.failure === null;
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

/** How often, and at what distance, a payment is begun again whose provider has not answered. */
const BEGINNING = { tries: 4, againMs: 1_000 } as const;

/** Begins to pay, until the provider says how. */
export async function begun(pay: () => Promise<PaymentAttempt>): Promise<PaymentAttempt> {
  for (let tries = 1; ; tries += 1) {
    const attempt = await pay();
    if (attempt.status !== 'creating' || tries === BEGINNING.tries) return attempt;
    await new Promise((resolve) => setTimeout(resolve, BEGINNING.againMs));
  }
}

/** A booking that the browser went away to pay. */
export interface Left {
  id: string;
  /** A card had been declined before: the booking says so until the next one is answered. */
  wasDeclined: boolean;
  /** When the provider first led back, in milliseconds of this machine's clock; undefined: it has not. */
  backAt: number | undefined;
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
    const [id, paying, at] = sessionStorage.getItem(KEY)?.split(' ') ?? [];
    return id ? { id, wasDeclined: paying === 'declined', backAt: at === undefined ? undefined : Number(at) } : undefined;
  } catch {
    return undefined;
  }
}

/** The provider led back, so that its bank's answer may be on the way; a reload waits no longer than this page would. */
export function ledBack({ id, wasDeclined }: Left, backAt: number): void {
  try {
    sessionStorage.setItem(KEY, `${id} ${wasDeclined ? 'declined' : 'open'} ${backAt}`);
  } catch {
    // Nothing was kept, so there is nothing to come back to.
  }
}

/** How this document came to be on the screen: by a link, by the browser's back or forward, or by a reload. */
export function arrival(): NavigationTimingType {
  const [entry] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
  return entry?.type ?? 'navigate';
}

export function isBack(): void {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // There was none.
  }
}
