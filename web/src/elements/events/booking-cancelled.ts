import type { Booking } from '../../sdk/index.ts';

/** The buyer gave a booking back. */
export class BookingCancelledEvent extends Event {
  static readonly type = 'seatcast-cancelled';
  readonly booking: Booking;

  constructor(booking: Booking) {
    super(BookingCancelledEvent.type, { bubbles: true, composed: true });
    this.booking = booking;
  }
}

declare global {
  interface HTMLElementEventMap {
    'seatcast-cancelled': BookingCancelledEvent;
  }
}
