/**
 * The server's clock, by which deadlines are set, and the time that is left until one of them.
 *
 * A time of the server is already a little old when it reaches us, and never early. So each of them is a
 * lower bound, and the highest is the best: it is added to our monotonic clock. A wrong or changed clock of
 * this machine makes no difference, and a machine that slept, whose monotonic clock stood still meanwhile,
 * is right again with the first message after waking.
 */

/** Clocks of the nodes may differ from the database's by this much; a larger difference means that we slept. */
const SKEW_MS = 5_000;

export class ServerClock {
  /** The server's time minus our monotonic time. */
  #aheadMs = Number.NEGATIVE_INFINITY;
  #isExact = false;

  /** The database's clock, by which deadlines are set, said this. `exact`: just now. Milliseconds since 1970. */
  tell(databaseMs: number, exact = false): void {
    if (!Number.isFinite(databaseMs)) return;
    const aheadMs = databaseMs - performance.now();
    const isFirst = exact && !this.#isExact;
    this.#isExact ||= exact;
    this.#aheadMs = isFirst ? aheadMs : Math.max(this.#aheadMs, aheadMs);
  }

  /** A node's clock said this, some time ago. */
  tellRoughly(nodeMs: number): void {
    const aheadMs = nodeMs - performance.now();
    if (aheadMs > this.#aheadMs + (this.#isExact ? SKEW_MS : 0)) this.#aheadMs = aheadMs;
  }

  /** Whether an answer has told the database's time of that moment. */
  get isExact(): boolean {
    return this.#isExact;
  }

  /** Milliseconds since 1970; by this machine's clock as long as the server has told nothing. */
  now(): number {
    return Number.isFinite(this.#aheadMs) ? performance.now() + this.#aheadMs : Date.now();
  }
}

/** Time left until a deadline of the server. */
export class Countdown {
  readonly #endsAt: number;
  readonly #clock: Pick<ServerClock, 'now'>;

  constructor(expiresAt: string, clock: Pick<ServerClock, 'now'>) {
    this.#endsAt = Date.parse(expiresAt);
    this.#clock = clock;
  }

  /** Milliseconds, never below 0. */
  leftMs(): number {
    return Math.max(0, this.#endsAt - this.#clock.now());
  }

  /** `4:07`, or `11:04:07`, rounded up, so that it says 0:00 only when it is over. */
  toString(): string {
    const seconds = Math.ceil(this.leftMs() / 1_000);
    const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
    const two = (number: number): string => String(number).padStart(2, '0');
    return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
  }
}
