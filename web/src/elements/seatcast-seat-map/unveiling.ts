/** What the topics say, with the hidden ticket types that a buyer's codes open. Pure, but for remembering the last answer. */
import type { EventState, SeatsState, SeatStatuses } from '../../sdk/index.ts';
import type { Revealed } from '../../sdk/revealed.ts';
import { SEAT_STATUSES } from '../../sdk/protocol.ts';

const FREE = SEAT_STATUSES.indexOf('available');
const BLOCKED = SEAT_STATUSES.indexOf('blocked');

export class Unveiling {
  #event: { from: readonly unknown[]; to: EventState } | undefined;
  #seats: { from: readonly unknown[]; to: SeatStatuses } | undefined;

  /** The same object again while nothing has changed. */
  event(state: EventState | undefined, revealed: Revealed | undefined): EventState | undefined {
    if (!state || !revealed?.types[0]) return state;
    const from = [state, revealed];
    if (!isSame(this.#event?.from, from)) {
      // A type that has just become visible to all may be in both for a moment.
      const hidden = revealed.types.filter(({ id }) => !state.ticket_types.some((type) => type.id === id));
      this.#event = { from, to: { ...state, ticket_types: [...state.ticket_types, ...hidden] } };
    }
    return this.#event!.to;
  }

  /**
   * Of the places of a layout; undefined while the topic tells of another one, since its numbers are those of other seats.
   * Whether a seat is held or sold the topic tells of hidden ones as well, and sooner: only what it calls blocked may be free.
   */
  statuses(state: SeatsState | undefined, layout: number, revealed: Revealed | undefined): SeatStatuses | undefined {
    if (state?.layout !== layout) return undefined;
    const seats = revealed?.seats;
    if (!seats || seats.layout !== layout) return state.seats;
    const from = [state.seats, revealed];
    if (!isSame(this.#seats?.from, from)) {
      const veiled = [...seats.places].filter((place) => state.seats.code(place) === BLOCKED);
      this.#seats = { from, to: state.seats.with(veiled.map((place) => [place, FREE])) };
    }
    return this.#seats!.to;
  }
}

function isSame(one: readonly unknown[] | undefined, other: readonly unknown[]): boolean {
  return one?.every((part, index) => part === other[index]) ?? false;
}
