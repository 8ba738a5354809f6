/**
 * The bookings of one buyer. Pure and immutable: every method answers what is known afterwards.
 *
 * A booking has a version that grows with each change. The same booking may be told by the socket, by REST,
 * by another node, by another tab, and the answers may overtake each other: the highest version stays.
 * A booking that is gone stays gone for every answer that is not newer.
 *
 * Moments are of the database's clock, in microseconds, as the revisions of `user:` topics are.
 */
import type { Booking } from './booking.ts';

interface Known {
  booking: Booking;
  /** Not the buyer's any more. It is remembered so that an older answer does not bring it back. */
  gone: boolean;
  /** A whole state of before this moment may lack the booking although it exists. */
  toldAt: number;
}

/** A booking that REST answers was committed by this time after the answer's clock, at the latest. */
export const COMMITTED_WITHIN_US = 5_000_000;
/** Our clock may be so far behind: answers that have no exact time tell whole seconds (`Date`). */
const CLOCK_BEHIND_US = 1_000_000;
/** So many bookings that are gone are remembered. */
const GONE_MAX = 100;

export class Bookings {
  static #none: Bookings | undefined;

  /** Always the same object. */
  static get none(): Bookings {
    return (Bookings.#none ??= new Bookings(new Map()));
  }

  readonly #known: ReadonlyMap<string, Known>;
  /** The newest first. */
  readonly list: readonly Booking[];

  private constructor(known: ReadonlyMap<string, Known>) {
    this.#known = known;
    const shown = [...known.values()].filter(({ gone }) => !gone).map(({ booking }) => booking);
    this.list = shown.sort((one, other) => byText(other.created_at, one.created_at) || byText(other.id, one.id));
  }

  get(id: string): Booking | undefined {
    const known = this.#known.get(id);
    return known?.gone ? undefined : known?.booking;
  }

  /** REST told of these: a write was answered at this moment, or a read began. */
  told(bookings: readonly Booking[], at: number): Bookings {
    return this.#with((known) => bookings.forEach((booking) => tell(known, booking, at + COMMITTED_WITHIN_US)));
  }

  /** REST told that these are all, in an answer whose reading began at this moment. It may come late. */
  toldAll(bookings: readonly Booking[], at: number): Bookings {
    return this.#with((known) => {
      for (const booking of bookings) tell(known, booking, at + CLOCK_BEHIND_US);
      dropOthers(known, bookings, at);
    });
  }

  /** These changed up to the revision, and those are gone. */
  changed(bookings: readonly Booking[], gone: readonly string[], revision: number): Bookings {
    return this.#with((known) => {
      for (const booking of bookings) put(known, booking, revision);
      for (const id of gone) drop(known, id);
    });
  }

  /** These are all that there were at the revision. */
  whole(bookings: readonly Booking[], revision: number): Bookings {
    return this.#with((known) => {
      for (const booking of bookings) put(known, booking, revision);
      dropOthers(known, bookings, revision);
    });
  }

  #with(change: (known: Map<string, Known>) => void): Bookings {
    const known = new Map(this.#known);
    change(known);
    const gone = [...known].filter(([, one]) => one.gone);
    for (const [id] of gone.slice(0, Math.max(0, gone.length - GONE_MAX))) known.delete(id);
    return areSame(known, this.#known) ? this : new Bookings(known);
  }
}

/** From REST, whose answers may overtake others: only a higher version is news. */
function tell(known: Map<string, Known>, { server_time: _time, token: _token, ...booking }: Booking, toldAt: number): void {
  const before = known.get(booking.id);
  if (before && before.booking.version >= booking.version) return;
  known.set(booking.id, { booking, gone: false, toldAt });
}

/** Everything but these is gone, except for what was told after this moment. */
function dropOthers(known: Map<string, Known>, bookings: readonly Booking[], at: number): void {
  const ids = new Set(bookings.map(({ id }) => id));
  for (const [id, { gone, toldAt }] of [...known]) if (!gone && !ids.has(id) && toldAt <= at) drop(known, id);
}

/** From a topic's frame: its order is certain, so the same version may come back after it was gone. */
function put(known: Map<string, Known>, booking: Booking, revision: number): void {
  const before = known.get(booking.id);
  if (before && before.booking.version > booking.version) return;
  // The same version is the same booking: it stays the object that it was.
  const shown = before?.booking.version === booking.version ? before.booking : booking;
  known.set(booking.id, { booking: shown, gone: false, toldAt: Math.max(revision, before?.toldAt ?? 0) });
}

function drop(known: Map<string, Known>, id: string): void {
  const before = known.get(id);
  known.delete(id);
  // Last in the order, so that the oldest are forgotten first.
  if (before) known.set(id, { ...before, gone: true });
}

/** Nothing changed at all: the object stays the same, and nobody draws it anew. */
function areSame(one: Map<string, Known>, other: ReadonlyMap<string, Known>): boolean {
  if (one.size !== other.size) return false;
  for (const [id, { booking, gone, toldAt }] of one) {
    const before = other.get(id);
    if (!before || before.booking !== booking || before.gone !== gone || before.toldAt !== toldAt) return false;
  }
  return true;
}

function byText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
