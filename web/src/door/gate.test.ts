import { afterEach, expect, it, vi } from 'vitest';
import { Refusal, Unreachable } from '../sdk/index.ts';
import { keys, ticket } from '../../test/support/passes.ts';
import { Gate, GATE } from './gate.ts';
import { MemoryJournal } from './journal.ts';
import { hashOf } from './pass.ts';
import type { BundlePart, DoorRest, ListedCheckin, Scan, Scanned, StillIn } from './rest.ts';

/** A server with a few tickets, which can be out of reach, and can be heard without answering. */
class FakeDoors {
  reachable = true;
  /** Requests arrive, answers are lost. */
  deaf = false;
  ended = false;
  /** Merges fail, for a reason that is the server's. */
  broken = false;
  /** Merges that it still takes before it asks to wait. */
  mergesLeft = Infinity;
  readonly used = new Map<number, { nonce: string; at: string; gate: string | null }>();
  readonly checkins: ListedCheckin[] = [];
  readonly batches: Scan[][] = [];

  readonly codes: string[];
  ends_at: string | undefined;
  ticket_types: { id: number; name: string }[] = [];

  constructor(codes: string[]) {
    this.codes = codes;
  }

  get rest(): DoorRest {
    return this as unknown as DoorRest;
  }

  async event(id: number): Promise<unknown> {
    this.#answer();
    return { id, organizer_id: 2, title: 'Show', venue: 'Hall', starts_at: '2031-06-01T18:00:00Z', timezone: 'UTC', ends_at: this.ends_at, status: 'active', ticket_types: this.ticket_types };
  }

  async bundle(event: number, after: number | null): Promise<BundlePart> {
    this.#answer();
    // A part for each ticket.
    const at = after ?? 0;
    const status = this.used.has(at + 1) ? 'used' : 'valid';
    const tickets = [{ id: at + 1, generation: 1, status, code_hash: (await hashOf(this.codes[at]!))!, name: `Ada the ${at + 1}.` } as const];
    return { event_id: event, revision: 1, keys: [...keys].map(([id, key]) => ({ id, public: key })), tickets, next: at + 1 < this.codes.length ? at + 1 : null };
  }

  async news(): Promise<ListedCheckin[]> {
    this.#answer();
    return [...this.checkins].reverse().slice(0, 100);
  }

  async checkIn(_event: number, scan: Scan): Promise<Scanned> {
    if (!this.reachable) throw new Unreachable('away');
    if (this.ended) throw new Refusal(401, 'ended', { code: 'TOKEN_EXPIRED' });
    // As `DoorRest` answers what the server cannot read.
    if (!isReadable(scan)) return { id: null, nonce: scan.nonce, result: 'unknown', ticket_id: null, code: null, at: null, gate: null, name: null };
    const scanned = this.take(scan, false);
    if (this.deaf) throw new Unreachable('lost');
    return scanned;
  }

  async merge(_event: number, entries: Scan[]): Promise<Scanned[]> {
    this.#answer();
    if (this.ended) throw new Refusal(401, 'ended', { code: 'TOKEN_EXPIRED' });
    if (this.broken) throw new Refusal(500, 'broken', { code: 'INTERNAL_ERROR' });
    if (this.mergesLeft === 0) throw new Unreachable('RATE_LIMITED', 1);
    this.mergesLeft -= 1;
    this.batches.push(entries);
    if (!entries.every(isReadable)) throw new Refusal(422, 'unreadable', { code: 'VALIDATION_FAILED' });
    return entries.map((entry) => this.take(entry, true));
  }

  async undo(checkin: number): Promise<StillIn | null> {
    this.#answer();
    const found = this.checkins.find(({ id }) => id === checkin)!;
    found.undone_at = new Date().toISOString();
    this.used.delete(found.ticket_id!);
    const still = this.checkins.find(({ ticket_id, result }) => ticket_id === found.ticket_id && result === 'already_used');
    if (!still) return null;
    still.result = 'admitted';
    this.used.set(found.ticket_id!, still);
    return still;
  }

