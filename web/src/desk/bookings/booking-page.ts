import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import { count, momentWords, sum } from '../../elements/internal/format.ts';
import { addedRows, containedWords } from '../../elements/internal/price-lines.ts';
import { explain } from '../../elements/internal/refusals.ts';
import { save } from '../../elements/internal/save.ts';
import { eachOfTickets } from '../../sdk/files.ts';
import { Refusal, Unreachable, type Attendee, type Booking, type Money } from '../../sdk/index.ts';
import { EventDeskPage } from '../desk-page.ts';
import { download } from '../files.ts';
import { jobName, providerName } from '../kinds.ts';
import { reasonWords } from '../reasons.ts';
import { may } from '../rights.ts';
import { because, type Said } from '../said.ts';
import { deskStyles } from '../styles.ts';
import { say } from '../toasts.ts';
import { WORDS as COMMON } from '../words.ts';
import { bookingTag } from './bookings-page.ts';
import { WORDS, type PaidBy, type RefundState } from './words.ts';
import { placeOf } from './place.ts';
import { leftOf } from './worth.ts';
import './refund-dialog.ts';
import '../desk-dialog.ts';

const REASON_CHARS_MAX = 500;
/** Money on its way is looked at so often; everything else when the event's numbers change. */
const LOOK_MS = 1_500;
const GATHER_MS = 600;
/** Jobs write invoices and credit notes soon after the money has moved, and no topic tells of it: they are looked for so often. */
const DOCUMENT_LOOKS_MAX = 20;
const PAID_BY: readonly PaidBy[] = ['cash', 'terminal', 'transfer', 'comp'];

interface Dispute {
  id: string;
  amount: Money;
  status: 'open' | 'won' | 'lost';
  created_at: string;
}

type WholeBooking = Booking & { attendees?: Attendee[]; disputes?: Dispute[] };

interface Refund {
  id: string;
  amount: Money;
  reason: string;
  status: RefundState;
  tickets: string[];
  failure?: string;
  created_at: string;
}

interface Invoice {
  kind: string;
  number: string | null;
  issued_at: string;
  total: Money;
}

interface Mail {
  id: number;
  kind: string;
  status: string;
  booking_id: string | null;
  has_address: boolean;
  reason: string | null;
  created_at: string;
}

interface Moment {
  at: string;
  what: string;
  more?: string | undefined;
}

type Asks = 'refund' | 'cancel' | 'confirm';

/** One booking, with all that happened to it and all that can be done about it. */
export class BookingDeskPage extends EventDeskPage {
  static override properties: PropertyDeclarations = {
    ...EventDeskPage.properties,
    number: { attribute: false },
    booking: { state: true },
    refunds: { state: true },
    invoices: { state: true },
    mails: { state: true },
    problem: { state: true },
    fault: { state: true },
    asks: { state: true },
    busy: { state: true },
  };
  static override styles = [
    deskStyles,
    css`
      .two {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr));
        gap: 1rem;
        align-items: start;
      }
      .two > div {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 1rem;
        min-width: 0;
      }
      .panel p,
      .history span {
        overflow-wrap: anywhere;
      }
      dl {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        gap: 0.4rem 1.25rem;
        margin: 0;
        overflow-wrap: anywhere;
      }
      dd {
        text-align: end;
      }
      ul,
      ol {
        display: grid;
        gap: 0.6rem;
        margin: 0;
        padding: 0;
        list-style: none;
      }
      .added {
        flex: 1;
        gap: 0.2rem;
        color: var(--ink-soft);
        font-size: 0.9375rem;
      }
      .added li,
      .lines li {
        display: flex;
        justify-content: space-between;
        gap: 1rem;
      }
      .lines li > :last-child:not(:first-child) {
        flex: none;
      }
      .lines .sum {
        padding-block-start: 0.5rem;
        border-block-start: 1px solid var(--line);
        font-weight: 650;
      }
      .standing {
        display: flex;
        flex-wrap: wrap;
        gap: 0.4rem;
        align-items: center;
      }
      @media (max-width: 640px) {
        .standing {
          justify-content: end;
        }
      }
      .offer {
        border-radius: 0.75rem;
        overflow-wrap: anywhere;
        white-space: normal;
      }
      .history li {
        display: grid;
        grid-template-columns: 6.5rem minmax(0, 1fr);
        gap: 0.75rem;
      }
      .history time {
        color: var(--ink-soft);
        font-size: 0.875rem;
        font-variant-numeric: tabular-nums;
      }
      .history small {
        display: block;
        color: var(--ink-soft);
        overflow-wrap: anywhere;
      }
      .waiting {
        height: 24rem;
      }
    `,
  ];

