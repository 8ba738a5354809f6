import type { ReactiveController, ReactiveControllerHost } from 'lit';

/** Watches something while a page of the desk is shown: from its first drawing on, when it has its properties, until it goes. */
export class Watch implements ReactiveController {
  readonly #begin: () => (() => void) | undefined;
  #isDrawn = false;
  #stop: (() => void) | undefined;

  /** `begin` answers how to stop. */
  constructor(host: ReactiveControllerHost, begin: () => (() => void) | undefined) {
    this.#begin = begin;
    host.addController(this);
  }

  hostConnected(): void {
    if (this.#isDrawn) this.restart();
  }

  hostUpdated(): void {
    if (this.#isDrawn) return;
    this.#isDrawn = true;
    this.restart();
  }

  hostDisconnected(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  /** The page is about something else. */
  restart(): void {
    this.#stop?.();
    this.#stop = this.#begin();
  }
}