  take(scan: Scan, offline: boolean): Scanned {
    const id = 'code' in scan ? this.codes.indexOf(scan.code) + 1 : 0;
    const before = this.used.get(id);
    const known = this.checkins.find(({ nonce }) => nonce === scan.nonce);
    const result = id === 0 ? 'unknown' : before && before.nonce !== scan.nonce ? 'already_used' : 'admitted';
    if ((result === 'admitted' || (offline && id > 0)) && !known) {
      if (result === 'admitted') this.used.set(id, { nonce: scan.nonce, at: scan.scanned_at, gate: scan.gate ?? null });
      const at = new Date().toISOString();
      const { nonce, scanned_at, gate } = scan;
      this.checkins.push({ id: this.checkins.length + 1, nonce, result, ticket_id: id, code: this.codes[id - 1]!, gate: gate ?? null, scanned_at, at, offline, undone_at: null });
    }
    const checkin = this.checkins.find(({ nonce }) => nonce === scan.nonce)?.id ?? null;
    const of = this.used.get(id);
    return { id: checkin, nonce: scan.nonce, result, ticket_id: id || null, code: this.codes[id - 1] ?? null, at: of?.at ?? null, gate: of?.gate ?? null, name: 'Ada' };
  }

  #answer(): void {
    if (!this.reachable) throw new Unreachable('away');
  }
}

/** Whether the server takes its texts: some characters, without NUL, well-formed, not too many. */
function isReadable(scan: Scan): boolean {
  const takes = (text: string, most: number): boolean => text.trim() !== '' && !/[\0\p{Cs}]/u.test(text) && [...text].length <= most;
  const shown = 'code' in scan ? takes(scan.code, 100) : takes(scan.payload, 200);
  return shown && (scan.gate === undefined || takes(scan.gate, 100));
}

const gates: Gate[] = [];
afterEach(() => {
  for (const gate of gates.splice(0)) gate.stop();
  vi.useRealTimers();
});

async function opened(server: FakeDoors, journal = new MemoryJournal(), name = 'North'): Promise<Gate> {
  const gate = new Gate({ event: 1, name, rest: server.rest, journal });
  gates.push(gate);
  await gate.start();
  return gate;
}

it('asks the server, which lets a ticket in once', async () => {
  const server = new FakeDoors(['A-1', 'A-2']);
  const gate = await opened(server);
  expect([gate.list?.admitted, gate.list?.expected]).toEqual([0, 2]);
  expect(await gate.scan(' a-1 ')).toMatchObject({ result: 'admitted', name: 'Ada', state: 'done' });
  expect(await gate.scan('A-1')).toMatchObject({ result: 'already_used', at_gate: 'North' });
  expect(await gate.scan('B-9')).toMatchObject({ result: 'unknown' });
  expect(gate.list?.admitted).toBe(1);
});

it('names the holder of a ticket that the server turns away', async () => {
  const server = new FakeDoors(['A-1', 'A-2']);
  const gate = await opened(server);
  await gate.scan('A-1');
  vi.spyOn(server, 'checkIn').mockImplementation(async (_, { nonce }) => ({ id: null, nonce, result: 'already_used', ticket_id: null, code: null, name: null, at: null, gate: 'South' }));
  expect(await gate.scan('A-1')).toMatchObject({ result: 'already_used', name: 'Ada the 1.', at_gate: 'South' });
  // The list lacks it, and may say something else.
  expect(await gate.scan('B-9')).toMatchObject({ result: 'already_used', name: null });
  expect([gate.waiting, gate.list?.admitted]).toEqual([0, 1]);
});

