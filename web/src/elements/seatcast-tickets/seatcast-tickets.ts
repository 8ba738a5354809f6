import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { bringFiles, type BuyerClient } from '../../sdk/buyer-client.ts';
import * as files from '../../sdk/files.ts';
import { Refusal, type Booking, type HeldTicket, type Ticket } from '../../sdk/index.ts';
import { keepFocus } from '../internal/keep-focus.ts';
import { LanguageController, type Language } from '../internal/language.ts';
import { define } from '../internal/live-element.ts';
import { addressOf } from '../internal/qr.ts';
import { explain } from '../internal/refusals.ts';
import { save } from '../internal/save.ts';
import { sharedClient } from '../internal/full-client.ts';
import { styles } from './seatcast-tickets.styles.ts';
import { WORDS } from './words.ts';

bringFiles(files);

/** Characters that the server takes of a name or an address. */
const NAME_CHARS_MAX = 200;
/** For so long after the booking was confirmed its QRs are shown without asking. */
const FRESH_MS = 30 * 60_000;

/** The parts of a booking that are shown; of a ticket that was taken over those that its holder knows. */
type Shown = Pick<Booking, 'id' | 'status' | 'confirmed_at' | 'items' | 'tickets'> & { reference?: string };

/** How a wish ended, in the words of whichever language is spoken now. */
type Said = (words: (typeof WORDS)[Language]) => string;

/**
 * The tickets of one booking, or one that was taken over from somebody (`held`): code, place, status, the QR that opens the door, and the files to print and for the
 * calendar. They are fetched with the buyer's proof, so no address of theirs can be passed on. Part of `seatcast-bookings`.
 */
export class SeatcastTickets extends LitElement {
  static override styles = styles;
  static override properties = {
    booking: { attribute: false },
    held: { attribute: false },
    client: { attribute: false },
    opened: { state: true },
    problem: { state: true },
    fetching: { state: true },
    handing: { state: true },
    busy: { state: true },
    said: { state: true },
  };

  declare booking: Booking | undefined;
  /** In place of a booking. */
  declare held: HeldTicket | undefined;
  declare client: BuyerClient | undefined;
  /** Whether the QRs are shown; undefined: nobody said so. */
  declare opened: boolean | undefined;
  declare problem: unknown;
  /** The file that is on its way. */
  declare fetching: 'pdf' | 'ics' | undefined;

  /** The ticket that is being handed on. */
  declare handing: string | undefined;
  declare busy: boolean | undefined;
  /** How that went. */
  declare said: Said | undefined;

  readonly #speech = new LanguageController(this);

  constructor() {
    super();
    keepFocus(this);
  }

  /** Addresses of the images, by code. */
  readonly #qrs = new Map<string, string>();
  /** Tickets that were offered here, or turned out to be offered: a guest's booking is not read anew at once. */
  readonly #offered = new Set<string>();
  /** Offers that were withdrawn here, by ticket: when they were made. */
  readonly #withdrawn = new Map<string, string>();
  /** The ticket of which it is said that it is offered. */
  #about: string | undefined;
  #isReading = false;
  #shown: Shown | undefined;

