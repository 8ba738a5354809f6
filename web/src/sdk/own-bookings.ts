/**
 * The caller's own bookings, live. An account has a topic, `user:{id}`: what is held, paid,
 * cancelled or expired anywhere shows at once. A guest has tokens and no topic: the bookings are read by
 * REST when something may have changed (a write of ours, a deadline, another tab, a page that is shown
 * again), and now and then while a hold is open. Whoever signs in keeps in sight what this browser holds as a guest.
 *
 * Either way the highest version of a booking stays (`bookings.ts`).
 */
import { Backoff } from './backoff.ts';
import type { Booking, HeldTicket } from './booking.ts';
import { Bookings } from './bookings.ts';
import type { ServerClock } from './clock.ts';
import { Emitter } from './emitter.ts';
import type { TopicStatus } from './freshness.ts';
import type { ErrorResponse } from './protocol.ts';
import type { TopicView } from './topic-state.ts';
import { isHidden } from './visibility.ts';

export interface BookingsView {
  /** The newest first, ended ones too; undefined until they are known. */
  bookings: readonly Booking[] | undefined;
  /** Of a guest, whom nobody tells that something changed: `stale`, or `offline` when reading failed. */
  status: TopicStatus;
  /** The tickets that the account took over from others, the latest first; undefined until they are known, and of a guest. */
  tickets?: readonly HeldTicket[] | undefined;
  /** Whether they are an account's, or a guest's. */
  account: boolean;
  /** Why they cannot be read, as long as that is so. */
  problem: ErrorResponse | Error | undefined;
}

export const GUEST = {
  /** The server ends a hold within a second of its deadline: this long after it a guest asks what became of it. */
  afterDeadlineMs: 1_200,
  /** Somebody else may end a guest's hold: asked this often while one is open. */
  intervalMs: 20_000,
  /** The same while a payment is under way: its end is waited for. */
  payingMs: 3_000,
  /** Refunds, check-ins and cancellations by the organizer show this long after, while the page is seen. */
  confirmedMs: 30_000,
  /** Asked so often at most, `payingMs` apart, where the money of an ended booking is; then slowly, if it may still come. */
  moneyAsksMax: 20,
  backoffBaseMs: 2_000,
  backoffCapMs: 20_000,
} as const;

export type Settled = (id: string, version: number) => Booking | undefined;

/** The client's part that is used here. */
export interface Source {
  readonly clock: ServerClock;
  /** Id of the caller's account; undefined for a guest. */
  user(): number | undefined;
  /** There is an account, though its id may not be known yet. */
  isSomebody(): boolean;
  watchTopic(user: number, listener: (view: TopicView<Bookings>) => void): () => void;
  /** Changes the state of an account's topic, if that is watched. */
  amendTopic(user: number, change: (known: Bookings) => Bookings): void;
  /**
   * By REST: the bookings that no topic tells of, and a moment before they were read. Those that `settled` answers, for an id and the
   * newest version that a tab of this browser knows, are not read again.
   */
  read(settled: Settled): Promise<{ bookings: Booking[]; askedAt: number }>;
  /** Reads one booking, for its answer's exact time. */
  readOne(id: string): Promise<Booking>;
  /** This browser has the booking's token. */
  isHeld(id: string): boolean;
}

const NOTHING: BookingsView = { bookings: undefined, status: 'connecting', account: false, problem: undefined };

export class OwnBookings {
  readonly #changed = new Emitter<BookingsView>();
  readonly #source: Source;
  readonly #backoff = new Backoff({ baseMs: GUEST.backoffBaseMs, capMs: GUEST.backoffCapMs });
  #watchers = 0;
  #isOn = false;
  #view: BookingsView = NOTHING;
  /** The account whose topic is watched. */
  #user: number | undefined;
  #topic: TopicView<Bookings> | undefined;
  #leaveTopic: (() => void) | undefined;
  /** A guest's. */
  #known = Bookings.none;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Answers of older readings are dropped. */
  #reading = 0;
  #isReading = false;
  #askAgain = false;
  /** Left of `GUEST.moneyAsksMax`. */
  #moneyAsks = 0;
  #learnsTime = false;

