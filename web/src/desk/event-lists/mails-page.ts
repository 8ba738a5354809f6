import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { count, momentWords } from '../../elements/internal/format.ts';
import { EventDeskPage } from '../desk-page.ts';
import { jobName } from '../kinds.ts';
import { List } from '../list.ts';
import { failureWords } from '../reasons.ts';
import { deskStyles } from '../styles.ts';
import { WORDS, type MailStatus } from './words.ts';

/** As many as the server answers at once. */
const PAGE_ROWS = 100;
/** The outbox moves by itself. */
const LOOK_MS = 5_000;
const STATUSES: readonly MailStatus[] = ['waiting', 'leased', 'done', 'needs_review'];
const LOOKS: Record<MailStatus, string> = { waiting: 'warn', leased: 'warn', done: 'good', needs_review: 'bad' };

interface Mail {
  id: number;
  kind: string;
  status: MailStatus;
  booking_id: string | null;
  has_address: boolean;
  code?: string;
  detail?: string;
  attempts: number;
  created_at: string;
}

/** Mails about the event's bookings and tickets, and whether they went out. */
export class MailsPage extends EventDeskPage {
  static override properties: PropertyDeclarations = { ...EventDeskPage.properties, status: { state: true } };
  static override styles = [
    deskStyles,
    css`
      .filter {
        max-width: 14rem;
      }
      .waiting {
        height: 20rem;
      }
    `,
  ];

  declare status: MailStatus | '';
  #looking: ReturnType<typeof setInterval> | undefined;

  readonly #list: List<Mail> = new List<Mail>(
    this,
    () => `/mails?event_id=${this.event.id}&limit=${PAGE_ROWS}${this.status ? `&status=${this.status}` : ''}`,
  );

  constructor() {
    super();
    this.status = '';
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#looking = setInterval(() => {
      if (document.visibilityState === 'visible' && !this.#list.isLong) void this.#list.load();
    }, LOOK_MS);
  }

  override disconnectedCallback(): void {
    clearInterval(this.#looking);
    super.disconnectedCallback();
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    return html`
      <div class="bar">
        <div>
          <h2>${words.mails}</h2>
          <p class="soft small">${words.mailsHint}</p>
        </div>
        <label class="filter"
          >${words.status}
          <select @change=${this.#filtered}>
            <option value="">${words.all}</option>
            ${STATUSES.map((status) => html`<option value=${status}>${words.mail[status]}</option>`)}
          </select>
        </label>
      </div>
      ${this.#list.view(this.language, { title: words.noMailsTitle, text: words.noMails }, (rows) => this.#table(rows))}
    `;
  }

  #table(rows: readonly Mail[]): TemplateResult {
    const words = WORDS[this.language];
    return html`<div class="scroll">
      <table class="stack">
        <thead>
          <tr>
            <th scope="col">${words.mails}</th>
            <th scope="col">${words.status}</th>
            <th scope="col">${words.booking}</th>
            <th scope="col" class="number">${words.attempts}</th>
            <th scope="col">${words.when}</th>
          </tr>
        </thead>
        <tbody>
          ${repeat(
            rows,
            ({ id }) => id,
            ({ kind, status, booking_id: booking, has_address: hasAddress, code, detail, attempts, created_at: at }) => html`<tr>
              <th scope="row">${jobName(this.language, kind)}</th>
              <td data-label=${words.status}><span>${status === 'done' && !hasAddress ? html`<span class="tag">${words.noAddress}</span>` : html`<span class="tag ${LOOKS[status]}">${words.mail[status]}</span>`} ${code ? html`<span class="soft small">${failureWords(this.language, { code, detail })}</span>` : nothing} ${status === 'needs_review' ? html`<a class="small" href="/desk/review">${words.toReview}</a>` : nothing}</span></td>
              <td data-label=${words.booking}><span>${booking ? html`<a href="/desk/events/${this.event.id}/bookings/${booking}">${words.booking}</a>` : '–'}</span></td>
              <td data-label=${words.attempts} class="number"><span>${count(this.language, attempts)}</span></td>
              <td data-label=${words.when}><span>${momentWords(this.language, at)}</span></td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }

  readonly #filtered = (event: Event): void => {
    this.status = (event.target as HTMLSelectElement).value as MailStatus | '';
    void this.#list.restart();
  };
}

customElements.define('desk-mails', MailsPage);
