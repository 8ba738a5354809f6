import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import { momentWords, sum } from '../../elements/internal/format.ts';
import { Refusal, type Money } from '../../sdk/index.ts';
import { DeskPage } from '../desk-page.ts';
import { jobName, providerName } from '../kinds.ts';
import { List } from '../list.ts';
import { failureWords, reasonWords } from '../reasons.ts';
import { because, type Said } from '../said.ts';
import { deskStyles } from '../styles.ts';
import { complain, say } from '../toasts.ts';
import { WORDS as COMMON } from '../words.ts';
import { WORDS, type Decision } from './words.ts';
import '../desk-dialog.ts';

const PAGE_ROWS = 50;
const NOTE_CHARS_MAX = 500;

interface PaymentToReview {
  id: string;
  booking_id: string;
  reference: string;
  event_id: number;
  provider: string;
  state: string;
  amount: Money;
  refunded: Money;
  reasons: readonly string[];
  reason_count: number;
  decisions: Decision[];
  created_at: string;
}

interface Job {
  id: number;
  kind: string;
  status: string;
  progress: { total?: number; done?: number } | null;
  code?: string;
  detail?: string;
  created_at: string;
}

/** Payments and work that wait for a person, worked off one by one. */
export class ReviewPage extends DeskPage {
  static override properties: PropertyDeclarations = { asks: { state: true }, drops: { state: true }, fault: { state: true }, busy: { state: true } };
  static override styles = [
    deskStyles,
    css`
      .decision {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        gap: 0 0.75rem;
        align-items: center;
        color: var(--ink);
        font-size: 1rem;
      }
      .decision .hint {
        grid-column: 2;
      }
      .waiting {
        height: 8rem;
      }
      td {
        overflow-wrap: anywhere;
      }
    `,
  ];

  /** The payment that is being decided about. */
  declare asks: PaymentToReview | undefined;
  declare drops: Job | undefined;
  declare fault: Said | undefined;
  declare busy: boolean;
  readonly #payments: List<PaymentToReview> = new List<PaymentToReview>(this, () => `/payments?state=needs_review&limit=${PAGE_ROWS}`);
  readonly #jobs: List<Job> = new List<Job>(this, () => `/jobs?state=needs_review&limit=${PAGE_ROWS}`);

  constructor() {
    super();
    this.busy = false;
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    return html`
      <div>
        <h1>${words.review}</h1>
        <p class="soft">${words.reviewHint}</p>
      </div>
      <h2>${words.payments}</h2>
      ${this.#payments.view(this.language, { title: words.noPaymentsTitle, text: words.noPayments }, (rows) => this.#paymentTable(rows))}
      <h2>${words.jobs}</h2>
      ${this.#jobs.view(this.language, { title: words.noJobsTitle, text: words.noJobs }, (rows) => this.#jobTable(rows))} ${this.asks ? this.#question(this.asks) : nothing}
      ${this.drops ? this.#dropQuestion(this.drops) : nothing}
    `;
  }

