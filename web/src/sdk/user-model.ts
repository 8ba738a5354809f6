import type { Booking, HeldTicket } from './booking.ts';
import { Bookings } from './bookings.ts';
import { rows, type Model } from './model.ts';
import type { JsonObject } from './protocol.ts';

/** Of `user:` topics. The rule of versions is in `bookings.ts`. */
export const userModel: Model<Bookings> = {
  none: Bookings.none,
  revisionIsTime: true,
  whole(state, before = Bookings.none, revision) {
    return before.whole(entitiesOf(state), revision);
  },
  changed(before, changes, revision) {
    return before.changed(entitiesOf(changes), [...rows<string>(changes['gone']), ...rows<number>(changes['gone_tickets'])], revision);
  },
};

function entitiesOf(payload: JsonObject): (Booking | HeldTicket)[] {
  if (payload['bookings'] !== undefined && !Array.isArray(payload['bookings'])) throw new TypeError('bookings are no list');
  return [...rows<Booking>(payload['bookings']), ...rows<HeldTicket>(payload['tickets'])];
}
