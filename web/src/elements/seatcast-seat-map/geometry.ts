/**
 * Positions of a layout's seats. Pure: from the column arrays of REST to seats that can be found
 * by position, by place and by direction.
 */
import type { SeatMapGeometry } from '../../sdk/index.ts';

export interface Seat {
  /** Place in the layout: the index of its status on the wire. */
  position: number;
  id: number;
  section: string;
  row: string;
  number: string;
  ticketTypeId: number;
  x: number;
  y: number;
}

export interface Bounds {
  minX: number;
  minY: number;
  maxX: number;
  maxY: number;
}

export interface RowLabel {
  text: string;
  x: number;
  y: number;
}

/** So many seats are measured to find the size of all. */
const CLOSEST_SAMPLES = 400;

export type Direction = 'left' | 'right' | 'up' | 'down';

export class Geometry {
  readonly layout: number;
  readonly seats: readonly Seat[];
  readonly bounds: Bounds;
  /** Radius of a drawn seat, in the layout's units. */
  readonly radius: number;
  readonly sectionLabels: readonly RowLabel[];
  readonly rowLabels: readonly RowLabel[];
  readonly #rows: readonly (readonly Seat[])[];
  readonly #rowOf = new Map<number, number>();
  readonly #byId = new Map<number, Seat>();
  readonly #grid = new Map<string, Seat[]>();
  readonly #pitch: number;

