/**
 * Reports what visitors do, for analytics: in batches, every 5 s or when 50 wait. What the server did not take is kept and sent
 * again; what is left when the page goes is sent by `sendBeacon`. A buyer who leaves in the middle of booking is reported, too.
 */
import { Refusal, type Rest } from './rest.ts';
import type { Interaction, JsonObject } from './protocol.ts';

export const TRACKER = {
  intervalMs: 5_000,
  /** So many are sent at once, without waiting. */
  enough: 50,
  /** The server takes so many in one request. */
  batchMax: 200,
  /** While the server is away no more than the newest so many are kept. */
  keptMax: 1_000,
  /** The server's bounds of one report. */
  actionCharsMax: 100,
  agentCharsMax: 500,
  pageCharsMax: 2_000,
  dataBytesMax: 4_096,
} as const;

/** The report of a buyer who left. */
export const ABANDONED = 'booking_abandoned';

/** In the tab's storage. */
const SESSION_KEY = 'seatcast.visit';

/** The part of a page that is used; none of it is there in Node. */
interface Page {
  location?: { href: string };
  navigator?: { userAgent?: string; sendBeacon?: (url: string, body: Blob) => boolean };
  document?: { visibilityState: string };
  sessionStorage?: { getItem(key: string): string | null; setItem(key: string, value: string): void };
  addEventListener?: (type: string, listener: () => void) => void;
  removeEventListener?: (type: string, listener: () => void) => void;
}

export interface TrackerOptions {
  rest: Rest;
  /** Of `POST /interactions`. */
  address: string;
  /** Id of the caller's account. */
  user: () => number | undefined;
  now: () => number;
  newId: () => string;
  /** The step at which the caller is in each event. */
  steps: () => Iterable<[eventId: number, step: string]>;
}

export class Tracker {
  readonly #options: TrackerOptions;
  readonly #page = globalThis as Page;
  #waiting: Interaction[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sending = false;
  #session: string | undefined;
  #listens = false;
  readonly #left = (): void => this.#leave();
  readonly #hidden = (): void => {
    if (this.#page.document?.visibilityState === 'hidden') this.#beacon();
  };

  constructor(options: TrackerOptions) {
    this.#options = options;
  }

  /** Reports that have not been taken yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Session, user, page and agent are added by itself. */
  track(action: string, data: JsonObject = {}): void {
    this.#listen();
    this.#waiting.push(this.#report(action, data));
    this.#waiting.splice(0, this.#waiting.length - TRACKER.keptMax);
    if (this.#waiting.length >= TRACKER.enough) void this.flush();
    else this.#later();
  }

  /** Sends what waits now. It never fails: what the server does not take waits on. */
  async flush(): Promise<void> {
    if (this.#sending || this.#waiting.length === 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sending = true;
    const batch = this.#waiting.splice(0, TRACKER.batchMax);
    try {
      await this.#options.rest.send('/interactions', { method: 'POST', body: { interactions: batch } });
    } catch (error) {
      // A refusal is for good: sent again it would stop all that comes after it.
      if (!(error instanceof Refusal)) this.#waiting.unshift(...batch);
      this.#waiting.splice(0, this.#waiting.length - TRACKER.keptMax);
    }
    this.#sending = false;
    if (this.#waiting.length > 0) this.#later();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#page.removeEventListener?.('pagehide', this.#left);
    this.#page.removeEventListener?.('visibilitychange', this.#hidden);
    this.#listens = false;
  }

  #later(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.flush();
    }, TRACKER.intervalMs);
  }

  #report(action: string, data: JsonObject): Interaction {
    const { location, navigator } = this.#page;
    const { user_id: _user, ...given } = data;
    const eventId = given['event_id'] ?? given['eventId'];
    const user = this.#options.user();
    const fits = new TextEncoder().encode(JSON.stringify(given)).length <= TRACKER.dataBytesMax;
    return {
      action: action.slice(0, TRACKER.actionCharsMax),
      timestamp: new Date(this.#options.now()).toISOString(),
      session_id: this.#sessionId(),
      // A report that is too large would be refused, and with it all that are sent together.
      data: fits ? given : { too_large: true },
      ...(Number.isSafeInteger(eventId) ? { event_id: eventId as number } : {}),
      ...(user === undefined ? {} : { user_id: user }),
      ...(location ? { page_url: pageOf(location.href).slice(0, TRACKER.pageCharsMax) } : {}),
      ...(navigator?.userAgent ? { user_agent: navigator.userAgent.slice(0, TRACKER.agentCharsMax) } : {}),
    };
  }

  /** The same for all pages of a tab, and new with each tab. */
  #sessionId(): string {
    if (this.#session !== undefined) return this.#session;
    const made = this.#options.newId();
    try {
      const kept = this.#page.sessionStorage?.getItem(SESSION_KEY);
      if (!kept) this.#page.sessionStorage?.setItem(SESSION_KEY, made);
      this.#session = kept ?? made;
    } catch {
      // Sandboxed frames may store nothing.
      this.#session = made;
    }
    return this.#session;
  }

  /** Only pages that report anything are listened to. */
  #listen(): void {
    if (this.#listens) return;
    this.#listens = true;
    this.#page.addEventListener?.('pagehide', this.#left);
    // Phones end hidden pages without another word.
    this.#page.addEventListener?.('visibilitychange', this.#hidden);
  }

  #leave(): void {
    for (const [event_id, step] of this.#options.steps()) this.#waiting.push(this.#report(ABANDONED, { event_id, step }));
    this.#beacon();
  }

  /** As text, which needs no permission of another origin; so there is no token with it, and the visitor stays unnamed. */
  #beacon(): void {
    const { navigator } = this.#page;
    while (navigator?.sendBeacon && this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, TRACKER.batchMax);
      const body = new Blob([JSON.stringify({ interactions: batch })], { type: 'text/plain' });
      if (!navigator.sendBeacon(this.#options.address, body)) return;
      this.#waiting.splice(0, batch.length);
    }
  }
}

/** Its address, and the campaign that led there. The rest may be secret: providers of payments lead back with theirs, mails have links. */
function pageOf(href: string): string {
  const url = new URL(href);
  url.hash = '';
  url.search = String(new URLSearchParams([...url.searchParams].filter(([name]) => name.startsWith('utm_'))));
  return url.href;
}
