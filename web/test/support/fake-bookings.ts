/**
 * The bookings in a fake server's database, with their history: each change has a moment of the database's
 * clock, in microseconds, and what there was at any moment can be read.
 */
import type { Booking } from '../../src/sdk/index.ts';

interface Change {
  at: number;
  user: number;
  id: string;
  /** Undefined: gone. */
  booking: Booking | undefined;
}

export class FakeBookings {
  #lastUs = 0;
  #made = 0;
  readonly #changes: Change[] = [];

  /** The database's clock: later each time it is asked. */
  now(): number {
    this.#lastUs = Math.max(Date.now() * 1_000, this.#lastUs + 1);
    return this.#lastUs;
  }

  /** A new booking, held for two minutes unless something else is said. */
  make(user: number, given: Partial<Booking> = {}): Booking {
    this.#made += 1;
    const booking: Booking = {
      id: `b-${String(this.#made).padStart(4, '0')}`,
      reference: `BK-${this.#made}`,
      event_id: 1,
      user_id: user,
      version: 1,
      status: 'pending',
      quantity: 2,
      total: { amount: 9_000, currency: 'EUR' },
      items: [{ ticket_type_id: 7, name: 'Standard', quantity: 2, unit_price: { amount: 4_500, currency: 'EUR' }, seats: [] }],
      tickets: [],
      expires_at: new Date(Date.now() + 120_000).toISOString(),
      created_at: new Date().toISOString(),
      confirmed_at: null,
      paid_by: null,
      cancel_reason: null,
      ...given,
    };
    return this.#record(user, booking.id, booking);
  }

  /** Changes a booking; its version grows. */
  change(user: number, id: string, given: Partial<Booking>): Booking {
    const before = this.read(user).find((booking) => booking.id === id);
    if (!before) throw new Error(`no booking ${id} of user ${user}`);
    return this.#record(user, id, { ...before, ...given, version: before.version + 1 });
  }

  drop(user: number, id: string): void {
    this.#changes.push({ at: this.now(), user, id, booking: undefined });
  }

  /** All of a user at a moment, by default now; the newest first. */
  read(user: number, at = Number.POSITIVE_INFINITY): Booking[] {
    return [...this.#latest(user, 0, at).values()].filter((booking) => booking !== undefined).reverse();
  }

  /** Changes for a user after one moment up to another. */
  changed(user: number, after: number, at = Number.POSITIVE_INFINITY): { bookings?: Booking[]; gone?: string[] } {
    const latest = [...this.#latest(user, after, at)];
    const bookings = latest.flatMap(([, booking]) => booking ?? []);
    const gone = latest.filter(([, booking]) => booking === undefined).map(([id]) => id);
    return { ...(bookings.length > 0 ? { bookings } : {}), ...(gone.length > 0 ? { gone } : {}) };
  }

  /** A booking as it once was. */
  version(id: string, version: number): Booking | undefined {
    return this.#changes.find((change) => change.id === id && change.booking?.version === version)?.booking;
  }

  /** When the last change for a user was made, up to a moment; 1 before the first. */
  changedAt(user: number, at = Number.POSITIVE_INFINITY): number {
    return this.#changes.findLast((change) => change.user === user && change.at <= at)?.at ?? 1;
  }

  #latest(user: number, after: number, at: number): Map<string, Booking | undefined> {
    const within = this.#changes.filter((change) => change.user === user && change.at > after && change.at <= at);
    return new Map(within.map(({ id, booking }) => [id, booking]));
  }

  #record(user: number, id: string, booking: Booking): Booking {
    this.#changes.push({ at: this.now(), user, id, booking });
    return booking;
  }
}
