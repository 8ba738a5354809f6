import { css, html, LitElement, type TemplateResult } from 'lit';
import { shared } from '../pages/shared.styles.ts';
import { focused } from '../elements/internal/focus-keeper.ts';
import { LanguageController } from '../elements/internal/language.ts';
import { WORDS } from './words.ts';

/**
 * A dialog over the page. It is there as long as its element is: the browser keeps the focus inside; afterwards it is where it
 * was before. Fires `close` when the reader wants it away; whoever shows it takes the element away then.
 *
 *     <desk-dialog heading="Cancel the event?" @close=${…}> … <div slot="actions">…</div></desk-dialog>
 */
export class DeskDialog extends LitElement {
  static override properties = { heading: {}, wide: { type: Boolean } };
  static override styles = [
    shared,
    css`
      dialog {
        width: min(calc(100vw - 2rem), 34rem);
        max-height: calc(100dvh - 2rem);
        padding: 0;
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--surface);
        box-shadow: var(--shadow);
        color: var(--ink);
        overflow: hidden;
      }
      /* Its buttons stay in sight while the content scrolls. */
      dialog[open] {
        display: grid;
        grid-template-rows: auto minmax(0, 1fr) auto;
      }
      :host([wide]) dialog {
        width: min(calc(100vw - 2rem), 60rem);
      }
      dialog::backdrop {
        background: rgb(10 8 20 / 0.55);
      }
      header {
        display: flex;
        align-items: start;
        justify-content: space-between;
        gap: 1rem;
        padding: 1.25rem 1.5rem 0;
      }
      h2 {
        font-size: 1.35rem;
      }
      header button {
        flex: none;
        width: 44px;
        min-height: 44px;
        margin-block-start: -0.5rem;
        margin-inline-end: -0.75rem;
        border: 0;
        border-radius: 50%;
        background: none;
        color: var(--ink-soft);
        font-size: 1.5rem;
        line-height: 1;
      }
      header button:hover {
        background: var(--sunken);
      }
      .content {
        display: grid;
        gap: 1rem;
        align-content: start;
        overflow: auto;
        padding: 1rem 1.5rem 1.5rem;
      }
      .content ::slotted(p) {
        margin: 0;
      }
      footer ::slotted(*) {
        display: flex;
        flex-wrap: wrap;
        justify-content: end;
        gap: 0.75rem;
        padding: 1rem 1.5rem;
        border-top: 1px solid var(--line);
      }
    `,
  ];

  declare heading: string;
  declare wide: boolean;
  readonly #language = new LanguageController(this);
  /** The button that led here. */
  #opener: HTMLElement | undefined;

  constructor() {
    super();
    this.heading = '';
    this.wide = false;
  }

  override firstUpdated(): void {
    this.#opener = focused();
    this.#dialog?.showModal();
  }

  override disconnectedCallback(): void {
    this.#dialog?.close();
    super.disconnectedCallback();
    // The browser gives the focus back only where the dialog is closed before it is gone.
    if (this.#opener?.isConnected && focused() === undefined) this.#opener.focus({ preventScroll: true });
  }

  override render(): TemplateResult {
    return html`<dialog aria-labelledby="heading" @cancel=${this.#cancelled}>
      <header>
        <h2 id="heading">${this.heading}</h2>
        <button type="button" aria-label=${WORDS[this.#language.language].close} @click=${this.#close}>×</button>
      </header>
      <div class="content" tabindex="-1"><slot></slot></div>
      <footer><slot name="actions"></slot></footer>
    </dialog>`;
  }

  get #dialog(): HTMLDialogElement | null {
    return this.renderRoot.querySelector('dialog');
  }

  /** The one who shows the dialog decides whether it ends. */
  #cancelled(event: Event): void {
    event.preventDefault();
    this.#close();
  }

  #close(): void {
    this.dispatchEvent(new Event('close'));
  }
}

customElements.define('desk-dialog', DeskDialog);
