import { html, nothing, type TemplateResult } from 'lit';
import type { EventState, TicketType } from '../../sdk/index.ts';
import { SelectionChangedEvent, type SelectionLine, type SelectionSource } from '../events/selection-changed.ts';
import { count, money, plural } from '../internal/format.ts';
import { define, LiveElement } from '../internal/live-element.ts';
import { styles } from './seatcast-ticket-types.styles.ts';
import '../seatcast-availability/seatcast-availability.ts';

/**
 * The ticket types of an event with what is left of each, live, and a quantity for each: never more
 * than is left, never more in total than one booking may have.
 *
 *     <seatcast-ticket-types event="42"></seatcast-ticket-types>
 *
 * Fires `seatcast-selection`. `readonly` shows the numbers only.
 */
export class SeatcastTicketTypes extends LiveElement implements SelectionSource {
  static override styles = styles;
  static override properties = {
    ...LiveElement.properties,
    readonly: { type: Boolean },
    reduced: { state: true },
  };

  declare readonly: boolean | undefined;
  /** Said when the stock fell below what was chosen. */
  declare reduced: string | undefined;

  readonly #chosen = new Map<number, number>();
  #busy = false;

  /** What is chosen, by ticket type id. */
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

  /** Others buy while this buyer thinks: what is not there any more cannot stay chosen. */
  protected override topicChanged(): void {
    const { state } = this.topic.view;
    if (!state || this.#busy) return;
    for (const [id, quantity] of this.#chosen) {
      const type = state.ticket_types.find((row) => row.id === id);
      const most = type?.available ?? 0;
      if (quantity <= most) continue;
      this.#choose(id, most);
      this.reduced = `${type?.name ?? 'This type'}: ${most === 0 ? 'just sold out' : `only ${most} left`}. Your selection was reduced.`;
    }
  }

  override render(): TemplateResult {
    const { state } = this.topic.view;
    if (!state) return html`${[0, 1].map(() => html`<span class="skeleton row-skeleton"></span>`)}`;
    return html`
      <ul>
        ${state.ticket_types.map((type) => this.#row(state, type))}
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
      </div>
      ${this.#bar(type)}
      <span class="price">${money(type.price)}</span>
      ${this.readonly ? nothing : this.#stepper(state, type)}
    </li>`;
  }

  /** Sold, held and free as lengths. The numbers stand beside it in words. */
  #bar(type: TicketType): TemplateResult {
    const share = (part: number): number => (type.capacity > 0 ? Math.min(100, (part / type.capacity) * 100) : 0);
    const label = `${count(type.sold)} sold, ${count(type.held)} held of ${count(type.capacity)}`;
    return html`<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label=${label}>
      <title>${label}</title>
      <rect class="sold" width=${share(type.sold)} height="4"></rect>
      <rect class="held" x=${share(type.sold)} width=${share(type.held)} height="4"></rect>
    </svg>`;
  }

  #stepper(state: EventState, type: TicketType): TemplateResult {
    const quantity = this.#chosen.get(type.id) ?? 0;
    const most = this.#most(state, type);
    const open = state.event.status === 'active';
    return html`<div class="stepper" role="group" aria-label="Quantity of ${type.name}">
      <button
        type="button"
        aria-label="One fewer ${type.name}"
        ?disabled=${quantity === 0}
        @click=${() => this.#step(type.id, quantity - 1)}
      >
        −
      </button>
      <output aria-live="polite">${quantity}</output>
      <button
        type="button"
        aria-label="One more ${type.name}"
        title=${quantity > 0 && quantity >= most ? this.#whyNoMore(state, type, quantity) : ''}
        ?disabled=${!open || quantity >= most}
        @click=${() => this.#step(type.id, quantity + 1)}
      >
        +
      </button>
    </div>`;
  }

  /** The most of this type that may be chosen: what is left, and what one booking may still have. */
  #most(state: EventState, type: TicketType): number {
    const others = [...this.#chosen].reduce((sum, [id, quantity]) => (id === type.id ? sum : sum + quantity), 0);
    return Math.max(0, Math.min(type.available, state.event.max_per_booking - others));
  }

  #whyNoMore(state: EventState, type: TicketType, quantity: number): string {
    if (quantity >= type.available) return `Only ${type.available} left`;
    return `At most ${plural(state.event.max_per_booking, 'ticket')} per booking`;
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
    if (state) this.dispatchEvent(new SelectionChangedEvent(state.event.id, this.#lines(state)));
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
