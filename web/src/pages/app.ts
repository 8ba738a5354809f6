import { html, LitElement, nothing, svg, type TemplateResult } from 'lit';
import { keyed } from 'lit/directives/keyed.js';
import { followLinks, placeBefore, routeOf, type Route } from './router.ts';
import { pageSession } from './session.ts';
import { styles } from './app.styles.ts';
import './account-page.ts';
import './bookings-page.ts';
import './event-list.ts';
import './event-page.ts';
import './user-switcher.ts';

const MARK = svg`
  <path class="body" d="M4 8a3 3 0 0 1 3-3h18a3 3 0 0 1 3 3v4.5a3.5 3.5 0 0 0 0 7V24a3 3 0 0 1-3 3H7a3 3 0 0 1-3-3v-4.5a3.5 3.5 0 0 0 0-7z"/>
  <path class="wave" d="M11.5 11.8a6 6 0 0 0 0 8.4m9 0a6 6 0 0 0 0-8.4"/>
  <circle class="core" cx="16" cy="16" r="2.3"/>`;

/** The frame around the pages: header, the page of the route, footer. */
export class SeatcastApp extends LitElement {
  static override properties = { route: { state: true }, account: { state: true } };
  static override styles = styles;

  declare route: Route;
  /** The name of the account that is signed in. */
  declare account: string | undefined;

  constructor() {
    super();
    this.route = routeOf(location.pathname);
    followLinks(this, (route) => {
      this.route = route;
      void this.#arrive();
    });
  }

  override connectedCallback(): void {
    super.connectedCallback();
    pageSession().addEventListener('change', this.#sessionChanged);
    this.#sessionChanged();
  }

  override disconnectedCallback(): void {
    pageSession().removeEventListener('change', this.#sessionChanged);
    super.disconnectedCallback();
  }

  override render(): TemplateResult {
    const { page } = this.route;
    return html`
      <header>
        <button class="button skip" type="button" @click=${() => this.#toContent()}>Skip to content</button>
        <a class="brand" href="/"><svg viewBox="0 0 32 32" aria-hidden="true">${MARK}</svg>seatcast</a>
        <nav aria-label="Main">
          <a href="/" aria-current=${page === 'events' ? 'page' : nothing}>Events</a>
          <a href="/bookings" aria-current=${page === 'bookings' ? 'page' : nothing}>My bookings</a>
          <a href="/account" aria-current=${page === 'account' ? 'page' : nothing}>${this.account ?? 'Sign in'}</a>
        </nav>
        ${this.account === undefined ? html`<seatcast-user-switcher></seatcast-user-switcher>` : nothing}
      </header>
      <main tabindex="-1">${this.#page()}</main>
      <footer>
        <span>Every number on this page is live, and says so when it is not.</span>
        <a href="/docs">API</a>
      </footer>
    `;
  }

  #page(): TemplateResult {
    const { route } = this;
    if (route.page === 'events') return html`<seatcast-event-list></seatcast-event-list>`;
    if (route.page === 'bookings') return html`<seatcast-bookings-page></seatcast-bookings-page>`;
    if (route.page === 'account') return html`<seatcast-account-page></seatcast-account-page>`;
    if (route.page === 'event') {
      return html`${keyed(route.id, html`<seatcast-event-page event=${route.id}></seatcast-event-page>`)}`;
    }
    return html`<div class="message">
      <h1>There is nothing here</h1>
      <p>This page does not exist, or not any more.</p>
      <a class="button primary" href="/">See all events</a>
    </div>`;
  }

  readonly #sessionChanged = (): void => {
    this.account = pageSession().account?.name;
  };

  /** After a link was followed: a screen reader is told of the new page. */
  async #arrive(): Promise<void> {
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
