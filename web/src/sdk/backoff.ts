/**
 * Delays between attempts: exponential with full jitter.
 *
 * Each delay is uniform between 0 and min(cap, base · 2^attempt). Thousands of clients that lost
 * one server at one moment then come back spread out instead of in waves (Brooker, «Exponential
 * Backoff and Jitter», 2015: of the variants compared there, full jitter costs the server least).
 */
export interface BackoffOptions {
  baseMs: number;
  capMs: number;
  /** Uniform in [0, 1). Tests replace it. */
  random?: (() => number) | undefined;
}

export class Backoff {
  #attempt = 0;
  readonly #options: BackoffOptions;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** How many delays were given since the last reset. */
  get attempt(): number {
    return this.#attempt;
  }

  /** The next delay in milliseconds. */
  next(): number {
    const { baseMs, capMs, random = Math.random } = this.#options;
    // 2^30 · base is past any cap; the bound keeps the power finite.
    const ceiling = Math.min(capMs, baseMs * 2 ** Math.min(this.#attempt, 30));
    this.#attempt += 1;
    return random() * ceiling;
  }

  reset(): void {
    this.#attempt = 0;
  }
}
