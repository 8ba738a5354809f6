import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { dateParts, plural, sum } from '../elements/internal/format.ts';
import { explain } from '../elements/internal/refusals.ts';
import { sharedClient } from '../elements/internal/shared-client.ts';
import type { EventSummary } from '../sdk/index.ts';
import { poster } from './poster.ts';
import { shared } from './shared.styles.ts';

const PAGE_SIZE = 24;
/** Pause in typing after which the search is made. */
const TYPING_MS = 220;

/** What is on: search, categories, cards with live badges. */
export class EventList extends LitElement {
  static override properties = {
    events: { state: true },
    total: { state: true },
    problem: { state: true },
    query: { state: true },
    category: { state: true },
    loading: { state: true },
  };
  static override styles = [
    shared,
    css`
      :host {
        display: grid;
        gap: 1.75rem;
      }
      .intro {
        display: flex;
        flex-wrap: wrap;
        align-items: end;
        justify-content: space-between;
        gap: 1.25rem;
      }
      .intro p {
        margin: 0.5rem 0 0;
        color: var(--ink-soft);
      }
      .search {
        position: relative;
        flex: 0 1 22rem;
        min-width: min(100%, 16rem);
      }
      .search svg {
        position: absolute;
        left: 1rem;
        top: 50%;
        width: 1.1rem;
        height: 1.1rem;
        fill: none;
        stroke: var(--ink-soft);
        stroke-width: 2.2;
        stroke-linecap: round;
        transform: translateY(-50%);
        pointer-events: none;
      }
      input {
        width: 100%;
        min-height: 48px;
        padding: 0 1rem 0 2.75rem;
        border: 1px solid var(--line-strong);
        border-radius: 99px;
        background: var(--surface);
        color: var(--ink);
        font: inherit;
      }
      input::placeholder {
        color: var(--ink-soft);
        opacity: 1;
      }
      .chips {
        display: flex;
        flex-wrap: wrap;
        gap: 0.5rem;
      }
      .chips button {
        min-height: 36px;
        padding: 0 0.95rem;
        border: 1px solid var(--line);
        border-radius: 99px;
        background: var(--surface);
        font-size: 0.9rem;
        font-weight: 550;
        text-transform: capitalize;
      }
      .chips button[aria-pressed='true'] {
        border-color: var(--ink);
        background: var(--ink);
        color: var(--surface);
      }
      .grid {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr));
        gap: clamp(1rem, 2.4vw, 1.6rem);
        margin: 0;
        padding: 0;
        list-style: none;
      }
      .card {
        position: relative;
        display: flex;
        flex-direction: column;
        height: 100%;
        overflow: hidden;
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--surface);
        box-shadow: var(--shadow);
        transition:
          transform 160ms,
          border-color 160ms;
      }
      .card:hover {
        border-color: var(--line-strong);
        transform: translateY(-3px);
      }
      .card:focus-within {
        border-color: var(--accent);
      }
      .poster {
        display: block;
        width: 100%;
        aspect-ratio: 16 / 9;
        object-fit: cover;
      }
      .off .poster {
        filter: grayscale(0.85);
      }
      .date {
        position: absolute;
        left: 0.9rem;
        top: 0.9rem;
        display: grid;
        justify-items: center;
        padding: 0.4rem 0.7rem;
        border-radius: var(--radius-small);
        background: var(--surface);
        line-height: 1.15;
      }
      .date b {
        font-family: var(--display);
        font-size: 1.3rem;
      }
      .date span {
        font-size: 0.7rem;
        font-weight: 650;
        letter-spacing: 0.05em;
        text-transform: uppercase;
      }
      .text {
        display: flex;
        flex: 1;
        flex-direction: column;
        gap: 0.3rem;
        padding: 1.1rem 1.2rem 1.2rem;
      }
      h2 {
        font-size: 1.3rem;
      }
      h2 a {
        text-decoration: none;
      }
      /* The whole card is the link. */
      h2 a::after {
        position: absolute;
        inset: 0;
        content: '';
      }
      h2 a:focus-visible {
        outline: none;
      }
      h2 a:focus-visible::after {
        border-radius: var(--radius);
        outline: 3px solid var(--accent);
        outline-offset: -3px;
      }
      .where {
        margin: 0;
        color: var(--ink-soft);
      }
      .foot {
        margin-top: auto;
        padding-top: 0.9rem;
      }
      .price {
        position: absolute;
        right: 0.9rem;
        top: 0.9rem;
        padding: 0.3rem 0.7rem;
        border-radius: 99px;
        background: var(--surface);
        font-size: 0.875rem;
        font-variant-numeric: tabular-nums;
        font-weight: 650;
      }
      .line {
        width: 75%;
        height: 1rem;
        margin-block: 0.2rem;
      }
      .line.wide {
        width: 90%;
        height: 1.5rem;
      }
      .line.short {
        width: 40%;
        height: 1.6rem;
        margin-top: 1rem;
      }
      .more {
        justify-self: center;
      }
    `,
  ];

  declare events: readonly EventSummary[] | undefined;
  declare total: number;
  declare problem: string | undefined;
  declare query: string;
  declare category: string;
  declare loading: boolean;

