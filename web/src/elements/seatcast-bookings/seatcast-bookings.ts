import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { Countdown, type Booking, type BookedItem, type ToldBooking } from '../../sdk/index.ts';
import { BookingCancelledEvent } from '../events/booking-cancelled.ts';
import { HoldsChangedEvent } from '../events/holds-changed.ts';
import { money, plural } from '../internal/format.ts';
import { define, LiveElement } from '../internal/live-element.ts';
import { explain } from '../internal/refusals.ts';
import { styles } from './seatcast-bookings.styles.ts';

const STATUS: Record<Booking['status'], string> = {
  pending: 'Held for you',
  confirmed: 'Confirmed',
  expired: 'Expired',
  cancelled: 'Cancelled',
  refunded: 'Refunded',
};

/** How often the countdowns are drawn, and how long after a deadline its booking is read again. */
const TICK_MS = 250;
const AFTER_DEADLINE_MS = 1_200;
/** From here on a hold is about to end: said once. */
const SOON_MS = 60_000;

interface Shown {
  booking: Booking;
  countdown: Countdown | undefined;
  /** Length of the whole hold, for the bar; undefined when unknown. */
  holdMs: number | undefined;
}

/**
 * The buyer's bookings: a hold's countdown with a way to cancel it, the tickets of a confirmed one.
 *
 *     <seatcast-bookings></seatcast-bookings>                    everything
 *     <seatcast-bookings event="42" active></seatcast-bookings>  what he has of one event
 *
 * Fires `seatcast-cancelled` and `seatcast-holds`. Has the attribute `empty` while there is nothing to show.
 */
export class SeatcastBookings extends LiveElement {
  static override styles = styles;
  static override properties = {
    ...LiveElement.properties,
    active: { type: Boolean },
    shown: { state: true },
    problem: { state: true },
    said: { state: true },
  };

  /** Only what holds stock: pending and confirmed. */
  declare active: boolean | undefined;
  declare shown: readonly Shown[] | undefined;
  declare problem: string | undefined;
  /** Told to users of screen readers: what happened to a booking. */
  declare said: string | undefined;

  readonly #titles = new Map<number, string>();
  #tick: ReturnType<typeof setInterval> | undefined;
  #stops: (() => void)[] = [];
  /** Answers of older readings are dropped. */
  #reading = 0;
  /** What `seatcast-holds` said last. */
  #told = '0:';
  /** Of the event, when last seen: its cancellation ends bookings. */
  #eventStatus: string | undefined;
  /** Bookings that are about to end, and were said to be. */
  readonly #warned = new Set<string>();
  /** The booking that the focus goes to as soon as it is shown. */
  #awaited: string | undefined;

  /** Brings a booking into view, with the focus: now, or when it is shown. */
  async reveal(id: string): Promise<void> {
    this.#awaited = id;
    await this.updateComplete;
    this.#revealAwaited();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    const { client } = this.topic;
    this.#stops = [
      client.bookingsChanged.on(() => void this.#read()),
      client.identityChanged.on(() => {
        this.shown = undefined;
        void this.#read();
      }),
    ];
    this.#tick = setInterval(() => this.#ticked(), TICK_MS);
    void this.#read();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const stop of this.#stops) stop();
    clearInterval(this.#tick);
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('event') && changed.get('event') !== undefined) void this.#read();
  }

