/**
 * Positions of a layout's seats. Pure: from the columns of REST to typed arrays, one value for each position, and
 * to rows and sections. A hundred thousand objects would cost half a second on a phone.
 */
import type { SeatMapGeometry, SeatMapStage } from '../../sdk/index.ts';
import { extent, Grid, type Bounds } from './grid.ts';

export type { Bounds } from './grid.ts';

export interface Seat {
  /** Place in the layout: the index of its status on the wire. */
  position: number;
  id: number;
  section: string;
  row: string;
  number: string;
  ticketTypeId: number;
  kind: SeatKind;
  x: number;
  y: number;
}

/** For whom a place is made. */
export const SEAT_KINDS = ['standard', 'wheelchair', 'companion'] as const;
export type SeatKind = (typeof SEAT_KINDS)[number];

export interface Row {
  /** Index into `sections`. */
  section: number;
  label: string;
  /** Positions, from one end to the other. */
  seats: Uint32Array;
}

export interface PlanSection {
  name: string;
  /** Indexes into `rows`, in the layout's order. */
  rows: number[];
  bounds: Bounds;
}

/** So many seats are measured to find the size of all. */
const CLOSEST_SAMPLES = 400;
/** Seats of a row further apart than so many times the usual distance have an aisle between them. */
const AISLE = 1.6;
/** Points of an outline along one row. */
const OUTLINE_POINTS_MAX = 16;

export class Geometry {
  readonly layout: number;
  /** How many seats there are; fewer than positions where some were deleted. */
  readonly count: number;
  /** Positions that have a seat, ascending. */
  readonly positions: Uint32Array;
  /** By position: 0 where there is no seat. */
  readonly ids: Float64Array;
  readonly x: Float32Array;
  readonly y: Float32Array;
  /** By position: index into `typeIds`. */
  readonly type: Uint16Array;
  readonly typeIds: readonly number[];
  /** By position: index into `SEAT_KINDS`. */
  readonly kind: Uint8Array;
  /** Positions of places with room for a wheelchair, and of those beside them. */
  readonly special: readonly number[];
  /** By position: index into `rows`. */
  readonly rowOf: Uint32Array;
  /** By position: place in `rows[…].seats`. */
  readonly placeInRow: Uint32Array;
  readonly rows: readonly Row[];
  readonly sections: readonly PlanSection[];
  readonly stage: SeatMapStage | undefined;
  /** Of seats and stage. */
  readonly bounds: Bounds;
  readonly grid: Grid;
  /** The usual distance of neighbours in a row. */
  readonly pitch: number;
  /** Radius of a drawn seat, in the layout's units. */
  readonly radius: number;
  readonly #numbers: readonly (string | number)[];

  constructor({ layout, sections, stage, seats, wheelchair = [], companion = [] }: SeatMapGeometry) {
    const places = seats.id.length;
    this.layout = layout;
    this.x = Float32Array.from(seats.x);
    this.y = Float32Array.from(seats.y);
    this.ids = new Float64Array(places);
    this.type = new Uint16Array(places);
    this.#numbers = seats.number;
    const positions = new Uint32Array(places);
    const typeIds: number[] = [];
    let count = 0;
    let [typeId, typeIndex] = [Number.NaN, 0];
    for (let position = 0; position < places; position += 1) {
      const id = seats.id[position];
      if (id === null || id === undefined) continue;
      this.ids[position] = id;
      positions[count++] = position;
      const its = seats.ticket_type_id[position] ?? 0;
      if (its !== typeId) {
        typeId = its;
        typeIndex = typeIds.indexOf(its);
        if (typeIndex < 0) typeIndex = typeIds.push(its) - 1;
      }
      this.type[position] = typeIndex;
    }
    this.kind = new Uint8Array(places);
    for (const place of wheelchair) this.kind[place] = SEAT_KINDS.indexOf('wheelchair');
    for (const place of companion) this.kind[place] = SEAT_KINDS.indexOf('companion');
    this.special = [...wheelchair, ...companion];
    this.count = count;
    this.positions = positions.slice(0, count);
    this.typeIds = typeIds;
    this.rowOf = new Uint32Array(places);
    this.placeInRow = new Uint32Array(places);
    this.rows = this.#rowsOf(seats.section, seats.row);
    this.stage = stage;
    const bounds = extent(this.x, this.y, this.positions);
    this.bounds = stage ? united(bounds, { minX: stage.x, minY: stage.y, maxX: stage.x + stage.width, maxY: stage.y + stage.height }) : bounds;
    this.pitch = this.#usualDistance();
    this.grid = new Grid(this.x, this.y, this.positions, this.pitch * 2.5);
    this.radius = this.#closest() * 0.44;
    this.sections = this.#sectionsOf(sections.map(({ name }) => name));
  }

  /** The position of a seat; undefined if the layout does not have it. */
  positionOf(id: number): number | undefined {
    // A scan of a hundred thousand numbers takes less than making one entry of a map for each would.
    const position = this.ids.indexOf(id);
    return position < 0 || id === 0 ? undefined : position;
  }

