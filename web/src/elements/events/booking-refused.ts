import type { Refusal } from '../../sdk/index.ts';

/** The server said no; `refusal.code` says why. */
export class BookingRefusedEvent extends Event {
  static readonly type = 'seatcast-refused';
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(BookingRefusedEvent.type, { bubbles: true, composed: true });
    this.refusal = refusal;
  }
}

declare global {
  interface HTMLElementEventMap {
    'seatcast-refused': BookingRefusedEvent;
  }
}