it('asks about foreign codes in a way that the server can read', async () => {
  const server = new FakeDoors(['A-1']);
  const gate = await opened(server);
  const asked = vi.spyOn(server, 'checkIn');
  for (const text of [`WIFI:\0${'x'.repeat(94)}🎟🎟`, 'SC1:\ud83cABC']) await gate.scan(text);
  expect(asked.mock.calls.map(([, scan]) => ('code' in scan ? scan.code : scan.payload))).toEqual([`WIFI:${'X'.repeat(94)}🎟`, 'SC1:ABC']);
});

it('names the ticket type of a scan that was made before the list was there', async () => {
  const server = new FakeDoors(['A-1']);
  server.ticket_types = [{ id: 7, name: 'Standard' }];
  const gate = new Gate({ event: 1, name: 'North', rest: server.rest, journal: new MemoryJournal() });
  gates.push(gate);
  let answer!: (event: unknown) => void;
  const reading = vi.spyOn(server, 'event').mockReturnValueOnce(new Promise((given) => (answer = given)));
  const starting = gate.start();
  await vi.waitFor(() => expect(reading).toHaveBeenCalled());
  // A pass of version 1, all zeros but for its ticket type.
  const pairs = Array.from({ length: 49 }, (_, at) => (at === 0 ? 'V50' : at === 13 ? '$*0' : '000'));
  const scan = await gate.scan(`SC1:${pairs.join('')}`);
  expect(scan.type).toBeUndefined();
  answer(await server.event(1));
  await starting;
  expect(scan.type).toBe('Standard');
});

it('keeps a scan that is made while it reads those of before', async () => {
  const server = new FakeDoors(['A-1', 'A-2']);
  const journal = new MemoryJournal();
  await (await opened(server, journal)).scan('A-1');
  const gate = new Gate({ event: 1, name: 'North', rest: server.rest, journal });
  gates.push(gate);
  const starting = gate.start();
  const scan = await gate.scan('A-2');
  await starting;
  expect(gate.scans).toHaveLength(2);
  expect(gate.scans[0]).toBe(scan);
});

it('decides by its list without network, keeps it over a reload, and merges only those who were let in', async () => {
  const server = new FakeDoors(['A-1', 'A-2', 'A-3']);
  const journal = new MemoryJournal();
  const gate = await opened(server, journal);
  server.reachable = false;
  expect(await gate.scan('A-1')).toMatchObject({ result: 'admitted', offline: true, state: 'kept' });
  expect(gate.status).toBe('offline');
  expect(await gate.scan('A-1')).toMatchObject({ result: 'already_used', at_gate: 'North' });
  expect(await gate.scan('B-9')).toMatchObject({ result: 'unknown' });
  expect(gate.waiting).toBe(1);
  gate.stop();

  // The page is loaded anew, still without network.
  const again = await opened(server, journal);
  expect(again.waiting).toBe(1);
  expect(again.list?.admitted).toBe(1);
  expect(await again.scan('A-1')).toMatchObject({ result: 'already_used' });
  await again.scan('A-2');
  server.reachable = true;
  await again.nudge();
  await vi.waitFor(() => expect(again.waiting).toBe(0));
  expect(again.status).toBe('live');
  expect(server.batches.flat().map((scan) => ('code' in scan ? scan.code : ''))).toEqual(['A-1', 'A-2']);
  expect(server.used.size).toBe(2);
  expect(again.surprises).toEqual([]);
});

it('shows what the server decided otherwise, until somebody has read it', async () => {
  const server = new FakeDoors(['A-1']);
  const journal = new MemoryJournal();
  const gate = await opened(server, journal);
  server.reachable = false;
  await gate.scan('A-1');
  // Another gate had network.
  server.take({ code: 'A-1', nonce: 'of-the-south', gate: 'South', scanned_at: '2031-06-01T17:00:00Z' }, false);
  server.reachable = true;
  await gate.nudge();
  expect(gate.surprises).toHaveLength(1);
  expect(gate.surprises[0]).toMatchObject({ result: 'admitted', merged: { result: 'already_used', gate: 'South' } });
  await gate.putAway(gate.surprises[0]!);
  expect(gate.surprises).toEqual([]);
  expect((await journal.scans(1))[0]).toMatchObject({ isRead: true, state: 'done' });
});

