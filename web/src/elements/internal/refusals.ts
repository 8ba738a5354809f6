import { Refusal } from '../../sdk/index.ts';
import { plural } from './format.ts';

/** What to tell a buyer, by the refusal's code. Codes that are not here speak by the server's message. */
const WORDS: Record<string, (refusal: Refusal) => string> = {
  SOLD_OUT: () => 'Somebody was faster: there are not that many tickets left.',
  TICKET_TYPE_SOLD_OUT: () => 'Somebody was faster: there are not that many tickets of this type left.',
  EVENT_AT_CAPACITY: () => 'The event has no room for that many people any more.',
  SEAT_TAKEN: () => 'Somebody was faster: a seat that you chose has just been taken.',
  NO_ADJACENT_SEATS: () => 'There are not that many seats side by side any more.',
  PENDING_BOOKING_EXISTS: () => 'You already hold tickets for this event. Cancel those first to choose others.',
  SALES_NOT_STARTED: () => 'Sales have not started yet.',
  SALES_CLOSED: () => 'Sales are closed.',
  MEMBERSHIP_REQUIRED: () => 'These tickets are for members only.',
  EVENT_CANCELLED: () => 'This event was cancelled.',
  LIMIT_EXCEEDED: ({ data }) => `At most ${plural(Number(data['max'] ?? 0), 'ticket')} per booking.`,
  INVALID_TRANSITION: () => 'This booking has ended already.',
};

/** The error as a sentence for the buyer. */
export function explain(error: unknown): string {
  if (error instanceof Refusal) return WORDS[error.code]?.(error) ?? error.message;
  return 'The server does not answer. Try again: nothing is ever booked twice.';
}
