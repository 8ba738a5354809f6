import { html, nothing, type TemplateResult } from 'lit';
import { dateParts, dateWords } from '../elements/internal/format.ts';
import { LiveElement } from '../elements/internal/live-element.ts';
import type { BookingMadeEvent } from '../elements/events/booking-made.ts';
import { totalsOf, type EventState } from '../sdk/index.ts';
import { WORDS as APP_WORDS } from './app.words.ts';
import { categoryWords } from './category.words.ts';
import { styles } from './event-page.styles.ts';
import { WORDS } from './event-page.words.ts';
import { titled } from './page-element.ts';
import { BOOKING_PAGE, openPage, SIGN_IN_PAGE } from './router.ts';
import { servedEvent } from './served-event.ts';
import { poster } from './poster.ts';
import '../elements/seatcast-availability/seatcast-availability.ts';
import '../elements/seatcast-booking/seatcast-booking.ts';
import '../elements/seatcast-notices/seatcast-notices.ts';
import '../elements/seatcast-ticket-types/seatcast-ticket-types.ts';

/** One event: description, stock, choosing, holding. Everything on it is live. */
export class EventPage extends LiveElement {
  static override styles = styles;

  #wasOffline = false;

  protected override topicChanged(): void {
    const { state, status } = this.topic.view;
    if (state) titled(state.event.title);
    if (state && state.event.layout > 0) void this.#loadSeatMap();
    // How many look is not for the first sight.
    if (state) void import('../elements/seatcast-presence/seatcast-presence.ts').catch(() => undefined);
    // Of an event that stands the booking form brings them.
    if (state?.event.status === 'cancelled') void import('../elements/seatcast-bookings/seatcast-bookings.ts').catch(() => undefined);
    // The page says it once; each number says it for itself as well.
    const isOffline = state !== undefined && status === 'offline';
    if (isOffline === this.#wasOffline) return;
    this.#wasOffline = isOffline;
    this.dispatchEvent(new CustomEvent('seatcast-connection', { detail: isOffline, bubbles: true, composed: true }));
  }

  /** The map comes where the event has one. */
  async #loadSeatMap(): Promise<void> {
    await import('../elements/seatcast-seat-map/seatcast-seat-map.ts').catch(() => undefined);
  }

  override render(): TemplateResult {
    const { state, refused, status } = this.topic.view;
    if (refused || state?.deleted) return this.#missing();
    if (!state) return status === 'offline' ? this.#offline() : this.#loading();
    return html`
      ${this.#hero(state)}
      <seatcast-notices event=${state.event.id}></seatcast-notices>
      ${state.event.status === 'cancelled'
        ? html`<seatcast-bookings event=${state.event.id} booking-page=${BOOKING_PAGE}><span slot="empty"></span></seatcast-bookings>`
        : this.#booking(state)}
    `;
  }

  #hero({ event }: EventState): TemplateResult {
    const parts = dateParts(this.language, event.starts_at, event.timezone);
    return html`<section class="hero ${event.status === 'cancelled' ? 'off' : ''}">
      ${poster(event, this)}
      <div class="about">
        <span class="category">${categoryWords(this.language, event.category)}</span>
        <h1 dir="auto">${event.title}</h1>
        <ul class="facts">
          <li>
            <svg viewBox="0 0 24 24" aria-hidden="true"><rect x="3" y="5" width="18" height="16" rx="3" /><path d="M3 10h18M8 3v4m8-4v4" /></svg>
            <time datetime=${event.starts_at}>${dateWords(this.language, parts)} <bdi>${parts.zone}</bdi></time>
          </li>
          <li>
            <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 21s7-6.2 7-11.5a7 7 0 0 0-14 0C5 14.8 12 21 12 21Z" /><circle cx="12" cy="9.5" r="2.5" /></svg>
            <bdi>${event.venue}</bdi>
          </li>
        </ul>
        <div class="now">
          <seatcast-availability event=${event.id} announce></seatcast-availability>
          <seatcast-presence event=${event.id}></seatcast-presence>
        </div>
        ${event.membership_required ? html`<p class="members">${WORDS[this.language].members}</p>` : nothing}
        <p class="description" dir="auto">${event.description}</p>
      </div>
    </section>`;
  }

  #booking({ event, ticket_types }: EventState): TemplateResult {
    const soldOut = totalsOf({ event, ticket_types }).status === 'sold_out';
    const seated = event.layout > 0;
    const words = WORDS[this.language];
    return html`<seatcast-booking event=${event.id} booking-page=${BOOKING_PAGE} sign-in-page=${SIGN_IN_PAGE} @seatcast-booked=${this.#booked}>
      <section class="choose" aria-labelledby="choose">
        <h2 id="choose">${soldOut ? words.tickets : seated ? words.chooseSeats : words.chooseTickets}</h2>
        ${seated
          ? html`<seatcast-seat-map event=${event.id}></seatcast-seat-map>
              <seatcast-ticket-types event=${event.id} sign-in-page=${SIGN_IN_PAGE} unseated></seatcast-ticket-types>`
          : html`<seatcast-ticket-types event=${event.id} sign-in-page=${SIGN_IN_PAGE}></seatcast-ticket-types>`}
      </section>
      <seatcast-notify-event slot="notify" event=${event.id}></seatcast-notify-event>
    </seatcast-booking>`;
  }

  /** A booking that is confirmed at once has its page. */
  #booked({ booking }: BookingMadeEvent): void {
    if (booking.status === 'confirmed') openPage(this, BOOKING_PAGE.replace('{reference}', booking.reference));
  }

  /** The words that the server has put into the page itself are there to be read while the event's numbers come. */
  #loading(): TemplateResult {
    const served = servedEvent(this.event);
    return html`<section class="hero" aria-busy="true" aria-label=${WORDS[this.language].loading}>
      <span class="skeleton poster"></span>
      <div class="about">
        ${served
          ? html`<span class="skeleton line short"></span>
              <h1 dir="auto">${served.name}</h1>
              <span class="skeleton line"></span>
              <p class="place"><bdi>${served.venue}</bdi></p>
              <span class="skeleton line short"></span>
              <p class="description" dir="auto">${served.description}</p>`
          : html`<span class="skeleton line short"></span><span class="skeleton line title"></span><span class="skeleton line"></span>`}
      </div>
    </section>`;
  }

  #missing(): TemplateResult {
    const words = WORDS[this.language];
    return html`<div class="message">
      <h1>${words.missing}</h1>
      <p>${words.missingMeans}</p>
      <a class="button primary" href="/">${APP_WORDS[this.language].allEvents}</a>
    </div>`;
  }

  #offline(): TemplateResult {
    const words = WORDS[this.language];
    return html`<div class="message" role="alert">
      <h1>${words.offline}</h1>
      <p>${words.offlineMeans}</p>
    </div>`;
  }
}

customElements.define('seatcast-event-page', EventPage);
