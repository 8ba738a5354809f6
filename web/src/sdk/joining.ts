/**
 * Joins a topic, one attempt at a time, and tries again with back-off: when the server says «later», and
 * when its answer is older than our state.
 */
import { Backoff } from './backoff.ts';
import { ReplyError, type Connection } from './connection.ts';
import type { ErrorResponse, JsonObject } from './protocol.ts';

export const JOINING = {
  backoffBaseMs: 2_000,
  backoffCapMs: 15_000,
  /** After so many joins in a row without success another node may know more. */
  elsewhereAfter: 3,
} as const;

/** The topic that is joined. */
export interface Joiner {
  /** The join's payload. */
  payload(): JsonObject;
  /** @throws TypeError when the reply makes no sense */
  accepted(response: JsonObject, payload: JsonObject): void;
  refused(error: ErrorResponse): void;
  /** This node did not help for a while. */
  seekElsewhere(): void;
}

export class Joining {
  readonly #topic: string;
  readonly #connection: Connection;
  readonly #joiner: Joiner;
  readonly #backoff = new Backoff({ baseMs: JOINING.backoffBaseMs, capMs: JOINING.backoffCapMs });
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isUnderWay = false;
  #stopped = false;

  constructor(topic: string, connection: Connection, joiner: Joiner) {
    this.#topic = topic;
    this.#connection = connection;
    this.#joiner = joiner;
  }

  /** A join was sent and not answered yet. */
  get isUnderWay(): boolean {
    return this.#isUnderWay;
  }

  async now(): Promise<void> {
    if (this.#isUnderWay || this.#stopped) return;
    this.#isUnderWay = true;
    clearTimeout(this.#timer);
    const payload = this.#joiner.payload();
    try {
      await this.#connection.join(this.#topic, payload, (response) => {
        this.#isUnderWay = false;
        this.#joiner.accepted(response, payload);
      });
    } catch (error) {
      this.#isUnderWay = false;
      if (error instanceof ReplyError) this.#joiner.refused(error.response);
      // The link is open and does not answer, or answers nonsense: get another one.
      else if (this.#connection.state === 'open') this.#connection.reset('join failed');
    }
  }

  /** Again after a pause that grows each time, until `succeeded`. */
  later(): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    const pauseMs = this.#backoff.next();
    this.#timer = setTimeout(() => {
      if (this.#connection.state === 'open') void this.now();
    }, pauseMs);
    if (this.#backoff.attempt % JOINING.elsewhereAfter === 0) this.#joiner.seekElsewhere();
  }

  succeeded(): void {
    this.#backoff.reset();
    clearTimeout(this.#timer);
  }

  /** The link is gone; the next one joins by itself. */
  linkLost(): void {
    clearTimeout(this.#timer);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}
