import { Refusal, totalsOf, Unreachable, type EventState, type Money, type TopicStatus } from '../../sdk/index.ts';
import type { SelectionLine } from '../events/selection-changed.ts';
import type { Language, Translations } from './language.ts';
import { FAILURES } from './failure-words.ts';

/** The error as a sentence for the buyer. */
export function explain(language: Language, error: unknown): string {
  if (error instanceof Refusal) return words(language, error.code)?.(error) ?? error.message;
  const seconds = error instanceof Unreachable ? error.retryAfterS : undefined;
  return seconds === undefined ? FAILURES[language].away : FAILURES[language].tooMuch(seconds);
}

type RefusalWords = Readonly<Record<string, (refusal: Refusal) => string>>;
let refusals: Translations<RefusalWords> | undefined;

/** From now on refusals are explained in these words; others, and all before, in those of the server. */
export function useRefusalWords(all: Translations<RefusalWords>): void {
  refusals = all;
}

function words(language: Language, code: string): ((refusal: Refusal) => string) | undefined {
  const known = refusals?.[language];
  return known && Object.hasOwn(known, code) ? known[code] : undefined;
}

export function isMoney(value: unknown): value is Money {
  const { amount, currency } = (value ?? {}) as Partial<Money>;
  return typeof amount === 'number' && typeof currency === 'string';
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
  readonly error: unknown;
  readonly #isTrue: ((now: Situation) => boolean) | undefined;
  #wasSeen = false;

  constructor(error: unknown) {
    this.error = error;
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
