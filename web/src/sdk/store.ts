/**
 * Where a buyer without an account keeps the proof of his bookings: the token that a booking is
 * answered with once. In a browser that is `localStorage`, elsewhere memory.
 */
export interface KeptBooking {
  id: string;
  event_id: number;
  token: string;
}

export interface BookingStore {
  all(): KeptBooking[];
  keep(booking: KeptBooking): void;
}

/** The part of `Storage` that is used. */
export interface TextStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

const KEY = 'seatcast.bookings';
/** The newest so many are kept. */
const KEPT_MAX = 50;

/** A store in `localStorage` or the like; without one, or when it refuses, in memory. */
export function bookingStore(storage?: TextStorage): BookingStore {
  let kept = read(storage);
  return {
    all: () => kept,
    keep(booking) {
      kept = [booking, ...kept.filter(({ id }) => id !== booking.id)].slice(0, KEPT_MAX);
      try {
        storage?.setItem(KEY, JSON.stringify(kept));
      } catch {
        // Full or forbidden (private windows): this page still knows it.
      }
    },
  };
}

function read(storage: TextStorage | undefined): KeptBooking[] {
  try {
    const value: unknown = JSON.parse(storage?.getItem(KEY) ?? '[]');
    return Array.isArray(value) ? (value as KeptBooking[]) : [];
  } catch {
    return [];
  }
}
