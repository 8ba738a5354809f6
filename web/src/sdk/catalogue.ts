/** Answers of REST about events: `GET /events`, `GET /events/{id}`, the seat map. */
import type { EventInfo, Money, StockStatus, TicketType } from './protocol.ts';

/** An event in a list. */
export interface EventSummary extends EventInfo {
  /** The organization: the number of its founder. */
  organizer_id: number;
  /** ISO 3166-1; null: none is named. */
  country: string | null;
  revision: number;
  /** How long an offer of the waitlist may wait for its answer. */
  offer_minutes: number;
  /** Where it is; null where the organizer does not say. */
  city?: string | null;
  /** The lowest of its ticket types; null where there are none. */
  price: Money | null;
  sale_state: SaleState;
  available_tickets: number;
  held_tickets: number;
  booked_tickets: number;
  stock_status: StockStatus;
}

export type SaleState = 'not_started' | 'on_sale' | 'closed';

/** A ticket type with its rules of sale. */
export interface TicketTypeDetails extends TicketType {
  sale_state: SaleState;
  /** RFC 3339; null means no bound. */
  sale_from: string | null;
  sale_to: string | null;
  min_per_booking: number;
  max_per_booking: number | null;
  max_per_user: number | null;
  members_only: boolean;
  account_required: boolean;
  email_required: boolean;
  /** Sold by the seat: chosen on the map, not by quantity. */
  seated: boolean;
  /** Order among the event's types. */
  sort: number;
  /** Shown to the event's people only. */
  hidden: boolean;
  /** How many of those available are set aside for the bearers of the voucher that was named. */
  reserved?: number;
}

export interface Section {
  id: number;
  name: string;
  /** How many seats it has; of `GET /events/{id}`. */
  seats?: number;
}

export interface EventDetails extends EventSummary {
  ticket_types: TicketTypeDetails[];
  sections: Section[];
}

export interface EventQuery {
  /** Part of the title, the venue or the description. */
  q?: string;
  category?: string;
  city?: string;
  status?: string;
  /** RFC 3339: those that begin then or later. */
  from?: string;
  /** RFC 3339: those that begin before. */
  to?: string;
  sort?: string;
  limit?: number;
  offset?: number;
}

/** Where the stage of a hall is, in the unit of its seats; the corner has the least values of both axes. */
export interface SeatMapStage {
  x: number;
  y: number;
  width: number;
  height: number;
  /** '': the word for a stage, in the viewer's language. */
  label: string;
}

/** Column arrays in position order; deleted seats leave gaps whose id is null. */
export interface SeatMapGeometry {
  layout: number;
  sections: Section[];
  /** Left out where the hall has none. */
  stage?: SeatMapStage;
  seats: {
    id: (number | null)[];
    /** Index into `sections`. */
    section: number[];
    row: string[];
    number: (string | number)[];
    ticket_type_id: number[];
    x: number[];
    y: number[];
  };
  /** Places in the columns of seats with room for a wheelchair, and of those beside them; left out where there are none. */
  wheelchair?: number[];
  companion?: number[];
}

/** `GET /api`. */
export interface ServerInfo {
  name: string;
  version: string;
  /** In development the server believes `X-User-Id`. */
  mode: 'development' | 'production';
}

export interface EventList {
  events: EventSummary[];
  /** Of all pages. */
  total: number;
  /** There was no way to the server: the list is as of this moment of its clock, in milliseconds since 1970. */
  rememberedAt?: number;
}

export interface User {
  id: number;
  name: string;
  role: 'customer' | 'organizer' | 'admin';
  member?: boolean;
  /** Nobody signs in to an account that is not. */
  active?: boolean;
}
