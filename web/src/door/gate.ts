/**
 * One gate of an event: takes scans, asks the server, decides by its own list when the server does not answer, and merges
 * later what was decided here.
 *
 * A scan is written to the journal before it is sent, with its nonce: whatever is lost (answer, network, page), it is sent
 * again with the same nonce and counts once. While something waits to be merged, the list decides: the server does not
 * know yet whom this gate has let in. Only those who were let in are merged; somebody who was turned away is not
 * checked in.
 */
import { newKey, Refusal, Unreachable } from '../sdk/index.ts';
import { forgetName, type Journal, type KeptScan } from './journal.ts';
import { hashOf, isPassText, isSigned, PASS_CHARS_MAX, plainCode, readPass } from './pass.ts';
import { CODE_CHARS_MAX, GATE_CHARS_MAX, isUnreadable, readable, SHOWN_AGAIN_MS } from './rest.ts';
import type { BundlePart, DoorRest, ListedCheckin, Scan, Scanned, Shown, StillIn } from './rest.ts';
import { isOver, overAt, TicketList, withoutNames, type Decision, type KeptList } from './ticket-list.ts';

export const GATE = {
  /** Check-ins of other gates are read this often. */
  newsMs: 5_000,
  /** The list is read anew this often for each part that it has: what was sold, taken back and undone meanwhile. */
  listMsPerPart: 60_000,
  /** A list that other gates have changed is written to the device at most this often. */
  keepListMs: 15_000,
  /** Without an answer the server is asked again after this. */
  againMs: 3_000,
  shownAgainMs: SHOWN_AGAIN_MS,
  /** As many as the server takes at once. */
  batchMax: 200,
  /** Scans that are shown and kept when nothing is left to send. */
  scansMax: 200,
} as const;

/** Browsers wait no longer than this at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Results of tickets that are ours and of this event, and open nothing. */
const TURNED_AWAY: ReadonlySet<Scanned['result']> = new Set(['already_used', 'void', 'replaced']);

export type GateStatus = 'live' | 'offline';

export class Gate extends EventTarget {
  readonly event: number;
  readonly name: string;
  readonly #rest: DoorRest;
  readonly #journal: Journal;
  /** At the door now. */
  readonly #asking = new Set<KeptScan>();
  #list: TicketList | undefined;
  #scans: KeptScan[] = [];
  #status: GateStatus = 'live';
  #isSignedOut = false;
  #isFull = false;
  #fault: unknown;
  #seenCheckin = 0;
  /** Admissions of this gate, with the moment at which they were known: a list that was asked for before lacks them. */
  readonly #own = new Map<number, { at: string | null; gate: string | null; knownAt: number }>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Runs out when the event is over. */
  #overTimer: ReturnType<typeof setTimeout> | undefined;
  #listDueAt = 0;
  #keptChanges = -1;
  #keepListAt = 0;
  #ticking: Promise<void> | undefined;
  #isAskedAgain = false;
  #ended = false;

  constructor(options: { event: number; name: string; rest: DoorRest; journal: Journal }) {
    super();
    this.event = options.event;
    // It comes from the address, too, where anything may stand.
    this.name = readable(options.name, GATE_CHARS_MAX);
    this.#rest = options.rest;
    this.#journal = options.journal;
  }

  // ── for the page; `change` is fired when any of it changes, `forgotten` when the names of those who come are gone ──────────────────────────────────────

  get status(): GateStatus {
    return this.#status;
  }

  /** The session ended: somebody has to sign in, meanwhile the list decides. */
  get isSignedOut(): boolean {
    return this.#isSignedOut;
  }

  /** The server refuses this gate, as one whose event is not the caller's. */
  get fault(): unknown {
    return this.#fault;
  }

  get list(): TicketList | undefined {
    return this.#list;
  }

  /** Whether scans outlive this page. */
  get isLasting(): boolean {
    return this.#journal.isLasting && !this.#isFull;
  }

