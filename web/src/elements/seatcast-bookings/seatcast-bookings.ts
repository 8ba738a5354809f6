import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { Refusal, Unreachable, type Booking, type BookedItem, type BookingsView, type Cancellation, type Countdown, type HeldTicket } from '../../sdk/index.ts';
import { BookingCancelledEvent } from '../events/booking-cancelled.ts';
import type {} from '../events/booking-changed.ts';
import { HoldsChangedEvent } from '../events/holds-changed.ts';
import { PaymentStartedEvent } from '../events/payment-started.ts';
import { dateParts, dateWords, digits, momentWords, money, percent, sum, timed } from '../internal/format.ts';
import type { Language } from '../internal/language.ts';
import { define, FLAG } from '../internal/live-element.ts';
import { SellingElement } from '../internal/selling-element.ts';
import { SIGN_IN_PAGE, signInLink } from '../internal/sign-in.ts';
import { explain } from '../internal/refusals.ts';
import { addedRows, containedWords, ticketAmount } from '../internal/price-lines.ts';
import { BookingsController } from '../internal/own-controllers.ts';
import { Ended, endOf, isStanding } from './ended.ts';
import { arrival, BACK, begun, isBack, isBegun, isToPay, leaveToPay, ledBack, leftToPay, moneyWords, payingOf, type Left, type Paying } from './paying.ts';
import { styles } from './seatcast-bookings.styles.ts';
import { WORDS } from './words.ts';
import '../internal/refusal-words.ts';
import type {} from '../seatcast-change/seatcast-change.ts';
import type {} from '../seatcast-tickets/seatcast-tickets.ts';

/** How often the countdowns are drawn. */
const TICK_MS = 250;
/** From here on a hold is about to end: said once. */
const SOON_MS = 60_000;

/** A cancellation, an answer to an offer, or a payment that did not begin, of this version of the booking. */
interface Failed {
  id: string;
  version: number;
  error: unknown;
  /** The server was seen to be away since. */
  sawAway: boolean;
}

/**
 * The buyer's bookings: a hold's countdown with a way to pay or to cancel it, the tickets of a confirmed one. With an
 * account they are live: a hold made, paid or cancelled elsewhere shows at once, as does an offer of the waitlist. The tickets that
 * the account took over from others follow, live as well, but where only one booking or what holds stock is shown.
 *
 * «Pay» leads to the provider's page, which leads back to this one. From then on the booking tells how it went: a card that
 * was declined leaves the hold, and another one may be tried.
 *
 *     <seatcast-bookings></seatcast-bookings>                    everything
 *     <seatcast-bookings event="42" active></seatcast-bookings>  those of one event that hold stock
 *
 *     <seatcast-bookings booking="BK-7F3K9Q"></seatcast-bookings> one of them, by its reference or id
 *
 * `booking-page="/bookings/{reference}"` says where the site shows a single booking: cards lead there, and so does the way back
 * from paying. Without it that is the page itself.
 *
 * Fires `seatcast-cancelled`, `seatcast-changed`, `seatcast-payment` and `seatcast-holds`. Has the attribute `empty` while there is nothing to show.
 */
export class SeatcastBookings extends SellingElement {
  static override styles = styles;
  static override properties = {
    ...SellingElement.properties,
    active: FLAG,
    booking: {},
    bookingPage: { attribute: 'booking-page' },
    signInPage: SIGN_IN_PAGE,
    also: { attribute: false },
    failed: { state: true },
    said: { state: true },
    starting: { state: true },
    answering: { state: true },
    asking: { state: true },
    back: { state: true },
    single: { state: true },
    kept: { state: true },
    changing: { state: true },
    leftToPay: { state: true },
    instructions: { state: true },
    leaving: { state: true },
  };

  /** Only bookings that hold stock, pending or confirmed, and those that have just ceased to. */
  declare active: boolean | undefined;
  /** Only this one, by its reference or id. */
  declare booking: string | undefined;
  declare bookingPage: string | undefined;
  declare signInPage: string | undefined;
  /** Bookings that are shown beside the caller's newest, as they were when they were read. */
  declare also: readonly Booking[] | undefined;
  declare failed: Failed | undefined;
  /** Said to users of screen readers: news of a booking. */
  declare said: string | undefined;
  /** The booking whose payment begins. */
  declare starting: string | undefined;
  /** The offer whose answer is on its way. */
  declare answering: string | undefined;
  /** The confirmed booking whose buyer is asked whether to cancel it indeed. */
  declare asking: string | undefined;
  /** The money that comes back to them; undefined while that is asked for, null where nobody could say. */
  declare back: Cancellation | Refusal | null | undefined;
  /** Codes of the tickets that may be given back one by one. */
  declare single: readonly string[];
  /** Of them, those that their buyer keeps. */
  declare kept: ReadonlySet<string>;
  /** The hold whose tickets are being changed. */
  declare changing: string | undefined;
  /** The booking that the browser comes back from paying; its bank's answer may still be on the way. */
  declare leftToPay: Left | undefined;
  /** How to pay a booking to staff. */
  declare instructions: { id: string; words: string } | undefined;
  /** The booking whose provider's page is about to replace this one. */
  declare leaving: string | undefined;

