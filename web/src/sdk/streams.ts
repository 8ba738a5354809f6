/**
 * Where no WebSocket gets through, server-sent events usually do. They bring the same frames with the same
 * revisions, so that a topic changes from one to the other without a step back; only our own step cannot be
 * sent on them.
 *
 * A stream is a connection for each topic, and browsers open six to one server for all pages together.
 * So streams are for the page of an event, not for a list, and a few of the six stay free. A topic without
 * a stream is polled (`polling.ts`).
 */
import { Backoff } from './backoff.ts';
import { isBeat, isObject, type JsonObject } from './protocol.ts';
import { Unreachable, type Rest } from './rest.ts';
import { EventParser } from './sse.ts';

const EVENTS = 'text/event-stream';

export const STREAMS = {
  /** Topics of one client that streams are opened for; with more than that, all are polled. */
  topicsMax: 2,
  /** Streams of all pages of a browser together. */
  slotsMax: 4,
  /** Without a first event by then, a proxy on the way keeps them back. */
  firstEventMs: 8_000,
  /** Three beats missed: the stream is dead. */
  silenceMs: 15_000,
  backoffBaseMs: 5_000,
  backoffCapMs: 60_000,
  /** Pause before a stream is opened anew because something is missing on it. */
  reopenMs: 250,
} as const;

/** A stream, as its topic sees it. */
export interface OpenStream {
  /** Opens it anew, after a pause in milliseconds. */
  reopen(pauseMs?: number): void;
}

/** A topic, as its stream sees it. */
export interface Streamed {
  readonly topic: string;
  readonly view: { state: unknown; revision: number };
  streamOpened(stream: OpenStream): void;
  streamLost(): void;
  streamSaid(event: string, payload: JsonObject): void;
  beat(revision: number, checkedAt: string, databaseDown?: boolean): void;
}

/** Gives a stream's place in the browser back. */
type Slot = () => void;

export class Streams {
  readonly #rest: Rest;
  readonly #topics: () => Streamed[];
  readonly #lost: () => void;
  readonly #backoff = new Backoff({ baseMs: STREAMS.backoffBaseMs, capMs: STREAMS.backoffCapMs });
  readonly #open = new Map<Streamed, AbortController>();
  #running = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `topics` lists those that streams can bring and the socket does not; `lost` is called when polling has to help out. */
  constructor(rest: Rest, topics: () => Streamed[], lost: () => void) {
    this.#rest = rest;
    this.#topics = topics;
    this.#lost = lost;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#tend();
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const abort of this.#open.values()) abort.abort();
  }

  /** Other topics are watched than before. */
  changed(): void {
    if (this.#running && this.#timer === undefined) this.#tend();
  }

  #tend(): void {
    this.#timer = undefined;
    const topics = this.#topics();
    const wanted = new Set(topics.length <= STREAMS.topicsMax ? topics : []);
    for (const [topic, abort] of this.#open) if (!wanted.has(topic)) abort.abort();
    for (const topic of wanted) if (!this.#open.has(topic)) void this.#run(topic);
  }

  async #run(topic: Streamed): Promise<void> {
    const abort = new AbortController();
    this.#open.set(topic, abort);
    const end: End = { opened: false, pauseMs: undefined };
    const slot = await takeSlot();
    try {
      if (slot && !abort.signal.aborted) await this.#read(topic, abort, end);
    } catch {
      // No way through, or the end of one: polling takes over until the next try.
    } finally {
      slot?.();
      this.#open.delete(topic);
    }
    if (!this.#running) return;
    if (end.opened) this.#lost();
    this.#timer ??= setTimeout(() => this.#tend(), end.pauseMs ?? this.#backoff.next());
  }

  /** Until the stream ends. */
  async #read(topic: Streamed, abort: AbortController, end: End): Promise<void> {
    const [kind, id] = topic.topic.split(':');
    const since = topic.view.revision === 0 ? '' : `&since=${topic.view.revision}`;
    let watchdog = setTimeout(() => abort.abort(), STREAMS.firstEventMs);
    const stream = await opened(this.#rest, `/events/${id}/stream?topic=${kind}${since}`, abort.signal).catch((error: unknown) => {
      clearTimeout(watchdog);
      throw error;
    });
    const parser = new EventParser();
    const text = new TextDecoder();
    const reopen = (pauseMs: number = STREAMS.reopenMs): void => {
      end.pauseMs = pauseMs;
      abort.abort();
    };
    try {
      for (;;) {
        const { done, value } = await stream.read();
        if (done) {
          end.pauseMs ??= parser.retryMs;
          return;
        }
        for (const { event, data } of parser.push(text.decode(value, { stream: true }))) {
          if (!end.opened) topic.streamOpened({ reopen });
          end.opened = true;
          this.#backoff.reset();
          end.pauseMs = deliver(topic, event, data) ?? end.pauseMs;
        }
        clearTimeout(watchdog);
        watchdog = setTimeout(() => abort.abort(), end.opened ? STREAMS.silenceMs : STREAMS.firstEventMs);
      }
    } finally {
      clearTimeout(watchdog);
      void stream.cancel().catch(() => {});
      if (end.opened) topic.streamLost();
    }
  }
}

