/**
 * The network as the developers' page has it: every frame that passes is shown, and each road can be closed, cut or made slow
 * on purpose. It stands between the SDK and the browser, so the SDK does what it would do on a bad day.
 */
import { EventParser } from '../sdk/sse.ts';
import { decodeFrame, isObject, type JsonObject } from '../sdk/protocol.ts';
import { webSocketTransport, noTransport, type OpenTransport, type Transport, type TransportEvents } from '../sdk/transport.ts';

export type Road = 'WebSocket' | 'stream' | 'REST';

/** A frame, an event of a stream, or a request that passed. */
export interface Passed {
  key: number;
  /** `performance.now()` of that moment. */
  at: number;
  isOurs: boolean;
  road: Road;
  topic: string;
  event: string;
  payload: JsonObject;
  bytes: number;
}

/** The newest so many are kept. */
export const PASSED_MAX = 200;
/** A road that is closed says so after this: at once would be a loop. */
const REFUSED_AFTER_MS = 50;

interface OpenLink {
  cut(): void;
}

export class DevNetwork extends EventTarget {
  /** Delay of everything that comes and goes, in milliseconds. */
  delayMs = 0;
  passed: readonly Passed[] = [];
  /** The road on which the last frame or answer came. */
  last: Road | undefined;
  readonly #closed = new Set<Road>();
  readonly #links = new Set<OpenLink>();
  readonly #streams = new Set<AbortController>();
  #made = 0;

  isOpen(road: Road): boolean {
    return !this.#closed.has(road);
  }

  /** Opens or closes a road; what is open on a closed one ends. */
  let(road: Road, isOpen: boolean): void {
    if (isOpen) this.#closed.delete(road);
    else this.#closed.add(road);
    if (!isOpen && road === 'WebSocket') this.cut();
    if (!isOpen && road === 'stream') for (const stream of [...this.#streams]) stream.abort();
    this.dispatchEvent(new Event('change'));
  }

  /** Ends all connections without a word, as a tunnel does. New ones may open. */
  cut(): void {
    for (const link of [...this.#links]) link.cut();
    for (const stream of [...this.#streams]) stream.abort();
  }

  clear(): void {
    this.passed = [];
    this.dispatchEvent(new Event('change'));
  }

  readonly transport: OpenTransport = (url, events) => {
    const open = this.isOpen('WebSocket') ? webSocketTransport() : refusing;
    return this.#link(open ?? noTransport, url, events);
  };

  readonly fetch: typeof fetch = async (input, init) => {
    const { pathname, search } = new URL(String(input), location.href);
    const isStream = pathname.endsWith('/stream');
    const said = `${init?.method ?? 'GET'} ${pathname.replace('/api/v1', '')}${search}`;
    if (this.delayMs > 0) await pause(this.delayMs);
    if (!this.isOpen(isStream ? 'stream' : 'REST')) throw new TypeError('this road is closed on purpose');
    const abort = new AbortController();
    const signals = init?.signal ? [abort.signal, init.signal] : [abort.signal];
    if (isStream) this.#streams.add(abort);
    try {
      const answer = await fetch(input, { ...init, signal: AbortSignal.any(signals) });
      const revision = Number(answer.headers.get('x-event-revision'));
      this.#pass({ isOurs: false, road: isStream ? 'stream' : 'REST', topic: '', event: `${said} ${answer.status}`, payload: revision > 0 ? { revision } : {}, bytes: Number(answer.headers.get('content-length') ?? 0) });
      return isStream ? this.#watched(answer, abort) : answer;
    } catch (error) {
      this.#streams.delete(abort);
      throw error;
    }
  };

  #link(open: OpenTransport, url: string, events: TransportEvents): Transport {
    let isOver = false;
    let lastDue = 0;
    // A change of the delay must not let one frame overtake another.
    const later = (act: () => void): void => {
      const now = performance.now();
      lastDue = Math.max(lastDue, now + this.delayMs);
      if (lastDue <= now) act();
      else setTimeout(act, lastDue - now);
    };
    const link: OpenLink = {
      cut: () => {
        end(1006, 'cut on purpose');
        inner.close(1000, 'cut on purpose');
      },
    };
    const end = (code: number, reason: string): void => {
      if (isOver) return;
      isOver = true;
      this.#links.delete(link);
      events.closed(code, reason);
    };
    const inner = open(url, {
      opened: () => later(() => !isOver && events.opened()),
      received: (text) =>
        later(() => {
          if (isOver) return;
          this.#frame(text, false);
          events.received(text);
        }),
      closed: end,
    });
    this.#links.add(link);
    return {
      send: (text) =>
        later(() => {
          if (isOver) return;
          this.#frame(text, true);
          inner.send(text);
        }),
      close: (code, reason) => {
        isOver = true;
        this.#links.delete(link);
        inner.close(code, reason);
      },
    };
  }

  #frame(text: string, isOurs: boolean): void {
    try {
      const { topic, event, payload } = decodeFrame(text);
      this.#pass({ isOurs, road: 'WebSocket', topic, event, payload, bytes: text.length });
    } catch {
      this.#pass({ isOurs, road: 'WebSocket', topic: '', event: 'unreadable', payload: {}, bytes: text.length });
    }
  }

  /** The stream's bytes as they were, its events shown beside. */
  #watched(answer: Response, abort: AbortController): Response {
    const parser = new EventParser();
    const text = new TextDecoder();
    const topicOf = new URL(answer.url).pathname.split('/').at(-2) ?? '';
    const kind = new URL(answer.url).searchParams.get('topic') ?? 'event';
    const watch = new TransformStream<Uint8Array, Uint8Array>({
      transform: async (bytes, controller) => {
        if (this.delayMs > 0) await pause(this.delayMs);
        for (const { event, data } of parser.push(text.decode(bytes, { stream: true }))) {
          const payload: unknown = JSON.parse(data);
          if (isObject(payload)) this.#pass({ isOurs: false, road: 'stream', topic: `${kind}:${topicOf}`, event, payload, bytes: data.length });
        }
        controller.enqueue(bytes);
      },
      flush: () => void this.#streams.delete(abort),
    });
    return new Response(answer.body?.pipeThrough(watch), { status: answer.status, headers: answer.headers });
  }

  #pass(passed: Omit<Passed, 'key' | 'at'>): void {
    this.#made += 1;
    if (!passed.isOurs) this.last = passed.road;
    this.passed = [{ ...passed, key: this.#made, at: performance.now() }, ...this.passed.slice(0, PASSED_MAX - 1)];
    this.dispatchEvent(new Event('change'));
  }
}

const refusing: OpenTransport = (_url, events) => {
  setTimeout(() => events.closed(1006, 'this road is closed on purpose'), REFUSED_AFTER_MS);
  return { send: () => {}, close: () => {} };
};

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The revisions that a frame speaks of: what it changes from and to, or the one that it says is newest. */
export function revisionsOf({ topic, payload }: Passed, watched: string): string {
  const response = isObject(payload['response']) ? payload['response'] : payload;
  const { from, to, revision, revisions, since } = response;
  if (typeof from === 'number' && typeof to === 'number') return `${from} → ${to}`;
  if (typeof revision === 'number') return `${revision}${response['resumed'] === true ? ' (resumed)' : ''}`;
  if (typeof since === 'number') return `since ${since}`;
  if (isObject(revisions)) {
    const said = revisions[topic === 'phoenix' ? watched : topic] ?? Object.values(revisions)[0];
    return said === undefined ? '' : `newest ${String(said)}`;
  }
  return '';
}
