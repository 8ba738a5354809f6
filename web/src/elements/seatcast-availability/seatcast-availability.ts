import { html, nothing, type TemplateResult } from 'lit';
import { stockLevel, totalsOf, type EventState, type StockLevel, type TopicStatus } from '../../sdk/index.ts';
import type { Language } from '../internal/language.ts';
import { define, LiveElement } from '../internal/live-element.ts';
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
    quiet: { type: Boolean },
    announce: { type: Boolean },
    announced: { state: true },
  };

  /** Id of one ticket type; without it the event as a whole. */
  declare ticketType: number | undefined;
  declare quiet: boolean | undefined;
  declare announce: boolean | undefined;
  declare announced: string | undefined;

  /** The number that the badge showed last, to see it change. */
  #shown: number | undefined;
  /** The words that were announced last, or were there at first. */
  #heard: StockLevel | undefined;
  #announcing: ReturnType<typeof setTimeout> | undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#announcing);
    this.#announcing = undefined;
  }

  protected override topicChanged(): void {
    const { state } = this.topic.view;
    if (!this.announce || !state || this.#announcing) return;
    const { level } = this.#stock(state);
    this.#heard ??= level;
    if (level !== this.#heard) this.#announcing = setTimeout(() => this.#announce(), ANNOUNCE_AFTER_MS);
  }

  /** The words by now: stock that goes to and fro is not worth an announcement each time. */
  #announce(): void {
    this.#announcing = undefined;
    const { state } = this.topic.view;
    const stock = state && this.#stock(state);
    if (!stock || stock.level === this.#heard) return;
    this.#heard = stock.level;
    this.announced = words(this.language, stock);
  }

  override render(): TemplateResult {
    const { state, status, refused } = this.topic.view;
    if (refused) return html`<span class="badge closed">${WORDS[this.language].unavailable}</span>`;
    if (!state) return this.#waiting(status);
    const announcer = this.announce ? html`<span class="visually-hidden" role="status">${this.announced ?? nothing}</span>` : nothing;
    return html`${this.#badge(state)}${this.#liveness(status)}${announcer}`;
  }

  #waiting(status: TopicStatus): TemplateResult {
    const pending = html`<span class="badge skeleton" role="img" aria-label=${WORDS[this.language].loading}></span>`;
    return html`${pending}${this.#liveness(status)}`;
  }

  #badge(state: EventState): TemplateResult {
    const { status } = state.event;
    if (status !== 'active') {
      return html`<span class="badge closed ${status}" data-level=${status}>${WORDS[this.language].closed[status]}</span>`;
    }
    const stock = this.#stock(state);
    const changed = this.#shown !== undefined && this.#shown !== stock.available;
    this.#shown = stock.available;
    const old = this.topic.view.status === 'live' ? '' : 'old';
    return html`<span class="badge ${stock.level} ${changed ? 'changed' : ''} ${old}" data-level=${stock.level} @animationend=${this.#settled}>
      <span class="dot" aria-hidden="true"></span><span class="text">${words(this.language, stock)}</span>
    </span>`;
  }

  #stock(state: EventState): Stock {
    if (this.ticketType === undefined) {
      const { available, status } = totalsOf(state);
      return { available, level: status };
    }
    const type = state.ticket_types.find(({ id }) => id === this.ticketType);
    return { available: type?.available ?? 0, level: stockLevel(type?.available ?? 0, type?.capacity ?? 0) };
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

function words(language: Language, { available, level }: Stock): string {
  const { soldOut, only, almost, limited, left } = WORDS[language];
  if (level === 'sold_out') return soldOut;
  if (available < 10) return only(available);
  if (level === 'almost_sold_out') return almost(available);
  return level === 'limited' ? limited(available) : left(available);
}

define('seatcast-availability', SeatcastAvailability);

declare global {
  interface HTMLElementTagNameMap {
    'seatcast-availability': SeatcastAvailability;
  }
}
