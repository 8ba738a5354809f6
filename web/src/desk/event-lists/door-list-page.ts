import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import { momentWords } from '../../elements/internal/format.ts';
import { newKey } from '../../sdk/index.ts';
import { DoorRest, SHOWN_AGAIN_MS, type ListedCheckin, type TicketAttendee } from '../../door/rest.ts';
import { EventDeskPage } from '../desk-page.ts';
import { download } from '../files.ts';
import { List } from '../list.ts';
import { may } from '../rights.ts';
import { deskStyles } from '../styles.ts';
import { tableOf } from '../table.ts';
import { complain, say } from '../toasts.ts';
import { WORDS, type ScanResult } from './words.ts';

const PAGE_ROWS = 50;
const WRONG_ROWS = 20;
/** Results of scans that gates without network kept, and that let somebody in wrongly. */
const WRONG: readonly ScanResult[] = ['already_used', 'void', 'replaced', 'wrong_event', 'unknown'];

/** The people who may come in: found, let in by hand, let out again; and whom gates let in wrongly. */
export class DoorListPage extends EventDeskPage {
  static override properties: PropertyDeclarations = { ...EventDeskPage.properties, query: { state: true }, wrong: { state: true }, busy: { state: true } };
  static override styles = [
    deskStyles,
    css`
      .search {
        grid-template-columns: minmax(0, 1fr) auto;
        gap: 0.75rem;
        align-items: end;
        max-width: 34rem;
      }
      .waiting {
        height: 20rem;
      }
    `,
  ];

