import { css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { notes } from '../../elements/internal/controls.ts';
import { sharedClient } from '../../elements/internal/full-client.ts';
import { explain } from '../../elements/internal/refusals.ts';
import { storageOfPage } from '../../sdk/page.ts';
import type { PushNote, PushWish } from '../../sdk/index.ts';
import { PageElement } from '../page-element.ts';
import { shared } from '../shared.styles.ts';
import { canNotify, NotAllowed, NotifiedBrowser } from './browser.ts';
import { WORDS } from './notify-me.words.ts';

/** One for all of the page: they share the server's key. */
let browser: NotifiedBrowser | undefined;
const notified = (): NotifiedBrowser => (browser ??= new NotifiedBrowser(sharedClient(), storageOfPage()));

/**
 * Has this browser told of something, also while the shop is closed, and takes that back. Shows nothing where browser or server
 * cannot do so, and what to do where notifications are blocked.
 */
export class NotifyMe extends PageElement {
  static override styles = [
    shared,
    notes,
    css`
      :host {
        display: block;
      }
      div {
        display: grid;
        gap: 0.5rem;
        justify-items: start;
      }
      p {
        margin: 0;
        color: var(--ink-soft);
        font-size: 0.9375rem;
      }
      .button svg {
        flex: none;
        width: 1.1rem;
        height: 1.1rem;
        fill: none;
        stroke: currentColor;
        stroke-width: 2;
        stroke-linecap: round;
        stroke-linejoin: round;
      }
    `,
  ];
  static override properties = {
    wish: { attribute: false },
    name: {},
    note: { state: true },
    permission: { state: true },
    busy: { state: true },
    problem: { state: true },
    said: { state: true },
  };

  declare wish: PushWish | undefined;
  /** The ticket type's, where it is one of several. */
  declare name: string | undefined;
  /** The browser's subscription; null: none to this, undefined: not known. */
  declare note: PushNote | null | undefined;
  declare permission: NotificationPermission;
  declare busy: boolean;
  declare problem: string | undefined;
  /** News for users of screen readers. */
  declare said: string | undefined;

  /** The wish that is being read. */
  #about = '';

  constructor() {
    super();
    this.busy = false;
    this.permission = canNotify() ? Notification.permission : 'denied';
  }

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener('visibilitychange', this.#lookAgain);
  }

  override disconnectedCallback(): void {
    document.removeEventListener('visibilitychange', this.#lookAgain);
    super.disconnectedCallback();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const about = JSON.stringify(this.wish ?? null);
    if (!changed.has('wish') || about === this.#about) return;
    this.#about = about;
    this.note = undefined;
    this.problem = undefined;
    void this.#look();
  }

  override render(): TemplateResult {
    return html`<span class="visually-hidden" role="status">${this.said ?? nothing}</span>${this.#content()}`;
  }

  #content(): TemplateResult | typeof nothing {
    const { wish, note } = this;
    const words = WORDS[this.language];
    if (!wish || note === undefined) return nothing;
    if (this.permission === 'denied') return html`<p>${words.blocked}</p>`;
    return html`<div>
      ${note
        ? html`<p>${words.on[wish.kind](this.name)}</p>
            <button class="button small" type="button" ?disabled=${this.busy} @click=${() => this.#end(note)}>${words.off}</button>`
        : html`<button class="button" type="button" ?disabled=${this.busy} @click=${() => this.#ask(wish)}>
            <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6 10a6 6 0 0 1 12 0c0 5 2 6 2 6H4s2-1 2-6M10 20h4" /></svg>${words.ask[wish.kind](this.name)}
          </button>`}
      <p class="problem" role="alert">${this.problem ?? nothing}</p>
    </div>`;
  }

  /** It may have been told, or asked for in another tab; and notifications may have been allowed meanwhile. */
  readonly #lookAgain = (): void => {
    if (document.visibilityState === 'visible') void this.#look();
  };

  async #look(): Promise<void> {
    const { wish } = this;
    if (!wish || !canNotify() || this.busy) return;
    this.permission = Notification.permission;
    const about = this.#about;
    try {
      const all = await notified().notes();
      if (about === this.#about && !this.busy) this.note = all.find((note) => isOf(wish, note)) ?? null;
    } catch {
      // The server sends none, or is away: nothing is promised.
    }
  }

  #ask(wish: PushWish): Promise<void> {
    return this.#do(async () => {
      this.note = await notified().ask(wish);
      return WORDS[this.language].asked;
    });
  }

  #end(note: PushNote): Promise<void> {
    return this.#do(async () => {
      await notified().end(note);
      this.note = null;
      return WORDS[this.language].ended;
    });
  }

  async #do(act: () => Promise<string>): Promise<void> {
    this.busy = true;
    this.problem = undefined;
    try {
      this.said = await act();
    } catch (error) {
      // A question that was closed may be asked again; one that was answered with no is explained.
      if (!(error instanceof NotAllowed)) this.problem = explain(this.language, error);
    } finally {
      this.busy = false;
      await this.#look();
    }
  }
}

function isOf(wish: PushWish, note: PushNote): boolean {
  if (wish.kind !== note.kind) return false;
  if (wish.kind === 'hold_ends') return wish.booking_id === note.booking_id;
  const type = wish.kind === 'tickets_back' ? (wish.ticket_type_id ?? null) : null;
  return wish.event_id === note.event_id && type === note.ticket_type_id;
}

customElements.define('seatcast-notify-me', NotifyMe);
