import { html, nothing, svg, type TemplateResult } from 'lit';
import { keyed } from 'lit/directives/keyed.js';
import { LANGUAGES, type Language } from '../elements/internal/language.ts';
import type { Account } from '../sdk/index.ts';
import { liveClient } from '../elements/internal/shared-client.ts';
import { styles } from './app.styles.ts';
import { WORDS } from './app.words.ts';
import { chooseLanguage, NAMES } from './language.ts';
import { PageElement, titled } from './page-element.ts';
import { followLinks, placeBefore, routeOf, type Route } from './router.ts';
import { pageSession } from './session.ts';
import './event-page.ts';

const MARK = svg`
  <path class="body" d="M4 8a3 3 0 0 1 3-3h18a3 3 0 0 1 3 3v4.5a3.5 3.5 0 0 0 0 7V24a3 3 0 0 1-3 3H7a3 3 0 0 1-3-3v-4.5a3.5 3.5 0 0 0 0-7z"/>
  <path class="wave" d="M11.5 11.8a6 6 0 0 0 0 8.4m9 0a6 6 0 0 0 0-8.4"/>
  <circle class="core" cx="16" cy="16" r="2.3"/>`;

/** Pages that are loaded when they are opened. The event's is there from the beginning: links lead to it. */
const LATER = {
  events: () => import('./event-list.ts'),
  bookings: () => import('./bookings-page.ts'),
  booking: () => import('./booking-page.ts'),
  account: () => import('./account-page.ts'),
} as const;

/** Parts that nobody needs at first come this long after the page: words for refusals, and the demo's own things. */
const LATER_MS = 400;

/** The frame around the pages: header, the page of the route, footer. */
export class SeatcastApp extends PageElement {
  static override properties = { route: { state: true }, account: { state: true }, staff: { state: true }, lost: { state: true }, offline: { state: true }, development: { state: true }, narrow: { state: true }, ended: { state: true } };
  static override styles = styles;

  declare route: Route;
  /** The name of the account that is signed in. */
  declare account: string | undefined;
  /** The account works for an organization, its own or another's: the desk is open to it. */
  declare staff: boolean;
  /** The script of this page could not be loaded. */
  declare lost: boolean;
  /** The browser has no network, or the page that is shown no server. */
  declare offline: boolean;
  /** The server believes who one says to be. */
  declare development: boolean;
  /** A phone's width: the header has no room for more. */
  declare narrow: boolean;
  /** The account whose session the server ended, until that was read. */
  declare ended: Account | undefined;

  readonly #narrow = matchMedia('(max-width: 560px)');

