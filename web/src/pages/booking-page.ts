import { html, nothing, svg, type PropertyValues, type TemplateResult } from 'lit';
import { count, dateParts, dateWords, momentWords, money } from '../elements/internal/format.ts';
import { sharedClient } from '../elements/internal/full-client.ts';
import { containedWords, rowsOf, ticketAmount } from '../elements/internal/price-lines.ts';
import { explain } from '../elements/internal/refusals.ts';
import { save } from '../elements/internal/save.ts';
import { BookingsController } from '../elements/internal/own-controllers.ts';
import { isMoneyOpen, isToPay, payingOf } from '../elements/seatcast-bookings/paying.ts';
import { bringFiles } from '../sdk/buyer-client.ts';
import * as files from '../sdk/files.ts';
import { Refusal, type Booking, type EventDetails } from '../sdk/index.ts';
import { signInAddress } from '../elements/internal/sign-in.ts';
import { SIGN_IN_PAGE } from './router.ts';
import { styles } from './booking-page.styles.ts';
import { WORDS, type Stage } from './booking-page.words.ts';
import { openMailedLink } from './bookings-page.ts';
import { PageElement, titled } from './page-element.ts';
import { poster } from './poster.ts';
import '../elements/seatcast-bookings/seatcast-bookings.ts';
import './find-booking.ts';

bringFiles(files);

const DONE = svg`<path d="m4 12.5 5.5 5.5L20 7" />`;
const CLOCK = svg`<circle cx="12" cy="12" r="9" /><path d="M12 7v5l3.5 2" />`;
const ENDED = svg`<path d="m6 6 12 12M18 6 6 18" />`;
const ICONS: Readonly<Record<Stage, TemplateResult>> = {
  confirmed: DONE,
  pending: CLOCK,
  paying: CLOCK,
  owed: CLOCK,
  offered: CLOCK,
  expired: ENDED,
  cancelled: ENDED,
  refunded: ENDED,
};

/** One booking as a page: its tickets or its countdown, the event, the price, and what comes next. A reload shows the same. */
export class BookingPage extends PageElement {
  static override styles = styles;
  static override properties = {
    name: {},
    asked: { state: true },
    problem: { state: true },
    details: { state: true },
    fetching: { state: true },
    said: { state: true },
  };

  /** Its reference or id. */
  declare name: string;
  /** One that is not among those that are known here. */
  declare asked: Booking | null | undefined;
  /** Why it cannot be shown. */
  declare problem: unknown;
  declare details: EventDetails | null | undefined;
  declare fetching: boolean;
  /** Why the invoice did not come. */
  declare said: unknown;

  readonly #own: BookingsController = new BookingsController(this);
  #isAsking = false;

  override connectedCallback(): void {
    super.connectedCallback();
    // The parts that a bank's way back adds are not for the address bar, nor for whoever it is shared with.
    if (new URLSearchParams(location.search).has('payment_intent')) history.replaceState(history.state, '', location.pathname);
    void this.#openLink();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('name')) titled(WORDS[this.language].title(this.name));
    const booking = this.#booking();
    if (booking) {
      titled(WORDS[this.language].title(booking.reference));
      if (this.details === undefined) void this.#readEvent(booking.event_id);
    } else if (this.#own.view.bookings && this.asked === undefined) {
      void this.#ask();
    }
  }

  override render(): TemplateResult {
    const booking = this.#booking();
    if (booking) return this.#shown(booking);
    if (this.asked === null) return this.#missing();
    const { problem } = this.#own.view;
    const words = WORDS[this.language];
    return html`<div class="head" aria-busy="true"><h1>${words.title(this.name)}</h1></div>
      ${problem instanceof Error || this.problem
        ? html`<p class="problem" role="alert">${explain(this.language, this.problem ?? problem)}</p>`
        : html`<span class="skeleton card" role="img" aria-label=${words.loading}></span>`}`;
  }

