import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { dateParts, plural, roundSum } from '../elements/internal/format.ts';
import { explain } from '../elements/internal/refusals.ts';
import { sharedClient } from '../elements/internal/shared-client.ts';
import type { EventSummary } from '../sdk/index.ts';
import { poster } from './poster.ts';
import { styles } from './event-list.styles.ts';

const PAGE_SIZE = 24;
/** Pause in typing after which the search is made. */
const TYPING_MS = 220;

/** The list of events: search, categories, cards with live badges. */
export class EventList extends LitElement {
  static override properties = {
    events: { state: true },
    total: { state: true },
    problem: { state: true },
    query: { state: true },
    category: { state: true },
    loading: { state: true },
  };
  static override styles = styles;

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
      if (asked === this.#asked) this.problem = explain('en', error);
    } finally {
      if (asked === this.#asked) this.loading = false;
    }
  }
}

function card(event: EventSummary): TemplateResult {
  const { weekday, day, month, time } = dateParts('en', event.starts_at, event.timezone);
  const off = event.status === 'cancelled' || event.status === 'completed';
  return html`<article class="card ${off ? 'off' : ''}" data-event=${event.id}>
    ${poster(event)}
    ${event.price ? html`<span class="price">from ${roundSum('en', event.price)}</span>` : nothing}
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