  constructor(columns: SeatMapGeometry) {
    this.layout = columns.layout;
    this.seats = seatsOf(columns);
    this.#rows = rowsOf(this.seats);
    this.#rows.forEach((row, index) => row.forEach((seat) => this.#rowOf.set(seat.position, index)));
    this.#pitch = pitchOf(this.#rows);
    this.bounds = boundsOf(this.seats);
    for (const seat of this.seats) {
      this.#byId.set(seat.id, seat);
      const cell = this.#cell(seat.x, seat.y);
      const others = this.#grid.get(cell);
      if (others) others.push(seat);
      else this.#grid.set(cell, [seat]);
    }
    this.radius = this.#closest() * 0.44;
    this.rowLabels = this.#rows.flatMap((row) => rowLabel(row, this.#pitch));
    this.sectionLabels = sectionLabels(this.#rows, this.#pitch);
  }

  get(id: number): Seat | undefined {
    return this.#byId.get(id);
  }

  /** The row that a seat is in, from its first to its last seat. */
  rowOf(seat: Seat): readonly Seat[] {
    return this.#rows[this.#rowOf.get(seat.position) ?? -1] ?? [seat];
  }

  /** The seat at this place, or the nearest one not further away than `slack` beyond its edge. */
  at(x: number, y: number, slack = 0): Seat | undefined {
    const reach = Math.ceil((this.radius + slack) / this.#pitch);
    let best: Seat | undefined;
    let bestDistance = this.radius + slack;
    for (const seat of this.#around(x, y, reach)) {
      const away = Math.hypot(seat.x - x, seat.y - y);
      if (away > bestDistance) continue;
      best = seat;
      bestDistance = away;
    }
    return best;
  }

  /** The seat that an arrow key leads to: along the row, or the nearest of another row up or down. */
  next(seat: Seat, direction: Direction): Seat {
    if (direction === 'left' || direction === 'right') {
      const row = this.rowOf(seat);
      const neighbour = row[row.indexOf(seat) + (direction === 'left' ? -1 : 1)];
      if (neighbour) return neighbour;
      // Past the end of a row: the block across the aisle.
    }
    return this.#nearest(seat, direction);
  }

  #nearest(from: Seat, direction: Direction): Seat {
    let best = from;
    let bestCost = Number.POSITIVE_INFINITY;
    for (const seat of this.seats) {
      const [along, across] = offsets(from, seat, direction);
      if (along <= this.#pitch * 0.3) continue;
      // Distance to the side counts more than distance ahead, or arrows would run away diagonally.
      const cost = along + across * 2.5;
      if (cost >= bestCost) continue;
      best = seat;
      bestCost = cost;
    }
    return best;
  }

  /** The usual distance of a seat to its nearest neighbour in any direction. */
  #closest(): number {
    const step = Math.max(1, Math.floor(this.seats.length / CLOSEST_SAMPLES));
    const distances: number[] = [];
    for (let index = 0; index < this.seats.length; index += step) {
      const seat = this.seats[index];
      const others = seat ? this.#around(seat.x, seat.y, 1).filter((other) => other !== seat) : [];
      const nearest = Math.min(...others.map((other) => distance(other, seat)).filter((length) => length > 0));
      if (Number.isFinite(nearest)) distances.push(nearest);
    }
    distances.sort((a, b) => a - b);
    // Not the very least: one misplaced seat must not shrink all of them.
    return distances[Math.floor(distances.length / 10)] ?? this.#pitch;
  }

  /** The seats of the cells within `reach` cells around a place. */
  #around(x: number, y: number, reach: number): Seat[] {
    const found: Seat[] = [];
    for (let column = -reach; column <= reach; column += 1) {
      for (let line = -reach; line <= reach; line += 1) {
        found.push(...(this.#grid.get(this.#cell(x + column * this.#pitch, y + line * this.#pitch)) ?? []));
      }
    }
    return found;
  }

  #cell(x: number, y: number): string {
    return `${Math.floor(x / this.#pitch)}:${Math.floor(y / this.#pitch)}`;
  }
}

function offsets(from: Seat, to: Seat, direction: Direction): [along: number, across: number] {
  const x = to.x - from.x;
  const y = to.y - from.y;
  if (direction === 'left') return [-x, Math.abs(y)];
  if (direction === 'right') return [x, Math.abs(y)];
  return direction === 'up' ? [-y, Math.abs(x)] : [y, Math.abs(x)];
}

/** The seats without the gaps that deleted ones leave. */
function seatsOf({ sections, seats }: SeatMapGeometry): Seat[] {
  return seats.id.flatMap((id, position) => {
    if (id === null) return [];
    return {
      position,
      id,
      section: sections[seats.section[position] ?? -1]?.name ?? '',
      row: String(seats.row[position] ?? ''),
      number: String(seats.number[position] ?? ''),
      ticketTypeId: seats.ticket_type_id[position] ?? 0,
      x: seats.x[position] ?? 0,
      y: seats.y[position] ?? 0,
    };
  });
}

/** Rows in the layout's order, each sorted by x. */
function rowsOf(seats: readonly Seat[]): Seat[][] {
  const rows = new Map<string, Seat[]>();
  for (const seat of seats) {
    const key = `${seat.section}\n${seat.row}`;
    const row = rows.get(key);
    if (row) row.push(seat);
    else rows.set(key, [seat]);
  }
  return [...rows.values()].map((row) => row.sort((a, b) => a.x - b.x));
}

/** The usual distance between neighbours of a row: the median, so that aisles do not count. */
function pitchOf(rows: readonly (readonly Seat[])[]): number {
  const distances = rows
    .flatMap((row) => row.slice(1).map((seat, index) => distance(seat, row[index])))
    .filter((length) => length > 0)
    .sort((a, b) => a - b);
  return distances[distances.length >> 1] ?? 1;
}

function distance(a: Seat, b: Seat | undefined): number {
  return b ? Math.hypot(a.x - b.x, a.y - b.y) : 0;
}

function boundsOf(seats: readonly Seat[]): Bounds {
  const bounds = { minX: Infinity, minY: Infinity, maxX: -Infinity, maxY: -Infinity };
  for (const { x, y } of seats) {
    bounds.minX = Math.min(bounds.minX, x);
    bounds.minY = Math.min(bounds.minY, y);
    bounds.maxX = Math.max(bounds.maxX, x);
    bounds.maxY = Math.max(bounds.maxY, y);
  }
  return seats.length > 0 ? bounds : { minX: 0, minY: 0, maxX: 1, maxY: 1 };
}

/** Beside the first seat of the row. */
function rowLabel(row: readonly Seat[], pitch: number): RowLabel[] {
  const [first] = row;
  return first ? [{ text: first.row, x: first.x - pitch, y: first.y }] : [];
}

/** The middle of the topmost row of each section: its name goes above. */
function sectionLabels(rows: readonly (readonly Seat[])[], pitch: number): RowLabel[] {
  const bySection = new Map<string, Seat[]>();
  for (const row of rows) {
    for (const seat of row) {
      const seats = bySection.get(seat.section);
      if (seats) seats.push(seat);
      else bySection.set(seat.section, [seat]);
    }
  }
  return [...bySection].map(([text, seats]) => {
    const { minX, maxX } = boundsOf(seats);
    const middle = (minX + maxX) / 2;
    const near = seats.filter((seat) => Math.abs(seat.x - middle) <= pitch * 2);
    const top = Math.min(...(near.length > 0 ? near : seats).map(({ y }) => y));
    return { text, x: middle, y: top };
  });
}