  #paymentTable(rows: readonly PaymentToReview[]): TemplateResult {
    const words = WORDS[this.language];
    return html`<div class="scroll">
      <table class="stack">
        <thead>
          <tr>
            <th scope="col">${words.booking}</th>
            <th scope="col">${words.why}</th>
            <th scope="col" class="number">${words.amount}</th>
            <th scope="col">${words.provider}</th>
            <th scope="col">${words.when}</th>
            <td></td>
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (row) => html`<tr>
              <th scope="row"><a href="/desk/events/${row.event_id}/bookings/${row.booking_id}">${row.reference}</a></th>
              <td data-label=${words.why}><span>${row.reasons.map((reason, place) => html`${place > 0 ? html`<br />` : nothing}${reasonWords(this.language, reason)}`)}</span></td>
              <td data-label=${words.amount} class="number"><span>${sum(this.language, row.amount)}${row.refunded.amount > 0 ? html`<br /><span class="soft small">${words.refunded(sum(this.language, row.refunded))}</span>` : nothing}</span></td>
              <td data-label=${words.provider}><span>${providerName(this.language, row.provider)}</span></td>
              <td data-label=${words.when}><span>${momentWords(this.language, row.created_at)}</span></td>
              <td><div class="actions"><button class="button small primary" type="button" aria-label=${words.decideWho(row.reference)} @click=${() => this.#ask(row)}>${words.decide}</button></div></td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }

  #jobTable(rows: readonly Job[]): TemplateResult {
    const words = WORDS[this.language];
    return html`<div class="scroll">
      <table class="stack">
        <thead>
          <tr>
            <th scope="col">${words.jobs}</th>
            <th scope="col">${words.why}</th>
            <th scope="col">${words.when}</th>
            <td></td>
          </tr>
        </thead>
        <tbody>
          ${rows.map((row) => {
            const what = jobName(this.language, row.kind);
            return html`<tr>
              <th scope="row">${what}</th>
              <td data-label=${words.why}><span>${failureWords(this.language, row)}</span></td>
              <td data-label=${words.when}><span>${momentWords(this.language, row.created_at)}</span></td>
              <td>
                <div class="actions">
                  <button class="button small" type="button" ?disabled=${this.busy} aria-label=${words.retryWhat(what)} @click=${() => void this.#retry(row)}>${words.retry}</button>
                  <button class="button small danger" type="button" ?disabled=${this.busy} aria-label=${words.dropWhat(what)} @click=${() => (this.drops = row)}>${words.drop}</button>
                </div>
              </td>
            </tr>`;
          })}
        </tbody>
      </table>
    </div>`;
  }

  #question(payment: PaymentToReview): TemplateResult {
    const words = WORDS[this.language];
    const close = (): void => void (this.asks = undefined);
    return html`<desk-dialog heading=${words.decideWho(payment.reference)} @close=${close}>
      ${payment.reasons.map((reason) => html`<p>${reasonWords(this.language, reason)}</p>`)}
      <p><strong>${sum(this.language, payment.amount)}</strong></p>
      <form id="decide" @submit=${this.#decide}>
        <fieldset>
          ${payment.decisions.map(
            (decision, place) =>
              html`<label class="decision"
                ><input type="radio" name="decision" value=${decision} ?checked=${place === 0} /><b>${words.decision[decision]}</b><span class="hint">${words.effect[decision]}</span></label
              >`,
          )}
        </fieldset>
        <label>${words.note}<input name="note" maxlength=${NOTE_CHARS_MAX} autocomplete="off" /><span class="hint">${words.noteHint}</span></label>
        <p class="problem" role="alert">${this.fault?.(this.language) ?? nothing}</p>
      </form>
      <div slot="actions">
        <button class="button" type="button" @click=${close}>${COMMON[this.language].back}</button>
        <button class="button primary" form="decide" ?disabled=${this.busy}>${words.decide}</button>
      </div>
    </desk-dialog>`;
  }

  #dropQuestion(job: Job): TemplateResult {
    const words = WORDS[this.language];
    const close = (): void => void (this.drops = undefined);
    return html`<desk-dialog heading=${words.dropTitle} @close=${close}>
      <p>${jobName(this.language, job.kind)}: ${failureWords(this.language, job)}</p>
      <p>${words.dropHint}</p>
      <div slot="actions">
        <button class="button" type="button" @click=${close}>${COMMON[this.language].back}</button>
        <button class="button danger" type="button" ?disabled=${this.busy} @click=${() => void this.#drop(job)}>${words.drop}</button>
      </div>
    </desk-dialog>`;
  }

  #ask(payment: PaymentToReview): void {
    this.fault = undefined;
    this.asks = payment;
  }

  readonly #decide = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const payment = this.asks;
    if (!payment) return;
    // The dialog may have been closed meanwhile, or be about another payment.
    const isAsked = (): boolean => this.asks?.id === payment.id;
    const typed = new FormData(event.target as HTMLFormElement);
    const note = String(typed.get('note')).trim();
    this.busy = true;
    this.fault = undefined;
    try {
      const request = { method: 'POST', body: { decision: typed.get('decision'), reason_count: payment.reason_count, ...(note ? { note } : {}) } } as const;
      await this.client.ask(`/payments/${payment.id}/review`, request);
      if (isAsked()) this.asks = undefined;
      say((language) => WORDS[language].decided);
      await this.#payments.load();
    } catch (error) {
      if (isAsked()) this.fault = because(error);
      else complain(because(error));
      if (error instanceof Refusal && error.code === 'REASONS_UNREAD') {
        await this.#payments.load();
        if (isAsked()) this.asks = this.#payments.rows?.find(({ id }) => id === payment.id);
      }
    }
    this.busy = false;
  };

  async #retry(job: Job): Promise<void> {
    await this.#work(job, 'retry', (language) => WORDS[language].retried);
  }

  async #drop(job: Job): Promise<void> {
    await this.#work(job, 'drop', (language) => WORDS[language].dropped);
    this.drops = undefined;
  }

  async #work({ id }: Job, what: 'retry' | 'drop', done: Said): Promise<void> {
    this.busy = true;
    const answer = await this.tried(this.client.ask(`/jobs/${id}/${what}`, { method: 'POST', body: {} }));
    if (answer) say(done);
    this.busy = false;
    await this.#jobs.load();
  }
}

customElements.define('desk-review', ReviewPage);
