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

  constructor(host: Host) {
    this.#host = host;
    host.addController(this);
  }

  hostUpdate(): void {
    const element = focusedIn(this.#host.shadowRoot);
    this.#before = element ? { element, around: [...ancestorsOf(element), this.#host] } : undefined;
  }

  hostUpdated(): void {
    if (this.#before) this.#lost = this.#before;
    if (!this.#lost) return;
    const { element, around } = this.#lost;
    const isThere = element.isConnected;
    // Browsers take the focus from a disabled element a moment later.
    if (isThere && element.matches(':disabled')) return;
    this.#lost = undefined;
    if (!isNowhere()) return;
    if (isThere) return element.focus({ preventScroll: true });
    const place = around.find((one) => one.isConnected);
    if (!place) return;
    if (!place.hasAttribute('tabindex')) place.tabIndex = -1;
    place.focus({ preventScroll: true });
  }
}

/** The element of a tree that has the focus, or that it is in. */
function focusedIn(tree: ShadowRoot | null): HTMLElement | undefined {
  let one = document.activeElement;
  while (one && one.getRootNode() !== tree) one = one.shadowRoot?.activeElement ?? null;
  return one instanceof HTMLElement ? one : undefined;
}

function* ancestorsOf(element: HTMLElement): Generator<HTMLElement> {
  for (let one = element.parentElement; one; one = one.parentElement) yield one;
}

/** The focus is on nothing that one could have chosen. */
function isNowhere(): boolean {
  const { activeElement: active, body, documentElement: root } = document;
  return active === null || active === body || active === root;
}
