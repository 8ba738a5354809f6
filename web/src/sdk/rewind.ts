/**
 * When to believe that the database was put back in time (a backup was restored).
 *
 * A whole state older than ours usually comes from a node that is behind, or that lost its database: it is
 * no reason to step back. It is the truth when it came several times, and meanwhile the node that told it
 * heard from its database again and again. Pure: every method is told the monotonic time in milliseconds.
 */
import { FRESHNESS } from './freshness.ts';

const NEVER = Number.NEGATIVE_INFINITY;

export class Rewind {
  /** Older whole states in a row, and when the last of them was counted. */
  #states = 0;
  #countedAt = NEVER;
  /** The newest `checked_at` of all beats, and how often it advanced since the first older state. */
  #checkedAt = NEVER;
  #checks = 0;

  /** A beat came. A node without its database vouches for no state, earlier ones included. */
  beat(checkedAt: string, databaseDown: boolean): void {
    if (databaseDown) return this.forget();
    const checked = Date.parse(checkedAt);
    // A node that was cut off goes on saying when it last heard; others have heard since.
    if (!(checked > this.#checkedAt)) return;
    this.#checkedAt = checked;
    if (this.#states > 0) this.#checks += 1;
  }

  /**
   * A whole state came that is older than ours: true if it is the truth. `read`: REST read it from the
   * database, so no beat has to vouch for it.
   */
  olderState(now: number, read = false): boolean {
    // A socket and a stream that tell of one moment count as one.
    if (now - this.#countedAt < FRESHNESS.rejoinMs / 2) return false;
    this.#countedAt = now;
    this.#states += 1;
    return this.#states >= FRESHNESS.rewindsMax && (read || this.#checks >= FRESHNESS.rewindChecksMin);
  }

  /** Our state was proven, or became newer. */
  forget(): void {
    this.#states = 0;
    this.#checks = 0;
  }
}