it('sends a scan whose answer was lost again with its nonce: it counts once', async () => {
  const server = new FakeDoors(['A-1', 'A-2']);
  const gate = await opened(server);
  server.deaf = true;
  const scan = await gate.scan('A-1');
  expect(scan).toMatchObject({ result: 'admitted', state: 'kept' });
  expect(server.used.get(1)?.nonce).toBe(scan.nonce);
  server.deaf = false;
  await gate.nudge();
  expect(scan).toMatchObject({ state: 'done', merged: { result: 'admitted' } });
  expect(server.checkins).toHaveLength(1);
  expect(gate.surprises).toEqual([]);
  // It is shown next by somebody else.
  expect(await gate.scan('A-1')).toMatchObject({ result: 'already_used' });
});

it('lets somebody in whom the server let in without being heard, when the ticket is shown again', async () => {
  const server = new FakeDoors(['A-1', 'A-2']);
  const gate = await opened(server);
  // Sold after the list was read: without an answer nobody knows it.
  server.codes.push('A-3');
  server.deaf = true;
  expect(await gate.scan('A-3')).toMatchObject({ result: 'unknown', state: 'done' });
  expect(server.used.has(3)).toBe(true);
  server.deaf = false;
  await gate.nudge();
  expect(await gate.scan('A-3')).toMatchObject({ result: 'admitted' });
  expect(server.checkins).toHaveLength(1);
  expect(gate.scans).toHaveLength(1);
  // From then on it is used, as any other.
  expect(await gate.scan('A-3')).toMatchObject({ result: 'already_used' });
  // Long after a lost answer somebody else may hold the ticket.
  server.codes.push('A-4');
  server.deaf = true;
  await gate.scan('A-4');
  server.deaf = false;
  await gate.nudge();
  vi.setSystemTime(Date.now() + GATE.shownAgainMs);
  expect(await gate.scan('A-4')).toMatchObject({ result: 'already_used' });
  vi.useRealTimers();
});

it('lets somebody in whom the server let in without being heard also where the ticket was shown in vain meanwhile', async () => {
  const server = new FakeDoors(['A-1', 'A-2']);
  const gate = await opened(server);
  server.codes.push('A-3');
  server.deaf = true;
  await gate.scan('A-3');
  [server.deaf, server.reachable] = [false, false];
  expect(await gate.scan('A-3')).toMatchObject({ result: 'unknown', offline: true });
  server.reachable = true;
  await gate.nudge();
  expect(await gate.scan('A-3')).toMatchObject({ result: 'admitted' });
  expect([server.checkins.length, gate.scans.length]).toEqual([1, 1]);
  expect(await gate.scan('A-3')).toMatchObject({ result: 'already_used' });
});

it('lets nobody in by a check-in that was undone without its being heard of', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  for (const undo of [(gate: Gate) => gate.undoOther(1, 3), async (gate: Gate, server: FakeDoors) => (await server.undo(1), gate.nudge())]) {
    const server = new FakeDoors(['A-1', 'A-2']);
    const gate = await opened(server);
    server.codes.push('A-3');
    server.deaf = true;
    await gate.scan('A-3');
    server.deaf = false;
    await gate.nudge();
    await undo(gate, server);
    expect(await gate.scan('A-3')).toMatchObject({ result: 'admitted' });
    // Let in anew, and not told again of the first time.
    expect([server.used.has(3), server.checkins.length]).toEqual([true, 2]);
  }
});

