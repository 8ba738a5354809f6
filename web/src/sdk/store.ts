/**
 * Keeps, for a buyer without an account, the proof of the bookings: the token that a booking is answered
 * with once. In a browser that is `localStorage`, elsewhere memory.
 *
 * Each booking has a key of its own. Tabs share the storage and write at the same time; with one list for
 * all, the last to write would erase what the others wrote, and their tokens would be lost for good.
 */
import type { Keeper } from './keeper.ts';

export interface KeptBooking {
  id: string;
  reference?: string | undefined;
  event_id: number;
  token: string;
  /** The newest version that a tab of this browser has seen. */
  version: number;
  /** Codes that it was booked with, where this browser booked it. */
  vouchers?: string[] | undefined;
}

export interface BookingStore {
  /** The newest first. Read anew each time: other tabs write as well. */
  all(): KeptBooking[];
  /** Writes it, unless the kept one is as new. Other tabs hear of it. */
  keep(booking: KeptBooking): void;
}

/** The part of `Storage` that is used. */
export interface TextStorage {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

const PREFIX = 'seatcast.booking.';
/** The newest so many are kept. */
const KEPT_MAX = 50;

/** Whether a change of this key (of a `storage` event; null: all) is about bookings. */
export function isBookingKey(key: string | null): boolean {
  return key === null || key.startsWith(PREFIX);
}

export function bookingStore(keeper: Keeper): BookingStore {
  const all = (): KeptBooking[] => keeper.all(PREFIX).flatMap(parsed).sort((one, other) => (one.id < other.id ? 1 : -1));
  return {
    all,
    keep(booking) {
      const known = all();
      const before = known.find(({ id }) => id === booking.id);
      if (before && before.version >= booking.version) return;
      // The version only spares reading; a token must not leave the place that outlives the tab for its sake.
      keeper.set(PREFIX + booking.id, JSON.stringify(booking), { oldWillDo: before?.token === booking.token });
      for (const { id } of known.slice(KEPT_MAX)) keeper.remove(PREFIX + id);
    },
  };
}

function parsed(text: string): KeptBooking[] {
  try {
    const { id, reference, event_id, token, version, vouchers } = JSON.parse(text) as KeptBooking;
    return typeof id === 'string' && typeof token === 'string' ? [{ id, reference, event_id, token, version: Number(version) || 0, vouchers }] : [];
  } catch {
    return [];
  }
}
