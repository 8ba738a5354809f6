import type { TextStorage } from '../../src/sdk/index.ts';

/** A storage that tabs share, as `localStorage` is. `changed` hears of writes, as `storage` events tell of them. */
export class FakeStorage implements TextStorage {
  changed: (key: string) => void = () => {};
  readonly #items = new Map<string, string>();

  get length(): number {
    return this.#items.size;
  }

  key(index: number): string | null {
    return [...this.#items.keys()][index] ?? null;
  }

  getItem(key: string): string | null {
    return this.#items.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.#items.set(key, value);
    this.changed(key);
  }

  removeItem(key: string): void {
    this.#items.delete(key);
  }
}
