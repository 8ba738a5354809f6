import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { keyed } from 'lit/directives/keyed.js';
import { WORDS as SHOP } from '../pages/app.words.ts';
import { Fold } from './fold.ts';
import { languageSelect, MARK } from './frame.ts';
import { keepFocus } from '../elements/internal/keep-focus.ts';
import { LanguageController } from '../elements/internal/language.ts';
import { desk, type DemoPerson } from './desk.ts';
import type { Me } from '../sdk/index.ts';
import { styles } from './desk-app.styles.ts';
import { PAGES } from './pages.ts';
import { may } from './rights.ts';
import { followLinks, pageOf, type Found } from './router.ts';
import { forgetUnsaved, hasUnsaved, watchForms } from './unsaved.ts';
import { WORDS } from './words.ts';
import './desk-dialog.ts';
import './event-frame.ts';
import './sign-in.ts';
import './toasts.ts';

/** The frame of the desk: header, the page of the address or the door to it. */
export class DeskApp extends LitElement {
  static override properties = { found: { state: true }, lost: { state: true }, leaving: { state: true } };
  static override styles = styles;

  declare found: Found | undefined;
  /** The script of this page could not be loaded. */
  declare lost: boolean;
  /** Answers the question whether to leave a form that is not saved. */
  declare leaving: ((may: boolean) => void) | undefined;
  readonly #language = new LanguageController(this);
  readonly #fold = new Fold(this);

