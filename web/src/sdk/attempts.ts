/**
 * Attempts to book whose end is unknown. Each is kept with its key before it is sent, and forgotten when the server has
 * answered: a page that is loaded again in the middle asks again, and finds the booking instead of making another.
 *
 * An attempt that a page left under way moments ago is asked about by itself: its buyer waits for it. One that could not be
 * sent is only offered (`again`, `forget`): nothing is booked behind a buyer's back. The server knows keys for a day.
 */
import { newKey, type Booking, type BookingRequest } from './booking.ts';
import { Emitter } from './emitter.ts';
import type { Keeper } from './keeper.ts';
import { isObject } from './protocol.ts';
import { Refusal } from './rest.ts';

export interface UnsentBooking {
  /** Idempotency key of all its tries. */
  key: string;
  request: BookingRequest;
  /** When it was first sent, by this machine's clock. */
  at: number;
  /**
   * `asking`: sent again, no answer yet. `unsent`: no answer, and nobody asks; the buyer may. `refused`: the server's answer
   * to such a late question, until it is put away (`forget`).
   */
  state: 'asking' | 'unsent' | 'refused';
  refusal?: Refusal;
}

export const ATTEMPTS = {
  /** A page that was loaded again asks by itself about attempts that are not older than this. */
  askWithinMs: 120_000,
  /** The server forgets keys after a day; the rest is for clocks that differ. */
  keptMs: 23 * 3_600_000,
} as const;

/** As it is kept: what a caller asked for. */
interface Kept {
  key: string;
  request: BookingRequest;
  at: number;
  caller: string;
  /** A page sent it and waits, or did. */
  isUnderWay: boolean;
}

const PREFIX = 'seatcast.attempt.';

/** Whether a change of this key (of a `storage` event; null: all) is about attempts to book. */
export function isAttemptKey(key: string | null): boolean {
  return key === null || key.startsWith(PREFIX);
}

export interface Sender {
  /** Sends it until it is answered, or nobody answers. @throws Refusal, Unreachable */
  send(request: BookingRequest, key: string): Promise<Booking>;
  /** Names the caller: attempts of others are not shown. */
  caller(): string;
}

export class Attempts {
  readonly #sender: Sender;
  readonly #keeper: Keeper;
  readonly #changed = new Emitter<readonly UnsentBooking[]>();
  /** Sent by this page, and not answered; `late`: asked again because nobody knew how it ended. */
  readonly #sending = new Map<string, { late: boolean }>();
  readonly #refused = new Map<string, UnsentBooking>();
  #hasResumed = false;

  constructor(sender: Sender, keeper: Keeper) {
    this.#sender = sender;
    this.#keeper = keeper;
  }

  /** Books, with a key that is kept until the answer. @throws Refusal, Unreachable */
  make(request: BookingRequest, key: string = newKey()): Promise<Booking> {
    const before = this.#read().find((kept) => kept.key === key);
    return this.#send({ key, request, at: before?.at ?? Date.now(), caller: this.#sender.caller(), isUnderWay: true }, false);
  }

  has(key: string): boolean {
    return this.#own().some((kept) => kept.key === key);
  }

  /** Sends one again that is listed, with its key. @throws Refusal, Unreachable */
  async again(key: string): Promise<Booking> {
    const kept = this.#read().find((one) => one.key === key);
    if (!kept) throw new TypeError(`no attempt ${key}`);
    return this.#send({ ...kept, isUnderWay: true }, true);
  }

  /** The buyer does not want it any more, or has read why it was refused. */
  forget(key: string): void {
    this.#refused.delete(key);
    this.#drop(key);
    this.#tell();
  }

  /** Calls the listener now and at every change, until the returned function is called. */
  watch(listener: (attempts: readonly UnsentBooking[]) => void): () => void {
    const off = this.#changed.on(listener);
    this.resume();
    listener(this.#list());
    return off;
  }

  /** Asks once what became of attempts that an earlier page left under way. */
  resume(): void {
    if (this.#hasResumed) return;
    this.#hasResumed = true;
    for (const kept of this.#own()) {
      const isRecent = Date.now() - kept.at < ATTEMPTS.askWithinMs;
      // Its outcome shows in the lists; there is nobody here to throw it at.
      if (kept.isUnderWay && isRecent && !this.#sending.has(kept.key)) this.#send(kept, true).catch(() => {});
    }
  }

  /** Another tab changed the storage. */
  moved(): void {
    this.#tell();
  }

  callerChanged(): void {
    const wasAsked = this.#hasResumed;
    this.#hasResumed = false;
    // Those of the one before are none of the next one's business.
    this.#refused.clear();
    if (wasAsked) this.resume();
    this.#tell();
  }

  async #send(kept: Kept, late: boolean): Promise<Booking> {
    const { key, request } = kept;
    this.#keep(kept);
    this.#sending.set(key, { late });
    this.#refused.delete(key);
    if (late) this.#tell();
    try {
      const booking = await this.#sender.send(request, key);
      this.#drop(key);
      return booking;
    } catch (error) {
      // A token that was not taken says nothing of an earlier try, whose answer may be lost.
      if (error instanceof Refusal && !(error.status === 401 && kept.caller)) {
        this.#drop(key);
        // The error tells the one who booked just now; a late answer has nobody to be told to, but the same caller.
        if (late && kept.caller === this.#sender.caller()) this.#refused.set(key, { key, request, at: kept.at, state: 'refused', refusal: error });
      } else if (this.#read().some((one) => one.key === key)) {
        this.#keep({ ...kept, isUnderWay: false });
      }
      throw error;
    } finally {
      this.#sending.delete(key);
      this.#tell();
    }
  }

  #tell(): void {
    this.#changed.emit(this.#list());
  }

  #list(): UnsentBooking[] {
    const listed = this.#own().flatMap<UnsentBooking>(({ key, request, at, isUnderWay }) => {
      const sending = this.#sending.get(key);
      if (sending) return sending.late ? [{ key, request, at, state: 'asking' }] : [];
      // Another tab waits for it.
      if (isUnderWay && Date.now() - at < ATTEMPTS.askWithinMs) return [];
      return [{ key, request, at, state: 'unsent' }];
    });
    return [...listed, ...this.#refused.values()].sort((one, other) => other.at - one.at);
  }

  #own(): Kept[] {
    const caller = this.#sender.caller();
    return this.#read().filter((kept) => kept.caller === caller);
  }

  // ── the storage ──────────────────────────────────────────────────────────────────────────────

  #keep(kept: Kept): void {
    this.#keeper.set(PREFIX + kept.key, JSON.stringify(kept));
  }

  #drop(key: string): void {
    this.#keeper.remove(PREFIX + key);
  }

  /** Those that the server has forgotten are dropped. */
  #read(): Kept[] {
    const kept = this.#keeper.all(PREFIX).flatMap(parsed);
    return kept.filter(({ key, at }) => {
      const isKnown = Math.abs(Date.now() - at) < ATTEMPTS.keptMs;
      if (!isKnown) this.#drop(key);
      return isKnown;
    });
  }
}

function parsed(text: string): Kept[] {
  try {
    const kept: unknown = JSON.parse(text);
    const isWhole = isObject(kept) && typeof kept['key'] === 'string' && typeof kept['at'] === 'number' && isObject(kept['request']);
    return isWhole ? [kept as unknown as Kept] : [];
  } catch {
    return [];
  }
}
