/** Storage of this tab, which outlives a reload. Sandboxed frames have no such storage, and say so by throwing. */
export function tabMemory(): Storage | undefined {
  try {
    return globalThis.sessionStorage;
  } catch {
    return undefined;
  }
}
