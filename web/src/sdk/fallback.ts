/**
 * Decides how the topics' frames come. The socket is best. While it brings nothing, streams (server-sent
 * events) and polling are tried, at once and side by side; when it answers for every topic, they stop.
 */
import type { Bookings } from './bookings.ts';
import type { Connection } from './connection.ts';
import type { EventState, SeatsState } from './model.ts';
import { Poller, POLLING } from './polling.ts';
import type { Rest } from './rest.ts';
import { Streams } from './streams.ts';
import type { Subscription } from './subscription.ts';

/** Kinds of topics that there are streams for. */
const STREAMED = /^(event|seats):/;

export class Fallback {
  readonly #connection: Connection;
  readonly #topics: () => Subscription<unknown>[];
  readonly #poller: Poller;
  readonly #streams: Streams;
  #impatience: ReturnType<typeof setTimeout> | undefined;

  /** `topics` lists the watched topics; `own` names the one with the caller's bookings, if there is one. */
  constructor(rest: Rest, connection: Connection, topics: () => Subscription<unknown>[], own: () => string | undefined) {
    this.#connection = connection;
    this.#topics = topics;
    this.#poller = new Poller(rest, {
      events: () => this.#uncarried<EventState>('event:'),
      seats: () => this.#uncarried<SeatsState>('seats:'),
      bookings: () => this.#uncarried<Bookings>('user:').get(Number(own()?.slice('user:'.length))),
    });
    this.#streams = new Streams(
      rest,
      () => topics().filter(({ topic, joined }) => STREAMED.test(topic) && !joined),
      () => this.#poller.soon(),
    );
    connection.stateChanged.on(() => this.#choose());
  }

  /** A topic is watched that was not. */
  added(topic: Subscription<unknown>): void {
    topic.socketAnswered.on(() => this.#answered());
    topic.nodeIsNoHelp.on(() => this.#tryAnotherNode());
    if (this.#connection.state === 'closed') this.#startOthers();
    this.#streams.changed();
    this.#poller.soon();
  }

  /** A topic is watched no more: perhaps the one that the socket did not answer for. */
  left(): void {
    this.#answered();
  }

  /** Something is known to have changed: polling, if it runs, does not wait for the next round. */
  soon(): void {
    this.#poller.soon();
  }

  stop(): void {
    clearTimeout(this.#impatience);
    this.#streams.stop();
    this.#poller.stop();
  }

  #choose(): void {
    const { state, failures } = this.#connection;
    // Open is not enough: some proxies let nothing through. The answers to the joins decide.
    if (state === 'open') return;
    clearTimeout(this.#impatience);
    if (state === 'idle') this.stop();
    else if (state === 'closed' || failures >= POLLING.afterFailures) this.#startOthers();
    else if (state === 'connecting') {
      // Some firewalls let handshakes, or the frames after them, hang rather than refuse them.
      this.#impatience = setTimeout(() => this.#startOthers(), POLLING.afterMs);
    }
  }

  #answered(): void {
    if (this.#topics().every(({ answered }) => answered)) this.stop();
    else this.#streams.changed();
  }

  #startOthers(): void {
    this.#streams.start();
    this.#poller.start();
  }

  /** Reconnects, perhaps to another node, unless this one keeps some topic live. */
  #tryAnotherNode(): void {
    if (this.#topics().some(({ view }) => view.status === 'live')) return;
    this.#connection.reset('another node may know more');
  }

  /** The topics of one kind that neither the socket nor a stream brings, by the id in their name. */
  #uncarried<S>(prefix: string): Map<number, Subscription<S>> {
    const found = this.#topics().filter(({ topic, carried }) => topic.startsWith(prefix) && !carried);
    return new Map(found.map((one) => [Number(one.topic.slice(prefix.length)), one as unknown as Subscription<S>]));
  }
}
