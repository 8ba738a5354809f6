/**
 * Whether what a topic shows is the truth right now: the bookkeeping of proofs. Pure: no timer, no
 * I/O; every method is told the monotonic time in milliseconds.
 */
export type TopicStatus =
  /** Nothing to show yet. */
  | 'connecting'
  /** Proven current. */
  | 'live'
  /** The last numbers that we know; newer ones may exist. Recovering. */
  | 'stale'
  /** No way to the server for a while. The last numbers that we know, if any. */
  | 'offline';

/** Bounds of freshness, in milliseconds. */
export const FRESHNESS = {
  /** Longest time that a proof counts: two beats of 5 s, and some. */
  proofMs: 12_000,
  /** A revision that is known to exist gets this long to arrive before we call ourselves stale. */
  arrivalMs: 1_000,
  /** A lost link is «stale» for this long, then «offline». */
  offlineAfterMs: 10_000,
  /** Pause before a stream that did not bring us up to date is opened anew. */
  rejoinMs: 2_000,
  /** So many whole states in a row older than ours mean that the database was put back … */
  rewindsMax: 3,
  /** … if beats show that the node heard from its database so often meanwhile. */
  rewindChecksMin: 2,
} as const;

const NEVER = Number.NEGATIVE_INFINITY;

export class Freshness {
  /** Until when the newest proof counts. */
  #provenUntil = NEVER;
  /** Since when there is no link; undefined while there is one, and before the first attempt failed. */
  #downSince: number | undefined;
  /** The link answered: proofs may come over it. */
  #linkIsUp = false;
  /** The newest `checked_at` of all beats (the server's clock), and when it advanced. A node that was cut off says an old one. */
  #checkedAt = NEVER;
  #advancedAt = NEVER;
  #beatAt = NEVER;
  /** A revision that is known to exist did not arrive in time. */
  late = false;

  /** The link answered. That it opened is no sign of it: some proxies let nothing through. */
  linkUp(): void {
    this.#linkIsUp = true;
    this.#downSince = undefined;
  }

  linkDown(now: number): void {
    // Attempts that fail take nothing away from proofs of a stream or of polls meanwhile.
    if (this.#linkIsUp) this.sourceLost(now);
    this.#downSince ??= now;
    this.#linkIsUp = false;
  }

  /** The socket or stream that brought proofs is gone. */
  sourceLost(now: number): void {
    this.#downSince = now;
    // The proofs came over a link that is gone.
    this.#provenUntil = NEVER;
    this.#beatAt = NEVER;
  }

  /** Our state was the newest at this moment, which counts so long. */
  proven(now: number, countsMs: number = FRESHNESS.proofMs): void {
    this.#provenUntil = now + countsMs;
  }

  /** There is no way to the server, as far as we know. */
  get isDown(): boolean {
    return this.#downSince !== undefined;
  }

  /**
   * A beat came. True if it proves anything: a node that lost its database goes on beating, with
   * the time at which it last heard from it.
   */
  beat(checkedAt: string, now: number): boolean {
    const checked = Date.parse(checkedAt);
    const isFirst = this.#beatAt === NEVER;
    this.#beatAt = now;
    if (!(checked > this.#checkedAt)) {
      // Another node had heard more before: the answer with which this one began proves nothing either.
      if (isFirst) this.#provenUntil = NEVER;
      return false;
    }
    this.#checkedAt = checked;
    this.#advancedAt = now;
    return true;
  }

  /** The node says that it lost its database: things may change from here on without it knowing. */
  databaseLost(checkedAt: string, now: number): void {
    this.beat(checkedAt, now);
    this.#provenUntil = NEVER;
    this.#advancedAt = NEVER;
  }

  /** Beats come, and none of them advanced for too long: asking again would change nothing. */
  databaseIsSilent(now: number): boolean {
    return now - this.#beatAt < FRESHNESS.proofMs && now - this.#advancedAt >= FRESHNESS.proofMs;
  }

  status(hasState: boolean, now: number): TopicStatus {
    if (hasState && !this.late && now < this.#provenUntil) return 'live';
    if (this.#downSince !== undefined && now - this.#downSince >= FRESHNESS.offlineAfterMs) return 'offline';
    return hasState ? 'stale' : 'connecting';
  }

  /** In how long the status changes if nothing else happens; undefined: never. */
  changesInMs(status: TopicStatus, now: number): number | undefined {
    if (status === 'live') return Math.max(0, this.#provenUntil - now);
    if (status === 'offline' || this.#downSince === undefined) return undefined;
    return Math.max(0, this.#downSince + FRESHNESS.offlineAfterMs - now);
  }
}
