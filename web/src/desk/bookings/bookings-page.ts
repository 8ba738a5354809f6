import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { count, momentWords, sum } from '../../elements/internal/format.ts';
import { explain } from '../../elements/internal/refusals.ts';
import { Refusal, type Booking, type BookingStatus } from '../../sdk/index.ts';
import { EventDeskPage } from '../desk-page.ts';
import { download } from '../files.ts';
import { List } from '../list.ts';
import { may } from '../rights.ts';
import { go } from '../router.ts';
import { because, type Said } from '../said.ts';
import { deskStyles } from '../styles.ts';
import { WORDS as COMMON } from '../words.ts';
import { WORDS, type BulkAction } from './words.ts';
import '../desk-dialog.ts';

const PAGE_ROWS = 50;
const REASON_CHARS_MAX = 500;
/** Bookings of one request. */
const CHOSEN_MAX = 1_000;
/** A job that runs is looked at so often. */
const LOOK_MS = 700;
/** Changes of the event's numbers are gathered for so long before the list is read anew. */
const GATHER_MS = 1_000;

export const STATUSES: readonly BookingStatus[] = ['confirmed', 'pending', 'cancelled', 'refunded', 'expired'];
const LOOKS: Record<BookingStatus, string> = { pending: 'warn', confirmed: 'good', expired: '', cancelled: 'bad', refunded: 'bad' };

export function bookingTag(words: (typeof WORDS)['en'], status: BookingStatus): TemplateResult {
  return html`<span class="tag ${LOOKS[status]}">${words.status[status]}</span>`;
}

interface Job {
  status: 'waiting' | 'leased' | 'done' | 'needs_review';
  progress: { total?: number; done?: number; failed?: { booking_id: string; code: string }[] } | null;
  reason?: string;
}

/** The bookings of an event, newest first: found, selected, worked on together. */
export class BookingsDeskPage extends EventDeskPage {
  static override properties: PropertyDeclarations = {
    ...EventDeskPage.properties,
    status: { state: true },
    query: { state: true },
    chosen: { state: true },
    asks: { state: true },
    job: { state: true },
    problem: { state: true },
    busy: { state: true },
  };
  static override styles = [
    deskStyles,
    css`
      .search {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto minmax(8rem, 12rem);
        gap: 0.75rem;
        align-items: end;
        max-width: 46rem;
      }
      @media (max-width: 560px) {
        .search {
          grid-template-columns: minmax(0, 1fr) auto;
        }
        .search > :last-child {
          grid-column: 1 / -1;
        }
      }
      th[scope='row'] a {
        white-space: nowrap;
      }
      .bulk {
        position: sticky;
        top: 0.5rem;
        z-index: 1;
        padding: 0.75rem 1rem;
        border: 1px solid var(--accent);
        border-radius: var(--radius);
        background: var(--accent-wash);
      }
      .buyer {
        overflow-wrap: anywhere;
      }
      .tick-cell {
        width: 3rem;
      }
      .waiting {
        height: 20rem;
      }
      progress {
        width: 100%;
        accent-color: var(--accent);
      }
    `,
  ];

  declare status: BookingStatus | '';
  /** What the list is searched for; empty: nothing. */
  declare query: string;
  declare chosen: ReadonlySet<string>;
  declare asks: BulkAction | undefined;
  declare job: Job | undefined;
  declare problem: Said | undefined;
  declare busy: boolean;

