/** An event for a map at the desk: every seat that is shown as free may be chosen, whatever the terms of its sale are. */
import type { EventDetails, EventState, SeatMapGeometry, SeatStatuses } from '../../sdk/index.ts';

/** As many seats as one request may change. */
export const SEATS_CHANGED_MAX = 10_000;
/** Of these, seats whose holds are ended by force. */
export const HELD_SEATS_FORCED_MAX = 2_000;

export function freeByType({ seats }: SeatMapGeometry, statuses: SeatStatuses): Map<number, number> {
  const left = new Map<number, number>();
  seats.id.forEach((id, position) => {
    const type = seats.ticket_type_id[position];
    if (id !== null && type !== undefined && statuses.at(position) === 'available') left.set(type, (left.get(type) ?? 0) + 1);
  });
  return left;
}

/** From its start on an event is not sold; on the stage it is. */
export function beforeStart({ starts_at }: EventDetails, now: number): number {
  return Math.min(now, Date.parse(starts_at) - 1);
}

/** `left`: free seats by ticket type, as the map has them. */
export function onStage(event: EventDetails, layout: number, left: ReadonlyMap<number, number>): EventState {
  return {
    event: { ...event, layout, status: 'active', membership_required: false, max_per_booking: SEATS_CHANGED_MAX },
    ticket_types: event.ticket_types.map((type) => ({
      ...type,
      available: left.get(type.id) ?? 0,
      sale_from: null,
      sale_to: null,
      min_per_booking: 1,
      max_per_booking: null,
      max_per_user: null,
      members_only: false,
      account_required: false,
      email_required: false,
    })),
    notices: [],
    presence: null,
    deleted: false,
  };
}
