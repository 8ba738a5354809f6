import { html, nothing, type TemplateResult } from 'lit';
import type { BuyerClient } from '../../sdk/buyer-client.ts';
import type { TicketType, TicketTypeDetails } from '../../sdk/index.ts';
import { roundSum } from '../internal/format.ts';
import type { Language } from '../internal/language.ts';
import { swatch, typeLetter, typeSwatch } from './swatches.ts';
import { WORDS } from './words.ts';
import '../seatcast-availability/seatcast-availability.ts';
import '../seatcast-revealed/seatcast-unlisted.ts';

/** The part of a plan that its legend needs. */
export interface Explained {
  client(): BuyerClient;
  language(): Language;
  /** Id of the event. */
  event(): number | undefined;
  /** All ticket types, in the event's order, and those of them that are sold by the seat. */
  types(): readonly TicketType[];
  seated(): readonly TicketType[];
  /** What is left of hidden types could not be read. */
  isHiddenStale(): boolean;
  hasWheelchairs: boolean;
  price(type: TicketType): string;
  changed(): void;
}

/** Explains the shapes. Types, prices and places for wheelchairs are filters as well: the map dims what they leave out. */
export class Legend {
  readonly #plan: Explained;
  /** Ids of the types that are shown; empty: all. */
  readonly #shown = new Set<number>();
  /** In minor units. */
  #priceMax: number | undefined;
  #onlyWheelchairs = false;

  constructor(plan: Explained) {
    this.#plan = plan;
  }

  get isFiltered(): boolean {
    return this.#shown.size > 0 || this.#priceMax !== undefined || this.#onlyWheelchairs;
  }

  /** Only places with room for a wheelchair are shown, and those beside them. */
  get onlyWheelchairs(): boolean {
    return this.#onlyWheelchairs;
  }

  isShown({ id, price }: TicketType): boolean {
    return (this.#shown.size === 0 || this.#shown.has(id)) && (this.#priceMax === undefined || price.amount <= this.#priceMax);
  }

  /** Types that are gone are no filter any more. */
  typesChanged(): void {
    for (const id of [...this.#shown]) if (!this.#plan.types().some((type) => type.id === id)) this.#shown.delete(id);
  }

  #toggleType(id: number): void {
    if (!this.#shown.delete(id)) this.#shown.add(id);
    // All of them are none.
    if (this.#shown.size === this.#plan.seated().length) this.#shown.clear();
    this.#plan.changed();
  }

  readonly #toggleWheelchairs = (): void => {
    this.#onlyWheelchairs = !this.#onlyWheelchairs;
    this.#plan.changed();
  };

  render(): TemplateResult {
    const words = WORDS[this.#plan.language()];
    const seated = this.#plan.seated();
    const prices = [...new Set(seated.map(({ price }) => price.amount))].sort((a, b) => a - b);
    return html`<div class="legend">
      <ul class="types" aria-label=${words.legend.types}>
        ${seated.map((type) => html`<li>${this.#type(type, seated.length > 1)}</li>`)}
        ${this.#plan.hasWheelchairs
          ? html`<li>
              <button type="button" class="type" aria-pressed=${this.#onlyWheelchairs} @click=${this.#toggleWheelchairs}>
                ${swatch('special')}<span class="name">${words.wheelchairs}</span>
              </button>
            </li>`
          : nothing}
        ${prices.length > 1 ? html`<li>${this.#prices(prices, seated[0]!.price.currency)}</li>` : nothing}
      </ul>
      <ul class="statuses">
        <li>${swatch('chosen')}${words.legend.yours}</li>
        <li>${swatch('held')}${words.legend.held}</li>
        <li>${swatch('sold')}${words.legend.sold}</li>
        <li>${swatch('blocked')}${words.legend.blocked}</li>
      </ul>
    </div>`;
  }

  #type(type: TicketType, isChoice: boolean): TemplateResult {
    const types = this.#plan.types();
    const index = types.indexOf(type);
    const letter = typeLetter(index, types.length);
    return html`<button
      type="button"
      class="type ${this.isShown(type) ? '' : 'dim'}"
      aria-pressed=${this.#shown.has(type.id)}
      ?disabled=${!isChoice}
      @click=${() => this.#toggleType(type.id)}
    >
      ${typeSwatch(index)}
      ${letter ? html`<i class="letter" aria-hidden="true">${letter}</i>` : nothing}
      <span class="name">${type.name}</span> <span class="price">${this.#plan.price(type)}</span>
      ${this.#left(type)}
    </button>`;
  }

  #left(type: TicketType): TemplateResult {
    const event = this.#plan.event() ?? nothing;
    const client = this.#plan.client();
    if ((type as TicketTypeDetails).hidden) {
      return html`<seatcast-unlisted quiet .client=${client} event=${event} ticket-type=${type.id} .of=${type} ?stale=${this.#plan.isHiddenStale()}></seatcast-unlisted>`;
    }
    return html`<seatcast-availability quiet .client=${client} event=${event} ticket-type=${type.id}></seatcast-availability>`;
  }

  #prices(prices: readonly number[], currency: string): TemplateResult {
    const language = this.#plan.language();
    const words = WORDS[language];
    return html`<select
      class="price-filter"
      aria-label=${words.price}
      @change=${(change: Event) => {
        const { value } = change.target as HTMLSelectElement;
        this.#priceMax = value === '' ? undefined : Number(value);
        this.#plan.changed();
      }}
    >
      <option value="">${words.anyPrice}</option>
      ${prices.slice(0, -1).map((amount) => html`<option value=${amount}>${words.upTo(roundSum(language, { amount, currency }))}</option>`)}
    </select>`;
  }
}
