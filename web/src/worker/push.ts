/** Messages, as the service worker shows them. Apart from `sw.ts`, so that it can be tested without a browser. */

/** As the server writes it (`src/push/words.rs`). */
interface Message {
  title: string;
  body: string;
  /** Path of the page that it leads to. */
  url: string;
  tag: string;
  lang: string;
  dir: 'ltr' | 'rtl';
  /** RFC 3339, in the place of `{time}`. */
  until?: string;
}

export interface Shown {
  title: string;
  options: NotificationOptions & { data: { url: string } };
}

/** Every message has to be shown; one that cannot be read says at least where it is from. */
const UNREADABLE: Message = { title: 'Seatcast', body: '', url: '/', tag: 'seatcast', lang: 'en', dir: 'ltr' };

/** `now` decides whether a time needs its day. */
export function notificationOf(text: string | undefined, now: Date): Shown {
  const { title, body, url, tag, lang, dir, until } = read(text);
  const time = until === undefined ? '' : timeWords(new Date(until), now, lang);
  return {
    title,
    // A double replaces the first without a sound: it has the same tag.
    options: { body: body.replace('{time}', time), tag, lang, dir, icon: '/icons/192.png', data: { url } },
  };
}

function read(text: string | undefined): Message {
  try {
    const message = JSON.parse(text ?? '') as Message;
    const isWhole = [message.title, message.body, message.url, message.tag].every((part) => typeof part === 'string');
    // Only pages of ours are opened.
    return isWhole && /^\/(?!\/)/.test(message.url) ? message : UNREADABLE;
  } catch {
    return UNREADABLE;
  }
}

function timeWords(time: Date, now: Date, lang: string): string {
  const isToday = time.toDateString() === now.toDateString();
  const words = new Intl.DateTimeFormat(lang, { ...(isToday ? {} : { weekday: 'short', day: 'numeric', month: 'short' }), hour: '2-digit', minute: '2-digit' });
  return words.format(time);
}

/** The tab that shows this page already. */
export function tabOf<Tab extends { readonly url: string }>(tabs: readonly Tab[], url: string): Tab | undefined {
  return tabs.find((tab) => new URL(tab.url).pathname === url);
}

/** `pushsubscriptionchange`: the push service gave the browser another address. Not all browsers say both. */
export interface Moved {
  readonly oldSubscription?: PushSubscription | null;
  readonly newSubscription?: PushSubscription | null;
}

/** The event comes once: a server that does not answer is asked again after each of these. */
const RENEWAL_PAUSES_MS = [1_000, 5_000, 30_000] as const;

/**
 * Has the server tell the new subscription what the old one was to be told. Where the browser does not say which it had, the page
 * finds out (`notify/browser.ts`).
 */
export async function renew({ oldSubscription: old, newSubscription }: Moved, subscribe: (options: PushSubscriptionOptionsInit) => Promise<PushSubscription>): Promise<void> {
  const auth = old?.toJSON().keys?.['auth'];
  if (!old || !auth) return;
  const { endpoint, keys } = (newSubscription ?? (await subscribe(old.options))).toJSON();
  const request = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ auth, endpoint, keys }) };
  for (const pauseMs of RENEWAL_PAUSES_MS) {
    const answer = await fetch('/api/v1/push/subscriptions/renew', request).catch(() => undefined);
    // A «no» stays one: the server knows nothing of the old subscription.
    if (answer && answer.status < 500 && answer.status !== 429) return;
    await new Promise((next) => setTimeout(next, pauseMs));
  }
  await fetch('/api/v1/push/subscriptions/renew', request);
}
