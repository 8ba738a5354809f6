/**
 * A Seatcast server in memory, for tests of the SDK under fake timers. It keeps the state of its
 * events with a log of changes, answers joins with or without `since`, pushes updates, beats, and
 * misbehaves on demand.
 *
 * To add a scenario:
 *   1. `const server = new FakeServer(); server.addEvent(1);`
 *   2. `const client = server.client();` and watch topics; `await server.settle()` lets promises
 *      and due timers run; `await server.settle(5_000)` lets time pass.
 *   3. Change things: `sell(1, 7, 2)` (event, ticket type, how many), `notice(1, 'text')`,
 *      `seat(1, position, status)`, `redraw(1, 2, statuses)` (another map), `people(1, { viewing: 3 })` (others who are here).
 *   4. Break things: `loseFrames = true` (changes happen, frames do not arrive), `cut()` (the link
 *      ends without a word), `close(code)`, `drain(delayMs)`, `reachable = false` (new links fail),
 *      `silent = true` (no beats, no replies), `frozen = true` (beats whose `checked_at` stands
 *      still: the node hears from nobody), `loseDatabase()` and `findDatabase()` (the node says so, at
 *      once), `deaf = true` (what we send is lost), `sendRaw(text)`, `fetchFails()` (REST cannot be reached).
 *      `streams = true` lets server-sent events through, `cutStreams()` ends those that are open,
 *      `swallows = true` (the socket opens and carries nothing), `slams = true` (it opens and closes at once),
 *      `rewind(1, 5, 90)` puts the database back to a revision at which so much was left.
 *      `joinsMax = 100` bounds the topics of a link.
 *      `buffered = true` keeps their events back, as some proxies do.
 *   5. A second node: `cutOff()` makes one that lost its database at this moment and notices after 20 s; `reaches = 'cut'` lets new links
 *      end there; `heal()` gives it its database back.
 *   6. Bookings: `hold(user)`, `changeBooking(user, id, { status: 'cancelled' })`, `dropBooking(user, id)` write to
 *      the database and push to `user:` topics; `bookings` reads. REST answers them, too, and `restDelayMs` late.
 *   7. Look at `server.joins` (every join's payload), `server.links` (how many were opened),
 *      `server.requests` (REST), and at what the client shows.
 */
import { vi } from 'vitest';
import { SeatcastClient, type Booking, type ClientOptions, type HeldTicket } from '../../src/sdk/index.ts';
import { decodeFrame, encodeFrame, type Frame, type JsonObject, type PresenceCounts, type TicketType } from '../../src/sdk/protocol.ts';
import type { OpenTransport, TransportEvents } from '../../src/sdk/transport.ts';
import { FakeBookings } from './fake-bookings.ts';
// Fetched when it is needed, which takes real time the first time; the tests have fake time.
import '../../src/sdk/other-roads.ts';

export const BEAT_INTERVAL_MS = 5_000;
/** How long after a step its counts are sent. */
export const COUNTS_AFTER_MS = 500;
/** A node that lost its database knows it by then: its reads time out. */
export const CUT_IS_KNOWN_MS = 20_000;
/** A node without its database says so with a beat so soon after it answered a join. */
const DOWN_BEAT_MS = 100;

interface Change {
  revision: number;
  ticket_types?: TicketType[];
  notices?: JsonObject[];
  seats?: [number, number][];
}

interface FakeEvent {
  revision: number;
  event: JsonObject;
  ticketTypes: Map<number, TicketType>;
  notices: JsonObject[];
  seats: number[];
  log: Change[];
  /** People who are here by step, our own links not counted. */
  people: Record<string, number>;
}

/** A node that knows nothing of what happened since a moment. */
interface CutNode {
  /** Microseconds of the database's clock. */
  at: number;
  events: Map<number, FakeEvent>;
  /** Its answer to a client that knows more: a refusal, or, wrongly, its older state. */
  answers: 'later' | 'older';
  /** From then on its beats say that it lost its database, by the monotonic clock. */
  knowsAt: number;
}

