import { html, nothing, type TemplateResult } from 'lit';
import type { EventState, TicketType } from '../../sdk/index.ts';
import { samePrices, SelectionChangedEvent, type SelectionLine, type SelectionSource } from '../events/selection-changed.ts';
import { count, dateParts, money } from '../internal/format.ts';
import { faultOf } from '../internal/fault.ts';
import { define, FLAG } from '../internal/live-element.ts';
import { SellingElement } from '../internal/selling-element.ts';
import { SIGN_IN_PAGE, signInLink } from '../internal/sign-in.ts';
import { SaleController } from '../internal/sale-controller.ts';
import { styles } from './seatcast-ticket-types.styles.ts';
import { WORDS } from './words.ts';
import '../seatcast-availability/seatcast-availability.ts';

/**
 * The ticket types of an event with what is left of each, live, and a quantity for each: never more
 * than is left, never more in total than one booking may have.
 *
 *     <seatcast-ticket-types event="42"></seatcast-ticket-types>
 *
 * Fires `seatcast-selection`. Types that are sold by the seat have no quantity: they are chosen on
 * the seat map; with `unseated` they are left out. `readonly` shows the numbers only. `sign-in-page` is where buyers sign in,
 * for types that want an account.
 */
export class SeatcastTicketTypes extends SellingElement implements SelectionSource {
  static override styles = styles;
  static override properties = {
    ...SellingElement.properties,
    readonly: FLAG,
    unseated: FLAG,
    signInPage: SIGN_IN_PAGE,
    reduced: { state: true },
  };

  declare readonly: boolean | undefined;
  declare unseated: boolean | undefined;
  declare signInPage: string | undefined;
  /** Said when the stock fell below the quantity that was chosen. */
  declare reduced: string | undefined;

  readonly #chosen = new Map<number, number>();
  /** The choice as it was last told. */
  #told: readonly SelectionLine[] = [];
  /** Ids of the types that are sold by the seat. That never changes, and is not part of the topic. */
  #seated: ReadonlySet<number> | undefined;
  /** The ticket types that were asked for. */
  #asked = '';
  readonly #sale = new SaleController(
    this,
    () => this.state,
    () => this.topic.client,
  );
  #busy = false;
  #stopListening: (() => void) | undefined;

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

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.#listen();
  }

  /** Not sooner, since another module of the same script may give the page another client. */
  protected override firstUpdated(): void {
    if (this.isConnected) this.#listen();
  }

  #listen(): void {
    this.#stopListening?.();
    // Some may buy what others may not.
    this.#stopListening = this.topic.client.identityChanged.on(() => this.requestUpdate());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stopListening?.();
  }

  /** Others buy while this buyer thinks: tickets that are gone cannot stay chosen. */
  protected override topicChanged(): void {
    const { state } = this;
    if (!state) return;
    const shown = `${state.event.id}:${state.ticket_types.map(({ id }) => id).join(',')}`;
    if (shown !== this.#asked) void this.#readSeated(state.event.id, shown);
    if (this.#busy) return;
    for (const [id, quantity] of this.#chosen) {
      const type = state.ticket_types.find((row) => row.id === id);
      // The organizer may also have lowered what one booking may have, or ended the sale.
      const most = type && this.#sale.of(state, id) === 'on_sale' ? Math.min(type.available, mostOf(type), state.event.max_per_booking) : 0;
      if (state.event.status !== 'active' || quantity <= most) continue;
      this.#choose(id, most);
      const words = WORDS[this.language];
      this.reduced = type && most < type.available ? words.limited(type.name, most) : words.reduced(type?.name ?? words.thisType, most);
    }
    this.#reprice(state);
  }

  /** The event, with the types that are shown. */
  protected get state(): EventState | undefined {
    return this.topic.view.state;
  }

  /** What is left of one. */
  protected left(state: EventState, type: TicketType): TemplateResult {
    return html`<seatcast-availability quiet .client=${this.client} event=${state.event.id} ticket-type=${type.id}></seatcast-availability>`;
  }

  /** Chosen on the seat map; undefined while that is not known. */
  protected isSeated({ id }: TicketType): boolean | undefined {
    return this.#seated?.has(id);
  }

  /** In place of the quantity of what is chosen on the seat map. */
  protected howSeated(): TemplateResult | typeof nothing {
    return nothing;
  }

  async #readSeated(eventId: number, shown: string): Promise<void> {
    this.#asked = shown;
    try {
      const { ticket_types: types } = await this.topic.client.event(eventId);
      this.#seated = new Set(types.filter(({ seated }) => seated).map(({ id }) => id));
      this.requestUpdate();
    } catch {
      // The server judges anyway; the next change of the topic asks again.
      this.#asked = '';
    }
  }

  override render(): TemplateResult | typeof nothing {
    const { state } = this;
    const fault = faultOf(this.language, this.guard, this.topic.view.refused);
    if (fault) return fault;
    if (!state) return this.unseated ? nothing : html`${[0, 1].map(() => html`<span class="skeleton row-skeleton"></span>`)}`;
    const types = state.ticket_types.filter((type) => !this.unseated || this.isSeated(type) === false);
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
        ${this.left(state, type)}
        ${type.members_only ? html`<span class="members">${WORDS[this.language].membersOnly}</span>` : nothing}
      </div>
      ${this.#bar(type)}
      <span class="price">${money(this.language, type.price)}</span>
      ${this.readonly ? nothing : (this.#notOnSale(state, type) ?? (this.isSeated(type) ? this.howSeated() : this.#stepper(state, type)))}
    </li>`;
  }

  /** Why this type is not on sale at the moment, or not to this caller; undefined when it is. */
  #notOnSale(state: EventState, type: TicketType): TemplateResult | undefined {
    const words = WORDS[this.language];
    const note = (text: string | TemplateResult): TemplateResult => html`<span class="closed">${text}</span>`;
    const sale = state.event.status === 'active' ? this.#sale.of(state, type.id) : 'on_sale';
    if (sale === 'not_started') {
      const { day, month, time } = dateParts(this.language, type.sale_from ?? '', state.event.timezone);
      return note(words.onSaleFrom(`${day} ${month}`, time));
    }
    if (sale === 'closed') return note(words.salesEnded);
    const wantsAccount = type.members_only || type.account_required || state.event.membership_required;
    return wantsAccount && this.topic.client.isGuest ? note(signInLink(this.signInPage, words.signIn)) : undefined;
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
    const least = Math.max(1, type.min_per_booking ?? 1);
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
    return Math.max(0, Math.min(type.available, mostOf(type), state.event.max_per_booking - others));
  }

  #whyNoMore(state: EventState, type: TicketType, quantity: number): string {
    if (quantity >= type.available) return WORDS[this.language].onlyLeft(type.available);
    return WORDS[this.language].atMost(Math.min(mostOf(type), state.event.max_per_booking));
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
    const { state } = this;
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

/** Tickets of this type that one booking may have, by the terms of the type. */
function mostOf({ max_per_booking: perBooking, max_per_user: perUser }: TicketType): number {
  return Math.min(perBooking ?? Number.POSITIVE_INFINITY, perUser ?? Number.POSITIVE_INFINITY);
}

define('seatcast-ticket-types', SeatcastTicketTypes);

declare global {
  interface HTMLElementTagNameMap {
    'seatcast-ticket-types': SeatcastTicketTypes;
  }
}
