import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { newKey, Refusal, STEPS, totalsOf, type Booking, type BookingRequest, type Contact, type EventState, type Money } from '../../sdk/index.ts';
import { BookingMadeEvent } from '../events/booking-made.ts';
import { BookingRefusedEvent } from '../events/booking-refused.ts';
import type { HoldsChangedEvent } from '../events/holds-changed.ts';
import { sameChoice, SelectionChangedEvent, type SelectionLine, type SelectionSource } from '../events/selection-changed.ts';
import { count, sum } from '../internal/format.ts';
import { faultOf } from '../internal/fault.ts';
import { define } from '../internal/live-element.ts';
import { SellingElement } from '../internal/selling-element.ts';
import { SIGN_IN_PAGE, signInLink } from '../internal/sign-in.ts';
import { addedRows, containedWords } from '../internal/price-lines.ts';
import { QuoteController } from '../internal/quote-controller.ts';
import { explain, isMoney, Problem } from '../internal/refusals.ts';
import { SaleController } from '../internal/sale-controller.ts';
import { BookingsController } from '../internal/own-controllers.ts';
import { styles } from './seatcast-booking.styles.ts';
import { WORDS } from './words.ts';
import type { SeatcastSeatMap } from '../seatcast-seat-map/seatcast-seat-map.ts';
import type {} from '../seatcast-revealed/seatcast-revealed.ts';
import type { SeatcastBookings } from '../seatcast-bookings/seatcast-bookings.ts';
import type {} from '../seatcast-waitlist/seatcast-waitlist.ts';

/** No refusal of the server's: an earlier attempt of which nobody knew how it ended was booked, so the new choice waits. */
const BOOKED_BEFORE = 'BOOKED_BEFORE';

/** Characters that the server takes of a name or an address. */
const NAME_CHARS_MAX = 200;
/** Characters of a voucher's code, and vouchers of a booking. */
const VOUCHER_CHARS_MAX = 64;
const VOUCHERS_MAX = 5;
/** From this width on the booking stands beside the tickets (the styles' container query), with room for fields. */
const WIDE_PX = 820;

/**
 * Books the buyer's choice and shows the buyer's holds, each with its countdown and a way to
 * cancel. The choice comes from an element inside, or as the property `lines`:
 *
 *     <seatcast-booking event="42">
 *       <seatcast-ticket-types event="42"></seatcast-ticket-types>
 *     </seatcast-booking>
 *
 * The price of the choice comes from the server, with discounts of vouchers, fees and taxes; that total goes with the booking,
 * so that nobody pays another price. A buyer may leave a name and an e-mail address, by which a booking without account is
 * found again, and the names of those who come. Where everything is sold there is the waitlist.
 *
 * A seat map inside it shows which seats are the buyer's. Fires `seatcast-booked` and `seatcast-refused`. The
 * buyer is counted among the people who are here, by step: looking, choosing, paying.
 */
export class SeatcastBooking extends SellingElement {
  static override styles = styles;
  static override properties = {
    ...SellingElement.properties,
    lines: { attribute: false },
    bookingPage: { attribute: 'booking-page' },
    signInPage: SIGN_IN_PAGE,
    sending: { state: true },
    problem: { state: true },
    proving: { state: true },
    asking: { state: true },
    vouchers: { state: true },
    voucherProblem: { state: true },
  };

  /** The selection that is about to be booked. */
  declare lines: readonly SelectionLine[];
  /** Where the site shows a single booking, as of `seatcast-bookings`. */
  declare bookingPage: string | undefined;
  /** Where buyers sign in; `{page}` in it stands for the address that they come back to. */
  declare signInPage: string | undefined;
  declare sending: boolean;
  declare problem: Problem | undefined;
  /** The tickets ask for a proven e-mail address: a code is mailed, and typed here. */
  declare proving: boolean;
  /** A code is being asked for. */
  declare asking: boolean;
  /** Codes that apply to this choice. */
  declare vouchers: readonly string[];
  /** Why the last code that was typed does not apply. */
  declare voucherProblem: string | undefined;

