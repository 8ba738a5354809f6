import { css, html, nothing, type TemplateResult } from 'lit';
import { fields } from '../elements/internal/controls.ts';
import { explain } from '../elements/internal/refusals.ts';
import '../elements/internal/refusal-words.ts';
import { signInAddress } from '../elements/internal/sign-in.ts';
import type { Account } from '../sdk/index.ts';
import { WORDS as ACCOUNT } from './account-page.words.ts';
import { PageElement } from './page-element.ts';
import { SIGN_IN_PAGE } from './router.ts';
import { pageSession } from './session.ts';
import { WORDS } from './session-ended.words.ts';
import { shared } from './shared.styles.ts';

/**
 * Says that the server ended the session: signed out everywhere, another password, a blocked account. One signs in again in a
 * dialog over the page, so that what was chosen and typed on it stays.
 */
export class SessionEnded extends PageElement {
  static override properties = { account: { attribute: false }, signsIn: { attribute: false }, problem: { state: true }, busy: { state: true } };
  static override styles = [
    shared,
    fields,
    css`
      :host {
        width: 100%;
        max-width: 1180px;
        margin: 0 auto;
        padding-inline: clamp(1rem, 4vw, 2rem);
      }
      .bar {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: space-between;
        gap: 0.6rem 1.5rem;
        padding: 0.7rem 1rem;
        border: 1px solid transparent;
        border-radius: var(--radius-small);
        background: var(--orange-wash);
        box-shadow: var(--shadow);
        color: var(--orange);
      }
      /* Seen by those who have scrolled, where there is room for it. */
      @media (min-height: 36rem) {
        :host {
          position: sticky;
          top: 0.5rem;
          z-index: 3;
        }
      }
      p {
        margin: 0;
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        gap: 0.6rem;
      }
      dialog {
        width: min(calc(100vw - 2rem), 26rem);
        max-height: calc(100dvh - 2rem);
        padding: 1.5rem;
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--surface);
        box-shadow: var(--shadow);
        color: var(--ink);
      }
      dialog::backdrop {
        background: rgb(10 8 20 / 0.55);
      }
      form {
        display: grid;
        gap: 0.75rem;
      }
      input {
        width: 100%;
        font-size: 1rem;
      }
      .problem:empty {
        position: absolute;
      }
      .problem {
        color: var(--red);
      }
    `,
  ];

  declare account: Account;
  /** False where the page itself has the form. */
  declare signsIn: boolean;
  declare problem: unknown;
  declare busy: boolean;

  constructor() {
    super();
    this.busy = false;
  }

  override disconnectedCallback(): void {
    this.#dialog?.close();
    super.disconnectedCallback();
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    return html`
      <div class="bar">
        <p role="alert"><strong>${words.ended}</strong> ${this.signsIn ? words.kept : nothing}</p>
        <div class="actions">
          ${this.signsIn ? html`<button class="button small primary" type="button" @click=${() => this.#dialog?.showModal()}>${words.again}</button>` : nothing}
          <button class="button small" type="button" @click=${() => pageSession().putLossAway()}>${words.goOn}</button>
        </div>
      </div>
      ${this.signsIn ? this.#form() : nothing}
    `;
  }

  #form(): TemplateResult {
    const words = ACCOUNT[this.language];
    return html`<dialog aria-labelledby="again">
      <form aria-labelledby="again" @submit=${this.#signIn}>
        <h2 id="again">${WORDS[this.language].again}</h2>
        <label>${words.email} <input name="email" type="email" required autocomplete="username" .value=${this.account.email ?? ''} /></label>
        <label>${words.password} <input name="password" type="password" required autocomplete="current-password" autofocus /></label>
        <p class="problem" role="alert">${this.problem === undefined ? nothing : explain(this.language, this.problem)}</p>
        <div class="actions">
          <button class="button primary" ?disabled=${this.busy}>${words.signIn}</button>
          <button class="button" type="button" @click=${() => this.#dialog?.close()}>${words.notNow}</button>
        </div>
        <a href=${signInAddress(SIGN_IN_PAGE)}>${WORDS[this.language].otherWay}</a>
      </form>
    </dialog>`;
  }

  get #dialog(): HTMLDialogElement | null {
    return this.renderRoot.querySelector('dialog');
  }

  async #signIn(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const typed = new FormData(event.target as HTMLFormElement);
    const session = pageSession();
    this.busy = true;
    this.problem = undefined;
    try {
      // This element goes with it.
      session.begin(await session.client.signIn(String(typed.get('email')).trim(), String(typed.get('password'))));
    } catch (error) {
      this.problem = error;
    }
    this.busy = false;
  }
}

customElements.define('seatcast-session-ended', SessionEnded);