it('goes by its list while scans wait, since the server does not know yet whom it let in', async () => {
  const server = new FakeDoors(['A-1', 'A-2']);
  const gate = await opened(server);
  server.ended = true;
  await gate.scan('A-1');
  expect(gate.isSignedOut).toBe(true);
  server.ended = false;
  // The server is back, and was not told of the first one.
  expect(await gate.scan('A-1')).toMatchObject({ result: 'already_used', offline: true });
  gate.signedIn();
  await vi.waitFor(() => expect(gate.waiting).toBe(0));
  expect(server.checkins).toHaveLength(1);
  expect(await gate.scan('A-2')).toMatchObject({ result: 'admitted', state: 'done' });
  expect(gate.scans[0]?.offline).toBeUndefined();
});

it('sends nothing that the server cannot read, whatever is shown and whatever the gate is called', async () => {
  const server = new FakeDoors(['A-1', 'A-2', 'A-3']);
  const sent = vi.spyOn(server, 'checkIn');
  const north = await opened(server, new MemoryJournal(), ' \0');
  expect(await north.scan('A-1')).toMatchObject({ result: 'admitted', gate: null, state: 'done' });
  const south = await opened(server, new MemoryJournal(), `${'S'.repeat(99)}😀uth`);
  expect(await south.scan('A-2\0')).toMatchObject({ result: 'admitted', gate: `${'S'.repeat(99)}😀` });
  for (const text of [' \u2066', '\0', `${'A'.repeat(99)}😀`, '\ud83d', `SC1:\0${'A'.repeat(195)}😀`, 'SC1:\ud83d']) {
    expect(await south.scan(text), JSON.stringify(text)).toMatchObject({ result: 'unknown', state: 'done' });
  }
  expect(sent.mock.calls.map(([, scan]) => scan).filter((scan) => !isReadable(scan))).toEqual([]);
});

it('merges the others where the server refuses one scan, and sets that aside', async () => {
  const server = new FakeDoors(['A-1', 'A-2', 'A-3']);
  const journal = new MemoryJournal();
  const north = await opened(server, journal);
  server.reachable = false;
  await north.scan('A-1');
  await north.scan('A-2');
  north.stop();
  // The page ended while the server was asked about the first, and the second is none that any server could read.
  const asked = { event_id: 1, gate: null, state: 'asking' } as const;
  await journal.put({ ...asked, nonce: 'of-before-1', shown: { code: '' }, scanned_at: '2026-01-01T00:00:00.000Z' });
  await journal.put({ ...asked, nonce: 'of-before-2', shown: { code: '' }, scanned_at: '2026-01-01T00:00:01.000Z', state: 'kept', result: 'admitted' });

  server.take({ code: 'A-3', nonce: 'of-the-south', gate: 'South', scanned_at: '2031-06-01T17:00:00Z' }, false);
  server.reachable = true;
  const again = await opened(server, journal);
  expect(again.waiting).toBe(0);
  expect([...server.used.keys()].sort()).toEqual([1, 2, 3]);
  expect(again.list?.admitted).toBe(3);
  expect(again.status).toBe('live');
  expect(again.surprises).toMatchObject([{ nonce: 'of-before-2', state: 'done', merged: { result: 'unknown' } }]);
  // For good: nothing is sent of them again.
  expect(await journal.scans(1)).not.toContainEqual(expect.objectContaining({ state: 'asking' }));
  expect(await journal.scans(1)).not.toContainEqual(expect.objectContaining({ state: 'kept' }));
});

/** Scans of before that wait to be merged, some of which no server can read. */
async function waiting(codes: readonly string[]): Promise<MemoryJournal> {
  const journal = new MemoryJournal();
  for (const [at, code] of codes.entries()) {
    const scanned_at = new Date(Date.UTC(2026, 0, 1, 0, 0, at)).toISOString();
    await journal.put({ event_id: 1, gate: null, state: 'kept', result: 'admitted', nonce: `of-before-${at}`, shown: { code }, scanned_at });
  }
  return journal;
}

