/**
 * The tickets of an event as a gate without network knows them, and its decisions. Pure: who keeps the list and who asks the
 * server is the gate's business (`gate.ts`).
 */
import type { Pass } from './pass.ts';
import type { BundlePart } from './rest.ts';

type TicketStatus = BundlePart['tickets'][number]['status'];

/** `isHandedOn`: since the list was read, so that its code is the former holder's. */
type KeptTicket = BundlePart['tickets'][number] & { isHandedOn?: boolean };

/** A list as it is kept on the device. */
export interface KeptList {
  event_id: number;
  organizer_id: number;
  title: string;
  venue: string;
  starts_at: string;
  ends_at: string | null;
  timezone: string;
  /** False: the event was cancelled, and opens its doors to nobody. */
  stands: boolean;
  /** Names of ticket types. */
  types: [number, string][];
  keys: [number, string][];
  tickets: KeptTicket[];
  /** When it was read, on this device's clock. */
  read_at: number;
}

/** Where and when somebody was let in with a ticket, as far as it is known here. */
export interface Admission {
  at: string | null;
  gate: string | null;
}

/** A ticket of the list, by its holder's name. */
export interface Named {
  ticket_id: number;
  name: string;
  status: TicketStatus;
  /** Where and when somebody came in with it. */
  admission: Admission | undefined;
}

/** An event without an end is over so long after it began. */
const LASTS_MS = 24 * 60 * 60 * 1_000;

/** When a list's event is over: from then on names have no business on the device. */
export function overAt({ starts_at, ends_at }: KeptList): number {
  return ends_at === null ? Date.parse(starts_at) + LASTS_MS : Date.parse(ends_at);
}

export function isOver(list: KeptList, now: number): boolean {
  return now >= overAt(list);
}

/** The list as far as it is not personal. */
export function withoutNames(list: KeptList): KeptList {
  return { ...list, tickets: list.tickets.map(({ name: _, ...ticket }) => ticket) };
}

export type Decision =
  | { result: 'admitted'; ticket: number; isListed: boolean }
  | ({ result: 'already_used'; ticket: number } & Admission)
  | { result: 'void' | 'replaced'; ticket: number }
  | { result: 'wrong_event' | 'unknown' }
  /** This browser cannot check signatures or hashes: only the server knows. */
  | { result: 'unchecked' };

/** A code by its hash, or a QR with what is known of its signature. */
export type Seen = { hash: string | undefined } | { pass: Pass; signed: boolean | undefined };

export class TicketList {
  readonly kept: KeptList;
  readonly #tickets = new Map<number, { generation: number; status: TicketStatus; isHandedOn: boolean }>();
  readonly #byHash = new Map<string, number>();
  readonly #admissions = new Map<number, Admission>();
  #admitted = 0;
  #expected = 0;
  #changes = 0;

  constructor(kept: KeptList) {
    this.kept = kept;
    for (const { id, generation, status, code_hash, isHandedOn = false } of kept.tickets) {
      this.#tickets.set(id, { generation, status, isHandedOn });
      this.#byHash.set(code_hash, id);
      if (status !== 'void') this.#expected += 1;
      if (status === 'used') this.#admitted += 1;
    }
  }

  /** Tickets that are in. */
  get admitted(): number {
    return this.#admitted;
  }

  /** Grows with each change of what a snapshot says. */
  get changes(): number {
    return this.#changes;
  }

  /** Tickets that may come in or are in. */
  get expected(): number {
    return this.#expected;
  }

  get keys(): ReadonlyMap<number, string> {
    return new Map(this.kept.keys);
  }

