/** Whether a person can see the page. Outside of browsers there is none to hide: everything counts as seen. */

interface PageDocument {
  readonly visibilityState: string;
  addEventListener(type: 'visibilitychange', listener: () => void): void;
  removeEventListener(type: 'visibilitychange', listener: () => void): void;
}

function page(): PageDocument | undefined {
  return (globalThis as { document?: PageDocument }).document;
}

export function isHidden(): boolean {
  return page()?.visibilityState === 'hidden';
}

/** Calls back each time the page is shown again, until the returned function is called. */
export function onShown(shown: () => void): () => void {
  const seen = page();
  const changed = (): void => {
    if (!isHidden()) shown();
  };
  seen?.addEventListener('visibilitychange', changed);
  return () => seen?.removeEventListener('visibilitychange', changed);
}
