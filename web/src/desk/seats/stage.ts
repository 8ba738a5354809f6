/** An event for a map at the desk: every seat that is shown as free may be chosen, whatever the terms of its sale are. */
import type { EventDetails, EventState } from '../../sdk/index.ts';

/** As many seats as one request may change. */
export const SEATS_CHANGED_MAX = 10_000;

/** From its start on an event is not sold; on the stage it is. */
export function beforeStart({ starts_at }: EventDetails, now: number): number {
  return Math.min(now, Date.parse(starts_at) - 1);
}

export function onStage(event: EventDetails, layout: number): EventState {
  return {
    event: { ...event, layout, status: 'active', membership_required: false, max_per_booking: SEATS_CHANGED_MAX },
    ticket_types: event.ticket_types.map((type) => ({
      ...type,
      available: type.capacity,
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
