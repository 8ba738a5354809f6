/**
 * The service worker of the check-in page, and of no other: opens it without network. The page's files are kept when it is
 * installed; answers of the API are never kept here.
 */

/** Files of the page, which the build puts in the place of the name. Each has its hash in its name, but for the page itself. */
declare const __CHECK_IN_FILES__: readonly string[];

/** The parts of a service worker's scope that are used: the rest of the code is compiled for pages. */
interface WorkerEvent extends Event {
  waitUntil(until: Promise<unknown>): void;
}
interface AskEvent extends Event {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface WorkerScope {
  addEventListener(type: 'install' | 'activate', listener: (event: WorkerEvent) => void): void;
  addEventListener(type: 'fetch', listener: (event: AskEvent) => void): void;
  skipWaiting(): Promise<void>;
}

const worker = globalThis as unknown as WorkerScope;
const PAGE = '/checkin';
const FILES = __CHECK_IN_FILES__;
const PREFIX = 'seatcast-checkin-';
/** The entry's name has a hash of all that it imports. */
const CACHE = PREFIX + (FILES.find((file) => file.startsWith('/assets/checkin-')) ?? '');
/** A network that does not answer within this is none. */
const PATIENCE_MS = 3_000;

worker.addEventListener('install', (event) => {
  const keep = async (): Promise<void> => {
    const cache = await caches.open(CACHE);
    await cache.addAll([PAGE, ...FILES]);
    await worker.skipWaiting();
  };
  event.waitUntil(keep());
});

worker.addEventListener('activate', (event) => {
  const tidy = async (): Promise<void> => {
    const old = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== CACHE);
    await Promise.all(old.map((name) => caches.delete(name)));
  };
  event.waitUntil(tidy());
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== location.origin) return;
  if (request.mode === 'navigate' && pathname === PAGE) event.respondWith(newestPage(request));
  else if (FILES.includes(pathname)) event.respondWith(kept(pathname, request));
});

/** The server's page, so that a new build is seen at once; the kept one when it does not answer. */
async function newestPage(request: Request): Promise<Response> {
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer.ok) return answer;
  } catch {
    // The kept one, below.
  }
  return kept(PAGE, request);
}

async function kept(path: string, request: Request): Promise<Response> {
  return (await caches.match(path, { ignoreVary: true })) ?? fetch(request);
}
