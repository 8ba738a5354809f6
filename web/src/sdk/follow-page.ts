import type { LiveClient } from './live-client.ts';

type Act = (event: { key: string | null }) => void;

/** None of it is there in Node. */
interface Page {
  document?: { visibilityState: string };
  addEventListener?: (type: string, listener: Act, options: { signal: AbortSignal | undefined; capture: true }) => void;
}

const page = globalThis as Page;

/**
 * A page that comes back to the foreground, or to the network, need not wait for the next attempt; without network nothing is
 * live; and a booking that another tab wrote to the storage is seen at once. Until the signal says so.
 */
export function followPage(client: LiveClient, signal?: AbortSignal): void {
  const acts: Record<string, Act> = {
    // Also while it is hidden: browsers slow the timers of such a page down, and it would be behind when it is shown.
    online: () => client.nudge(),
    visibilitychange: () => void (page.document?.visibilityState === 'hidden' || client.nudge()),
    offline: () => client.networkLost(),
    storage: ({ key }) => client.storageChanged(key),
  };
  // The document's visibility is heard of on the way down to it.
  for (const type in acts) page.addEventListener?.(type, acts[type]!, { signal, capture: true });
}
