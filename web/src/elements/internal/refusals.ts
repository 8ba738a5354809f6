import { Refusal, totalsOf, Unreachable, type EventState, type Money, type TopicStatus } from '../../sdk/index.ts';
import type { SelectionLine } from '../events/selection-changed.ts';
import { plural, sum } from './format.ts';

/** Words for the buyer, by the refusal's code. For codes that are not here, the server's message is shown. */
const WORDS: Record<string, (refusal: Refusal) => string> = {
  SOLD_OUT: () => 'Somebody was faster: there are not that many tickets left.',
  NOT_ENOUGH_LEFT: ({ data }) => `Somebody was faster: only ${plural(Number(data['left'] ?? 0), 'ticket')} left.`,
  TICKET_TYPE_SOLD_OUT: () => 'Somebody was faster: there are not that many tickets of this type left.',
  EVENT_AT_CAPACITY: () => 'The event has no room for that many people any more.',
  SEAT_TAKEN: () => 'Somebody was faster: a seat that you chose has just been taken.',
  NO_ADJACENT_SEATS: () => 'There are not that many seats side by side any more.',
  PENDING_BOOKING_EXISTS: () => 'You already hold tickets for this event. Cancel those first to choose others.',
  PRICE_CHANGED: () => 'The price has changed since you chose. Look at the new total, and book again if it suits you.',
  SALES_NOT_STARTED: () => 'Sales have not started yet.',
  SALES_CLOSED: () => 'Sales are closed.',
  MEMBERSHIP_REQUIRED: () => 'These tickets are for members only.',
  ACCOUNT_REQUIRED: () => 'Please sign in to book these tickets.',
  EMAIL_PROOF_REQUIRED: () => 'These tickets ask for a code from your mail. Have one sent, and type it: the code was missing, wrong or too old.',
  NO_MAIL: () => 'No mails can be sent here at the moment.',
  HOLDS_EXCEEDED: () => 'You have as many tickets of this event as one person may have.',
  EVENT_CANCELLED: () => 'This event was cancelled.',
  LIMIT_EXCEEDED: ({ data }) => `At most ${plural(Number(data['max'] ?? 0), 'ticket')} per booking.`,
  VOUCHER_NOT_FOUND: (refusal) => `There is no voucher${voucherOf(refusal)} for this event.`,
  VOUCHER_USED_UP: (refusal) => `The voucher${voucherOf(refusal)} is used up.`,
  VOUCHER_NOT_STARTED: (refusal) => `The voucher${voucherOf(refusal)} is not valid yet.`,
  VOUCHER_ENDED: (refusal) => `The voucher${voucherOf(refusal)} is no longer valid.`,
  VOUCHER_NOT_APPLICABLE: (refusal) => `The voucher${voucherOf(refusal)} is not for the tickets that you chose.`,
  BELOW_MINIMUM_CHARGE: ({ data }) => `This is less than can be paid by card${isMoney(data['minimum']) ? `: ${sum(data['minimum'])} at least` : ''}.`,
  NOT_SOLD_OUT: () => 'There are tickets left: choose them above.',
  ALREADY_WAITING: () => 'You are on the waitlist already.',
  NO_OFFER: () => 'The offer is over: the tickets went to the next in line.',
  INVITATION_EXPIRED: () => 'This invitation was accepted already, or has ended. Ask for another one.',
  TRANSFER_NOT_FOUND: () => 'This link is of no offer: the ticket was kept, or went to somebody else.',
  TICKET_NOT_VALID: () => 'This ticket was used or taken back meanwhile.',
  TRANSFER_PENDING: () => 'This ticket is offered to somebody already. Withdraw that first.',
  TRANSFERS_CLOSED: () => 'The event has begun: tickets are handed on no more.',
  TICKET_VOID: () => 'This ticket is not valid any more.',
  TICKET_REPLACED: () => 'This ticket was handed on.',
  INVALID_TRANSITION: ({ data }) =>
    data['used'] === true ? 'One of its tickets was used: the booking cannot be cancelled any more.' : 'This booking has ended already.',
};

/** ` SUMMER`, where the refusal says which it was. */
function voucherOf({ data }: Refusal): string {
  return typeof data['voucher'] === 'string' ? ` ${data['voucher']}` : '';
}

export function isMoney(value: unknown): value is Money {
  const { amount, currency } = (value ?? {}) as Partial<Money>;
  return typeof amount === 'number' && typeof currency === 'string';
}

/** The error as a sentence for the buyer. */
export function explain(error: unknown): string {
  if (error instanceof Refusal && error.code === 'VALIDATION_FAILED') return firstFault(error) ?? error.message;
  if (error instanceof Refusal) return WORDS[error.code]?.(error) ?? error.message;
  const seconds = error instanceof Unreachable ? error.retryAfterS : undefined;
  if (seconds !== undefined) return `Too much at once. Please try again in ${plural(seconds, 'second')}.`;
  return 'The server does not answer. Try again: nothing is ever booked twice.';
}

/** What is wrong with the first field that the server did not take. */
function firstFault({ data }: Refusal): string | undefined {
  const [first] = (data['errors'] ?? []) as { message?: string }[];
  return first?.message;
}

/** The event, the selection and the own holds, as the page shows them. */
export interface Situation {
  state: EventState | undefined;
  status: TopicStatus;
  lines: readonly SelectionLine[];
  /** Holds of this event. */
  pending: number;
}

/** Tells, by the refusal's code, whether the page shows that the message is still true. */
const PROOFS: Record<string, (now: Situation) => boolean> = {
  SOLD_OUT: isShort,
  NOT_ENOUGH_LEFT: isShort,
  TICKET_TYPE_SOLD_OUT: isShort,
  EVENT_AT_CAPACITY: isShort,
  PENDING_BOOKING_EXISTS: ({ pending }) => pending > 0,
  SALES_CLOSED: ({ state }) => state?.event.status !== 'active',
  EVENT_CANCELLED: ({ state }) => state?.event.status === 'cancelled',
};

/**
 * A message about something that did not work. It is over when the page showed that it was true, and then
 * shows that it is not any more. A message that nothing on the page proves stays until the buyer chooses anew.
 */
export class Problem {
  readonly words: string;
  readonly #isTrue: ((now: Situation) => boolean) | undefined;
  #wasSeen = false;

  constructor(error: unknown) {
    this.words = explain(error);
    this.#isTrue = error instanceof Refusal ? PROOFS[error.code] : ({ status }) => status !== 'live';
  }

  isOver(now: Situation): boolean {
    if (!this.#isTrue) return false;
    if (this.#isTrue(now)) this.#wasSeen = true;
    else if (this.#wasSeen) return true;
    return false;
  }
}

/** Whether less is left than was chosen. */
function isShort({ state, lines }: Situation): boolean {
  if (!state) return false;
  const quantities = lines.map(({ quantity }) => quantity);
  if (totalsOf(state).available < quantities.reduce((sum, quantity) => sum + quantity, 0)) return true;
  return lines.some(({ item, quantity }) => {
    const type = 'ticket_type_id' in item ? state.ticket_types.find(({ id }) => id === item.ticket_type_id) : undefined;
    return type !== undefined && type.available < quantity;
  });
}
