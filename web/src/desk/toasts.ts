import { css, html, LitElement, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { LanguageController } from '../elements/internal/language.ts';
import type { Said } from './said.ts';
import { saved } from './unsaved.ts';
import { tokens } from '../elements/internal/tokens.ts';

interface Toast {
  id: number;
  said: Said;
  isFault: boolean;
}

/** A word about what went well is read at a glance; a fault wants more time, and may be put away. */
const SHOWN_MS = { done: 5_000, fault: 15_000 };
const TOASTS_MAX = 4;

const said = new EventTarget();
let toasts: readonly Toast[] = [];
let last = 0;

/** Says in the corner that something is done: the form that asked for it is saved. */
export function say(words: Said): void {
  saved();
  put(words, false);
}

/** Says in the corner that something did not work. */
export function complain(words: Said): void {
  put(words, true);
}

function put(words: Said, isFault: boolean): void {
  const toast = { id: ++last, said: words, isFault };
  // The same word again takes the place of the one before.
  toasts = [...toasts.filter((one) => one.said('en') !== words('en')), toast].slice(-TOASTS_MAX);
  said.dispatchEvent(new Event('change'));
  setTimeout(() => putAway(toast.id), isFault ? SHOWN_MS.fault : SHOWN_MS.done);
}

function putAway(id: number): void {
  toasts = toasts.filter((toast) => toast.id !== id);
  said.dispatchEvent(new Event('change'));
}

/** The corner in which short words appear, and go away by themselves. */
export class DeskToasts extends LitElement {
  static override styles = [
    tokens,
    css`
      :host {
        position: fixed;
        inset-block-end: 1rem;
        inset-inline: 1rem;
        z-index: 5;
        display: grid;
        justify-items: center;
        pointer-events: none;
      }
      div {
        display: grid;
        gap: 0.5rem;
        max-width: 34rem;
      }
      button {
        padding: 0.7rem 1.1rem;
        border: 1px solid var(--line);
        border-inline-start: 4px solid var(--green);
        border-radius: var(--radius-small);
        background: var(--surface);
        box-shadow: var(--shadow);
        color: var(--ink);
        cursor: pointer;
        font: inherit;
        font-size: 0.9375rem;
        overflow-wrap: anywhere;
        pointer-events: auto;
        text-align: start;
        animation: rise 160ms ease-out;
      }
      .fault {
        border-inline-start-color: var(--red);
      }
      @keyframes rise {
        from {
          transform: translateY(0.5rem);
          opacity: 0;
        }
      }
    `,
  ];

  readonly #language = new LanguageController(this);

  override connectedCallback(): void {
    super.connectedCallback();
    said.addEventListener('change', this.#changed);
  }

  override disconnectedCallback(): void {
    said.removeEventListener('change', this.#changed);
    super.disconnectedCallback();
  }

  override render(): TemplateResult {
    return html`<div role="status">
      ${repeat(
        toasts,
        ({ id }) => id,
        ({ id, said: words, isFault }) => html`<button type="button" class=${isFault ? 'fault' : ''} @click=${() => putAway(id)}>${words(this.#language.language)}</button>`,
      )}
    </div>`;
  }

  readonly #changed = (): void => this.requestUpdate();
}

customElements.define('desk-toasts', DeskToasts);
