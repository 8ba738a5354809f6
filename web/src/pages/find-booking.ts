import { css, html, nothing, type TemplateResult } from 'lit';
import { fields } from '../elements/internal/controls.ts';
import { sharedClient } from '../elements/internal/full-client.ts';
import { explain } from '../elements/internal/refusals.ts';
import { WORDS } from './bookings-page.words.ts';
import { PageElement } from './page-element.ts';
import { shared } from './shared.styles.ts';

/** Has a link mailed to the buyer of a lost booking. */
export class FindBooking extends PageElement {
  static override styles = [
    shared,
    fields,
    css`
      :host {
        display: block;
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
        width: 100%;
      }
      label {
        flex: 1 1 14rem;
        font-size: 0.875rem;
      }
      input {
        width: 100%;
        background: var(--surface);
        font-size: 1rem;
      }
      p {
        max-width: 42rem;
        margin: 0;
      }
    `,
  ];
  static override properties = { said: { state: true }, reference: {} };

  /** How the last wish ended. */
  declare said: string | undefined;
  /** The one that is looked for, where that is known. */
  declare reference: string | undefined;

  override render(): TemplateResult {
    const words = WORDS[this.language];
    return html`<form @submit=${this.#find}>
      <h2>${words.isMissing}</h2>
      <p>${words.missingMeans}</p>
      <div class="fields">
        <label>${words.reference} <input name="reference" required placeholder="BK-7F3K9Q" autocomplete="off" dir="auto" .value=${this.reference ?? ''} /></label>
        <label>${words.email} <input name="email" type="email" required autocomplete="email" /></label>
      </div>
      <button class="button">${words.send}</button>
      <p class="sent" role="status">${this.said ?? nothing}</p>
    </form>`;
  }

  async #find(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const typed = new FormData(form);
    this.said = undefined;
    try {
      await sharedClient().findBooking(String(typed.get('reference')), String(typed.get('email')));
      form.reset();
      this.said = WORDS[this.language].sent;
    } catch (error) {
      this.said = explain(this.language, error);
    }
  }
}

customElements.define('seatcast-find-booking', FindBooking);
