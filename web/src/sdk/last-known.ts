/**
 * The last numbers of each event, kept for a time without a network. They are shown as what they are (`rememberedAt`),
 * never as live, and the server's replace them whatever their revision.
 *
 * Each topic has a key of its own: tabs share the storage. A tab that is behind leaves what another one wrote a moment ago.
 */
import type { ServerClock } from './clock.ts';
import type { EventState } from './model.ts';
import type { TextStorage } from './store.ts';
import type { Subscription } from './subscription.ts';

interface LastKnown {
  revision: number;
  /** The server's clock when they were known to be current, in milliseconds since 1970. */
  at: number;
  value: unknown;
}

export const LAST_KNOWN = {
  /** The newest so many are kept. */
  keptMax: 30,
  /** Changes are written so long after the first of them: a hot sale has many a second. */
  writeAfterMs: 2_000,
  /** A higher revision that was written within this time stays; after it the database may have been put back. */
  trustedMs: 60_000,
  /** Longer values are not kept, in characters. */
  lengthMax: 200_000,
  /** All of them together, in characters: browsers let a site keep 2.5 to 5 million, and what else is kept matters more. */
  totalMax: 1_000_000,
} as const;

const PREFIX = 'seatcast.last.';

/** Keeps what is live of an event, and shows it again when there is no way to the server. It is the same for everybody. */
export function rememberNumbers(storage: TextStorage, url: string, clock: ServerClock, subscription: Subscription<EventState>): void {
  const name = `${url}/${subscription.topic}`;
  subscription.remembers(() => {
    const known = readLastKnown(storage, name);
    return known && { state: known.value as EventState, at: known.at };
  });
  let writing: ReturnType<typeof setTimeout> | undefined;
  const write = (): void => {
    writing = undefined;
    const { state, revision, status } = subscription.view;
    if (status === 'live' && state) keepLastKnown(storage, name, { revision, at: clock.now(), value: { ...state, presence: null } });
  };
  subscription.changed.on(({ status }) => {
    if (status === 'live') writing ??= setTimeout(write, LAST_KNOWN.writeAfterMs);
  });
}

/** The same for an answer of REST. */
export function keepAnswer(storage: TextStorage, url: string, path: string, at: number, value: unknown): void {
  keepLastKnown(storage, url + path, { revision: 0, at, value });
}

export function keptAnswer<T>(storage: TextStorage, url: string, path: string): { value: T; at: number } | undefined {
  const known = readLastKnown(storage, url + path);
  return known && { value: known.value as T, at: known.at };
}

function readLastKnown(storage: TextStorage, name: string): LastKnown | undefined {
  try {
    const { revision, at, value } = JSON.parse(storage.getItem(PREFIX + name) ?? '') as LastKnown;
    return Number.isFinite(revision) && Number.isFinite(at) && value ? { revision, at, value } : undefined;
  } catch {
    return undefined;
  }
}

function keepLastKnown(storage: TextStorage, name: string, known: LastKnown): void {
  const before = readLastKnown(storage, name);
  if (before && before.revision > known.revision && known.at - before.at < LAST_KNOWN.trustedMs) return;
  const text = JSON.stringify(known);
  if (text.length > LAST_KNOWN.lengthMax) return;
  try {
    dropOldest(storage, PREFIX + name, text.length);
    storage.setItem(PREFIX + name, text);
  } catch {
    // Full or forbidden: without a network there will be nothing to show.
  }
}

/** Something else needs the room. */
export function forgetLastKnown(storage: TextStorage): void {
  for (const key of keysOf(storage)) storage.removeItem(key);
}

/** Makes room for a text of that length. */
function dropOldest(storage: TextStorage, name: string, length: number): void {
  const others = keysOf(storage).filter((key) => key !== name);
  const kept = others.map((key) => ({ key, length: storage.getItem(key)?.length ?? 0 }));
  let total = kept.reduce((sum, one) => sum + one.length, length);
  const isTooMuch = (): boolean => total > LAST_KNOWN.totalMax || kept.length >= LAST_KNOWN.keptMax;
  if (!isTooMuch()) return;
  const age = new Map(others.map((key) => [key, readLastKnown(storage, key.slice(PREFIX.length))?.at ?? 0]));
  kept.sort((one, other) => age.get(other.key)! - age.get(one.key)!);
  while (isTooMuch()) {
    const oldest = kept.pop()!;
    total -= oldest.length;
    storage.removeItem(oldest.key);
  }
}

function keysOf(storage: TextStorage): string[] {
  return Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? '').filter((key) => key.startsWith(PREFIX));
}
