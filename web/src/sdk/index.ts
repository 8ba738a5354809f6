/** The SDK's public surface. */
export { SeatcastClient } from './client.ts';
export { AVAILABILITY_WORDS, TicketAvailabilityService } from './availability.ts';
export type { AvailabilityStatus, AvailabilityWords, StatusLevel, TicketAvailability } from './availability.ts';
export { DEBUG_KEY, debugLog } from './debug-log.ts';
export type { LogEntry } from './debug-log.ts';
export { Live } from './observable.ts';
export type { Observer, Unsubscribable } from './observable.ts';
export { ABANDONED } from './tracker.ts';
export { LiveClient } from './live-client.ts';
export type { ClientOptions, StateOf, Topic } from './live-client.ts';
export type { Account, Joined, Me, NewAccount, OrganizationRole, Session } from './accounts.ts';
export type * from './catalogue.ts';
export type { UnsentBooking } from './attempts.ts';
export { ChannelManager, CHANNELS_MAX } from './channel-manager.ts';
export type { ChannelSource } from './channel-manager.ts';
export { newKey } from './booking.ts';
export type { Bookings } from './bookings.ts';
export type { BookingsView } from './own-bookings.ts';
export { Countdown } from './clock.ts';
export type {
  AcceptedTicket,
  Attendee,
  BookedItem,
  BookedSeat,
  Booking,
  BookingItem,
  BookingRequest,
  Cancellation,
  BookingStatus,
  Contact,
  HeldTicket,
  PriceLine,
  Quote,
  Ticket,
} from './booking.ts';
export type { Payment, PaymentAttempt, PaymentProvider, PaymentState, PaymentWish } from './payment.ts';
export { PushNotes } from './push.ts';
export type { PushBrowser, PushKind, PushNote, PushWish } from './push.ts';
export type { Waiting, WaitingStatus, WaitlistWish } from './waitlist.ts';
export { watchRevealed } from './revealed.ts';
export type { Revealed } from './revealed.ts';
export { Refusal, Unreachable } from './rest.ts';
export { othersHere, stockLevel, STEPS, totalsOf } from './model.ts';
export type { AdminState } from './admin-model.ts';
export type { EventState, Others, StockLevel, Totals } from './model.ts';
export type { SeatsState } from './seats-model.ts';
export { eventSaleState, nextSaleChange, saleStateOf } from './sale.ts';
export { SeatStatuses } from './seats.ts';
export { sectionNumbers, type SectionNumbers } from './sections.ts';
export type {
  ErrorResponse,
  EventInfo,
  EventStatus,
  Figures,
  Interaction,
  Money,
  NewNotice,
  Notice,
  PresenceCounts,
  SeatStatus,
  TicketType,
} from './protocol.ts';
export type { TopicStatus } from './freshness.ts';
export type { TopicView } from './topic-state.ts';
export { followPage } from './follow-page.ts';
export { storageOfPage } from './page.ts';
export type { TextStorage } from './store.ts';
export { CLOSE_CODES } from './codes.ts';
export type { OpenTransport, Transport, TransportEvents } from './transport.ts';