  readonly #sale = new SaleController(
    this,
    () => this.topic.view.state,
    () => this.topic.client,
  );
  /** Looked at for whether there is something to show: what shows it is loaded only then. */
  readonly #own: BookingsController = new BookingsController(this);
  /** The buyer's input; kept for the next booking on this page, and nowhere else. */
  readonly #contact: Contact = {};
  #code = '';
  #loading: Promise<unknown> | undefined;
  /** Names of those who come, in the order of the tickets. */
  #names: string[] = [];
  readonly #quote = new QuoteController(this, () => this.topic.client);
  /** Asks for a name that is missing between others; loaded with the first name. */
  #gap: typeof import('./name-gap.ts').NAME_GAP | undefined;
  /** Where a code was sent to, in words. */
  #mailed: string | undefined;
  /** Loaded when a sale asks for it. */
  #proof: typeof import('./email-proof.ts') | undefined;
  /** Tried with each choice. */
  #isKept = true;
  /** What a guest is told whose booking this browser would forget; loaded where it would, and asked without where that fails. */
  #unkept: typeof import('./unkept.ts').UNKEPT | undefined;
  /** Loaded with the first code. */
  #codes: typeof import('./otherwise.ts') | undefined;
  /** An attempt that nobody answered: it may have been booked, so it is asked again before anything else is. */
  #unknown: { request: BookingRequest; key: string } | undefined;
  /** The chosen lines, by the element that they come from; they are emptied when the booking is made. */
  readonly #choices = new Map<Element & SelectionSource, readonly SelectionLine[]>();
  /** Bookings of this event that the buyer holds and has not paid. */
  #pending = 0;
  /** Told to the maps inside, also to one that comes later. */
  #mine: SeatcastSeatMap['mine'];
  #revealed: SeatcastSeatMap['revealed'];

  constructor() {
    super();
    this.lines = [];
    this.sending = false;
    this.proving = false;
    this.asking = false;
    this.vouchers = [];
    new MutationObserver(() => this.#insideChanged()).observe(this, { childList: true, subtree: true });
    this.addEventListener('seatcast-selection', (event: SelectionChangedEvent) => {
      this.#choices.set(event.composedPath()[0] as Element & SelectionSource, event.lines);
      this.#gather();
      // «Choose again», it said, and that is done.
      if (this.lines.length > 0) void this.#loadBookings().then((loaded) => loaded && this.#bookings?.forgetEnded());
    });
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const { state, status } = this.topic.view;
    if (this.lines.length > 0 || this.#own.view.bookings?.some(({ event_id: id }) => id === this.event)) void this.#loadBookings();
    if (this.vouchers[0] || isSoldOut(state)) void this.#loadOtherwise();
    if (this.problem?.isOver({ state, status, lines: this.lines, pending: this.#pending })) this.problem = undefined;
    this.#dropRefusedVoucher(this.#quote.refusal);
    this.#askPrice();
    if (!changed.has('lines')) return;
    if (this.lines[0]) void this.#tryMemory();
    // With another price it is the same choice: that the price changed is still to be read.
    if (this.lines.length > 0 && !sameChoice(changed.get('lines') ?? [], this.lines)) this.problem = undefined;
  }

  protected override updated(changed: PropertyValues<this>): void {
    const before = changed.get('event');
    if (before !== undefined) this.topic.client.setStep(before, undefined);
    if (this.event !== undefined) this.topic.client.setStep(this.event, this.#step());
  }

  override disconnectedCallback(): void {
    if (this.event !== undefined) this.topic.client.setStep(this.event, undefined);
    super.disconnectedCallback();
  }

  override render(): TemplateResult {
    const { state, refused } = this.topic.view;
    const fault = faultOf(this.language, this.guard, refused);
    if (fault) return html`<slot></slot>${fault}`;
    return html`
      <slot></slot>
      <div class="side">
        ${this.#way(state)}
        <seatcast-bookings event=${this.event ?? nothing} .client=${this.client} .bookingPage=${this.bookingPage} active .signInPage=${this.signInPage} @seatcast-holds=${this.#held}></seatcast-bookings>
        ${this.#pending > 0 && this.lines.length === 0 ? nothing : this.#panel(state)}
        <seatcast-waitlist event=${this.event ?? nothing} .client=${this.client} .signInPage=${this.signInPage}></seatcast-waitlist>
        <slot name="notify"></slot>
      </div>
    `;
  }

  /** How far the buyer is: choosing, giving details, paying. */
  #way(state: EventState | undefined): TemplateResult | typeof nothing {
    const words = WORDS[this.language];
    const isIdle = this.lines.length === 0 && this.#pending === 0;
    if (!state || state.event.status !== 'active' || (isIdle && (isSoldOut(state) || !this.#isOpen(state)))) return nothing;
    const at = this.lines.length > 0 ? 1 : this.#pending > 0 ? 2 : 0;
    return html`<ol class="way" aria-label=${words.way}>
      ${words.steps.map((step, place) => html`<li class=${place < at ? 'done' : ''} aria-current=${place === at ? 'step' : nothing}>${step}</li>`)}
    </ol>`;
  }

  #panel(state: EventState | undefined): TemplateResult {
    // There is nothing to press; whoever has just lost the last ticket is told so all the same.
    const isOver = this.lines.length === 0 && state !== undefined && (isSoldOut(state) || !this.#isOpen(state));
    return html`<section class="panel ${this.lines.length > 0 ? 'chosen' : ''}" tabindex="-1" aria-label=${WORDS[this.language].yourBooking}>
      ${this.#revealedTypes(state)}
      ${this.lines.length === 0 ? html`${this.#nothingChosen(state)} ${state?.event.status === 'active' ? this.#voucherFields() : nothing}` : html`${this.#chosen()} ${this.#folds()} ${this.#sum()}`}
      <p class="problem" role="alert">${this.#problemWords() ?? nothing}</p>
      ${isOver
        ? nothing
        : html`<button class="button primary" type="button" ?disabled=${!this.#bookable(state)} @click=${() => this.#book()}>
              ${this.#invitation()}
            </button>
            ${this.#terms(state)}`}
    </section>`;
  }

  #nothingChosen(state: EventState | undefined): TemplateResult | typeof nothing {
    const words = WORDS[this.language];
    if (isUnlisted(state)) return nothing;
    if (isSoldOut(state)) {
      return html`<p class="empty"><strong>${words.soldOut}</strong> ${words.comesFree}</p>`;
    }
    const seated = (state?.event.layout ?? 0) > 0;
    if (state?.event.status === 'cancelled') return html`<p class="empty">${words.cancelled}</p>`;
    const closed = state !== undefined && !this.#isOpen(state);
    const invitation = seated ? words.chooseSeats : words.chooseTickets;
    return html`<p class="empty">${closed ? words.notOnSale : invitation}</p>`;
  }

  #chosen(): TemplateResult {
    return html`<ul>
        ${this.lines.map(
          (line) => html`<li>
            <span>${'seat_id' in line.item ? nothing : html`<b>${count(this.language, line.quantity)} ×</b> `}${line.label}</span>
            <span class="amount">${sum(this.language, timesQuantity(line))}</span>
            ${this.#remover(line)}
          </li>`,
        )}
      </ul>`;
  }

  /** All that is paid, above the button. */
  #sum(): TemplateResult {
    return html`${addedRows(this.language, this.#quote.lines, this.#total().currency)}
      <p class="total ${this.#quote.isReckoning ? 'old' : ''}" aria-busy=${this.#quote.isReckoning}>
        <span>${WORDS[this.language].total}</span> <span class="amount">${sum(this.language, this.#total())}</span>
        <small>${containedWords(this.language, this.#quote.lines, this.#total().currency)}</small>
      </p>`;
  }

  /** Takes a line out of the choice without a way back to the element that it comes from. */
  #remover(line: SelectionLine): TemplateResult | typeof nothing {
    const source = [...this.#choices].find(([, lines]) => lines.includes(line))?.[0];
    if (!source?.removeLine) return nothing;
    const words = WORDS[this.language];
    const act = (): void => {
      const place = this.lines.indexOf(line);
      source.removeLine?.(line);
      // The button is gone: the focus goes to the next line's, or to the panel.
      void this.updateComplete.then(() => {
        const buttons = [...this.renderRoot.querySelectorAll<HTMLElement>('.remove')];
        (buttons[Math.min(place, buttons.length - 1)] ?? this.renderRoot.querySelector<HTMLElement>('.panel'))?.focus();
      });
    };
    return html`<button class="remove" type="button" ?disabled=${this.sending} aria-label=${words.removeLine(line.label)} @click=${act}>
      <svg viewBox="0 0 20 20" aria-hidden="true"><path d="m5.5 5.5 9 9m0-9-9 9" /></svg>
    </button>`;
  }

  #problemWords(): string | TemplateResult | undefined {
    const { error } = this.problem ?? { error: this.#quote.refusal };
    const words = error === undefined ? undefined : explain(this.language, error);
    return words && error instanceof Refusal && error.code === 'ACCOUNT_REQUIRED' ? signInLink(this.signInPage, words) : words;
  }

  /** Fields that a buyer may leave empty. */
  #folds(): TemplateResult {
    return html`<div class="folds">${this.#contactFields()} ${this.#attendeeFields()} ${this.#voucherFields()}</div>`;
  }

  #attendeeFields(): TemplateResult {
    const tickets = this.lines.flatMap(({ label, quantity }) => Array.from({ length: quantity }, () => label));
    return html`<details class="names" @input=${this.#typed}>
      <summary>${WORDS[this.language].names}</summary>
      <div class="scroll">
        ${tickets.map(
          (label, place) => html`<label>${tickets.length > 1 ? `${count(this.language, place + 1)} · ` : ''}${label}
            <input name="attendee" data-place=${place} autocomplete="off" maxlength=${NAME_CHARS_MAX} .value=${this.#names[place] ?? ''} />
          </label>`,
        )}
      </div>
    </details>`;
  }

  /** Types that only a code opens: chosen here, since the page's own list shows what is open to all. */
  #revealedTypes(state: EventState | undefined): TemplateResult | typeof nothing {
    const alone = isUnlisted(state);
    if (!alone && !this.vouchers[0]) return nothing;
    return html`<seatcast-revealed event=${this.event ?? nothing} .client=${this.client} .signInPage=${this.signInPage} .codes=${this.vouchers} ?alone=${alone} .told=${this.#reveal}></seatcast-revealed>`;
  }

  #voucherFields(): TemplateResult {
    const words = WORDS[this.language];
    const isFull = this.vouchers.length >= VOUCHERS_MAX;
    return html`<details class="vouchers" ?open=${isUnlisted(this.topic.view.state)}>
      <summary>${words.voucher}</summary>
      ${this.#codes?.appliedVouchers(this.language, this.vouchers, (code) => this.#removeVoucher(code))}
      <form ?hidden=${isFull} @submit=${this.#applyVoucher}>
        <label>${words.code}
          <input name="voucher" autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength=${VOUCHER_CHARS_MAX} />
        </label>
        <button class="button small">${words.apply}</button>
      </form>
      <p class="problem" role="alert">${this.voucherProblem ?? nothing}</p>
    </details>`;
  }

  #applyVoucher(event: SubmitEvent): void {
    event.preventDefault();
    const input = (event.target as HTMLFormElement).querySelector('input');
    const code = input?.value.trim().toUpperCase();
    if (!input || !code) return;
    input.value = '';
    this.voucherProblem = undefined;
    if (!this.vouchers.includes(code)) this.vouchers = [...this.vouchers, code];
  }

  #removeVoucher(code: string): void {
    this.voucherProblem = undefined;
    this.renderRoot.querySelector('seatcast-revealed')?.drop?.(code);
    this.vouchers = this.vouchers.filter((one) => one !== code);
  }

  /** A voucher that does not apply goes, with a word about the reason; the choice costs what it costs without it. */
  #dropRefusedVoucher(refusal: Refusal | undefined): boolean {
    const named = refusal && this.#codes?.refusedVoucher(refusal, this.vouchers);
    if (!named) return false;
    this.#removeVoucher(named);
    this.voucherProblem = explain(this.language, refusal);
    return true;
  }

  /** Again when sales open or close, since that was perhaps the answer. */
  #askPrice(): void {
    const { event: event_id } = this;
    const items = this.lines.map(({ item }) => item);
    const vouchers = this.vouchers.length > 0 ? { vouchers: [...this.vouchers] } : {};
    const prices = this.lines.map(({ unitPrice }) => unitPrice.amount);
    const isChosen = event_id !== undefined && items.length > 0;
    const situation = `${this.topic.view.state?.event.status} ${prices.join()}`;
    this.#quote.ask(isChosen ? { event_id, items, ...vouchers } : undefined, situation);
  }

  #contactFields(): TemplateResult {
    const words = WORDS[this.language];
    return html`<details class="contact" @input=${this.#typed} ?open=${this.proving || this.#asksContact()}>
      <summary>${words.nameAndEmail} <span class="optional">${words.toFindAgain}</span></summary>
      <label>${words.name}
        <input name="name" autocomplete="name" maxlength=${NAME_CHARS_MAX} .value=${this.#contact.name ?? ''} />
      </label>
      <label>${words.email}
        <input name="email" type="email" autocomplete="email" maxlength=${NAME_CHARS_MAX} ?required=${this.#isForgotten} .value=${this.#contact.email ?? ''} />
      </label>
      ${this.#isForgotten ? html`<p class="terms">${this.#unkept?.[this.language]}</p>` : nothing}
      ${this.#codeField()}
    </details>`;
  }

  /** An account has an address. Of a guest it is asked where there is room for it. */
  #asksContact(): boolean {
    return this.topic.client.isGuest && (this.offsetWidth >= WIDE_PX || this.#isForgotten);
  }

  /** Paid elsewhere, the booking would be lost to its buyer: a page without storage has forgotten it on the way back. */
  get #isForgotten(): boolean {
    return this.topic.client.isGuest && !this.#isKept;
  }

  async #tryMemory(): Promise<void> {
    this.#isKept = this.topic.client.isRemembered;
    if (this.#isKept || this.#unkept) return;
    this.#unkept = (await import('./unkept.ts').catch(() => undefined))?.UNKEPT;
    this.requestUpdate();
  }

  #codeField(): TemplateResult | undefined {
    return this.#proof?.codeField(this.language, { ...this.#contact, code: this.#code, asking: this.asking, mailed: this.#mailed, ask: () => this.#askCode() });
  }

  async #askCode(): Promise<void> {
    const { email } = this.#contact;
    if (!email || !this.#isValid()) return;
    this.asking = true;
    try {
      await this.topic.client.askEmailCode(email);
      this.problem = undefined;
      this.#mailed = this.#proof?.PROOF_WORDS[this.language].codeSent(email);
    } catch (error) {
      this.problem = new Problem(error);
    } finally {
      this.asking = false;
    }
  }

  #typed(event: Event): void {
    const { name, value, dataset } = event.target as HTMLInputElement;
    if (name === 'attendee') {
      this.#names[Number(dataset['place'])] = value;
      import('./name-gap.ts').then(({ NAME_GAP }) => (this.#gap = NAME_GAP), () => undefined);
    } else if (name === 'code') this.#code = value.trim();
    else this.#contact[name === 'name' ? 'name' : 'email'] = value.trim();
    this.requestUpdate();
  }

  #invitation(): TemplateResult | string {
    const words = WORDS[this.language];
    if (this.sending) return html`<span class="spinner" aria-hidden="true"></span> ${words.oneMoment}`;
    const quantity = quantityOf(this.lines);
    if (quantity === 0) return words.holdNothing;
    return this.#total().amount === 0 ? words.book(quantity) : words.hold(quantity);
  }

  #terms(state: EventState | undefined): TemplateResult | typeof nothing {
    if (!state) return nothing;
    const { hold_minutes: minutes, max_per_booking: most } = state.event;
    const words = WORDS[this.language];
    const isCharged = this.lines.length > 0 && this.#total().amount > 0;
    return html`<p class="terms">${isCharged ? words.notCharged : nothing} ${words.terms(minutes, most)}</p>`;
  }

  #bookable(state: EventState | undefined): boolean {
    return !this.sending && !this.#quote.isReckoning && this.lines.length > 0 && state !== undefined && (this.#isOpen(state) || this.vouchers[0] !== undefined);
  }

  /** Something of it may be booked, or will be. */
  #isOpen(state: EventState): boolean {
    return state.event.status === 'active' && this.#sale.of(state) !== 'closed';
  }

  async #book(): Promise<void> {
    if (this.sending || this.event === undefined || this.lines.length === 0) return;
    if (!this.#isValid()) return;
    this.#setSending(true);
    this.problem = undefined;
    try {
      const booking = await this.#attempt(this.event);
      this.lines = [];
      this.vouchers = [];
      this.#names = [];
      for (const source of this.#choices.keys()) source.clear();
      this.dispatchEvent(new BookingMadeEvent(booking));
      await this.#loadBookings();
      await this.#bookings?.reveal(booking.id);
    } catch (error) {
      const isVoucher = error instanceof Refusal && this.#dropRefusedVoucher(error);
      if (!isVoucher) this.problem = new Problem(error);
      if (error instanceof Refusal && error.code === BOOKED_BEFORE) {
        await this.#loadBookings();
        await this.#bookings?.reveal(String(error.data['booking_id']));
      } else if (error instanceof Refusal) {
        if (error.code === 'EMAIL_PROOF_REQUIRED') {
          this.#proof = await import('./email-proof.ts').catch(() => undefined);
          this.proving = true;
        }
        if (error.code === 'PRICE_CHANGED') this.#quote.priceIs(isMoney(error.data['total']) ? error.data['total'] : undefined);
        this.dispatchEvent(new BookingRefusedEvent(error));
      }
    } finally {
      this.#setSending(false);
    }
  }

  /**
   * Books what is chosen; first settles an attempt of which nobody knows how it ended, so that nothing is held twice. Has it been
   * booked, that is the answer, and the buyer decides about the other choice.
   */
  async #attempt(event: number): Promise<Booking> {
    const request = this.#request(event);
    // Given up, answered elsewhere, or of another event or caller: it is asked about no more.
    if (this.#unknown?.request.event_id !== event || !this.topic.client.isUnsent(this.#unknown)) this.#unknown = undefined;
    const before = this.#unknown;
    if (before && JSON.stringify(before.request) !== JSON.stringify(request)) {
      const made = await this.#send(before).catch((error: unknown) => {
        if (this.#unknown) throw error;
      });
      if (made) {
        this.dispatchEvent(new BookingMadeEvent(made));
        throw new Refusal(409, '', { code: BOOKED_BEFORE, booking_id: made.id });
      }
    }
    return this.#send(this.#unknown ?? { request, key: newKey() });
  }

  async #send(attempt: { request: BookingRequest; key: string }): Promise<Booking> {
    this.#unknown = attempt;
    try {
      const booking = await this.topic.client.book(attempt.request, attempt.key);
      this.#unknown = undefined;
      return booking;
    } catch (error) {
      // Answered by a refusal: the next try is another attempt.
      if (!this.topic.client.isUnsent(attempt)) this.#unknown = undefined;
      throw error;
    }
  }

  #isValid(): boolean {
    const fields = [...this.renderRoot.querySelectorAll<HTMLInputElement>('input[type=email], input[name=attendee]')];
    const last = this.#attendees().length - 1;
    for (const field of fields) {
      if (field.name !== 'attendee') continue;
      const isGap = Number(field.dataset['place']) < last && field.value.trim() === '';
      field.setCustomValidity(isGap ? (this.#gap?.[this.language] ?? WORDS[this.language].names) : '');
    }
    const wrong = fields.find((field) => !field.checkValidity());
    if (!wrong) return true;
    // A field that is folded away cannot be pointed at.
    wrong.closest('details')?.setAttribute('open', '');
    return wrong.reportValidity();
  }

  /** Up to the last one that has a name. */
  #attendees(): { name: string }[] {
    const names = this.#names.slice(0, quantityOf(this.lines));
    const last = names.findLastIndex((name) => (name ?? '').trim() !== '');
    return Array.from({ length: last + 1 }, (_, place) => ({ name: (names[place] ?? '').trim() }));
  }

  #request(event_id: number): BookingRequest {
    const { name, email } = this.#contact;
    const attendees = this.#attendees();
    return {
      event_id,
      items: this.lines.map(({ item }) => item),
      expected_total: this.#total(),
      ...(email && this.#code ? { email_code: this.#code } : {}),
      ...(email ? { contact: { email, ...(name ? { name } : {}) } } : {}),
      ...(this.vouchers.length > 0 ? { vouchers: [...this.vouchers] } : {}),
      ...(attendees.length > 0 ? { attendees } : {}),
    };
  }

  #total(): Money {
    return this.#quote.total ?? totalOf(this.lines);
  }

  async #loadOtherwise(): Promise<void> {
    if (this.#codes) return;
    this.#codes = await import('./otherwise.ts').catch(() => undefined);
    // Else the next try is the next need.
    if (this.#codes) this.requestUpdate();
  }

  #loadBookings(): Promise<unknown> {
    // The next try is the next need.
    this.#loading ??= import('../seatcast-bookings/seatcast-bookings.ts').catch(() => (this.#loading = undefined));
    return this.#loading;
  }

  get #bookings(): SeatcastBookings | null {
    return this.renderRoot.querySelector('seatcast-bookings');
  }

  #held(event: HoldsChangedEvent): void {
    this.#pending = event.pending;
    this.#mine = event.seats;
    this.#tellMaps();
    this.requestUpdate();
  }

  readonly #reveal = (revealed: SeatcastSeatMap['revealed']): void => {
    this.#revealed = revealed;
    this.#tellMaps();
  };

  #tellMaps(): void {
    for (const map of this.querySelectorAll('seatcast-seat-map')) {
      map.mine = this.#mine;
      map.revealed = this.#revealed;
    }
  }

  #gather(): void {
    this.lines = [...this.#choices.values()].flat();
  }

  /** A map that has come is told what the others know. What was chosen in an element that has left is chosen no longer. */
  #insideChanged(): void {
    this.#tellMaps();
    for (const source of this.#choices.keys()) {
      // Else the whole booking is being put elsewhere.
      if (!this.isConnected || isInside(this, source)) continue;
      this.#choices.delete(source);
      // It is not told when the booking that is being sent has ended.
      source.busy = false;
      source.clear();
      this.#gather();
    }
  }

  #step(): string {
    if (this.#pending > 0) return STEPS.paying;
    return this.lines.length > 0 ? STEPS.choosing : STEPS.viewing;
  }

  #setSending(sending: boolean): void {
    this.sending = sending;
    for (const source of this.#choices.keys()) source.busy = sending;
  }
}

/** As `contains`, and through shadow roots: choices come from elements of the site's own elements as well. */
function isInside(outer: Node, inner: Node): boolean {
  const root = inner.getRootNode();
  return outer.contains(inner) || (root instanceof ShadowRoot && isInside(outer, root.host));
}

/** Nothing of it is on sale to everybody: it has no ticket types, or hidden ones only. */
function isUnlisted(state: EventState | undefined): boolean {
  return state?.event.status === 'active' && !state.ticket_types[0];
}

function isSoldOut(state: EventState | undefined): boolean {
  return state?.event.status === 'active' && totalsOf(state).status === 'sold_out';
}

function quantityOf(lines: readonly SelectionLine[]): number {
  return lines.reduce((total, { quantity }) => total + quantity, 0);
}

function timesQuantity({ unitPrice, quantity }: SelectionLine): { amount: number; currency: string } {
  return { amount: unitPrice.amount * quantity, currency: unitPrice.currency };
}

function totalOf(lines: readonly SelectionLine[]): { amount: number; currency: string } {
  const amount = lines.reduce((total, line) => total + timesQuantity(line).amount, 0);
  return { amount, currency: lines[0]?.unitPrice.currency ?? 'EUR' };
}

define('seatcast-booking', SeatcastBooking);

declare global {
  interface HTMLElementTagNameMap {
    'seatcast-booking': SeatcastBooking;
  }
}
