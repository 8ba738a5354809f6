/** The buyer's holds changed: a booking was made, paid, given back, or ran out. */
export class HoldsChangedEvent extends Event {
  static readonly type = 'seatcast-holds';
  /** Bookings that wait for payment. */
  readonly pending: number;
  /** Ids of the seats that are the buyer's, held or bought. */
  readonly seats: readonly number[];

  constructor(pending: number, seats: readonly number[]) {
    super(HoldsChangedEvent.type, { bubbles: true, composed: true });
    this.pending = pending;
    this.seats = seats;
  }
}

declare global {
  interface HTMLElementEventMap {
    'seatcast-holds': HoldsChangedEvent;
  }
}