  get #words(): (typeof WORDS)[Language] {
    return WORDS[this.#speech.language];
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get('held') ? ofHolder(changed.get('held')!) : changed.get('booking');
    this.#shown = this.held ? ofHolder(this.held) : this.booking;
    if (before && before.id !== this.#shown?.id) this.opened = undefined;
    // Somebody else withdrew it, or it was taken.
    for (const { code, offer } of before?.tickets ?? []) if (offer && !this.#shown?.tickets.some((now) => now.code === code && now.offer)) this.#offered.delete(code);
    // It was taken over meanwhile, or is void: nothing is offered any more.
    if (this.#shown?.tickets.some(({ code, status }) => code === this.#about && status !== 'valid')) this.said = this.#about = undefined;
  }

  protected override updated(): void {
    if (this.#isOpen()) void this.#readQrs();
  }

  override render(): TemplateResult | typeof nothing {
    const booking = this.#shown;
    if (!booking || booking.tickets.length === 0) return nothing;
    const opens = booking.tickets.some(({ status }) => status === 'valid');
    return html`<ul class="tickets ${this.#isOpen() ? 'open' : ''}" aria-label=${this.#words.tickets}>
        ${booking.tickets.map((ticket) => this.#ticket(booking, ticket))}
      </ul>
      <p class="said" role="status">${this.said?.(this.#words) ?? nothing}</p>
      <p class="problem" role="alert">${this.problem ? explain(this.#speech.language, this.problem) : nothing}</p>
      ${opens ? this.#actions(booking) : nothing}`;
  }

  #ticket(booking: Shown, { code, status, offer, ...ticket }: Ticket): TemplateResult {
    const qr = this.#qrs.get(code);
    const isShown = this.#isOpen() && status === 'valid';
    const standing = offer && offer.at !== this.#withdrawn.get(code) ? offer : undefined;
    const isOffered = status === 'valid' && (this.#offered.has(code) || standing !== undefined);
    return html`<li class=${status}>
      ${isShown ? html`<span class="qr">${qr ? html`<img src=${qr} alt=${this.#words.qrOf(code)} />` : nothing}</span>` : nothing}
      <div class="about">
        <span class="what">${placeOf(this.#words, booking, ticket)}</span>
        <code>${code}</code>
        <span class="status">${this.#words.status[status]}</span>
        ${isOffered ? html`<span class="offered">${this.#words.offeredTo(standing?.to)}</span>` : isShown ? this.#handOn(code) : nothing}
      </div>
      ${isOffered ? this.#wayBack(booking, code) : isShown && this.handing === code ? this.#recipient(booking, code) : nothing}
    </li>`;
  }

  #handOn(code: string): TemplateResult {
    return html`<button
      class="link"
      type="button"
      aria-expanded=${this.handing === code}
      aria-label=${this.#words.handOnTicket(code)}
      @click=${() => (this.handing = this.handing === code ? undefined : code)}
    >
      ${this.#words.handOn}
    </button>`;
  }

  /** While they have not taken it. */
  #wayBack(booking: Shown, code: string): TemplateResult {
    return html`<div class="recipient">
      <button class="button small" type="button" ?disabled=${this.busy} aria-label=${this.#words.withdrawTicket(code)} @click=${() => this.#withdraw(booking, code)}>${this.#words.withdraw}</button>
    </div>`;
  }

  /** Whom the ticket goes to. */
  #recipient(booking: Shown, code: string): TemplateResult {
    return html`<form class="recipient" @submit=${(event: SubmitEvent) => this.#offer(event, booking, code)}>
      <label>${this.#words.name} <input name="name" required maxlength=${NAME_CHARS_MAX} autocomplete="off" /></label>
      <label>${this.#words.email} <input name="email" type="email" required maxlength=${NAME_CHARS_MAX} autocomplete="off" /></label>
      <button class="button small" ?disabled=${this.busy}>${this.#words.offer}</button>
      <p class="hint">${this.held ? this.#words.yoursUntilTaken : this.#words.yoursUntil}</p>
    </form>`;
  }

  #offer(event: SubmitEvent, booking: Shown, code: string): void {
    event.preventDefault();
    const typed = new FormData(event.target as HTMLFormElement);
    const [name, email] = [String(typed.get('name')).trim(), String(typed.get('email')).trim()];
    void this.#wish(async () => {
      try {
        await this.#client.offerTicket(code, { name, email }, booking);
      } catch (error) {
        if (error instanceof Refusal && error.code === 'TRANSFER_PENDING') this.#offered.add(code);
        throw error;
      }
      this.#offered.add(code);
      this.handing = undefined;
      this.#about = code;
      return (words) => words.offered(code, name);
    });
  }

  #withdraw(booking: Shown, code: string): void {
    void this.#wish(async () => {
      await this.#client.withdrawTicket(code, booking);
      this.#offered.delete(code);
      const offer = this.#shown?.tickets.find((ticket) => ticket.code === code)?.offer;
      if (offer) this.#withdrawn.set(code, offer.at);
      this.handing = undefined;
      return (words) => words.withdrawn(code);
    });
  }

  #resend(booking: Shown): void {
    void this.#wish(async () => {
      await this.#client.resendTickets(booking);
      return (words) => words.resent;
    });
  }

  async #wish(wish: () => Promise<Said>): Promise<void> {
    this.busy = true;
    this.problem = this.said = this.#about = undefined;
    try {
      this.said = await wish();
    } catch (error) {
      this.problem = error;
    } finally {
      this.busy = false;
    }
  }

  #actions(booking: Shown): TemplateResult {
    const isOpen = this.#isOpen();
    return html`<div class="actions">
      <button class="button small" type="button" aria-pressed=${isOpen} @click=${() => (this.opened = !isOpen)}>
        ${isOpen ? this.#words.hideQrs : this.#words.showQrs}
      </button>
      <button class="button small" type="button" ?disabled=${this.fetching !== undefined} @click=${() => this.#fetch(booking, 'pdf')}>
        ${this.#words.print}
      </button>
      ${
        this.held
          ? nothing
          : html`<button class="button small" type="button" ?disabled=${this.fetching !== undefined} @click=${() => this.#fetch(booking, 'ics')}>${this.#words.calendar}</button>`
      }
      ${
        booking.status === 'confirmed' && !this.held
          ? html`<button class="button small" type="button" ?disabled=${this.busy} @click=${() => this.#resend(booking)}>${this.#words.resend}</button>`
          : nothing
      }
    </div>`;
  }

  #isOpen(): boolean {
    const { status, confirmed_at: at } = this.#shown ?? {};
    return this.opened ?? (status === 'confirmed' && at != null && this.#client.now() - Date.parse(at) < FRESH_MS);
  }

  get #client(): BuyerClient {
    return this.client ?? sharedClient();
  }

  /** One after the other; those of a long list would be a flood. */
  async #readQrs(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      for (let next = this.#missing(); next; next = this.#missing()) {
        const { booking, code } = next;
        this.#qrs.set(code, await addressOf(await this.#client.ticketQr(code, booking)));
        this.problem = undefined;
        this.requestUpdate();
      }
    } catch (error) {
      this.problem = error;
      // «Show» tries again.
      this.opened = false;
    } finally {
      this.#isReading = false;
    }
  }

  #missing(): { booking: Shown; code: string } | undefined {
    const booking = this.#shown;
    const ticket = booking?.tickets.find(({ code, status }) => status === 'valid' && !this.#qrs.has(code));
    return booking && ticket && this.#isOpen() && this.isConnected ? { booking, code: ticket.code } : undefined;
  }

  async #fetch(booking: Shown, kind: 'pdf' | 'ics'): Promise<void> {
    this.fetching = kind;
    this.problem = undefined;
    try {
      if (this.held) save(await files.fileOf(this.#client.rest, `/tickets/${encodeURIComponent(this.held.code)}/ticket.pdf`, {}), `${this.held.code}.pdf`);
      else if (kind === 'pdf') await files.eachOfTickets(booking, (part) => this.#client.ticketsPdf(booking, part), save);
      else save(await this.#client.calendarEntry(booking), `${booking.reference ?? ''}.ics`);
    } catch (error) {
      this.problem = error;
    } finally {
      this.fetching = undefined;
    }
  }
}

/** The ticket in the shape of a booking with this one ticket. Whoever took it over holds it as its buyer did. */
function ofHolder({ id, code, status, seat, offer, taken_over_at: at, ticket_type_id: type, ticket_type: name }: HeldTicket): Shown {
  const unit = { amount: 0, currency: '' };
  return {
    id: String(id),
    status: 'confirmed',
    confirmed_at: at,
    items: [{ ticket_type_id: type, name, quantity: 1, unit_price: unit, seats: seat ? [seat] : [] }],
    tickets: [{ code, ticket_type_id: type, seat_id: seat?.id ?? null, status: status === 'transferred' ? 'valid' : status, ...(offer ? { offer } : {}) }],
  };
}

/** `Standard`, or `Stalls · Row H · Seat 2`. */
function placeOf(words: (typeof WORDS)[Language], { items }: Shown, { ticket_type_id: type, seat_id: id }: Pick<Ticket, 'ticket_type_id' | 'seat_id'>): string {
  const seat = items.flatMap(({ seats }) => seats).find((one) => one.id === id);
  if (seat) return words.seat(seat.section, seat.row, seat.number);
  return items.find(({ ticket_type_id }) => ticket_type_id === type)?.name ?? words.ticket;
}

define('seatcast-tickets', SeatcastTickets);

declare global {
  interface HTMLElementTagNameMap {
    'seatcast-tickets': SeatcastTickets;
  }
}
