/**
 * One connection to one server: a state machine that keeps itself open while somebody listens.
 *
 *     idle ──attach──► connecting ──► open
 *                          ▲            │ ended, or silent for too long
 *                          └─ waiting ◄─┘        a code that says never ──► closed
 *
 * It knows frames, not tickets: topics are channels that are told when the link opens, when frames come
 * for them, and when it ends. The channel keeps the topic's revision, and knows whether it is current
 * (`topic-state.ts`).
 */
import { Backoff } from './backoff.ts';
import type { ServerClock } from './clock.ts';
import { closeCode, type CloseCode } from './codes.ts';
import { Emitter } from './emitter.ts';
import {
  decodeFrame,
  encodeFrame,
  errorOf,
  isBeat,
  replyOf,
  type ErrorResponse,
  type Frame,
  type JsonObject,
} from './protocol.ts';
import type { OpenTransport, Transport } from './transport.ts';

export type ConnectionState =
  /** Nobody listens. */
  | 'idle'
  | 'connecting'
  | 'open'
  /** Between two attempts. */
  | 'waiting'
  /** The server said not to come back. */
  | 'closed';

/** One topic, as the connection sees it. */
export interface Channel {
  /** The link is open: join. */
  linkOpened(): void;
  linkLost(): void;
  /** A frame of the current join, or one for all viewers. */
  received(event: string, payload: JsonObject): void;
  /** The server proved at `checkedAt` (its clock, RFC 3339) that `revision` is its newest. */
  beat(revision: number, checkedAt: string, databaseDown?: boolean): void;
}

export interface ConnectionOptions {
  /** `ws://host/realtime/v1/websocket`, without a query. */
  url: string;
  transport: OpenTransport;
  /** Sent with each join. */
  token?: () => string | undefined;
  /** Called when the server says that the token ended; resolves when a new one is in place. */
  refreshToken?: () => Promise<void>;
  /** Learns the time from every beat. */
  clock?: ServerClock;
  random?: () => number;
}

/** Bounds of the connection, in milliseconds. */
export const CONNECTION = {
  openTimeoutMs: 10_000,
  replyTimeoutMs: 10_000,
  heartbeatIntervalMs: 25_000,
  backoffBaseMs: 250,
  backoffCapMs: 15_000,
} as const;

/** The server refused a join or a push. */
export class ReplyError extends Error {
  override name = 'ReplyError';
  readonly response: ErrorResponse;

  constructor(response: ErrorResponse) {
    super(response.reason);
    this.response = response;
  }
}

/** The link went down, or the answer did not come in time: whether the server acted is unknown. */
export class LinkError extends Error {
  override name = 'LinkError';
}

const NOT_CONNECTED = 'not connected';
const NO_ANSWER = 'no answer';

interface Pending {
  resolve(response: JsonObject): void;
  reject(error: unknown): void;
  timer: ReturnType<typeof setTimeout>;
}

interface Attached {
  channel: Channel;
  /** Of the current join; null while not joined. Frames of older joins are dropped by it. */
  joinRef: string | null;
}

