/** Registers all elements, and exports what a page needs to use them. */
export * from './seatcast-availability/seatcast-availability.ts';
export * from './seatcast-booking/seatcast-booking.ts';
export * from './seatcast-bookings/seatcast-bookings.ts';
export * from './seatcast-notices/seatcast-notices.ts';
export * from './seatcast-presence/seatcast-presence.ts';
export * from './seatcast-seat-map/seatcast-seat-map.ts';
export * from './seatcast-tickets/seatcast-tickets.ts';
export * from './seatcast-waitlist/seatcast-waitlist.ts';
export * from './seatcast-ticket-types/seatcast-ticket-types.ts';
export { BookingCancelledEvent } from './events/booking-cancelled.ts';
export { BookingMadeEvent } from './events/booking-made.ts';
export { BookingRefusedEvent } from './events/booking-refused.ts';
export { HoldsChangedEvent } from './events/holds-changed.ts';
export { PaymentStartedEvent } from './events/payment-started.ts';
export { SelectionChangedEvent } from './events/selection-changed.ts';
export { sharedClient } from './internal/full-client.ts';
export { useClient } from './internal/shared-client.ts';
export * from '../sdk/index.ts';
