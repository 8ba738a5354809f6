import type { ReactiveController, ReactiveControllerHost } from 'lit';
import type { EventState, EventTopic, SeatcastClient, SeatsState, SeatsTopic, TopicView } from '../../sdk/index.ts';
import { sharedClient } from './shared-client.ts';

type StateOf<T> = T extends EventTopic ? EventState : SeatsState;
/** Elements may be given a client of their own; otherwise they share the page's. */
export type Host = ReactiveControllerHost & { client?: SeatcastClient | undefined };

const NOTHING = { state: undefined, revision: 0, status: 'connecting', refused: undefined, counted: undefined } as const;

/**
 * The seam between SDK and DOM: watches one topic while its element is on the page, and asks for
 * an update whenever the topic changes. The element says which topic; undefined means none.
 */
export class TopicController<T extends EventTopic | SeatsTopic> implements ReactiveController {
  readonly #host: Host;
  readonly #topic: () => T | undefined;
  readonly #changed: ((view: TopicView<StateOf<T>>) => void) | undefined;
  #watching: { client: SeatcastClient; topic: T } | undefined;
  #stop: (() => void) | undefined;
  #view: TopicView<StateOf<T>> = NOTHING;

  /** `changed` is called before the element renders what changed. */
  constructor(host: Host, topic: () => T | undefined, changed?: (view: TopicView<StateOf<T>>) => void) {
    this.#host = host;
    this.#topic = topic;
    this.#changed = changed;
    host.addController(this);
  }

  get client(): SeatcastClient {
    return this.#host.client ?? sharedClient();
  }

  get view(): TopicView<StateOf<T>> {
    return this.#view;
  }

  hostConnected(): void {
    this.#watch();
  }

  /** The element's topic may have changed with its attributes. */
  hostUpdate(): void {
    this.#watch();
  }

  hostDisconnected(): void {
    this.#release();
  }

  #watch(): void {
    const topic = this.#topic();
    if (topic === this.#watching?.topic && (topic === undefined || this.client === this.#watching?.client)) return;
    this.#release();
    if (topic === undefined) return;
    this.#watching = { client: this.client, topic };
    this.#stop = this.client.watch(topic, (view) => {
      this.#view = view;
      this.#changed?.(view);
      this.#host.requestUpdate();
    });
  }

  #release(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#watching = undefined;
    this.#view = NOTHING;
  }
}
