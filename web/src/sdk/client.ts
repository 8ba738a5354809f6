/**
 * A client of one Seatcast server: live topics, events, bookings.
 *
 *     const client = new SeatcastClient({ url: 'https://tickets.example' });
 *     const stop = client.watch('event:42', ({ state, status }) => …);
 *     const { booking } = await client.book({ event_id: 42, items: [{ ticket_type_id: 7, quantity: 2 }] });
 *
 * All topics share one connection, which opens with the first and closes with the last.
 */
import { sendOnce, type Booking, type BookingRequest } from './booking.ts';
import { Connection, type ConnectionState } from './connection.ts';
import { Emitter } from './emitter.ts';
import { eventModel, seatsModel, type EventState, type SeatsState } from './model.ts';
import { POLLING, Poller } from './polling.ts';
import type { EventDetails, EventQuery, EventSummary, SeatMapGeometry, ServerInfo, User } from './catalogue.ts';
import { Rest, type Answer } from './rest.ts';
import { bookingStore, type BookingStore, type TextStorage } from './store.ts';
import { Streams } from './streams.ts';
import { Subscription, type TopicView } from './subscription.ts';
import { noTransport, webSocketTransport, type OpenTransport, type WebSocketConstructor } from './transport.ts';

export type EventTopic = `event:${number}`;
export type SeatsTopic = `seats:${number}`;
type StateOf<T> = T extends EventTopic ? EventState : SeatsState;

export interface ClientOptions {
  /** `https://host`, or '' for the page's own server (browsers only). */
  url: string;
  /** JWT of the caller. Without one: anonymous. */
  token?: string;
  /** Called when the server says that the token ended: answers a new one, or undefined. */
  refreshToken?: () => Promise<string | undefined>;
  /** Where the proofs of anonymous bookings are kept; memory by default. */
  storage?: TextStorage;
  /** Node before 22 has no WebSocket of its own: give it the class of npm `ws`. */
  WebSocket?: WebSocketConstructor;
  transport?: OpenTransport;
  fetch?: typeof fetch;
  language?: string;
}

/** A booking with the moment of the server at which it was told. */
export interface ToldBooking {
  booking: Booking;
  /** RFC 3339, the server's clock. */
  serverTime: string;
}

/** A topic that nobody watches any more is left after this long: page changes come back to it. */
const LINGER_MS = 2_000;

interface Watched {
  subscription: Subscription<EventState> | Subscription<SeatsState>;
  watchers: number;
  leaving?: ReturnType<typeof setTimeout>;
}

export class SeatcastClient {
  /** Who is asking changed: what depends on the caller should be read anew. */
  readonly identityChanged = new Emitter<void>();
  /** A booking was made or cancelled through this client. */
  readonly bookingsChanged = new Emitter<Booking>();
  readonly #rest: Rest;
  readonly #connection: Connection;
  readonly #poller: Poller;
  readonly #streams: Streams;
  #impatience: ReturnType<typeof setTimeout> | undefined;
  readonly #bookings: BookingStore;
  readonly #topics = new Map<string, Watched>();
  #token: string | undefined;
  #userId: number | undefined;

