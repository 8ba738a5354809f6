import type { Booking, PaymentAttempt } from '../../sdk/index.ts';

/**
 * A payment began. Unless the event is cancelled (`preventDefault()`), the browser goes to `redirect_url` now; a page that
 * cancels it goes on by itself, with Stripe's elements and the `client_secret`, say.
 */
export class PaymentStartedEvent extends Event {
  static readonly type = 'seatcast-payment';
  readonly booking: Booking;
  readonly attempt: PaymentAttempt;

  constructor(booking: Booking, attempt: PaymentAttempt) {
    super(PaymentStartedEvent.type, { bubbles: true, composed: true, cancelable: true });
    this.booking = booking;
    this.attempt = attempt;
  }
}

declare global {
  interface HTMLElementEventMap {
    'seatcast-payment': PaymentStartedEvent;
  }
}
