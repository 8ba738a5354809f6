/**
 * Where neither WebSockets nor streams get through, the same numbers are asked for every 10 s, or every 5 s
 * while an event that is watched is sold out (its viewers wait for a returned ticket).
 *
 * One request asks for all events at once, with the ETag of the last answer: 304 proves that all of
 * them are current. An event that did change is then read in full. A poll is a proof like a beat is, and its
 * interval is shorter than the time that a proof counts. Where nothing has changed for two minutes it is asked half as often,
 * and a page that nobody sees does not ask: it does so at once when it is shown.
 */
import type { Booking, HeldTicket } from './booking.ts';
import type { Bookings } from './bookings.ts';
import { eventModel, totalsOf, type EventState } from './model.ts';
import { seatsModel, type SeatsState } from './seats-model.ts';
import type { JsonObject } from './protocol.ts';
import { nextPage } from './next-page.ts';
import { given, Refusal, Unreachable, type Answer, type Rest } from './rest.ts';
import { POLLING } from './road-bounds.ts';
import { FRESHNESS } from './freshness.ts';
import { now, type TopicState } from './topic-state.ts';
import { isHidden, onShown } from './visibility.ts';

/** Pages of an event's notices that are read, of a hundred each. */
const NOTICE_PAGES_MAX = 10;

/** The topics that nobody brings at this moment, by the id in their name. */
export interface Polled {
  events(): Map<number, TopicState<EventState>>;
  seats(): Map<number, TopicState<SeatsState>>;
  /** Of the caller: REST answers nobody else's. */
  bookings(): TopicState<Bookings> | undefined;
}

interface AvailabilityRow {
  event_id: number;
  revision: number;
}

export class Poller {
  readonly #rest: Rest;
  readonly #topics: Polled;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running = false;
  #inRound = false;
  #loop = 0;
  #stopLooking: (() => void) | undefined;
  /** Since when nothing changed, and whether that is long by now. */
  #quietSince = 0;
  #isQuiet = false;
  /** Of the seats of each event: the tag of the last answer, and its revision. */
  readonly #seatTags = new Map<number, { etag: string | undefined; revision: number }>();
  /** Of the last answer, and which events it was about: it proves nothing about others. */
  #etag: string | undefined;
  #asked = '';
  #rows: AvailabilityRow[] = [];

  constructor(rest: Rest, topics: Polled) {
    this.#rest = rest;
    this.#topics = topics;
  }

  get running(): boolean {
    return this.#running;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#stopLooking = onShown(() => this.soon());
    this.soon();
  }