  #shown(booking: Booking): TemplateResult {
    const words = WORDS[this.language];
    const stage = stageOf(booking);
    return html`
      <div class="head ${stage}">
        <svg viewBox="0 0 24 24" aria-hidden="true">${ICONS[stage]}</svg>
        <h1>${words.head[stage]}</h1>
        ${isUsedUp(booking, stage) ? nothing : html`<p>${words.lead[stage]}</p>`}
      </div>
      <div class="columns">
        <seatcast-bookings booking=${booking.id} .also=${this.asked ? [this.asked] : []}></seatcast-bookings>
        <aside>
          ${this.#event(booking)} ${this.#next(booking, stage)} ${this.#price(booking)}
          <p class="problem" role="alert">${this.said ? explain(this.language, this.said) : nothing}</p>
          <div class="links">
            ${booking.confirmed_at && booking.total.amount > 0
              ? html`<button class="button small" type="button" ?disabled=${this.fetching} @click=${() => this.#invoice(booking)}>${words.invoice}</button>`
              : nothing}
            <a class="button small" href="/bookings">${words.allBookings}</a>
          </div>
        </aside>
      </div>
    `;
  }

  #event({ event_id: id }: Booking): TemplateResult {
    const { details } = this;
    const words = WORDS[this.language];
    if (details === null) return html`<p>${words.goneEvent}</p>`;
    if (!details) return html`<span class="skeleton card" aria-hidden="true"></span>`;
    const parts = dateParts(this.language, details.starts_at, details.timezone);
    return html`<section class="event" aria-labelledby="event">
      ${poster(details, this)}
      <div class="text">
        <h2 id="event"><a href="/events/${id}"><bdi>${details.title}</bdi></a></h2>
        <p><time datetime=${details.starts_at}>${dateWords(this.language, parts)} <bdi>${parts.zone}</bdi></time></p>
        <p><bdi>${details.venue}</bdi></p>
      </div>
    </section>`;
  }

  #next(booking: Booking, stage: Stage): TemplateResult | typeof nothing {
    const words = WORDS[this.language];
    const { details } = this;
    if (stage === 'paying' || stage === 'offered' || isUsedUp(booking, stage)) return nothing;
    if (stage !== 'confirmed' && stage !== 'owed' && stage !== 'pending') {
      // Of an event that is off, or gone, there is nothing to choose; where these tickets may still come, choosing again would be paying twice.
      if (isMoneyOpen(booking) || details === null || details?.status === 'cancelled' || details?.status === 'completed') return nothing;
      return html`<p><a class="button primary" href="/events/${booking.event_id}">${words.chooseAgain}</a></p>`;
    }
    const doors = details?.doors_at ? dateParts(this.language, details.doors_at, details.timezone) : undefined;
    const { email } = booking.contact ?? {};
    const steps =
      stage === 'pending'
        ? [booking.expires_at ? words.payUntil(momentWords(this.language, booking.expires_at)) : undefined, words.thenTickets]
        : [email ? words.mailed(email) : undefined, words.showQr, doors && words.doors(doors.time), words.handOn, booking.user_id === null ? (email ? words.keepAddress : words.keepHere) : undefined];
    return html`<section class="next" aria-labelledby="next">
      <h2 id="next">${words.next}</h2>
      <ul>
        ${steps.map((step) => (step ? html`<li>${step}</li>` : nothing))}
      </ul>
      ${stage === 'pending' ? this.#reminder(booking) : nothing}
    </section>`;
  }

  #reminder({ id }: Booking): TemplateResult {
    void import('./notify/notify-me.ts').catch(() => undefined);
    return html`<seatcast-notify-me .wish=${{ kind: 'hold_ends', booking_id: id }}></seatcast-notify-me>`;
  }

  #price(booking: Booking): TemplateResult {
    const words = WORDS[this.language];
    const { lines = [], items, total, payment } = booking;
    const { currency } = total;
    const amounts = items.map(({ name, quantity, ticket_type_id: type, unit_price: each }) => ({
      label: `${count(this.language, quantity)} × ${name}`,
      amount: ticketAmount(lines, type) ?? each.amount * quantity,
    }));
    const row = (label: string, amount: number, look = ''): TemplateResult =>
      html`<dt class=${look}>${label}</dt>
        <dd class=${look}>${money(this.language, { amount, currency })}</dd>`;
    const refunded = payment?.refunded.amount ?? 0;
    return html`<section aria-labelledby="price">
      <h2 id="price">${words.price}</h2>
      <dl>
        ${[...amounts, ...rowsOf(this.language, lines).added].map(({ label, amount }) => row(label, amount))}
        <dt class="sum">${words.total}</dt>
        <dd class="sum">${money(this.language, total)}</dd>
        ${refunded > 0 ? row(words.refunded, refunded) : nothing}
      </dl>
      <p class="contained">${containedWords(this.language, lines, currency) || nothing}</p>
    </section>`;
  }

  #missing(): TemplateResult {
    const words = WORDS[this.language];
    const isGuest = sharedClient().isGuest;
    return html`<div class="message">
        <h1>${words.missing}</h1>
        <p>${words.missingMeans}</p>
        ${isGuest ? html`<a class="button primary" href=${signInAddress(SIGN_IN_PAGE)}>${words.signIn}</a>` : html`<a class="button primary" href="/bookings">${words.allBookings}</a>`}
      </div>
      <seatcast-find-booking reference=${/^bk-/i.test(this.name) ? this.name : nothing}></seatcast-find-booking>`;
  }

  #booking(): Booking | undefined {
    const known = this.#own.view.bookings?.find((booking) => isNamed(booking, this.name));
    if (!known) return this.asked ?? undefined;
    // The list does not say how to reach the buyer.
    return known.contact || !this.asked?.contact ? known : { ...known, contact: this.asked.contact };
  }

  /** A booking that is not among the newest, or of this browser. */
  async #ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const client = sharedClient();
    try {
      this.asked = /^[\da-f-]{36}$/i.test(this.name) ? await client.booking(this.name) : await client.bookingOf(this.name);
      this.problem = undefined;
    } catch (error) {
      // It is not told to exist to those who may not see it.
      if (error instanceof Refusal) this.asked ??= null;
      else this.problem = error;
    } finally {
      this.#isAsking = false;
    }
  }

  async #openLink(): Promise<void> {
    try {
      const opened = await openMailedLink();
      // The list of whoever is signed in does not have it, and it may have been asked for before the link was opened.
      if (opened && isNamed(opened, this.name)) this.asked = opened;
    } catch (error) {
      this.said = error;
    }
  }

  async #readEvent(id: number): Promise<void> {
    this.details = null;
    try {
      this.details = await sharedClient().event(id);
    } catch {
      // It was deleted, or the server is away: the booking says enough.
    }
  }

  async #invoice(booking: Booking): Promise<void> {
    this.fetching = true;
    this.said = undefined;
    try {
      save(await sharedClient().invoicePdf(booking), `invoice-${booking.reference}.pdf`);
    } catch (error) {
      this.said = error;
    } finally {
      this.fetching = false;
    }
  }
}

function isNamed({ id, reference }: Booking, name: string): boolean {
  return id === name.toLowerCase() || reference.toLowerCase() === name.toLowerCase();
}

function stageOf(booking: Booking): Stage {
  if (!isToPay(booking)) return booking.status;
  if (booking.kind === 'offer') return 'offered';
  if (payingOf(booking) === 'underway') return 'paying';
  return booking.status === 'confirmed' ? 'owed' : 'pending';
}

/** Every ticket was used, handed on or given back: nothing comes next. */
function isUsedUp({ tickets }: Booking, stage: Stage): boolean {
  return stage === 'confirmed' && tickets.length > 0 && !tickets.some(({ status }) => status === 'valid');
}

customElements.define('seatcast-booking-page', BookingPage);
