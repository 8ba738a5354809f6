/** Paying a booking. Its state comes with the booking itself (`Booking.payment`): nothing here is asked again and again. */
import type { Money } from './protocol.ts';

/** The provider that takes the money: `demo` takes cards that are not real, `offline` is staff. */
export type PaymentProvider = 'stripe' | 'demo' | 'offline';

export type PaymentState =
  | 'creating'
  /** The buyer has to do something: give a card, prove who they are, transfer money. */
  | 'requires_action'
  /** The money is set aside and not taken. */
  | 'authorized'
  | 'processing'
  | 'captured'
  | 'failed'
  | 'canceled'
  /** A person has to decide. */
  | 'needs_review';

/** The last attempt to pay a booking. */
export interface Payment {
  id: string;
  provider: PaymentProvider;
  method: string | null;
  state: PaymentState;
  amount: Money;
  /** Refunds, made or about to be. */
  refunded: Money;
  /** Why the last card was declined; another one may be tried. */
  failure: string | null;
  /** The booking is confirmed and its money did not come: it is to be paid again. */
  owed?: boolean;
}

export interface PaymentWish {
  /** The server's usual one where none is named. */
  provider?: PaymentProvider;
  method?: string;
  /** Where the provider sends the browser in the end. */
  return_url?: string;
}

/** The buyer's next step. */
export interface PaymentAttempt {
  attempt: string;
  provider: PaymentProvider;
  status: PaymentState;
  amount: Money;
  /** Where the buyer goes to pay, in full. */
  redirect_url?: string;
  /** Words to tell staff, where they take the money. */
  instructions?: string;
  /** With Stripe: what its own elements need. */
  client_secret?: string;
  publishable_key?: string;
  failure?: string;
  /** The booking's deadline. It may have moved: once, by five minutes at most. */
  expires_at: string | null;
  server_time: string;
}
