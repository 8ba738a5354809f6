import type { ReactiveController, ReactiveControllerHost } from 'lit';

type Host = ReactiveControllerHost & HTMLElement;

/** An element that the focus was on, and what it is in, from the inside. */
interface Held {
  element: HTMLElement;
  around: readonly HTMLElement[];
}

/**
 * Keeps the place of those who use the keyboard while the host is drawn anew. A button that is out of use while it works gets
 * the focus back afterwards; where what had the focus is gone, what was around it has it. A place that somebody has chosen
 * meanwhile stays theirs.
 */
export class FocusKeeper implements ReactiveController {
  readonly #host: Host;
  #before: Held | undefined;
  #lost: Held | undefined;
  /** A button that was out of use while something else, as a dialog, took the focus. */
  #behind: HTMLElement | undefined;

  constructor(host: Host) {
    this.#host = host;
    host.addController(this);
  }

  hostUpdate(): void {
    const element = focusedIn(this.#host.shadowRoot);
    this.#before = element ? { element, around: [...ancestorsOf(element)] } : undefined;
  }

  hostUpdated(): void {
    this.#remember();
    if (!this.#lost) return;
    const { element, around } = this.#lost;
    const isThere = element.isConnected;
    // Browsers take the focus from a disabled element a moment later.
    if (isThere && element.matches(':disabled')) return;
    this.#lost = undefined;
    if (focused()) return;
    if (isThere) return element.focus({ preventScroll: true });
    const place = [...(this.#behind ? [this.#behind] : []), ...around].find(canHaveFocus);
    this.#behind = undefined;
    if (!place) return;
    if (!place.hasAttribute('tabindex')) {
      // It may be the page's own: it is as it was when the focus goes on.
      place.tabIndex = -1;
      place.addEventListener('blur', () => place.removeAttribute('tabindex'), { once: true });
    }
    place.focus({ preventScroll: true });
  }

  #remember(): void {
    if (!this.#before) return;
    if (this.#lost && this.#lost.element !== this.#before.element) this.#behind = this.#lost.element;
    this.#lost = this.#before;
  }
}

/** The element of a tree that has the focus, or that it is in. */
function focusedIn(tree: ShadowRoot | null): HTMLElement | undefined {
  let one = document.activeElement;
  while (one && one.getRootNode() !== tree) one = one.shadowRoot?.activeElement ?? null;
  return one instanceof HTMLElement ? one : undefined;
}

/** Also those outside of the tree: the host may be hidden when it has nothing to show. */
function* ancestorsOf(element: HTMLElement): Generator<HTMLElement> {
  for (let one = outerOf(element); one && one !== document.body; one = outerOf(one)) yield one;
}

function outerOf(element: HTMLElement): HTMLElement | null {
  const root = element.getRootNode();
  return element.parentElement ?? (root instanceof ShadowRoot ? (root.host as HTMLElement) : null);
}

function canHaveFocus(element: HTMLElement): boolean {
  return element.isConnected && !element.matches(':disabled') && element.checkVisibility();
}

/** The innermost element that has the focus; undefined: it is on nothing that one could have chosen. */
export function focused(): HTMLElement | undefined {
  let one = document.activeElement;
  while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
  return one instanceof HTMLElement && one !== document.body && one !== document.documentElement ? one : undefined;
}
