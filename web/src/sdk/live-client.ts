/**
 * The part of a client that keeps topics live: what an element needs that only shows numbers. `SeatcastClient` adds booking
 * and everything else.
 *
 * All topics share one connection, which opens with the first and closes with the last; a page with more topics than a
 * connection may have gets more of them.
 */
import { ServerClock } from './clock.ts';
import { Connection } from './connection.ts';
import type { Emitter } from './emitter.ts';
import { Fallback } from './fallback.ts';
import { Identity } from './identity.ts';
import { Links } from './links.ts';
import type { AdminState } from './admin-model.ts';
import { eventModel, type EventState, type Model } from './model.ts';
import type { SeatsState } from './seats-model.ts';
import type { Bookings } from './bookings.ts';
import { Rest } from './rest.ts';
import type { MakeStep } from './own-step.ts';
import type { TextStorage } from './store.ts';
import { Subscription } from './subscription.ts';
import type { TopicView } from './topic-state.ts';
import { noTransport, webSocketTransport, type OpenTransport, type WebSocketConstructor } from './transport.ts';

/** State of a topic, by its kind. */
interface States {
  event: EventState;
  seats: SeatsState;
  /** For that user only. */
  user: Bookings;
  /** For the event's organizer only. */
  admin: AdminState;
}
export type TopicKind = keyof States;
export type Topic = `${TopicKind}:${number}`;
export type StateOf<T extends Topic> = T extends `${infer Kind extends TopicKind}:${number}` ? States[Kind] : never;

export interface ClientOptions {
  /** `https://host`, or '' for the page's own server (browsers only). */
  url: string;
  /** JWT of the caller. Without one: anonymous. */
  token?: string;
  /**
   * Called when the server says that the token ended: answers a new one, or undefined, and the caller is a guest. Where it
   * rejects, the caller stays who they are, and it is called again.
   */
  refreshToken?: () => Promise<string | undefined>;
  /** Keeps the tokens of anonymous bookings, attempts to book, and the last numbers; memory by default. */
  storage?: TextStorage | undefined;
  /** Node before 22 has no WebSocket of its own: give it the class of npm `ws`. */
  WebSocket?: WebSocketConstructor;
  transport?: OpenTransport;
  fetch?: typeof fetch;
  /** Language of the server's messages, and of the mails about bookings; the platform's by default. */
  language?: string;
}

/** A topic that nobody watches any more is left after this long: page changes come back to it. */
export const LINGER_MS = 2_000;

interface Watched {
  subscription: Subscription<unknown>;
  watchers: number;
  leaving?: ReturnType<typeof setTimeout>;
}

export class LiveClient {
  /** Of the server, without a slash at its end. */
  protected readonly url: string;
  protected readonly clock = new ServerClock();
  protected readonly identity: Identity;
  /** Also for parts of the SDK that only some pages load (`push.ts`). */
  readonly rest: Rest;
  /** From now on the server answers in this language. */
  language: string | undefined;
  readonly #links: Links;
  readonly #fallback: Fallback;
  readonly #topics = new Map<string, Watched>();
  #renewing: Promise<void> | undefined;

