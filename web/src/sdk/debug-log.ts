/**
 * A log of the client's steps, for people who look for a fault. It is written while `localStorage['ticket-availability-debug']` is
 * `'true'`, or after `debugLog.enable()`; then it is read as `debugLog.entries`, or as the console's «debug» messages.
 */
export const DEBUG_KEY = 'ticket-availability-debug';

/** The newest so many are kept. */
const ENTRIES_MAX = 500;

export interface LogEntry {
  /** RFC 3339, by this machine's clock. */
  at: string;
  /** `topic`, `link`, `request`. */
  kind: string;
  text: string;
  detail?: unknown;
}

class DebugLog {
  readonly #entries: LogEntry[] = [];
  #isOn: boolean | undefined;

  get entries(): readonly LogEntry[] {
    return this.#entries;
  }

  get isOn(): boolean {
    this.#isOn ??= isAskedFor();
    return this.#isOn;
  }

  /** From now on, or not any more, whatever the storage says. */
  enable(on = true): void {
    this.#isOn = on;
  }

  /** Empties it; from then on the storage decides again. */
  clear(): void {
    this.#entries.length = 0;
    this.#isOn = undefined;
  }

  note(kind: string, text: string, detail?: unknown): void {
    if (!this.isOn) return;
    this.#entries.push({ at: new Date().toISOString(), kind, text, ...(detail === undefined ? {} : { detail }) });
    this.#entries.splice(0, this.#entries.length - ENTRIES_MAX);
    const { console } = globalThis as { console?: { debug: (...parts: unknown[]) => void } };
    console?.debug(`seatcast ${kind}: ${text}`, ...(detail === undefined ? [] : [detail]));
  }
}

/** One for the page: all clients write to it. */
export const debugLog = new DebugLog();

function isAskedFor(): boolean {
  try {
    const { localStorage } = globalThis as { localStorage?: { getItem(key: string): string | null } };
    return localStorage?.getItem(DEBUG_KEY) === 'true';
  } catch {
    return false;
  }
}