/** How a stream ended. */
interface End {
  /** It had brought something. */
  opened: boolean;
  /** How long to wait before the next one, if that is known. */
  pauseMs: number | undefined;
}

/** Hands one event to its topic; how long to stay away when the node goes down. */
function deliver(topic: Streamed, event: string, data: string): number | undefined {
  const payload: unknown = JSON.parse(data);
  if (!isObject(payload)) throw new TypeError('an event without an object');
  if (event === 'beat' && isBeat(payload)) {
    const revision = payload.revisions[topic.topic];
    if (revision !== undefined) topic.beat(revision, payload.checked_at, payload.database === 'down');
  } else if (event === 'drain') {
    const delayMs = payload['reconnect_in_ms'];
    return typeof delayMs === 'number' ? Math.max(0, delayMs) : undefined;
  } else {
    topic.streamSaid(event, payload);
  }
  return undefined;
}

/** The part of the Web Locks API that is used. */
interface Locks {
  request(name: string, options: { ifAvailable: true }, held: (lock: unknown) => Promise<void> | undefined): Promise<void>;
}

/** A place among the streams of this browser; undefined when all are taken, or they cannot be counted. */
async function takeSlot(): Promise<Slot | undefined> {
  const { document, navigator } = globalThis as { document?: unknown; navigator?: { locks?: Locks } };
  if (document === undefined) return () => {};
  const locks = navigator?.locks;
  if (!locks) return undefined;
  for (let place = 0; place < STREAMS.slotsMax; place += 1) {
    const slot = await lockOf(locks, `seatcast.stream.${place}`);
    if (slot) return slot;
  }
  return undefined;
}

function lockOf(locks: Locks, name: string): Promise<Slot | undefined> {
  return new Promise((resolve) => {
    const held = (lock: unknown): Promise<void> | undefined => {
      if (lock === null) {
        resolve(undefined);
        return undefined;
      }
      return new Promise((release) => resolve(() => release()));
    };
    locks.request(name, { ifAvailable: true }, held).catch(() => resolve(undefined));
  });
}

/**
 * Opens a stream of server-sent events. Ends when the signal says so.
 * @throws Unreachable
 */
async function opened(rest: Rest, path: string, signal: AbortSignal): Promise<ReadableStreamDefaultReader<Uint8Array>> {
  const response = await rest.fetch(path, { headers: { accept: EVENTS }, signal });
  if (response.ok && response.body && response.headers.get('content-type')?.startsWith(EVENTS)) {
    return response.body.getReader();
  }
  await response.body?.cancel();
  throw new Unreachable(`the server answered ${response.status}, no events`);
}