  constructor(options: ClientOptions) {
    const url = (options.url || originOfPage()).replace(/\/+$/, '');
    this.url = url;
    this.language = options.language;
    this.identity = new Identity(options.token);
    this.rest = new Rest({
      url,
      identity: () => this.identity.headers,
      caller: () => this.identity.caller,
      clock: this.clock,
      fetch: options.fetch,
      // Without anybody to ask, the server's answer stands: who had a token is not made a guest behind their back.
      renew: options.refreshToken && (() => this.#renew(options)),
      language: () => this.language,
    });
    this.#links = new Links(() => this.#link(options));
    this.#fallback = new Fallback(this.rest, this.#links, () => this.#watchedTopics(), () => this.ownTopic());
    this.identity.changed.on(() => this.callerChanged());
  }

  /**
   * Another token, got once for all who ask meanwhile. Where it cannot be had now, the old one stays: whoever is refused for it
   * asks again.
   */
  #renew({ refreshToken }: ClientOptions): Promise<void> {
    const { token } = this.identity;
    const ask = async (): Promise<void> => {
      const next = await refreshToken?.();
      // Somebody may have signed in or out meanwhile.
      if (this.identity.token === token) this.identity.token = next;
    };
    return (this.#renewing ??= ask()
      .catch(() => {})
      .finally(() => (this.#renewing = undefined)));
  }

  #link(options: ClientOptions): Connection {
    const { transport, WebSocket } = options;
    const link = new Connection({
      url: `${this.url.replace(/^http/, 'ws')}/realtime/v1/websocket`,
      transport: transport ?? webSocketTransport(WebSocket) ?? noTransport,
      token: () => this.identity.accessToken,
      refreshToken: () => this.#renew(options),
      clock: this.clock,
    });
    this.madeLink(link);
    return link;
  }

  /**
   * Calls the listener now and at every change of the topic, until the returned function is called.
   * Watching a topic twice costs nothing more.
   */
  watch<T extends Topic>(topic: T, listener: (view: TopicView<StateOf<T>>) => void): () => void {
    const watched = this.#watched(topic);
    const subscription = watched.subscription as unknown as Subscription<StateOf<T>>;
    watched.watchers += 1;
    clearTimeout(watched.leaving);
    const off = subscription.changed.on(listener);
    listener(subscription.view);
    let watching = true;
    return () => {
      if (!watching) return;
      watching = false;
      off();
      watched.watchers -= 1;
      if (watched.watchers === 0) watched.leaving = setTimeout(() => this.#leave(topic, watched), LINGER_MS);
    };
  }

  /** The network is said to be back (`online`, a page shown again): do not wait, try now. */
  nudge(): void {
    this.#links.nudge();
  }

  /** The network is said to be gone (`offline`): nothing counts as live any more, until a connection says otherwise. */
  networkLost(): void {
    this.#links.reset('offline');
  }

  /** Another tab changed this key of the storage that we were given (a `storage` event; null: all of them). */
  storageChanged(_key: string | null): void {}

  /** Asks for everything anew that is watched: REST when it is polled, else the connection proves it by itself. */
  refresh(): void {
    this.nudge();
    this.#fallback.soon();
  }

  /** Ends everything. Watched topics stay as they were last, and say that they are offline. */
  close(): void {
    for (const [topic, watched] of [...this.#topics]) this.#leave(topic, watched);
    this.#fallback.stop();
    this.#links.close();
  }

  /** The server's time in milliseconds since 1970; this machine's until the server has told it. */
  now(): number {
    return this.clock.now();
  }

  /** The caller is another one. A fresh token of the same user is no change. */
  get identityChanged(): Emitter<void> {
    return this.identity.changed;
  }

  setToken(token: string | undefined): void {
    this.identity.token = token;
    this.#tellSocket();
  }

  /** Development mode only: the server believes the number. */
  get userId(): number | undefined {
    return this.identity.userId;
  }

  set userId(id: number | undefined) {
    if (id === this.userId) return;
    this.identity.userId = id;
    this.#tellSocket();
  }

  // ── for clients that do more ─────────────────────────────────────────────────────────────────

  /** Called by the constructor as well: fields of a subclass are not there yet. */
  protected madeLink(_link: Connection): void {}

  protected madeSubscription(_subscription: Subscription<unknown>): void {}

  /** Reads the topics of each kind. */
  protected modelOf(kind: TopicKind): Model<unknown> {
    if (kind !== 'event') throw new TypeError(`${kind}: needs a SeatcastClient`);
    return eventModel as Model<never> as Model<unknown>;
  }

  /** Counts the caller among the people of a topic; undefined: never. */
  protected makeStep(): MakeStep | undefined {
    return undefined;
  }

  /** The topic of the caller's bookings. */
  protected ownTopic(): string | undefined {
    return undefined;
  }

  protected subscriptionTo(topic: string): Subscription<unknown> | undefined {
    return this.#topics.get(topic)?.subscription;
  }

  /** Leaves at once the topics that only the former caller may see, and asks again for those that were refused. */
  protected callerChanged(): void {
    for (const [topic, watched] of [...this.#topics]) {
      if (topic.startsWith('user:') && watched.watchers === 0) this.#leave(topic, watched);
      else watched.subscription.callerChanged();
    }
  }

  /** This revision of an event exists: viewers of it are not current before they have it. */
  protected expect(eventId: number, revision: number): void {
    for (const kind of ['event', 'seats', 'admin']) this.subscriptionTo(`${kind}:${eventId}`)?.expect(revision);
  }

  /** Something is known to have changed. */
  protected pollSoon(): void {
    this.#fallback.soon();
  }

  // ── inside ───────────────────────────────────────────────────────────────────────────────────

  /** Tells the open links the new caller; later ones tell it with their joins. */
  #tellSocket(): void {
    const token = { access_token: this.identity.accessToken ?? null };
    for (const link of this.#links.all) {
      const joined = this.#watchedTopics().find((subscription) => subscription.joined && subscription.connection === link);
      // Refused or lost, it is said again by the next join.
      if (joined) link.push(joined.topic, 'access_token', token).catch(() => {});
    }
  }

  #watchedTopics(): Subscription<unknown>[] {
    return [...this.#topics.values()].map(({ subscription }) => subscription);
  }

  #watched(topic: Topic): Watched {
    const known = this.#topics.get(topic);
    if (known) return known;
    const kind = topic.slice(0, topic.indexOf(':')) as TopicKind;
    const subscription = new Subscription<unknown>(topic, this.#links.withRoom(), this.modelOf(kind), this.makeStep());
    const watched: Watched = { subscription, watchers: 0 };
    this.#topics.set(topic, watched);
    this.madeSubscription(subscription);
    subscription.start();
    this.#fallback.added(subscription);
    return watched;
  }

  /** The last watcher may go after `close`: by then the topic may be watched anew, and that one stays. */
  #leave(topic: string, watched: Watched): void {
    clearTimeout(watched.leaving);
    if (this.#topics.get(topic) !== watched) return;
    watched.subscription.stop();
    this.#topics.delete(topic);
    this.#fallback.left();
  }
}

function originOfPage(): string {
  const page = (globalThis as { location?: { origin: string } }).location;
  if (!page) throw new TypeError('a client needs a url outside of a browser');
  return page.origin;
}