  seat(position: number): Seat {
    const row = this.rows[this.rowOf[position]!];
    return {
      position,
      id: this.ids[position]!,
      section: this.sections[row?.section ?? -1]?.name ?? '',
      row: row?.label ?? '',
      number: this.number(position),
      ticketTypeId: this.typeIds[this.type[position]!] ?? 0,
      kind: SEAT_KINDS[this.kind[position]!] ?? 'standard',
      x: this.x[position]!,
      y: this.y[position]!,
    };
  }

  get(id: number): Seat | undefined {
    const position = this.positionOf(id);
    return position === undefined ? undefined : this.seat(position);
  }

  number(position: number): string {
    return String(this.#numbers[position] ?? '');
  }

  /** The position of the seat at this place, or of the nearest one not further away than `slack` beyond its edge. */
  at(x: number, y: number, slack = 0): number | undefined {
    const position = this.grid.nearest(x, y, this.radius + slack);
    return position < 0 ? undefined : position;
  }

  /** The seats of the same row without an aisle between them, from one end to the other. */
  blockOf(position: number): number[] {
    const { seats } = this.rows[this.rowOf[position]!]!;
    const place = this.placeInRow[position]!;
    let [first, last] = [place, place];
    while (first > 0 && this.#distance(seats[first - 1]!, seats[first]!) <= this.pitch * AISLE) first -= 1;
    while (last < seats.length - 1 && this.#distance(seats[last]!, seats[last + 1]!) <= this.pitch * AISLE) last += 1;
    return Array.from(seats.subarray(first, last + 1));
  }

  /** The seat of another row that is nearest to this one. */
  nearestOf(row: number, position: number): number {
    let [best, bestDistance] = [position, Infinity];
    for (const seat of this.rows[row]?.seats ?? []) {
      const distance = this.#distance(seat, position);
      if (distance < bestDistance) [best, bestDistance] = [seat, distance];
    }
    return best;
  }

  #distance(a: number, b: number): number {
    return Math.hypot(this.x[a]! - this.x[b]!, this.y[a]! - this.y[b]!);
  }

  /** Rows in the layout's order. Seats of a row need not follow each other in it, but nearly always do. */
  #rowsOf(sections: readonly number[], labels: readonly (string | number)[]): Row[] {
    const { positions, rowOf, placeInRow } = this;
    const rows: { section: number; label: string; parts: Uint32Array[] }[] = [];
    const known = new Map<string, number>();
    for (let from = 0; from < positions.length; ) {
      const [section, label] = [sections[positions[from]!] ?? -1, labels[positions[from]!] ?? ''];
      let to = from + 1;
      while (to < positions.length && sections[positions[to]!] === section && labels[positions[to]!] === label) to += 1;
      const key = `${section}\n${label}`;
      const row = known.get(key) ?? rows.push({ section, label: String(label), parts: [] }) - 1;
      known.set(key, row);
      rows[row]!.parts.push(positions.subarray(from, to));
      for (let index = from; index < to; index += 1) rowOf[positions[index]!] = row;
      from = to;
    }
    const whole = rows.map(({ section, label, parts }) => ({ section, label, seats: parts.length === 1 ? parts[0]!.slice() : joined(parts) }));
    const directions = this.#directions(whole);
    for (const { section, seats } of whole) {
      this.#sort(seats, directions.get(section) ?? [1, 0]);
      for (let place = 0; place < seats.length; place += 1) placeInRow[seats[place]!] = place;
    }
    return whole;
  }

  /** The direction in which the rows of each section run: that of its longest row, to the right or else down. */
  #directions(rows: readonly Row[]): Map<number, [x: number, y: number]> {
    const longest = new Map<number, Uint32Array>();
    for (const { section, seats } of rows) if (seats.length > (longest.get(section)?.length ?? 0)) longest.set(section, seats);
    return new Map([...longest].map(([section, seats]) => [section, this.#chord(seats)]));
  }

  /** From the outermost seat of one end to that of the other; along an arc, too, every seat lies further on it. */
  #chord(seats: Uint32Array): [x: number, y: number] {
    const { x, y } = this;
    let [left, right, top, bottom] = [seats[0] ?? 0, seats[0] ?? 0, seats[0] ?? 0, seats[0] ?? 0];
    for (let place = 1; place < seats.length; place += 1) {
      const seat = seats[place]!;
      if (x[seat]! < x[left]!) left = seat;
      if (x[seat]! > x[right]!) right = seat;
      if (y[seat]! < y[top]!) top = seat;
      if (y[seat]! > y[bottom]!) bottom = seat;
    }
    const isWide = x[right]! - x[left]! >= y[bottom]! - y[top]!;
    const [from, to] = isWide ? [left, right] : [top, bottom];
    const [dx, dy] = [x[to]! - x[from]! || 0, y[to]! - y[from]! || 0];
    return dx < 0 ? [-dx, -dy] : [dx, dy];
  }

  #sort(seats: Uint32Array, direction: readonly [number, number]): void {
    const { x, y } = this;
    const chord = this.#chord(seats);
    const turn = chord[0] * direction[0] + chord[1] * direction[1] < 0 ? -1 : 1;
    const [alongX, alongY] = [chord[0] * turn, chord[1] * turn];
    for (let place = 1; place < seats.length; place += 1) {
      const [one, next] = [seats[place - 1]!, seats[place]!];
      if ((x[next]! - x[one]!) * alongX + (y[next]! - y[one]!) * alongY >= 0) continue;
      seats.sort((a, b) => (x[a]! - x[b]!) * alongX + (y[a]! - y[b]!) * alongY);
      return;
    }
  }

  /** The median of neighbours in a row, so that aisles do not count. */
  #usualDistance(): number {
    const distances: number[] = [];
    const step = Math.max(1, Math.floor(this.rows.length / CLOSEST_SAMPLES));
    for (let index = 0; index < this.rows.length; index += step) {
      const { seats } = this.rows[index]!;
      for (let place = 1; place < seats.length; place += 1) {
        const distance = this.#distance(seats[place - 1]!, seats[place]!);
        if (distance > 0) distances.push(distance);
      }
    }
    distances.sort((a, b) => a - b);
    return distances[distances.length >> 1] ?? 1;
  }

