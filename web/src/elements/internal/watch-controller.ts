import type { ReactiveController, ReactiveControllerHost } from 'lit';
import type { BookingsView, SeatcastClient, StateOf, Topic, TopicView } from '../../sdk/index.ts';
import { sharedClient } from './shared-client.ts';

/** Elements may be given a client of their own; otherwise they share the page's. */
export type Host = ReactiveControllerHost & { client?: SeatcastClient | undefined };

/** The thing that a controller watches. */
interface Subject<K, V> {
  /** Its name; undefined: nothing is watched at the moment. */
  key(): K | undefined;
  watch(client: SeatcastClient, key: K, listener: (view: V) => void): () => void;
  /** The view while nothing is watched. */
  nothing: V;
}

/**
 * The seam between SDK and DOM: watches one thing while its element is on the page, and asks for an update
 * whenever it changes. `changed` is called before the element renders.
 */
class WatchController<K, V> implements ReactiveController {
  readonly #host: Host;
  readonly #subject: Subject<K, V>;
  readonly #changed: ((view: V) => void) | undefined;
  #watching: { client: SeatcastClient; key: K } | undefined;
  #stop: (() => void) | undefined;
  #view: V;

  constructor(host: Host, subject: Subject<K, V>, changed?: (view: V) => void) {
    this.#host = host;
    this.#subject = subject;
    this.#changed = changed;
    this.#view = subject.nothing;
    host.addController(this);
  }

  get client(): SeatcastClient {
    return this.#host.client ?? sharedClient();
  }

  get view(): V {
    return this.#view;
  }

  hostConnected(): void {
    this.#watch();
  }

  /** Another attribute of the element may mean another thing to watch. */
  hostUpdate(): void {
    this.#watch();
  }

  hostDisconnected(): void {
    this.#release();
  }

  #watch(): void {
    const key = this.#subject.key();
    if (key === this.#watching?.key && (key === undefined || this.client === this.#watching?.client)) return;
    this.#release();
    if (key === undefined) return;
    this.#watching = { client: this.client, key };
    this.#stop = this.#subject.watch(this.client, key, (view) => {
      this.#view = view;
      this.#changed?.(view);
      this.#host.requestUpdate();
    });
  }

  #release(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#watching = undefined;
    this.#view = this.#subject.nothing;
  }
}

/** Watches the topic that the element names; undefined means none. */
export class TopicController<T extends Topic> extends WatchController<T, TopicView<StateOf<T>>> {
  constructor(host: Host, topic: () => T | undefined, changed?: (view: TopicView<StateOf<T>>) => void) {
    const nothing = { state: undefined, revision: 0, status: 'connecting', refused: undefined, counted: undefined } as const;
    super(host, { key: topic, watch: (client, key, listener) => client.watch(key, listener), nothing }, changed);
  }
}

/** Watches the caller's own bookings. */
export class BookingsController extends WatchController<true, BookingsView> {
  constructor(host: Host, changed?: (view: BookingsView) => void) {
    const nothing = { bookings: undefined, status: 'connecting', account: false, problem: undefined } as const;
    super(host, { key: () => true, watch: (client, _, listener) => client.watchBookings(listener), nothing }, changed);
  }
}
