/**
 * Bookings that ended while somebody was looking: a hold ran out, the organizer cancelled. They are kept in
 * sight, with a word about the reason, until there is something newer to look at.
 */
import type { Booking } from '../../sdk/index.ts';
import type { Language } from '../internal/language.ts';
import { isMoneyOpen, payingOf } from './paying.ts';
import { WORDS } from './words.ts';

/** Whether it holds stock. */
export function isStanding({ status }: Booking): boolean {
  return status === 'pending' || status === 'confirmed';
}

/** Why the buyer cancels, when nothing else is said (`SeatcastClient.cancel`). */
const BY_BUYER = 'cancelled by the buyer';
/** The server's reason where an organizer blocked or moved held seats. */
const WITHDRAWN = 'seats withdrawn by the organizer';
/** The server's reason where somebody cancelled the payment at its provider. */
const CANCELED_THERE = 'the payment was cancelled at the provider';

/** How a booking ended, for its card; undefined where its status says it all. */
export function endOf(language: Language, booking: Booking, isOver: boolean): string | undefined {
  const { status, cancel_reason: reason } = booking;
  // It may be sold after all: somebody who chose again would pay twice.
  if (status === 'expired' || isOver) return isMoneyOpen(booking) ? undefined : WORDS[language].chooseAgain;
  if (status !== 'cancelled' || reason === BY_BUYER) return undefined;
  if (reason === WITHDRAWN) return WORDS[language].seatsWithdrawn;
  if (reason === CANCELED_THERE) return WORDS[language].paymentCancelled;
  return reason ?? WORDS[language].wasCancelled;
}

export class Ended {
  /** Those that stood when they were last seen. */
  #stood = new Map<string, Booking>();
  readonly #inSight = new Set<string>();
  /** Given back here, by a button of ours: no news to the buyer. */
  readonly #givenBack = new Set<string>();

  /** The buyer gives it back by a button of ours. */
  givesBack(id: string): void {
    this.#givenBack.add(id);
  }

  /** It did not work. */
  stands(id: string): void {
    this.#givenBack.delete(id);
  }

  /** Keeps one in sight that is no news, but that the buyer has just dealt with. */
  keepInSight(id: string): void {
    this.#inSight.add(id);
  }

  /** These are the bookings now. Answers the buyer's news since the last time, as sentences. */
  look(language: Language, bookings: readonly Booking[]): string[] {
    const words = WORDS[language];
    const news: string[] = [];
    if (bookings.some((booking) => isStanding(booking) && !this.#stood.has(booking.id))) this.forget();
    for (const booking of bookings) {
      const before = this.#stood.get(booking.id);
      if (before && before.status === booking.status && payingOf(before) !== payingOf(booking) && payingOf(booking) === 'declined') {
        news.push(words.paymentDeclined(booking.reference));
      }
      if (!before || before.status === booking.status) continue;
      if (booking.status === 'confirmed') news.push(words.isConfirmed(booking.reference));
      if (isStanding(booking) || this.#givenBack.has(booking.id)) continue;
      this.#inSight.add(booking.id);
      news.push(endWords(words, booking));
    }
    this.#stood = new Map(bookings.filter(isStanding).map((booking) => [booking.id, booking]));
    return news;
  }

  isInSight(id: string): boolean {
    return this.#inSight.has(id);
  }

  forget(): void {
    this.#inSight.clear();
  }
}

function endWords(words: (typeof WORDS)[Language], { status, reference }: Booking): string {
  if (status === 'expired') return words.holdEnded(reference);
  return status === 'refunded' ? words.isRefunded(reference) : words.isCancelled(reference);
}