  /** Every category seen so far: choosing one must not make the others vanish. */
  readonly #categories = new Set<string>();
  #typing: ReturnType<typeof setTimeout> | undefined;
  /** Answers of older questions are dropped. */
  #asked = 0;

  constructor() {
    super();
    this.query = new URLSearchParams(location.search).get('q') ?? '';
    this.category = '';
    this.total = 0;
    this.loading = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    document.title = 'What’s on · Seatcast';
    void this.#load();
  }

  override render(): TemplateResult {
    return html`
      <div class="intro">
        <div>
          <h1>What’s on</h1>
          <p>Tickets, and how many are left this very second.</p>
        </div>
        <div class="search" role="search">
          <svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="11" cy="11" r="7" /><path d="m20 20-4-4" /></svg>
          <input
            type="search"
            aria-label="Search events"
            placeholder="Search by title or venue"
            autocomplete="off"
            .value=${this.query}
            @input=${(event: Event) => this.#typed((event.target as HTMLInputElement).value)}
          />
        </div>
      </div>
      ${this.#chips()}
      <p class="visually-hidden" role="status">${this.events ? `${plural(this.total, 'event')} found` : nothing}</p>
      ${this.#results()}
    `;
  }

  #chips(): TemplateResult | typeof nothing {
    if (this.#categories.size < 2) return nothing;
    const chip = (value: string, label: string): TemplateResult =>
      html`<button type="button" aria-pressed=${this.category === value} @click=${() => this.#choose(value)}>${label}</button>`;
    return html`<div class="chips" role="group" aria-label="Category">
      ${chip('', 'All')} ${[...this.#categories].sort().map((name) => chip(name, name))}
    </div>`;
  }

  #results(): TemplateResult {
    if (this.problem) return this.#failed(this.problem);
    if (!this.events) return html`<ul class="grid" aria-busy="true" aria-label="Loading events">${[0, 1, 2, 3].map(() => cardSkeleton())}</ul>`;
    if (this.events.length === 0) return this.#nothingFound();
    return html`
      <ul class="grid">
        ${repeat(
          this.events,
          ({ id }) => id,
          (event) => html`<li>${card(event)}</li>`,
        )}
      </ul>
      ${this.events.length < this.total
        ? html`<button class="button more" type="button" ?disabled=${this.loading} @click=${() => this.#load(true)}>Show more</button>`
        : nothing}
    `;
  }

  #failed(problem: string): TemplateResult {
    return html`<div class="message" role="alert">
      <p><strong>The events could not be loaded</strong>${problem}</p>
      <button class="button primary" type="button" @click=${() => this.#load()}>Try again</button>
    </div>`;
  }

  #nothingFound(): TemplateResult {
    return html`<div class="message">
      <p><strong>Nothing found</strong>${this.query ? `No event matches “${this.query}”.` : 'There are no events at the moment.'}</p>
      ${this.query || this.category ? html`<button class="button" type="button" @click=${() => this.#reset()}>Show all events</button>` : nothing}
    </div>`;
  }

  #typed(query: string): void {
    this.query = query;
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#search(), TYPING_MS);
  }

  #choose(category: string): void {
    this.category = category;
    void this.#load();
  }

  #reset(): void {
    this.query = '';
    this.category = '';
    this.#search();
  }

  #search(): void {
    history.replaceState(null, '', this.query ? `?q=${encodeURIComponent(this.query)}` : location.pathname);
    void this.#load();
  }

  async #load(more = false): Promise<void> {
    const asked = ++this.#asked;
    const offset = more ? (this.events?.length ?? 0) : 0;
    this.loading = true;
    this.problem = undefined;
    try {
      const { query: q, category } = this;
      const answer = await sharedClient().events({ q, category, sort: 'starts_at', limit: PAGE_SIZE, offset });
      if (asked !== this.#asked) return;
      this.events = more ? [...(this.events ?? []), ...answer.events] : answer.events;
      this.total = answer.total;
      for (const event of answer.events) this.#categories.add(event.category);
    } catch (error) {
      if (asked === this.#asked) this.problem = explain(error);
    } finally {
      if (asked === this.#asked) this.loading = false;
    }
  }
}

function card(event: EventSummary): TemplateResult {
  const { weekday, day, month, time } = dateParts(event.starts_at, event.timezone);
  const off = event.status === 'cancelled' || event.status === 'completed';
  return html`<article class="card ${off ? 'off' : ''}" data-event=${event.id}>
    ${poster(event)}
    ${event.price ? html`<span class="price">from ${sum(event.price)}</span>` : nothing}
    <div class="date" aria-hidden="true"><b>${day}</b><span>${month}</span></div>
    <div class="text">
      <h2><a href="/events/${event.id}">${event.title}</a></h2>
      <p class="where">${weekday} ${day} ${month}, ${time} · ${event.venue}</p>
      <div class="foot">
        <seatcast-availability event=${event.id}></seatcast-availability>
      </div>
    </div>
  </article>`;
}

function cardSkeleton(): TemplateResult {
  return html`<li><div class="card">
    <span class="skeleton poster"></span>
    <div class="text">
      <span class="skeleton line wide"></span>
      <span class="skeleton line"></span>
      <span class="skeleton line short"></span>
    </div>
  </div></li>`;
}

customElements.define('seatcast-event-list', EventList);
