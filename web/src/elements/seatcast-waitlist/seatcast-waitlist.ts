import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { Refusal, totalsOf, type Waiting } from '../../sdk/index.ts';
import { count, digits } from '../internal/format.ts';
import { latin } from '../internal/latin.ts';
import { define } from '../internal/live-element.ts';
import { SellingElement } from '../internal/selling-element.ts';
import { SIGN_IN_PAGE, signInLink } from '../internal/sign-in.ts';
import { explain } from '../internal/refusals.ts';
import { BookingsController } from '../internal/own-controllers.ts';
import { styles } from './seatcast-waitlist.styles.ts';
import { WORDS } from './words.ts';

/** The place in the line moves when others answer their offers: looked at no more often than this when the event changes. */
const AGAIN_MS = 5_000;
/** And this often when it does not, since somebody may have left the line. */
const LOOK_MS = 30_000;

/**
 * The waitlist of an event that is sold out: a way to join it, the place in the line, a way to leave. An offer is a booking,
 * and is shown with them (`seatcast-bookings`). Needs an account.
 *
 *     <seatcast-waitlist event="42"></seatcast-waitlist>
 *
 * Has the attribute `empty` while there is nothing to show.
 */
export class SeatcastWaitlist extends SellingElement {
  static override styles = styles;
  static override properties = {
    ...SellingElement.properties,
    signInPage: SIGN_IN_PAGE,
    waiting: { state: true },
    quantity: { state: true },
    busy: { state: true },
    problem: { state: true },
    said: { state: true },
  };

  declare signInPage: string | undefined;
  /** The place on this event's waitlist; null: none, undefined: not known. */
  declare waiting: Waiting | null | undefined;
  declare quantity: number;
  declare busy: boolean;
  declare problem: unknown;
  /** News for users of screen readers. */
  declare said: string | undefined;

  /** Part of `seatcast-booking`, which says that there is none. */
  protected override get needsEvent(): boolean {
    return false;
  }

