/**
 * How a topic's frames change its state. Pure: state and payload in, new state out.
 *
 * Whether a frame may be applied at all (revisions) is decided in `subscription.ts`; here it is
 * known to fit. Every value on the wire is absolute, so the later one simply wins.
 */
import {
  isObject,
  isRemoved,
  type EventInfo,
  type JsonObject,
  type Notice,
  type PresenceCounts,
  type Removed,
  type TicketType,
  type Update,
} from './protocol.ts';
import { sellable } from './sellable.ts';

/** State of an `event:` topic. */
export interface EventState {
  event: EventInfo;
  /** In the order in which they are to be shown. */
  ticket_types: TicketType[];
  notices: Notice[];
  /** People who are here; null while that is unknown: the link is gone, or the numbers come by polling. */
  presence: PresenceCounts | null;
  /** The event's row is gone: nothing comes after. */
  deleted: boolean;
}

/** How one kind of topic reads its payloads. */
export interface Model<S> {
  /** Everything at this revision, as in a join's reply. */
  whole(state: JsonObject, before: S | undefined, revision: number): S;
  /** The changes of an update or a resumed reply, applied. */
  changed(before: S, changes: JsonObject & Partial<Update>, revision: number): S;
  /** A frame that is no part of the revision, such as `presence`; undefined when the topic has no such frame. */
  beside?(before: S, event: string, payload: JsonObject): S | undefined;
  /** The state without the parts that are only known while a link brings them. */
  withoutLink?(before: S): S;
  /** The empty state, where a poll of REST may come before the first whole state of the socket. */
  readonly none?: S;
  /**
   * The revision is when the database was read, in microseconds: a reply's, when the node last read it; a
   * beat's, when it last found a change. So a beat may say less than we have and prove it all the same.
   */
  readonly revisionIsTime?: true;
}

export const eventModel: Model<EventState> = {
  whole(state, before) {
    if (!isObject(state['event'])) throw new TypeError('no event');
    return {
      event: state['event'] as unknown as EventInfo,
      ticket_types: merged<TicketType>([], state['ticket_types']),
      notices: merged<Notice>([], state['notices']),
      // A join's reply and a snapshot have it, an update has not.
      presence: countsOf(state['presence']) ?? before?.presence ?? null,
      deleted: state['deleted'] === true,
    };
  },
  changed(before, changes) {
    return {
      event: changes.event ?? before.event,
      ticket_types: merged(before.ticket_types, changes.ticket_types),
      notices: merged(before.notices, changes.notices),
      // A join's reply has it, an update has not.
      presence: countsOf(changes['presence']) ?? before.presence,
      deleted: before.deleted || changes.deleted === true,
    };
  },
  beside(before, event, payload) {
    const presence = event === 'presence' ? countsOf(payload) : undefined;
    return presence && { ...before, presence };
  },
  withoutLink(before) {
    return { ...before, presence: null };
  },
};

function countsOf(value: unknown): PresenceCounts | undefined {
  if (!isObject(value) || typeof value['total'] !== 'number') return undefined;
  return { total: value['total'], by_step: (value['by_step'] ?? {}) as Record<string, number> };
}

export function rows<T>(value: unknown): T[] {
  return Array.isArray(value) ? (value as T[]) : [];
}

/** The rows with the changed ones in place of their old selves; new ones come last. */
function merged<T extends { id: number }>(before: T[], changes: unknown): T[] {
  const changed = rows<T | Removed>(changes);
  if (!changed[0]) return before;
  const byId = new Map(before.map((row) => [row.id, row]));
  for (const change of changed) {
    if (isRemoved(change)) byId.delete(change.id);
    else byId.set(change.id, change);
  }
  return [...byId.values()];
}

/** Steps on the way to a ticket. Other words are counted, too. */
export const STEPS = { viewing: 'viewing', choosing: 'ticket_selection', paying: 'payment' } as const;

/** The other people who are here. */
export interface Others {
  total: number;
  /** Those of them who are past looking, at whatever step. */
  booking: number;
  byStep: Record<string, number>;
}

/** The people in the counts without ourselves: `counted` is the step at which they include us. */
export function othersHere({ total, by_step }: PresenceCounts, counted: string | undefined): Others {
  const byStep = { ...by_step };
  const ours = counted === undefined ? 0 : Math.min(1, byStep[counted] ?? 0);
  if (counted !== undefined && ours > 0) byStep[counted] = (byStep[counted] ?? 0) - ours;
  const others = Math.max(0, total - ours);
  return { total: others, booking: Math.max(0, others - (byStep[STEPS.viewing] ?? 0)), byStep };
}

/** Sums over the ticket types of an event, bounded by its capacity. */
export interface Totals {
  capacity: number;
  available: number;
  held: number;
  sold: number;
  status: StockLevel;
  /** Fewer than ten left. */
  lowStock: boolean;
}
export type StockLevel = TicketType['status'];

/** At or below these shares left, stock is called limited or almost sold out. */
export const LIMITED_SHARE = 0.25;
export const ALMOST_SOLD_OUT_SHARE = 0.1;
export const LOW_STOCK_BELOW = 10;

/** The event's numbers as one; available is what can be sold of all its types together. */
export function totalsOf(state: Pick<EventState, 'event' | 'ticket_types'>): Totals {
  const sum = (of: 'available' | 'held' | 'sold'): number =>
    state.ticket_types.reduce((total, type) => total + type[of], 0);
  const held = sum('held');
  const sold = sum('sold');
  const capacity = state.event.capacity;
  const available = sellable(capacity - held - sold, state.ticket_types);
  return {
    capacity,
    available,
    held,
    sold,
    status: stockLevel(available, capacity),
    lowStock: available > 0 && available < LOW_STOCK_BELOW,
  };
}

export function stockLevel(available: number, capacity: number): StockLevel {
  if (available <= 0) return 'sold_out';
  if (available <= capacity * ALMOST_SOLD_OUT_SHARE) return 'almost_sold_out';
  return available <= capacity * LIMITED_SHARE ? 'limited' : 'available';
}