  readonly #list: List<Booking> = new List<Booking>(
    this,
    () => `/bookings/event/${this.event.id}?limit=${PAGE_ROWS}${this.status ? `&status=${this.status}` : ''}${this.query ? `&q=${encodeURIComponent(this.query)}` : ''}`,
  );
  #unwatch: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #revision = 0;

  constructor() {
    super();
    const asked = new URLSearchParams(location.search).get('status');
    this.query = '';
    this.status = STATUSES.find((status) => status === asked) ?? '';
    this.chosen = new Set();
    this.busy = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.#watch();
  }

  override firstUpdated(): void {
    this.#watch();
  }

  #watch(): void {
    this.#unwatch = this.client.watch(`event:${this.event.id}`, ({ revision }) => {
      if (this.#revision > 0 && revision > this.#revision && !this.#list.isLong) this.#readSoon();
      this.#revision = revision;
    });
  }

  override disconnectedCallback(): void {
    this.#unwatch?.();
    clearTimeout(this.#timer);
    super.disconnectedCallback();
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    return html`
      <div class="bar">
        <h2>${words.title}</h2>
        ${may(this.me, 'figures', this.event.organizer_id) ? html`<button class="button small" type="button" @click=${this.#export}>${words.export}</button>` : nothing}
      </div>
      <form class="search" role="search" @submit=${this.#searched}>
        <label>${this.#sells ? words.search : words.searchCodes}<input name="q" type="search" autocomplete="off" maxlength="200" /></label>
        <button class="button" ?disabled=${this.busy}>${words.searchButton}</button>
        <label
          >${words.filter}
          <select @change=${this.#filtered}>
            <option value="">${words.all}</option>
            ${STATUSES.map((status) => html`<option value=${status} ?selected=${status === this.status}>${words.status[status]}</option>`)}
          </select>
        </label>
      </form>
      <p class="problem" role="alert">${this.problem?.(this.language) ?? nothing}</p>
      <p class="visually-hidden" role="status">${this.#list.rows ? words.found(this.#list.total) : nothing}</p>
      ${this.#bulk()} ${this.#list.view(this.language, this.query ? { title: words.nothingTitle, text: this.#sells ? words.nothing : words.nothingCodes } : { title: words.noneTitle, text: words.none }, (rows) => this.#table(rows))}
      ${this.query ? html`<div class="actions"><button class="button small" type="button" @click=${this.#unsearch}>${words.clear}</button></div>` : nothing}
      ${this.asks ? this.#question(this.asks) : nothing} ${this.job ? this.#progress(this.job) : nothing}
    `;
  }

  #table(rows: readonly Booking[]): TemplateResult {
    const words = WORDS[this.language];
    const isWhole = rows.every(({ id }) => this.chosen.has(id));
    return html`<div class="scroll">
      <table class="stack">
        <thead>
          <tr>
            <th scope="col" class="tick-cell"><input type="checkbox" aria-label=${words.chooseAll} .checked=${isWhole} @change=${() => this.#chooseAll(rows, !isWhole)} /></th>
            <th scope="col">${words.reference}</th>
            ${this.#sells ? html`<th scope="col">${words.contact}</th>` : nothing}
            <th scope="col">${words.filter}</th>
            <th scope="col">${words.tickets}</th>
            <th scope="col" class="number">${words.total}</th>
            <th scope="col">${words.made}</th>
          </tr>
        </thead>
        <tbody>
          ${repeat(
            rows,
            ({ id }) => id,
            (row) => this.#row(row),
          )}
        </tbody>
      </table>
    </div>`;
  }

  #row({ id, reference, contact, status, kind, quantity, items, total, created_at: at }: Booking): TemplateResult {
    const words = WORDS[this.language];
    const types = items.map(({ name, quantity: of }) => `${count(this.language, of)} × ${name}`).join(', ');
    return html`<tr>
      <td class="tick-cell"><input type="checkbox" aria-label=${words.choose(reference)} .checked=${this.chosen.has(id)} @change=${() => this.#choose(id)} /></td>
      <th scope="row"><a class="whole-word" href="/desk/events/${this.event.id}/bookings/${id}">${reference}</a></th>
      ${this.#sells ? html`<td data-label=${words.contact}><span class="buyer">${this.#buyer(contact)}</span></td>` : nothing}
      <td data-label=${words.filter}><span>${bookingTag(words, status)} ${kind === 'offer' ? html`<span class="tag">${words.offer}</span>` : nothing}</span></td>
      <td data-label=${words.tickets}><span>${types || count(this.language, quantity)}</span></td>
      <td data-label=${words.total} class="number"><span>${sum(this.language, total)}</span></td>
      <td data-label=${words.made}><span>${momentWords(this.language, at)}</span></td>
    </tr>`;
  }

  /** Names and addresses are shown to, and found by, those who sell. */
  get #sells(): boolean {
    return may(this.me, 'sell', this.event.organizer_id);
  }

  #buyer(contact: Booking['contact']): TemplateResult | string {
    const { name, email, phone } = contact ?? {};
    const [first, second] = [name, email, phone].filter(Boolean);
    return first ? html`${first}${second ? html`<br /><span class="soft small">${second}</span>` : nothing}` : '–';
  }

  // ── many at once ────────────────────────────────────────────────────────────────────────────────

  #bulk(): TemplateResult | typeof nothing {
    if (this.chosen.size === 0) return nothing;
    const words = WORDS[this.language];
    const organization = this.event.organizer_id;
    const actions: readonly BulkAction[] = [
      ...(may(this.me, 'sell', organization) ? (['resend', 'cancel'] as const) : []),
      ...(may(this.me, 'money', organization) ? (['refund'] as const) : []),
    ];
    return html`<div class="bulk bar">
      <strong role="status">${words.chosen(this.chosen.size)}</strong>
      <div class="actions">
        ${actions.map((action) => html`<button class="button small ${action === 'resend' ? '' : 'danger'}" type="button" @click=${() => (this.asks = action)}>${words.action[action]}</button>`)}
      </div>
    </div>`;
  }

  #question(action: BulkAction): TemplateResult {
    const words = WORDS[this.language];
    const close = (): void => {
      this.asks = undefined;
      this.problem = undefined;
    };
    return html`<desk-dialog heading=${words.action[action]} @close=${close}>
      <p><strong>${words.chosen(this.chosen.size)}</strong></p>
      <p>${words.ask[action]}</p>
      <form id="bulk" @submit=${this.#work}>
        ${action === 'resend' ? nothing : html`<label>${words.reason}<input name="reason" maxlength=${REASON_CHARS_MAX} autocomplete="off" /><span class="hint">${words.reasonHint}</span></label>`}
        <p class="problem" role="alert">${this.problem?.(this.language) ?? nothing}</p>
      </form>
      <div slot="actions">
        <button class="button" type="button" @click=${close}>${COMMON[this.language].back}</button>
        <button class="button ${action === 'resend' ? 'primary' : 'danger'}" form="bulk" ?disabled=${this.busy}>${words.action[action]}</button>
      </div>
    </desk-dialog>`;
  }

  #progress({ status, progress, reason }: Job): TemplateResult {
    const words = WORDS[this.language];
    const { total = 0, done = 0, failed = [] } = progress ?? {};
    const isOver = status === 'done' || status === 'needs_review';
    const many = (value: number): string => count(this.language, value);
    return html`<desk-dialog heading=${isOver ? words.doneAll(done - failed.length) : words.working} @close=${() => (this.job = undefined)}>
      ${isOver ? nothing : html`<progress max=${Math.max(1, total)} .value=${done} aria-label=${words.working}></progress>`}
      <p role="status">${words.progress(many(done), many(total))}</p>
      ${reason ? html`<p class="problem">${reason}</p>` : nothing}
      ${
        failed.length > 0
          ? html`<p>${words.failed(failed.length)}</p>
              <ul>
                ${failed.map(({ booking_id: id, code }) => html`<li><a href="/desk/events/${this.event.id}/bookings/${id}">${this.#referenceOf(id)}</a>: ${this.#whyNot(code)}</li>`)}
              </ul>`
          : nothing
      }
      <div slot="actions"><button class="button" type="button" @click=${() => (this.job = undefined)}>${COMMON[this.language].close}</button></div>
    </desk-dialog>`;
  }

  #whyNot(code: string): string {
    // Tickets are sent of what is confirmed only.
    if (code === 'NOT_CONFIRMED') return WORDS[this.language].notConfirmed;
    return explain(this.language, new Refusal(409, code, { code }));
  }

  #referenceOf(id: string): string {
    return this.#list.rows?.find((row) => row.id === id)?.reference ?? id;
  }

  readonly #work = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const action = this.asks;
    const reason = String(new FormData(event.target as HTMLFormElement).get('reason') ?? '').trim();
    this.busy = true;
    this.problem = undefined;
    try {
      const { job_id: id } = await this.client.make<{ job_id: number }>('/bookings/bulk', { action, booking_ids: [...this.chosen], ...(reason ? { reason } : {}) });
      this.asks = undefined;
      this.chosen = new Set();
      this.job = { status: 'waiting', progress: null };
      void this.#follow(id);
    } catch (error) {
      this.problem = because(error);
    }
    this.busy = false;
  };

  /** Until the job is over, or its dialog is closed: it goes on without being looked at. */
  async #follow(id: number): Promise<void> {
    while (this.job && this.isConnected) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      if (!this.job) return;
      const job = await this.client.read<Job>(`/jobs/${id}`).catch(() => undefined);
      if (!this.job) return;
      if (job) this.job = job;
      if (job?.status === 'done' || job?.status === 'needs_review') return void this.#list.load();
    }
  }

  // ── choices ─────────────────────────────────────────────────────────────────────────────────────

  #choose(id: string): void {
    const chosen = new Set(this.chosen);
    if (!chosen.delete(id) && chosen.size < CHOSEN_MAX) chosen.add(id);
    this.chosen = chosen;
  }

  #chooseAll(rows: readonly Booking[], isChosen: boolean): void {
    this.chosen = new Set(isChosen ? rows.slice(0, CHOSEN_MAX).map(({ id }) => id) : []);
  }

  readonly #filtered = (event: Event): void => {
    this.status = (event.target as HTMLSelectElement).value as BookingStatus | '';
    history.replaceState(history.state, '', this.status ? `?status=${this.status}` : location.pathname);
    this.chosen = new Set();
    void this.#list.restart();
  };

  readonly #searched = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const typed = String(new FormData(event.target as HTMLFormElement).get('q')).trim();
    // A whole reference is one booking, of whichever status.
    const named = /^bk/i.test(typed) ? await this.client.read<Booking>(`/bookings/by-reference/${encodeURIComponent(typed)}`).catch(() => undefined) : undefined;
    if (named?.event_id === this.event.id) return go(`/desk/events/${this.event.id}/bookings/${named.id}`);
    this.query = typed;
    this.chosen = new Set();
    void this.#list.restart();
  };

  readonly #unsearch = (): void => {
    const field = this.renderRoot.querySelector<HTMLInputElement>('input[name=q]');
    if (field) field.value = '';
    this.query = '';
    this.chosen = new Set();
    void this.#list.restart();
  };

  #readSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#list.load(), GATHER_MS);
  }

  readonly #export = (): void => {
    const selected = this.status ? `?status=${this.status}` : '';
    void this.tried(download(`/events/${this.event.id}/report.csv${selected}`, `bookings-${this.event.id}.csv`));
  };
}

customElements.define('desk-bookings', BookingsDeskPage);
