import { css, html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { count, dateParts, percent, sum, timed } from '../../elements/internal/format.ts';
import { explain } from '../../elements/internal/refusals.ts';
import type { EventStatus, EventSummary, Money } from '../../sdk/index.ts';
import { DeskPage } from '../desk-page.ts';
import { statusTag } from '../event-frame.ts';
import { may } from '../rights.ts';
import { deskStyles } from '../styles.ts';
import { WORDS as COMMON } from '../words.ts';
import { WORDS } from './words.ts';

const PAGE_ROWS = 25;
/** Pause in typing after which the search is made. */
const TYPING_MS = 220;
/** A list that is seen is asked for anew so often: what others make is in no topic. */
const LOOK_MS = 15_000;
const STATUSES: readonly EventStatus[] = ['active', 'draft', 'paused', 'completed', 'cancelled'];
const BASIS_POINTS = 10_000;

/** An event; with its sales for those who may see figures. */
interface ManagedEvent extends EventSummary {
  total_tickets_sold: number;
  /** Of organizations whose figures the caller may see. */
  total_revenue?: Money;
}

/** The events of the organizations that the caller works for, the latest first. */
export class EventsPage extends DeskPage {
  static override properties = {
    events: { state: true },
    next: { state: true },
    total: { state: true },
    problem: { state: true },
    query: { state: true },
    status: { state: true },
  };
  static override styles = [
    deskStyles,
    css`
      .search {
        display: grid;
        grid-template-columns: minmax(0, 1fr) minmax(8rem, 12rem);
        gap: 0.75rem;
        max-width: 36rem;
      }
      @media (max-width: 480px) {
        .search {
          grid-template-columns: minmax(0, 1fr);
        }
      }
      th a {
        text-decoration-color: var(--line-strong);
        text-underline-offset: 3px;
      }
      th small {
        display: block;
        color: var(--ink-soft);
        font-weight: 400;
        text-align: start;
      }
      meter {
        display: block;
        width: 100%;
        min-width: 6rem;
        height: 0.5rem;
        border: 0;
        border-radius: 99px;
        background: var(--sunken);
      }
      meter::-webkit-meter-bar {
        border: 0;
        border-radius: 99px;
        background: var(--sunken);
      }
      meter::-webkit-meter-optimum-value {
        border-radius: 99px;
        background: var(--accent);
      }
      meter::-moz-meter-bar {
        border-radius: 99px;
        background: var(--accent);
      }
      .sold {
        display: grid;
        gap: 0.25rem;
      }
      .waiting {
        height: 20rem;
      }
      .more {
        justify-self: center;
      }
    `,
  ];

  declare events: readonly ManagedEvent[] | undefined;
  declare next: string | undefined;
  declare total: number;
  declare problem: unknown;
  declare query: string;
  declare status: string;

  #typing: ReturnType<typeof setTimeout> | undefined;
  #looking: ReturnType<typeof setInterval> | undefined;
  /** Answers of older questions are dropped. */
  #asked = 0;

  constructor() {
    super();
    const asked = new URLSearchParams(location.search);
    this.query = asked.get('q') ?? '';
    this.status = STATUSES.find((status) => status === asked.get('status')) ?? '';
    this.total = 0;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#load();
    this.#looking = setInterval(() => {
      if (document.visibilityState === 'visible' && (this.events?.length ?? 0) <= PAGE_ROWS) void this.#load();
    }, LOOK_MS);
  }

  override disconnectedCallback(): void {
    clearInterval(this.#looking);
    clearTimeout(this.#typing);
    this.#asked += 1;
    super.disconnectedCallback();
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    return html`
      <div class="bar">
        <h1>${words.title}</h1>
        ${may(this.me, 'manage') ? html`<a class="button primary" href="/desk/events/new">${words.make}</a>` : nothing}
      </div>
      ${this.#filter()} ${this.#hasFigures ? nothing : html`<p class="soft">${words.noFigures}</p>`}
      <p class="visually-hidden" role="status">${this.events ? words.found(this.total) : nothing}</p>
      ${this.#results()}
    `;
  }

  /** Of some of the organizations, at least. */
  get #hasFigures(): boolean {
    return may(this.me, 'figures');
  }

  #filter(): TemplateResult {
    const words = WORDS[this.language];
    return html`<div class="search" role="search">
        <label
          >${words.search}
          <input type="search" autocomplete="off" placeholder=${words.placeholder} .value=${this.query} @input=${this.#typed} />
        </label>
        <label
          >${words.status}
          <select @change=${(event: Event) => this.#choose((event.target as HTMLSelectElement).value)}>
            <option value="" ?selected=${this.status === ''}>${words.all}</option>
            ${STATUSES.map((status) => html`<option value=${status} ?selected=${status === this.status}>${COMMON[this.language].status[status]}</option>`)}
          </select>
        </label>
      </div>`;
  }

  #results(): TemplateResult {
    const common = COMMON[this.language];
    if (this.problem !== undefined && !this.events) {
      return html`<div class="message" role="alert">
        <p><strong>${common.failedTitle}</strong>${explain(this.language, this.problem)}</p>
        <button class="button primary" type="button" @click=${() => void this.#load()}>${common.again}</button>
      </div>`;
    }
    if (!this.events) return html`<div class="skeleton waiting" aria-busy="true"></div>`;
    if (this.events.length === 0) return this.#nothing();
    return html`${this.#table(this.events)}
    ${this.next ? html`<button class="button more" type="button" @click=${() => void this.#load(this.next)}>${common.more}</button>` : nothing}`;
  }

  #nothing(): TemplateResult {
    const words = WORDS[this.language];
    const isAll = this.query === '' && this.status === '';
    return html`<div class="message">
      <p><strong>${isAll ? words.noneTitle : words.nothingTitle}</strong>${isAll ? words.none : words.nothing}</p>
      ${isAll ? nothing : html`<button class="button" type="button" @click=${() => this.#search('', '')}>${words.showAll}</button>`}
    </div>`;
  }

  #table(events: readonly ManagedEvent[]): TemplateResult {
    const words = WORDS[this.language];
    return html`<div class="scroll">
      <table class="stack">
        <thead>
          <tr>
            <th scope="col">${words.event}</th>
            <th scope="col">${words.when}</th>
            <th scope="col">${words.status}</th>
            <th scope="col">${words.sold}</th>
            ${this.#hasFigures ? html`<th scope="col" class="number">${words.revenue}</th>` : nothing}
          </tr>
        </thead>
        <tbody>
          ${repeat(
            events,
            ({ id }) => id,
            (event) => this.#row(event),
          )}
        </tbody>
      </table>
    </div>`;
  }

  #row(event: ManagedEvent): TemplateResult {
    const words = WORDS[this.language];
    const { day, month, year, time } = dateParts(this.language, event.starts_at, event.timezone);
    const { capacity, total_tickets_sold: tickets, total_revenue: revenue } = event;
    const sold = words.of(count(this.language, tickets), count(this.language, capacity));
    const share = percent(this.language, capacity > 0 ? Math.round((tickets / capacity) * BASIS_POINTS) : 0);
    return html`<tr>
      <th scope="row"><span><a href="/desk/events/${event.id}">${event.title}</a><small>${event.venue}</small></span></th>
      <td data-label=${words.when}><span>${timed(this.language, `${day} ${month} ${year}`, time)}</span></td>
      <td data-label=${words.status}>${statusTag(COMMON[this.language].status, event.status)}</td>
      <td data-label=${words.sold}>
        <span class="sold"><span>${sold}</span><meter aria-label=${share} min="0" max=${capacity} .value=${tickets}></meter></span>
      </td>
      ${this.#hasFigures ? html`<td data-label=${words.revenue} class="number"><span>${revenue ? sum(this.language, revenue) : '–'}</span></td>` : nothing}
    </tr>`;
  }

  #typed(event: Event): void {
    const { value } = event.target as HTMLInputElement;
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#search(value, this.status), TYPING_MS);
  }

  #choose(status: string): void {
    this.#search(this.query, status);
  }

  #search(query: string, status: string): void {
    this.query = query;
    this.status = status;
    const asked = this.#parameters();
    history.replaceState(history.state, '', asked.size > 0 ? `?${asked}` : location.pathname);
    this.events = undefined;
    void this.#load();
  }

  #parameters(): URLSearchParams {
    const asked = new URLSearchParams();
    if (this.query) asked.set('q', this.query);
    if (this.status) asked.set('status', this.status);
    return asked;
  }

  /** Asks for the first page anew, or for the next one. */
  async #load(next?: string): Promise<void> {
    const asked = ++this.#asked;
    const parameters = this.#parameters();
    parameters.set('limit', String(PAGE_ROWS));
    try {
      const page = await this.client.rows<ManagedEvent>(next ?? `/events/management/view?${parameters}`);
      if (asked !== this.#asked) return;
      this.events = next ? [...(this.events ?? []), ...page.rows] : page.rows;
      this.next = page.next;
      this.total = page.total;
      this.problem = undefined;
    } catch (error) {
      if (asked === this.#asked) this.problem = error;
    }
  }
}

customElements.define('desk-events', EventsPage);
