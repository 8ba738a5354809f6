/**
 * REST: one function that speaks the envelope of the API.
 *
 * Answers are `{"success", "message", "data"}`. A business «no» becomes a `Refusal` with its stable
 * code; a server that cannot be reached, or answers nonsense, becomes `Unreachable`.
 */
import { ServerClock } from './clock.ts';
import { isObject, type JsonObject } from './protocol.ts';

/** The server said no. `code` is stable; `message` is for people, in their language. */
export class Refusal extends Error {
  override name = 'Refusal';
  readonly status: number;
  readonly code: string;
  /** Details, by the code: `{"max": 10}`, `{"seats": […]}`, … */
  readonly data: JsonObject;

  constructor(status: number, message: string, data: JsonObject) {
    super(message);
    this.status = status;
    this.code = typeof data['code'] === 'string' ? data['code'] : `HTTP_${status}`;
    this.data = data;
  }
}

/** No answer, or not one of ours. Whether the server acted is unknown. */
export class Unreachable extends Error {
  override name = 'Unreachable';
  /** Seconds that the server asked to wait, if it did. */
  readonly retryAfterS: number | undefined;

  constructor(message: string, retryAfterS?: number) {
    super(message);
    this.retryAfterS = retryAfterS;
  }
}

export interface Answer<T> {
  /** Undefined when the answer is 304: the caller's copy is current. */
  data: T | undefined;
  status: number;
  etag: string | undefined;
  /** The event's revision after a write (`X-Event-Revision`). */
  revision: number | undefined;
  headers: Headers;
  /** A moment before the server read its answer: microseconds of its clock, as well as we know it. */
  askedAt: number;
}

export type CallerHeaders = Record<string, string> & { authorization?: string };

export interface RestOptions {
  /** `http://host:port`, without a trailing slash. */
  url: string;
  fetch?: typeof fetch | undefined;
  /** Headers that name the caller. */
  identity: () => CallerHeaders;
  /** The same caller has the same one, also with another token. */
  caller?: () => unknown;
  /** Gets the caller another token, if there is one; called when the server does not take the present one. */
  renew?: (() => Promise<void>) | undefined;
  /** Preferred language of messages; the platform's by default. */
  language?: () => string | undefined;
  timeoutMs?: number;
  /** Learns the time from every answer. */
  clock?: ServerClock;
}

export interface RestRequest {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  body?: unknown;
  headers?: Record<string, string>;
  etag?: string | undefined;
  base?: string;
  /** In place of a timeout. */
  signal?: AbortSignal;
  /** Says not who asks: a token that has ended would be refused before what is asked is looked at. */
  isOpen?: boolean;
}

const TIMEOUT_MS = 15_000;
/** Statuses that mean «not now» rather than «no». */
const TEMPORARY = new Set([502, 503, 504]);

export class Rest {
  readonly #options: RestOptions;
  readonly #clock: ServerClock;

  constructor(options: RestOptions) {
    this.#options = options;
    this.#clock = options.clock ?? new ServerClock();
  }

  get caller(): unknown {
    return this.#options.caller?.();
  }

