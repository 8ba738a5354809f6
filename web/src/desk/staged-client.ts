/**
 * A client that shows what it is told to, not what the server says: an event as it would be, or as it was. The shop's own
 * elements draw it, so that a preview is what buyers see. It sends nothing.
 */
import { SeatcastClient, type EventState, type SeatMapGeometry, type SeatsState, type StateOf, type Topic, type TopicView } from '../sdk/index.ts';

export interface Stage {
  event?: EventState;
  seats?: SeatsState;
  /** Milliseconds since 1970; without it the server's time. */
  now?: number;
}

type Listener = (view: TopicView<unknown>) => void;

export class StagedClient extends SeatcastClient {
  readonly #clock: () => number;
  readonly #listeners = new Map<string, Set<Listener>>();
  #stage: Stage = {};
  #geometry: SeatMapGeometry | undefined;
  #revision = 0;

  constructor(clock: () => number) {
    super({ url: location.origin });
    this.#clock = clock;
  }

  show(stage: Stage, geometry?: SeatMapGeometry): void {
    this.#stage = stage;
    this.#geometry = geometry ?? this.#geometry;
    this.#revision += 1;
    for (const [topic, listeners] of this.#listeners) for (const listener of listeners) listener(this.#view(topic));
  }

  override watch<T extends Topic>(topic: T, listener: (view: TopicView<StateOf<T>>) => void): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners.add(listener as Listener));
    listener(this.#view(topic) as TopicView<StateOf<T>>);
    return () => void listeners.delete(listener as Listener);
  }

  override async seatMap(): Promise<SeatMapGeometry> {
    if (!this.#geometry) throw new TypeError('no seat map is on the stage');
    return this.#geometry;
  }

  override now(): number {
    return this.#stage.now ?? this.#clock();
  }

  #view(topic: string): TopicView<unknown> {
    const state = topic.startsWith('seats:') ? this.#stage.seats : this.#stage.event;
    return { state, revision: this.#revision, status: state ? 'live' : 'connecting', refused: undefined, counted: undefined };
  }
}
