/**
 * The client that elements use when they are not given one. Elements that only show numbers make do with a `LiveClient`, which
 * is half as large; those that sell bring `full-client.ts`, and then it is a `SeatcastClient`.
 */
import { LiveClient, type ClientOptions } from '../../sdk/live-client.ts';

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
    shared = new Client({ url: serverOf(import.meta.url), ...(storage ? { storage } : {}) });
    followPage(shared);
  }
  return shared;
}

/** The address of the server that a script came from; its host may have other things beside it, as in `/tickets/`. */
export function serverOf(script: string): string {
  const { origin, pathname } = new URL(script);
  return origin + (/^(.*)\/(?:assets|embed)\/[^/]+$/.exec(pathname)?.[1] ?? '');
}

/** Sandboxed frames have none, and say so by throwing. */
export function storageOfPage(): Storage | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
}

/**
 * A page that comes back to the foreground, or to the network, need not wait for the next attempt; without network nothing is
 * live; and a booking that another tab wrote to the storage is seen at once.
 */
export function followPage(client: LiveClient): void {
  globalThis.addEventListener('online', () => client.nudge());
  globalThis.addEventListener('offline', () => client.networkLost());
  globalThis.addEventListener('storage', ({ key }) => client.storageChanged(key));
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') client.nudge();
  });
}
