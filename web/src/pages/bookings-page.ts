import { css, html, nothing, type TemplateResult } from 'lit';
import { explain } from '../elements/internal/refusals.ts';
import { sharedClient } from '../elements/internal/full-client.ts';
import type { Booking } from '../sdk/index.ts';
import { BOOKING_PAGE, SIGN_IN_PAGE } from './router.ts';
import { WORDS } from './bookings-page.words.ts';
import { PageElement, titled } from './page-element.ts';
import { shared } from './shared.styles.ts';
import '../elements/seatcast-bookings/seatcast-bookings.ts';
import './find-booking.ts';

/** The part before the link of a mail in the page's address. */
const LINK = '#link=';

/** Opens the booking that a mailed link in the address names; undefined where there is none. */
export async function openMailedLink(): Promise<Booking | undefined> {
  if (!location.hash.startsWith(LINK)) return undefined;
  const link = location.hash.slice(LINK.length);
  const booking = await sharedClient().openLink(link);
  // A link in the address bar would be shared, and opened anew by each reload.
  history.replaceState(history.state, '', location.pathname);
  return booking;
}

/** All bookings of the caller; opens those that a mail leads to, and has such mails sent. */
export class BookingsPage extends PageElement {
  static override styles = [
    shared,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 1.75rem;
        max-width: 46rem;
      }
      p {
        margin: 0;
      }
      /* A region that speaks stays where it is. */
      .said:empty {
        position: absolute;
      }
      .said:not(:empty) {
        padding: 0.8rem 1rem;
        border-radius: var(--radius-small);
        background: var(--accent-wash);
      }
      seatcast-find-booking {
        padding-top: 1.75rem;
        border-top: 1px solid var(--line);
      }
    `,
  ];
  static override properties = { said: { state: true }, opened: { state: true } };

  /** Why a mailed link opens nothing. */
  declare said: string | undefined;
  /** The booking that a mailed link opened. */
  declare opened: Booking | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    globalThis.addEventListener('hashchange', this.#followLink);
    void this.#followLink();
  }

  override disconnectedCallback(): void {
    globalThis.removeEventListener('hashchange', this.#followLink);
    super.disconnectedCallback();
  }

  protected override willUpdate(): void {
    titled(WORDS[this.language].title);
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    return html`
      <h1>${words.title}</h1>
      <p role="status" class="said">${this.opened ? html`<a href=${BOOKING_PAGE.replace('{reference}', this.opened.id)}>${words.opened(this.opened.reference)}</a>` : (this.said ?? nothing)}</p>
      <seatcast-bookings booking-page=${BOOKING_PAGE} sign-in-page=${SIGN_IN_PAGE}>
        <div slot="empty" class="message">
          <p><strong>${words.nothing}</strong>${words.nothingMeans}</p>
          <a class="button primary" href="/">${words.whatsOn}</a>
        </div>
      </seatcast-bookings>
      <seatcast-find-booking></seatcast-find-booking>
    `;
  }

  readonly #followLink = async (): Promise<void> => {
    try {
      this.opened = (await openMailedLink()) ?? this.opened;
      this.said = undefined;
    } catch (error) {
      this.said = explain(this.language, error);
    }
  };
}

customElements.define('seatcast-bookings-page', BookingsPage);