  constructor() {
    super();
    keepFocus(this);
    this.lost = false;
    followLinks(this, () => void this.#arrive(), () => this.#mayLeave());
    watchForms(this);
    this.found = pageOf(location.pathname);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    desk().addEventListener('change', this.#changed);
    desk().begin(true);
    void this.#load();
  }

  override disconnectedCallback(): void {
    desk().removeEventListener('change', this.#changed);
    super.disconnectedCallback();
  }

  override render(): TemplateResult {
    const words = WORDS[this.#language.language];
    return html`
      <header>
        <button class="button skip" type="button" @click=${() => this.#toContent()}>${words.skip}</button>
        <a class="brand" href="/desk">${MARK}seatcast <span>${words.desk}</span></a>
        ${desk().me ? html`${this.#fold.button(words.menu, 'pages account')}${this.#navigation(desk().me!)}` : nothing}
        <div class="end">
          ${languageSelect(this.#language.language, words.language)}
          ${desk().me ? html`<div id="account" class="account ${this.#fold.look}"><span class="who">${desk().me!.name}</span><button class="button small" type="button" @click=${this.#signOut}>${words.signOut}</button></div>` : nothing}
        </div>
      </header>
      <main tabindex="-1">${this.#content()} ${this.leaving ? this.#leaveQuestion(this.leaving) : nothing}</main>
      <desk-toasts></desk-toasts>
    `;
  }

  #leaveQuestion(answer: (may: boolean) => void): TemplateResult {
    const words = WORDS[this.#language.language];
    return html`<desk-dialog heading=${words.unsavedTitle} @close=${() => answer(false)}>
      <p>${words.unsaved}</p>
      <div slot="actions">
        <button class="button" type="button" @click=${() => answer(false)}>${words.stay}</button>
        <button class="button danger" type="button" @click=${() => answer(true)}>${words.leaveUnsaved}</button>
      </div>
    </desk-dialog>`;
  }

  async #mayLeave(): Promise<boolean> {
    // A question that was left unanswered is answered by «stay».
    this.leaving?.(false);
    const may = await new Promise<boolean>((resolve) => {
      const answer = (said: boolean): void => {
        if (this.leaving === answer) this.leaving = undefined;
        resolve(said);
      };
      this.leaving = answer;
    });
    if (may) forgetUnsaved();
    return may;
  }

  readonly #signOut = async (): Promise<void> => {
    if (!hasUnsaved() || (await this.#mayLeave())) await desk().leave();
  };

  #navigation(me: Me): TemplateResult {
    const { language } = this.#language;
    const rows = PAGES.filter(({ linked, right }) => linked === 'desk' && may(me, right));
    const isHere = (path: string): boolean => (path === '/desk' ? /^\/desk(\/events\/.*)?$/.test(location.pathname) : location.pathname.startsWith(path));
    return html`<nav id="pages" class=${this.#fold.look} aria-label=${WORDS[language].main}>
      ${rows.map(({ path, name }) => html`<a href=${path} aria-current=${isHere(path) ? 'page' : nothing}>${name[language]}</a>`)}
    </nav>`;
  }

  #content(): TemplateResult {
    const words = WORDS[this.#language.language];
    const { attendance, me, people } = desk();
    // A page says its own.
    if (attendance === 'customer' || attendance === 'away' || !me || !this.found || this.lost) document.title = `${words.desk} · Seatcast`;
    if (attendance === 'nobody') return html`<desk-sign-in .people=${people}></desk-sign-in>`;
    if (attendance === 'customer') return message(words.customerTitle, words.customer(me?.name ?? ''));
    if (attendance === 'away') return html`<div class="message" role="status"><p>${words.away}</p></div>`;
    if (!me) return html`<div class="skeleton waiting" role="status" aria-label=${words.loading}></div>`;
    if (!this.found) return html`<div class="message"><h1>${words.nothingTitle}</h1><p>${words.nothing}</p><a class="button primary" href="/desk">${words.toEvents}</a></div>`;
    if (this.lost) return this.#failed();
    // Typed values stay where they are, behind the dialog.
    return html`${this.#page(this.found, me)}${attendance === 'ended' ? this.#signInAgain(people) : nothing}`;
  }

  #failed(): TemplateResult {
    const words = SHOP[this.#language.language];
    return html`<div class="message" role="alert">
      <h1>${words.failed}</h1>
      <p>${words.failedMeans}</p>
      <button class="button primary" type="button" @click=${() => (navigator.onLine ? location.reload() : void this.#load())}>${words.reload}</button>
    </div>`;
  }

  #signInAgain(people: readonly DemoPerson[]): TemplateResult {
    const words = WORDS[this.#language.language];
    return html`<desk-dialog heading=${words.endedTitle} @close=${() => void desk().leave()}>
      <p>${words.ended}</p>
      <desk-sign-in .people=${people}></desk-sign-in>
    </desk-dialog>`;
  }

  #page({ row, parameters }: Found, me: Me): TemplateResult {
    const { language } = this.#language;
    const { id } = parameters;
    if (id !== undefined && row.path.startsWith('/desk/events/')) {
      return html`${keyed(id, html`<desk-event-frame .number=${Number(id)} .found=${this.found}></desk-event-frame>`)}`;
    }
    document.title = `${row.name[language]} · ${WORDS[language].desk} · Seatcast`;
    if (!may(me, row.right)) return message(WORDS[language].forbiddenTitle, WORDS[language].forbidden);
    return html`${keyed(`${row.path} ${JSON.stringify(parameters)}`, row.view({ parameters, event: undefined }))}`;
  }

  readonly #changed = (): void => this.requestUpdate();

  /** After a link was followed: a screen reader is told of the new page. */
  async #arrive(): Promise<void> {
    this.found = pageOf(location.pathname);
    this.#fold.close();
    void this.#load();
    this.requestUpdate();
    await this.updateComplete;
    this.#toContent();
  }

  async #load(): Promise<void> {
    const { found } = this;
    this.lost = false;
    try {
      await found?.row.load();
    } catch {
      this.lost = this.found === found;
    }
  }

  #toContent(): void {
    this.renderRoot.querySelector<HTMLElement>('main')?.focus({ preventScroll: true });
  }
}

function message(title: string, text: string): TemplateResult {
  return html`<div class="message"><h1>${title}</h1><p>${text}</p></div>`;
}

customElements.define('desk-app', DeskApp);
