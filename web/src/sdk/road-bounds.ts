/** Bounds of polling (`polling.ts`), which is fetched later than they are needed. */
export const POLLING = {
  intervalMs: 10_000,
  soldOutIntervalMs: 5_000,
  /** Nothing changed for so long: it is asked half as often. */
  quietAfterMs: 120_000,
  quietFactor: 2,
  /** The proof of a poll counts until the next one is due, and so long. */
  answerMs: 2_000,
  /** Failed attempts to open the socket before polling begins. */
  afterFailures: 2,
  /** … or time that an attempt may hang before polling begins beside it, in milliseconds. */
  afterMs: 3_000,
  /** The newest so many bookings of the caller are read: the most that REST answers at once. */
  bookingsMax: 100,
} as const;
