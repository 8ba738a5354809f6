/**
 * What happens where neither WebSockets nor streams get through: the same numbers, asked for every 10 s, or every
 * 5 s while something that is watched is sold out (a returned ticket is what its viewers wait for).
 *
 * One request asks for all events at once, with the ETag of the last answer: 304 proves that all of
 * them are current. What did change is then read in full. A poll is a proof like a beat is, and its
 * interval is shorter than the time that a proof counts.
 */
import { eventModel, seatsModel, totalsOf, type EventState, type SeatsState } from './model.ts';
import type { JsonObject } from './protocol.ts';
import { Refusal, type Rest } from './rest.ts';
import type { Subscription } from './subscription.ts';

export const POLLING = {
  intervalMs: 10_000,
  soldOutIntervalMs: 5_000,
  /** Failed attempts to open the socket before polling begins. */
  afterFailures: 2,
  /** … or time that an attempt may hang before polling begins beside it, in milliseconds. */
  afterMs: 3_000,
} as const;

interface AvailabilityRow {
  event_id: number;
  revision: number;
}

export class Poller {
  readonly #rest: Rest;
  readonly #events: () => Map<number, Subscription<EventState>>;
  readonly #seats: () => Map<number, Subscription<SeatsState>>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running = false;
  #loop = 0;
  /** Of the last answer, and which events it was about: it proves nothing about others. */
  #etag: string | undefined;
  #asked = '';
  #rows: AvailabilityRow[] = [];

  /** The functions say which topics nobody brings at this moment. */
  constructor(
    rest: Rest,
    events: () => Map<number, Subscription<EventState>>,
    seats: () => Map<number, Subscription<SeatsState>>,
  ) {
    this.#rest = rest;
    this.#events = events;
    this.#seats = seats;
  }

  get running(): boolean {
    return this.#running;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#round();
  }

  /** A round now rather than later, if polling at all: something is known to have changed. */
  soon(): void {
    if (!this.#running || this.#timer === undefined) return;
    clearTimeout(this.#timer);
    void this.#round();
  }

  stop(): void {
    this.#running = false;
    this.#loop += 1;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #round(): Promise<void> {
    // Undefined while a round is under way: there is never a second beside it.
    this.#timer = undefined;
    const loop = this.#loop;
    try {
      await this.#pollEvents();
      await Promise.all([...this.#seats()].map(([id, topic]) => this.#readSeats(id, topic)));
    } catch {
      // Not reachable: the topics turn stale and offline by themselves. The next round asks again.
      this.#etag = undefined;
    }
    // Stopped meanwhile, and perhaps started again: then another loop goes on.
    if (loop === this.#loop) this.#timer = setTimeout(() => void this.#round(), this.#intervalMs());
  }

  #intervalMs(): number {
    const soldOut = [...this.#events().values()].some(
      ({ view }) => view.state && totalsOf(view.state).status === 'sold_out',
    );
    return soldOut ? POLLING.soldOutIntervalMs : POLLING.intervalMs;
  }

  async #pollEvents(): Promise<void> {
    const topics = this.#events();
    if (topics.size === 0) return;
    const asked = [...topics.keys()].join(',');
    const etag = asked === this.#asked ? this.#etag : undefined;
    const answer = await this.#rest.send<AvailabilityRow[]>(`/availability?event_ids=${asked}`, { etag });
    const reads: Promise<void>[] = [];
    // 304 proves what was answered then, which another road may have passed meanwhile.
    const rows = answer.status === 304 ? this.#rows : rowsOf(answer.data);
    const told = new Set(rows.map((row) => row.event_id));
    // Unknown ids are left out of the answer; asked for one by one, they are refused.
    for (const [id, topic] of topics) if (!told.has(id)) reads.push(this.#readEvent(id, topic));
    for (const row of rows) {
      const topic = topics.get(row.event_id);
      if (!topic) continue;
      if (topic.view.state && topic.view.revision === row.revision) topic.prove(row.revision);
      else reads.push(this.#readEvent(row.event_id, topic));
    }
    await Promise.all(reads);
    this.#asked = asked;
    this.#etag = answer.etag;
    this.#rows = rows;
  }

  async #readEvent(id: number, topic: Subscription<EventState>): Promise<void> {
    const [event, notices] = await Promise.all([
      this.#rest.send<JsonObject & { revision: number }>(`/events/${id}`),
      this.#rest.send<unknown[]>(`/events/${id}/notices`),
    ]).catch((error: unknown) => {
      if (!(error instanceof Refusal)) throw error;
      topic.refuse({ code: error.code, reason: error.message, retry: 'later' });
      return [];
    });
    if (!event?.data || !notices) return;
    const { ticket_types } = event.data;
    topic.offer(
      event.data.revision,
      eventModel.whole({ event: event.data, ticket_types, notices: notices.data }),
    );
  }

  async #readSeats(id: number, topic: Subscription<SeatsState>): Promise<void> {
    const answer = await this.#rest.send<JsonObject & { revision: number }>(`/events/${id}/seats`);
    if (answer.data) topic.offer(answer.data.revision, seatsModel.whole(answer.data));
  }
}

/** The multi-event answer is an array, or an object by event id. */
function rowsOf(data: unknown): AvailabilityRow[] {
  if (Array.isArray(data)) return data as AvailabilityRow[];
  return Object.values((data ?? {}) as Record<string, AvailabilityRow>);
}
