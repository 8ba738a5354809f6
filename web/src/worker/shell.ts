/** The service worker's rules of keeping and answering. Apart from `sw.ts`, so that it can be tested without a browser. */

/** The page that stands for all of them: it reads its address itself. */
export const SHELL = '/';
/** How long a navigation may wait for the network before the kept page answers, in milliseconds. */
export const NAVIGATION_MS = 5_000;

const ASSETS = '/assets/';
/** Addresses that are no pages of the shop: without network they fail as they would without a worker. */
const NOT_PAGES = /^\/(?:desk|checkin|api|realtime|docs|dev|pay|embed|openapi\.json|metrics|health|ready)(?:\/|$)/;

/** How a request is answered: from what is kept, from the network first, or not by us. */
export type Way = 'kept' | 'network-first' | 'not-ours';

export function wayOf(request: Pick<Request, 'method' | 'mode' | 'url'>, origin: string): Way {
  const { origin: asked, pathname } = new URL(request.url);
  if (request.method !== 'GET' || asked !== origin) return 'not-ours';
  // Named by their content, so what is kept is what the server has.
  if (pathname.startsWith(ASSETS)) return 'kept';
  return request.mode === 'navigate' && !NOT_PAGES.test(pathname) ? 'network-first' : 'not-ours';
}

/** The network's answer if it comes in time; the kept page if not. An answer that says no is an answer. */
export async function networkFirst(network: Promise<Response>, kept: () => Promise<Response | undefined>, waitMs: number): Promise<Response> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), waitMs)));
  const inTime = await Promise.race([network.catch(() => undefined), late]);
  clearTimeout(timer);
  return inTime ?? (await kept()) ?? network;
}
