/**
 * Ticket types that voucher codes open, live: hidden ones, and those of which a voucher sets some aside. Topics are the same for
 * everybody, so none says so; but each change of theirs is a revision of their event. Their numbers are read by REST, with the
 * code, whenever that revision moves.
 */
import { Backoff } from './backoff.ts';
import type { TicketTypeDetails } from './catalogue.ts';
import type { BuyerClient } from './buyer-client.ts';
import { given, Refusal, Unreachable } from './rest.ts';
import { isHidden, onShown } from './visibility.ts';

/** From one reading to the next; longer where the server needs long for one, so that a crowd with codes costs it no more. */
const PAUSE_MS = 1_000;
const PAUSE_READS = 4;
/** A change that could not be read for so long makes the numbers stale. */
const STALE_AFTER_MS = 5_000;
const RETRY_MAX_MS = 30_000;
/** The longest page of a list. */
const TYPES_MAX = 100;

export interface Revealed {
  /** What each code opens, by code. One that opens nothing is not there. */
  readonly opened: ReadonlyMap<string, readonly TicketTypeDetails[]>;
  /** Codes that open nothing, each with the refusal where there was one. They are not asked again. */
  readonly refused: ReadonlyMap<string, unknown>;
  /** The types, each once. */
  readonly types: readonly TicketTypeDetails[];
  /** Places in the seat map of this layout: the free seats of these types, which the topic `seats:` tells as blocked. */
  readonly seats: { readonly layout: number; readonly places: ReadonlySet<number> } | undefined;
  /** The event has changed since, and the numbers could not be read again. */
  readonly isStale: boolean;
}

interface Opened {
  types: readonly TicketTypeDetails[];
  seats?: { layout: number; revealed: readonly number[] };
}

/** In place of a code, for the event's people, who are shown everything. */
const NO_CODE = '';

/**
 * Calls the listener after each reading, once every code was answered, until the returned function is called. The event's own
 * people need no codes (undefined). It is told `undefined` when that takes long: what was known of some of them grows old.
 */
export function watchRevealed(client: BuyerClient, event: number, codes: readonly string[] | undefined, listener: (revealed: Revealed | undefined) => void): () => void {
  const reading = new Reading(client, event, codes ?? [NO_CODE], listener);
  return () => reading.stop();
}

class Reading {
  readonly #client: BuyerClient;
  readonly #event: number;
  readonly #listener: (revealed: Revealed | undefined) => void;
  readonly #codes: Set<string>;
  readonly #opened = new Map<string, Opened>();
  readonly #refused = new Map<string, unknown>();
  readonly #retries = new Backoff({ baseMs: PAUSE_MS, capMs: RETRY_MAX_MS });
  readonly #stopAll: (() => void)[];
  #revision: number | undefined;
  /** The last reading began after the last change. */
  #isRead = false;
  #isReading = false;
  #isStale = false;
  #hasStopped = false;
  #pause: ReturnType<typeof setTimeout> | undefined;
  #patience: ReturnType<typeof setTimeout> | undefined;

  constructor(client: BuyerClient, event: number, codes: readonly string[], listener: (revealed: Revealed | undefined) => void) {
    this.#client = client;
    this.#event = event;
    this.#codes = new Set(codes);
    this.#listener = listener;
    this.#stopAll = [client.watch(`event:${event}`, ({ revision }) => this.#moved(revision)), onShown(() => this.#look())];
  }

  stop(): void {
    this.#hasStopped = true;
    this.#stopAll.forEach((stop) => stop());
    clearTimeout(this.#pause);
    clearTimeout(this.#patience);
  }

  #moved(revision: number): void {
    if (revision === this.#revision || revision === 0) return;
    this.#revision = revision;
    this.#isRead = false;
    this.#await();
    this.#look();
  }

  /** There is a change that nobody has read. */
  #await(): void {
    this.#patience ??= setTimeout(() => {
      this.#isStale = true;
      this.#tell();
    }, STALE_AFTER_MS);
  }

  #look(): void {
    if (this.#hasStopped || this.#isRead || this.#isReading || this.#pause !== undefined || isHidden()) return;
    void this.#read();
  }

  async #read(): Promise<void> {
    this.#isReading = this.#isRead = true;
    const began = performance.now();
    let retryMs: number | undefined;
    await Promise.all(
      [...this.#codes].map(async (code) => {
        try {
          const opened = await this.#ask(code);
          if (opened.types.length > 0 || code === NO_CODE) this.#opened.set(code, opened);
          else this.#refuse(code, undefined);
        } catch (error) {
          if (isAboutCode(error)) this.#refuse(code, error);
          else retryMs = Math.max(retryMs ?? 0, PAUSE_MS, ((error instanceof Unreachable && error.retryAfterS) || 0) * 1_000);
        }
      }),
    );
    this.#isReading = false;
    if (this.#hasStopped) return;
    if (retryMs === undefined) {
      this.#retries.reset();
      this.#current();
      // A change that came meanwhile waits from now on.
      if (!this.#isRead) this.#await();
    } else {
      this.#isRead = false;
      retryMs += this.#retries.next();
    }
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#look();
    }, retryMs ?? Math.max(PAUSE_MS, (performance.now() - began) * PAUSE_READS));
    this.#tell();
  }

  async #ask(code: string): Promise<Opened> {
    const path = `/events/${this.#event}`;
    const headers = this.#client.proofOfHold(this.#event, [code]);
    const voucher = code === NO_CODE ? '' : `voucher=${encodeURIComponent(code)}&`;
    const all = given(await this.#client.rest.send<TicketTypeDetails[]>(`${path}/ticket-types?${voucher}limit=${TYPES_MAX}`, { headers }));
    const types = all.filter(({ hidden, reserved = 0 }) => hidden || reserved > 0);
    if (!types.some(({ seated }) => seated)) return { types };
    // The statuses themselves come with the topic: with `since` they are few.
    const seats = given(await this.#client.rest.send<{ layout: number; revealed?: number[] }>(`${path}/seats?${voucher}since=${this.#revision ?? 0}`, { headers }));
    return { types, seats: { layout: seats.layout, revealed: seats.revealed ?? [] } };
  }

  /** Each wrong code counts as a guess: it is asked for once. */
  #refuse(code: string, error: unknown): void {
    this.#codes.delete(code);
    this.#opened.delete(code);
    this.#refused.set(code, error);
  }

  /** All that had changed when the reading began is read. */
  #current(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#isStale = false;
  }

  #tell(): void {
    // A code that was not answered yet may open something.
    if ([...this.#codes].some((code) => !this.#opened.has(code))) {
      if (this.#isStale) this.#listener(undefined);
      return;
    }
    const all = [...this.#opened.values()];
    const seats = all.flatMap((opened) => opened.seats ?? []);
    const layout = Math.max(0, ...seats.map((one) => one.layout));
    const places = seats.flatMap((one) => (one.layout === layout ? one.revealed : []));
    this.#listener({
      opened: new Map([...this.#opened].map(([code, { types }]) => [code, types])),
      refused: new Map(this.#refused),
      types: [...new Map(all.flatMap(({ types }) => types).map((type) => [type.id, type])).values()],
      seats: seats.length > 0 ? { layout, places: new Set(places) } : undefined,
      isStale: this.#isStale,
    });
  }
}

/** Not about the server, which will answer another time, nor about a session that ended. */
function isAboutCode(error: unknown): boolean {
  return error instanceof Refusal && error.status !== 401 && error.status < 500;
}