  declare query: string;
  declare wrong: readonly ListedCheckin[];
  declare busy: boolean;
  /** Nonces of people who were let in, by code, until the server has answered, and when each was sent. */
  readonly #unheard = new Map<string, { nonce: string; at: number }>();
  readonly #list: List<TicketAttendee> = new List<TicketAttendee>(
    this,
    () => `/events/${this.event.id}/attendees?limit=${PAGE_ROWS}${this.query ? `&q=${encodeURIComponent(this.query)}` : ''}`,
  );

  constructor() {
    super();
    this.query = '';
    this.wrong = [];
    this.busy = false;
  }

  override firstUpdated(): void {
    void this.#readWrong();
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    const { id } = this.event;
    return html`
      <div class="bar">
        <h2>${words.doors}</h2>
        <div class="actions">
          <button class="button small" type="button" @click=${() => void this.tried(download(`/events/${id}/doors.csv`, `doors-${id}.csv`))}>${words.export}</button>
          <a class="button small primary" href="/checkin?event=${id}">${words.openCheckIn}</a>
        </div>
      </div>
      <form class="search" role="search" @submit=${this.#searched}>
        <label>${words.search}<input name="q" type="search" autocomplete="off" maxlength="200" /></label>
        <button class="button">${words.searchButton}</button>
      </form>
      ${this.#list.view(this.language, { title: words.nobodyTitle, text: this.query ? words.notFound : words.nobody }, (rows) => this.#table(rows))} ${this.#wrongly()}
    `;
  }

  #table(rows: readonly TicketAttendee[]): TemplateResult {
    const words = WORDS[this.language];
    const seesBooking = may(this.me, ['sell', 'figures'], this.event.organizer_id);
    const bookingOf = (reference: string): TemplateResult =>
      seesBooking ? html`<span><a class="whole-word" href="/desk/events/${this.event.id}/bookings/${reference}">${reference}</a></span>` : html`<span class="whole-word">${reference}</span>`;
    return tableOf(rows, {
      key: ({ ticket_id: id }) => id,
      columns: [
        { head: words.name, cell: ({ name }) => name ?? words.noName },
        { head: words.ticket, cell: ({ ticket_type: type, seat }) => [type, seat].filter(Boolean).join(' · ') },
        { head: words.code, cell: ({ code }) => html`<span class="whole-word">${code}</span>` },
        { head: words.booking, cell: ({ reference }) => bookingOf(reference) },
        { head: words.status, cell: (one) => this.#status(one) },
      ],
      actions: (one) => this.#actions(one),
    });
  }

  #status({ status, checked_in_at: at, gate }: TicketAttendee): TemplateResult {
    const words = WORDS[this.language];
    const look = status === 'used' ? 'good' : status === 'void' ? 'bad' : '';
    return html`<span><span class="tag ${look}">${words.ticketStatus[status]}</span> ${at ? html`<span class="soft small">${words.in(momentWords(this.language, at), gate)}</span>` : nothing}</span>`;
  }

  #actions({ name, code, status, checkin_id: checkin }: TicketAttendee): TemplateResult {
    const words = WORDS[this.language];
    const who = name ?? words.noName;
    const canUndo = status === 'used' && checkin !== null && may(this.me, 'manage', this.event.organizer_id);
    const canEnter = status === 'valid' || status === 'transferred';
    return html`${canUndo ? html`<button class="button small" type="button" ?disabled=${this.busy} aria-label=${words.undoWho(who)} @click=${() => void this.#undo(who, code, checkin)}>${words.undo}</button>` : nothing}
    ${canEnter ? html`<button class="button small" type="button" ?disabled=${this.busy} aria-label=${words.letInWho(who)} @click=${() => void this.#letIn(who, code)}>${words.letIn}</button>` : nothing}`;
  }

  #wrongly(): TemplateResult | typeof nothing {
    const words = WORDS[this.language];
    if (this.wrong.length === 0) return nothing;
    return html`<section class="panel" aria-labelledby="wrong">
      <h2 id="wrong">${words.wrong}</h2>
      <p class="soft">${words.wrongHint}</p>
      ${tableOf(this.wrong, {
        key: ({ id }) => id,
        columns: [
          { head: words.code, cell: ({ code }) => html`<span class="whole-word">${code ?? '–'}</span>` },
          { head: words.status, cell: ({ result }) => html`<span class="tag bad">${words.result[result as ScanResult]}</span>` },
          { head: words.gate, cell: ({ gate }) => gate ?? '' },
          { head: words.when, cell: ({ scanned_at: at }) => momentWords(this.language, at) },
        ],
      })}
    </section>`;
  }

  readonly #searched = (event: SubmitEvent): void => {
    event.preventDefault();
    this.query = String(new FormData(event.target as HTMLFormElement).get('q')).trim();
    void this.#list.restart();
  };

  async #letIn(who: string, code: string): Promise<void> {
    // Pressed again after an answer that was lost, it is the same check-in: the server may have heard of the first.
    const before = this.#unheard.get(code);
    const at = Date.now();
    const nonce = before && before.at > at - SHOWN_AGAIN_MS ? before.nonce : newKey();
    this.#unheard.set(code, { nonce, at });
    const scan = { code, nonce, scanned_at: new Date().toISOString() };
    await this.#do(async () => {
      const { result } = await new DoorRest(this.client).checkIn(this.event.id, scan);
      this.#unheard.delete(code);
      if (result === 'admitted') say((language) => WORDS[language].wasLetIn(who));
      else complain((language) => `${who}: ${WORDS[language].result[result as ScanResult]}`);
    });
  }

  async #undo(who: string, code: string, checkin: number): Promise<void> {
    await this.#do(async () => {
      await new DoorRest(this.client).undo(checkin);
      // With its nonce the server would tell of that check-in again, and let nobody in anew.
      this.#unheard.delete(code);
      say((language) => WORDS[language].wasUndone(who));
    });
  }

  async #do(wish: () => Promise<void>): Promise<void> {
    this.busy = true;
    await this.tried(wish());
    this.busy = false;
    await this.#list.load();
  }

  async #readWrong(): Promise<void> {
    const read = WRONG.map((result) => this.client.read<ListedCheckin[]>(`/events/${this.event.id}/checkins?result=${result}&limit=${WRONG_ROWS}`).catch(() => []));
    const found = (await Promise.all(read)).flat();
    this.wrong = found.sort((one, other) => other.id - one.id);
  }
}

customElements.define('desk-door-list', DoorListPage);
