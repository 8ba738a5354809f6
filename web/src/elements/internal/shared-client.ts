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
    shared = new SeatcastClient({ url: new URL(import.meta.url).origin, storage: globalThis.localStorage });
    wakeWithPage(shared);
  }
  return shared;
}

/** A page that comes back to the foreground, or to the network, need not wait for the next attempt. */
export function wakeWithPage(client: SeatcastClient): void {
  globalThis.addEventListener('online', () => client.nudge());
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') client.nudge();
  });
}
