/** Loaded where not all of an event is to be had by everybody: the waitlist, and the ticket types that codes open. */
import '../seatcast-waitlist/seatcast-waitlist.ts';
import '../seatcast-revealed/seatcast-revealed.ts';
