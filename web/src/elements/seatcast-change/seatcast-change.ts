import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { BookedItem, BookedSeat, Booking, BookingItem, EventDetails, TicketType, TicketTypeDetails } from '../../sdk/index.ts';
import { BookingChangedEvent } from '../events/booking-changed.ts';
import { count, money, sum } from '../internal/format.ts';
import { define } from '../internal/live-element.ts';
import { SellingElement } from '../internal/selling-element.ts';
import { explain } from '../internal/refusals.ts';
import { styles } from './seatcast-change.styles.ts';
import { WORDS } from './words.ts';

/**
 * Puts other tickets in place of those of the hold in its property `booking`: other quantities, or fewer seats. Part of
 * `seatcast-bookings`. Fires `seatcast-changed`, and `close` when the buyer is done with it.
 */
export class SeatcastChange extends SellingElement {
  static override styles = styles;
  static override properties = {
    ...SellingElement.properties,
    booking: { attribute: false },
    types: { state: true },
    problem: { state: true },
    sending: { state: true },
    givenUp: { state: true },
  };

  declare booking: Booking | undefined;
  /** Those of the event, with their terms. */
  declare types: readonly TicketTypeDetails[] | undefined;
  declare problem: unknown;
  declare sending: boolean;
  /** Ids of seats that go. */
  declare givenUp: ReadonlySet<number>;
  /** Wanted quantities, by ticket type. */
  readonly #wanted = new Map<number, number>();

  constructor() {
    super();
    this.sending = false;
    this.givenUp = new Set();
  }

  protected override get needsEvent(): boolean {
    return false;
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('booking') || changed.get('booking')?.id === this.booking?.id) return;
    this.event = this.booking?.event_id;
    this.#wanted.clear();
    for (const { ticket_type_id: id, quantity, seats } of this.booking?.items ?? []) {
      if (seats.length === 0) this.#wanted.set(id, quantity);
    }
    void this.#readTypes();
  }

  protected override firstUpdated(): void {
    this.renderRoot.querySelector<HTMLElement>('section')?.focus();
  }

  override render(): TemplateResult | typeof nothing {
    const { booking, types } = this;
    if (!booking) return nothing;
    const words = WORDS[this.language];
    const quantity = this.#quantity(booking);
    return html`<section tabindex="-1" aria-labelledby="title" aria-busy=${types === undefined}>
      <h3 id="title">${words.title(booking.reference)}</h3>
      ${types
        ? html`<ul>
            ${seatsOf(booking).map((seat) => this.#seat(seat))} ${types.map((type) => this.#type(booking, type))}
          </ul>`
        : this.problem
          ? nothing
          : html`<span class="skeleton row-skeleton" role="img" aria-label=${words.loading}></span>`}
      <p class="sum" aria-live="polite">${quantity === 0 ? words.atLeastOne : words.tickets(quantity, this.#price(booking))}</p>
      <p class="hint">${words.pricedAnew}</p>
      <p class="problem" role="alert">${this.problem ? explain(this.language, this.problem) : nothing}</p>
      <div class="answers">
        <button class="button primary" type="button" ?disabled=${this.sending || !types || quantity === 0 || !this.#differs(booking)} @click=${() => this.#change(booking)}>
          ${this.sending ? html`<span class="spinner" aria-hidden="true"></span> ${words.oneMoment}` : words.change}
        </button>
        <button class="button" type="button" @click=${() => this.#close()}>${words.leave}</button>
      </div>
    </section>`;
  }

  #seat(seat: BookedSeat): TemplateResult {
    const words = WORDS[this.language];
    const name = words.seat(seat.section, seat.row, seat.number);
    const isGone = this.givenUp.has(seat.id);
    return html`<li class=${isGone ? 'gone' : ''}>
      <span class="name">${name}</span>
      <button class="button small" type="button" aria-label=${isGone ? words.keepSeat(name) : words.leaveOut(name)} @click=${() => this.#toggle(seat.id)}>
        ${isGone ? words.keep : words.giveUp}
      </button>
    </li>`;
  }

  #type(booking: Booking, type: TicketTypeDetails): TemplateResult | typeof nothing {
    const words = WORDS[this.language];
    const quantity = this.#wanted.get(type.id) ?? 0;
    const live = this.topic.view.state?.ticket_types.find(({ id }) => id === type.id) ?? type;
    const most = this.#most(booking, live, quantity);
    const least = Math.max(1, type.min_per_booking);
    if (quantity === 0 && (type.seated || most === 0 || !this.#isForCaller(type))) return nothing;
    return html`<li>
      <span class="name" dir="auto">${type.name}</span> <span class="price">${money(this.language, live.price)}</span>
      <div class="stepper" role="group" aria-label=${words.quantityOf(type.name)}>
        <button type="button" aria-label=${words.fewer(type.name)} ?disabled=${quantity === 0} @click=${() => this.#want(type.id, quantity <= least ? 0 : quantity - 1)}>−</button>
        <output aria-live="polite">${count(this.language, quantity)}</output>
        <button type="button" aria-label=${words.more(type.name)} ?disabled=${quantity >= most || least > most} @click=${() => this.#want(type.id, Math.max(least, quantity + 1))}>+</button>
      </div>
    </li>`;
  }

  #isForCaller({ sale_state: sale, members_only: forMembers, account_required: forAccounts }: TicketTypeDetails): boolean {
    return sale === 'on_sale' && !(this.topic.client.isGuest && (forMembers || forAccounts));
  }

  /** Tickets that the hold has count as free, and those of other types count for the whole booking. */
  #most({ items }: Booking, type: TicketType, quantity: number): number {
    const own = items.find(({ ticket_type_id: id, seats }) => id === type.id && seats.length === 0)?.quantity ?? 0;
    const inAll = this.topic.view.state?.event.max_per_booking ?? Number.POSITIVE_INFINITY;
    const others = this.booking ? this.#quantity(this.booking) - quantity : 0;
    return Math.max(0, Math.min(type.available + own, type.max_per_booking ?? inAll, inAll - others));
  }

  #quantity(booking: Booking): number {
    const wanted = [...this.#wanted.values()].reduce((all, quantity) => all + quantity, 0);
    return wanted + seatsOf(booking).filter(({ id }) => !this.givenUp.has(id)).length;
  }

  /** Of the tickets alone. */
  #price(booking: Booking): string {
    const priceOf = (typeId: number): number => this.types?.find(({ id }) => id === typeId)?.price.amount ?? 0;
    const standing = [...this.#wanted].reduce((all, [id, quantity]) => all + priceOf(id) * quantity, 0);
    const seated = booking.items.reduce((all, { seats, unit_price: price }) => all + price.amount * seats.filter(({ id }) => !this.givenUp.has(id)).length, 0);
    return sum(this.language, { amount: standing + seated, currency: booking.total.currency });
  }

  #differs(booking: Booking): boolean {
    return JSON.stringify(this.#items(booking)) !== JSON.stringify(itemsOf(booking));
  }

  #items(booking: Booking): BookingItem[] {
    const seats = seatsOf(booking).filter(({ id }) => !this.givenUp.has(id));
    const wanted = [...this.#wanted].filter(([, quantity]) => quantity > 0).sort(([one], [other]) => one - other);
    return [...seats.map(({ id }) => ({ seat_id: id })), ...wanted.map(([ticket_type_id, quantity]) => ({ ticket_type_id, quantity }))];
  }

  #want(typeId: number, quantity: number): void {
    this.problem = undefined;
    this.#wanted.set(typeId, quantity);
    this.requestUpdate();
  }

  #toggle(seatId: number): void {
    this.problem = undefined;
    const others = [...this.givenUp].filter((id) => id !== seatId);
    this.givenUp = new Set(this.givenUp.has(seatId) ? others : [...others, seatId]);
  }

  async #change(booking: Booking): Promise<void> {
    this.sending = true;
    this.problem = undefined;
    try {
      const changed = await this.topic.client.changeItems(booking, this.#items(booking));
      this.dispatchEvent(new BookingChangedEvent(changed));
      this.#close();
    } catch (error) {
      this.problem = error;
    } finally {
      this.sending = false;
    }
  }

  #close(): void {
    this.dispatchEvent(new Event('close'));
  }

  async #readTypes(): Promise<void> {
    const id = this.booking?.event_id;
    if (id === undefined) return;
    try {
      const event: EventDetails = await this.topic.client.event(id);
      this.types = [...event.ticket_types, ...unlisted(this.booking?.items ?? [], event.ticket_types)];
    } catch (error) {
      this.problem = error;
    }
  }
}