  constructor() {
    super();
    this.lost = false;
    this.staff = false;
    this.development = false;
    this.narrow = this.#narrow.matches;
    this.offline = !navigator.onLine;
    this.route = routeOf(location.pathname);
    void this.#load();
    followLinks(this, (route) => {
      this.route = route;
      this.offline = !navigator.onLine;
      void this.#arrive();
    });
    this.addEventListener('seatcast-connection', (event) => {
      this.offline = !navigator.onLine || (event as CustomEvent<boolean>).detail;
    });
    // After the first sight, which is the buyer's.
    setTimeout(() => {
      void import('../elements/internal/refusal-words.ts').catch(() => undefined);
      void import('./header-later.ts').then(({ completeHeader }) => completeHeader(this)).catch(() => undefined);
    }, LATER_MS);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    pageSession().addEventListener('change', this.#sessionChanged);
    globalThis.addEventListener('online', this.#networkChanged);
    globalThis.addEventListener('offline', this.#networkChanged);
    this.#narrow.addEventListener('change', this.#widthChanged);
    this.#sessionChanged();
  }

  override disconnectedCallback(): void {
    pageSession().removeEventListener('change', this.#sessionChanged);
    globalThis.removeEventListener('online', this.#networkChanged);
    globalThis.removeEventListener('offline', this.#networkChanged);
    this.#narrow.removeEventListener('change', this.#widthChanged);
    super.disconnectedCallback();
  }

  protected override willUpdate(): void {
    if (this.route.page === 'missing') titled(WORDS[this.language].missing);
  }

  override render(): TemplateResult {
    const { page } = this.route;
    const words = WORDS[this.language];
    return html`
      <header>
        <button class="button skip" type="button" @click=${() => this.#toContent()}>${words.skip}</button>
        <a class="brand" href="/"><svg viewBox="0 0 32 32" aria-hidden="true">${MARK}</svg>seatcast</a>
        <nav aria-label=${words.main}>
          <a href="/" aria-current=${page === 'events' ? 'page' : nothing}>${words.events}</a>
          <a href="/bookings" aria-current=${page === 'bookings' ? 'page' : nothing}>${words.bookings}</a>
          <a class="account" href="/account" aria-current=${page === 'account' ? 'page' : nothing}>${this.account ?? words.signIn}</a>
          ${this.staff ? html`<a href="/desk">${words.desk}</a>` : nothing}
        </nav>
        <div class="tools">
          ${this.narrow ? nothing : this.#switcher()} ${this.#languages()}
        </div>
      </header>
      <div role="status" class="connection">
        ${this.offline ? html`<p class="offline"><strong>${words.offline}</strong> ${words.lastKnown}</p>` : nothing}
      </div>
      ${this.ended ? html`<seatcast-session-ended .account=${this.ended} .signsIn=${page !== 'account'}></seatcast-session-ended>` : nothing}
      <main tabindex="-1"><seatcast-unsent></seatcast-unsent>${this.#page()}</main>
      <footer>
        <span>${words.live}</span>
        ${this.narrow ? this.#switcher() : nothing}
        <a href="/docs">API</a>
      </footer>
    `;
  }

  /** In the demo one acts as any of its people. */
  #switcher(): TemplateResult | typeof nothing {
    return this.development && this.account === undefined ? html`<seatcast-user-switcher></seatcast-user-switcher>` : nothing;
  }

  /** Each language by its own name, for those who do not read the page's. */
  #languages(): TemplateResult {
    return html`<label class="languages">
      <svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="9" /><path d="M3 12h18M12 3c5 5.5 5 12.5 0 18-5-5.5-5-12.5 0-18" /></svg>
      <select aria-label=${WORDS[this.language].language} @change=${this.#languageChosen}>
        ${LANGUAGES.map((language) => html`<option value=${language} lang=${language} ?selected=${language === this.language}>${NAMES[language]}</option>`)}
      </select>
    </label>`;
  }

  #page(): TemplateResult {
    const { route } = this;
    const words = WORDS[this.language];
    if (this.lost) {
      return html`<div class="message" role="alert">
        <h1>${words.failed}</h1>
        <p>${words.failedMeans}</p>
        <button class="button primary" type="button" @click=${() => location.reload()}>${words.reload}</button>
      </div>`;
    }
    if (route.page === 'events') return html`<seatcast-event-list></seatcast-event-list>`;
    if (route.page === 'bookings') return html`<seatcast-bookings-page></seatcast-bookings-page>`;
    if (route.page === 'booking') return html`${keyed(route.name, html`<seatcast-booking-page name=${route.name}></seatcast-booking-page>`)}`;
    if (route.page === 'account') return html`<seatcast-account-page></seatcast-account-page>`;
    if (route.page === 'event') {
      return html`${keyed(route.id, html`<seatcast-event-page event=${route.id}></seatcast-event-page>`)}`;
    }
    return html`<div class="message">
      <h1>${words.missing}</h1>
      <p>${words.missingMeans}</p>
      <a class="button primary" href="/">${words.allEvents}</a>
    </div>`;
  }

  /** The script of a page that is not there from the beginning; the element shows itself when it has come. */
  async #load(): Promise<void> {
    const { route } = this;
    this.lost = false;
    if (!(route.page in LATER)) return;
    try {
      await LATER[route.page as keyof typeof LATER]();
    } catch {
      this.lost = this.route === route;
    }
  }

  #languageChosen({ target }: Event): void {
    chooseLanguage(liveClient(), (target as HTMLSelectElement).value as Language);
  }

  readonly #networkChanged = (): void => {
    this.offline = !navigator.onLine;
  };

  readonly #widthChanged = (): void => {
    this.narrow = this.#narrow.matches;
  };

  readonly #sessionChanged = (): void => {
    this.account = pageSession().account?.name;
  };

  /** After a link was followed: a screen reader is told of the new page. */
  async #arrive(): Promise<void> {
    await this.#load();
    await this.updateComplete;
    this.#toContent();
    // A page that is gone back to is as high as it was once its elements are drawn.
    await new Promise(requestAnimationFrame);
    scrollTo(0, placeBefore());
  }

  #toContent(): void {
    this.renderRoot.querySelector<HTMLElement>('main')?.focus({ preventScroll: true });
  }
}

customElements.define('seatcast-app', SeatcastApp);
