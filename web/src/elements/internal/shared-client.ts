/**
 * The client that elements use when they are not given one. Elements that only show numbers make do with a `LiveClient`, which
 * is half as large; those that sell bring `full-client.ts`, and then it is a `BuyerClient`. Of the script that sites load it is a
 * `SeatcastClient` (`site-client.ts`).
 */
import { followPage } from '../../sdk/follow-page.ts';
import { LiveClient, type ClientOptions } from '../../sdk/live-client.ts';
import { storageOfPage } from '../../sdk/page.ts';

type ClientClass = new (options: ClientOptions) => LiveClient;

let Client: ClientClass = LiveClient;
let shared: LiveClient | undefined;

/** Makes this client the one of all elements that have none of their own. Call it before they are shown. */
export function useClient(client: LiveClient): void {
  shared = client;
}

/** From now on the page's client is one of this class, which can do more. Elements that are shown already keep theirs. */
export function provideClient(better: ClientClass): void {
  Client = better;
  if (!(shared instanceof better)) shared = undefined;
}

/** One client for the page. By default it talks to the server that this script came from. */
export function liveClient(): LiveClient {
  if (!shared) {
    const storage = storageOfPage();
    shared = new Client({ url: serverOf(import.meta.url), storage });
    followPage(shared);
  }
  return shared;
}

/** The address of the server that a script came from; its host may have other things beside it, as in `/tickets/`. */
export function serverOf(script: string): string {
  const { origin, pathname } = new URL(script);
  return origin + (/^(.*)\/(?:assets|embed)\/[^/]+$/.exec(pathname)?.[1] ?? '');
}
