/**
 * Decides how the topics' frames come. The socket is best. While it brings nothing, streams (server-sent
 * events) and polling are tried, at once and side by side; when it answers for every topic, they stop.
 */
import type { Bookings } from './bookings.ts';
import type { Connection } from './connection.ts';
import type { Links } from './links.ts';
import type { EventState } from './model.ts';
import type { SeatsState } from './seats-model.ts';
import type { Poller } from './polling.ts';
import type { Rest } from './rest.ts';
import { POLLING } from './road-bounds.ts';
import type { Streams } from './streams.ts';
import type { Subscription } from './subscription.ts';

/** Kinds of topics that there are streams for. */
const STREAMED = /^(event|seats):/;

interface Roads {
  poller: Poller;
  streams: Streams;
}

export class Fallback {
  readonly #rest: Rest;
  readonly #links: Links;
  readonly #topics: () => Subscription<unknown>[];
  readonly #own: () => string | undefined;
  /** Undefined until they are needed. */
  #roads: Roads | undefined;
  #isFetching = false;
  /** The socket does not bring every topic. */
  #isNeeded = false;
  #impatience: ReturnType<typeof setTimeout> | undefined;

  /** `topics` lists the watched topics; `own` names the one with the caller's bookings, if there is one. */
  constructor(rest: Rest, links: Links, topics: () => Subscription<unknown>[], own: () => string | undefined) {
    this.#rest = rest;
    this.#links = links;
    this.#topics = topics;
    this.#own = own;
    links.stateChanged.on((link) => this.#choose(link));
  }

  /** A topic is watched that was not. */
  added(topic: Subscription<unknown>): void {
    topic.socketAnswered.on(() => this.#answered());
    topic.nodeIsNoHelp.on(() => this.#tryAnotherNode());
    if (this.#links.all.some(({ state }) => state === 'closed')) this.#startOthers();
    this.#roads?.streams.changed();
    this.#roads?.poller.soon();
  }

  /** A topic is watched no more: perhaps the one that the socket did not answer for. */
  left(): void {
    this.#answered();
  }

  /** Something is known to have changed: polling, if it runs, does not wait for the next round. */
  soon(): void {
    this.#roads?.poller.soon();
  }

  stop(): void {
    this.#isNeeded = false;
    clearTimeout(this.#impatience);
    this.#roads?.streams.stop();
    this.#roads?.poller.stop();
  }

  #choose({ state, failures }: Connection): void {
    // Open is not enough: some proxies let nothing through. The answers to the joins decide.
    if (state === 'open') return;
    clearTimeout(this.#impatience);
    if (state === 'idle') this.#idle();
    else if (state === 'closed' || failures >= POLLING.afterFailures) this.#startOthers();
    else if (state === 'connecting') {
      // Some firewalls let handshakes, or the frames after them, hang rather than refuse them.
      this.#impatience = setTimeout(() => this.#startOthers(), POLLING.afterMs);
    }
  }

  #idle(): void {
    if (this.#links.all.every(({ state }) => state === 'idle')) this.stop();
  }

  #answered(): void {
    if (this.#topics().every(({ answered }) => answered)) this.stop();
    else this.#roads?.streams.changed();
  }

  #startOthers(): void {
    this.#isNeeded = true;
    if (this.#roads) this.#start(this.#roads);
    else void this.#fetch();
  }

  #start({ streams, poller }: Roads): void {
    streams.start();
    poller.start();
  }

  /** Where even this fails nothing gets through at all: the next failed attempt of the socket tries it again. */
  async #fetch(): Promise<void> {
    if (this.#isFetching) return;
    this.#isFetching = true;
    try {
      const roads = await import('./other-roads.ts');
      const poller = new roads.Poller(this.#rest, {
        events: () => this.#uncarried<EventState>('event:'),
        seats: () => this.#uncarried<SeatsState>('seats:'),
        bookings: () => this.#uncarried<Bookings>('user:').get(Number(this.#own()?.slice('user:'.length))),
      });
      const streamed = (): Subscription<unknown>[] => this.#topics().filter(({ topic, joined }) => STREAMED.test(topic) && !joined);
      this.#roads = { poller, streams: new roads.Streams(this.#rest, streamed, () => poller.soon()) };
      if (this.#isNeeded) this.#start(this.#roads);
    } catch {
      this.#roads = undefined;
    } finally {
      this.#isFetching = false;
    }
  }

  /** Reconnects, perhaps to another node, unless this one keeps some topic live. */
  #tryAnotherNode(): void {
    if (this.#topics().some(({ view }) => view.status === 'live')) return;
    this.#links.reset('behind');
  }

  /** The topics of one kind that neither the socket nor a stream brings, by the id in their name. */
  #uncarried<S>(prefix: string): Map<number, Subscription<S>> {
    const found = this.#topics().filter(({ topic, carried }) => topic.startsWith(prefix) && !carried);
    return new Map(found.map((one) => [Number(one.topic.slice(prefix.length)), one as unknown as Subscription<S>]));
  }
}