  /** The usual distance of a seat to its nearest neighbour in any direction. */
  #closest(): number {
    const step = Math.max(1, Math.floor(this.count / CLOSEST_SAMPLES));
    const distances: number[] = [];
    for (let index = 0; index < this.count; index += step) {
      const seat = this.positions[index]!;
      const isOther = (other: number): boolean => this.#distance(other, seat) > 0;
      const nearest = this.grid.nearest(this.x[seat]!, this.y[seat]!, this.pitch * 2, isOther);
      if (nearest >= 0) distances.push(this.#distance(nearest, seat));
    }
    distances.sort((a, b) => a - b);
    // Not the very least: one misplaced seat must not shrink all of them.
    return distances[Math.floor(distances.length / 10)] ?? this.pitch;
  }

  #sectionsOf(names: readonly string[]): PlanSection[] {
    const rows = names.map((): number[] => []);
    this.rows.forEach(({ section }, row) => rows[section]?.push(row));
    return names.map((name, index) => {
      const its = rows[index]!;
      const bounds = its.map((row) => extent(this.x, this.y, this.rows[row]!.seats)).reduce(united, NOWHERE);
      return { name, rows: its, bounds: its.length > 0 ? bounds : extent(this.x, this.y, []) };
    });
  }

  /** The line around a section's seats, x, y, x, y …: first row, ends of all rows, last row, and back along their other ends. */
  outlineOf({ rows }: PlanSection): number[] {
    const longest = rows.reduce((best: Uint32Array, row) => (this.rows[row]!.seats.length > best.length ? this.rows[row]!.seats : best), new Uint32Array());
    const direction = this.#chord(longest);
    const sorted = rows
      .map((row) => {
        const { seats } = this.rows[row]!;
        const middle = seats[seats.length >> 1]!;
        return { seats, across: this.y[middle]! * direction[0] - this.x[middle]! * direction[1] };
      })
      .sort((a, b) => a.across - b.across)
      .map(({ seats }) => seats);
    const [front, back] = [sorted[0], sorted.at(-1)];
    if (!front || !back) return [];
    const between = sorted.slice(1, -1);
    const points = [...sampled(front), ...between.map((seats) => seats.at(-1)!), ...sampled(back).reverse(), ...between.map((seats) => seats[0]!).reverse()];
    const { minX, minY, maxX, maxY } = extent(this.x, this.y, points);
    const [middleX, middleY] = [(minX + maxX) / 2, (minY + maxY) / 2];
    return points.flatMap((seat) => {
      const [x, y] = [this.x[seat]! - middleX, this.y[seat]! - middleY];
      const outside = 1 + (this.pitch * 0.9) / Math.max(this.pitch, Math.hypot(x, y));
      return [middleX + x * outside, middleY + y * outside];
    });
  }
}

function joined(parts: readonly Uint32Array[]): Uint32Array {
  const all = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const NOWHERE: Bounds = { minX: Infinity, minY: Infinity, maxX: -Infinity, maxY: -Infinity };

function united(one: Bounds, other: Bounds): Bounds {
  return {
    minX: Math.min(one.minX, other.minX),
    minY: Math.min(one.minY, other.minY),
    maxX: Math.max(one.maxX, other.maxX),
    maxY: Math.max(one.maxY, other.maxY),
  };
}

/** Some of the seats, both ends among them. */
function sampled(seats: Uint32Array): number[] {
  const points = Math.min(OUTLINE_POINTS_MAX, seats.length);
  return Array.from({ length: points }, (_, index) => seats[points === 1 ? 0 : Math.round((index * (seats.length - 1)) / (points - 1))]!);
}
