import type { ReactiveController, ReactiveControllerHost } from 'lit';
import type { BuyerClient } from '../../sdk/buyer-client.ts';
import { Refusal, type BookingRequest, type Money, type PriceLine } from '../../sdk/index.ts';

/** After so long without an answer the buyer may go on with the sum of the tickets: the server checks the total anyway. */
export const QUOTE_PATIENCE_MS = 1_500;

export type Asked = Pick<BookingRequest, 'event_id' | 'items' | 'vouchers'>;

/** The last answer. */
interface Answer {
  total?: Money | undefined;
  lines?: readonly PriceLine[];
  refusal?: Refusal;
}

/**
 * The price of the buyer's choice, by the server. One question is under way at a time; choices that were made meanwhile are
 * asked for after its answer, and only the last of them.
 */
export class QuoteController implements ReactiveController {
  readonly #host: ReactiveControllerHost;
  readonly #client: () => BuyerClient;
  #asked: Asked | undefined;
  #key = '';
  #answer: Answer = {};
  /** Counts what was to be asked, and up to which of these the answer is. */
  #wanted = 0;
  #answered = 0;
  /** The answer was that of another choice for so long that it is no use any more. */
  #isLate = false;
  #isAsking = false;
  #patience: ReturnType<typeof setTimeout> | undefined;
  #isOnPage = false;
  #stopListening: (() => void) | undefined;

  constructor(host: ReactiveControllerHost, client: () => BuyerClient) {
    this.#host = host;
    this.#client = client;
    host.addController(this);
  }

  /** With the first update, since another module of the same script may give the page another client. */
  hostUpdate(): void {
    // Some may buy what others may not.
    if (this.#isOnPage) this.#stopListening ??= this.#client().identityChanged.on(() => this.askAgain());
  }

  hostConnected(): void {
    this.#isOnPage = true;
    this.#host.requestUpdate();
  }

  hostDisconnected(): void {
    this.#isOnPage = false;
    this.#stopListening?.();
    this.#stopListening = undefined;
    clearTimeout(this.#patience);
  }

  get #isOld(): boolean {
    return this.#wanted !== this.#answered;
  }

  /** Undefined while it is not known. During `isReckoning` it may be that of the choice before. */
  get total(): Money | undefined {
    return this.#isLate ? undefined : this.#answer.total;
  }

  get lines(): readonly PriceLine[] {
    return (this.#isLate ? undefined : this.#answer.lines) ?? [];
  }

  /** Why this choice cannot be booked. */
  get refusal(): Refusal | undefined {
    return this.#isOld ? undefined : this.#answer.refusal;
  }

  get isReckoning(): boolean {
    return this.#isOld && !this.#isLate;
  }

  /** This is chosen now; undefined: nothing. `situation` is what else the answer depends on. */
  ask(asked: Asked | undefined, situation: string): void {
    const key = asked ? `${situation} ${JSON.stringify(asked)}` : '';
    if (key === this.#key) return;
    this.#key = key;
    this.#asked = asked;
    if (asked) return this.askAgain();
    clearTimeout(this.#patience);
    this.#answer = {};
    this.#answered = this.#wanted += 1;
    this.#isLate = false;
  }

  /** A booking was refused since it costs this: shown until the lines of it are known. */
  priceIs(total: Money | undefined): void {
    if (total) this.#answer = { total };
    this.askAgain();
  }

  askAgain(): void {
    if (!this.#asked) return;
    this.#wanted += 1;
    this.#isLate = false;
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => {
      this.#isLate = true;
      this.#host.requestUpdate();
    }, QUOTE_PATIENCE_MS);
    this.#host.requestUpdate();
    if (!this.#isAsking) void this.#askAll();
  }

  async #askAll(): Promise<void> {
    this.#isAsking = true;
    while (this.#isOld && this.#asked) {
      const at = this.#wanted;
      const answer = await this.#client().quote(this.#asked).catch(refusalOf);
      // Something else was chosen while the answer was on its way.
      if (at !== this.#wanted) continue;
      this.#answer = answer;
      this.#answered = at;
      this.#isLate = false;
      clearTimeout(this.#patience);
      this.#host.requestUpdate();
    }
    this.#isAsking = false;
  }
}

/** Without an answer the sum of the tickets has to do. */
function refusalOf(error: unknown): Answer {
  return error instanceof Refusal ? { refusal: error } : {};
}
