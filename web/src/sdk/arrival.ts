/**
 * The newest revision that is known to exist: a REST write or a beat told of it. It should arrive by itself
 * within a second; when it does not, it is late.
 */
import { FRESHNESS } from './freshness.ts';

export class Arrival {
  readonly #isLate: () => void;
  #expected = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `isLate` is called when an expected revision was not reached in time. */
  constructor(isLate: () => void) {
    this.#isLate = isLate;
  }

  /** This revision exists, and we have that one. */
  expect(revision: number, have: number): void {
    if (revision <= this.#expected) return;
    this.#expected = revision;
    if (revision <= have || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#isLate();
    }, FRESHNESS.arrivalMs);
  }

  isMissingAt(have: number): boolean {
    return this.#expected > have;
  }

  /** We have this revision now. */
  reached(revision: number): void {
    if (revision >= this.#expected) this.stop();
  }

  /** The database was put back: revisions that were known to exist do not any more. */
  forget(): void {
    this.#expected = 0;
    this.stop();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
