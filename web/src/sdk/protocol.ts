/**
 * The wire: Phoenix Channels framing, vsn 2.0.0, and the payloads of the native topics.
 *
 * A frame is a JSON array of five: `[join_ref, ref, topic, event, payload]`. The payloads are
 * typed as they travel (snake_case); nothing is renamed on the way to a page.
 * `tests/wire/*.json` holds golden frames that the server's tests and ours both read.
 */

import type { Booking, BookingStatus, HeldTicket } from './booking.ts';

/** Seats on the wire, by their two bits. */
export const SEAT_STATUSES = ['available', 'held', 'sold', 'blocked'] as const;
export type SeatStatus = (typeof SEAT_STATUSES)[number];

export type JsonObject = { [key: string]: unknown };

export interface Frame {
  /** The join of the topic that the frame belongs to; null for frames that all viewers share. */
  joinRef: string | null;
  /** Pairs a reply with its request. */
  ref: string | null;
  topic: string;
  event: string;
  payload: JsonObject;
}

/** Integer minor units of an ISO 4217 currency: `{"amount": 4500, "currency": "EUR"}` is 45.00 €. */
export interface Money {
  amount: number;
  currency: string;
}

export type StockStatus = 'available' | 'limited' | 'almost_sold_out' | 'sold_out';
export type EventStatus = 'draft' | 'active' | 'paused' | 'cancelled' | 'completed';

export interface EventInfo {
  id: number;
  title: string;
  description: string;
  venue: string;
  category: string;
  image_url: string | null;
  /** RFC 3339 with offset. */
  starts_at: string;
  ends_at?: string | null;
  /** When people are let in. */
  doors_at?: string | null;
  /** IANA name. */
  timezone: string;
  currency: string;
  status: EventStatus;
  capacity: number;
  membership_required: boolean;
  max_per_booking: number;
  hold_minutes: number;
  /** Version of the seat map's geometry; 0 where there is none. */
  layout: number;
}

export interface TicketType {
  id: number;
  name: string;
  price: Money;
  capacity: number;
  available: number;
  held: number;
  sold: number;
  status: StockStatus;
  /** `[pool, left]` of each section or allotment that the type shares with others. */
  shared?: [number, number][];
  // Terms of sale; those that bind nobody are left out, or null by REST.
  /** RFC 3339; without it from the event's publication on. */
  sale_from?: string | null;
  /** RFC 3339; without it until the event begins. */
  sale_to?: string | null;
  min_per_booking?: number;
  max_per_booking?: number | null;
  /** Tickets of this type that one buyer may have in all. */
  max_per_user?: number | null;
  members_only?: boolean;
  /** Sold only to callers with an account. */
  account_required?: boolean;
  /** Sold only to buyers with an account, or with a code from their mail. */
  email_required?: boolean;
}

export interface Notice {
  id: number;
  type: string;
  message: string;
  data: unknown;
  at: string;
  until: string | null;
  /** The revision of the event that made it. */
  revision?: number;
}

/** Body of `POST /events/{id}/notices`. */
export interface NewNotice {
  type: string;
  message: string;
  data?: object;
  /** RFC 3339. */
  until?: string;
}

export interface PresenceCounts {
  total: number;
  by_step: Record<string, number>;
}

/** A row that is gone, in a list of changed rows. */
export interface Removed {
  id: number;
  removed: true;
}

export interface JoinResponse {
  revision: number;
  /** True: `state` has the changes after `since`. False: it is everything. */
  resumed: boolean;
  state: JsonObject;
}

/** The changes after `from` up to `to`, in absolute values; `from: 0` replaces everything. */
export interface Update {
  from: number;
  to: number;
  event?: EventInfo;
  ticket_types?: (TicketType | Removed)[];
  notices?: (Notice | Removed)[];
  /** `[position, status]` pairs; all seats packed in base64 when there is a `layout`. */
  seats?: [number, number][] | string;
  /** The seat map's geometry changed to this version. */
  layout?: number;
  deleted?: boolean;
  /** Of a `user:` topic: those that changed, whole, and the ids of those that are not the user's any more. */
  bookings?: Booking[];
  gone?: string[];
  /** The same of the tickets that the user took over from others. */
  tickets?: HeldTicket[];
  gone_tickets?: number[];
}

