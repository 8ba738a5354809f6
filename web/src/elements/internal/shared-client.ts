/** The client that elements use when they are not given one. */
import { SeatcastClient } from '../../sdk/index.ts';

let shared: SeatcastClient | undefined;

/** Makes this client the one of all elements that have none of their own. Call it before they are shown. */
export function useClient(client: SeatcastClient): void {
  shared = client;
}

/** One client for the page. By default it talks to the server that this script came from. */
export function sharedClient(): SeatcastClient {
  if (!shared) {
    const storage = storageOfPage();
    shared = new SeatcastClient({ url: serverOf(import.meta.url), ...(storage ? { storage } : {}) });
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
function storageOfPage(): Storage | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
}

/**
 * A page that comes back to the foreground, or to the network, need not wait for the next attempt; and a
 * booking that another tab wrote to the storage is seen at once.
 */
export function followPage(client: SeatcastClient): void {
  globalThis.addEventListener('online', () => client.nudge());
  globalThis.addEventListener('storage', ({ key }) => client.storageChanged(key));
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') client.nudge();
  });
}
