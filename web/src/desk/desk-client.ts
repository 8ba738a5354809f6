/**
 * REST for those who run events: the routes that the SDK has no methods for, with the session, the clock and the envelope of
 * the SDK's client.
 */
import { sharedClient } from '../elements/internal/full-client.ts';
import { newKey, sendOnce } from '../sdk/booking.ts';
import { fileOf } from '../sdk/files.ts';
import { pageSession } from '../pages/session.ts';
import { Refusal, SeatcastClient } from '../sdk/index.ts';
import { given, type Answer, type RestRequest } from '../sdk/rest.ts';

/** One page of a list. */
export interface Rows<T> {
  rows: T[];
  /** Counted up to 10,000; 10,001 means more. */
  total: number;
  /** Asks for the next page: the path of `rows`, with the cursor. Undefined on the last one. */
  next: string | undefined;
}

export class DeskClient extends SeatcastClient {
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
    return { rows, total: Number(answer.headers.get('x-total-count') ?? rows.length), next: nextOf(path, answer.headers.get('link')) };
  }

  /** Makes something, once: it is sent again with the same key while nobody answers. */
  async make<T>(path: string, body?: unknown, key: string = newKey()): Promise<T> {
    return given(await this.makeAnswer<T>(path, body, key));
  }

  /** The same, with the answer's headers: `Location` names a job. */
  async makeAnswer<T>(path: string, body?: unknown, key: string = newKey()): Promise<Answer<T>> {
    return signed(() => sendOnce<T>(this.rest, path, { method: 'POST', body }, key));
  }

  /** Changes something. `revision`: only if it is the newest (`VERSION_CONFLICT` otherwise). */
  async change<T>(method: 'PUT' | 'PATCH', path: string, body: unknown, revision?: number): Promise<T> {
    const headers = revision === undefined ? {} : { headers: { 'if-match': `"${revision}"` } };
    return given(await this.#send<T>(path, { method, body, ...headers }));
  }

  async remove(path: string): Promise<void> {
    await this.#send(path, { method: 'DELETE' });
  }

  /** A PDF or a table. */
  async file(path: string): Promise<Blob> {
    return signed(() => fileOf(this.rest, path, {}));
  }

  #send<T>(path: string, request: RestRequest = {}): Promise<Answer<T>> {
    return signed(() => this.rest.send<T>(path, request));
  }
}

/** A session that ended is renewed, once; where that cannot be, nobody is signed in any more. */
export async function signed<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 401 || (await pageSession().another()) === undefined) throw error;
    return ask();
  }
}

/** `Link: <?limit=20&cursor=…>; rel="next"`, relative to the list. */
function nextOf(path: string, link: string | null): string | undefined {
  const query = /<(\?[^>]*)>; rel="next"/.exec(link ?? '')?.[1];
  return query && path.split('?')[0] + query;
}

/** The desk's one client. */
export function deskClient(): DeskClient {
  const client = sharedClient();
  if (client instanceof DeskClient) return client;
  throw new TypeError('pageSession(DeskClient) comes first');
}
