import { css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { keyed } from 'lit/directives/keyed.js';
import { dateParts, timed } from '../elements/internal/format.ts';
import { explain } from '../elements/internal/refusals.ts';
import '../elements/seatcast-availability/seatcast-availability.ts';
import { Refusal, type EventDetails, type EventInfo, type EventStatus, type TicketType } from '../sdk/index.ts';
import { DeskPage, EventChanged } from './desk-page.ts';
import { Fold, fold } from './fold.ts';
import { PAGES } from './pages.ts';
import { may } from './rights.ts';
import { addressOf, type Found } from './router.ts';
import { deskStyles } from './styles.ts';
import { Watch } from './watch.ts';
import { WORDS } from './words.ts';

/** Several changes at once are read together. */
const GATHER_MS = 300;

const LOOKS: Record<EventStatus, string> = { draft: '', active: 'good', paused: 'warn', cancelled: 'bad', completed: '' };

/** The label of an event's status. */
export function statusTag(words: Record<EventStatus, string>, status: EventStatus): TemplateResult {
  return html`<span class="tag ${LOOKS[status]}">${words[status]}</span>`;
}

/** The pages of one event: its name and state above, links to its pages beside. Reads the event, and keeps it current. */
export class EventFrame extends DeskPage {
  static override properties = {
    number: { attribute: false },
    found: { attribute: false },
    event: { state: true },
    problem: { state: true },
  };
  static override styles = [
    deskStyles,
    fold,
    css`
      .head {
        display: flex;
        flex-wrap: wrap;
        align-items: end;
        justify-content: space-between;
        gap: 0.75rem 1.5rem;
      }
      .head > div {
        display: grid;
        gap: 0.4rem;
        min-width: 0;
      }
      .head h1 {
        overflow-wrap: anywhere;
      }
      .facts {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.3rem 0.9rem;
        color: var(--ink-soft);
        font-size: 0.9375rem;
        overflow-wrap: anywhere;
      }
      .body {
        display: grid;
        grid-template-columns: 11.5rem minmax(0, 1fr);
        gap: 2rem;
        align-items: start;
      }
      nav {
        position: sticky;
        top: 1rem;
      }
      .pages {
        display: grid;
        gap: 0.15rem;
      }
      .fold {
        justify-content: space-between;
        width: 100%;
        font-size: 0.9375rem;
      }
      nav a {
        padding: 0.5rem 0.85rem;
        border-radius: var(--radius-small);
        color: var(--ink-soft);
        font-weight: 550;
        text-decoration: none;
      }
      nav a:hover {
        background: var(--sunken);
      }
      nav a[aria-current] {
        background: var(--accent-wash);
        color: var(--accent-strong);
      }
      @media (forced-colors: active) {
        nav a[aria-current] {
          text-decoration: underline;
          text-decoration-thickness: 3px;
        }
      }
      @media (max-width: 860px) {
        .body {
          grid-template-columns: minmax(0, 1fr);
          gap: 1.25rem;
        }
        nav {
          position: static;
        }
        .pages {
          grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr));
          padding-block: 0.5rem 0.75rem;
          border-block-end: 1px solid var(--line);
        }
        nav a {
          padding: 0.4rem 0.7rem;
          font-size: 0.9375rem;
        }
      }
      .waiting {
        height: 50vh;
      }
    `,
  ];

  declare number: number;
  declare found: Found;
  declare event: EventDetails | undefined;
  declare problem: unknown;

  readonly #fold = new Fold(this);
  readonly #watch = new Watch(this, () => this.#begin());
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The parts of the topic's state that were read last. */
  #seen: { event: EventInfo; terms: string } | undefined;
  /** Answers of older questions are dropped. */
  #asked = 0;

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener(EventChanged.type, this.#changedHere);
  }

  override disconnectedCallback(): void {
    this.removeEventListener(EventChanged.type, this.#changedHere);
    clearTimeout(this.#timer);
    super.disconnectedCallback();
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    const { event } = this;
    if (!event) return this.#withoutEvent();
    const { weekday, day, month, year, time, zone } = dateParts(this.language, event.starts_at, event.timezone);
    return html`
      <div class="head">
        <div>
          <h1>${event.title}</h1>
          <div class="facts">
            ${statusTag(words.status, event.status)}
            <span>${timed(this.language, `${weekday} ${day} ${month} ${year}`, time)} ${zone}</span>
            <span>${event.venue}</span>
            ${event.status === 'draft' ? nothing : html`<a href="/events/${event.id}">${words.public}</a>`}
          </div>
        </div>
        <seatcast-availability event=${event.id}></seatcast-availability>
      </div>
      <div class="body">${this.#navigation(event)} ${this.#page(event)}</div>
    `;
  }

  #withoutEvent(): TemplateResult {
    const words = WORDS[this.language];
    document.title = `${words.desk} · Seatcast`;
    if (this.problem === undefined) return html`<div class="skeleton waiting" role="status" aria-label=${words.loading}></div>`;
    const isGone = this.problem instanceof Refusal && this.problem.status === 404;
    return html`<div class="message" role="alert">
      <h1>${isGone ? words.nothingTitle : words.failedTitle}</h1>
      <p>${isGone ? words.eventGone : explain(this.language, this.problem)}</p>
      ${isGone
        ? html`<a class="button primary" href="/desk">${words.toEvents}</a>`
        : html`<button class="button primary" type="button" @click=${() => void this.#read()}>${words.again}</button>`}
    </div>`;
  }

  #navigation({ id, organizer_id: organization }: EventDetails): TemplateResult {
    const rows = PAGES.filter(({ linked, right }) => linked === 'event' && may(this.me, right, organization));
    const words = WORDS[this.language];
    return html`<nav aria-label=${words.ofEvent}>
      ${this.#fold.button(html`${words.ofEvent}: <b>${this.found.row.name[this.language]}</b>`, 'pages')}
      <div id="pages" class="pages ${this.#fold.look}">
        ${rows.map(
          (row) =>
            html`<a href=${addressOf(row, { id: String(id) })} aria-current=${row === this.found.row ? 'page' : nothing}>${row.name[this.language]}</a>`,
        )}
      </div>
    </nav>`;
  }

  #page(event: EventDetails): TemplateResult {
    const { row, parameters } = this.found;
    const words = WORDS[this.language];
    document.title = `${row.name[this.language]} · ${event.title} · ${words.desk}`;
    if (!may(this.me, row.right, event.organizer_id)) {
      return html`<div class="message"><h2>${words.forbiddenTitle}</h2><p>${words.forbidden}</p></div>`;
    }
    return html`${keyed(`${row.path} ${JSON.stringify(parameters)}`, row.view({ parameters, event }))}`;
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('number') && this.hasUpdated) this.#watch.restart();
    if (changed.has('found')) this.#fold.close();
  }

  #begin(): () => void {
    this.#seen = undefined;
    void this.#read();
    return this.client.watch(`event:${this.number}`, ({ state }) => {
      if (!state) return;
      const before = this.#seen;
      this.#seen = { event: state.event, terms: termsOf(state.ticket_types) };
      if (before && (before.event !== state.event || before.terms !== this.#seen.terms)) this.#readSoon();
    });
  }

  #readSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#read(), GATHER_MS);
  }

  async #read(): Promise<void> {
    const asked = ++this.#asked;
    try {
      const event = await this.client.event(this.number);
      if (asked !== this.#asked) return;
      this.event = event;
      this.problem = undefined;
    } catch (error) {
      if (asked === this.#asked) this.problem = error;
    }
  }

  readonly #changedHere = (event: Event): void => {
    const { event: known } = event as EventChanged;
    // An answer that is under way may be older.
    this.#asked += 1;
    if (known) this.event = known;
    else void this.#read();
  };
}

/** All of the ticket types but the numbers that change with each sale. */
function termsOf(types: readonly TicketType[]): string {
  return JSON.stringify(types.map(({ available: _left, held: _held, sold: _sold, status: _status, shared: _shared, ...terms }) => terms));
}

customElements.define('desk-event-frame', EventFrame);
