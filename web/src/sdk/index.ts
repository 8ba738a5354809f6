/** The SDK's public surface. */
export { SeatcastClient } from './client.ts';
export type { ClientOptions, EventTopic, SeatsTopic, ToldBooking } from './client.ts';
export type * from './catalogue.ts';
export { Countdown, newKey } from './booking.ts';
export type { BookedItem, BookedSeat, Booking, BookingItem, BookingRequest, BookingStatus, Ticket } from './booking.ts';
export { Refusal, Unreachable } from './rest.ts';
export { othersHere, stockLevel, STEPS, totalsOf } from './model.ts';
export type { EventState, Others, SeatsState, StockLevel, Totals } from './model.ts';
export { SeatStatuses } from './seats.ts';
export type {
  EventInfo,
  EventStatus,
  Figures,
  Interaction,
  Money,
  Notice,
  OwnBookings,
  PresenceCounts,
  SeatStatus,
  TicketType,
} from './protocol.ts';
export type { TopicStatus } from './freshness.ts';
export type { TopicView } from './subscription.ts';
export { CLOSE_CODES } from './codes.ts';
export type { OpenTransport, Transport, TransportEvents } from './transport.ts';