it('merges many in few requests where the server refuses one of them, in the order of the scans', async () => {
  const codes = Array.from({ length: 150 }, (_, at) => `A-${at + 1}`);
  const server = new FakeDoors(codes);
  server.mergesLeft = 60;
  const gate = await opened(server, await waiting(codes.with(97, '')));
  expect([gate.waiting, gate.status, server.used.size]).toEqual([0, 'live', 149]);
  expect(server.checkins.map(({ ticket_id }) => ticket_id)).toEqual(codes.map((_, at) => at + 1).filter((ticket) => ticket !== 98));
  expect(gate.surprises).toMatchObject([{ nonce: 'of-before-97', merged: { result: 'unknown' } }]);
});

it('keeps what the server has answered where it asks to wait before the rest, so that all are merged in the end', async () => {
  const codes = Array.from({ length: 150 }, (_, at) => `A-${at + 1}`);
  const server = new FakeDoors(codes);
  server.mergesLeft = 60;
  const gate = await opened(server, await waiting(codes.map((code, at) => (at % 2 === 0 ? code : ''))));
  for (let rounds = 1, before = codes.length; gate.waiting > 0; rounds += 1) {
    expect(gate.status).toBe('offline');
    expect(gate.waiting, `after ${rounds} rounds`).toBeLessThan(before);
    before = gate.waiting;
    server.mergesLeft = 60;
    await gate.nudge();
  }
  expect([gate.status, server.used.size, server.checkins.length]).toEqual(['live', 75, 75]);
});

it('hears of other gates also where its merges fail', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  const server = new FakeDoors(['A-1', 'A-2']);
  const gate = await opened(server);
  server.reachable = false;
  await gate.scan('A-1');
  [server.reachable, server.broken] = [true, true];
  server.take({ code: 'A-2', nonce: 'of-the-south', gate: 'South', scanned_at: '2031-06-01T17:00:00Z' }, false);
  await vi.advanceTimersByTimeAsync(GATE.newsMs);
  expect(gate.fault).toMatchObject({ status: 500 });
  expect(await gate.scan('A-2')).toMatchObject({ result: 'already_used', at_gate: 'South', offline: true });
  server.broken = false;
  await vi.advanceTimersByTimeAsync(GATE.newsMs);
  expect([gate.waiting, gate.fault, gate.status]).toEqual([0, undefined, 'live']);
});

it('hears what other gates did, and what was undone', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  const server = new FakeDoors(['A-1', 'A-2']);
  const north = await opened(server);
  const south = await opened(server, new MemoryJournal(), 'South');
  const scan = await south.scan('A-1');
  await vi.advanceTimersByTimeAsync(GATE.newsMs);
  expect(north.list?.admitted).toBe(1);
  server.reachable = false;
  expect(await north.scan('A-1')).toMatchObject({ result: 'already_used', at_gate: 'South' });
  server.reachable = true;
  await south.undo(scan);
  expect(scan.undone).toBe(true);
  await vi.advanceTimersByTimeAsync(GATE.newsMs);
  expect([north.list?.admitted, south.list?.admitted]).toEqual([0, 0]);
  expect(await north.scan('A-1')).toMatchObject({ result: 'admitted' });
});

it('keeps a ticket used that somebody came in with elsewhere, when an admission is undone', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  const server = new FakeDoors(['A-1']);
  const north = await opened(server);
  const south = await opened(server, new MemoryJournal(), 'South');
  server.reachable = false;
  await south.scan('A-1');
  server.reachable = true;
  const scan = await north.scan('A-1');
  await vi.advanceTimersByTimeAsync(GATE.newsMs);
  expect(south.surprises).toHaveLength(1);
  await north.undo(scan);
  expect([north.list?.admitted, south.list?.admitted]).toEqual([1, 1]);
  await vi.advanceTimersByTimeAsync(GATE.newsMs);
  expect([north.list?.admitted, south.list?.admitted]).toEqual([1, 1]);
  expect(await north.scan('A-1')).toMatchObject({ result: 'already_used', at_gate: 'South' });
});

