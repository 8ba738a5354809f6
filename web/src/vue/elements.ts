/** Types of Seatcast's elements in templates. */
import type { DefineComponent } from 'vue';

interface OfEvent {
  event?: number | string;
}
type Element<Props> = DefineComponent<Props & { client?: unknown }>;

export interface SeatcastElements {
  'seatcast-availability': Element<OfEvent & { ticketType?: number | string; quiet?: boolean; announce?: boolean; fallbackAvailable?: number | string; fallbackTotal?: number | string }>;
  'seatcast-ticket-types': Element<OfEvent & { readonly?: boolean; unseated?: boolean; signInPage?: string }>;
  'seatcast-seat-map': Element<OfEvent & { oneByOne?: boolean }>;
  'seatcast-booking': Element<OfEvent & { bookingPage?: string; signInPage?: string }>;
  'seatcast-bookings': Element<OfEvent & { active?: boolean; booking?: string; bookingPage?: string; signInPage?: string }>;
  'seatcast-waitlist': Element<OfEvent & { signInPage?: string }>;
  'seatcast-unsent': Element<unknown>;
  'seatcast-notices': Element<OfEvent>;
  'seatcast-presence': Element<OfEvent>;
}

declare module 'vue' {
  interface GlobalComponents extends SeatcastElements {}
}
