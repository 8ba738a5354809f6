import { html, nothing, type TemplateResult } from 'lit';
import type { EventState, TicketType, TicketTypeDetails } from '../../sdk/index.ts';
import { samePrices, SelectionChangedEvent, type SelectionLine, type SelectionSource } from '../events/selection-changed.ts';
import { count, dateParts, money } from '../internal/format.ts';
import { define, LiveElement } from '../internal/live-element.ts';
import { styles } from './seatcast-ticket-types.styles.ts';
import { WORDS } from './words.ts';
import '../seatcast-availability/seatcast-availability.ts';

/** The longest wait that a timer can hold, in milliseconds: about 24 days. */
const WAIT_MAX_MS = 2 ** 31 - 1;

/**
 * The ticket types of an event with what is left of each, live, and a quantity for each: never more
 * than is left, never more in total than one booking may have.
 *
 *     <seatcast-ticket-types event="42"></seatcast-ticket-types>
 *
 * Fires `seatcast-selection`. Types that are sold by the seat have no quantity: they are chosen on
 * the seat map; with `unseated` they are left out. `readonly` shows the numbers only.
 */
export class SeatcastTicketTypes extends LiveElement implements SelectionSource {
  static override styles = styles;
  static override properties = {
    ...LiveElement.properties,
    readonly: { type: Boolean },
    unseated: { type: Boolean },
    reduced: { state: true },
  };

  declare readonly: boolean | undefined;
  declare unseated: boolean | undefined;
  /** Said when the stock fell below the quantity that was chosen. */
  declare reduced: string | undefined;

  readonly #chosen = new Map<number, number>();
  /** The choice as it was last told. */
  #told: readonly SelectionLine[] = [];
  /** Terms of sale, by ticket type. They change rarely and are not part of the topic. */
  #terms = new Map<number, TicketTypeDetails>();
  /** The ticket types that the terms were asked for. */
  #asked = '';
  /** Wakes the element when a sale begins or ends. */
  #boundary: ReturnType<typeof setTimeout> | undefined;
  #busy = false;

  /** Chosen quantities, by ticket type id. */
  get quantities(): ReadonlyMap<number, number> {
    return this.#chosen;
  }

  get busy(): boolean {
    return this.#busy;
  }

  set busy(busy: boolean) {
    this.#busy = busy;
    if (!busy) this.topicChanged();
  }

  clear(): void {
    this.reduced = undefined;
    if (this.#chosen.size === 0) return;
    this.#chosen.clear();
    this.#select();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#boundary);
  }

  /** Others buy while this buyer thinks: tickets that are gone cannot stay chosen. */
  protected override topicChanged(): void {
    const { state } = this.topic.view;
    if (!state) return;
    const shown = `${state.event.id}:${state.ticket_types.map(({ id }) => id).join(',')}`;
    if (shown !== this.#asked) void this.#readTerms(state.event.id, shown);
    if (this.#busy) return;
    for (const [id, quantity] of this.#chosen) {
      const type = state.ticket_types.find((row) => row.id === id);
      const most = type?.available ?? 0;
      if (quantity <= most) continue;
      this.#choose(id, most);
      const words = WORDS[this.language];
      this.reduced = words.reduced(type?.name ?? words.thisType, most);
    }
    this.#reprice(state);
  }

  async #readTerms(eventId: number, shown: string): Promise<void> {
    this.#asked = shown;
    try {
      const { ticket_types: types } = await this.topic.client.event(eventId);
      this.#terms = new Map(types.map((type) => [type.id, type]));
    } catch {
      // Without the terms the server still judges; the next change of the topic asks again.
      this.#asked = '';
      return;
    }
    this.#wakeAtBoundary();
    this.requestUpdate();
  }

  #wakeAtBoundary(): void {
    clearTimeout(this.#boundary);
    const times = [...this.#terms.values()].flatMap(({ sale_from, sale_to }) => [sale_from, sale_to]);
    const waits = times.flatMap((time) => (time ? [Date.parse(time) - Date.now()] : [])).filter((wait) => wait > 0);
    const next = Math.min(...waits);
    if (next > WAIT_MAX_MS) return;
    this.#boundary = setTimeout(() => {
      this.requestUpdate();
      this.#wakeAtBoundary();
    }, next);
  }

  override render(): TemplateResult | typeof nothing {
    const { state } = this.topic.view;
    if (!state) return this.unseated ? nothing : html`${[0, 1].map(() => html`<span class="skeleton row-skeleton"></span>`)}`;
    const types = state.ticket_types.filter(({ id }) => !this.unseated || this.#terms.get(id)?.seated === false);
    return html`
      <ul>
        ${types.map((type) => this.#row(state, type))}
      </ul>
      <p class="reduced" role="status">${this.reduced ?? nothing}</p>
    `;
  }

  #row(state: EventState, type: TicketType): TemplateResult {
    const soldOut = type.available <= 0;
    return html`<li class=${soldOut ? 'gone' : ''} data-ticket-type=${type.id}>
      <div class="what">
        <span class="name">${type.name}</span>
        <seatcast-availability quiet .client=${this.client} event=${state.event.id} ticket-type=${type.id}></seatcast-availability>
        ${this.#terms.get(type.id)?.members_only ? html`<span class="members">${WORDS[this.language].membersOnly}</span>` : nothing}
      </div>
      ${this.#bar(type)}
      <span class="price">${money(this.language, type.price)}</span>
      ${this.readonly || this.#terms.get(type.id)?.seated ? nothing : (this.#notOnSale(state, type) ?? this.#stepper(state, type))}
    </li>`;
  }

  /** Why this type is not on sale at the moment; undefined when it is. */
  #notOnSale(state: EventState, type: TicketType): TemplateResult | undefined {
    const { sale_from: from, sale_to: to } = this.#terms.get(type.id) ?? { sale_from: null, sale_to: null };
    if (from && Date.parse(from) > Date.now()) {
      const { day, month, time } = dateParts(this.language, from, state.event.timezone);
      return html`<span class="closed">${WORDS[this.language].onSaleFrom(`${day} ${month}`, time)}</span>`;
    }
    return to && Date.parse(to) <= Date.now() ? html`<span class="closed">${WORDS[this.language].salesEnded}</span>` : undefined;
  }