  /** Of this device, the newest first. */
  get scans(): readonly KeptScan[] {
    return this.#scans;
  }

  /** Scans that the server has not heard of, but for those that it is being asked about. */
  get waiting(): number {
    return this.#scans.filter((scan) => this.#isDue(scan)).length;
  }

  #isDue(scan: KeptScan): boolean {
    return isWaiting(scan) && !this.#asking.has(scan);
  }

  /** Those that the server decided otherwise, and nobody has put away yet. */
  get surprises(): KeptScan[] {
    return this.#scans.filter(({ result, merged, isRead, undone }) => merged && merged.result !== result && !isRead && !undone);
  }

  async start(): Promise<void> {
    const [kept, all] = await Promise.all([this.#journal.list(this.event), this.#journal.scans(this.event)]);
    // Those that were made meanwhile may be in the journal already.
    const made = new Set(this.#scans.map(({ nonce }) => nonce));
    const scans = all.filter(({ nonce }) => !made.has(nonce));
    this.#scans = [...this.#scans, ...scans.reverse()];
    for (const scan of scans) {
      const { ticket_id: ticket, scanned_at, gate, undone, result, merged } = scan;
      const isIn = (merged?.result ?? result) === 'admitted' && !undone;
      if (isIn && ticket) this.#own.set(ticket, { at: scanned_at, gate, knownAt: Date.parse(scanned_at) });
    }
    if (kept) this.#use(kept, kept.read_at);
    await this.#tick();
  }

  stop(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#overTimer);
  }

  /** Something about the event's tickets is known to have changed. */
  changed(): void {
    this.#listDueAt = Math.min(this.#listDueAt, Date.now() + GATE.newsMs);
  }

  /** There is a new session. */
  signedIn(): void {
    this.#isSignedOut = false;
    void this.nudge();
  }

  // ── scans ───────────────────────────────────────────────────────────────────────────────────────

  /** A code or the text of a QR was shown. Without a result: the door was closed before there was an answer. */
  async scan(text: string): Promise<KeptScan> {
    const shown = shownBy(text);
    const before = this.#unheard(shown);
    const scan: KeptScan = {
      nonce: before?.nonce ?? newKey(),
      event_id: this.event,
      shown,
      gate: this.name || null,
      scanned_at: new Date().toISOString(),
      state: 'asking',
      // Until the server has answered, however often it is shown in vain.
      ...(before ? { unheard: true } : {}),
    };
    this.#nameType(scan);
    // No text at all needs no server, which would not take it.
    if ('code' in shown && shown.code === '') Object.assign(scan, { result: 'unknown', state: 'done' });
    const mayAsk = this.waiting === 0 && this.#status === 'live' && !this.#isSignedOut;
    this.#asking.add(scan);
    this.#scans = [scan, ...this.#scans.filter((other) => other !== before)];
    await this.#keep(scan);
    if (isWaiting(scan) && (!mayAsk || !(await this.#ask(scan)))) await this.#decide(scan);
    // One without a result may be written by another page by now.
    if (scan.result !== undefined) await this.#keep(scan);
    this.#asking.delete(scan);
    this.#changed();
    if (isWaiting(scan)) void this.nudge();
    return scan;
  }

  /**
   * The scan of the same ticket whose answer was lost a moment ago, and which the list did not let in: the server may have.
   * With another nonce it would be told that the ticket is used.
   */
  #unheard(shown: Shown): KeptScan | undefined {
    const text = JSON.stringify(shown);
    const since = Date.now() - GATE.shownAgainMs;
    const isUnheard = ({ unheard, result, merged }: KeptScan): boolean => unheard === true && result !== 'admitted' && !merged;
    return this.#scans.find((scan) => isUnheard(scan) && Date.parse(scan.scanned_at) > since && JSON.stringify(scan.shown) === text);
  }

  /** A check-in was undone that the server may have made by such a scan: told again of it, nobody would be let in anew. */
  #forgetUnheard(isOf: (scan: KeptScan) => boolean): void {
    for (const scan of this.#scans) if (isOf(scan)) delete scan.unheard;
  }

  /** A full disk keeps nobody out: the page says that it keeps nothing. */
  async #keep(scan: KeptScan): Promise<void> {
    // Names were forgotten when the door was closed; an answer that comes after that would bring one back.
    if (this.#isOver || this.#ended) forgetName(scan);
    await this.#journal.put(scan).catch(() => (this.#isFull = true));
  }

  /** Asks the server; false: there was no answer. */
  async #ask(scan: KeptScan): Promise<boolean> {
    try {
      const scanned = await this.#rest.checkIn(this.event, asSent(scan));
      take(scan, scanned);
      delete scan.unheard;
      if (scan.ticket_id === null && TURNED_AWAY.has(scanned.result)) await this.#nameByList(scan);
      scan.state = 'done';
      if (scanned.result === 'admitted' && scanned.ticket_id !== null) this.#let(scanned.ticket_id, scanned);
      return true;
    } catch (error) {
      if (error instanceof Unreachable) scan.unheard = true;
      this.#unanswered(error);
      return false;
    }
  }

  /** The server says no names of those whom it turns away; whoever stands at the door asks whose ticket it is. */
  async #nameByList(scan: KeptScan): Promise<void> {
    const known = this.#list?.decide(await this.#seen(scan.shown, this.#list));
    if (known && 'ticket' in known) this.#name(scan, known.ticket);
  }

  async #decide(scan: KeptScan): Promise<void> {
    const decision: Decision = this.#list ? this.#list.decide(await this.#seen(scan.shown, this.#list)) : { result: 'unchecked' };
    // The scan is in the journal, for the page that has the door now. Nobody would see a decision of this one.
    if (this.#ended) return;
    scan.result = decision.result;
    scan.offline = true;
    if ('ticket' in decision) this.#name(scan, decision.ticket);
    if (decision.result === 'already_used') [scan.at, scan.at_gate] = [decision.at, decision.gate];
    if (decision.result !== 'admitted') {
      scan.state = 'done';
      return;
    }
    scan.state = 'kept';
    scan.isUnlisted = !decision.isListed;
    this.#let(decision.ticket, { at: scan.scanned_at, gate: scan.gate });
  }

  /** By the list, which may come after the first scans. */
  #nameType(scan: KeptScan): void {
    if (scan.type !== undefined || !('payload' in scan.shown)) return;
    const name = this.#list?.typeName(readPass(scan.shown.payload)?.pass.ticketType);
    if (name !== undefined) scan.type = name;
  }

  #name(scan: KeptScan, ticket: number): void {
    scan.ticket_id = ticket;
    const name = this.#list?.nameOf(ticket);
    if (name !== undefined) scan.name = name;
  }

  async #seen(shown: Shown, list: TicketList): Promise<Parameters<TicketList['decide']>[0]> {
    if ('code' in shown) return { hash: await hashOf(shown.code) };
    const read = readPass(shown.payload);
    // A text that is no ticket has no signature of ours.
    if (!read) return { pass: { key: 0, event: 0, ticket: 0, generation: 0, ticketType: 0 }, signed: false };
    return { pass: read.pass, signed: await isSigned(read, list.keys) };
  }

  /** Takes an admission of this gate back. One that the server knows of is undone there. @throws Refusal, Unreachable */
  async undo(scan: KeptScan): Promise<void> {
    const checkin = scan.merged ? scan.merged.id : scan.checkin_id;
    if (isWaiting(scan)) {
      // The server may have heard of it without our hearing back, so it is told first.
      await this.#merge();
      if (isWaiting(scan)) throw new Unreachable('not merged yet');
      return this.undo(scan);
    }
    if (checkin === null || checkin === undefined) return;
    const still = await this.#rest.undo(checkin);
    scan.undone = true;
    if (scan.ticket_id) this.#letOut(scan.ticket_id, still);
    await this.#keep(scan);
    this.#changed();
  }

  /** Somebody who was found by name, and not by a scan of this device, is let out again. @throws Refusal, Unreachable */
  async undoOther(checkin: number, ticket: number): Promise<void> {
    const still = await this.#rest.undo(checkin);
    this.#letOut(ticket, still);
    // By one that was not heard of it is not known which ticket it was.
    this.#forgetUnheard(({ ticket_id: id }) => id === undefined || id === null || id === ticket);
    const scan = this.#scans.find((one) => (one.merged ? one.merged.id : one.checkin_id) === checkin);
    if (scan) {
      scan.undone = true;
      await this.#keep(scan);
    }
    this.#changed();
  }

  /** Somebody has read that the server decided otherwise. */
  async putAway(scan: KeptScan): Promise<void> {
    scan.isRead = true;
    await this.#keep(scan);
    this.#changed();
  }

  // ── the server ──────────────────────────────────────────────────────────────────────────────────

  /** The network is said to be back, or there is something to send: does not wait, asks now. */
  async nudge(): Promise<void> {
    this.#isAskedAgain = this.#ticking !== undefined;
    await this.#tick();
  }

  /** One at a time. */
  #tick(): Promise<void> {
    clearTimeout(this.#timer);
    this.#ticking ??= this.#tickOnce().finally(() => (this.#ticking = undefined));
    return this.#ticking;
  }

  /** Merges, reads what other gates did, and now and then the whole list. */
  async #tickOnce(): Promise<void> {
    do {
      this.#isAskedAgain = false;
      if (this.#ended) return;
      await this.#forgetInTime();
      try {
        const fault = await this.#mergeOrFault();
        if (Date.now() >= this.#listDueAt) await this.#readList();
        else await this.#readNews();
        this.#become('live');
        if (fault !== undefined) this.#unanswered(fault);
      } catch (error) {
        this.#unanswered(error);
      }
      await this.#keepList();
    } while (this.#isAskedAgain);
    if (this.#ended) return;
    this.#timer = setTimeout(() => void this.#tick(), this.#status === 'live' ? GATE.newsMs : GATE.againMs);
    this.#changed();
  }

  /** Where merges fail, this gate lets people in by its list alone, and all the more needs what other gates did. */
  async #mergeOrFault(): Promise<unknown> {
    try {
      await this.#merge();
      return undefined;
    } catch (error) {
      // Neither would be answered.
      if (error instanceof Unreachable || (error instanceof Refusal && error.status === 401)) throw error;
      return error;
    }
  }

  async #merge(): Promise<void> {
    for (;;) {
      const batch = this.#scans.filter((scan) => this.#isDue(scan)).reverse().slice(0, GATE.batchMax);
      if (batch.length === 0) return;
      await this.#mergeBatch(batch);
    }
  }

  /**
   * The server takes a batch or refuses it as a whole: then its halves are sent, the earlier first, down to those scans that
   * it refuses, which are unknown to it. Halves need few requests, of which the server takes only so many a second. Each
   * answer is kept as it comes: where the server asks to wait, only the rest is sent again.
   */
  async #mergeBatch(batch: KeptScan[]): Promise<void> {
    let results: Scanned[];
    try {
      results = await this.#rest.merge(this.event, batch.map(asSent));
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      if (batch.length > 1) {
        const half = Math.ceil(batch.length / 2);
        await this.#mergeBatch(batch.slice(0, half));
        return this.#mergeBatch(batch.slice(half));
      }
      results = [{ id: null, nonce: batch[0]!.nonce, result: 'unknown', ticket_id: null, code: null, at: null, gate: null, name: null }];
    }
    for (const merged of results) {
      const scan = batch.find(({ nonce }) => nonce === merged.nonce);
      if (scan) await this.#merged(scan, merged);
    }
    this.#changed();
  }

  async #merged(scan: KeptScan, merged: Scanned): Promise<void> {
    scan.state = 'done';
    scan.merged = merged;
    scan.name ??= merged.name;
    scan.code ??= merged.code;
    scan.ticket_id ??= merged.ticket_id;
    // It was asked when the page ended: nobody has seen an answer.
    scan.result ??= merged.result;
    if (merged.ticket_id !== null && (merged.result === 'admitted' || merged.result === 'already_used')) this.#let(merged.ticket_id, merged);
    await this.#keep(scan);
  }

  async #readList(): Promise<void> {
    const askedAt = Date.now();
    const event = await this.#rest.event(this.event);
    const tickets: KeptList['tickets'] = [];
    const keys = new Map<number, string>();
    let after: number | null = null;
    let parts = 0;
    do {
      const from: number | null = after;
      const part: BundlePart = await this.#rest.bundle(this.event, from);
      tickets.push(...part.tickets);
      for (const { id, public: key } of part.keys) keys.set(id, key);
      after = part.next;
      parts += 1;
    } while (after !== null);
    const kept: KeptList = {
      event_id: this.event,
      organizer_id: event.organizer_id,
      title: event.title,
      venue: event.venue,
      starts_at: event.starts_at,
      ends_at: event.ends_at ?? null,
      timezone: event.timezone,
      stands: event.status !== 'cancelled',
      types: event.ticket_types.map(({ id, name }) => [id, name]),
      keys: [...keys],
      tickets,
      read_at: askedAt,
    };
    this.#use(isOver(kept, askedAt) ? withoutNames(kept) : kept, askedAt);
    // With what is heard next.
    [this.#keptChanges, this.#keepListAt] = [-1, 0];
    this.#listDueAt = Date.now() + GATE.listMsPerPart * parts;
    await this.#readNews();
    await this.#prune();
  }

  /** The list, with what this gate knows beyond it. */
  #use(kept: KeptList, askedAt: number): void {
    const list = new TicketList(kept);
    for (const scan of this.#scans) {
      if (isWaiting(scan) && scan.result === 'admitted' && scan.ticket_id) list.admit(scan.ticket_id, { at: scan.scanned_at, gate: scan.gate });
    }
    const used = new Set(kept.tickets.filter(({ status }) => status === 'used').map(({ id }) => id));
    for (const [ticket, { knownAt, at, gate }] of this.#own) {
      // The list knows better by now, unless it was on its way already.
      if (knownAt < askedAt && !used.has(ticket)) this.#own.delete(ticket);
      else list.admit(ticket, { at, gate });
    }
    this.#list = list;
    for (const scan of this.#scans) this.#nameType(scan);
    void this.#forgetInTime();
    this.#changed();
  }

  get #isOver(): boolean {
    return this.#list !== undefined && isOver(this.#list.kept, Date.now());
  }

  /** Names are here no longer than their event lasts. Asked with each tick as well: timers sleep with the device. */
  async #forgetInTime(): Promise<void> {
    clearTimeout(this.#overTimer);
    const list = this.#list;
    if (!list || this.#ended) return;
    if (!this.#isOver) {
      this.#overTimer = setTimeout(() => void this.#forgetInTime(), Math.min(overAt(list.kept) - Date.now(), TIMER_MS_MAX));
      return;
    }
    const named = this.#scans.filter(forgetName);
    if (!list.hasNames && named.length === 0) return;
    list.forgetNames();
    this.dispatchEvent(new Event('forgotten'));
    this.#changed();
    await this.#journal.putList(list.snapshot()).catch(() => (this.#isFull = true));
    for (const scan of named) await this.#keep(scan);
  }

  async #readNews(): Promise<void> {
    const news = await this.#rest.news(this.event);
    const missesSome = this.#seenCheckin > 0 && news.length > 0 && news.at(-1)!.id > this.#seenCheckin;
    // Oldest first: of an admission that was undone and one that followed, the later holds.
    for (const checkin of news.reverse()) this.#hear(checkin);
    this.#seenCheckin = news.at(-1)?.id ?? this.#seenCheckin;
    if (missesSome) this.#listDueAt = 0;
  }

  /**
   * News of other gates outlive a reload as well, and so does what QRs say that are younger than the list, which without
   * network nobody else says. Not written each time, since a list may be long.
   */
  async #keepList(): Promise<void> {
    // Whoever left has had the names forgotten.
    if (this.#ended || !this.#list || this.#list.changes === this.#keptChanges || Date.now() < this.#keepListAt) return;
    [this.#keptChanges, this.#keepListAt] = [this.#list.changes, Date.now() + GATE.keepListMs];
    await this.#journal.putList(this.#list.snapshot()).catch(() => (this.#isFull = true));
  }

  #hear({ id, nonce, result, ticket_id: ticket, undone_at, offline, scanned_at, at, gate }: ListedCheckin): void {
    if (result !== 'admitted' || ticket === null) return;
    if (undone_at === null) return this.#list?.admit(ticket, { at: offline ? scanned_at : at, gate });
    this.#forgetUnheard((scan) => scan.nonce === nonce);
    if (this.#isInSince(ticket, id)) return;
    this.#own.delete(ticket);
    this.#list?.release(ticket);
  }

  /** Let in here after that entry, which was undone: the server has not heard of it yet, or has given it a later number. */
  #isInSince(ticket: number, checkin: number): boolean {
    return this.#scans.some((scan) => {
      const isIn = scan.ticket_id === ticket && !scan.undone && (scan.merged ?? scan).result === 'admitted';
      return isIn && (isWaiting(scan) || ((scan.merged ? scan.merged.id : scan.checkin_id) ?? 0) > checkin);
    });
  }

  /** `still`: another entry with the same ticket. */
  #letOut(ticket: number, still: StillIn | null): void {
    this.#own.delete(ticket);
    this.#list?.release(ticket);
    if (still) this.#list?.admit(ticket, still);
  }

  #let(ticket: number, { at, gate }: { at: string | null; gate: string | null }): void {
    this.#own.set(ticket, { at, gate, knownAt: Date.now() });
    this.#list?.admit(ticket, { at, gate });
  }

  #unanswered(error: unknown): void {
    if (error instanceof Unreachable) return this.#become('offline');
    if (error instanceof Refusal && error.status === 401) this.#isSignedOut = true;
    else this.#fault = error;
    this.#changed();
  }

  #become(status: GateStatus): void {
    if (status === 'live') [this.#isSignedOut, this.#fault] = [false, undefined];
    this.#status = status;
    this.#changed();
  }

  /** Old scans of which nothing is left to send. */
  async #prune(): Promise<void> {
    const surprising = new Set(this.surprises);
    const old = this.#scans.slice(GATE.scansMax).filter((scan) => !isWaiting(scan) && !surprising.has(scan));
    this.#scans = this.#scans.filter((scan) => !old.includes(scan));
    for (const { nonce } of old) await this.#journal.remove(nonce);
  }

  #changed(): void {
    if (!this.#ended) this.dispatchEvent(new Event('change'));
  }
}

function isWaiting({ state }: KeptScan): boolean {
  return state !== 'done';
}

/** The code or the QR in a text. */
function shownBy(text: string): Shown {
  return isPassText(text) ? { payload: readable(text, PASS_CHARS_MAX) } : { code: readable(plainCode(text), CODE_CHARS_MAX) };
}

function asSent({ shown, nonce, gate, scanned_at }: KeptScan): Scan {
  return { ...shown, nonce, scanned_at, ...(gate ? { gate } : {}) };
}

/** The server's word, at the door. */
function take(scan: KeptScan, { result, id, ticket_id, code, name, at, gate }: Scanned): void {
  Object.assign(scan, { result, checkin_id: id, ticket_id, code, name, at, at_gate: gate });
}
