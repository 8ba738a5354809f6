import type { EventState, TicketType, TopicView } from '../../sdk/index.ts';
import { define, FLAG } from '../internal/live-element.ts';
import { SeatcastAvailability } from '../seatcast-availability/seatcast-availability.ts';

/** The badge of a hidden ticket type, which is in no topic; part of `seatcast-revealed` and of the seat map. */
export class SeatcastUnlisted extends SeatcastAvailability {
  static override properties = { ...SeatcastAvailability.properties, of: { attribute: false }, stale: FLAG };

  declare of: TicketType | undefined;
  /** The event has changed, and what is left could not be read again. */
  declare stale: boolean | undefined;

  protected override get view(): TopicView<EventState> {
    const { view } = this.topic;
    const { state, status } = view;
    if (!state || !this.of) return view;
    return { ...view, state: { ...state, ticket_types: [this.of] }, status: this.stale && status === 'live' ? 'stale' : status };
  }
}

define('seatcast-unlisted', SeatcastUnlisted);

declare global {
  interface HTMLElementTagNameMap {
    'seatcast-unlisted': SeatcastUnlisted;
  }
}