  /** Sold, held and free as lengths. The numbers stand beside it in words. */
  #bar(type: TicketType): TemplateResult {
    const share = (part: number): number => (type.capacity > 0 ? Math.min(100, (part / type.capacity) * 100) : 0);
    const label = WORDS[this.language].stock(type.sold, type.held, type.capacity);
    return html`<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label=${label}>
      <title>${label}</title>
      <rect class="sold" width=${share(type.sold)} height="4"></rect>
      <rect class="held" x=${share(type.sold)} width=${share(type.held)} height="4"></rect>
    </svg>`;
  }

  #stepper(state: EventState, type: TicketType): TemplateResult {
    const quantity = this.#chosen.get(type.id) ?? 0;
    const most = this.#most(state, type);
    const least = Math.max(1, this.#terms.get(type.id)?.min_per_booking ?? 1);
    const open = state.event.status === 'active';
    const words = WORDS[this.language];
    return html`<div class="stepper" role="group" aria-label=${words.quantityOf(type.name)}>
      <button
        type="button"
        aria-label=${words.fewer(type.name)}
        ?disabled=${quantity === 0}
        @click=${() => this.#step(type.id, quantity <= least ? 0 : quantity - 1)}
      >
        −
      </button>
      <output aria-live="polite">${count(this.language, quantity)}</output>
      <button
        type="button"
        aria-label=${words.more(type.name)}
        title=${quantity > 0 && quantity >= most ? this.#whyNoMore(state, type, quantity) : ''}
        ?disabled=${!open || quantity >= most || least > most}
        @click=${() => this.#step(type.id, Math.max(least, quantity + 1))}
      >
        +
      </button>
    </div>`;
  }

  /** The most of this type that may be chosen: no more than are left, or than one booking may still have. */
  #most(state: EventState, type: TicketType): number {
    const others = [...this.#chosen].reduce((sum, [id, quantity]) => (id === type.id ? sum : sum + quantity), 0);
    const ofType = this.#terms.get(type.id)?.max_per_booking ?? Number.POSITIVE_INFINITY;
    return Math.max(0, Math.min(type.available, ofType, state.event.max_per_booking - others));
  }

  #whyNoMore(state: EventState, type: TicketType, quantity: number): string {
    if (quantity >= type.available) return WORDS[this.language].onlyLeft(type.available);
    const most = Math.min(this.#terms.get(type.id)?.max_per_booking ?? Infinity, state.event.max_per_booking);
    return WORDS[this.language].atMost(most);
  }

  #step(id: number, quantity: number): void {
    this.reduced = undefined;
    this.#choose(id, quantity);
  }

  #choose(id: number, quantity: number): void {
    if (quantity > 0) this.#chosen.set(id, quantity);
    else this.#chosen.delete(id);
    this.#select();
  }

  #select(): void {
    this.requestUpdate();
    const { state } = this.topic.view;
    if (!state) return;
    this.#told = this.#lines(state);
    this.dispatchEvent(new SelectionChangedEvent(state.event.id, this.#told));
  }

  /** Prices may change while this buyer thinks: the total on the page is the one that is booked. */
  #reprice(state: EventState): void {
    if (!samePrices(this.#told, this.#lines(state))) this.#select();
  }

  #lines(state: EventState): SelectionLine[] {
    return state.ticket_types.flatMap((type) => {
      const quantity = this.#chosen.get(type.id);
      if (!quantity) return [];
      const item = { ticket_type_id: type.id, quantity };
      return [{ item, label: type.name, quantity, unitPrice: type.price }];
    });
  }
}

define('seatcast-ticket-types', SeatcastTicketTypes);

declare global {
  interface HTMLElementTagNameMap {
    'seatcast-ticket-types': SeatcastTicketTypes;
  }
}