  /** The booking's id or reference. */
  declare number: string;
  declare booking: WholeBooking | undefined;
  declare refunds: readonly Refund[];
  declare invoices: readonly Invoice[];
  declare mails: readonly Mail[];
  declare problem: unknown;
  declare fault: Said | undefined;
  declare asks: Asks | undefined;
  declare busy: boolean;
  /** Money may have gone back that is not shown: nobody answered, and the booking could not be read since. */
  #isUnsure = false;
  #unwatch: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asked = 0;
  #looks = 0;

  constructor() {
    super();
    [this.refunds, this.invoices, this.mails] = [[], [], []];
    this.busy = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.#begin();
  }

  override firstUpdated(): void {
    this.#begin();
  }

  #begin(): void {
    void this.#read();
    let known = 0;
    this.#unwatch = this.client.watch(`event:${this.event.id}`, ({ revision }) => {
      if (known > 0 && revision > known) this.#readIn(GATHER_MS);
      known = revision;
    });
  }

  override disconnectedCallback(): void {
    this.#unwatch?.();
    clearTimeout(this.#timer);
    this.#asked += 1;
    super.disconnectedCallback();
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    const list = html`<a href="/desk/events/${this.event.id}/bookings">${this.language === 'fa' ? '→' : '←'} ${words.back}</a>`;
    const { booking } = this;
    if (!booking && this.problem === undefined) return html`${list}<div class="skeleton waiting" role="status" aria-label=${COMMON[this.language].loading}></div>`;
    if (!booking) {
      const isGone = this.problem instanceof Refusal && this.problem.status === 404;
      return html`${list}
        <div class="message" role="alert">
          <p><strong>${isGone ? words.goneTitle : COMMON[this.language].failedTitle}</strong>${isGone ? words.gone : explain(this.language, this.problem)}</p>
        </div>`;
    }
    return html`
      ${list}
      <div class="bar">
        <h2>${booking.reference} ${bookingTag(words, booking.status)}</h2>
        <div class="actions">${this.#actions(booking)}</div>
      </div>
      <p class="problem" role="alert">${this.fault?.(this.language) ?? nothing}</p>
      <div class="two">
        <div>${this.#contact(booking)} ${this.#price(booking)} ${this.#documents(booking)}</div>
        <div>${this.#payment(booking)} ${this.#history(booking)}</div>
      </div>
      ${this.#tickets(booking)} ${this.#question(booking)}
    `;
  }

  // ── what is to be seen ──────────────────────────────────────────────────────────────────────────

  #contact({ contact, user_id: user, expires_at: until, status }: WholeBooking): TemplateResult {
    const words = WORDS[this.language];
    const { name, email, phone } = contact ?? {};
    const lines = [name, email, phone].filter(Boolean);
    return html`<section class="panel" aria-labelledby="contact">
      <h2 id="contact">${words.contact}</h2>
      ${lines.length > 0 ? html`<p>${lines.map((line) => html`<span>${line}</span><br />`)}</p>` : html`<p class="soft">${words.noContact}</p>`}
      ${user === null ? nothing : html`<p class="soft small">${words.account(user)}</p>`}
      ${status === 'pending' && until ? html`<p><span class="tag warn">${words.heldUntil(momentWords(this.language, until))}</span></p>` : nothing}
    </section>`;
  }

  #price({ items, lines, total }: WholeBooking): TemplateResult {
    const words = WORDS[this.language];
    const contained = lines ? containedWords(this.language, lines, total.currency) : '';
    return html`<section class="panel" aria-labelledby="price">
      <h2 id="price">${words.price}</h2>
      <ul class="lines">
        ${items.map(
          ({ name, quantity, unit_price: { amount, currency } }) =>
            html`<li><span>${count(this.language, quantity)} × ${name}</span><span>${sum(this.language, { amount: amount * quantity, currency })}</span></li>`,
        )}
        ${lines ? html`<li>${addedRows(this.language, lines, total.currency)}</li>` : nothing}
        <li class="sum"><span>${words.total}</span><span>${sum(this.language, total)}</span></li>
      </ul>
      ${contained ? html`<p class="soft small">${contained}</p>` : nothing}
    </section>`;
  }

  #payment(booking: WholeBooking): TemplateResult {
    const words = WORDS[this.language];
    const { payment, paid_by: by, disputes = [] } = booking;
    const money = (amount: Money): string => sum(this.language, amount);
    return html`<section class="panel" aria-labelledby="payment">
      <h2 id="payment">${words.payment}</h2>
      ${by ? html`<p><span class="tag good">${words.paidBy[by]}</span></p>` : nothing}
      ${
        payment
          ? html`<dl>
              <dt>${providerName(this.language, payment.provider)}${payment.method && !by ? ` · ${payment.method}` : ''}</dt>
              <dd><span class="tag ${payment.state === 'captured' ? 'good' : payment.state === 'needs_review' ? 'bad' : ''}">${words.state[payment.state]}</span></dd>
              <dt>${words.total}</dt>
              <dd>${money(payment.amount)}</dd>
              <dt>${words.returned}</dt>
              <dd>${money(payment.refunded)}</dd>
              <dt>${words.left}</dt>
              <dd>${money(leftOf(booking))}</dd>
            </dl>`
          : by
            ? nothing
            : html`<p class="soft">${words.noPayment}</p>`
      }
      ${payment?.failure ? html`<p class="problem">${reasonWords(this.language, payment.failure)}</p>` : nothing}
      ${payment?.state === 'needs_review' ? html`<a href="/desk/review">${words.state.needs_review}</a>` : nothing}
      ${
        this.refunds.length > 0
          ? html`<h3 class="small">${words.refunds}</h3>
              <ul>
                ${this.refunds.map(
                  ({ amount, status, reason, failure }) =>
                    html`<li>
                      <div class="bar"><b>${money(amount)}</b><span class="tag ${status === 'succeeded' ? 'good' : status === 'failed' || status === 'needs_review' ? 'bad' : 'warn'}">${words.refundState[status]}</span></div>
                      ${reason || failure ? html`<span class="soft small">${[reason, failure].map((text) => reasonWords(this.language, text ?? '')).filter(Boolean).join(' · ')}</span>` : nothing}
                    </li>`,
                )}
              </ul>`
          : nothing
      }
      ${
        disputes.length > 0
          ? html`<h3 class="small">${words.disputes}</h3>
              <ul>
                ${disputes.map(({ amount, status }) => html`<li class="bar"><b>${money(amount)}</b><span class="tag ${status === 'won' ? 'good' : 'bad'}">${words.disputeState[status]}</span></li>`)}
              </ul>`
          : nothing
      }
    </section>`;
  }

  #documents({ id, reference }: WholeBooking): TemplateResult | typeof nothing {
    const words = WORDS[this.language];
    if (this.invoices.length === 0) return nothing;
    const isNumbered = this.invoices.some(({ number }) => number !== null);
    return html`<section class="panel" aria-labelledby="documents">
      <h2 id="documents">${words.documents}</h2>
      <ul>
        ${this.invoices.map(
          ({ kind, number, total }) => html`<li class="bar"><span>${words.kind[kind] ?? kind} ${number ?? words.notNumbered}</span><b>${sum(this.language, total)}</b></li>`,
        )}
      </ul>
      ${
        isNumbered
          ? html`<div><button class="button small" type="button" @click=${() => void this.tried(download(`/events/${this.event.id}/invoice/${id}.pdf`, `invoice-${reference}.pdf`))}>${words.print}</button></div>`
          : html`<p class="soft small">${words.noDocuments}</p>`
      }
    </section>`;
  }

  #history(booking: WholeBooking): TemplateResult {
    const words = WORDS[this.language];
    return html`<section class="panel" aria-labelledby="history">
      <h2 id="history">${words.history}</h2>
      <ol class="history">
        ${this.#moments(booking).map(
          ({ at, what, more }) => html`<li><time datetime=${at}>${momentWords(this.language, at)}</time><span>${what}${more ? html`<small>${more}</small>` : nothing}</span></li>`,
        )}
      </ol>
    </section>`;
  }

  /** All that is known to have happened, in order. */
  #moments({ created_at, confirmed_at, paid_by, status, cancel_reason, disputes = [] }: WholeBooking): Moment[] {
    const words = WORDS[this.language];
    const money = (amount: Money): string => sum(this.language, amount);
    const moments: Moment[] = [{ at: created_at, what: words.wasMade }];
    if (confirmed_at) moments.push({ at: confirmed_at, what: words.wasConfirmed, more: paid_by ? words.paidBy[paid_by] : undefined });
    for (const { created_at: at, amount, status: state, reason } of this.refunds) moments.push({ at, what: `${words.refundState[state]}: ${money(amount)}`, more: reasonWords(this.language, reason) });
    for (const { created_at: at, amount, status: state } of disputes) moments.push({ at, what: `${words.disputes}: ${money(amount)}`, more: words.disputeState[state] });
    for (const { issued_at: at, kind, number, total } of this.invoices) if (number) moments.push({ at, what: `${words.kind[kind] ?? kind} ${number}`, more: money(total) });
    for (const { created_at: at, kind, status: state, has_address: hasAddress, reason } of this.mails) {
      moments.push({ at, what: jobName(this.language, kind), more: [state === 'done' && !hasAddress ? words.noAddress : (words.jobState[state] ?? state), reason].filter(Boolean).join(' · ') });
    }
    moments.sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
    // When it ended is not told; it was after all else.
    if (status === 'cancelled' || status === 'refunded') moments.push({ at: moments.at(-1)!.at, what: words.status[status], more: cancel_reason ? reasonWords(this.language, cancel_reason) : undefined });
    return moments;
  }

  #tickets({ tickets, items, attendees = [] }: WholeBooking): TemplateResult | typeof nothing {
    const words = WORDS[this.language];
    if (tickets.length === 0) return nothing;
    return html`<div class="scroll">
      <table class="stack">
        <thead>
          <tr>
            <th scope="col">${words.code}</th>
            <th scope="col">${words.place}</th>
            <th scope="col">${words.attendee}</th>
            <th scope="col">${words.filter}</th>
          </tr>
        </thead>
        <tbody>
          ${tickets.map(
            (ticket, place) => html`<tr>
              <th scope="row"><span class="whole-word">${ticket.code}</span></th>
              <td data-label=${words.place}><span>${placeOf(items, ticket)}</span></td>
              <td data-label=${words.attendee}><span>${attendees[place]?.name ?? ''}</span></td>
              <td data-label=${words.filter}>
                <div class="standing"><span class="tag ${ticket.status === 'valid' ? 'good' : ticket.status === 'void' ? 'bad' : ''}">${words.ticketStatus[ticket.status]}</span>${ticket.offer ? this.#offered(ticket.code, ticket.offer.to) : nothing}</div>
              </td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }

  /** A ticket that its buyer offers to somebody, who has not taken it. */
  #offered(code: string, to: string | undefined): TemplateResult {
    const words = WORDS[this.language];
    const sells = may(this.me, 'sell', this.event.organizer_id);
    return html`<span class="tag offer">${words.ticketOffered(to)}</span>${
        sells
          ? html`<button class="button small" type="button" ?disabled=${this.busy} aria-label=${words.withdrawTicket(code)} @click=${() => void this.#withdraw(code)}>${words.withdraw}</button>`
          : nothing
      }`;
  }

  // ── what can be done ────────────────────────────────────────────────────────────────────────────

  #actions(booking: WholeBooking): TemplateResult {
    const words = WORDS[this.language];
    const { status, id, tickets } = booking;
    const organization = this.event.organizer_id;
    const [sells, keepsMoney] = [may(this.me, 'sell', organization), may(this.me, 'money', organization)];
    const isPaid = leftOf(booking).amount > 0;
    const button = (shown: boolean, label: string, act: () => void, look = ''): TemplateResult | typeof nothing =>
      shown ? html`<button class="button small ${look}" type="button" ?disabled=${this.busy} @click=${act}>${label}</button>` : nothing;
    const ask = (asks: Asks) => (): void => {
      this.fault = undefined;
      this.asks = asks;
    };
    const isOpen = tickets.some((ticket) => ticket.status !== 'void');
    return html`
      ${button(sells && status === 'pending', words.doConfirm, ask('confirm'), 'primary')}
      ${button(sells && status === 'confirmed', words.doResend, () => void this.#resend(booking))}
      ${button(sells && status === 'confirmed' && isOpen, words.printTickets, () => void this.tried(eachOfTickets(booking, (part) => this.client.file(`/bookings/${id}/tickets.pdf?part=${part}`), save)))}
      ${button(keepsMoney && isPaid, words.doRefund, () => void this.#askRefund(), 'danger')}
      ${button(sells && (status === 'pending' || (status === 'confirmed' && (keepsMoney || !isPaid))), words.doCancel, ask('cancel'), 'danger')}
    `;
  }

  #question(booking: WholeBooking): TemplateResult | typeof nothing {
    const words = WORDS[this.language];
    const close = (): void => void (this.asks = undefined);
    if (this.asks === 'refund') {
      const done = (): void => {
        close();
        void this.#read();
      };
      const unsure = (): void => {
        this.#isUnsure = true;
        void this.#read();
      };
      return html`<desk-refund-dialog .booking=${booking} @close=${close} @done=${done} @unsure=${unsure}></desk-refund-dialog>`;
    }
    if (this.asks === 'cancel') {
      const left = leftOf(booking);
      return html`<desk-dialog heading=${words.cancelTitle} @close=${close}>
        <p>${left.amount > 0 ? words.cancelPaid(sum(this.language, left)) : words.cancelFree}</p>
        <form id="cancel" @submit=${this.#cancel}>
          <label>${words.reason}<input name="reason" maxlength=${REASON_CHARS_MAX} autocomplete="off" /><span class="hint">${words.reasonHint}</span></label>
          <p class="problem" role="alert">${this.fault?.(this.language) ?? nothing}</p>
        </form>
        <div slot="actions">
          <button class="button" type="button" @click=${close}>${COMMON[this.language].back}</button>
          <button class="button danger" form="cancel" ?disabled=${this.busy}>${words.doCancel}</button>
        </div>
      </desk-dialog>`;
    }
    if (this.asks === 'confirm') {
      return html`<desk-dialog heading=${words.confirmTitle} @close=${close}>
        <p>${words.confirmHint}</p>
        <p><strong>${sum(this.language, booking.total)}</strong></p>
        <form id="confirm" @submit=${this.#confirm}>
          <fieldset>
            ${PAID_BY.map((by, place) => html`<label class="tick"><input type="radio" name="paid_by" value=${by} ?checked=${place === 0} />${words.paidBy[by]}</label>`)}
          </fieldset>
          <p class="problem" role="alert">${this.fault?.(this.language) ?? nothing}</p>
        </form>
        <div slot="actions">
          <button class="button" type="button" @click=${close}>${COMMON[this.language].back}</button>
          <button class="button primary" form="confirm" ?disabled=${this.busy}>${words.doConfirm}</button>
        </div>
      </desk-dialog>`;
    }
    return nothing;
  }

  /** What went back is seen before more does. */
  async #askRefund(): Promise<void> {
    this.fault = undefined;
    if (this.#isUnsure) {
      this.busy = true;
      await this.#read();
      this.busy = false;
    }
    if (this.#isUnsure) this.fault = because(this.problem ?? new Unreachable('not read'));
    else this.asks = 'refund';
  }

  readonly #cancel = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const reason = String(new FormData(event.target as HTMLFormElement).get('reason')).trim();
    await this.#change({ status: 'cancelled', ...(reason ? { reason } : {}) }, (language) => WORDS[language].cancelled);
  };

  readonly #confirm = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const paid_by = new FormData(event.target as HTMLFormElement).get('paid_by');
    await this.#change({ status: 'confirmed', paid_by }, (language) => WORDS[language].confirmed);
  };

  async #change(body: object, done: Said): Promise<void> {
    this.busy = true;
    this.fault = undefined;
    try {
      await this.client.change('PUT', `/bookings/${this.booking!.id}/status`, body);
      this.asks = undefined;
      say(done);
      await this.#read();
    } catch (error) {
      this.fault = because(error);
    }
    this.busy = false;
  }

  async #withdraw(code: string): Promise<void> {
    this.fault = undefined;
    this.busy = true;
    try {
      await this.client.remove(`/tickets/${encodeURIComponent(code)}/transfer`);
      say((language) => WORDS[language].withdrawn(code));
    } catch (error) {
      this.fault = because(error);
    }
    // Where it was taken or withdrawn meanwhile as well.
    await this.#read();
    this.busy = false;
  }

  async #resend({ id }: WholeBooking): Promise<void> {
    this.fault = undefined;
    this.busy = true;
    try {
      await this.client.resendTickets({ id });
      say((language) => WORDS[language].resent);
      await this.#read();
    } catch (error) {
      this.fault = because(error);
    }
    this.busy = false;
  }

  async #read(): Promise<void> {
    const asked = ++this.#asked;
    const organization = this.event.organizer_id;
    try {
      const path = /^bk/i.test(this.number) ? `/bookings/by-reference/${this.number}` : `/bookings/${this.number}`;
      const booking = await this.client.read<WholeBooking>(path);
      if (booking.event_id !== this.event.id) throw new Refusal(404, '', { code: 'BOOKING_NOT_FOUND' });
      // Each of these is for some only; the booking is shown without it.
      let [knowsRefunds, knowsInvoices] = [true, true];
      const [refunds, invoices, mails] = await Promise.all([
        may(this.me, 'money', organization) ? this.client.read<Refund[]>(`/bookings/${booking.id}/refunds`).catch(() => ((knowsRefunds = false), [])) : [],
        this.client.read<Invoice[]>(`/bookings/${booking.id}/invoices`).catch(() => ((knowsInvoices = false), [])),
        may(this.me, 'sell', organization) ? this.client.read<Mail[]>(`/mails?event_id=${this.event.id}&booking_id=${booking.id}&limit=100`).catch(() => []) : [],
      ]);
      if (asked !== this.#asked) return;
      this.booking = booking;
      this.refunds = refunds;
      this.invoices = invoices;
      this.mails = mails;
      this.problem = undefined;
      if (knowsRefunds) this.#isUnsure = false;
      const isMoving = refunds.some(({ status }) => status === 'requested' || status === 'pending') || invoices.some(({ number }) => number === null);
      const isSale = booking.confirmed_at !== null && booking.paid_by !== 'comp' && booking.total.amount > 0;
      const documents = (isSale ? 1 : 0) + refunds.filter(({ status }) => status === 'succeeded').length;
      this.#looks = knowsInvoices && invoices.length < documents ? this.#looks + 1 : 0;
      if (isMoving || (this.#looks > 0 && this.#looks <= DOCUMENT_LOOKS_MAX)) this.#readIn(LOOK_MS);
    } catch (error) {
      if (asked === this.#asked) this.problem = error;
    }
  }

  #readIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#read(), ms);
  }
}

customElements.define('desk-booking', BookingDeskPage);