  readonly #own: BookingsController = new BookingsController(this, () => this.#bookingsChanged());
  /** Offers among the bookings, when last looked at, and of whom they are. */
  #seen = '';
  #readAt = Number.NEGATIVE_INFINITY;
  #reading = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor() {
    super();
    this.quantity = 1;
    this.busy = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#timer = setInterval(() => {
      if (this.waiting && !document.hidden) void this.#read();
    }, LOOK_MS);
  }

  override disconnectedCallback(): void {
    clearInterval(this.#timer);
    super.disconnectedCallback();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('event')) this.#forget();
    if (this.waiting === undefined && this.#mayWait()) void this.#read();
  }

  protected override updated(): void {
    this.toggleAttribute('empty', this.renderRoot.querySelector('section') === null);
  }

  protected override topicChanged(): void {
    if (this.waiting && performance.now() - this.#readAt > AGAIN_MS) void this.#read();
  }

  override render(): TemplateResult {
    return html`<p class="visually-hidden" role="status">${this.said ?? nothing}</p>
      ${this.#content() ?? nothing}`;
  }

  #content(): TemplateResult | undefined {
    if (this.waiting?.status === 'waiting') return this.#place(this.waiting);
    const { state } = this.topic.view;
    const isSoldOut = state?.event.status === 'active' && state.ticket_types.length > 0 && totalsOf(state).status === 'sold_out';
    if (!isSoldOut || this.waiting?.status === 'offered') return undefined;
    if (!this.#own.view.account) {
      return html`<section aria-label=${WORDS[this.language].waitlist}><p><slot name="sign-in">${signInLink(this.signInPage, WORDS[this.language].signIn)}</slot></p></section>`;
    }
    return this.waiting === null ? this.#form(state.event.max_per_booking) : undefined;
  }

  #place({ place, quantity }: Waiting): TemplateResult {
    const words = WORDS[this.language];
    return html`<section aria-label=${WORDS[this.language].waitlist}>
      <p class="place"><strong>${place === null || place === undefined ? '…' : count(this.language, place)}</strong> <span>${words.place(quantity)}</span></p>
      <p class="hint">${words.heldForYou}</p>
      ${this.#problemLine()}
      <button class="button small" type="button" ?disabled=${this.busy} @click=${() => this.#leave()}>${words.leave}</button>
    </section>`;
  }

  #form(most: number): TemplateResult {
    const words = WORDS[this.language];
    return html`<section aria-label=${WORDS[this.language].waitlist}>
      <p class="hint">${words.offeredFirst}</p>
      <form @submit=${this.#join}>
        <label>${words.together}
          <input name="quantity" inputmode="numeric" autocomplete="off" required .value=${digits(this.language, String(this.quantity))} @input=${(event: Event) => this.#typed(event.target as HTMLInputElement, most)} />
        </label>
        <button class="button primary" ?disabled=${this.busy}>${words.join}</button>
      </form>
      ${this.#problemLine()}
    </section>`;
  }

  #problemLine(): TemplateResult {
    return html`<p class="problem" role="alert">${this.problem ? explain(this.language, this.problem) : nothing}</p>`;
  }

  /** Digits of any script; a field of type `number` would show Latin ones only. */
  #typed(input: HTMLInputElement, most: number): void {
    const quantity = Number(latin(input.value));
    const isGood = Number.isInteger(quantity) && quantity >= 1 && quantity <= most;
    input.setCustomValidity(isGood ? '' : WORDS[this.language].between(most));
    if (isGood) this.quantity = quantity;
  }

  #mayWait(): boolean {
    return this.event !== undefined && this.#own.view.account && this.#reading === 0 && this.#readAt < performance.now() - AGAIN_MS;
  }

  /** Another caller has other places; an offer that comes or ends is news of ours. */
  #bookingsChanged(): void {
    const { account, bookings } = this.#own.view;
    const offers = (bookings ?? []).filter(({ kind, event_id: id }) => kind === 'offer' && id === this.event);
    const seen = `${account}:${offers.map(({ id, status }) => `${id} ${status}`).join(',')}`;
    if (seen === this.#seen) return;
    const isAnother = !this.#seen.startsWith(`${account}:`) || !bookings;
    this.#seen = seen;
    if (isAnother) this.#forget();
    if (account && this.event !== undefined) void this.#read();
  }

  #forget(): void {
    this.waiting = undefined;
    this.problem = undefined;
    this.#readAt = Number.NEGATIVE_INFINITY;
  }

  async #read(): Promise<void> {
    const reading = ++this.#reading;
    this.#readAt = performance.now();
    const event = this.event;
    const all = await this.topic.client.myWaiting().catch(() => undefined);
    if (reading !== this.#reading) return;
    this.#reading = 0;
    const own = all?.find(({ event_id: id, status }) => id === event && (status === 'waiting' || status === 'offered'));
    // Without an answer the last place stays; the next look corrects it.
    if (all) this.waiting = own ?? null;
  }

  #join(event: SubmitEvent): void {
    event.preventDefault();
    const id = this.event;
    if (id === undefined) return;
    void this.#wish(async () => {
      this.waiting = await this.topic.client.joinWaitlist(id, { quantity: this.quantity });
      return WORDS[this.language].joined;
    });
  }

  #leave(): void {
    const { waiting } = this;
    if (!waiting) return;
    void this.#wish(async () => {
      await this.topic.client.leaveWaitlist(waiting);
      this.waiting = null;
      return WORDS[this.language].left;
    });
  }

  async #wish(wish: () => Promise<string>): Promise<void> {
    this.busy = true;
    this.problem = undefined;
    try {
      this.said = await wish();
    } catch (error) {
      this.problem = error;
      // Another window was faster.
      if (error instanceof Refusal) void this.#read();
    } finally {
      this.busy = false;
    }
  }
}

define('seatcast-waitlist', SeatcastWaitlist);

declare global {
  interface HTMLElementTagNameMap {
    'seatcast-waitlist': SeatcastWaitlist;
  }
}
