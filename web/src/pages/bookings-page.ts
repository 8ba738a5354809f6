import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { explain } from '../elements/internal/refusals.ts';
import { fields } from '../elements/internal/controls.ts';
import { sharedClient } from '../elements/index.ts';
import { shared } from './shared.styles.ts';

/** The part before the link of a mail in the page's address. */
const LINK = '#link=';

/** All bookings of the caller; opens those that a mail leads to, and has such mails sent. */
export class BookingsPage extends LitElement {
  static override styles = [
    shared,
    fields,
    css`
      :host {
        display: grid;
        gap: 1.75rem;
        max-width: 46rem;
      }
      form {
        display: grid;
        gap: 0.75rem;
        justify-items: start;
      }
      .fields {
        display: flex;
        flex-wrap: wrap;
        gap: 0.75rem;
      }
      label {
        font-size: 0.875rem;
      }
      input {
        background: var(--surface);
        font-size: 1rem;
      }
      p {
        margin: 0;
      }
    `,
  ];
  static override properties = { said: { state: true } };

  /** How the last wish ended. */
  declare said: string | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    document.title = 'My bookings · Seatcast';
    globalThis.addEventListener('hashchange', this.#followLink);
    this.#followLink();
  }

  override disconnectedCallback(): void {
    globalThis.removeEventListener('hashchange', this.#followLink);
    super.disconnectedCallback();
  }

  override render(): TemplateResult {
    return html`
      <h1>My bookings</h1>
      <p role="status" class="said">${this.said ?? nothing}</p>
      <seatcast-bookings>
        <div slot="empty" class="message">
          <p><strong>Nothing booked yet</strong>Tickets that you hold or have bought appear here.</p>
          <a class="button primary" href="/">See what’s on</a>
        </div>
      </seatcast-bookings>
      <form @submit=${this.#find}>
        <h2>A booking is missing?</h2>
        <p>Bookings made without an account are kept by the browser that made them. We can mail you a link to yours.</p>
        <div class="fields">
          <label>Reference <input name="reference" required placeholder="BK-7F3K9Q" autocomplete="off" /></label>
          <label>E-mail that it was booked with <input name="email" type="email" required autocomplete="email" /></label>
        </div>
        <button class="button">Send me the link</button>
      </form>
    `;
  }

  readonly #followLink = (): void => {
    if (location.hash.startsWith(LINK)) void this.#open(location.hash.slice(LINK.length));
  };

  async #open(link: string): Promise<void> {
    this.said = await done(async () => {
      const { reference } = await sharedClient().openLink(link);
      // A link in the address bar would be shared, and opened anew by each reload.
      history.replaceState(null, '', location.pathname);
      return `Your booking ${reference} is here.`;
    });
  }

  async #find(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const typed = new FormData(form);
    this.said = await done(async () => {
      await sharedClient().findBooking(String(typed.get('reference')), String(typed.get('email')));
      form.reset();
      return 'If there is such a booking, a mail with a link to it is on its way.';
    });
  }
}

/** Words about a wish, whether or not it came true. */
async function done(wish: () => Promise<string>): Promise<string> {
  try {
    return await wish();
  } catch (error) {
    return explain('en', error);
  }
}

customElements.define('seatcast-bookings-page', BookingsPage);
