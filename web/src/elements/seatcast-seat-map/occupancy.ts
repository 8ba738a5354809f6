/**
 * Statuses of all seats as the map shows them, and what is left by section, by row and by type: kept with every change, so that
 * nothing has to be counted when it is looked at. Pure.
 */
import type { SeatStatus, SeatStatuses } from '../../sdk/index.ts';
import { SEAT_STATUSES } from '../../sdk/protocol.ts';
import type { Geometry } from './geometry.ts';

const FREE = SEAT_STATUSES.indexOf('available');
const STATUSES = SEAT_STATUSES.length;

export class Occupancy {
  readonly #geometry: Geometry;
  /** By position: index into `SEAT_STATUSES`. */
  readonly codes: Uint8Array;
  /** Free seats by row. */
  readonly freeOfRow: Uint32Array;
  /** By section, then type, then status. */
  readonly #counts: Uint32Array;
  #statuses: SeatStatuses | undefined;

  constructor(geometry: Geometry) {
    this.#geometry = geometry;
    this.codes = new Uint8Array(geometry.ids.length);
    this.freeOfRow = new Uint32Array(geometry.rows.length);
    this.#counts = new Uint32Array(geometry.sections.length * geometry.typeIds.length * STATUSES);
  }

  /** Takes what the topic says; the positions that changed. At first that is all of them. */
  take(statuses: SeatStatuses): ArrayLike<number> {
    const { ids, positions } = this.#geometry;
    const before = this.#statuses;
    if (before === statuses) return [];
    this.#statuses = statuses;
    if (!before) {
      for (let index = 0; index < positions.length; index += 1) {
        const position = positions[index]!;
        this.#count(position, (this.codes[position] = statuses.code(position)), 1);
      }
      return positions;
    }
    const changed = statuses.changedFrom(before, ids.length).filter((position) => ids[position] !== 0);
    for (const position of changed) {
      this.#count(position, this.codes[position]!, -1);
      this.#count(position, (this.codes[position] = statuses.code(position)), 1);
    }
    return changed;
  }

  get isKnown(): boolean {
    return this.#statuses !== undefined;
  }

  status(position: number): SeatStatus {
    return SEAT_STATUSES[this.codes[position]!] ?? 'blocked';
  }

  isFree(position: number): boolean {
    return this.codes[position] === FREE;
  }

  /** Seats of a type in a section: all of them, and those that are free. */
  of(section: number, type: number): { all: number; free: number } {
    const from = (section * this.#geometry.typeIds.length + type) * STATUSES;
    const counts = this.#counts.subarray(from, from + STATUSES);
    return { all: counts.reduce((sum, count) => sum + count, 0), free: counts[FREE] ?? 0 };
  }

  #count(position: number, code: number, by: 1 | -1): void {
    const { rows, rowOf, type, typeIds } = this.#geometry;
    const row = rowOf[position]!;
    const section = rows[row]!.section;
    if (code === FREE) this.freeOfRow[row]! += by;
    if (section >= 0) this.#counts[(section * typeIds.length + type[position]!) * STATUSES + code]! += by;
  }
}
