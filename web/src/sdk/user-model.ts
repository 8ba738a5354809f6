import type { Booking } from './booking.ts';
import { Bookings } from './bookings.ts';
import { rows, type Model } from './model.ts';
import type { JsonObject } from './protocol.ts';

/** Of `user:` topics. The rule of versions is in `bookings.ts`. */
export const userModel: Model<Bookings> = {
  none: Bookings.none,
  revisionIsTime: true,
  whole(state, before = Bookings.none, revision) {
    return before.whole(bookingsOf(state), revision);
  },
  changed(before, changes, revision) {
    return before.changed(bookingsOf(changes), rows<string>(changes['gone']), revision);
  },
};

function bookingsOf(payload: JsonObject): Booking[] {
  if (payload['bookings'] !== undefined && !Array.isArray(payload['bookings'])) throw new TypeError('bookings are no list');
  return rows<Booking>(payload['bookings']);
}
