import type { TextStorage } from './store.ts';

/** The `storage` of a client on a page. Sandboxed frames have none, and say so by throwing; in Node there is none. */
export function storageOfPage(): TextStorage | undefined {
  try {
    return (globalThis as { localStorage?: TextStorage }).localStorage;
  } catch {
    return undefined;
  }
}