  protected override updated(changed: PropertyValues<this>): void {
    this.toggleAttribute('empty', (this.shown?.length ?? 0) === 0);
    if (!changed.has('shown')) return;
    this.#revealAwaited();
    const bookings = (this.shown ?? []).map(({ booking }) => booking);
    const pending = bookings.filter(({ status }) => status === 'pending').length;
    const seats = bookings.filter(isStanding).flatMap(({ items }) => items.flatMap((item) => item.seats.map(({ id }) => id)));
    const told = `${pending}:${seats.join(',')}`;
    if (told === this.#told) return;
    this.#told = told;
    this.dispatchEvent(new HoldsChangedEvent(pending, seats));
  }

  protected override topicChanged(): void {
    const status = this.topic.view.state?.event.status;
    if (status === undefined || status === this.#eventStatus) return;
    if (this.#eventStatus !== undefined) void this.#read();
    this.#eventStatus = status;
  }

  override render(): TemplateResult | typeof nothing {
    return html`<p class="visually-hidden" role="status" tabindex="-1">${this.said ?? nothing}</p>
      ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}${this.#list()}`;
  }

  #list(): TemplateResult | typeof nothing {
    if (!this.shown) return this.active ? nothing : html`<span class="skeleton card-skeleton"></span>`;
    if (this.shown.length > 0) {
      return html`<ul>
        ${repeat(
          this.shown,
          ({ booking }) => booking.id,
          (shown) => this.#card(shown),
        )}
      </ul>`;
    }
    return this.active ? nothing : html`<slot name="empty"><p class="empty">No bookings yet.</p></slot>`;
  }

  #card({ booking, countdown, holdMs }: Shown): TemplateResult {
    const { status } = booking;
    return html`<li class=${status} tabindex="-1" data-booking=${booking.id} data-status=${status}>
      <div class="head">
        <div>
          <span class="status">${STATUS[status]}</span>
          ${this.event === undefined ? html`<a class="title" href="/events/${booking.event_id}">${this.#title(booking.event_id)}</a>` : nothing}
        </div>
        ${countdown ? this.#countdown(countdown, holdMs) : nothing}
      </div>
      <ul class="items">
        ${booking.items.map((item) => html`<li>${itemLabel(item)}</li>`)}
      </ul>
      ${booking.tickets.length > 0 ? this.#tickets(booking) : nothing}
      <div class="foot">
        <span>
          <span class="reference">${booking.reference}</span><br />
          ${plural(booking.quantity, 'ticket')} · ${money(booking.total)}
        </span>
        ${isStanding(booking)
          ? html`<button class="button small" type="button" aria-label="Cancel booking ${booking.reference}" @click=${() => this.#cancel(booking)}>
              Cancel
            </button>`
          : nothing}
      </div>
    </li>`;
  }

  #countdown(countdown: Countdown, holdMs: number | undefined): TemplateResult {
    const leftMs = countdown.leftMs();
    const share = holdMs ? Math.min(1, leftMs / holdMs) : 1;
    return html`<span class="countdown ${leftMs < SOON_MS ? 'soon' : ''}" role="timer" aria-label="${String(countdown)} left of the hold">
      <svg viewBox="0 0 36 36" aria-hidden="true">
        <circle cx="18" cy="18" r="15" pathLength="1"></circle>
        <circle class="left" cx="18" cy="18" r="15" pathLength="1" stroke-dasharray="${share} 1"></circle>
      </svg>
      ${String(countdown)}
    </span>`;
  }

  #tickets(booking: Booking): TemplateResult {
    return html`<ul class="tickets" aria-label="Tickets">
      ${booking.tickets.map(({ code }) => html`<li><code>${code}</code></li>`)}
    </ul>`;
  }


  #title(eventId: number): string {
    return this.#titles.get(eventId) ?? `Event ${eventId}`;
  }

  // ── doing ────────────────────────────────────────────────────────────────────────────────────

  async #read(): Promise<void> {
    const reading = ++this.#reading;
    try {
      const told = await this.topic.client.myBookings();
      if (reading !== this.#reading) return;
      const mine = told.filter(({ booking }) => this.#concerns(booking)).map(shownOf);
      this.shown = mine;
      this.problem = undefined;
      if (this.event === undefined) void this.#readTitles(mine);
    } catch (error) {
      if (reading === this.#reading) this.problem = explain(error);
    }
  }

  #concerns(booking: Booking): boolean {
    if (this.event !== undefined && booking.event_id !== this.event) return false;
    return !this.active || isStanding(booking);
  }

  async #readTitles(shown: readonly Shown[]): Promise<void> {
    const unknown = new Set(shown.map(({ booking }) => booking.event_id).filter((id) => !this.#titles.has(id)));
    const read = [...unknown].map(async (id) => this.#titles.set(id, (await this.topic.client.event(id)).title));
    await Promise.allSettled(read);
    this.requestUpdate();
  }

  #ticked(): void {
    const running = this.shown?.filter(({ countdown }) => countdown !== undefined) ?? [];
    if (running.length === 0) return;
    this.requestUpdate();
    for (const { booking, countdown } of running) if (countdown && countdown.leftMs() < SOON_MS) this.#warn(booking);
    const over = running.filter(({ countdown }) => countdown?.leftMs() === 0);
    if (over.length === 0) return;
    this.said = over.map(({ booking }) => `The hold ${booking.reference} has ended.`).join(' ');
    // The server ends a hold within a second of its deadline: what became of it is asked then.
    this.shown = this.shown?.map((one) => (over.includes(one) ? { ...one, countdown: undefined } : one));
    setTimeout(() => this.isConnected && void this.#read(), AFTER_DEADLINE_MS);
  }

  #warn({ id, reference }: Booking): void {
    if (this.#warned.has(id)) return;
    this.#warned.add(id);
    this.said = `Less than a minute left of the hold ${reference}.`;
  }

  #revealAwaited(): void {
    const card = [...this.renderRoot.querySelectorAll<HTMLElement>('[data-booking]')].find(
      ({ dataset }) => dataset['booking'] === this.#awaited,
    );
    if (!card) return;
    this.#awaited = undefined;
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: 'nearest' });
  }

  async #cancel(booking: Booking): Promise<void> {
    try {
      const told = await this.topic.client.cancel(booking);
      this.problem = undefined;
      this.said = `Booking ${booking.reference} is cancelled.`;
      // The button goes with its card: the focus must not get lost.
      this.renderRoot.querySelector<HTMLElement>('[role=status]')?.focus({ preventScroll: true });
      this.dispatchEvent(new BookingCancelledEvent(told.booking));
    } catch (error) {
      this.problem = explain(error);
      void this.#read();
    }
  }
}

/** Whether it holds stock. */
function isStanding({ status }: Booking): boolean {
  return status === 'pending' || status === 'confirmed';
}

/** `2 × Standard`, or `Stalls · Row H · Seats 1, 2`. */
function itemLabel({ name, quantity, seats }: BookedItem): string {
  if (seats.length === 0) return `${quantity} × ${name}`;
  const rows = new Map<string, string[]>();
  for (const { section, row, number } of seats) {
    const place = `${section} · Row ${row}`;
    rows.set(place, [...(rows.get(place) ?? []), number]);
  }
  return [...rows]
    .map(([place, numbers]) => `${place} · Seat${numbers.length === 1 ? '' : 's'} ${numbers.join(', ')}`)
    .join('; ');
}

function shownOf({ booking, serverTime }: ToldBooking): Shown {
  const deadline = booking.status === 'pending' ? booking.expires_at : null;
  const holdMs = deadline ? Date.parse(deadline) - Date.parse(booking.created_at) : Number.NaN;
  return {
    booking,
    countdown: deadline ? new Countdown(deadline, serverTime) : undefined,
    holdMs: holdMs > 0 ? holdMs : undefined,
  };
}

define('seatcast-bookings', SeatcastBookings);

declare global {
  interface HTMLElementTagNameMap {
    'seatcast-bookings': SeatcastBookings;
  }
}
