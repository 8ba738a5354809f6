/** Loaded where not all of an event is to be had by everybody, or a code is used: the waitlist, and what codes do and open. */
import '../seatcast-waitlist/seatcast-waitlist.ts';
import '../seatcast-revealed/seatcast-revealed.ts';
export { appliedVouchers, refusedVoucher } from './applied.ts';
