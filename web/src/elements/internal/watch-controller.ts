import type { ReactiveController, ReactiveControllerHost } from 'lit';
import type { BuyerClient } from '../../sdk/buyer-client.ts';
import type { LiveClient, StateOf, Topic, TopicView } from '../../sdk/index.ts';
import { liveClient } from './shared-client.ts';

/** Elements may be given a client of their own; otherwise they share the page's. */
export type Host<C extends LiveClient> = ReactiveControllerHost & { client?: C | undefined; readonly hasUpdated?: boolean };

/** The thing that a controller watches. */
interface Subject<K, V, C> {
  /** Its name; undefined: nothing is watched at the moment. */
  key(): K | undefined;
  watch(client: C, key: K, listener: (view: V) => void): () => void;
  /** The view while nothing is watched. */
  nothing: V;
}

/**
 * The seam between SDK and DOM: watches one thing while its element is on the page, and asks for an update
 * whenever it changes. `changed` is called before the element renders.
 */
export class WatchController<K, V, C extends LiveClient> implements ReactiveController {
  readonly #host: Host<C>;
  readonly #subject: Subject<K, V, C>;
  readonly #changed: ((view: V) => void) | undefined;
  #isOnPage = false;
  #watching: { client: C; key: K } | undefined;
  #stop: (() => void) | undefined;
  #view: V;

  constructor(host: Host<C>, subject: Subject<K, V, C>, changed?: (view: V) => void) {
    this.#host = host;
    this.#subject = subject;
    this.#changed = changed;
    this.#view = subject.nothing;
    host.addController(this);
  }

  get client(): C {
    // Elements that need more than a `LiveClient` bring `full-client.ts`, which sees to it.
    return this.#host.client ?? (liveClient() as C);
  }

  get view(): V {
    return this.#view;
  }

  hostConnected(): void {
    this.#isOnPage = true;
    // An element may be there before its script has run to the end, which may give the page another client.
    if (this.#host.hasUpdated === false) queueMicrotask(() => this.#look());
    else this.#watch();
  }

  /** Another attribute of the element may mean another thing to watch. */
  hostUpdate(): void {
    if (this.#host.hasUpdated !== false) this.#look();
  }

  hostDisconnected(): void {
    this.#isOnPage = false;
    this.#release();
  }

  #look(): void {
    if (this.#isOnPage) this.#watch();
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
export class TopicController<T extends Topic, C extends LiveClient = BuyerClient> extends WatchController<T, TopicView<StateOf<T>>, C> {
  constructor(host: Host<C>, topic: () => T | undefined, changed?: (view: TopicView<StateOf<T>>) => void) {
    const nothing = { state: undefined, revision: 0, status: 'connecting', refused: undefined, counted: undefined } as const;
    super(host, { key: topic, watch: (client, key, listener) => client.watch(key, listener), nothing }, changed);
  }
}
