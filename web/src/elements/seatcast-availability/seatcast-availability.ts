import { html, nothing, type TemplateResult } from 'lit';
import type { TopicStatus } from '../../sdk/freshness.ts';
import { LOW_STOCK_BELOW, stockLevel, totalsOf, type EventState, type StockLevel } from '../../sdk/model.ts';
import type { TopicView } from '../../sdk/topic-state.ts';
import type { Language } from '../internal/language.ts';
import { define, FLAG, LiveElement } from '../internal/live-element.ts';
import { SaleController } from '../internal/sale-controller.ts';
import { styles } from './seatcast-availability.styles.ts';
import { WORDS } from './words.ts';

/** The badge's words for some stock. */
interface Stock {
  available: number;
  level: StockLevel;
}

/** Pause between a change of colour and its announcement. */
const ANNOUNCE_AFTER_MS = 1_500;

/**
 * How many tickets are left, live: green, yellow from 25 % left, orange from 10 %, red when sold
 * out, and whether that is proven current.
 *
 *     <seatcast-availability event="42"></seatcast-availability>
 *     <seatcast-availability event="42" ticket-type="7" quiet></seatcast-availability>
 *
 * `quiet` leaves the LIVE mark out unless there is something to say (stale, offline). `announce` tells
 * users of screen readers when the colour changes; every single number would be too much to listen to.
 */
export class SeatcastAvailability extends LiveElement {
  static override styles = styles;
  static override properties = {
    ...LiveElement.properties,
    ticketType: { type: Number, attribute: 'ticket-type' },
    quiet: FLAG,
    announce: FLAG,
    fallbackAvailable: { type: Number, attribute: 'fallback-available' },
    fallbackTotal: { type: Number, attribute: 'fallback-total' },
    announced: { state: true },
  };

  /** Id of one ticket type; without it the event as a whole. */
  declare ticketType: number | undefined;
  declare quiet: boolean | undefined;
  declare announce: boolean | undefined;
  declare announced: string | undefined;
  /** Numbers of the page, shown until the server's are there; not as live. */
  declare fallbackAvailable: number | undefined;
  declare fallbackTotal: number | undefined;

  readonly #sale = new SaleController(
    this,
    () => this.view.state,
    () => this.topic.client,
  );
  /** The number that the badge showed last, to see it change. */
  #shown: number | undefined;
  /** The words that were announced last, or were there at first. */
  #heard: StockLevel | undefined;
  #announcing: ReturnType<typeof setTimeout> | undefined;

  protected get view(): TopicView<EventState> {
    return this.topic.view;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#announcing);
    this.#announcing = undefined;
  }

  protected override topicChanged(): void {
    const { state } = this.view;
    if (!this.announce || !state || this.#announcing) return;
    const { level } = this.#stock(state);
    this.#heard ??= level;
    if (level !== this.#heard) this.#announcing = setTimeout(() => this.#announce(), ANNOUNCE_AFTER_MS);
  }

  /** The words by now: stock that goes to and fro is not worth an announcement each time. */
  #announce(): void {
    this.#announcing = undefined;
    const { state } = this.view;
    const stock = state && this.#stock(state);
    if (!stock || stock.level === this.#heard) return;
    this.#heard = stock.level;
    this.announced = words(this.language, stock);
  }

  override render(): TemplateResult {
    const { state, status, refused } = this.view;
    if (refused || this.guard?.isNameless) return html`<span class="badge closed">${WORDS[this.language].unavailable}</span>`;
    if (!state) return this.#waiting(status);
    const announcer = this.announce ? html`<span class="visually-hidden" role="status">${this.announced ?? nothing}</span>` : nothing;
    return html`${this.#badge(state)}${this.#liveness(status)}${announcer}`;
  }

  #waiting(status: TopicStatus): TemplateResult {
    const { fallbackAvailable: available, fallbackTotal: total } = this;
    const pending =
      available === undefined
        ? html`<span class="badge skeleton" role="img" aria-label=${WORDS[this.language].loading}></span>`
        : this.#stockBadge({ available, level: coloured(available, stockLevel(available, total ?? available)) }, 'old');
    return html`${pending}${this.#liveness(status)}`;
  }

  #badge(state: EventState): TemplateResult {
    const { status } = state.event;
    const closed = status === 'active' ? this.#closed(state) : status;
    if (closed) return html`<span class="badge closed ${closed}" data-level=${closed}>${WORDS[this.language].closed[closed]}</span>`;
    const stock = this.#stock(state);
    const changed = this.#shown !== undefined && this.#shown !== stock.available;
    this.#shown = stock.available;
    const old = this.view.status === 'live' ? '' : 'old';
    return this.#stockBadge(stock, `${changed ? 'changed' : ''} ${old}`);
  }

  #stockBadge(stock: Stock, looks: string): TemplateResult {
    return html`<span class="badge ${stock.level} ${looks}" data-level=${stock.level} @animationend=${this.#settled}>
      <span class="dot" aria-hidden="true"></span><span class="text">${words(this.language, stock)}</span>
    </span>`;
  }

  /** Tickets of an event that began are not on sale any more, however many are left. */
  #closed(state: EventState): 'completed' | 'over' | 'draft' | undefined {
    const [some] = state.ticket_types;
    if (some && this.#sale.of(state, this.ticketType) !== 'closed') return undefined;
    return this.#sale.isOver(state) ? 'completed' : some ? 'over' : 'draft';
  }

  #stock(state: EventState): Stock {
    if (this.ticketType === undefined) {
      const { available, status } = totalsOf(state);
      return { available, level: coloured(available, status) };
    }
    const { available, capacity } = state.ticket_types.find(({ id }) => id === this.ticketType) ?? { available: 0, capacity: 0 };
    return { available, level: coloured(available, stockLevel(available, capacity)) };
  }

  #liveness(status: TopicStatus): TemplateResult | typeof nothing {
    if (status === 'connecting' || (this.quiet && status === 'live')) return nothing;
    const { label, title } = WORDS[this.language].liveness[status];
    return html`<span class="liveness ${status}" data-status=${status} title=${title}>
      <span class="pulse" aria-hidden="true"></span>${label}
    </span>`;
  }

  /** The highlight of a change ran: take it away, so that the next change can run it again. */
  #settled(event: AnimationEvent): void {
    (event.currentTarget as HTMLElement).classList.remove('changed');
  }
}

/** «Only 1 left» is not said in green, however small the event is. */
function coloured(available: number, level: StockLevel): StockLevel {
  return level === 'available' && available < LOW_STOCK_BELOW ? 'limited' : level;
}

function words(language: Language, { available, level }: Stock): string {
  const { soldOut, only, almost, limited, left } = WORDS[language];
  if (level === 'sold_out') return soldOut;
  if (available < LOW_STOCK_BELOW) return only(available);
  if (level === 'almost_sold_out') return almost(available);
  return level === 'limited' ? limited(available) : left(available);
}

define('seatcast-availability', SeatcastAvailability);

declare global {
  interface HTMLElementTagNameMap {
    'seatcast-availability': SeatcastAvailability;
  }
}
