import { css, html, nothing, type TemplateResult } from 'lit';
import { sum } from '../../elements/internal/format.ts';
import type { Booking, Money } from '../../sdk/index.ts';
import { amountOf } from '../amounts.ts';
import { isUnanswered } from '../desk-client.ts';
import { DeskPage } from '../desk-page.ts';
import { given } from '../../sdk/rest.ts';
import { because, type Said } from '../said.ts';
import { deskStyles } from '../styles.ts';
import { say } from '../toasts.ts';
import { WORDS as COMMON } from '../words.ts';
import { WORDS } from './words.ts';
import { placeOf } from './place.ts';
import { leftOf, worthOf } from './worth.ts';
import '../desk-dialog.ts';

const REASON_CHARS_MAX = 500;

type Kind = 'all' | 'tickets' | 'amount';

/**
 * Asks what of a booking is given back, and says what goes back before it is done. Fires `done` and `close`, and `unsure` when
 * nobody answered: the booking is to be read anew, and until the dialog is closed the wish stays as it is.
 */
export class RefundDialog extends DeskPage {
  static override properties = { booking: { attribute: false }, kind: { state: true }, codes: { state: true }, typed: { state: true }, problem: { state: true }, busy: { state: true }, isUnsure: { state: true } };
  static override styles = [
    deskStyles,
    css`
      .kind {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        gap: 0 0.75rem;
        align-items: center;
        color: var(--ink);
        font-size: 1rem;
      }
      .kind .hint {
        grid-column: 2;
      }
      .tickets {
        display: grid;
        gap: 0.25rem;
        padding-inline-start: 2rem;
      }
      .preview {
        display: flex;
        flex-wrap: wrap;
        align-items: baseline;
        justify-content: space-between;
        gap: 0.25rem 1rem;
        padding: 0.9rem 1rem;
        border-radius: var(--radius-small);
        background: var(--sunken);
      }
      .preview strong {
        font-family: var(--display);
        font-size: 1.35rem;
      }
    `,
  ];

  declare booking: Booking;
  declare kind: Kind;
  declare codes: ReadonlySet<string>;
  declare typed: string;
  declare problem: Said | undefined;
  declare busy: boolean;
  /** The money may have gone back. The same wish can be sent again, as it is one refund; another one would be a second. */
  declare isUnsure: boolean;

  constructor() {
    super();
    this.kind = 'all';
    this.codes = new Set();
    this.typed = '';
    this.busy = false;
    this.isUnsure = false;
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    const { booking } = this;
    const close = (): boolean => this.dispatchEvent(new Event('close'));
    const back = this.#back();
    return html`<desk-dialog heading=${words.refundTitle} @close=${close}>
      <form id="refund" @submit=${this.#submit}>
        <fieldset ?disabled=${this.isUnsure}>
          ${this.#kind('all', words.refundAll, words.refundAllHint)} ${this.#kind('tickets', words.refundTickets, words.refundTicketsHint)}
          ${
            this.kind === 'tickets'
              ? html`<div class="tickets">
                  ${booking.tickets
                    .filter(({ status }) => status === 'valid' || status === 'transferred')
                    .map((ticket) => {
                      const { code } = ticket;
                      const worth = this.#money(worthOf(booking, new Set([code])));
                      return html`<label class="tick"
                        ><input type="checkbox" .checked=${this.codes.has(code)} @change=${() => this.#choose(code)} /><span>${placeOf(booking.items, ticket)} · ${worth}<br /><span class="soft small">${code}</span></span></label
                      >`;
                    })}
                </div>`
              : nothing
          }
          ${this.#kind('amount', words.refundAmount, words.refundAmountHint)}
          ${
            this.kind === 'amount'
              ? html`<label
                  >${words.amount} (${booking.total.currency})<input inputmode="decimal" autocomplete="off" .value=${this.typed} @input=${(event: Event) => (this.typed = (event.target as HTMLInputElement).value)}
                /></label>`
              : nothing
          }
        </fieldset>
        <label>${words.reason}<input name="reason" maxlength=${REASON_CHARS_MAX} autocomplete="off" ?readonly=${this.isUnsure} /><span class="hint">${words.reasonHint}</span></label>
        <div class="preview" role="status">${this.#preview(back)}</div>
        <p class="problem" role="alert">${this.problem?.(this.language) ?? nothing}</p>
      </form>
      <div slot="actions">
        <button class="button" type="button" @click=${close}>${COMMON[this.language].back}</button>
        <button class="button danger" form="refund" ?disabled=${this.busy || !this.#isGood(back)}>${this.#isGood(back) ? words.doGiveBack(this.#money(back)) : words.doRefund}</button>
      </div>
    </desk-dialog>`;
  }

  #kind(kind: Kind, label: string, hint: string): TemplateResult {
    return html`<label class="kind"
      ><input type="radio" name="kind" .checked=${this.kind === kind} @change=${() => (this.kind = kind)} /><b>${label}</b><span class="hint">${hint}</span></label
    >`;
  }

  #preview(back: Money | undefined): TemplateResult {
    const words = WORDS[this.language];
    const left = leftOf(this.booking);
    if (!back || back.amount <= 0) return html`<span>${words.nothingGoesBack}</span>`;
    if (back.amount > left.amount) return html`<span>${words.tooMuch(this.#money(left))}</span>`;
    const voids = this.kind === 'all' ? this.booking.tickets.filter(({ status }) => status !== 'void').length : this.kind === 'tickets' ? this.codes.size : 0;
    return html`<strong>${words.willGoBack(this.#money(back))}</strong>
      <span>${[words.staysPaid(this.#money({ ...left, amount: left.amount - back.amount })), voids > 0 ? words.voids(voids) : undefined].filter(Boolean).join(' · ')}</span>`;
  }

  /** The amount of this choice. */
  #back(): Money | undefined {
    const { booking, kind } = this;
    if (kind === 'all') return leftOf(booking);
    if (kind === 'tickets') return worthOf(booking, this.codes);
    const amount = amountOf(this.typed, booking.total.currency);
    return amount === undefined ? undefined : { amount, currency: booking.total.currency };
  }

  #isGood(back: Money | undefined): back is Money {
    return back !== undefined && back.amount > 0 && back.amount <= leftOf(this.booking).amount;
  }

  #money(money: Money): string {
    return sum(this.language, money);
  }

  #choose(code: string): void {
    const codes = new Set(this.codes);
    if (!codes.delete(code)) codes.add(code);
    this.codes = codes;
  }

  readonly #submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const back = this.#back();
    if (!this.#isGood(back)) return;
    const reason = String(new FormData(event.target as HTMLFormElement).get('reason')).trim();
    const what = this.kind === 'all' ? { all: true } : this.kind === 'tickets' ? { ticket_ids: [...this.codes] } : { amount: back };
    this.busy = true;
    this.problem = undefined;
    const [path, body] = [`/bookings/${this.booking.id}/refunds`, { ...what, ...(reason ? { reason } : {}) }];
    const isAgain = this.client.isUnanswered(path, body);
    try {
      const answer = await this.client.doOnce<{ amount: Money }>(path, body);
      const { amount } = given(answer);
      const isOld = isAgain && answer.headers.has('idempotent-replay');
      say((language) => WORDS[language][isOld ? 'wentBack' : 'givenBack'](sum(language, amount)));
      this.dispatchEvent(new Event('done'));
    } catch (error) {
      this.problem = because(error);
      if (isUnanswered(error)) {
        this.isUnsure = true;
        this.dispatchEvent(new Event('unsure'));
      }
    }
    this.busy = false;
  };
}

customElements.define('desk-refund-dialog', RefundDialog);