it('keeps what it let in while a list that was asked for before is on its way', async () => {
  const server = new FakeDoors(['A-1', 'A-2']);
  const gate = await opened(server);
  const whole = server.bundle.bind(server);
  let answer!: () => void;
  const held = new Promise<void>((resolve) => (answer = resolve));
  server.bundle = async (event, after) => {
    const part = await whole(event, after);
    await held;
    return part;
  };
  vi.setSystemTime(Date.now() + GATE.listMsPerPart * 2);
  const reading = gate.nudge();
  await new Promise((resolve) => setImmediate(resolve));
  await gate.scan('A-1');
  answer();
  await reading;
  expect(gate.list?.admitted).toBe(1);
});

it('names people without network while its door is open, and leaves no name behind', async () => {
  const server = new FakeDoors(['A-1', 'A-2']);
  const journal = new MemoryJournal();
  const gate = await opened(server, journal);
  await gate.scan('A-1');
  server.reachable = false;
  expect(await gate.scan('A-2')).toMatchObject({ result: 'admitted', offline: true, name: 'Ada the 2.' });
  expect(gate.list?.named('the 2', 20)).toMatchObject([{ ticket_id: 2, status: 'used' }]);
  expect(JSON.stringify([await journal.lists(), await journal.scans(1)])).toContain('Ada');

  gate.stop();
  await journal.forgetNames(1);
  expect(JSON.stringify([await journal.lists(), await journal.scans(1)])).not.toContain('Ada');
  // Whom it let in is known, and merged by whoever opens this door next.
  expect(await journal.scans(1)).toMatchObject([{ state: 'done' }, { state: 'kept', ticket_id: 2 }]);
  server.reachable = true;
  await opened(server, journal);
  expect(server.batches.flat()).toMatchObject([{ code: 'A-2' }]);
});

it('writes no name of a scan whose answer comes after its door was closed', async () => {
  const server = new FakeDoors(['A-1']);
  const journal = new MemoryJournal();
  const gate = await opened(server, journal);
  let answer = (): void => {};
  const held = new Promise<void>((resolve) => (answer = resolve));
  const asked = vi.spyOn(server, 'checkIn').mockImplementation(async (_, scan) => {
    await held;
    return server.take(scan, false);
  });
  const scanning = gate.scan('A-1');
  await vi.waitFor(() => expect(asked).toHaveBeenCalled());
  gate.stop();
  await journal.forgetNames(1);
  answer();
  await scanning;
  expect(await journal.scans(1)).toMatchObject([{ state: 'done', result: 'admitted' }]);
  expect(JSON.stringify([await journal.lists(), await journal.scans(1)])).not.toContain('Ada');
});

it('decides nothing once another page has its door, and leaves the scan to that page', async () => {
  const server = new FakeDoors(['A-1']);
  const journal = new MemoryJournal();
  const first = await opened(server, journal);
  let fail = (): void => {};
  const asked = vi.spyOn(server, 'checkIn').mockImplementationOnce(() => new Promise((_, reject) => (fail = () => reject(new Unreachable('away')))));
  const scanning = first.scan('A-1');
  await vi.waitFor(() => expect(asked).toHaveBeenCalled());
  server.reachable = false;
  first.stop();
  const second = await opened(server, journal);
  fail();
  expect((await scanning).result).toBeUndefined();
  expect(await journal.scans(1)).toMatchObject([{ state: 'asking' }]);
  // The holder is asked to show it again.
  expect(await second.scan('A-1')).toMatchObject({ result: 'admitted', offline: true });
  server.reachable = true;
  await second.nudge();
  expect([second.waiting, server.used.size]).toEqual([0, 1]);
});

