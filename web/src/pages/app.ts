import { css, html, LitElement, nothing, svg, type TemplateResult } from 'lit';
import { keyed } from 'lit/directives/keyed.js';
import { followLinks, routeOf, type Route } from './router.ts';
import { shared } from './shared.styles.ts';
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
  static override properties = { route: { state: true } };
  static override styles = [
    shared,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 100vh;
        min-height: 100dvh;
      }
      .skip {
        position: absolute;
        left: 1rem;
        top: -4rem;
        z-index: 2;
      }
      .skip:focus {
        top: 1rem;
      }
      header,
      main,
      footer {
        width: 100%;
        max-width: 1180px;
        margin: 0 auto;
        padding-inline: clamp(1rem, 4vw, 2rem);
      }
      header {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.6rem clamp(1rem, 3vw, 2rem);
        padding-block: 1.1rem;
      }
      .brand {
        display: inline-flex;
        align-items: center;
        gap: 0.55rem;
        font-family: var(--display);
        font-size: 1.35rem;
        font-weight: 780;
        letter-spacing: -0.03em;
        text-decoration: none;
      }
      .brand svg {
        width: 2rem;
        height: 2rem;
      }
      .body {
        fill: var(--accent);
      }
      .wave {
        fill: none;
        stroke: var(--on-accent);
        stroke-width: 2.4;
        stroke-linecap: round;
      }
      .core {
        fill: var(--on-accent);
      }
      nav {
        display: flex;
        gap: 0.25rem;
      }
      nav a {
        padding: 0.45rem 0.8rem;
        border-radius: 99px;
        color: var(--ink-soft);
        font-weight: 550;
        text-decoration: none;
      }
      nav a:hover {
        background: var(--sunken);
      }
      nav a[aria-current] {
        background: var(--sunken);
        color: var(--ink);
      }
      seatcast-user-switcher {
        margin-left: auto;
      }
      main:focus {
        outline: none;
      }
      main {
        flex: 1;
        padding-block: clamp(0.75rem, 2.5vw, 1.75rem) 4rem;
      }
      footer {
        display: flex;
        flex-wrap: wrap;
        gap: 0.4rem 1.5rem;
        padding-block: 1.5rem;
        border-top: 1px solid var(--line);
        color: var(--ink-soft);
        font-size: 0.875rem;
      }
      footer span {
        flex: 1 1 18rem;
      }
      @media (max-width: 560px) {
        nav {
          order: 3;
          width: 100%;
        }
      }
    `,
  ];

  declare route: Route;

  constructor() {
    super();
    this.route = routeOf(location.pathname);
    followLinks(this, (route) => {
      this.route = route;
      void this.#arrive();
    });
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
        </nav>
        <seatcast-user-switcher></seatcast-user-switcher>
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
    if (route.page === 'event') {
      return html`${keyed(route.id, html`<seatcast-event-page event=${route.id}></seatcast-event-page>`)}`;
    }
    return html`<div class="message">
      <h1>There is nothing here</h1>
      <p>This page does not exist, or not any more.</p>
      <a class="button primary" href="/">See all events</a>
    </div>`;
  }

  /** After a link was followed: who uses a screen reader is told where he is. */
  async #arrive(): Promise<void> {
    await this.updateComplete;
    this.#toContent();
  }

  #toContent(): void {
    this.renderRoot.querySelector<HTMLElement>('main')?.focus({ preventScroll: true });
  }
}

customElements.define('seatcast-app', SeatcastApp);