/**
 * `figures` of an `admin:{id}` topic, whose other frames are those of `event:{id}`: absolute each time, soon after
 * the join and then whenever they change, at most once a second.
 */
export interface Figures {
  /** When they were counted, in microseconds since 1970; of two the later are right, whichever node counted. */
  as_of: number;
  /** Of confirmed bookings. */
  revenue: Money;
  bookings: Record<BookingStatus, number>;
  tickets_sold: number;
  tickets_held: number;
  /** Tickets of bookings that were confirmed in the last 60 s. */
  sold_per_minute: number;
  /** Joins of the event's topics in the last 60 s, on all nodes. */
  joins_per_minute: number;
}

/** Payload of a `track` push, and each entry of `interactions` in `POST /interactions`. */
export interface Interaction {
  /** Such as `ticket_selected`; at most 100 characters. */
  action: string;
  /** Without it, the event of the topic that it is pushed to. */
  event_id?: number;
  session_id?: string;
  /** For the sender's own use: the server goes by who is asking. */
  user_id?: number;
  page_url?: string;
  user_agent?: string;
  /** RFC 3339, by the client's clock. */
  timestamp?: string;
  /** At most 4 KiB of JSON. */
  data?: JsonObject;
}

/** The newest revisions the node knows, and when it last heard from the database. */
export interface Beat {
  revisions: Record<string, number>;
  checked_at: string;
  /** `down` while the node does not hear from its database; left out while it does. */
  database?: string;
}

export interface ErrorResponse {
  code: string;
  reason: string;
  retry: 'never' | 'later' | 'refresh_token';
}

export interface Reply {
  status: 'ok' | 'error';
  response: JsonObject;
}

/** Bytes that are no frame. */
export class MalformedFrame extends Error {
  override name = 'MalformedFrame';
}

export function encodeFrame(frame: Frame): string {
  return JSON.stringify([frame.joinRef, frame.ref, frame.topic, frame.event, frame.payload]);
}

/** @throws MalformedFrame */
export function decodeFrame(text: string): Frame {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // No array either.
  }
  const [joinRef, ref, topic, event, payload] = Array.isArray(value) ? (value as unknown[]) : [];
  if (!isTextOrNull(joinRef) || !isTextOrNull(ref) || typeof topic !== 'string' || typeof event !== 'string' || !isObject(payload)) {
    throw new MalformedFrame();
  }
  return { joinRef, ref, topic, event, payload };
}

/** The payload of a `phx_reply`. */
export function replyOf(payload: JsonObject): Reply {
  const response = isObject(payload['response']) ? payload['response'] : {};
  return { status: payload['status'] === 'ok' ? 'ok' : 'error', response };
}

/** The `response` of an error reply; tolerant of servers that give a reason only. */
export function errorOf(response: JsonObject): ErrorResponse {
  const retry = response['retry'];
  return {
    code: typeof response['code'] === 'string' ? response['code'] : 'UNKNOWN',
    reason: typeof response['reason'] === 'string' ? response['reason'] : 'refused',
    retry: retry === 'never' || retry === 'refresh_token' ? retry : 'later',
  };
}

export function isJoinResponse(value: JsonObject): value is JsonObject & JoinResponse {
  return isRevision(value['revision']) && typeof value['resumed'] === 'boolean' && isObject(value['state']);
}

export function isUpdate(value: JsonObject): value is JsonObject & Update {
  return isRevision(value['from']) && isRevision(value['to']);
}

export function isBeat(value: JsonObject): value is JsonObject & Beat {
  return isObject(value['revisions']) && typeof value['checked_at'] === 'string';
}

export function isRemoved(row: { id: number }): row is Removed {
  return (row as Partial<Removed>).removed === true;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}

function isRevision(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