  /** The booking has tickets that somebody else holds: only its others can be given back, by their codes. */
  #othersStay = false;

  constructor() {
    super();
    this.single = [];
    this.kept = new Set();
  }

  protected override get needsEvent(): boolean {
    return false;
  }

  readonly #own: BookingsController = new BookingsController(this, (view) => this.#changed(view));
  readonly #titles = new Map<number, string>();
  /** Time zones of events. */
  readonly #zones = new Map<number, string>();
  #ended = new Ended();
  /** The bookings that are shown; `#known`: they are known at all. */
  #shown: readonly Booking[] = [];
  #known = false;
  /** The tickets of others that the account took over, as far as they are shown. */
  #held: readonly HeldTicket[] = [];
  /** How each of them was when it was last seen; undefined before the first look. */
  #heldStates: ReadonlyMap<number, HeldState> | undefined;
  #tick: ReturnType<typeof setInterval> | undefined;
  /** Content of the last `seatcast-holds`. */
  #told = '0:';
  /** Of the event, when last seen: its cancellation ends bookings. */
  #eventStatus: string | undefined;
  /** Bookings that are about to end, and were said to be. */
  readonly #warned = new Set<string>();
  /** The booking that the focus goes to as soon as it is shown. */
  #awaited: string | undefined;
  /** Whether its top has to be seen: it may be higher than the screen. */
  #awaitsTop = false;
  /** When the browser came back from paying, on the machine's clock, which goes on over a reload. */
  #backAt = 0;
  /** When a guest's bookings were asked for last, on the page's clock. */
  #askedAt = 0;
  /** The booking whose bank may still answer. */
  #awaitedBank: string | undefined;

  /** Brings a booking into view, with the focus: now, or when it is shown. */
  async reveal(id: string): Promise<void> {
    this.#awaited = id;
    await this.updateComplete;
    this.#revealAwaited();
  }

