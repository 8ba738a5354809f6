/** The waitlist of an event that is sold out. An offer is a booking of kind `offer`, and comes with the caller's bookings. */

export type WaitingStatus = 'waiting' | 'offered' | 'accepted' | 'declined' | 'expired' | 'left' | 'over';

/** A place on a waitlist. */
export interface Waiting {
  id: number;
  event_id: number;
  /** So many together, or none. */
  quantity: number;
  /** Any one of these; null: any of the event's. */
  ticket_type_ids: number[] | null;
  status: WaitingStatus;
  /** In the line, from 1; null for those who wait no more. */
  place: number | null;
  /** The booking that is offered. */
  booking_id: string | null;
  /** RFC 3339: until when the offer stands. */
  offer_until: string | null;
}

export interface WaitlistWish {
  quantity: number;
  ticket_type_ids?: number[];
}
