/** The doors' questions to the server, and its answers. */
import type { DeskClient } from '../desk/desk-client.ts';
import type { EventDetails, EventSummary } from '../sdk/catalogue.ts';
import { Refusal } from '../sdk/index.ts';
import { given } from '../sdk/rest.ts';

export type ScanResult = 'admitted' | 'already_used' | 'void' | 'replaced' | 'wrong_event' | 'unknown' | 'nonce_reused';

/** A code that was typed, or the text of a QR that was held before the scanner. */
export type Shown = { code: string } | { payload: string };

export type Scan = Shown & { nonce: string; gate?: string; scanned_at: string };

/** The server's word on a scan. */
export interface Scanned {
  /** The check-in, where there is one. */
  id: number | null;
  nonce: string;
  result: ScanResult;
  ticket_id: number | null;
  code: string | null;
  /** When somebody was let in with the ticket: now, or before; and where. */
  at: string | null;
  gate: string | null;
  /** The holder's. */
  name: string | null;
}

/** Whose event it is decides who may undo. */
export type DoorEvent = EventSummary & { organizer_id: number };

/** A part of what a gate needs without network. */
export interface BundlePart {
  event_id: number;
  revision: number;
  keys: { id: number; public: string }[];
  tickets: { id: number; generation: number; status: 'valid' | 'used' | 'transferred' | 'void'; code_hash: string; name?: string | null }[];
  next: number | null;
}

export interface ListedCheckin {
  id: number;
  nonce: string;
  result: ScanResult;
  ticket_id: number | null;
  code: string | null;
  gate: string | null;
  scanned_at: string;
  at: string;
  offline: boolean;
  undone_at: string | null;
}

/** An entry that a ticket stays used by. */
export type StillIn = Pick<ListedCheckin, 'id' | 'at' | 'gate'>;

/** Somebody who may come in. */
export interface TicketAttendee {
  ticket_id: number;
  code: string;
  status: 'valid' | 'used' | 'transferred' | 'void';
  reference: string;
  ticket_type: string;
  seat: string | null;
  name: string | null;
  checked_in_at: string | null;
  gate: string | null;
  checkin_id: number | null;
}

/** As many characters as the server takes of a code, and of a gate's name. */
export const CODE_CHARS_MAX = 100;
export const GATE_CHARS_MAX = 100;

/** A text as far as a request can carry it, with neither NUL nor halves of a character: codes of others hold anything. */
export function readable(text: string, charsMax: number): string {
  const signs = [...text.replace(/[\0\p{Cs}]/gu, '').trim()];
  return signs.slice(0, charsMax).join('').trim();
}

/** A ticket that is shown again within this is the same scan, if the server may have heard of it without our hearing back. */
export const SHOWN_AGAIN_MS = 60_000;
/** A person stands at the door: after this long the list decides. */
const SCAN_TIMEOUT_MS = 4_000;
const NEWS_ROWS = 100;
/** People who are shown at once when they are looked for by name. */
export const FOUND_ROWS = 20;
/** Events that begin up to this long from now can be chosen. */
const AHEAD_MS = 14 * 24 * 60 * 60 * 1_000;
const EVENTS_ROWS = 50;

/** Results by the codes of refusals. */
const RESULTS: Record<string, ScanResult> = {
  ALREADY_USED: 'already_used',
  TICKET_VOID: 'void',
  TICKET_REPLACED: 'replaced',
  WRONG_EVENT: 'wrong_event',
  TICKET_NOT_FOUND: 'unknown',
  VALIDATION_FAILED: 'unknown',
};

/** Statuses that say that a request cannot be read, whoever sends it and whenever. */
const UNREADABLE = new Set([400, 413, 422]);

/** Whether the server refuses what was sent, and not its sender. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof Refusal && UNREADABLE.has(error.status);
}

export class DoorRest {
  readonly #client: DeskClient;

  constructor(client: DeskClient) {
    this.#client = client;
  }

  /** Events at whose doors the caller may scan, the last first. */
  async events(): Promise<DoorEvent[]> {
    const to = new Date(this.#client.now() + AHEAD_MS).toISOString();
    return (await this.#client.rows<DoorEvent>(`/events/doors/view?limit=${EVENTS_ROWS}&to=${to}`)).rows;
  }

  async event(id: number): Promise<EventDetails & DoorEvent> {
    return this.#client.read<EventDetails & DoorEvent>(`/events/${id}`);
  }

  async bundle(event: number, after: number | null): Promise<BundlePart> {
    return this.#client.read<BundlePart>(`/events/${event}/checkin-bundle${after === null ? '' : `?after=${after}`}`);
  }

  /** The newest check-ins. */
  async news(event: number): Promise<ListedCheckin[]> {
    return this.#client.read<ListedCheckin[]>(`/events/${event}/checkins?limit=${NEWS_ROWS}`);
  }

  async find(event: number, q: string): Promise<TicketAttendee[]> {
    return this.#client.read<TicketAttendee[]>(`/events/${event}/attendees?limit=${FOUND_ROWS}&q=${encodeURIComponent(q)}`);
  }

  /** @throws Refusal where the caller may not, Unreachable when there is no answer in time */
  async checkIn(event: number, scan: Scan): Promise<Scanned> {
    const signal = AbortSignal.timeout(SCAN_TIMEOUT_MS);
    try {
      return given(await this.#client.ask<Scanned>('/checkins', { method: 'POST', body: { ...scan, event_id: event }, signal }));
    } catch (error) {
      const result = error instanceof Refusal ? RESULTS[error.code] : undefined;
      if (!(error instanceof Refusal) || !result) throw error;
      const { at, gate } = error.data as { at?: string; gate?: string };
      const nothing = { id: null, ticket_id: null, code: null, name: null };
      return { ...nothing, nonce: scan.nonce, result, at: at ?? null, gate: gate ?? null };
    }
  }

  async merge(event: number, entries: Scan[]): Promise<Scanned[]> {
    return given(await this.#client.ask<Scanned[]>('/checkins/batch', { method: 'POST', body: { event_id: event, entries } }));
  }

  /** The entry that the ticket stays used by, if somebody came in with it elsewhere as well. */
  async undo(checkin: number): Promise<StillIn | null> {
    return given(await this.#client.ask<StillIn | null>(`/checkins/${checkin}/undo`, { method: 'POST', body: {} }));
  }
}