  /** Takes away the bookings that ended while the buyer was looking. */
  forgetEnded(): void {
    this.#ended.forget();
    this.requestUpdate();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#tick = setInterval(() => this.#ticked(), TICK_MS);
    globalThis.addEventListener('pageshow', this.#pageShown);
    this.#arrived(arrival());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#tick);
    globalThis.removeEventListener('pageshow', this.#pageShown);
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const { bookings } = this.#own.view;
    if (changed.has('event') || changed.has('booking')) this.#lookAnew();
    this.#known = bookings !== undefined;
    const also = (this.also ?? []).filter(({ id }) => !bookings?.some((booking) => booking.id === id));
    this.#shown = [...(bookings ?? []), ...also].filter((booking) => this.#concerns(booking));
    this.#held = (this.#own.view.tickets ?? []).filter((ticket) => this.#concernsHeld(ticket));
    if (this.failed && !this.#stillFails(this.failed)) this.failed = undefined;
    if (this.changing && !this.#shown.some((booking) => booking.id === this.changing && this.#isChangeable(booking))) this.changing = undefined;
    if (this.#held.length > 0 || this.#shown.some(({ tickets }) => tickets.length > 0)) void import('../seatcast-tickets/seatcast-tickets.ts').catch(() => undefined);
    if (this.event === undefined) void this.#readTitles();
  }

  protected override updated(): void {
    this.toggleAttribute('empty', this.#shown.length + this.#held.length === 0);
    this.#revealAwaited();
    const standing = this.#shown.filter((booking) => isStanding(booking) && !this.#isOver(booking));
    // An offer stands beside what else one may hold.
    const pending = standing.filter((booking) => booking.status === 'pending' && !isOffer(booking)).length;
    const seats = standing.flatMap(({ items }) => items.flatMap((item) => item.seats.map(({ id }) => id)));
    const told = `${pending}:${seats.join(',')}`;
    if (told === this.#told) return;
    this.#told = told;
    this.dispatchEvent(new HoldsChangedEvent(pending, seats));
  }

  protected override topicChanged(): void {
    const status = this.topic.view.state?.event.status;
    if (status === undefined || status === this.#eventStatus) return;
    if (this.#eventStatus !== undefined) this.topic.client.refreshBookings();
    this.#eventStatus = status;
  }

  override render(): TemplateResult | typeof nothing {
    const problem = this.#problem();
    return html`<p class="visually-hidden" role="status" tabindex="-1">${this.said ?? nothing}</p>
      ${problem ? html`<p class="problem" role="alert">${problem}</p>` : nothing}${this.#list()}`;
  }

  /** Why something does not work, as long as it does not. */
  #problem(): string | TemplateResult | undefined {
    const { problem, bookings, status } = this.#own.view;
    if (this.failed) return explain(this.language, this.failed.error);
    if (problem instanceof Refusal) return explain(this.language, problem);
    if (problem && !(problem instanceof Error)) return signInLink(this.signInPage, WORDS[this.language].signInAgain);
    // Beside an event its numbers say it.
    if (status !== 'offline' || this.active) return undefined;
    return bookings ? WORDS[this.language].lastKnown : WORDS[this.language].noConnection;
  }

  #list(): TemplateResult | typeof nothing {
    if (!this.#known) return this.active || this.#problem() ? nothing : html`<span class="skeleton card-skeleton"></span>`;
    if (this.#shown.length > 0) {
      return html`<ul>
          ${repeat(
            this.#shown,
            ({ id }) => id,
            (booking) => this.#card(booking),
          )}
        </ul>
        ${this.#fromOthers()}`;
    }
    if (this.#held.length > 0) return this.#fromOthers();
    return this.active ? nothing : html`<slot name="empty"><p class="empty">${WORDS[this.language].none}</p></slot>`;
  }

  #card(booking: Booking): TemplateResult {
    const words = WORDS[this.language];
    const isOver = this.#isOver(booking);
    const status = isOver ? 'expired' : booking.status;
    const isOpenOffer = status === 'pending' && isOffer(booking);
    const paying = isToPay({ ...booking, status }) && !isOpenOffer ? this.#paying(booking) : undefined;
    const countdown = status === 'pending' && paying !== 'underway' ? this.topic.client.countdown(booking) : undefined;
    const end = endOf(this.language, booking, isOver);
    const moneys = status === 'pending' ? undefined : moneyWords(this.language, { ...booking, status });
    return html`<li class=${status} tabindex="-1" data-booking=${booking.id} data-status=${status}>
      <div class="head">
        <div>
          <span class="status">${isOpenOffer ? words.offered : words.status[status]}</span>
          ${this.event === undefined && !this.booking ? html`<a class="title" href=${this.topic.client.eventAddress(booking.event_id)}>${this.#title(booking.event_id)}</a>` : nothing}
        </div>
        ${countdown ? this.#countdown(countdown, holdMsOf(booking)) : nothing}
      </div>
      ${end ? html`<p class="end">${end}</p>` : nothing}
      ${moneys ? html`<p class="money">${moneys}</p>` : nothing}
      <ul class="items">
        ${booking.items.map((item) => html`<li><span>${itemLabel(this.language, item)}</span> ${this.#amount(booking, item)}</li>`)}
      </ul>
      ${addedRows(this.language, booking.lines ?? [], booking.total.currency)}
      ${booking.tickets.length > 0 ? html`<seatcast-tickets .booking=${booking} .client=${this.client}></seatcast-tickets>` : nothing}
      ${isOpenOffer ? this.#offer(booking) : nothing} ${paying ? this.#payment(booking, paying) : nothing}
      <div class="foot">
        <span>
          ${this.#reference(booking)}<br />
          ${words.tickets(booking.quantity)} · ${money(this.language, booking.total)} <small>${containedWords(this.language, booking.lines ?? [], booking.total.currency)}</small>
        </span>
        <div class="acts">
          ${this.#isChangeable(booking) && this.changing !== booking.id
            ? html`<button class="button small change" type="button" aria-label=${words.changeBooking(booking.reference)} @click=${() => this.#openChange(booking)}>
                ${words.change}
              </button>`
            : nothing}
          ${isStanding(booking) && !isOver && !isOpenOffer && this.asking !== booking.id
            ? html`<button class="button small cancel" type="button" aria-label=${words.cancelBooking(booking.reference)} @click=${() => this.#asked(booking)}>
                ${words.cancel}
              </button>`
            : nothing}
        </div>
      </div>
      ${status === 'confirmed' && this.asking === booking.id ? this.#question(booking) : nothing}
      ${this.changing === booking.id
        ? html`<seatcast-change .booking=${booking} .client=${this.client} @close=${() => this.#closeChange(booking)}></seatcast-change>`
        : nothing}
    </li>`;
  }

  #fromOthers(): TemplateResult | typeof nothing {
    if (this.#held.length === 0) return nothing;
    return html`<section aria-labelledby="from-others">
      <h2 id="from-others">${WORDS[this.language].fromOthers}</h2>
      <ul>
        ${repeat(
          this.#held,
          ({ id }) => id,
          (ticket) => this.#heldCard(ticket),
        )}
      </ul>
    </section>`;
  }

  /** A ticket that was taken over: of the booking that it is from nothing is known. */
  #heldCard(ticket: HeldTicket): TemplateResult {
    const { language } = this;
    const parts = dateParts(language, ticket.starts_at, ticket.timezone);
    const state = heldState(ticket);
    return html`<li class=${state === 'good' ? 'confirmed' : ''} data-ticket=${ticket.id} data-status=${state}>
      <div class="head">
        <div>
          <span class="status">${WORDS[language].held[state]}</span>
          ${this.event === undefined ? html`<a class="title" href=${this.topic.client.eventAddress(ticket.event_id)}>${ticket.event_title}</a>` : nothing}
        </div>
      </div>
      <p class="where">${dateWords(language, parts)} <bdi>${parts.zone}</bdi><br />${ticket.venue}</p>
      <seatcast-tickets .held=${ticket} .client=${this.client}></seatcast-tickets>
    </li>`;
  }

  /** The price of an item's tickets, where the total is made of more than that. */
  #amount({ items, lines = [], total }: Booking, item: BookedItem): TemplateResult | typeof nothing {
    const amount = ticketAmount(lines, item.ticket_type_id);
    const isAll = items.length === 1 && amount === total.amount;
    return amount === undefined || isAll ? nothing : html`<span class="amount">${money(this.language, { amount, currency: total.currency })}</span>`;
  }

  /** Whether to cancel a confirmed booking indeed. */
  #question(booking: Booking): TemplateResult {
    const { id, quantity, reference } = booking;
    const words = WORDS[this.language];
    return html`<div class="question" role="group" aria-label=${words.askCancelOf(reference)}>
      <p><b>${words.askCancel}</b> ${words.cancelMeans(this.#givenBack()?.length ?? quantity)} <span aria-live="polite">${this.#backWords(booking)}</span></p>
      ${this.#singleTickets(booking)}
      <div class="answers">
        <button class="button keep" type="button" @click=${() => this.#keep(booking)}>${words.keep}</button>
        <button class="button yes" type="button" ?disabled=${this.answering === id || this.back instanceof Refusal || this.#givenBack()?.length === 0} @click=${() => this.#cancel(booking)}>
          ${this.answering === id ? html`<span class="spinner" aria-hidden="true"></span> ${words.oneMoment}` : this.#isPartly() ? words.giveBack(this.#givenBack()?.length ?? 0) : words.yesCancel}
        </button>
      </div>
    </div>`;
  }

  /** Tickets to give back; all of them unless some are kept. */
  #singleTickets(booking: Booking): TemplateResult | typeof nothing {
    if (this.single.length < 2) return nothing;
    return html`<fieldset>
      <legend>${WORDS[this.language].whichTickets}</legend>
      ${this.single.map(
        (code) => html`<label>
          <input type="checkbox" .checked=${!this.kept.has(code)} @change=${() => this.#toggle(booking, code)} /> <bdi>${code}</bdi>
        </label>`,
      )}
    </fieldset>`;
  }

  #toggle(booking: Booking, code: string): void {
    const others = [...this.kept].filter((one) => one !== code);
    this.kept = new Set(this.kept.has(code) ? others : [...others, code]);
    void this.#askBack(booking);
  }

  /** Codes that are given back; undefined where it is all or nothing. */
  #givenBack(): readonly string[] | undefined {
    return this.single.length < 2 && !this.#othersStay ? undefined : this.single.filter((code) => !this.kept.has(code));
  }

  #isPartly(): boolean {
    return (this.kept.size > 0 || this.#othersStay) && this.#givenBack() !== undefined;
  }

  /** The money that comes back of a payment. */
  #backWords({ total, event_id: event }: Booking): string {
    const words = WORDS[this.language];
    const { back } = this;
    if (back === undefined) return words.oneMoment;
    if (this.#givenBack()?.length === 0) return '';
    if (back === null) return total.amount > 0 ? words.backByPolicy : '';
    if (back instanceof Refusal) {
      const { until } = back.data;
      if (typeof until !== 'string') return explain(this.language, back);
      const { day, month, time, zone } = dateParts(this.language, until, this.#zones.get(event) ?? 'UTC');
      return words.tooLateToCancel(`${timed(this.language, `${day} ${month}`, time)} ${zone}`);
    }
    if (!back.amount) return '';
    if (back.amount.amount === 0) return words.nothingBack;
    const isWhole = back.percent === 100 && !back.keeps_fees;
    return words.comesBack(sum(this.language, back.amount), isWhole ? undefined : percent(this.language, back.percent * 100), back.keeps_fees);
  }

  /** The booking's name, which leads to its page where the site has one. */
  #reference({ reference }: Booking): TemplateResult {
    const name = html`<bdi class="reference">${reference}</bdi>`;
    return this.bookingPage && !this.booking ? html`<a class="page" href=${pageOf(this.bookingPage, reference)}>${name}</a>` : name;
  }

  #countdown(countdown: Countdown, holdMs: number | undefined): TemplateResult {
    const leftMs = countdown.leftMs();
    const share = holdMs ? Math.min(1, leftMs / holdMs) : 1;
    return html`<span class="countdown ${leftMs < SOON_MS ? 'soon' : ''}" role="timer" aria-label=${WORDS[this.language].timeLeft(digits(this.language, String(countdown)))}>
      <svg viewBox="0 0 36 36" aria-hidden="true">
        <circle cx="18" cy="18" r="15" pathLength="1"></circle>
        <circle class="left" cx="18" cy="18" r="15" pathLength="1" stroke-dasharray="${share} 1"></circle>
      </svg>
      ${digits(this.language, String(countdown))}
    </span>`;
  }

  /** How far the payment of a hold is, with the button to begin it. */
  #payment(booking: Booking, paying: Paying): TemplateResult | typeof nothing {
    if (booking.total.amount === 0) return nothing;
    const words = WORDS[this.language];
    if (paying === 'review') return html`<p class="money" role="status">${moneyWords(this.language, booking)}</p>`;
    if (paying === 'underway') {
      return html`<p class="money" role="status">
        <span class="spinner" aria-hidden="true"></span> ${words.paying}
      </p>`;
    }
    const isStarting = this.starting === booking.id;
    const { instructions } = this;
    const isUnfinished = paying === 'open' && isBegun(booking) && !isStarting && this.leaving !== booking.id;
    return html`
      ${isUnfinished ? html`<p class="money" role="status">${words.unfinished}</p>` : nothing}
      ${paying === 'declined' ? html`<p class="problem" role="alert">${words.declined}</p>` : nothing}
      ${instructions?.id === booking.id ? html`<p class="money" role="status">${words.payBefore} <b>${instructions.words}</b></p>` : nothing}
      <button
        class="button primary pay"
        type="button"
        ?disabled=${this.starting !== undefined}
        aria-label=${words.payFor(sum(this.language, booking.total), booking.reference)}
        @click=${() => this.#pay(booking)}
      >
        ${isStarting ? html`<span class="spinner" aria-hidden="true"></span> ${words.oneMoment}` : words.pay(sum(this.language, booking.total))}
      </button>
    `;
  }

  /** Tickets came free, and are held for this buyer of the waitlist. */
  #offer(booking: Booking): TemplateResult {
    const { id, reference, total, expires_at: end } = booking;
    const isBusy = this.answering !== undefined;
    const words = WORDS[this.language];
    const until = momentWords(this.language, end ?? '');
    return html`<p class="money">${words.offer(booking.quantity, total.amount > 0, until)}</p>
      <div class="answers">
        <button class="button primary" type="button" ?disabled=${isBusy} aria-label=${words.takeOffer(reference)} @click=${() => this.#answer(booking, true)}>
          ${this.answering === id ? html`<span class="spinner" aria-hidden="true"></span> ${words.oneMoment}` : words.take(booking.quantity)}
        </button>
        <button class="button" type="button" ?disabled=${isBusy} aria-label=${words.declineOffer(reference)} @click=${() => this.#answer(booking, false)}>
          ${words.decline}
        </button>
      </div>`;
  }

  #title(eventId: number): string {
    return this.#titles.get(eventId) ?? WORDS[this.language].event(eventId);
  }

  // ── doing ────────────────────────────────────────────────────────────────────────────────────

  #changed({ bookings, tickets }: BookingsView): void {
    // The caller is another one.
    if (!bookings) return this.#lookAnew();
    const news = this.#ended.look(this.language, bookings.filter(({ event_id: id }) => this.event === undefined || id === this.event));
    news.push(...this.#heldNews(tickets?.filter((ticket) => this.#concernsHeld(ticket))));
    if (news.length > 0) this.said = news.join(' ');
  }

  /** A ticket that came, or was taken back, while somebody was looking. */
  #heldNews(tickets: readonly HeldTicket[] | undefined): string[] {
    const words = WORDS[this.language];
    const before = this.#heldStates;
    this.#heldStates = tickets && new Map(tickets.map((ticket) => [ticket.id, heldState(ticket)]));
    if (!before || !tickets) return [];
    return tickets.flatMap((ticket) => {
      const was = before.get(ticket.id);
      if (was === undefined) return [words.cameToYou(ticket.code)];
      return was !== 'void' && heldState(ticket) === 'void' ? [words.takenBack(ticket.code)] : [];
    });
  }

  /** Bookings that ended before, or of another event, or of another caller, are no news. */
  #lookAnew(): void {
    this.#ended = new Ended();
    this.#heldStates = undefined;
    const { bookings } = this.#own.view;
    if (bookings) this.#changed(this.#own.view);
  }

  #concerns(booking: Booking): boolean {
    if (this.booking) return isNamed(booking, this.booking);
    if (this.event !== undefined && booking.event_id !== this.event) return false;
    return !this.active || isStanding(booking) || this.#ended.isInSight(booking.id);
  }

  #concernsHeld({ event_id: id }: HeldTicket): boolean {
    return !this.booking && !this.active && (this.event === undefined || id === this.event);
  }

  /** A hold whose tickets may still be others; not while its money is on the way. */
  #isChangeable(booking: Booking): boolean {
    const isHold = booking.status === 'pending' && !isOffer(booking) && !this.#isOver(booking);
    const paying = this.#paying(booking);
    return isHold && (paying === 'open' || paying === 'declined');
  }

  /** Past its deadline: the tickets cannot be had any more, and the server says so within a second. */
  #isOver(booking: Booking): boolean {
    return booking.status === 'pending' && payingOf(booking) !== 'underway' && this.topic.client.countdown(booking)?.leftMs() === 0;
  }

  /** Like `payingOf`; just back from paying, the buyer's bank may have answered more than the booking says. */
  #paying(booking: Booking): Paying {
    const paying = payingOf(booking);
    const left = this.leftToPay;
    if (left?.id !== booking.id || paying === 'review' || (paying === 'declined' && !left.wasDeclined)) return paying;
    return 'underway';
  }

  /** A failed cancellation is worth a word while the booking is as it was, and no answer while the server is away. */
  #stillFails(failed: Failed): boolean {
    const { bookings, status, account, problem } = this.#own.view;
    const booking = bookings?.find(({ id }) => id === failed.id);
    // A used ticket is why, and may be what the newer version tells.
    if (isUsed(failed.error)) return booking?.status === 'confirmed';
    if (booking?.version !== failed.version) return false;
    if (!(failed.error instanceof Unreachable)) return true;
    const answers = account ? status === 'live' : status === 'stale' && problem === undefined;
    if (!answers) failed.sawAway = true;
    return !(answers && failed.sawAway);
  }

  async #readTitles(): Promise<void> {
    const unknown = new Set(this.#shown.map(({ event_id: id }) => id).filter((id) => !this.#titles.has(id)));
    if (unknown.size === 0) return;
    // Asked for once: until the answer, and without one, the number has to do.
    for (const id of unknown) this.#titles.set(id, WORDS[this.language].event(id));
    await Promise.all([...unknown].map(async (id) => this.#titles.set(id, await this.#readTitle(id))));
    this.requestUpdate();
  }

  async #readTitle(id: number): Promise<string> {
    try {
      return (await this.topic.client.event(id)).title;
    } catch (error) {
      const words = WORDS[this.language];
      return error instanceof Refusal && error.status === 404 ? words.goneEvent : words.event(id);
    }
  }

  #ticked(): void {
    const holds = this.#shown.filter(({ status }) => status === 'pending');
    if (this.leftToPay !== undefined) this.#awaitBank(this.leftToPay);
    this.#askOn();
    if (holds.length === 0) return;
    this.requestUpdate();
    for (const booking of holds) {
      const leftMs = this.topic.client.countdown(booking)?.leftMs();
      if (leftMs !== undefined && leftMs > 0 && leftMs < SOON_MS) this.#warn(booking);
    }
  }

  #warn({ id, reference }: Booking): void {
    if (this.#warned.has(id)) return;
    this.#warned.add(id);
    this.said = WORDS[this.language].soonOver(reference);
  }

  #revealAwaited(): void {
    const card = [...this.renderRoot.querySelectorAll<HTMLElement>('[data-booking]')].find(
      ({ dataset }) => dataset['booking'] === this.#awaited,
    );
    if (!card) return;
    this.#awaited = undefined;
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: this.#awaitsTop ? 'start' : 'nearest' });
    this.#awaitsTop = false;
  }

  async #pay(booking: Booking): Promise<void> {
    this.starting = booking.id;
    this.failed = undefined;
    try {
      // Without a fragment, which may be a link's from a mail.
      const back = this.bookingPage ? new URL(pageOf(this.bookingPage, booking.reference), location.href).href : location.href.replace(/#.*/, '');
      const attempt = await begun(() => this.topic.client.pay(booking, { return_url: back }));
      const { instructions, redirect_url: to } = attempt;
      this.instructions = instructions ? { id: booking.id, words: instructions } : undefined;
      const isOurs = this.dispatchEvent(new PaymentStartedEvent(booking, attempt));
      if (!isOurs) return;
      if (to) {
        leaveToPay(booking);
        this.leaving = booking.id;
        location.assign(to);
      } else if (attempt.client_secret && attempt.publishable_key) {
        await this.#payByStripe(booking, attempt.client_secret, attempt.publishable_key, back);
      } else if (attempt.status === 'creating') {
        throw new Refusal(503, WORDS[this.language].providerAway, { code: 'PROVIDER_AWAY' });
      } else if (!instructions) {
        throw new Refusal(422, WORDS[this.language].cannotPay, { code: 'NO_CARD_FORM' });
      }
    } catch (error) {
      this.failed = { id: booking.id, version: booking.version, error, sawAway: false };
      this.topic.client.refreshBookings();
    } finally {
      this.starting = undefined;
    }
  }

  /** In Stripe's own form; the booking tells how it went. */
  async #payByStripe(booking: Booking, clientSecret: string, publishableKey: string, returnUrl: string): Promise<void> {
    const { payByStripe } = await import('./stripe-form.ts');
    const wish = { clientSecret, publishableKey, returnUrl, sum: sum(this.language, booking.total), language: this.language, host: this };
    // A bank that has to ask leads to its own page, and back to this one.
    leaveToPay(booking);
    let isPaid = false;
    try {
      isPaid = await payByStripe(wish);
    } finally {
      if (isPaid) this.#arrived('navigate');
      else isBack();
    }
    if (!isPaid) await this.reveal(booking.id);
  }

  readonly #pageShown = ({ persisted }: PageTransitionEvent): void => {
    // The browser shows the page as it was left: that is its own way back, however the page was come to at first.
    if (persisted) this.#arrived('back_forward');
  };

  /**
   * The browser may have been away to pay. By the provider's link, or a reload after it, the bank's answer may be on the way.
   * By the browser's own way back the payment is as the booking says it is: the buyer may go on at once.
   */
  #arrived(by: NavigationTimingType): void {
    this.leaving = undefined;
    const left = leftToPay();
    if (!left) return;
    this.#awaitedBank = left.id;
    this.#askedAt = Number.NEGATIVE_INFINITY;
    const isLed = by === 'navigate' || (by === 'reload' && left.backAt !== undefined);
    this.#backAt = (isLed ? left.backAt : undefined) ?? Date.now();
    this.leftToPay = isLed ? left : undefined;
    if (isLed) return ledBack(left, this.#backAt);
    isBack();
    if (!this.booking) void this.reveal(left.id);
  }

  /** Until the bank's answer shows, or it is time to offer the button again. */
  #awaitBank({ id, wasDeclined }: Left): void {
    const booking = this.#own.view.bookings?.find((one) => one.id === id);
    const isAgain = wasDeclined && booking !== undefined && payingOf(booking) === 'declined';
    const patienceMs = isAgain ? BACK.declinedMs : BACK.ms;
    // A decline may be of the card before the last: it is shown, and the bank is asked on.
    const isAnswered = booking && (!isToPay(booking) || payingOf(booking) === 'underway');
    if (isAnswered || Date.now() - this.#backAt > patienceMs) {
      this.leftToPay = undefined;
      isBack();
      // Its outcome is what the buyer wants to see, also where another tab gave it back.
      this.#ended.keepInSight(id);
      // On a page of its own it is in sight, below what the page says of it.
      if (this.booking) return;
      this.#awaitsTop = true;
      void this.reveal(id);
    }
  }

  /** Asks a guest's bookings for the bank's answer: also while the button is offered again, since it may be of the card before. */
  #askOn(): void {
    const now = performance.now();
    if (this.#awaitedBank === undefined || now - this.#askedAt <= BACK.askMs) return;
    const booking = this.#own.view.bookings?.find(({ id }) => id === this.#awaitedBank);
    if (Date.now() - this.#backAt > BACK.ms || (booking && !isToPay(booking))) this.#awaitedBank = undefined;
    this.#askedAt = now;
    this.topic.client.refreshBookings();
  }

  async #answer(booking: Booking, accepts: boolean): Promise<void> {
    this.answering = booking.id;
    this.failed = undefined;
    try {
      if (accepts) {
        await this.topic.client.acceptOffer(booking);
        this.said = WORDS[this.language].taken(booking.reference, booking.total.amount > 0);
      } else {
        this.#ended.givesBack(booking.id);
        await this.topic.client.declineOffer(booking);
        this.said = WORDS[this.language].offerDeclined;
      }
    } catch (error) {
      this.failed = { id: booking.id, version: booking.version, error, sawAway: false };
    } finally {
      this.answering = undefined;
    }
  }

  /** A hold goes at once; tickets that are paid for only after a question. */
  async #asked(booking: Booking): Promise<void> {
    if (booking.status !== 'confirmed') return this.#cancel(booking);
    this.asking = booking.id;
    this.back = undefined;
    this.single = [];
    this.kept = new Set();
    this.#othersStay = false;
    void this.#askBack(booking);
    await this.updateComplete;
    this.renderRoot.querySelector<HTMLElement>('.question .keep')?.focus();
  }

  /** Asks what a cancellation would give back, of the tickets that are chosen. */
  async #askBack(booking: Booking): Promise<void> {
    const { client } = this.topic;
    const { kept } = this;
    const codes = this.#isPartly() ? (this.#givenBack() ?? []) : [];
    const isAsked = (): boolean => this.asking === booking.id && this.kept === kept;
    try {
      const back = await client.cancellation(booking, codes);
      if (!isAsked()) return;
      this.back = back;
      this.single = back.ticket_ids;
    } catch (error) {
      const refusal = error instanceof Refusal ? error : null;
      const own = codes.length === 0 && refusal?.code === 'TICKET_TRANSFERRED' ? await this.#ownBack(booking) : undefined;
      if (own && isAsked()) {
        this.back = own;
        this.single = own.ticket_ids;
        this.#othersStay = true;
        return;
      }
      if (typeof refusal?.data['until'] === 'string') await this.#learnZone(booking.event_id);
      if (isAsked()) this.back = refusal;
    }
  }

  /** Of the tickets that nobody else holds, where they can be given back without the others. */
  async #ownBack(booking: Booking): Promise<Cancellation | undefined> {
    const codes = booking.tickets.filter(({ status }) => status === 'valid').map(({ code }) => code);
    if (codes.length === 0) return undefined;
    return this.topic.client.cancellation(booking, codes).catch(() => undefined);
  }

  async #learnZone(event: number): Promise<void> {
    try {
      this.#zones.set(event, (await this.topic.client.event(event)).timezone);
    } catch {
      // The time is said in UTC, by its name.
    }
  }

  async #openChange({ id }: Booking): Promise<void> {
    try {
      await import('../seatcast-change/seatcast-change.ts');
      this.changing = id;
    } catch (error) {
      this.failed = { id, version: -1, error, sawAway: false };
    }
  }

  async #closeChange({ id }: Booking): Promise<void> {
    this.changing = undefined;
    // The button goes: the focus must not get lost.
    await this.reveal(id);
  }

  async #keep({ id }: Booking): Promise<void> {
    this.asking = undefined;
    // The button goes: the focus must not get lost.
    await this.reveal(id);
  }

  async #cancel(booking: Booking): Promise<void> {
    this.#ended.givesBack(booking.id);
    this.answering = booking.id;
    try {
      const codes = booking.status === 'confirmed' && this.#isPartly() ? this.#givenBack() : undefined;
      const cancelled = await this.topic.client.cancel(booking, undefined, codes);
      this.failed = undefined;
      this.said = codes ? WORDS[this.language].isGivenBack(codes.length) : WORDS[this.language].isCancelled(booking.reference);
      this.#ended.keepInSight(booking.id);
      this.dispatchEvent(new BookingCancelledEvent(cancelled));
    } catch (error) {
      this.#ended.stands(booking.id);
      this.failed = { id: booking.id, version: booking.version, error, sawAway: false };
      this.topic.client.refreshBookings();
    } finally {
      this.answering = undefined;
      this.asking = undefined;
      // The button goes: the focus must not get lost.
      await this.reveal(booking.id);
    }
  }
}

/** A ticket was used, so that the booking cannot be cancelled any more. */
function isUsed(error: unknown): boolean {
  return error instanceof Refusal && error.code === 'INVALID_TRANSITION' && error.data['used'] === true;
}

type HeldState = keyof (typeof WORDS)[Language]['held'];

/** The bookings of a cancelled event are cancelled with it, so a void ticket of one says nothing more. */
function heldState({ status, event_status: event }: HeldTicket): HeldState {
  if (status === 'used') return 'used';
  if (event === 'cancelled') return 'cancelled';
  return status === 'void' ? 'void' : 'good';
}

/** Whether this is its reference, as people type it, or its id. */
function isNamed({ id, reference }: Booking, name: string): boolean {
  return id === name || reference.toLowerCase() === name.toLowerCase();
}

/** The address of a booking's page. */
function pageOf(template: string, reference: string): string {
  return template.replace('{reference}', encodeURIComponent(reference));
}

/** Held for somebody of the waitlist, who has not answered. */
function isOffer({ kind }: Booking): boolean {
  return kind === 'offer';
}

/** `2 × Standard`, or `Stalls · Row H · Seats 1, 2`. */
function itemLabel(language: Language, { name, quantity, seats }: BookedItem): string {
  if (seats.length === 0) return WORDS[language].item(quantity, name);
  const rows = new Map<string, { section: string; row: string; numbers: string[] }>();
  for (const { section, row, number } of seats) {
    const place = `${section} ${row}`;
    rows.set(place, { section, row, numbers: [...(rows.get(place)?.numbers ?? []), number] });
  }
  return [...rows.values()].map(({ section, row, numbers }) => WORDS[language].seats(section, row, numbers)).join('; ');
}

/** Length of the whole hold, for the bar; undefined when unknown. */
function holdMsOf({ expires_at: end, created_at: start }: Booking): number | undefined {
  const holdMs = Date.parse(end ?? '') - Date.parse(start);
  return holdMs > 0 ? holdMs : undefined;
}

define('seatcast-bookings', SeatcastBookings);

declare global {
  interface HTMLElementTagNameMap {
    'seatcast-bookings': SeatcastBookings;
  }
}