  constructor(options: ClientOptions) {
    const url = (options.url || originOfPage()).replace(/\/+$/, '');
    this.#token = options.token;
    this.#bookings = bookingStore(options.storage);
    this.#rest = new Rest({
      url,
      identity: () => this.#identity(),
      ...(options.fetch ? { fetch: options.fetch } : {}),
      ...(options.language ? { language: options.language } : {}),
    });
    this.#poller = new Poller(
      this.#rest,
      () => this.#uncarried<EventState>('event:'),
      () => this.#uncarried<SeatsState>('seats:'),
    );
    this.#streams = new Streams(
      this.#rest,
      () => [...this.#topics.values()].map(({ subscription }) => subscription).filter(({ joined }) => !joined),
      () => this.#poller.soon(),
    );
    this.#connection = this.#connect(url, options);
  }

  // ── live ─────────────────────────────────────────────────────────────────────────────────────

  /**
   * Calls the listener now and at every change of the topic, until the returned function is called.
   * Watching a topic twice costs nothing more.
   */
  watch<T extends EventTopic | SeatsTopic>(
    topic: T,
    listener: (view: TopicView<StateOf<T>>) => void,
  ): () => void {
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
      if (watched.watchers === 0) watched.leaving = setTimeout(() => this.#leave(topic), LINGER_MS);
    };
  }

  /**
   * Says where the caller is on the way to a ticket of an event that is being watched, so that others see how
   * many are: `STEPS`, or a word of your own; undefined: not counted (any more). Nothing but
   * the counts is passed on. It ends with the watching, and with the link.
   */
  setStep(eventId: number, step: string | undefined): void {
    this.#topics.get(`event:${eventId}`)?.subscription.setStep(step);
  }

  /** The network is said to be back (`online`, a page shown again): do not wait, try now. */
  nudge(): void {
    this.#connection.nudge();
  }

  /** Ends everything. Watched topics stay as they are. */
  close(): void {
    for (const topic of [...this.#topics.keys()]) this.#leave(topic);
    clearTimeout(this.#impatience);
    this.#stopOtherRoads();
    this.#connection.close();
  }

  // ── who is asking ────────────────────────────────────────────────────────────────────────────

  setToken(token: string | undefined): void {
    this.#token = token;
    this.identityChanged.emit();
  }

  /** Development mode only: the server believes the number. */
  get userId(): number | undefined {
    return this.#userId;
  }

  set userId(id: number | undefined) {
    if (id === this.#userId) return;
    this.#userId = id;
    this.identityChanged.emit();
  }

  // ── reading ──────────────────────────────────────────────────────────────────────────────────

  async info(): Promise<ServerInfo> {
    return given(await this.#rest.send<ServerInfo>('/api', { base: '' }));
  }

  /** Development mode only: the people of the demo, listed with the rights of user 1. */
  async usersAsAdmin(): Promise<User[]> {
    return given(await this.#rest.send<User[]>('/users?limit=100', { headers: { 'x-user-id': '1' } }));
  }

  async events(query: EventQuery = {}): Promise<{ events: EventSummary[]; total: number }> {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined && value !== '') parameters.set(name, String(value));
    }
    const answer = await this.#rest.send<EventSummary[]>(`/events?${parameters}`);
    const events = given(answer);
    return { events, total: Number(answer.headers.get('x-total-count') ?? events.length) };
  }

  /** One event in full. A topic that is behind what this says catches up. */
  async event(id: number): Promise<EventDetails> {
    const event = given(await this.#rest.send<EventDetails>(`/events/${id}`));
    this.#expect(id, event.revision);
    return event;
  }

  /** Where the seats are. A layout never changes: ask again only for another one. */
  async seatMap(eventId: number, layout: number): Promise<SeatMapGeometry> {
    return given(await this.#rest.send<SeatMapGeometry>(`/events/${eventId}/seatmap?layout=${layout}`));
  }

  // ── booking ──────────────────────────────────────────────────────────────────────────────────

  /**
   * Books all items or none. Repeats itself while nobody answers, with one key, so never twice.
   * @throws Refusal with the server's code (SOLD_OUT, SEAT_TAKEN, …); Unreachable when in doubt:
   *   the same `key` may be sent again later.
   */
  async book(request: BookingRequest, key?: string): Promise<ToldBooking> {
    const answer = await sendOnce<Booking>(this.#rest, '/bookings', { method: 'POST', body: request }, key);
    const booking = given(answer);
    const token = booking.token ?? answer.headers.get('x-booking-token') ?? undefined;
    if (token) this.#bookings.keep({ id: booking.id, event_id: booking.event_id, token });
    this.#written(booking, answer);
    return told(booking, answer);
  }

  /** @throws Refusal (`INVALID_TRANSITION` when it has ended already), Unreachable */
  async cancel(booking: Pick<Booking, 'id' | 'event_id'>, reason = 'cancelled by the buyer'): Promise<ToldBooking> {
    const answer = await sendOnce<Booking>(this.#rest, `/bookings/${booking.id}/status`, {
      method: 'PUT',
      body: { status: 'cancelled', reason },
      headers: this.#proof(booking.id),
    });
    this.#written(given(answer), answer);
    return told(given(answer), answer);
  }

  async booking(id: string): Promise<ToldBooking> {
    const answer = await this.#rest.send<Booking>(`/bookings/${id}`, { headers: this.#proof(id) });
    return told(given(answer), answer);
  }

  /** The caller's bookings, newest first; without an account those that this device made. */
  async myBookings(): Promise<ToldBooking[]> {
    if (this.#token !== undefined || this.#userId !== undefined) {
      const answer = await this.#rest.send<Booking[]>('/bookings/mine?limit=50');
      return given(answer).map((booking) => told(booking, answer));
    }
    const read = this.#bookings.all().map(({ id }) => this.booking(id).catch(() => undefined));
    return (await Promise.all(read)).filter((booking) => booking !== undefined);
  }

  // ── inside ───────────────────────────────────────────────────────────────────────────────────

  #connect(url: string, options: ClientOptions): Connection {
    const connection = new Connection({
      url: `${url.replace(/^http/, 'ws')}/realtime/v1/websocket`,
      transport: options.transport ?? webSocketTransport(options.WebSocket) ?? noTransport,
      token: () => this.#token,
      refreshToken: async () => {
        this.#token = undefined;
        this.#token = await options.refreshToken?.();
      },
    });
    connection.stateChanged.on((state) => this.#chooseRoad(state, connection.failures));
    return connection;
  }

  /** The socket is the best road. While it brings nothing, streams and polls are tried, at once and side by side. */
  #chooseRoad(state: ConnectionState, failures: number): void {
    // Open is not enough: some proxies let nothing through. The answers to the joins decide.
    if (state === 'open') return;
    clearTimeout(this.#impatience);
    if (state === 'idle') this.#stopOtherRoads();
    else if (state === 'closed' || failures >= POLLING.afterFailures) this.#takeOtherRoads();
    else if (state === 'connecting') {
      // Some firewalls let handshakes hang rather than refuse them, or what comes after them.
      this.#impatience = setTimeout(() => this.#takeOtherRoads(), POLLING.afterMs);
    }
  }

  /** The socket answered for a topic, or one that it did not answer for is left. */
  #socketAnswered(): void {
    if ([...this.#topics.values()].every(({ subscription }) => subscription.answered)) {
      clearTimeout(this.#impatience);
      this.#stopOtherRoads();
    } else {
      this.#streams.changed();
    }
  }

  #takeOtherRoads(): void {
    this.#streams.start();
    this.#poller.start();
  }

  #stopOtherRoads(): void {
    this.#streams.stop();
    this.#poller.stop();
  }

  #watched(topic: EventTopic | SeatsTopic): Watched {
    const known = this.#topics.get(topic);
    if (known) return known;
    const subscription = topic.startsWith('event:')
      ? new Subscription<EventState>(topic, this.#connection, eventModel)
      : new Subscription<SeatsState>(topic, this.#connection, seatsModel);
    const watched: Watched = { subscription, watchers: 0 };
    this.#topics.set(topic, watched);
    subscription.socketAnswered.on(() => this.#socketAnswered());
    subscription.start();
    if (this.#connection.state === 'closed') this.#takeOtherRoads();
    this.#streams.changed();
    this.#poller.soon();
    return watched;
  }

  #leave(topic: string): void {
    this.#topics.get(topic)?.subscription.stop();
    this.#topics.delete(topic);
    this.#socketAnswered();
  }

  /** The topics of one kind that neither the socket nor a stream brings, by event id. */
  #uncarried<S>(prefix: string): Map<number, Subscription<S>> {
    const found = new Map<number, Subscription<S>>();
    for (const [topic, { subscription }] of this.#topics) {
      if (!topic.startsWith(prefix) || subscription.carried) continue;
      found.set(Number(topic.slice(prefix.length)), subscription as unknown as Subscription<S>);
    }
    return found;
  }

  /** A write of ours made a revision: viewers of the event are not current before they have it. */
  #written(booking: Booking, { revision }: Answer<unknown>): void {
    if (revision !== undefined) this.#expect(booking.event_id, revision);
    this.#poller.soon();
    this.bookingsChanged.emit(booking);
  }

  #expect(eventId: number, revision: number): void {
    for (const topic of [`event:${eventId}`, `seats:${eventId}`]) {
      this.#topics.get(topic)?.subscription.expect(revision);
    }
  }

  #identity(): Record<string, string> {
    if (this.#token !== undefined) return { authorization: `Bearer ${this.#token}` };
    return this.#userId === undefined ? {} : { 'x-user-id': String(this.#userId) };
  }

  #proof(bookingId: string): Record<string, string> {
    const kept = this.#bookings.all().find(({ id }) => id === bookingId);
    return kept ? { 'x-booking-token': kept.token } : {};
  }
}

function given<T>(answer: Answer<T>): T {
  if (answer.data === undefined) throw new TypeError('an answer without data');
  return answer.data;
}

/** The body's `server_time`, or else the `Date` header, which has whole seconds. */
function told(booking: Booking, answer: Answer<unknown>): ToldBooking {
  const header = Date.parse(answer.headers.get('date') ?? '');
  const fallback = new Date(Number.isNaN(header) ? Date.now() : header).toISOString();
  return { booking, serverTime: booking.server_time ?? fallback };
}

function originOfPage(): string {
  const page = (globalThis as { location?: { origin: string } }).location;
  if (!page) throw new TypeError('SeatcastClient needs a url outside of a browser');
  return page.origin;
}
