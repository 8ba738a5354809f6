import { html, nothing, type TemplateResult } from 'lit';
import { dateParts } from '../elements/internal/format.ts';
import { LiveElement } from '../elements/internal/live-element.ts';
import { totalsOf, type EventState } from '../sdk/index.ts';
import { poster } from './poster.ts';
import { styles } from './event-page.styles.ts';

/** Said once for the page; each number says it for itself as well. */
const OFFLINE = html`<p class="offline" role="status">
  <strong>No connection.</strong> These are the last numbers known. The page goes on by itself when it is back.
</p>`;

/** One event: description, stock, choosing, holding. Everything on it is live. */
export class EventPage extends LiveElement {
  static override styles = styles;

  protected override topicChanged(): void {
    const title = this.topic.view.state?.event.title;
    if (title) document.title = `${title} · Seatcast`;
  }

  override render(): TemplateResult {
    const { state, refused, status } = this.topic.view;
    if (refused || state?.deleted) return this.#missing();
    if (!state) return status === 'offline' ? this.#offline() : this.#loading();
    return html`
      ${status === 'offline' ? OFFLINE : nothing} ${this.#hero(state)}
      <seatcast-notices event=${state.event.id}></seatcast-notices>
      ${state.event.status === 'cancelled'
        ? html`<seatcast-bookings event=${state.event.id}><span slot="empty"></span></seatcast-bookings>`
        : this.#booking(state)}
    `;
  }

  #hero({ event }: EventState): TemplateResult {
    const { weekday, day, month, year, time, zone } = dateParts('en', event.starts_at, event.timezone);
    return html`<section class="hero ${event.status === 'cancelled' ? 'off' : ''}">
      ${poster(event)}
      <div class="about">
        <span class="category">${event.category}</span>
        <h1>${event.title}</h1>
        <ul class="facts">
          <li>
            <svg viewBox="0 0 24 24" aria-hidden="true"><rect x="3" y="5" width="18" height="16" rx="3" /><path d="M3 10h18M8 3v4m8-4v4" /></svg>
            <time datetime=${event.starts_at}>${weekday} ${day} ${month} ${year}, ${time} ${zone}</time>
          </li>
          <li>
            <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 21s7-6.2 7-11.5a7 7 0 0 0-14 0C5 14.8 12 21 12 21Z" /><circle cx="12" cy="9.5" r="2.5" /></svg>
            ${event.venue}
          </li>
        </ul>
        <div class="now">
          <seatcast-availability event=${event.id} announce></seatcast-availability>
          <seatcast-presence event=${event.id}></seatcast-presence>
        </div>
        ${event.membership_required ? html`<p class="members">For members</p>` : nothing}
        <p class="description">${event.description}</p>
      </div>
    </section>`;
  }

  #booking({ event, ticket_types }: EventState): TemplateResult {
    const soldOut = totalsOf({ event, ticket_types }).status === 'sold_out';
    const seated = event.layout > 0;
    return html`<seatcast-booking event=${event.id}>
      <section class="choose" aria-labelledby="choose">
        <h2 id="choose">${soldOut ? 'Tickets' : seated ? 'Choose your seats' : 'Choose your tickets'}</h2>
        ${seated
          ? html`<seatcast-seat-map event=${event.id}></seatcast-seat-map>
              <seatcast-ticket-types event=${event.id} unseated></seatcast-ticket-types>`
          : html`<seatcast-ticket-types event=${event.id}></seatcast-ticket-types>`}
      </section>
    </seatcast-booking>`;
  }

  #loading(): TemplateResult {
    return html`<section class="hero" aria-busy="true" aria-label="Loading the event">
      <span class="skeleton poster"></span>
      <div class="about">
        <span class="skeleton line"></span><span class="skeleton line title"></span><span class="skeleton line"></span>
      </div>
    </section>`;
  }

  #missing(): TemplateResult {
    return html`<div class="message">
      <h1>This event is not here</h1>
      <p>It may have been removed, or is not public yet.</p>
      <a class="button primary" href="/">See all events</a>
    </div>`;
  }

  #offline(): TemplateResult {
    return html`<div class="message" role="alert">
      <h1>No connection</h1>
      <p>The event appears as soon as the server can be reached again.</p>
    </div>`;
  }
}

customElements.define('seatcast-event-page', EventPage);
