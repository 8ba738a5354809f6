/**
 * A client of one Seatcast server: live topics, events, bookings.
 *
 *     const client = new SeatcastClient({ url: 'https://tickets.example' });
 *     const stop = client.watch('event:42', ({ state, status }) => …);
 *     const booking = await client.book({ event_id: 42, items: [{ ticket_type_id: 7, quantity: 2 }] });
 *     const stopToo = client.watchBookings(({ bookings }) => …);
 *
 * All topics share one connection, which opens with the first and closes with the last.
 */
import { adminModel } from './admin-model.ts';
import { newKey, sendOnce } from './booking.ts';
import { BuyerClient } from './buyer-client.ts';
import type { ClientOptions, TopicKind } from './live-client.ts';
import { STEPS, type Model } from './model.ts';
import type { JsonObject, NewNotice, Notice } from './protocol.ts';
import { given } from './rest.ts';
import { Tracker } from './tracker.ts';

export class SeatcastClient extends BuyerClient {
  readonly #tracker: Tracker;
  /** Events in which the caller is on the way to a ticket. */
  readonly #steps = new Map<number, string>();

  constructor(options: ClientOptions) {
    super(options);
    this.#tracker = new Tracker({
      rest: this.rest,
      address: `${this.url}/api/v1/interactions`,
      user: () => this.identity.user,
      now: () => this.now(),
      newId: newKey,
      steps: () => [...this.#steps].filter(([, step]) => step !== STEPS.viewing),
    });
  }

  // ── what visitors do ─────────────────────────────────────────────────────────────────────────

  /**
   * Reports what this visitor does, for analytics: sent every 5 s, or when 50 wait; kept while the server is away; sent with the
   * page's end. Session, user, page and agent are added. `data` may name the event: `event_id`.
   */
  track(action: string, data: JsonObject = {}): void {
    this.#tracker.track(action, data);
  }

  /** Sends what `track` keeps now. */
  flush(): Promise<void> {
    return this.#tracker.flush();
  }

  override setStep(eventId: number, step: string | undefined): void {
    if (step === undefined) this.#steps.delete(eventId);
    else this.#steps.set(eventId, step);
    super.setStep(eventId, step);
  }

  // ── organizers ───────────────────────────────────────────────────────────────────────────────

  /** Tells everybody who has the event open; `type` is `capacity_change`, `info_update`, `cancellation` or `custom`. */
  async postNotice(eventId: number, notice: NewNotice): Promise<Notice> {
    return given(await sendOnce<Notice>(this.rest, `/events/${eventId}/notices`, { method: 'POST', body: notice }));
  }

  protected override modelOf(kind: TopicKind): Model<unknown> {
    return kind === 'admin' ? (adminModel as Model<never> as Model<unknown>) : super.modelOf(kind);
  }

  override close(): void {
    void this.#tracker.flush();
    this.#tracker.stop();
    super.close();
  }
}
