import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { keepFocus } from '../elements/internal/keep-focus.ts';
import { LanguageController } from '../elements/internal/language.ts';
import { pageSession } from '../pages/session.ts';
import { deskClient } from './desk-client.ts';
import { desk, type DemoPerson } from './desk.ts';
import { because, type Said } from './said.ts';
import { deskStyles } from './styles.ts';
import { WORDS } from './words.ts';

/** The desk's door: an account with its password; in the demo also a person by name. */
export class DeskSignIn extends LitElement {
  static override properties = { people: { attribute: false }, problem: { state: true }, busy: { state: true } };
  static override styles = [
    deskStyles,
    css`
      :host {
        max-width: 26rem;
        margin: clamp(1rem, 8vh, 5rem) auto;
      }
      .people {
        display: grid;
        gap: 0.6rem;
      }
      .people .button {
        justify-content: space-between;
      }
    `,
  ];

  declare people: readonly DemoPerson[];
  declare problem: Said | undefined;
  declare busy: boolean;
  readonly #language = new LanguageController(this);

  constructor() {
    super();
    keepFocus(this);
    this.people = [];
    this.busy = false;
  }

  override render(): TemplateResult {
    const words = WORDS[this.#language.language];
    return html`
      <form class="panel" aria-labelledby="title" @submit=${this.#signIn}>
        <h1 id="title">${words.signIn}</h1>
        <p class="soft">${words.signInHint}</p>
        <label>${words.email} <input name="email" type="email" required autocomplete="username" /></label>
        <label>${words.password} <input name="password" type="password" required autocomplete="current-password" /></label>
        <p class="problem" role="alert">${this.problem?.(this.#language.language) ?? nothing}</p>
        <div class="bar">
          <button class="button primary" ?disabled=${this.busy}>${words.signIn}</button>
          <a class="small" href="/account">${words.forgot}</a>
        </div>
      </form>
      ${this.people.length > 0 ? this.#people(words.asPerson) : nothing}
    `;
  }

  #people(heading: string): TemplateResult {
    return html`<section class="panel" aria-labelledby="people">
      <h2 id="people">${heading}</h2>
      <div class="people">
        ${this.people.map(
          (person) =>
            html`<button class="button" type="button" ?disabled=${this.busy} @click=${() => void this.#begin(() => desk().actAs(person))}>${person.name}<span class="tag">${WORDS[this.#language.language].role[person.role]}</span></button>`,
        )}
      </div>
    </section>`;
  }

  #signIn(event: SubmitEvent): void {
    event.preventDefault();
    const typed = new FormData(event.target as HTMLFormElement);
    void this.#begin(async () => pageSession().begin(await deskClient().signIn(String(typed.get('email')).trim(), String(typed.get('password')))));
  }

  async #begin(wish: () => Promise<void>): Promise<void> {
    this.busy = true;
    this.problem = undefined;
    try {
      await wish();
    } catch (error) {
      this.problem = because(error);
    }
    this.busy = false;
  }
}

customElements.define('desk-sign-in', DeskSignIn);