it('knows after a reload without network that a ticket was handed on', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  const server = new FakeDoors(['A-1']);
  const journal = new MemoryJournal();
  const gate = await opened(server, journal);
  server.reachable = false;
  expect(await gate.scan(ticket({ event: 1, id: 1, generation: 2 }))).toMatchObject({ result: 'admitted', isUnlisted: true });
  expect(await gate.scan('A-1')).toMatchObject({ result: 'replaced' });
  await vi.advanceTimersByTimeAsync(GATE.keepListMs + GATE.againMs);
  gate.stop();
  const again = await opened(server, journal);
  expect(await again.scan('A-1')).toMatchObject({ result: 'replaced' });
});

it('forgets names when the event ends, without network too, and lets people in as before', async () => {
  vi.useFakeTimers({ now: Date.parse('2031-06-01T21:00:00Z') });
  const server = new FakeDoors(['A-1', 'A-2', 'A-3']);
  server.ends_at = '2031-06-01T22:00:00Z';
  const journal = new MemoryJournal();
  const gate = await opened(server, journal);
  await gate.scan('A-1');
  server.reachable = false;
  expect(await gate.scan('A-2')).toMatchObject({ result: 'admitted', name: 'Ada the 2.' });
  const forgotten = vi.fn();
  gate.addEventListener('forgotten', forgotten);
  const kept = async (): Promise<string> => JSON.stringify([gate.list?.kept, gate.scans, await journal.lists(), await journal.scans(1)]);
  await vi.advanceTimersByTimeAsync(3_599_000);
  expect(await kept()).toContain('Ada the 3.');
  expect(forgotten).not.toHaveBeenCalled();

  await vi.advanceTimersByTimeAsync(1_000);
  expect(await kept()).not.toContain('Ada');
  expect(forgotten).toHaveBeenCalledOnce();
  expect(await gate.scan('A-3')).toMatchObject({ result: 'admitted', offline: true, ticket_id: 3 });
  expect(await gate.scan('A-2')).toMatchObject({ result: 'already_used', at_gate: 'North' });
  // Nor does the server bring them back.
  server.reachable = true;
  await vi.advanceTimersByTimeAsync(120_000);
  expect(server.batches.flat()).toHaveLength(2);
  expect(await kept()).not.toContain('Ada');
  expect(forgotten).toHaveBeenCalledOnce();
});

it('forgets names once the device is awake again, where its timers slept over the end', async () => {
  vi.useFakeTimers({ now: Date.parse('2031-06-01T21:00:00Z') });
  const server = new FakeDoors(['A-1']);
  server.ends_at = '2031-06-01T22:00:00Z';
  const gate = await opened(server);
  expect(gate.list?.hasNames).toBe(true);
  server.reachable = false;
  vi.setSystemTime(Date.parse('2031-06-02T08:00:00Z'));
  await vi.advanceTimersByTimeAsync(GATE.newsMs);
  expect(gate.list?.hasNames).toBe(false);
});

it('keeps a later admission when it hears late that an earlier one was undone', async () => {
  const server = new FakeDoors(['A-1', 'A-2']);
  const gate = await opened(server);
  const first = await gate.scan('A-1');
  await server.undo(first.checkin_id!);
  await gate.nudge();
  // The news are on their way while the answer to a scan is lost, and the list lets the holder in again.
  let arrive = (): void => {};
  const news = await server.news();
  vi.spyOn(server, 'news').mockImplementationOnce(() => new Promise((resolve) => (arrive = () => resolve(news))));
  const hears = gate.nudge();
  await vi.waitFor(() => expect(server.news).toHaveBeenCalled());
  server.reachable = false;
  expect(await gate.scan('A-1')).toMatchObject({ result: 'admitted', state: 'kept' });
  arrive();
  await hears;
  expect(await gate.scan('A-1')).toMatchObject({ result: 'already_used' });
  expect(gate.list?.admitted).toBe(1);
  // Merged, it has a number that is higher than that of the undone one.
  server.reachable = true;
  await gate.nudge();
  server.reachable = false;
  await gate.nudge();
  expect(await gate.scan('A-1')).toMatchObject({ result: 'already_used' });
});
