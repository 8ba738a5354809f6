import type { Booking } from '../../sdk/index.ts';

/** The buyer put other tickets in place of those of a hold. */
export class BookingChangedEvent extends Event {
  static readonly type = 'seatcast-changed';
  readonly booking: Booking;

  constructor(booking: Booking) {
    super(BookingChangedEvent.type, { bubbles: true, composed: true });
    this.booking = booking;
  }
}

declare global {
  interface HTMLElementEventMap {
    'seatcast-changed': BookingChangedEvent;
  }
}
