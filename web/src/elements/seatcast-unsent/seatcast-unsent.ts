import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { BuyerClient } from '../../sdk/buyer-client.ts';
import type { BookingItem, UnsentBooking } from '../../sdk/index.ts';
import { BookingMadeEvent } from '../events/booking-made.ts';
import { keepFocus } from '../internal/keep-focus.ts';
import { sharedClient } from '../internal/full-client.ts';
import { LanguageController } from '../internal/language.ts';
import { define } from '../internal/live-element.ts';
import { explain } from '../internal/refusals.ts';
import { styles } from './seatcast-unsent.styles.ts';
import { WORDS } from './words.ts';

/**
 * Bookings that could not be sent, or whose answer did not come: offered again with the same key, so that they are booked
 * once. Nothing is sent without the buyer; only an attempt that was under way when the page was loaded again is asked about.
 *
 *     <seatcast-unsent></seatcast-unsent>
 *
 * Has the attribute `empty` while there is nothing to show. Fires `seatcast-booked`.
 */
export class SeatcastUnsent extends LitElement {
  static override styles = styles;
  static override properties = { client: { attribute: false }, attempts: { state: true }, titles: { state: true }, said: { state: true } };

  declare client: BuyerClient | undefined;
  declare attempts: readonly UnsentBooking[];
  /** Of events, as far as they are known. */
  declare titles: ReadonlyMap<number, string>;
  /** News for users of screen readers. */
  declare said: string | undefined;

  readonly #speech = new LanguageController(this);
  readonly #asked = new Set<number>();
  #stop: (() => void) | undefined;

  constructor() {
    super();
    keepFocus(this);
    this.attempts = [];
    this.titles = new Map();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.#listen();
  }

  /** Not sooner, since another module of the same script may give the page another client. */
  protected override firstUpdated(): void {
    if (this.isConnected) this.#listen();
  }

  #listen(): void {
    this.#stop?.();
    this.#stop = this.#source.watchUnsent((attempts) => {
      this.attempts = attempts;
      this.toggleAttribute('empty', attempts.length === 0);
      for (const { request } of attempts) void this.#learnTitle(request.event_id);
    });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop?.();
  }

  override render(): TemplateResult {
    const words = WORDS[this.#speech.language];
    return html`<section aria-label=${words.unsent}>
      <span class="visually-hidden" role="status">${this.said ?? nothing}</span>
      ${repeat(this.attempts, ({ key }) => key, (attempt) => this.#attempt(attempt))}
    </section>`;
  }

  #attempt(attempt: UnsentBooking): TemplateResult {
    const { state, request, refusal } = attempt;
    const { language } = this.#speech;
    const words = WORDS[language];
    const title = words.tickets(ticketsOf(request.items), this.titles.get(request.event_id));
    const text = { asking: words.asking, unsent: words.notSent, refused: `${words.refused} ${refusal ? explain(language, refusal) : ''}` }[state];
    return html`<div class="attempt ${state}" data-state=${state}>
      <p class="text"><strong>${title}</strong> ${text}</p>
      <div class="actions">
        ${state === 'unsent' ? html`<button class="button primary" type="button" @click=${() => void this.#again(attempt)}>${words.again}</button>` : nothing}
        ${state === 'asking'
          ? nothing
          : html`<button class="button" type="button" @click=${() => this.#source.forgetUnsent(attempt)}>${state === 'refused' ? words.close : words.forget}</button>`}
      </div>
    </div>`;
  }

  async #again(attempt: UnsentBooking): Promise<void> {
    const words = WORDS[this.#speech.language];
    this.said = words.asking;
    try {
      const booking = await this.#source.bookAgain(attempt);
      this.said = words.booked;
      this.dispatchEvent(new BookingMadeEvent(booking));
    } catch {
      // It is listed with its new state.
      this.said = words.refused;
    }
  }

  async #learnTitle(event: number): Promise<void> {
    if (this.#asked.has(event)) return;
    this.#asked.add(event);
    try {
      const { title } = await this.#source.event(event);
      this.titles = new Map(this.titles).set(event, title);
    } catch {
      // Without network: its number of tickets has to do, until the next change.
      this.#asked.delete(event);
    }
  }

  get #source(): BuyerClient {
    return this.client ?? sharedClient();
  }
}

function ticketsOf(items: readonly BookingItem[]): number {
  return items.reduce((sum, item) => sum + ('quantity' in item ? item.quantity : 1), 0);
}

define('seatcast-unsent', SeatcastUnsent);

declare global {
  interface HTMLElementTagNameMap {
    'seatcast-unsent': SeatcastUnsent;
  }
}
