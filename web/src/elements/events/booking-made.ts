import type { Booking } from '../../sdk/index.ts';

/** A booking was made: pending with a deadline, or confirmed at once because it is free. */
export class BookingMadeEvent extends Event {
  static readonly type = 'seatcast-booked';
  readonly booking: Booking;

  constructor(booking: Booking) {
    super(BookingMadeEvent.type, { bubbles: true, composed: true });
    this.booking = booking;
  }
}

declare global {
  interface HTMLElementEventMap {
    'seatcast-booked': BookingMadeEvent;
  }
}
