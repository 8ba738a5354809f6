/**
 * REST for those who run events: the routes that the SDK has no methods for, with the session, the clock and the envelope of
 * the SDK's client.
 */
import { sharedClient } from '../elements/internal/full-client.ts';
import { newKey, sendOnce } from '../sdk/booking.ts';
import { fileOf } from '../sdk/files.ts';
import { Refusal, SeatcastClient, Unreachable, type ClientOptions } from '../sdk/index.ts';
import { nextPage } from '../sdk/next-page.ts';
import { given, type Answer, type RestRequest } from '../sdk/rest.ts';

/** One page of a list. */
export interface Rows<T> {
  rows: T[];
  /** Counted up to 10,000; 10,001 means more. */
  total: number;
  /** Asks for the next page: the path of `rows`, with the cursor. Undefined on the last one. */
  next: string | undefined;
}

/** Wishes without an answer whose keys are known; the oldest goes first. */
const UNANSWERED_MAX = 50;
/** The server forgets keys after a day; the rest is for clocks that differ. */
const UNANSWERED_MS = 23 * 3_600_000;

/** Bodies from here on are sent in gzip, as seat maps are: a tenth of the bytes. */
const GZIP_CHARS_MIN = 64 * 1024;
/** Longer than the server gives a request by default: it says itself that something took too long. */
const UPLOAD_MS = 60_000;

export class DeskClient extends SeatcastClient {
  /** Keys of wishes to make something that nobody answered, by what was asked. The server may have heard them all the same. */
  readonly #unanswered = new Map<string, { key: string; at: number }>();

  constructor(options: ClientOptions) {
    super({ ...options, fetch: inGzip(options.fetch) });
  }

  /** @throws Refusal, Unreachable; and so do all below */
  async read<T>(path: string): Promise<T> {
    return given(await this.#send<T>(path));
  }

  /** With status, headers and revision. */
  async ask<T>(path: string, request: RestRequest = {}): Promise<Answer<T>> {
    return this.#send<T>(path, request);
  }

  /** A list's page. */
  async rows<T>(path: string): Promise<Rows<T>> {
    const answer = await this.#send<T[]>(path);
    const rows = given(answer);
    return { rows, total: Number(answer.headers.get('x-total-count') ?? rows.length), next: nextPage(path, answer.headers) };
  }

  /** Makes something: it is sent again with the same key while nobody answers. Asked for anew, another one is made. */
  async make<T>(path: string, body?: unknown): Promise<T> {
    const key = newKey();
    return given(await sendOnce<T>(this.rest, path, { method: 'POST', body }, key));
  }

  /**
   * Does something, once: it has the same key also when the same is asked for later, while nobody has answered. A refund whose
   * answer got lost is no second refund when its button is pressed again. With the answer's headers: `Location` names a job.
   */
  async doOnce<T>(path: string, body?: unknown): Promise<Answer<T>> {
    const wish = wishOf(path, body);
    const { key, at } = this.#known(wish) ?? { key: newKey(), at: Date.now() };
    this.#unanswered.delete(wish);
    try {
      return await sendOnce<T>(this.rest, path, { method: 'POST', body }, key);
    } catch (error) {
      if (isUnanswered(error)) this.#unanswered.set(wish, { key, at });
      for (const oldest of [...this.#unanswered.keys()].slice(0, -UNANSWERED_MAX)) this.#unanswered.delete(oldest);
      throw error;
    }
  }

  /** The same was asked for before, and it is not known whether it was done. */
  isUnanswered(path: string, body?: unknown): boolean {
    return this.#known(wishOf(path, body)) !== undefined;
  }

  #known(wish: string): { key: string; at: number } | undefined {
    const known = this.#unanswered.get(wish);
    return known && Date.now() - known.at < UNANSWERED_MS ? known : undefined;
  }

  /** Changes something. `revision`: only if it is the newest (`VERSION_CONFLICT` otherwise). */
  async change<T>(method: 'PUT' | 'PATCH', path: string, body: unknown, revision?: number): Promise<T> {
    const headers = revision === undefined ? {} : { headers: { 'if-match': `"${revision}"` } };
    return given(await this.#send<T>(path, { method, body, ...headers }));
  }

  /** Puts something that may be large: a seat map. */
  async put<T>(path: string, body: unknown): Promise<T> {
    return given(await this.rest.send<T>(path, { method: 'PUT', body, signal: AbortSignal.timeout(UPLOAD_MS) }));
  }

  async remove(path: string): Promise<void> {
    await this.#send(path, { method: 'DELETE' });
  }

  /** A PDF or a table. */
  async file(path: string): Promise<Blob> {
    return fileOf(this.rest, path, {});
  }

  #send<T>(path: string, request: RestRequest = {}): Promise<Answer<T>> {
    return this.rest.send<T>(path, request);
  }
}

/** The server inflates bodies; a seat map of 100,000 seats has ten megabytes. */
function inGzip(given: typeof fetch | undefined): typeof fetch {
  return async (input, init) => {
    // Called without a receiver: browsers refuse `fetch` as somebody's method.
    const send = given ?? globalThis.fetch;
    const body = init?.body;
    if (typeof body !== 'string' || body.length < GZIP_CHARS_MIN || !('CompressionStream' in globalThis)) return send(input, init);
    const packed = await new Response(new Blob([body]).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer();
    const headers = new Headers(init?.headers);
    headers.set('content-encoding', 'gzip');
    return send(input, { ...init, headers, body: packed });
  };
}

function wishOf(path: string, body: unknown): string {
  return `${path} ${JSON.stringify(body)}`;
}

/** Whether something was done is unknown: no answer, or the caller was not let in to ask again. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof Unreachable || (error instanceof Refusal && error.status === 401);
}

/** The desk's one client. */
export function deskClient(): DeskClient {
  const client = sharedClient();
  if (client instanceof DeskClient) return client;
  throw new TypeError('pageSession(DeskClient) comes first');
}
