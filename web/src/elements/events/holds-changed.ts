/** What the buyer holds changed: a booking was made, paid, given back, or ran out. */
export class HoldsChangedEvent extends Event {
  static readonly type = 'seatcast-holds';
  /** Bookings that wait for payment. */
  readonly pending: number;

  constructor(pending: number) {
    super(HoldsChangedEvent.type, { bubbles: true, composed: true });
    this.pending = pending;
  }
}

declare global {
  interface HTMLElementEventMap {
    'seatcast-holds': HoldsChangedEvent;
  }
}
