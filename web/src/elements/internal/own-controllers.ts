/** The caller's own bookings and account, watched while an element is on the page. Elements that only show numbers do without. */
import type { BuyerClient } from '../../sdk/buyer-client.ts';
import type { BookingsView } from '../../sdk/index.ts';
import { WatchController, type Host } from './watch-controller.ts';

/** Watches the caller's own bookings. */
export class BookingsController extends WatchController<true, BookingsView, BuyerClient> {
  constructor(host: Host<BuyerClient>, changed?: (view: BookingsView) => void) {
    const nothing = { bookings: undefined, status: 'connecting', account: false, problem: undefined } as const;
    super(host, { key: () => true, watch: (client, _, listener) => client.watchBookings(listener), nothing }, changed);
  }
}
