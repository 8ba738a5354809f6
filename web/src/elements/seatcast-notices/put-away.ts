/** The notices that this reader has put away: kept, so that a reload does not bring them back. */
const KEY = 'seatcast.notices.put-away';
/** The newest so many are kept. */
const KEPT_MAX = 200;

let kept: Set<number> | undefined;

export function isPutAway(id: number): boolean {
  return read().has(id);
}

export function putAway(id: number): void {
  kept = new Set([...read(), id].slice(-KEPT_MAX));
  try {
    globalThis.localStorage?.setItem(KEY, JSON.stringify([...kept]));
  } catch {
    // Full or forbidden (private windows): this page still knows it.
  }
}

function read(): Set<number> {
  if (kept) return kept;
  kept = new Set();
  try {
    const value: unknown = JSON.parse(globalThis.localStorage?.getItem(KEY) ?? '[]');
    if (Array.isArray(value)) kept = new Set(value.filter((id) => typeof id === 'number'));
  } catch {
    // Forbidden, or not ours: nothing was put away.
  }
  return kept;
}