interface Link {
  events: TransportEvents;
  isCut: boolean;
  joined: Map<string, string>;
  /** Steps that it was told, by topic. */
  steps: Map<string, string>;
  beats: ReturnType<typeof setInterval>;
}

interface Stream {
  topic: string;
  body: ReadableStreamDefaultController<Uint8Array>;
  beats: ReturnType<typeof setInterval>;
}

export class FakeServer {
  reachable = true;
  streams = false;
  buffered = false;
  swallows = false;
  slams = false;
  silent = false;
  frozen = false;
  #databaseDown = false;
  deaf = false;
  loseFrames = false;
  /** Changes older than this are gone from the log: a join with an older `since` gets everything. */
  logFrom = 0;
  links = 0;
  /** Topics that one link may join. */
  joinsMax = Number.POSITIVE_INFINITY;
  /** Hears every frame that clients send. */
  onPush: (frame: Frame) => void = () => {};
  /** Steps are answered with an error. */
  refusesSteps = false;
  /** The node that new links reach. */
  reaches: 'whole' | 'cut' = 'whole';
  /** REST answers so late; what it answers was true before. */
  restDelayMs = 0;
  readonly bookings = new FakeBookings();
  /** What REST answers to any account as the tickets that it took over. */
  tickets: HeldTicket[] = [];
  #cut: CutNode | undefined;
  readonly pushes: { topic: string; payload: JsonObject }[] = [];
  readonly joins: { topic: string; payload: JsonObject }[] = [];
  readonly requests: { method: string; path: string; headers: Headers; body: unknown }[] = [];
  /** Answers of REST by `METHOD /path`; what is not listed is answered by the fake itself. */
  readonly routes = new Map<string, (body: unknown, headers: Headers) => Response | Promise<Response>>();
  readonly #events = new Map<number, FakeEvent>();
  readonly #open = new Set<Link>();
  readonly #openStreams = new Set<Stream>();
  #frozenAt: string | undefined;
  #lastNotice = Math.floor(Math.random() * 1e9);

  client(options: Partial<ClientOptions> = {}): SeatcastClient {
    return new SeatcastClient({ url: 'http://fake', transport: this.transport, fetch: this.fetch, ...options });
  }

  /** Runs what is due now, or within the given time. */
  async settle(ms = 0): Promise<void> {
    await vi.advanceTimersByTimeAsync(ms);
  }

  // ── the world ────────────────────────────────────────────────────────────────────────────────

