/** A navigation that is folded behind a button where the screen is narrow, so that the page's content begins on the first screen. */
import { css, html, type ReactiveController, type ReactiveControllerHost, type TemplateResult } from 'lit';

export class Fold implements ReactiveController {
  readonly #host: ReactiveControllerHost & HTMLElement;
  #isOpen = false;

  constructor(host: ReactiveControllerHost & HTMLElement) {
    this.#host = host;
    host.addController(this);
  }

  hostConnected(): void {
    this.#host.addEventListener('keydown', this.#keyed);
  }

  hostDisconnected(): void {
    this.#host.removeEventListener('keydown', this.#keyed);
  }

  /** Class of what is folded. */
  get look(): string {
    return this.#isOpen ? 'folds open' : 'folds';
  }

  /** `folded`: ids of what it opens. */
  button(content: TemplateResult | string, folded: string): TemplateResult {
    return html`<button class="button small fold" type="button" aria-expanded=${this.#isOpen} aria-controls=${folded} @click=${() => this.#set(!this.#isOpen)}>
      <span>${content}</span> <svg viewBox="0 0 20 20" aria-hidden="true"><path d="m5 7.5 5 5 5-5" /></svg>
    </button>`;
  }

  close(): void {
    this.#set(false);
  }

  #set(isOpen: boolean): void {
    if (isOpen === this.#isOpen) return;
    this.#isOpen = isOpen;
    this.#host.requestUpdate();
  }

  /** Escape folds it again, with the keyboard back at its button. */
  readonly #keyed = (event: KeyboardEvent): void => {
    const [at] = event.composedPath();
    const button = this.#host.shadowRoot?.querySelector<HTMLElement>('.fold');
    const isInside = at instanceof Element && (at === button || at.closest('.folds') !== null) && at.getRootNode() === this.#host.shadowRoot;
    if (event.key !== 'Escape' || !this.#isOpen || !isInside) return;
    this.close();
    button?.focus();
  };
}

export const fold = css`
  .fold {
    display: none;
  }
  .fold svg {
    width: 1rem;
    height: 1rem;
    fill: none;
    stroke: currentColor;
    stroke-linecap: round;
    stroke-width: 2;
  }
  .fold[aria-expanded='true'] svg {
    transform: rotate(180deg);
  }
  @media (max-width: 860px) {
    .button.fold {
      display: inline-flex;
      align-items: center;
      gap: 0.4rem;
      min-height: 44px;
    }
    .folds:not(.open) {
      display: none;
    }
  }
`;
