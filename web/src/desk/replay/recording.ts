/**
 * A sale as its log tells it: the numbers and the seats at any moment. Every value in the log is absolute, so a moment's state
 * is the last value of each thing before it; marks on the way make any moment quick to reach.
 */
import { SeatStatuses } from '../../sdk/index.ts';

/** A row of `GET /events/{id}/changes`. */
export interface LoggedChange {
  revision: number;
  at: string;
  event?: { status: string; capacity: number };
  ticket_types?: LoggedType[];
  seats?: [number, number][];
  layout?: number;
  kept?: number;
}

/** A type that was deleted has its id only. */
export interface LoggedType {
  id: number;
  name?: string;
  capacity?: number;
  available?: number;
  held?: number;
  sold?: number;
}

export interface TypeNumbers {
  id: number;
  name: string;
  capacity: number;
  available: number;
  held: number;
  sold: number;
}

export interface Moment {
  /** How many changes there were until then. */
  index: number;
  capacity: number;
  status: string;
  types: ReadonlyMap<number, TypeNumbers>;
  seats: SeatStatuses | undefined;
}

/** Things that the log does not mention are as they are now. */
export interface Known {
  capacity: number;
  status: string;
  types: readonly TypeNumbers[];
  /** The current seats, and how many positions they have. */
  seats?: { statuses: SeatStatuses; count: number };
}

/** A mark so many changes after the one before. */
const MARK_CHANGES = 500;
const CODES = { available: 0, held: 1, sold: 2, blocked: 3 } as const;

export class Recording {
  readonly changes: readonly LoggedChange[];
  /** Milliseconds since 1970, by change. */
  readonly times: readonly number[];
  /** Whether the log goes back to the event's beginning. */
  readonly isWhole: boolean;
  /** Seats are those of the last layout: changes before it were of other ones. */
  readonly #seatsFrom: number;
  readonly #marks: Moment[] = [];
  #last: Moment;

  constructor(changes: readonly LoggedChange[], known: Known) {
    this.changes = changes;
    this.times = changes.map(({ at }) => Date.parse(at));
    this.isWhole = changes[0]?.revision === 1;
    this.#seatsFrom = Math.max(0, changes.findLastIndex(({ layout }) => layout !== undefined));
    let moment = this.#beginning(known);
    this.#marks.push(moment);
    for (let index = MARK_CHANGES; index <= changes.length; index += MARK_CHANGES) this.#marks.push((moment = this.#advanced(moment, index)));
    this.#last = this.#marks[0]!;
  }

  get begin(): number {
    return this.times[0] ?? 0;
  }

  get end(): number {
    return this.times.at(-1) ?? this.begin;
  }

  /** How many changes there were at this time. */
  indexAt(time: number): number {
    let [low, high] = [0, this.times.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.times[middle]! <= time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The state after so many changes. */
  after(index: number): Moment {
    const mark = this.#marks[Math.floor(index / MARK_CHANGES)] ?? this.#marks[0]!;
    const from = this.#last.index <= index && this.#last.index >= mark.index ? this.#last : mark;
    this.#last = this.#advanced(from, index);
    return this.#last;
  }

  /** Totals of all types at so many moments, evenly over the time, for a picture. */
  course(points: number): { times: number[]; sold: number[]; held: number[] } {
    const step = Math.max(1, (this.end - this.begin) / Math.max(1, points - 1));
    const times = Array.from({ length: points }, (_, place) => this.begin + place * step);
    const totals = this.#totals();
    const at = times.map((time) => totals[this.indexAt(time)]!);
    return { times: times.map((time) => time / 1_000), sold: at.map(({ sold }) => sold), held: at.map(({ held }) => held) };
  }

  /** By the number of changes. */
  #totals(): { sold: number; held: number }[] {
    const types = new Map(this.#marks[0]!.types);
    const sums = (): { sold: number; held: number } => {
      const all = [...types.values()];
      return { sold: all.reduce((sum, { sold }) => sum + sold, 0), held: all.reduce((sum, { held }) => sum + held, 0) };
    };
    return [sums(), ...this.changes.map((change) => (put(types, change), sums()))];
  }

  /** Before the first change. */
  #beginning(known: Known): Moment {
    const types = new Map(known.types.map((type) => [type.id, type]));
    // Before its first mention a type is as that says: in a log from the beginning it was made then, with nothing sold.
    for (const { ticket_types = [] } of this.changes.toReversed()) {
      for (const type of ticket_types) if (isThere(type)) types.set(type.id, this.isWhole ? { ...type, available: type.capacity, held: 0, sold: 0 } : type);
    }
    const first = this.changes.find(({ event }) => event)?.event;
    return { index: 0, capacity: first?.capacity ?? known.capacity, status: first?.status ?? known.status, types, seats: this.#seatsBefore(known) };
  }

  /** A seat's first change says what it was before: one that became free was taken, any other one was free. */
  #seatsBefore({ seats }: Known): SeatStatuses | undefined {
    if (!seats) return undefined;
    const before = new Map<number, number>();
    for (const { seats: changed = [] } of this.changes.slice(this.#seatsFrom)) {
      for (const [position, status] of changed) if (!before.has(position)) before.set(position, status === CODES.available ? CODES.held : CODES.available);
    }
    return seats.statuses.with([...before].filter(([position]) => position < seats.count));
  }

  #advanced(from: Moment, index: number): Moment {
    if (index === from.index) return from;
    const types = new Map(from.types);
    const seats = new Map<number, number>();
    let { capacity, status } = from;
    for (let at = from.index; at < index; at += 1) {
      const change = this.changes[at]!;
      put(types, change);
      capacity = change.event?.capacity ?? capacity;
      status = change.event?.status ?? status;
      if (at >= this.#seatsFrom) for (const [position, code] of change.seats ?? []) seats.set(position, code);
    }
    return { index, capacity, status, types, seats: seats.size > 0 ? from.seats?.with([...seats]) : from.seats };
  }
}

function put(types: Map<number, TypeNumbers>, { ticket_types = [] }: LoggedChange): void {
  for (const type of ticket_types) {
    if (isThere(type)) types.set(type.id, type);
    else types.delete(type.id);
  }
}

function isThere(type: LoggedType): type is TypeNumbers {
  return type.sold !== undefined;
}