  addEvent(id: number, capacity = 100): void {
    this.#events.set(id, {
      revision: 1,
      event: { id, title: `Event ${id}`, capacity, status: 'active', layout: 1, max_per_booking: 10, hold_minutes: 15, currency: 'EUR' },
      ticketTypes: new Map([[7, ticketType(7, capacity)]]),
      notices: [],
      seats: Array.from({ length: 8 }, () => 0),
      log: [],
      people: {},
    });
  }

  event(id: number): FakeEvent {
    const event = this.#events.get(id);
    if (!event) throw new Error(`no event ${id} in the fake server`);
    return event;
  }

  sell(id: number, typeId: number, quantity: number): void {
    const event = this.event(id);
    const before = event.ticketTypes.get(typeId) ?? ticketType(typeId, 0);
    const after = { ...before, available: before.available - quantity, sold: before.sold + quantity };
    event.ticketTypes.set(typeId, after);
    this.#change(id, { ticket_types: [after] });
  }

  /** Somebody books, here or elsewhere. */
  hold(user: number, given: Partial<Booking> = {}): Booking {
    return this.#bookingsMoved(user, () => this.bookings.make(user, given));
  }

  changeBooking(user: number, id: string, given: Partial<Booking>): Booking {
    return this.#bookingsMoved(user, () => this.bookings.change(user, id, given));
  }

  dropBooking(user: number, id: string): void {
    this.#bookingsMoved(user, () => this.bookings.drop(user, id));
  }

  #bookingsMoved<T>(user: number, change: () => T): T {
    const from = this.bookings.changedAt(user);
    const changed = change();
    const to = this.bookings.changedAt(user);
    if (!this.loseFrames) this.push(`user:${user}`, 'update', { from, to, ...this.bookings.changed(user, from, to) });
    return changed;
  }

  notice(id: number, message: string): void {
    const event = this.event(id);
    this.#lastNotice += 1;
    const revision = event.revision + 1;
    const notice = { id: this.#lastNotice, type: 'custom', message, data: {}, at: now(), until: null, revision };
    event.notices.push(notice);
    this.#change(id, { notices: [notice] });
  }

  seat(id: number, position: number, status: number): void {
    this.event(id).seats[position] = status;
    this.#change(id, { seats: [[position, status]] });
  }

  /** The organizer draws another map: the places of the one before mean nothing any more. */
  redraw(id: number, layout: number, seats: number[]): void {
    const event = this.event(id);
    event.event = { ...event.event, layout };
    event.seats = seats;
    event.revision += 1;
    this.logFrom = event.revision;
    const range = { from: event.revision - 1, to: event.revision };
    for (const kind of ['event', 'admin']) this.push(`${kind}:${id}`, 'update', { ...range, event: event.event });
    this.push(`seats:${id}`, 'update', { ...range, layout, seats: packed(seats) });
  }

  people(id: number, people: Record<string, number>): void {
    this.event(id).people = people;
    this.#countSoon(id);
  }

  /** Everybody who named a step, our own links too. */
  #counts(id: number): PresenceCounts {
    const by_step = { ...this.event(id).people };
    for (const { steps } of this.#open) {
      const step = steps.get(`event:${id}`);
      if (step !== undefined) by_step[step] = (by_step[step] ?? 0) + 1;
    }
    return { total: Object.values(by_step).reduce((sum, count) => sum + count, 0), by_step };
  }

  /** Counts leave a moment later, as on the real server. */
  #countSoon(id: number): void {
    setTimeout(() => this.push(`event:${id}`, 'presence', { ...this.#counts(id) }), COUNTS_AFTER_MS);
  }

  #change(id: number, values: Omit<Change, 'revision'>): void {
    const event = this.event(id);
    event.revision += 1;
    event.log.push({ revision: event.revision, ...values });
    if (this.loseFrames) return;
    const { seats, ...rest } = values;
    const range = { from: event.revision - 1, to: event.revision };
    for (const kind of ['event', 'admin']) this.push(`${kind}:${id}`, 'update', { ...range, ...rest });
    this.push(`seats:${id}`, 'update', { ...range, ...(seats ? { seats } : {}) });
  }

  // ── faults ───────────────────────────────────────────────────────────────────────────────────

  /** The database is put back: streams end, sockets do. */
  rewind(id: number, revision: number, available: number): void {
    const event = this.event(id);
    event.revision = revision;
    event.log = event.log.filter((change) => change.revision <= revision);
    event.ticketTypes.set(7, { ...ticketType(7, available), available });
    this.cut();
    this.cutStreams();
  }

  cut(): void {
    this.close(1006);
  }

  /** From now on there is a second node that knows what happened until now and no more. */
  cutOff(answers: CutNode['answers'] = 'later', saysDown = false): void {
    this.heal();
    this.#cut = { at: this.bookings.now(), events: structuredClone(this.#events), answers, knowsAt: performance.now() + (saysDown ? 0 : CUT_IS_KNOWN_MS) };
  }

  /** The second node has its database back, and tells its viewers what they missed. */
  heal(): void {
    const cut = this.#cut;
    if (!cut) return;
    this.#cut = undefined;
    for (const link of this.#open) {
      if (!link.isCut) continue;
      link.isCut = false;
      for (const topic of link.joined.keys()) {
        const [kind, id] = kindAndId(topic);
        if (kind === 'user') {
          const [from, to] = [Math.min(cut.at, this.bookings.changedAt(id, cut.at)), this.bookings.changedAt(id)];
          this.#send(link, null, null, topic, 'update', { from, to, ...this.bookings.changed(id, cut.at) });
        } else {
          const event = this.event(id);
          const state = wholeState(event);
          const shown = kind === 'seats' ? seatsOnly(state) : { ...state, seats: undefined };
          this.#send(link, null, null, topic, 'update', { from: 0, to: event.revision, ...shown });
        }
      }
    }
  }

  close(code: number): void {
    for (const link of [...this.#open]) this.#end(link, code);
  }

  drain(delayMs: number): void {
    for (const link of this.#open) this.#send(link, null, null, 'phoenix', 'drain', { reconnect_in_ms: delayMs });
    this.close(1001);
  }

  // ── the socket ───────────────────────────────────────────────────────────────────────────────

  readonly transport: OpenTransport = (_url, events) => {
    this.links += 1;
    const link: Link = { events, isCut: this.reaches === 'cut', joined: new Map(), steps: new Map(), beats: setInterval(() => this.#beat(link), BEAT_INTERVAL_MS) };
    setTimeout(() => {
      if (!this.reachable) return this.#end(link, 1006);
      this.#open.add(link);
      events.opened();
      if (this.slams) this.#end(link, 1006);
    }, 1);
    return {
      send: (text) => this.#received(link, decodeFrame(text)),
      close: () => this.#end(link, 1000),
    };
  };

  /** Sends to all who joined the topic at the whole node, as a frame that all share. */
  push(topic: string, event: string, payload: JsonObject): void {
    for (const link of this.#open) {
      if (link.joined.has(topic) && !this.#cutOf(link)) this.#send(link, null, null, topic, event, payload);
    }
    for (const stream of this.#openStreams) if (stream.topic === topic) this.#emit(stream, event, payload);
  }

  sendRaw(text: string): void {
    for (const link of [...this.#open]) link.events.received(text);
  }

  #received(link: Link, frame: Frame): void {
    if (this.silent || this.deaf || this.swallows || this.slams || !this.#open.has(link)) return;
    this.onPush(frame);
    if (frame.event === 'heartbeat') this.#reply(link, frame, 'ok', {});
    else if (frame.event === 'phx_join') this.#join(link, frame);
    else if (frame.event === 'phx_leave') link.joined.delete(frame.topic);
    else if (frame.event === 'presence') this.#step(link, frame);
  }

  /** The node that a link ended at, while that is cut off. */
  #cutOf(link: Link): CutNode | undefined {
    return link.isCut ? this.#cut : undefined;
  }

  #join(link: Link, frame: Frame): void {
    this.joins.push({ topic: frame.topic, payload: frame.payload });
    if (link.joined.size >= this.joinsMax && !link.joined.has(frame.topic)) {
      this.#reply(link, frame, 'error', { code: 'TOO_MANY_JOINS', reason: 'leave a topic first', retry: 'later' });
      return;
    }
    const [kind, id] = kindAndId(frame.topic);
    if (kind === 'user') return this.#joinUser(link, frame, id);
    const cut = this.#cutOf(link);
    const event = (cut?.events ?? this.#events).get(id);
    if (!event) {
      const reason = `EventNotFound: no event ${id}`;
      this.#reply(link, frame, 'error', { code: 'EVENT_NOT_FOUND', reason, retry: 'never' });
      return;
    }
    const since = frame.payload['since'];
    if (cut && this.#isAhead(since, event.revision, link, frame)) return;
    link.joined.set(frame.topic, frame.joinRef ?? '');
    const presence = this.#counts(id);
    const resumed = typeof since === 'number' && since >= this.logFrom && since <= event.revision;
    const state = resumed ? changesSince(event, since) : wholeState(event);
    const shown = kind === 'seats' ? seatsOnly(state) : { ...state, seats: undefined, presence };
    this.#reply(link, frame, 'ok', { revision: event.revision, resumed, state: shown });
    if (isKnown(cut)) setTimeout(() => this.#beat(link), DOWN_BEAT_MS);
    const named = frame.payload['presence'] as { step: string } | undefined;
    if (named) this.#stepped(link, frame.topic, named.step);
  }

  /** A client that knows more than the node is told to come later, if the node does as it should. */
  #isAhead(since: unknown, revision: number, link: Link, frame: Frame): boolean {
    if (this.#cut?.answers !== 'later' || typeof since !== 'number' || since <= revision) return false;
    this.#reply(link, frame, 'error', { code: 'UNAVAILABLE', reason: 'the database does not answer', retry: 'later' });
    return true;
  }

  #joinUser(link: Link, frame: Frame, user: number): void {
    if (userOf(frame.payload['access_token']) !== user) {
      this.#reply(link, frame, 'error', { code: 'UNAUTHORIZED', reason: `only user ${user} joins`, retry: 'never' });
      return;
    }
    const cut = this.#cutOf(link);
    const revision = cut?.at ?? this.bookings.now();
    const since = frame.payload['since'];
    if (cut && this.#isAhead(since, revision, link, frame)) return;
    link.joined.set(frame.topic, frame.joinRef ?? '');
    const resumed = typeof since === 'number' && since >= this.logFrom && since <= revision;
    const state = resumed ? this.bookings.changed(user, since, revision) : { bookings: this.bookings.read(user, revision) };
    this.#reply(link, frame, 'ok', { revision, resumed, state });
  }

  #step(link: Link, frame: Frame): void {
    this.pushes.push({ topic: frame.topic, payload: frame.payload });
    if (this.refusesSteps) return this.#reply(link, frame, 'error', { code: 'TOO_MANY_MESSAGES', reason: '', retry: 'later' });
    this.#reply(link, frame, 'ok', {});
    this.#stepped(link, frame.topic, frame.payload['step'] as string | null);
  }

  #stepped(link: Link, topic: string, step: string | null): void {
    if (step === null) link.steps.delete(topic);
    else link.steps.set(topic, step);
    this.#countSoon(Number(topic.split(':')[1]));
  }

  #beat(link: Link): void {
    if (this.silent || !this.#open.has(link) || link.joined.size === 0) return;
    const cut = this.#cutOf(link);
    const revisions: Record<string, number> = {};
    for (const topic of link.joined.keys()) {
      const [kind, id] = kindAndId(topic);
      const event = (cut?.events ?? this.#events).get(id);
      revisions[topic] = kind === 'user' ? this.bookings.changedAt(id, cut?.at) : (event?.revision ?? 0);
    }
    this.#frozenAt = this.frozen || this.#databaseDown ? (this.#frozenAt ?? now()) : undefined;
    const checkedAt = cut ? new Date(cut.at / 1_000).toISOString() : (this.#frozenAt ?? now());
    const database = this.#databaseDown || isKnown(cut) ? { database: 'down' } : {};
    this.#send(link, null, null, 'phoenix', 'beat', { revisions, checked_at: checkedAt, ...database });
  }

  loseDatabase(): void {
    this.#databaseDown = true;
    for (const link of this.#open) this.#beat(link);
  }

  findDatabase(): void {
    this.#databaseDown = false;
    for (const link of this.#open) this.#beat(link);
  }

  #reply(link: Link, to: Frame, status: 'ok' | 'error', response: JsonObject): void {
    this.#send(link, to.joinRef, to.ref, to.topic, 'phx_reply', { status, response });
  }

  #send(link: Link, joinRef: string | null, ref: string | null, topic: string, event: string, payload: JsonObject): void {
    const text = encodeFrame({ joinRef, ref, topic, event, payload });
    if (this.#open.has(link) && !this.swallows) link.events.received(text);
  }

  #end(link: Link, code: number): void {
    clearInterval(link.beats);
    this.#open.delete(link);
    link.events.closed(code, '');
  }

  // ── streams ──────────────────────────────────────────────────────────────────────────────────

  get streamsOpen(): number {
    return this.#openStreams.size;
  }

  cutStreams(): void {
    for (const stream of [...this.#openStreams]) {
      this.#forget(stream);
      stream.body.error(new TypeError('network error'));
    }
  }

  #stream(id: number, search: URLSearchParams, signal: AbortSignal | null | undefined): Response {
    if (!this.streams) return refused(503, 'UNAVAILABLE');
    const event = this.event(id);
    const kind = search.get('topic') ?? 'event';
    const since = search.has('since') ? Number(search.get('since')) : undefined;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const stream: Stream = { topic: `${kind}:${id}`, body: controller, beats: setInterval(() => this.#streamBeat(stream), BEAT_INTERVAL_MS) };
        this.#openStreams.add(stream);
        signal?.addEventListener('abort', () => {
          if (!this.#openStreams.has(stream)) return;
          this.#forget(stream);
          controller.error(new DOMException('aborted', 'AbortError'));
        });
        const resumed = since !== undefined && since >= this.logFrom && since <= event.revision;
        const state = resumed ? changesSince(event, since) : wholeState(event);
        const shown = kind === 'seats' ? seatsOnly(state) : { ...state, seats: undefined };
        if (!resumed) this.#emit(stream, 'snapshot', { revision: event.revision, resumed, state: shown });
        else if (since < event.revision) this.#emit(stream, 'update', { from: since, to: event.revision, ...shown });
        if (kind === 'event') this.#emit(stream, 'presence', { ...this.#counts(id) });
        this.#streamBeat(stream);
      },
    });
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  }

  #forget(stream: Stream): void {
    clearInterval(stream.beats);
    this.#openStreams.delete(stream);
  }

  #streamBeat(stream: Stream): void {
    if (this.silent) return;
    const { revision } = this.event(Number(stream.topic.split(':')[1]));
    this.#emit(stream, 'beat', { revisions: { [stream.topic]: revision }, checked_at: now() });
  }

  #emit(stream: Stream, event: string, payload: JsonObject): void {
    if (this.buffered) return;
    stream.body.enqueue(new TextEncoder().encode(`event: ${event}\ndata: ${JSON.stringify(payload)}\n\n`));
  }

  // ── REST ─────────────────────────────────────────────────────────────────────────────────────

  #restFails = false;

  /** From now on REST cannot be reached either. */
  fetchFails(fails = true): void {
    this.#restFails = fails;
  }

  readonly fetch: typeof fetch = async (input, init) => {
    if (this.#restFails) throw new TypeError('fetch failed');
    const { pathname, search } = new URL(String(input));
    const method = init?.method ?? 'GET';
    const headers = new Headers(init?.headers);
    const body: unknown = init?.body ? JSON.parse(String(init.body)) : undefined;
    const path = pathname.replace('/api/v1', '');
    this.requests.push({ method, path: path + search, headers, body });
    const answer = await this.#answer(method, path, search, headers, body, init?.signal);
    if (!answer.headers.has('date')) answer.headers.set('date', new Date().toUTCString());
    if (this.restDelayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.restDelayMs));
    return answer;
  };

  async #answer(
    method: string,
    path: string,
    search: string,
    headers: Headers,
    body: unknown,
    signal: AbortSignal | null | undefined,
  ): Promise<Response> {
    const route = this.routes.get(`${method} ${path}`);
    if (route) return route(body, headers);
    if (path === '/availability') return this.#availability(search, headers);
    const [, kind, id, part] = path.split('/');
    if (kind === 'bookings' && method === 'GET') return this.#bookings(id ?? '', part, headers);
    if (path === '/tickets/mine' && search.includes('taken_over=true')) return accepted(this.tickets);
    if (part === 'stream') return this.#stream(Number(id), new URLSearchParams(search), signal);
    const event = kind === 'events' ? this.#events.get(Number(id)) : undefined;
    if (!event) return refused(404, 'EVENT_NOT_FOUND');
    const state = wholeState(event);
    if (part === 'notices') return accepted(state.notices);
    if (part === 'seats') return accepted({ ...seatsOnly(state), revision: event.revision });
    return accepted({ ...event.event, revision: event.revision, ticket_types: state.ticket_types });
  }

  #bookings(id: string, part: string | undefined, headers: Headers): Response {
    const user = userOf(headers.get('authorization')?.replace('Bearer ', '') ?? `dev:${headers.get('x-user-id')}`);
    if (user === undefined) return refused(401, 'UNAUTHENTICATED');
    const own = this.bookings.read(user);
    if (id === 'mine') return accepted(own);
    const booking = own.find((one) => one.id === id);
    if (!booking) return refused(404, 'BOOKING_NOT_FOUND');
    if (part === 'cancellation') return accepted({ amount: booking.total, percent: 100, keeps_fees: false, ticket_ids: [] });
    return accepted({ ...booking, server_time: now() });
  }

  #availability(search: string, headers: Headers): Response {
    const ids = (new URLSearchParams(search).get('event_ids') ?? '').split(',').map(Number);
    const rows = ids.filter((id) => this.#events.has(id)).map((id) => ({ event_id: id, revision: this.event(id).revision }));
    const etag = `"${rows.map((row) => row.revision).join('-')}"`;
    if (headers.get('if-none-match') === etag) return new Response(null, { status: 304, headers: { etag } });
    return accepted(rows, { etag });
  }
}

function isKnown(cut: CutNode | undefined): boolean {
  return cut !== undefined && performance.now() >= cut.knowsAt;
}

export function accepted(data: unknown, headers: Record<string, string> = {}, status = 200): Response {
  return new Response(JSON.stringify({ success: true, message: 'ok', data }), { status, headers });
}

export function refused(status: number, code: string, data: JsonObject = {}): Response {
  return new Response(JSON.stringify({ success: false, message: code, data: { code, ...data } }), { status });
}

export function ticketType(id: number, capacity: number): TicketType {
  const price = { amount: 4_500, currency: 'EUR' };
  return { id, name: `Type ${id}`, price, capacity, available: capacity, held: 0, sold: 0, status: 'available' };
}

function wholeState(event: FakeEvent) {
  return {
    event: event.event,
    ticket_types: [...event.ticketTypes.values()],
    notices: event.notices,
    layout: Number(event.event['layout']),
    seats: packed(event.seats) as string | [number, number][],
  };
}

/** The newest value of everything that changed after `since`. */
function changesSince(event: FakeEvent, since: number): Partial<ReturnType<typeof wholeState>> {
  const changes = event.log.filter(({ revision }) => revision > since);
  const types = new Map(changes.flatMap((change) => change.ticket_types ?? []).map((row) => [row.id, row]));
  return {
    ticket_types: [...types.values()],
    notices: changes.flatMap((change) => change.notices ?? []),
    seats: changes.flatMap((change) => change.seats ?? []),
  };
}

function seatsOnly(state: { layout?: number; seats?: string | [number, number][] }): JsonObject {
  return { ...(state.layout ? { layout: state.layout } : {}), seats: state.seats };
}

export function packed(seats: number[]): string {
  const bytes = new Uint8Array(Math.ceil(seats.length / 4));
  seats.forEach((status, position) => {
    bytes[position >> 2] = (bytes[position >> 2] ?? 0) | (status << ((position & 3) * 2));
  });
  return btoa(String.fromCharCode(...bytes));
}

function kindAndId(topic: string): [string, number] {
  const [kind, id] = topic.split(':');
  return [kind ?? '', Number(id)];
}

/** A token of a user, as an issuer would make it; its signature is no good, and nobody here looks at it. */
export function tokenOf(user: number | string): string {
  return `e30.${btoa(JSON.stringify({ sub: String(user), role: 'customer' }))}.x`;
}

/** Of another issuer, which names its people as it likes; `user`: whom the server knows by it, which is for the fake alone to read. */
export function foreignTokenOf(sub: string, user: number): string {
  return `e30.${btoa(JSON.stringify({ iss: 'https://id.example', sub, known_as: user }))}.x`;
}

function userOf(token: unknown): number | undefined {
  if (typeof token !== 'string') return undefined;
  const dev = /^dev:(\d+)$/.exec(token);
  if (dev) return Number(dev[1]);
  const claims = token.split('.')[1];
  if (claims === undefined) return undefined;
  const { sub, known_as: knownAs } = JSON.parse(atob(claims)) as { sub: string; known_as?: number };
  return knownAs ?? Number(sub);
}

function now(): string {
  return new Date().toISOString();
}
