/**
 * The service worker: the pages open without a network. It keeps the shell, which is the page and the files it is made of,
 * and nothing else. Answers of the API are never kept here: the SDK keeps the last numbers and says how old they are
 * (`src/sdk/last-known.ts`), and a booking that could not be sent is offered by the page, not sent from here.
 *
 * It shows the messages that its push service brings, and leads to the page that they are about (`push.ts`).
 *
 * Another build is another worker. It waits until no page of the former is open, so that none loses files that it may still
 * need; pages themselves come from the network first, so that a new build is seen at once.
 */
import { notificationOf, renew, tabOf, type Moved } from './push.ts';
import { NAVIGATION_MS, networkFirst, SHELL, wayOf } from './shell.ts';

/** Replaced by the build (`vite.config.ts`): the files of the page, by their hashed names. */
declare const SHELL_FILES: readonly string[];
/** Replaced by the build: a name that changes with the files. */
declare const SHELL_VERSION: string;

interface Worker {
  readonly registration: ServiceWorkerRegistration;
  readonly clients: { matchAll(wish: object): Promise<readonly Tab[]>; openWindow(url: string): Promise<unknown> };
  readonly location: Location;
  addEventListener<E extends Event>(type: string, listener: (event: E) => void): void;
}
interface LongEvent extends Event {
  waitUntil(done: Promise<unknown>): void;
}
interface RequestEvent extends LongEvent {
  readonly request: Request;
  readonly preloadResponse: Promise<Response | undefined>;
  respondWith(answer: Promise<Response>): void;
}

interface Tab {
  readonly url: string;
  focus(): Promise<unknown>;
}
interface MessageEvent extends LongEvent {
  readonly data: { text(): string } | null;
}
interface ClickEvent extends LongEvent {
  readonly notification: Notification;
}
type ChangeEvent = LongEvent & Moved;

const worker = globalThis as unknown as Worker;
const PREFIX = 'seatcast-shop-';
const CACHE = PREFIX + SHELL_VERSION;

worker.addEventListener('install', (event: LongEvent) => {
  event.waitUntil(install());
});

worker.addEventListener('activate', (event: LongEvent) => {
  event.waitUntil(activate());
});

worker.addEventListener('fetch', (event: RequestEvent) => {
  const way = wayOf(event.request, worker.location.origin);
  if (way === 'kept') event.respondWith(keptOrFetched(event.request));
  if (way === 'network-first') event.respondWith(networkFirst(navigated(event), () => caches.match(SHELL, { ignoreVary: true }), NAVIGATION_MS));
});

worker.addEventListener('push', (event: MessageEvent) => {
  const { title, options } = notificationOf(event.data?.text(), new Date());
  event.waitUntil(worker.registration.showNotification(title, options));
});

worker.addEventListener('notificationclick', (event: ClickEvent) => {
  event.notification.close();
  event.waitUntil(show((event.notification.data as { url: string }).url));
});

worker.addEventListener('pushsubscriptionchange', (event: ChangeEvent) => {
  event.waitUntil(renew(event, (options) => worker.registration.pushManager.subscribe(options)));
});

/** Brings the tab of the page to the front, or opens one. No other tab is led away: something may be half done there. */
async function show(url: string): Promise<void> {
  const tab = tabOf(await worker.clients.matchAll({ type: 'window', includeUncontrolled: true }), url);
  await (tab ? tab.focus() : worker.clients.openWindow(url));
}

async function install(): Promise<void> {
  const cache = await caches.open(CACHE);
  // The page has to be the server's, whatever the browser has of it; files with a hash in their name may come from anywhere.
  await cache.add(new Request(SHELL, { cache: 'reload', credentials: 'omit' }));
  await cache.addAll([...SHELL_FILES]);
}

async function activate(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(PREFIX) && name !== CACHE).map((name) => caches.delete(name)));
  // The network begins while this worker starts.
  await worker.registration.navigationPreload?.enable();
}

async function navigated({ request, preloadResponse }: RequestEvent): Promise<Response> {
  return (await preloadResponse) ?? fetch(request);
}

/** Fonts and parts that are loaded later are kept with their first use. */
async function keptOrFetched(request: Request): Promise<Response> {
  const kept = await caches.match(request.url, { ignoreVary: true });
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok && answer.type === 'basic') {
    const cache = await caches.open(CACHE);
    // A full disk is no reason not to answer.
    await cache.put(request.url, answer.clone()).catch(() => {});
  }
  return answer;
}
