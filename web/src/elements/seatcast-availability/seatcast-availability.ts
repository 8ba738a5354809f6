import { html, nothing, type TemplateResult } from 'lit';
import { stockLevel, totalsOf, type EventState, type StockLevel, type TopicStatus } from '../../sdk/index.ts';
import { count } from '../internal/format.ts';
import { define, LiveElement } from '../internal/live-element.ts';
import { styles } from './seatcast-availability.styles.ts';

/** What the badge says of some stock. */
interface Stock {
  available: number;
  level: StockLevel;
}

const CLOSED: Partial<Record<EventState['event']['status'], string>> = {
  cancelled: 'Cancelled',
  completed: 'Ended',
  paused: 'Sales paused',
  draft: 'Not on sale yet',
};

const LIVENESS: Record<Exclude<TopicStatus, 'connecting'>, { label: string; title: string }> = {
  live: { label: 'Live', title: 'Proven current: the number changes as tickets are sold' },
  stale: { label: 'Stale', title: 'The last number known; newer ones may exist. Reconnecting' },
  offline: { label: 'Offline', title: 'No connection. This is the last number known' },
};

/**
 * How many tickets are left, live: green, yellow from 25 % left, orange from 10 %, red when sold
 * out, and whether that is proven current.
 *
 *     <seatcast-availability event="42"></seatcast-availability>
 *     <seatcast-availability event="42" ticket-type="7" quiet></seatcast-availability>
 *
 * `quiet` leaves the LIVE mark out unless there is something to say (stale, offline).
 */
export class SeatcastAvailability extends LiveElement {
  static override styles = styles;
  static override properties = {
    ...LiveElement.properties,
    ticketType: { type: Number, attribute: 'ticket-type' },
    quiet: { type: Boolean },
  };

  /** Id of one ticket type; without it the event as a whole. */
  declare ticketType: number | undefined;
  declare quiet: boolean | undefined;

  /** The number that the badge showed last, to see it change. */
  #shown: number | undefined;

  override render(): TemplateResult {
    const { state, status, refused } = this.topic.view;
    if (refused) return html`<span class="badge closed">Not available</span>`;
    if (!state) return this.#waiting(status);
    return html`${this.#badge(state)}${this.#liveness(status)}`;
  }

  #waiting(status: TopicStatus): TemplateResult {
    const pending = html`<span class="badge skeleton" role="img" aria-label="Loading availability"></span>`;
    return html`${pending}${this.#liveness(status)}`;
  }

  #badge(state: EventState): TemplateResult {
    const closed = CLOSED[state.event.status];
    if (closed) return html`<span class="badge closed" data-level=${state.event.status}>${closed}</span>`;
    const stock = this.#stock(state);
    const changed = this.#shown !== undefined && this.#shown !== stock.available;
    this.#shown = stock.available;
    return html`<span class="badge ${stock.level} ${changed ? 'changed' : ''}" data-level=${stock.level} @animationend=${this.#settled}>
      <span class="dot" aria-hidden="true"></span><span class="text">${words(stock)}</span>
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
    const { label, title } = LIVENESS[status];
    return html`<span class="liveness ${status}" data-status=${status} title=${title}>
      <span class="pulse" aria-hidden="true"></span>${label}
    </span>`;
  }

  /** The highlight of a change ran: take it away, so that the next change can run it again. */
  #settled(event: AnimationEvent): void {
    (event.currentTarget as HTMLElement).classList.remove('changed');
  }
}

function words({ available, level }: Stock): string {
  if (level === 'sold_out') return 'Sold out';
  if (available < 10) return `Only ${available} left`;
  if (level === 'almost_sold_out') return `Almost sold out · ${count(available)} left`;
  return level === 'limited' ? `Limited · ${count(available)} left` : `${count(available)} left`;
}

define('seatcast-availability', SeatcastAvailability);

declare global {
  interface HTMLElementTagNameMap {
    'seatcast-availability': SeatcastAvailability;
  }
}
