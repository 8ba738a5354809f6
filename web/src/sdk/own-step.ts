/**
 * Our own part in presence: the step that we want to be counted at, the one that the server was told, and
 * the one at which the counts that we see include us.
 *
 * The counts are everybody's, a second old at most. To say how many *others* are here, a page has
 * to know whether they include its own reader: they do as soon as counts come after the server took our step,
 * or some time later, when nothing came because nothing changed.
 */
import { ReplyError } from './connection.ts';

export const OWN_STEP = {
  /** Counts leave at most once a second; by then they are out. */
  countedMs: 2_500,
  /** Pause before a step that the server refused (too many in a second) is said again. */
  repeatMs: 2_000,
} as const;

export type MakeStep = (...parts: ConstructorParameters<typeof OwnStep>) => OwnStep;

export class OwnStep {
  readonly #say: (step: string | undefined) => Promise<void>;
  readonly #counted: (step: string | undefined) => void;
  #wanted: string | undefined;
  /** The step that the server took last; meaningless unless `#joined`. */
  #taken: string | undefined;
  #joined = false;
  #saying = false;
  #countedTimer: ReturnType<typeof setTimeout> | undefined;
  #repeatTimer: ReturnType<typeof setTimeout> | undefined;

  /**
   * `say` tells the server and resolves when it took it; `counted` hears at which step the counts
   * include us although none came.
   */
  constructor(say: (step: string | undefined) => Promise<void>, counted: (step: string | undefined) => void) {
    this.#say = say;
    this.#counted = counted;
  }

  get wanted(): string | undefined {
    return this.#wanted;
  }

  want(step: string | undefined): void {
    if (step === this.#wanted) return;
    this.#wanted = step;
    void this.#tell();
  }

  /** A join was answered that said this step. */
  said(step: string | undefined): void {
    this.#joined = true;
    this.#took(step);
    void this.#tell();
  }

  /** New counts came: the step at which they include us. */
  countsCame(): string | undefined {
    clearTimeout(this.#countedTimer);
    return this.#joined ? this.#taken : undefined;
  }

  /** The link is gone, and we with it. */
  lost(): void {
    this.#joined = false;
    clearTimeout(this.#countedTimer);
    clearTimeout(this.#repeatTimer);
  }

  #took(step: string | undefined): void {
    this.#taken = step;
    clearTimeout(this.#countedTimer);
    this.#countedTimer = setTimeout(() => this.#counted(step), OWN_STEP.countedMs);
  }

  /** Until the server has what we want; one message at a time, and only the last wish. */
  async #tell(): Promise<void> {
    if (this.#saying) return;
    this.#saying = true;
    clearTimeout(this.#repeatTimer);
    try {
      while (this.#joined && this.#taken !== this.#wanted) {
        const step = this.#wanted;
        await this.#say(step);
        this.#took(step);
      }
    } catch (error) {
      // Without an answer the link is gone, and the next join says it.
      if (error instanceof ReplyError && error.response.retry !== 'never') {
        this.#repeatTimer = setTimeout(() => void this.#tell(), OWN_STEP.repeatMs);
      }
    } finally {
      this.#saying = false;
    }
  }
}