  /** The list as it stands now. */
  snapshot(): KeptList {
    const tickets = this.kept.tickets.map((ticket) => ({ ...ticket, status: this.#tickets.get(ticket.id)?.status ?? ticket.status }));
    return { ...this.kept, tickets };
  }

  typeName(id: number | undefined): string | undefined {
    return this.kept.types.find(([type]) => type === id)?.[1];
  }

  /** False where the event is over, or the door was left and opened without network. */
  get hasNames(): boolean {
    return this.kept.tickets.some(({ name }) => name);
  }

  /** Admissions stay known. */
  forgetNames(): void {
    this.kept.tickets = this.kept.tickets.map(({ name: _, ...ticket }) => ticket);
  }

  nameOf(ticket: number | null | undefined): string | undefined {
    return this.kept.tickets.find(({ id }) => id === ticket)?.name ?? undefined;
  }

  /** Tickets in whose holders' names these words are, at most so many. */
  named(words: string, most: number): Named[] {
    const sought = words.toLocaleLowerCase();
    const found: Named[] = [];
    for (const { id, name } of this.kept.tickets) {
      if (!name?.toLocaleLowerCase().includes(sought)) continue;
      found.push({ ticket_id: id, name, status: this.#tickets.get(id)?.status ?? 'valid', admission: this.#admissions.get(id) });
      if (found.length === most) break;
    }
    return found;
  }

  decide(seen: Seen): Decision {
    if ('pass' in seen) return this.#decidePass(seen.pass, seen.signed);
    if (seen.hash === undefined) return { result: 'unchecked' };
    const ticket = this.#byHash.get(seen.hash);
    if (ticket === undefined) return { result: 'unknown' };
    const { status, isHandedOn } = this.#tickets.get(ticket)!;
    return isHandedOn && status !== 'void' ? { result: 'replaced', ticket } : this.#decideTicket(ticket);
  }

  #decidePass(pass: Pass, signed: boolean | undefined): Decision {
    if (signed === undefined) return { result: 'unchecked' };
    if (!signed) return { result: 'unknown' };
    if (pass.event !== this.kept.event_id) return { result: 'wrong_event' };
    const known = this.#tickets.get(pass.ticket);
    // Signed by us for this event, and younger than the list.
    if (!known) return this.#decideUnlisted(pass.ticket);
    // So is a generation of ours that the list lacks.
    if (pass.generation > known.generation) this.#handOn(pass);
    if (known.status !== 'void' && pass.generation < known.generation) return { result: 'replaced', ticket: pass.ticket };
    return this.#decideTicket(pass.ticket);
  }

  #decideUnlisted(ticket: number): Decision {
    const before = this.#admissions.get(ticket);
    if (before) return { result: 'already_used', ticket, ...before };
    return this.kept.stands ? { result: 'admitted', ticket, isListed: false } : { result: 'void', ticket };
  }

  /** Its former holder's QR and code are not good any more. */
  #handOn({ ticket, generation }: Pass): void {
    const known = this.#tickets.get(ticket);
    if (!known || known.status === 'void') return;
    [known.generation, known.isHandedOn] = [generation, true];
    if (known.status === 'valid') known.status = 'transferred';
    // With the new generation: after a reload, too, the former holder's QR and code are those of before.
    this.kept.tickets = this.kept.tickets.map((one) => (one.id === ticket ? { ...one, generation, isHandedOn: true, name: null } : one));
    this.#changes += 1;
  }

  #decideTicket(ticket: number): Decision {
    const { status, isHandedOn } = this.#tickets.get(ticket)!;
    if (status === 'void') return { result: 'void', ticket };
    if (status === 'used') return { result: 'already_used', ticket, ...(this.#admissions.get(ticket) ?? { at: null, gate: null }) };
    return this.kept.stands ? { result: 'admitted', ticket, isListed: !isHandedOn } : { result: 'void', ticket };
  }

  /** Somebody was let in with it. */
  admit(ticket: number, admission: Admission): void {
    const known = this.#tickets.get(ticket);
    const wasIn = this.#isIn(ticket);
    // The first word says when; later ones may be those of scans that were refused.
    if (!wasIn || !this.#admissions.has(ticket)) this.#admissions.set(ticket, admission);
    if (known && known.status !== 'void') known.status = 'used';
    if (wasIn || known?.status === 'void') return;
    this.#admitted += 1;
    this.#changes += 1;
    if (!known) this.#expected += 1;
  }

  /** It was undone: the ticket opens the door again. */
  release(ticket: number): void {
    const known = this.#tickets.get(ticket);
    const wasIn = this.#isIn(ticket);
    this.#admissions.delete(ticket);
    if (known?.status === 'used') known.status = known.generation > 1 ? 'transferred' : 'valid';
    if (!wasIn || known?.status === 'void') return;
    this.#admitted -= 1;
    this.#changes += 1;
    if (!known) this.#expected -= 1;
  }

  #isIn(ticket: number): boolean {
    const known = this.#tickets.get(ticket);
    return known ? known.status === 'used' : this.#admissions.has(ticket);
  }
}
