/**
 * Booking: ask once, however often the network makes us repeat it.
 *
 * Every attempt to book carries an `Idempotency-Key` that is kept across its retries, so an answer
 * that got lost on the way is given again instead of a second booking being made.
 */
import { Backoff } from './backoff.ts';
import type { Payment } from './payment.ts';
import type { EventStatus, Money } from './protocol.ts';
import { Refusal, Unreachable, type Answer, type Rest } from './rest.ts';

export type BookingItem =
  | { ticket_type_id: number; quantity: number; best_available?: boolean }
  | { seat_id: number };

export interface BookingRequest {
  event_id: number;
  items: BookingItem[];
  /** The total that the buyer was shown, in minor units or as money; at another price the booking is refused: `PRICE_CHANGED`. */
  expected_total?: number | Money;
  contact?: Contact;
  /** The code that was mailed to `contact.email` (`askEmailCode`), for ticket types with `email_required`. */
  email_code?: string;
  /** Codes of vouchers, in the order in which they apply. */
  vouchers?: string[];
  /** Those who come, in the order of the tickets; the rest may stay unnamed. */
  attendees?: Attendee[];
}

export interface Attendee {
  name: string;
  email?: string | null;
}

/** How the buyer can be reached: an e-mail address or a phone number, or both. */
export interface Contact {
  name?: string | null;
  email?: string | null;
  phone?: string | null;
}

export type BookingStatus = 'pending' | 'confirmed' | 'expired' | 'cancelled' | 'refunded';

/** A line of a price, in minor units of its total's currency. */
export interface PriceLine {
  kind: 'ticket' | 'discount' | 'fee' | 'tax';
  /** Of tickets and discounts. */
  ticket_type_id: number | null;
  /** Of a discount the voucher's code. */
  name: string;
  quantity: number;
  /** Negative in discounts. */
  unit_amount: number;
  /** Its part of the total: nothing, if it is a tax that the prices contain. */
  amount: number;
  /** Of tickets and fees their share of the tax, of a tax all of it. */
  tax_amount: number;
  /** Rate in hundredths of a percent. */
  tax: { basis_points: number; included: boolean } | null;
}

/** The price of a booking now; nothing is held. */
export interface Quote {
  event_id: number;
  /** Tickets. */
  quantity: number;
  total: Money;
  /** Their amounts add up to the total. */
  lines: PriceLine[];
}

export interface BookedItem {
  ticket_type_id: number;
  /** Of the ticket type. */
  name: string;
  quantity: number;
  unit_price: Money;
  /** Empty for general admission. */
  seats: BookedSeat[];
}

export interface BookedSeat {
  id: number;
  section: string;
  row: string;
  number: string;
}

/** One admission. */
export interface Ticket {
  code: string;
  ticket_type_id: number;
  seat_id: number | null;
  status: 'valid' | 'used' | 'transferred' | 'void';
  /** Its buyer offers it to somebody, who has not taken it: `g…@example.org`. */
  offer?: { to?: string; at: string };
}

/** A ticket that somebody handed on, as its new holder sees it: without the booking. */
export interface HeldTicket {
  id: number;
  /** Counts the ticket's changes, with those of its event, type and seat. */
  version: number;
  code: string;
  /** `transferred` is as good as `valid`. */
  status: Ticket['status'];
  event_id: number;
  event_title: string;
  event_status: EventStatus;
  venue: string;
  /** RFC 3339. */
  starts_at: string;
  timezone: string;
  ticket_type_id: number;
  ticket_type: string;
  seat: BookedSeat | null;
  /** RFC 3339. */
  taken_over_at: string;
  /** Its holder offers it to somebody, who has not taken it. */
  offer?: Ticket['offer'];
}

/** A ticket that was just taken over. */
export interface AcceptedTicket extends HeldTicket {
  /** The holder's. */
  name: string | null;
  /** Proves that it is the holder's; answered once. */
  token: string;
}

export interface Booking {
  /** UUIDv7: a later booking has a higher one. */
  id: string;
  /** For people: `BK-7F3K9Q`. */
  reference: string;
  event_id: number;
  /** `null` for a booking that its token alone belongs to. */
  user_id: number | null;
  /** Grows with each change of the booking, its seats, its tickets and their names. */
  version: number;
  status: BookingStatus;
  /** Absent in a buyer's own. An `offer` is held for somebody of the waitlist until they answer. */
  kind?: 'checkout' | 'offer' | 'staff';
  quantity: number;
  total: Money;
  items: BookedItem[];
  /** The price, line by line; servers that are older do not say. */
  lines?: PriceLine[];
  tickets: Ticket[];
  /** RFC 3339, while pending. */
  expires_at: string | null;
  /** The server's clock when it answered. */
  server_time?: string;
  created_at: string;
  confirmed_at: string | null;
  /** How staff were paid, where they confirmed it. */
  paid_by: 'cash' | 'terminal' | 'transfer' | 'comp' | null;
  cancel_reason: string | null;
  /** The last attempt to pay; none without one. */
  payment?: Payment | null;
  /** Where the booking named one; with bookings that were asked for by themselves. */
  contact?: Contact;
  /** Proves the ownership of an anonymous booking; answered once, when it is made. */
  token?: string;
}

/** Told before a booking is cancelled; the server says the same when it is. */
export interface Cancellation {
  /** RFC 3339: owners can cancel until then. Undefined where nothing was paid. */
  until?: string;
  /** It goes back to the one who paid. Undefined where nothing was paid. */
  amount?: Money;
  /** Of the price, by the event's refund policy. */
  percent: number;
  /** There are fees, and they stay. */
  keeps_fees: boolean;
  /** Codes of tickets that can be given back one by one; none where it is all or nothing. */
  ticket_ids: string[];
}

/** Bounds of retrying one attempt. */
export const BOOKING = {
  attemptsMax: 5,
  backoffBaseMs: 400,
  backoffCapMs: 4_000,
} as const;

/**
 * Sends a write, again with the same key as long as nobody answered it. Keys count for one caller: whoever signs in or out
 * meanwhile does not send it again, which would be a second write under another name.
 * @throws Refusal, Unreachable
 */
export async function sendOnce<T>(
  rest: Rest,
  path: string,
  request: { method: 'POST' | 'PUT' | 'PATCH'; body: unknown; headers?: Record<string, string> },
  key: string = newKey(),
): Promise<Answer<T>> {
  const { caller } = rest;
  const backoff = new Backoff({ baseMs: BOOKING.backoffBaseMs, capMs: BOOKING.backoffCapMs });
  const headers = { ...request.headers, 'idempotency-key': key };
  for (;;) {
    try {
      return await rest.send<T>(path, { ...request, headers });
    } catch (error) {
      const unanswered = unansweredBy(error);
      if (backoff.attempt < BOOKING.attemptsMax - 1) await pause(Math.max((unanswered.retryAfterS ?? 0) * 1_000, backoff.next()));
      else throw unanswered;
      if (rest.caller !== caller) throw unanswered;
    }
  }
}

/** No answer, a busy desk, or the first try still under way: the same key may be sent again. @throws any other answer */
function unansweredBy(error: unknown): Unreachable {
  if (error instanceof Unreachable) return error;
  if (error instanceof Refusal && error.code === 'IDEMPOTENCY_IN_FLIGHT') return new Unreachable(error.message);
  throw error;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A key that no other attempt has. Works where `crypto.randomUUID` does not (plain http). */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
