/**
 * Keeps texts that must not be lost, such as the proof of a guest's booking: in the storage that the client was given. Where
 * that is full the last known numbers give way, which can be had again. Where it takes nothing the tab's own storage does,
 * which outlives a reload and the way to a payment provider; and else this page's memory.
 */
import { forgetLastKnown } from './last-known.ts';
import type { TextStorage } from './store.ts';

/** Whether texts are kept at all is tried with this key. */
const PROBE = 'seatcast.probe';

export class Keeper {
  readonly #memory = new Map<string, string>();
  /** The best first. */
  readonly #stores: TextStorage[];

  constructor(storage: TextStorage | undefined) {
    this.#stores = storage ? [storage, ...tabStorage()] : [];
  }

  /** What is kept outlives the page. Tried anew each time: storages fill up. */
  get isLasting(): boolean {
    this.set(PROBE, '1');
    const isLasting = !this.#memory.has(PROBE);
    this.remove(PROBE);
    return isLasting;
  }

  get(key: string): string | null {
    for (const store of this.#stores) {
      const text = attempt(() => store.getItem(key));
      if (text) return text;
    }
    return this.#memory.get(key) ?? null;
  }

  /** All that is kept whose keys begin so. Read anew each time: other tabs write as well. */
  all(prefix: string): string[] {
    const stored = this.#stores.flatMap((store) => attempt(() => Array.from({ length: store.length }, (_, index) => store.key(index) ?? '')) ?? []);
    const keys = new Set([...stored, ...this.#memory.keys()].filter((key) => key.startsWith(prefix)));
    return [...keys].flatMap((key) => this.get(key) ?? []);
  }

  /** Writes it. With `oldWillDo`, an older text stays alone where it is rather than give way to this one in a lesser place. */
  set(key: string, text: string, { oldWillDo = false } = {}): void {
    const home = oldWillDo ? this.#stores.findIndex((store) => attempt(() => store.getItem(key))) : -1;
    const stores = home < 0 ? this.#stores : this.#stores.slice(0, home + 1);
    const kept = stores.find((store) => write(store, key, text));
    if (!kept && home >= 0) return;
    // An older text elsewhere would be found as well.
    this.#remove(key, kept);
    if (!kept) this.#memory.set(key, text);
  }

  remove(key: string): void {
    this.#remove(key);
  }

  #remove(key: string, except?: TextStorage): void {
    this.#memory.delete(key);
    for (const store of this.#stores) if (store !== except) attempt(() => store.removeItem(key));
  }
}

function write(store: TextStorage, key: string, text: string): boolean {
  const set = (): true => {
    store.setItem(key, text);
    return true;
  };
  return attempt(set) ?? attempt(() => (forgetLastKnown(store), set())) ?? false;
}

/** Undefined where a storage is full or forbidden (private windows), which it says by throwing. */
function attempt<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch {
    return undefined;
  }
}

/** Of a browser; none where it is forbidden. */
function tabStorage(): TextStorage[] {
  const tab = attempt(() => (globalThis as { sessionStorage?: TextStorage }).sessionStorage);
  return tab ? [tab] : [];
}
