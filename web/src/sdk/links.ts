/**
 * The connections of one client. The server lets each have so many topics; a page with more cards than that gets further
 * connections, so that all of its cards are live.
 */
import type { Connection } from './connection.ts';
import { Emitter } from './emitter.ts';

/** Topics that the server lets one connection have (`SOCKET_JOINS_MAX` in src/config/inside.rs). */
export const JOINS_MAX = 100;

export class Links {
  /** One of them is in another state. */
  readonly stateChanged = new Emitter<Connection>();
  readonly #make: () => Connection;
  readonly #all: Connection[] = [];

  constructor(make: () => Connection) {
    this.#make = make;
    this.#another();
  }

  get all(): readonly Connection[] {
    return this.#all;
  }

  /** The first one that has room for another topic. */
  withRoom(): Connection {
    return this.#all.find(({ topics }) => topics < JOINS_MAX) ?? this.#another();
  }

  nudge(): void {
    for (const link of this.#all) link.nudge();
  }

  /** Gives up those that are open: others may lead to another node. */
  reset(reason: string): void {
    for (const link of this.#all) link.reset(reason);
  }

  close(): void {
    for (const link of this.#all) link.close();
  }

  #another(): Connection {
    const link = this.#make();
    link.stateChanged.on(() => this.stateChanged.emit(link));
    this.#all.push(link);
    return link;
  }
}
