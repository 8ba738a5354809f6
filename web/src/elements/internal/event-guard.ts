import type { ReactiveController, ReactiveControllerHost } from 'lit';

/** Frameworks set properties a moment after the element is there, and data may still be on its way. */
const PATIENCE_MS = 1_000;

type Host = ReactiveControllerHost & Element & { event: number | undefined };

/** Tells the author of a page, in the console and by `isNameless`, that an element's `event` names none. */
export class EventGuard implements ReactiveController {
  readonly #host: Host;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** There is no number in `event`, and there was time enough to set one. */
  isNameless = false;

  constructor(host: Host) {
    this.#host = host;
    host.addController(this);
  }

  hostConnected(): void {
    this.hostUpdate();
  }

  hostUpdate(): void {
    if (isEvent(this.#host.event)) {
      this.hostDisconnected();
      this.isNameless = false;
    } else if (!this.isNameless) {
      this.#timer ??= setTimeout(() => this.#tell(), PATIENCE_MS);
    }
  }

  hostDisconnected(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #tell(): void {
    this.#timer = undefined;
    this.isNameless = true;
    this.warn('event has to be the number of an event');
    this.#host.requestUpdate();
  }

  warn(words: string): void {
    console.warn(`<${this.#host.localName}>: ${words}`, this.#host);
  }
}

export function isEvent(event: number | undefined): event is number {
  return Number.isSafeInteger(event) && Number(event) > 0;
}
