/**
 * The bookings of one buyer, and the tickets that others handed to them. Pure and immutable: every method answers what is known afterwards.
 *
 * A booking, like such a ticket, has a version that grows with each change. The same one may be told by the socket, by REST,
 * by another node, by another tab, and the answers may overtake each other: the highest version stays.
 * A booking that is gone stays gone for every answer that is not newer.
 *
 * Moments are of the database's clock, in microseconds, as the revisions of `user:` topics are.
 */
import type { Booking, HeldTicket } from './booking.ts';

type Entity = Booking | HeldTicket;
/** A booking's is a text, a ticket's a number. */
type Id = Entity['id'];

interface Known {
  entity: Entity;
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

  readonly #known: ReadonlyMap<Id, Known>;
  /** The newest first. */
  readonly list: readonly Booking[];
  /** The tickets that were taken over, the latest first. */
  readonly tickets: readonly HeldTicket[];

  private constructor(known: ReadonlyMap<Id, Known>) {
    this.#known = known;
    const shown = [...known.values()].filter(({ gone }) => !gone).map(({ entity }) => entity);
    shown.sort((one, other) => inOrder(since(other), since(one)) || inOrder(other.id, one.id));
    this.list = shown.filter((entity) => !isTicket(entity));
    this.tickets = shown.filter(isTicket);
  }

  get(id: string): Booking | undefined {
    return this.list.find((booking) => booking.id === id);
  }

  /** REST told of these: a write was answered at this moment, or a read began. */
  told(bookings: readonly Entity[], at: number): Bookings {
    return this.#with((known) => bookings.forEach((booking) => tell(known, booking, at + COMMITTED_WITHIN_US)));
  }

  /** REST told that these are all, in an answer whose reading began at this moment. It may come late. */
  toldAll(bookings: readonly Entity[], at: number): Bookings {
    return this.#with((known) => {
      for (const booking of bookings) tell(known, booking, at + CLOCK_BEHIND_US);
      dropOthers(known, bookings, at);
    });
  }

  /** These changed up to the revision, and those are gone. */
  changed(bookings: readonly Entity[], gone: readonly Id[], revision: number): Bookings {
    return this.#with((known) => {
      for (const booking of bookings) put(known, booking, revision);
      for (const id of gone) drop(known, id);
    });
  }

  /** These are all that there were at the revision. */
  whole(bookings: readonly Entity[], revision: number): Bookings {
    return this.#with((known) => {
      for (const booking of bookings) put(known, booking, revision);
      dropOthers(known, bookings, revision);
    });
  }

  #with(change: (known: Map<Id, Known>) => void): Bookings {
    const known = new Map(this.#known);
    change(known);
    const gone = [...known].filter(([, one]) => one.gone);
    for (const [id] of gone.slice(0, -GONE_MAX)) known.delete(id);
    return areSame(known, this.#known) ? this : new Bookings(known);
  }
}

/** From REST, whose answers may overtake others: only a higher version is news. */
function tell(known: Map<Id, Known>, { server_time: _time, token: _token, ...entity }: Entity & Partial<Pick<Booking, 'server_time' | 'token'>>, toldAt: number): void {
  const before = known.get(entity.id);
  if (before && before.entity.version >= entity.version) return;
  known.set(entity.id, { entity: entity as Entity, gone: false, toldAt });
}

/** Everything but these is gone, except for what was told after this moment. */
function dropOthers(known: Map<Id, Known>, bookings: readonly Entity[], at: number): void {
  const ids = new Set<Id>(bookings.map(({ id }) => id));
  for (const [id, { gone, toldAt }] of [...known]) if (!gone && !ids.has(id) && toldAt <= at) drop(known, id);
}

/** From a topic's frame: its order is certain, so the same version may come back after it was gone. */
function put(known: Map<Id, Known>, entity: Entity, revision: number): void {
  const before = known.get(entity.id);
  if (before && before.entity.version > entity.version) return;
  // The same version is the same: it stays the object that it was.
  const shown = before?.entity.version === entity.version ? before.entity : entity;
  known.set(entity.id, { entity: shown, gone: false, toldAt: Math.max(revision, before?.toldAt ?? 0) });
}

function drop(known: Map<Id, Known>, id: Id): void {
  const before = known.get(id);
  known.delete(id);
  // Last in the order, so that the oldest are forgotten first.
  if (before) known.set(id, { ...before, gone: true });
}

/** Nothing changed at all: the object stays the same, and nobody draws it anew. */
function areSame(one: Map<Id, Known>, other: ReadonlyMap<Id, Known>): boolean {
  if (one.size !== other.size) return false;
  for (const [id, { entity, gone, toldAt }] of one) {
    const before = other.get(id);
    if (!before || before.entity !== entity || before.gone !== gone || before.toldAt !== toldAt) return false;
  }
  return true;
}

function isTicket(entity: Entity): entity is HeldTicket {
  return 'code' in entity;
}

/** When it came to its owner. */
function since(entity: Partial<Pick<Booking, 'created_at'> & Pick<HeldTicket, 'taken_over_at'>>): string {
  return (entity.taken_over_at ?? entity.created_at)!;
}

function inOrder<T extends Id>(one: T, other: T): number {
  return Number(one > other) - Number(one < other);
}
