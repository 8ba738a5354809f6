import { html, nothing, type LitElement, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { dateParts, dateWords, money, roundSum } from '../elements/internal/format.ts';
import type { Language } from '../elements/internal/language.ts';
import { explain } from '../elements/internal/refusals.ts';
import { sharedClient } from '../elements/internal/full-client.ts';
import type { EventQuery, EventSummary, Money } from '../sdk/index.ts';
import { categoryWords } from './category.words.ts';
import { styles } from './event-list.styles.ts';
import { WORDS } from './event-list.words.ts';
import { PageElement, titled } from './page-element.ts';
import { daysOf, WHENS, type When } from './when.ts';
import { poster } from './poster.ts';
// Here the pictures are seen first.
import './drawn-poster.ts';
import '../elements/seatcast-availability/seatcast-availability.ts';

const PAGE_SIZE = 24;
/** The most that one question may ask for. */
const PAGE_MAX = 100;
/** A list that is seen is asked for anew so often: new events are in no topic. */
const LOOK_MS = 10_000;
/** Pause in typing after which the search is made. */
const TYPING_MS = 220;
/** Between two looks at the clock; more means that it was set. */
const CLOCK_OFF_MS = 30_000;

/** The list of events: search, categories, cards with live badges. */
export class EventList extends PageElement {
  static override properties = {
    events: { state: true },
    total: { state: true },
    problem: { state: true },
    query: { state: true },
    category: { state: true },
    city: { state: true },
    when: { state: true },
    dates: { state: true },
    loading: { state: true },
    past: { state: true },
  };
  static override styles = styles;

  declare events: readonly EventSummary[] | undefined;
  declare total: number;
  declare problem: string | undefined;
  declare query: string;
  declare category: string;
  declare city: string;
  declare when: When;
  /** First and last day, where they are chosen one by one; empty: open. */
  declare dates: { from: string; to: string };
  declare loading: boolean;
  /** Those that began already, the latest first; undefined: not asked for. */
  declare past: readonly EventSummary[] | undefined;

  /** Every category seen so far: choosing one must not make the others vanish. */
  readonly #categories = new Set<string>();
  readonly #cities = new Set<string>();
  #typing: ReturnType<typeof setTimeout> | undefined;
  #looking: ReturnType<typeof setInterval> | undefined;
  /** Answers of older questions are dropped. */
  #asked = 0;

  constructor() {
    super();
    const asked = new URLSearchParams(location.search);
    this.query = asked.get('q') ?? '';
    this.category = asked.get('category') ?? '';
    this.city = asked.get('city') ?? '';
    this.dates = { from: asked.get('from') ?? '', to: asked.get('to') ?? '' };
    const hasDates = this.dates.from !== '' || this.dates.to !== '';
    this.when = hasDates ? 'dates' : (WHENS.find((when) => when === asked.get('when')) ?? 'any');
    this.total = 0;
    this.loading = false;
    if (left?.address === location.href) {
      this.events = left.events;
      this.total = left.total;
      this.past = left.past;
      this.#learn(left.events);
    }
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#load();
    this.#looking = setInterval(() => {
      if (document.visibilityState === 'visible' && !this.loading) void this.#load();
    }, LOOK_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#looking);
    clearTimeout(this.#typing);
  }

  protected override willUpdate(): void {
    titled(WORDS[this.language].title);
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    return html`
      <div class="intro">
        <div>
          <h1>${words.title}</h1>
          <p>${words.intro}</p>
        </div>
        <div class="search" role="search">
          <svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="11" cy="11" r="7" /><path d="m20 20-4-4" /></svg>
          <input
            type="search"
            aria-label=${words.search}
            placeholder=${words.placeholder}
            autocomplete="off"
            .value=${this.query}
            @input=${(event: Event) => this.#typed((event.target as HTMLInputElement).value)}
          />
        </div>
      </div>
      <div class="filters">${this.#chips()} ${this.#choices()}</div>
      <p class="visually-hidden" role="status">${this.events ? words.found(this.total) : nothing}</p>
      ${this.#results()}
    `;
  }

  #chips(): TemplateResult | typeof nothing {
    if (this.#categories.size < 2) return nothing;
    const chip = (value: string, label: string): TemplateResult =>
      html`<button type="button" aria-pressed=${this.category === value} @click=${() => this.#choose(value)}>${label}</button>`;
    const { category, all } = WORDS[this.language];
    return html`<div class="chips" role="group" aria-label=${category}>
      ${chip('', all)} ${[...this.#categories].sort().map((name) => chip(name, categoryWords(this.language, name)))}
    </div>`;
  }

  /** Days and city. */
  #choices(): TemplateResult {
    const words = WORDS[this.language];
    const cities = [...new Set([...this.#cities, ...(this.city ? [this.city] : [])])].sort((one, other) => one.localeCompare(other, this.language));
    const day = (name: 'from' | 'to'): TemplateResult =>
      html`<label>${words[name]} <input type="date" name=${name} .value=${this.dates[name]} @change=${(event: Event) => this.#chooseDay(name, valueOf(event))} /></label>`;
    return html`<div class="choices">
      <label>
        ${words.when}
        <select name="when" @change=${(event: Event) => this.#chooseWhen(valueOf(event) as When)}>
          ${WHENS.map((when) => html`<option value=${when} ?selected=${when === this.when}>${words.whens[when]}</option>`)}
        </select>
      </label>
      ${this.when === 'dates' ? html`${day('from')} ${day('to')}` : nothing}
      ${cities.length > 1 || this.city
        ? html`<label>
            ${words.city}
            <select name="city" @change=${(event: Event) => this.#chooseCity(valueOf(event))}>
              <option value="" ?selected=${this.city === ''}>${words.anywhere}</option>
              ${cities.map((city) => html`<option value=${city} ?selected=${city === this.city}>${city}</option>`)}
            </select>
          </label>`
        : nothing}
    </div>`;
  }

  #results(): TemplateResult {
    const words = WORDS[this.language];
    if (this.problem) return this.#failed(this.problem);
    if (!this.events) return html`<ul class="grid" aria-busy="true" aria-label=${words.loading}>${[0, 1, 2, 3].map(() => cardSkeleton())}</ul>`;
    if (this.events.length === 0) return html`${this.#nothingFound()} ${this.#pastOnes()}`;
    return html`
      <ul class="grid">
        ${repeat(
          this.events,
          ({ id }) => id,
          (event) => html`<li>${card(this, this.language, event)}</li>`,
        )}
      </ul>
      ${this.events.length < this.total
        ? html`<button class="button more" type="button" ?disabled=${this.loading} @click=${() => this.#load(true)}>${words.more}</button>`
        : this.#pastOnes()}
    `;
  }

  /** Events that began are apart, and asked for when somebody wants to see them. */
  #pastOnes(): TemplateResult {
    const words = WORDS[this.language];
    if (this.when !== 'any') return html``;
    if (!this.past) return html`<button class="button more" type="button" @click=${() => this.#loadPast()}>${words.showPast}</button>`;
    if (this.past.length === 0) return html`<p class="past">${words.noPast}</p>`;
    return html`<h2 class="past">${words.past}</h2>
      <ul class="grid">
        ${repeat(
          this.past,
          ({ id }) => id,
          (event) => html`<li>${card(this, this.language, event, true)}</li>`,
        )}
      </ul>`;
  }

  #failed(problem: string): TemplateResult {
    const words = WORDS[this.language];
    return html`<div class="message" role="alert">
      <p><strong>${words.failed}</strong>${problem}</p>
      <button class="button primary" type="button" @click=${() => this.#load()}>${words.again}</button>
    </div>`;
  }

  #nothingFound(): TemplateResult {
    const words = WORDS[this.language];
    return html`<div class="message">
      <p><strong>${words.nothing}</strong>${this.#isNarrowed() ? words.noneHere : this.query ? words.noMatch(this.query) : words.noEvents}</p>
      ${this.query || this.#isNarrowed() ? html`<button class="button" type="button" @click=${() => this.#reset()}>${words.reset}</button>` : nothing}
    </div>`;
  }

  #typed(query: string): void {
    this.query = query;
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#search(), TYPING_MS);
  }

  #choose(category: string): void {
    this.category = category;
    this.#search();
  }

  #chooseWhen(when: When): void {
    this.when = when;
    if (when !== 'dates') this.dates = { from: '', to: '' };
    this.#search();
  }

  #chooseDay(name: 'from' | 'to', day: string): void {
    this.dates = { ...this.dates, [name]: day };
    this.#search();
  }

  #chooseCity(city: string): void {
    this.city = city;
    this.#search();
  }

  #isNarrowed(): boolean {
    return this.category !== '' || this.city !== '' || this.when !== 'any';
  }

  #reset(): void {
    this.query = '';
    this.category = '';
    this.city = '';
    this.when = 'any';
    this.dates = { from: '', to: '' };
    this.#search();
  }

  #search(): void {
    const asked = new URLSearchParams();
    if (this.query) asked.set('q', this.query);
    if (this.category) asked.set('category', this.category);
    if (this.city) asked.set('city', this.city);
    if (this.when === 'dates') {
      if (this.dates.from) asked.set('from', this.dates.from);
      if (this.dates.to) asked.set('to', this.dates.to);
    } else if (this.when !== 'any') {
      asked.set('when', this.when);
    }
    history.replaceState(history.state, '', asked.size > 0 ? `?${asked}` : location.pathname);
    this.past = undefined;
    this.events = undefined;
    void this.#load();
  }

  /** Asks for all that is shown anew, or for more of it. */
  async #load(more = false): Promise<void> {
    const asked = ++this.#asked;
    const shown = this.events?.length ?? 0;
    const offset = more ? shown : 0;
    const limit = more ? PAGE_SIZE : Math.min(PAGE_MAX, Math.max(PAGE_SIZE, shown));
    this.loading = true;
    try {
      const { events, total } = await this.#ask({ sort: 'starts_at', limit, offset }, 'from');
      if (asked !== this.#asked) return;
      // Events further down than one question reaches stay as they are.
      const known = this.events ?? [];
      const kept = more ? known : known.slice(limit).filter(({ id }) => !events.some((event) => event.id === id));
      this.events = more ? [...known, ...events.filter(({ id }) => !known.some((event) => event.id === id))] : [...events, ...kept];
      this.total = total;
      this.problem = undefined;
      this.#learn(events);
      this.#remember();
    } catch (error) {
      // A list that is shown is better than none; its numbers say for themselves how old they are.
      if (asked === this.#asked && (more || !this.events)) this.problem = explain(this.language, error);
    } finally {
      if (asked === this.#asked) this.loading = false;
    }
  }

  async #loadPast(): Promise<void> {
    try {
      this.past = (await this.#ask({ sort: '-starts_at', limit: PAGE_SIZE }, 'to')).events;
      this.#remember();
    } catch (error) {
      this.problem = explain(this.language, error);
    }
  }

  #days(now: number, side: 'from' | 'to'): Pick<EventQuery, 'from' | 'to'> {
    const at = new Date(now).toISOString();
    if (side === 'to') return { to: at };
    const days = daysOf(this.when, new Date(now), this.language, this.dates);
    const from = days && days.from.getTime() > now ? days.from.toISOString() : at;
    return { from, ...(days?.to ? { to: days.to.toISOString() } : {}) };
  }

  /** Events that begin after this moment (`from`), or began before it (`to`), by the server's clock. */
  async #ask(query: EventQuery, side: 'from' | 'to'): Promise<{ events: EventSummary[]; total: number }> {
    const client = sharedClient();
    const { query: q, category, city } = this;
    const now = client.now();
    const ask = (): Promise<{ events: EventSummary[]; total: number }> =>
      client.events({ ...query, q, category, city, ...this.#days(client.now(), side) });
    const answer = await ask();
    // The first answer tells the time; a visitor's clock may have been wrong.
    return Math.abs(client.now() - now) > CLOCK_OFF_MS ? ask() : answer;
  }

  #learn(events: readonly EventSummary[]): void {
    for (const { category, city } of events) {
      this.#categories.add(category);
      if (city) this.#cities.add(city);
    }
  }

  /** For the way back to this list. */
  #remember(): void {
    const { events, total, past } = this;
    if (events) left = { address: location.href, events, total, past };
  }
}

/** The list as it was left: who comes back to it finds it so. */
let left: { address: string; events: readonly EventSummary[]; total: number; past: readonly EventSummary[] | undefined } | undefined;

function card(list: LitElement, language: Language, event: EventSummary, past = false): TemplateResult {
  const parts = dateParts(language, event.starts_at, event.timezone);
  const off = past || event.status === 'cancelled' || event.status === 'completed';
  return html`<article class="card ${off ? 'off' : ''}" data-event=${event.id}>
    ${poster(event, list)}
    ${event.price ? html`<span class="price">${priceWords(language, event.price)}</span>` : nothing}
    <div class="date" aria-hidden="true"><b>${parts.day}</b><span>${parts.month}</span></div>
    <div class="text">
      <h2><a href="/events/${event.id}"><bdi>${event.title}</bdi></a></h2>
      <p class="where">${dateWords(language, parts, false)} · <bdi>${event.venue}</bdi></p>
      <div class="foot">
        <seatcast-availability event=${event.id}></seatcast-availability>
      </div>
    </div>
  </article>`;
}

function priceWords(language: Language, lowest: Money): string {
  return lowest.amount === 0 ? money(language, lowest) : WORDS[language].fromPrice(roundSum(language, lowest));
}

function valueOf({ target }: Event): string {
  return (target as HTMLInputElement | HTMLSelectElement).value;
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