export class Connection {
  readonly stateChanged = new Emitter<ConnectionState>();
  readonly #options: ConnectionOptions;
  readonly #backoff: Backoff;
  readonly #channels = new Map<string, Attached>();
  readonly #pending = new Map<string, Pending>();
  #state: ConnectionState = 'idle';
  #transport: Transport | undefined;
  /** Events of a transport that was given up carry an older number, and are ignored. */
  #generation = 0;
  #lastRef = 0;
  #failures = 0;
  #openTimer: ReturnType<typeof setTimeout> | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #heartbeatTimer: ReturnType<typeof setTimeout> | undefined;
  /** Delay that a `drain` message asked for; used by the close that follows it. */
  #drainDelayMs: number | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#backoff = new Backoff({
      baseMs: CONNECTION.backoffBaseMs,
      capMs: CONNECTION.backoffCapMs,
      random: options.random,
    });
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** No attempt is under way, though somebody listens. */
  get isDown(): boolean {
    return this.#state === 'waiting' || this.#state === 'closed';
  }

  /** Topics that it has. */
  get topics(): number {
    return this.#channels.size;
  }

  /** Attempts that failed since a link last answered. */
  get failures(): number {
    return this.#failures;
  }

  attach(topic: string, channel: Channel): void {
    this.#channels.set(topic, { channel, joinRef: null });
    if (this.#state === 'open') channel.linkOpened();
    // Closed for good means: not by itself. A new topic is worth another try.
    else if (this.#state === 'idle' || this.#state === 'closed') this.#connect();
  }

  /** Leaves the topic; the link ends with its last one. */
  detach(topic: string): void {
    const attached = this.#channels.get(topic);
    this.#channels.delete(topic);
    if (attached?.joinRef && this.#state === 'open') {
      this.#send({ joinRef: attached.joinRef, ref: this.#ref(), topic, event: 'phx_leave', payload: {} });
    }
    if (this.#channels.size === 0) this.close();
  }

  /**
   * Joins a topic that is attached, or joins it again; an older join ends with that. `accepted` is called with
   * the reply before any later frame is delivered: several may be read at once.
   * @throws ReplyError, LinkError, what `accepted` throws
   */
  async join(topic: string, payload: JsonObject, accepted: (response: JsonObject) => void): Promise<void> {
    const attached = this.#channels.get(topic);
    if (!attached) throw new LinkError(NOT_CONNECTED);
    const ref = this.#ref();
    attached.joinRef = ref;
    const token = this.#options.token?.();
    const said = token ? { ...payload, access_token: token } : payload;
    await this.#request({ joinRef: ref, ref, topic, event: 'phx_join', payload: said }, accepted);
  }

  /**
   * Sends an event on a joined topic and waits for the reply.
   * @throws ReplyError, LinkError
   */
  push(topic: string, event: string, payload: JsonObject): Promise<JsonObject> {
    const joinRef = this.#channels.get(topic)?.joinRef ?? null;
    return this.#request({ joinRef, ref: this.#ref(), topic, event, payload });
  }

  /** Gives up a link that does not answer and opens a new one after the backoff. */
  reset(reason: string): void {
    if (this.#state !== 'open' && this.#state !== 'connecting') return;
    const abandoned = this.#transport;
    // First forget it, then close it: its last messages are not for us any more.
    this.#lost(closeCode(1006));
    abandoned?.close(1000, reason);
  }

  /** Tries again now if waiting, or closed: the network is said to be back, or the caller is another one. */
  nudge(): void {
    if (!this.isDown) return;
    clearTimeout(this.#retryTimer);
    this.#connect();
  }

  /** Ends the link. Attached topics stay; the next `attach` opens it again. */
  close(): void {
    clearTimeout(this.#retryTimer);
    const transport = this.#transport;
    this.#dropTransport();
    transport?.close(1000, 'done');
    this.#enter('idle');
  }

  #connect(): void {
    this.#generation += 1;
    const generation = this.#generation;
    const current = (): boolean => generation === this.#generation;
    this.#enter('connecting');
    this.#openTimer = setTimeout(() => this.reset(NO_ANSWER), CONNECTION.openTimeoutMs);
    this.#transport = this.#options.transport(`${this.#options.url}?vsn=2.0.0`, {
      opened: () => current() && this.#opened(),
      received: (text) => current() && this.#received(text),
      closed: (code) => current() && this.#lost(closeCode(code)),
    });
  }

  #opened(): void {
    clearTimeout(this.#openTimer);
    this.#heartbeatTimer = setTimeout(() => this.#heartbeat(), CONNECTION.heartbeatIntervalMs);
    this.#enter('open');
    for (const { channel } of [...this.#channels.values()]) channel.linkOpened();
  }

  /** The link ended, by the other side or because we gave it up. */
  #lost(why: CloseCode): void {
    const drainDelayMs = this.#drainDelayMs;
    this.#failures += 1;
    this.#dropTransport();
    if (why.retry === 'never') {
      this.#enter('closed');
    } else if (why.retry === 'refresh_token') {
      this.#enter('waiting');
      void this.#refreshThenConnect();
    } else {
      this.#enter('waiting');
      const delayMs = drainDelayMs ?? why.pauseMs + this.#backoff.next();
      this.#retryTimer = setTimeout(() => this.#connect(), delayMs);
    }
    for (const { channel } of [...this.#channels.values()]) channel.linkLost();
  }

  /** Gets a fresh token. Without one we go on as nobody: public topics still work. */
  async refreshToken(): Promise<void> {
    await this.#options.refreshToken?.();
  }

  async #refreshThenConnect(): Promise<void> {
    const generation = this.#generation;
    await this.refreshToken();
    if (generation !== this.#generation || this.#state !== 'waiting') return;
    this.#retryTimer = setTimeout(() => this.#connect(), this.#backoff.next());
  }

  #dropTransport(): void {
    this.#generation += 1;
    this.#transport = undefined;
    this.#drainDelayMs = undefined;
    clearTimeout(this.#openTimer);
    clearTimeout(this.#heartbeatTimer);
    for (const attached of this.#channels.values()) attached.joinRef = null;
    for (const [ref, pending] of [...this.#pending]) {
      this.#settle(ref, pending);
      pending.reject(new LinkError(NOT_CONNECTED));
    }
  }

  #heartbeat(): void {
    this.#request({ joinRef: null, ref: this.#ref(), topic: 'phoenix', event: 'heartbeat', payload: {} }).then(
      () => {
        if (this.#state !== 'open') return;
        clearTimeout(this.#heartbeatTimer);
        this.#heartbeatTimer = setTimeout(() => this.#heartbeat(), CONNECTION.heartbeatIntervalMs);
      },
      // Either the link is gone already, or it is half open: nothing comes back any more.
      () => this.reset('no heartbeat'),
    );
  }

  #received(text: string): void {
    let frame: Frame;
    try {
      frame = decodeFrame(text);
    } catch {
      // A frame we cannot read may have carried a change: start over rather than guess.
      this.reset('malformed frame');
      return;
    }
    if (frame.event === 'phx_reply' && frame.ref !== null) this.#replied(frame.ref, frame.payload);
    else if (frame.topic === 'phoenix') this.#system(frame);
    else this.#deliver(frame);
  }

  #replied(ref: string, payload: JsonObject): void {
    const pending = this.#pending.get(ref);
    if (!pending) return;
    this.#settle(ref, pending);
    // Only now: some proxies open a socket and let nothing through.
    this.#backoff.reset();
    this.#failures = 0;
    const reply = replyOf(payload);
    if (reply.status === 'ok') pending.resolve(reply.response);
    else pending.reject(new ReplyError(errorOf(reply.response)));
  }

  #system(frame: Frame): void {
    if (frame.event === 'beat' && isBeat(frame.payload)) {
      const { revisions, checked_at: checkedAt, database } = frame.payload;
      this.#options.clock?.tellRoughly(Date.parse(checkedAt));
      for (const [topic, revision] of Object.entries(revisions)) {
        this.#channels.get(topic)?.channel.beat(revision, checkedAt, database === 'down');
      }
    } else if (frame.event === 'drain') {
      const delayMs = frame.payload['reconnect_in_ms'];
      this.#drainDelayMs = typeof delayMs === 'number' ? Math.max(0, delayMs) : undefined;
    }
  }

  #deliver(frame: Frame): void {
    const attached = this.#channels.get(frame.topic);
    if (!attached) return;
    if (frame.joinRef !== null && frame.joinRef !== attached.joinRef) return;
    attached.channel.received(frame.event, frame.payload);
  }

  #request(frame: Frame & { ref: string }, accepted?: (response: JsonObject) => void): Promise<JsonObject> {
    if (this.#state !== 'open') return Promise.reject(new LinkError(NOT_CONNECTED));
    return new Promise((fulfil, reject) => {
      const resolve = (response: JsonObject): void => {
        try {
          accepted?.(response);
          fulfil(response);
        } catch (error) {
          reject(error);
        }
      };
      const timer = setTimeout(() => {
        this.#pending.delete(frame.ref);
        reject(new LinkError(NO_ANSWER));
      }, CONNECTION.replyTimeoutMs);
      this.#pending.set(frame.ref, { resolve, reject, timer });
      this.#send(frame);
    });
  }

  #settle(ref: string, pending: Pending): void {
    clearTimeout(pending.timer);
    this.#pending.delete(ref);
  }

  #send(frame: Frame): void {
    this.#transport?.send(encodeFrame(frame));
  }

  #ref(): string {
    this.#lastRef += 1;
    return String(this.#lastRef);
  }

  #enter(state: ConnectionState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.stateChanged.emit(state);
  }
}