/**
 * Types of the booking that the event does not list, such as hidden ones that a code opened: the buyer may keep and leave what
 * there is of them.
 */
function unlisted(items: readonly BookedItem[], listed: readonly TicketType[]): TicketTypeDetails[] {
  const own = items.filter(({ ticket_type_id: id, seats }) => seats.length === 0 && !listed.some((type) => type.id === id));
  return own.map(({ ticket_type_id: id, name, unit_price: price }) => ({
    ...{ id, name, price, capacity: 0, available: 0, held: 0, sold: 0, status: 'sold_out', sale_state: 'on_sale' },
    ...{ sale_from: null, sale_to: null, min_per_booking: 1, max_per_booking: null, max_per_user: null },
    ...{ members_only: false, account_required: false, email_required: false, seated: false, sort: 0, hidden: true },
  }));
}

function seatsOf({ items }: Booking): BookedSeat[] {
  return items.flatMap(({ seats }) => seats);
}

/** The items of a booking as one would ask for them, seats first. */
function itemsOf(booking: Booking): BookingItem[] {
  const standing = booking.items.filter(({ seats }) => seats.length === 0).sort((one, other) => one.ticket_type_id - other.ticket_type_id);
  return [...seatsOf(booking).map(({ id }) => ({ seat_id: id })), ...standing.map(({ ticket_type_id, quantity }) => ({ ticket_type_id, quantity }))];
}

define('seatcast-change', SeatcastChange);

declare global {
  interface HTMLElementTagNameMap {
    'seatcast-change': SeatcastChange;
  }
}
