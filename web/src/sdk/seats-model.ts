import type { Model } from './model.ts';
import { SeatStatuses } from './seats.ts';

/** State of a `seats:` topic. */
export interface SeatsState {
  /** Version of the geometry that the positions refer to. */
  layout: number;
  seats: SeatStatuses;
}

export const seatsModel: Model<SeatsState> = {
  whole(state) {
    const { layout, seats } = state;
    if (typeof seats !== 'string') throw new TypeError('a seats topic without seats');
    return { layout: Number(layout ?? 0), seats: SeatStatuses.fromBase64(seats) };
  },
  changed(before, changes) {
    // A new layout lists every seat: the positions of the old one mean nothing any more.
    if (changes.layout !== undefined) return seatsModel.whole(changes, before, 0);
    const seats = pairs(changes.seats);
    return seats.length === 0 ? before : { ...before, seats: before.seats.with(seats) };
  },
};

function pairs(seats: unknown): [number, number][] {
  return Array.isArray(seats) ? (seats as [number, number][]) : [];
}
