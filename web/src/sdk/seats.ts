/**
 * The status of every seat of an event, two bits a seat in layout order, seat 0 in the lowest two
 * bits of byte 0: 0 available, 1 held, 2 sold, 3 blocked. Positions of deleted seats stay and read
 * as blocked.
 */
import { SEAT_STATUSES, type SeatStatus } from './protocol.ts';

const BLOCKED = 3;

export class SeatStatuses {
  readonly #bits: Uint8Array;

  constructor(bits: Uint8Array) {
    this.#bits = bits;
  }

  /** @throws if the text is not base64. */
  static fromBase64(text: string): SeatStatuses {
    const bytes = atob(text);
    return new SeatStatuses(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)));
  }

  /** Status of the seat at this position; past the end is blocked. */
  at(position: number): SeatStatus {
    return SEAT_STATUSES[this.#code(position)] ?? 'blocked';
  }

  /** The two bits of this position. */
  code(position: number): number {
    return this.#code(position);
  }

  /** Positions below `count` that have another status than in `before`. */
  changedFrom(before: SeatStatuses, count: number): number[] {
    const changed: number[] = [];
    for (let byte = 0; byte << 2 < count; byte += 1) {
      if (this.#bits[byte] === before.#bits[byte]) continue;
      const end = Math.min(count, (byte << 2) + 4);
      for (let position = byte << 2; position < end; position += 1) {
        if (this.#code(position) !== before.#code(position)) changed.push(position);
      }
    }
    return changed;
  }

  /** A copy with these positions changed; it grows when a position is past the end. */
  with(changes: readonly (readonly [number, number])[]): SeatStatuses {
    const last = changes.reduce((max, [position]) => Math.max(max, position), -1);
    const bits = new Uint8Array(Math.max(this.#bits.length, (last >> 2) + 1));
    bits.set(this.#bits);
    for (const [position, status] of changes) {
      const byte = position >> 2;
      const shift = (position & 3) * 2;
      bits[byte] = ((bits[byte] ?? 0) & ~(3 << shift)) | ((status & 3) << shift);
    }
    return new SeatStatuses(bits);
  }

  #code(position: number): number {
    const byte = this.#bits[position >> 2];
    return byte === undefined ? BLOCKED : (byte >> ((position & 3) * 2)) & 3;
  }
}