  /** A round now rather than later, if polling at all: something is known to have changed, or the page is seen again. */
  soon(): void {
    this.#somethingChanged();
    // Never a second round beside the one that is under way.
    if (!this.#running || this.#inRound) return;
    clearTimeout(this.#timer);
    void this.#round();
  }

  stop(): void {
    this.#running = false;
    this.#inRound = false;
    this.#loop += 1;
    this.#stopLooking?.();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #round(): Promise<void> {
    if (isHidden()) return;
    const loop = this.#loop;
    this.#inRound = true;
    this.#isQuiet = now() - this.#quietSince >= POLLING.quietAfterMs;
    try {
      await this.#pollEvents();
      await Promise.all([...this.#topics.seats()].map(([id, topic]) => this.#readSeats(id, topic)));
      await this.#readBookings(this.#topics.bookings());
    } catch {
      // Not reachable: the topics turn stale and offline by themselves. The next round asks again.
      this.#etag = undefined;
    }
    // Stopped meanwhile, and perhaps started again: then another loop goes on.
    if (loop !== this.#loop) return;
    this.#inRound = false;
    this.#timer = setTimeout(() => void this.#round(), this.#intervalMs());
  }

  #intervalMs(): number {
    const soldOut = [...this.#topics.events().values()].some(
      ({ view }) => view.state && totalsOf(view.state).status === 'sold_out',
    );
    return (soldOut ? POLLING.soldOutIntervalMs : POLLING.intervalMs) * (this.#isQuiet ? POLLING.quietFactor : 1);
  }

  /** How long an answer proves what it says: until the next one. */
  #countsMs(): number {
    return Math.max(FRESHNESS.proofMs, this.#intervalMs() + POLLING.answerMs);
  }

  #somethingChanged(): void {
    this.#quietSince = now();
    this.#isQuiet = false;
  }

  async #pollEvents(): Promise<void> {
    const topics = this.#topics.events();
    if (topics.size === 0) return;
    const asked = [...topics.keys()].join(',');
    const etag = asked === this.#asked ? this.#etag : undefined;
    const answer = await this.#rest.send<AvailabilityRow[]>(`/availability?event_ids=${asked}`, { etag });
    refuseStale(answer.headers);
    const reads: Promise<void>[] = [];
    // 304 proves the revisions of the earlier answer, which socket or stream may have passed meanwhile.
    const rows = answer.status === 304 ? this.#rows : rowsOf(answer.data);
    const told = new Set(rows.map((row) => row.event_id));
    // Unknown ids are left out of the answer; asked for one by one, they are refused.
    for (const [id, topic] of topics) if (!told.has(id)) reads.push(this.#readEvent(id, topic));
    for (const row of rows) {
      const topic = topics.get(row.event_id);
      if (!topic) continue;
      if (topic.view.state && topic.view.revision === row.revision) topic.prove(row.revision, this.#countsMs());
      else reads.push(this.#readEvent(row.event_id, topic));
    }
    await Promise.all(reads);
    this.#asked = asked;
    this.#etag = answer.etag;
    this.#rows = rows;
  }

  async #readEvent(id: number, topic: TopicState<EventState>): Promise<void> {
    let event: Answer<JsonObject & { revision: number }>;
    let notices: unknown[];
    try {
      event = await this.#rest.send(`/events/${id}`);
      // Read afterwards: one that was made in between is in them, though of a later revision. Before, it would be missed for ever.
      notices = await this.#readNotices(id);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return topic.refuse({ code: error.code, reason: error.message, retry: 'later' });
    }
    refuseStale(event.headers);
    if (!event.data) return;
    const { ticket_types, revision } = event.data;
    if (revision !== topic.view.revision) this.#somethingChanged();
    const state = eventModel.whole({ event: event.data, ticket_types, notices }, undefined, revision);
    topic.offer(revision, state, this.#countsMs());
  }

  /** All of them: the list begins with the oldest, and has an end to its page. */
  async #readNotices(id: number): Promise<unknown[]> {
    const notices: unknown[] = [];
    let path: string | undefined = `/events/${id}/notices`;
    for (let pages = 0; path !== undefined && pages < NOTICE_PAGES_MAX; pages += 1) {
      const answer: Answer<unknown[]> = await this.#rest.send(path);
      notices.push(...given(answer));
      path = nextPage(path, answer.headers);
    }
    return notices;
  }

  async #readSeats(id: number, topic: TopicState<SeatsState>): Promise<void> {
    const known = topic.view.state === undefined ? undefined : this.#seatTags.get(id);
    const answer = await this.#rest.send<JsonObject & { revision: number }>(`/events/${id}/seats`, { etag: known?.etag });
    refuseStale(answer.headers);
    if (!answer.data) {
      // As before, which socket or stream may have passed meanwhile.
      if (known) topic.prove(known.revision, this.#countsMs());
      return;
    }
    const { revision } = answer.data;
    this.#seatTags.set(id, { etag: answer.etag, revision });
    if (revision !== topic.view.revision) this.#somethingChanged();
    topic.offer(revision, seatsModel.whole(answer.data, undefined, revision), this.#countsMs());
  }

  async #readBookings(topic: TopicState<Bookings> | undefined): Promise<void> {
    if (!topic) return;
    const [mine, held] = await Promise.all([
      this.#rest.send<Booking[]>(`/bookings/mine?limit=${POLLING.bookingsMax}`),
      this.#rest.send<HeldTicket[]>(`/tickets/mine?taken_over=true&limit=${POLLING.bookingsMax}`),
    ]);
    const [bookings, tickets] = [given(mine), given(held)];
    const askedAt = Math.min(mine.askedAt, held.askedAt);
    const all = [...bookings, ...tickets];
    // A full page may have more behind it, so what it leaves out may still exist.
    const isAll = Math.max(bookings.length, tickets.length) < POLLING.bookingsMax;
    topic.polled((known) => (isAll ? known.toldAll(all, askedAt) : known.told(all, askedAt)), this.#countsMs());
  }
}

/** The multi-event answer is an array, or an object by event id. */
function rowsOf(data: unknown): AvailabilityRow[] {
  if (Array.isArray(data)) return data as AvailabilityRow[];
  return Object.values((data ?? {}) as Record<string, AvailabilityRow>);
}

/** From the server's memory, without its database: it was true once, and proves nothing about now. */
function refuseStale(headers: Headers): void {
  if (headers.has('x-stale-since')) throw new Unreachable('the server has lost its database');
}