  /**
   * `path` below `base` (`/api/v1`), with its query.
   * @throws Refusal, Unreachable
   */
  async send<T>(path: string, request: RestRequest = {}): Promise<Answer<T>> {
    const asked = performance.now();
    const response = await this.fetch(path, request);
    const body = await envelope(response);
    this.#learnTime(response, body);
    // Counted back from what the answer says of the time: before it, a machine that slept was behind.
    const askedAt = Math.floor((this.#clock.now() - (performance.now() - asked)) * 1_000);
    if (response.status === 304 || (response.ok && body)) {
      return {
        data: body?.['data'] as T | undefined,
        status: response.status,
        etag: response.headers.get('etag') ?? undefined,
        revision: integer(response.headers.get('x-event-revision')),
        headers: response.headers,
        askedAt,
      };
    }
    throw faultOf(response, body);
  }

  /**
   * `server_time` in the body is the database's clock, in an answer that is given again that of the first one; the `Date`
   * header has whole seconds, of the node's.
   */
  #learnTime(response: Response, body: JsonObject | undefined): void {
    const data = body?.['data'];
    const time = isObject(data) && !response.headers.get('idempotent-replay') && data['server_time'];
    if (typeof time === 'string') this.#clock.tell(Date.parse(time), true);
    const date = response.headers.get('date');
    if (date) this.#clock.tellRoughly(Date.parse(date));
  }

  /**
   * A token that ended, which many only hear of by such an answer, is renewed once. Nothing was done for it, so the request goes
   * out again as it was, but for no other caller.
   * @throws Unreachable
   */
  async fetch(path: string, request: RestRequest): Promise<Response> {
    const { caller } = this;
    const { identity, renew } = this.#options;
    const sent = request.isOpen ? {} : identity();
    const response = await this.#fetch(path, request, sent);
    if (response.status !== 401 || !sent.authorization) return response;
    const isSame = (): boolean => identity().authorization === sent.authorization;
    // Some wait no longer, as at a door: nobody has said yet that they may not.
    if (isSame()) await Promise.race([renew?.(), new Promise((_, reject) => request.signal?.addEventListener('abort', () => reject(new Unreachable('no connection'))))]);
    if (isSame() || this.caller !== caller) return response;
    void response.body?.cancel();
    return this.#fetch(path, request, identity());
  }

  async #fetch(path: string, request: RestRequest, identity: CallerHeaders): Promise<Response> {
    const { url, fetch: given, language, timeoutMs = TIMEOUT_MS } = this.#options;
    const headers: Record<string, string> = { accept: 'application/json', ...identity, ...request.headers };
    const spoken = language?.();
    if (spoken) headers['accept-language'] = spoken;
    if (request.etag) headers['if-none-match'] = request.etag;
    if (request.body !== undefined) headers['content-type'] = 'application/json';
    // Called without a receiver: browsers refuse `fetch` as somebody's method.
    const send = given ?? globalThis.fetch;
    try {
      return await send(`${url}${request.base ?? '/api/v1'}${path}`, {
        method: request.method ?? 'GET',
        headers,
        signal: request.signal ?? AbortSignal.timeout(timeoutMs),
        body: JSON.stringify(request.body) ?? null,
        // Ours are the conditional requests; a browser's cache would hide the 304s.
        ...({ cache: 'no-store' } as RequestInit),
      });
    } catch (cause) {
      throw new Unreachable(cause instanceof Error ? cause.message : 'no connection');
    }
  }
}

/** A response that is not what was asked for, as an error. */
export function faultOf(response: Response, body: JsonObject | undefined): Refusal | Unreachable {
  const message = typeof body?.['message'] === 'string' ? body['message'] : `the server answered ${response.status}`;
  const data = isObject(body?.['data']) ? body['data'] : {};
  // Too many requests from this address or account come again when `Retry-After` says so.
  const isNotNow = !body || TEMPORARY.has(response.status) || data['code'] === 'RATE_LIMITED';
  return isNotNow ? new Unreachable(message, integer(response.headers.get('retry-after'))) : new Refusal(response.status, message, data);
}

export async function envelope(response: Response): Promise<JsonObject | undefined> {
  if (response.status === 304) return undefined;
  try {
    const body: unknown = await response.json();
    return isObject(body) && typeof body['success'] === 'boolean' ? body : undefined;
  } catch {
    return undefined;
  }
}

/** Of an answer that has to have some. */
export function given<T>(answer: Answer<T>): T {
  if (answer.data === undefined) throw new TypeError('no data');
  return answer.data;
}

function integer(text: string | null): number | undefined {
  return text !== null && /^\d+$/.test(text) ? Number(text) : undefined;
}
