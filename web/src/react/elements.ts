/** Types of Seatcast's elements in JSX. */
import type { DetailedHTMLProps, HTMLAttributes } from 'react';

type Base = DetailedHTMLProps<HTMLAttributes<HTMLElement>, HTMLElement> & {
  /** React 18 writes attributes only, so a class is `class`. */
  class?: string;
};
type OfEvent = Base & { event?: number | string };
/** Present or not; `false` and `"false"` are both «not», in React 18 as in 19. */
type Flag = boolean | 'true' | 'false' | '';

export interface SeatcastElements {
  'seatcast-availability': OfEvent & { 'ticket-type'?: number | string; quiet?: Flag; announce?: Flag; 'fallback-available'?: number | string; 'fallback-total'?: number | string };
  'seatcast-ticket-types': OfEvent & { readonly?: Flag; unseated?: Flag; 'sign-in-page'?: string };
  'seatcast-seat-map': OfEvent & { 'one-by-one'?: Flag };
  'seatcast-booking': OfEvent & { 'booking-page'?: string; 'sign-in-page'?: string };
  'seatcast-bookings': OfEvent & { active?: Flag; booking?: string; 'booking-page'?: string; 'sign-in-page'?: string };
  'seatcast-waitlist': OfEvent & { 'sign-in-page'?: string };
  'seatcast-unsent': Base;
  'seatcast-notices': OfEvent;
  'seatcast-presence': OfEvent;
}

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements extends SeatcastElements {}
  }
}
