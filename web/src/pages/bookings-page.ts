import { css, html, LitElement, type TemplateResult } from 'lit';
import { shared } from './shared.styles.ts';

/** All bookings of the caller. */
export class BookingsPage extends LitElement {
  static override styles = [
    shared,
    css`
      :host {
        display: grid;
        gap: 1.75rem;
        max-width: 46rem;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    document.title = 'My bookings · Seatcast';
  }

  override render(): TemplateResult {
    return html`
      <h1>My bookings</h1>
      <seatcast-bookings>
        <div slot="empty" class="message">
          <p><strong>Nothing booked yet</strong>Tickets that you hold or have bought appear here.</p>
          <a class="button primary" href="/">See what’s on</a>
        </div>
      </seatcast-bookings>
    `;
  }
}

customElements.define('seatcast-bookings-page', BookingsPage);
