import type { TextStorage } from '../../src/sdk/index.ts';

/** A storage that tabs share, as `localStorage` is. `changed` hears of writes, as `storage` events tell of them. */
export class FakeStorage implements TextStorage {
  /** Characters that it takes, as browsers count them: keys and values. */
  readonly room: number;
  changed: (key: string) => void = () => {};
  readonly #items = new Map<string, string>();

  constructor(room = Number.POSITIVE_INFINITY) {
    this.room = room;
  }

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
    const others = [...this.#items].filter(([name]) => name !== key).reduce((sum, [name, text]) => sum + name.length + text.length, 0);
    if (others + key.length + value.length > this.room) throw new DOMException('The quota has been exceeded.', 'QuotaExceededError');
    this.#items.set(key, value);
    this.changed(key);
  }

  removeItem(key: string): void {
    this.#items.delete(key);
  }
}