  constructor(source: Source) {
    this.#source = source;
  }

  /** Calls the listener now and at every change, until the returned function is called. */
  watch(listener: (view: BookingsView) => void): () => void {
    const off = this.#changed.on(listener);
    this.#watchers += 1;
    if (!this.#isOn) this.#begin();
    listener(this.#view);
    let watching = true;
    return () => {
      if (!watching) return;
      watching = false;
      off();
      this.#watchers -= 1;
      if (this.#watchers === 0) this.#end();
    };
  }

  /** The caller is another one. */
  identityChanged(): void {
    const wasOn = this.#isOn;
    this.#end();
    this.#show(NOTHING);
    if (wasOn) this.#begin();
  }

  /** Until somebody watches anew; those who still do see what was known last. */
  close(): void {
    const view = this.#view;
    this.#end();
    this.#show({ ...view, status: 'offline' });
  }

  /** REST answered a write with this booking. */
  told(booking: Booking): void {
    const at = this.#source.clock.now() * 1_000;
    if (this.#user !== undefined && booking.user_id === this.#user) {
      this.#source.amendTopic(this.#user, (known) => known.told([booking], at));
    } else if (this.#isOn) {
      if (isUnsettled(booking)) this.#moneyAsks = GUEST.moneyAsksMax;
      // Staff write bookings of others, which are none of theirs.
      if (this.#user === undefined || this.#source.isHeld(booking.id)) this.#known = this.#known.told([booking], at);
      if (this.#view.bookings) this.#showAll(this.#view.problem);
      this.ask();
    }
  }

  /** A guest's bookings may have changed: reads them. An account's topic needs no asking, but what was made without it does. */
  ask(): void {
    if (!this.#isOn) return;
    if (this.#isReading) this.#askAgain = true;
    else void this.#read();
  }

  #begin(): void {
    this.#isOn = true;
    this.#user = this.#source.user();
    this.ask();
    if (this.#user === undefined) return;
    this.#leaveTopic = this.#source.watchTopic(this.#user, (topic) => {
      // The revision of a `user:` topic is when the database was read.
      if (topic.revision > 0) this.#source.clock.tell(topic.revision / 1_000);
      this.#topic = topic;
      this.#showAll(undefined);
      void this.#learnTime();
    });
  }

  #end(): void {
    this.#isOn = false;
    this.#leaveTopic?.();
    this.#leaveTopic = this.#topic = undefined;
    this.#user = undefined;
    this.#known = Bookings.none;
    this.#view = NOTHING;
    this.#reading += 1;
    this.#isReading = false;
    clearTimeout(this.#timer);
  }

  /** Frames do not say what time it is: with the first hold, one answer of REST does. */
  async #learnTime(): Promise<void> {
    const hold = this.#view.bookings?.find(isHold);
    if (!hold || this.#source.clock.isExact || this.#learnsTime) return;
    this.#learnsTime = true;
    await this.#source.readOne(hold.id).then((booking) => this.told(booking), () => {});
    this.#learnsTime = false;
    // The countdown is right from here on, and has to be drawn anew.
    this.#show({ ...this.#view });
  }

  // ── made without an account ───────────────────────────────────────────────────────────────────────

  async #read(): Promise<void> {
    clearTimeout(this.#timer);
    const reading = ++this.#reading;
    this.#isReading = true;
    this.#askAgain = false;
    let problem: Error | undefined;
    let isNews = false;
    try {
      const { bookings, askedAt } = await this.#source.read((id, version) => this.#settled(id, version));
      if (reading !== this.#reading) return;
      if (bookings.some((booking) => awaitsMoney(booking) && booking.version !== this.#known.get(booking.id)?.version)) this.#moneyAsks = GUEST.moneyAsksMax;
      const before = this.#known;
      this.#known = before.whole(bookings, askedAt);
      isNews = this.#known !== before;
      this.#backoff.reset();
    } catch (error) {
      if (reading !== this.#reading) return;
      problem = error instanceof Error ? error : new Error(String(error));
    }
    this.#isReading = false;
    if (this.#user !== undefined) {
      if (isNews) this.#showAll(undefined);
    } else if (problem) this.#show({ ...this.#view, status: 'offline', problem });
    else this.#showAll(undefined);
    if (this.#moneyAsks > 0) this.#moneyAsks -= 1;
    if (this.#askAgain) return this.ask();
    this.#askIn(problem ? this.#backoff.next() : this.#nextMs());
  }

  /** A booking that has ended stays as it is once its money does; a buyer who often booked would ask in vain for many of them. */
  #settled(id: string, version: number): Booking | undefined {
    // The account took it over: its topic tells of it.
    const own = this.#topic?.state?.get(id);
    if (own) return own;
    const known = this.#known.get(id);
    return known && hasEnded(known) && known.version >= version && !isUnsettled(known) ? known : undefined;
  }

  #showAll(problem: BookingsView['problem']): void {
    if (this.#user === undefined) return this.#show({ bookings: this.#known.list, status: 'stale', account: this.#source.isSomebody(), problem });
    if (!this.#topic) return;
    const { state, status, refused } = this.#topic;
    const all = state?.told(this.#known.list, 0);
    this.#show({ bookings: all?.list, tickets: all?.tickets, status, account: true, problem: refused });
  }

  /**
   * Until shortly after the next deadline, but not for too long while a hold is open; slowly while there is a confirmed
   * booking, or money that may still come. Undefined: nothing to wait for.
   */
  #nextMs(): number | undefined {
    const { list } = this.#known;
    const holds = list.filter(isHold);
    if (this.#moneyAsks > 0 && list.some(isUnsettled)) return GUEST.payingMs;
    // A page in the background asks anew as soon as it is shown.
    if (holds.length === 0) return !isHidden() && list.some((booking) => booking.status === 'confirmed' || awaitsMoney(booking)) ? GUEST.confirmedMs : undefined;
    const now = this.#source.clock.now() - GUEST.afterDeadlineMs;
    const untilMs = holds.map(({ expires_at: end }) => Date.parse(end ?? '') - now).filter((ms) => ms > 0);
    return Math.min(...untilMs, holds.some(isBeingPaid) ? GUEST.payingMs : GUEST.intervalMs);
  }

  #askIn(ms: number | undefined): void {
    clearTimeout(this.#timer);
    if (ms !== undefined) this.#timer = setTimeout(() => this.ask(), ms);
  }

  #show(view: BookingsView): void {
    this.#view = view;
    this.#changed.emit(view);
  }
}

/** The provider has the buyer's word, and we wait for it. */
function isBeingPaid({ payment }: Booking): boolean {
  return payment?.state === 'authorized' || payment?.state === 'processing' || payment?.state === 'captured';
}

function hasEnded({ status }: Booking): boolean {
  return status === 'expired' || status === 'cancelled';
}

/** It has ended, and no refund shows of money that was paid, or may yet be. The policy of one that was confirmed may grant none. */
function isUnsettled(booking: Booking): boolean {
  const { payment } = booking;
  return hasEnded(booking) && !!payment && payment.state !== 'failed' && payment.state !== 'canceled' && payment.refunded.amount === 0;
}

/** A bank may still answer for it: the server sells it after all where it can, or gives the money back. */
function awaitsMoney(booking: Booking): boolean {
  return isUnsettled(booking) && booking.confirmed_at === null && booking.payment?.provider !== 'offline';
}

/** Held until a deadline. */
function isHold({ status, expires_at }: Booking): boolean {
  return status === 'pending' && expires_at !== null;
}
