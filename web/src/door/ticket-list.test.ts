import { expect, it } from 'vitest';
import type { Pass } from './pass.ts';
import { isOver, TicketList, withoutNames, type KeptList } from './ticket-list.ts';

function list(over: Partial<KeptList> = {}): TicketList {
  return new TicketList({
    event_id: 1,
    organizer_id: 2,
    title: 'Show',
    venue: 'Hall',
    starts_at: '2031-06-01T18:00:00Z',
    ends_at: '2031-06-01T22:00:00Z',
    timezone: 'UTC',
    stands: true,
    types: [[5, 'Standing']],
    keys: [],
    tickets: [
      { id: 10, generation: 1, status: 'valid', code_hash: 'ten' },
      { id: 11, generation: 2, status: 'transferred', code_hash: 'eleven' },
      { id: 12, generation: 1, status: 'used', code_hash: 'twelve' },
      { id: 13, generation: 1, status: 'void', code_hash: 'thirteen' },
    ],
    read_at: 0,
    ...over,
  });
}

const pass = (ticket: number, generation = 1, event = 1): { pass: Pass; signed: boolean } => ({ pass: { key: 1, event, ticket, generation, ticketType: 5 }, signed: true });

it('decides as the server does', () => {
  const doors = list();
  expect(doors.decide({ hash: 'ten' })).toEqual({ result: 'admitted', ticket: 10, isListed: true });
  expect(doors.decide({ hash: 'twelve' })).toEqual({ result: 'already_used', ticket: 12, at: null, gate: null });
  expect(doors.decide({ hash: 'thirteen' }).result).toBe('void');
  expect(doors.decide({ hash: 'other' }).result).toBe('unknown');
  expect(doors.decide(pass(11, 2)).result).toBe('admitted');
  // The QR of the time before it was handed on.
  expect(doors.decide(pass(11, 1)).result).toBe('replaced');
  expect(doors.decide(pass(13, 7)).result).toBe('void');
  expect(doors.decide(pass(10, 1, 2)).result).toBe('wrong_event');
  expect(doors.decide({ ...pass(10), signed: false }).result).toBe('unknown');
});

it('decides nothing that this browser cannot check', () => {
  expect(list().decide({ ...pass(10), signed: undefined }).result).toBe('unchecked');
  expect(list().decide({ hash: undefined }).result).toBe('unchecked');
});

it('lets in what was signed after the list was read, once', () => {
  const doors = list();
  expect(doors.decide(pass(99))).toEqual({ result: 'admitted', ticket: 99, isListed: false });
  doors.admit(99, { at: 'now', gate: 'North' });
  expect(doors.decide(pass(99))).toEqual({ result: 'already_used', ticket: 99, at: 'now', gate: 'North' });
  expect([doors.admitted, doors.expected]).toEqual([2, 4]);
  doors.release(99);
  expect([doors.admitted, doors.expected]).toEqual([1, 3]);
});

it('takes a signed QR of a later generation for one that was handed on after the list was read', () => {
  const doors = list();
  doors.kept.tickets[0]!.name = 'Ada Lovelace';
  expect(doors.decide(pass(10, 2))).toEqual({ result: 'admitted', ticket: 10, isListed: false });
  // Its former holder knows no newer QR: nor does its code open anything, nor a QR between the two.
  for (const seen of [pass(10, 1), { hash: 'ten' }]) expect(doors.decide(seen)).toEqual({ result: 'replaced', ticket: 10 });
  expect(doors.nameOf(10)).toBe(undefined);
  expect(doors.decide(pass(10, 3)).result).toBe('admitted');
  expect(doors.decide(pass(10, 2)).result).toBe('replaced');
  doors.admit(10, { at: 'now', gate: 'North' });
  expect(doors.decide(pass(10, 3))).toEqual({ result: 'already_used', ticket: 10, at: 'now', gate: 'North' });
  doors.release(10);
  expect(doors.decide(pass(10, 3)).result).toBe('admitted');
  // Of a forged one nothing is learnt, and what was taken back or used stays so.
  expect(doors.decide({ ...pass(11, 9), signed: false }).result).toBe('unknown');
  expect(doors.decide(pass(11, 2)).result).toBe('admitted');
  expect(doors.decide(pass(12, 2)).result).toBe('already_used');
  expect(doors.decide(pass(13, 2)).result).toBe('void');
  expect(list({ stands: false }).decide(pass(10, 2)).result).toBe('void');
});

it('keeps on the device that a ticket was handed on', () => {
  const doors = list();
  expect(doors.decide(pass(10, 2)).result).toBe('admitted');
  doors.admit(10, { at: 'now', gate: 'North' });
  const again = new TicketList(withoutNames(doors.snapshot()));
  for (const seen of [pass(10, 1), { hash: 'ten' }]) expect(again.decide(seen)).toEqual({ result: 'replaced', ticket: 10 });
  expect(again.decide(pass(10, 2)).result).toBe('already_used');
  again.release(10);
  for (const seen of [pass(10, 1), { hash: 'ten' }]) expect(again.decide(seen)).toEqual({ result: 'replaced', ticket: 10 });
  expect(again.decide(pass(10, 2))).toEqual({ result: 'admitted', ticket: 10, isListed: false });
});

it('counts each admission once, and gives it back when it is undone', () => {
  const doors = list();
  expect([doors.admitted, doors.expected]).toEqual([1, 3]);
  for (const gate of ['North', 'South']) doors.admit(10, { at: 'now', gate });
  doors.admit(13, { at: 'now', gate: null });
  expect([doors.admitted, doors.expected]).toEqual([2, 3]);
  expect(doors.decide({ hash: 'ten' })).toMatchObject({ result: 'already_used', gate: 'North' });
  for (let times = 0; times < 2; times += 1) doors.release(10);
  expect(doors.admitted).toBe(1);
  expect(doors.decide({ hash: 'ten' }).result).toBe('admitted');
});

it('knows when it has changed and is to be written again', () => {
  const doors = list();
  const changes = [() => doors.decide(pass(10, 2)), () => doors.admit(10, { at: 'now', gate: null }), () => doors.release(10), () => doors.decide(pass(12, 2))];
  for (const change of changes) {
    const before = doors.changes;
    change();
    expect(doors.changes).toBeGreaterThan(before);
    const after = doors.changes;
    doors.decide(pass(10, 2));
    doors.release(11);
    expect(doors.changes).toBe(after);
  }
});

it('opens the doors of a cancelled event to nobody', () => {
  const doors = list({ stands: false });
  for (const seen of [{ hash: 'ten' }, pass(11, 2), pass(99)]) expect(doors.decide(seen).result).toBe('void');
  expect(doors.decide({ hash: 'twelve' }).result).toBe('already_used');
});

it('finds people by a part of their name, with what the list knows of them, and forgets the names', () => {
  const [valid, , used] = list().kept.tickets;
  const doors = list({ tickets: [{ ...valid!, name: 'Ada Lovelace' }, { ...used!, name: 'ADA BYRON' }, { ...valid!, id: 14, code_hash: 'fourteen', name: null }] });
  doors.admit(10, { at: '2031-06-01T18:05:00Z', gate: 'North' });
  expect(doors.named('ada', 20)).toEqual([
    { ticket_id: 10, name: 'Ada Lovelace', status: 'used', admission: { at: '2031-06-01T18:05:00Z', gate: 'North' } },
    { ticket_id: 12, name: 'ADA BYRON', status: 'used', admission: undefined },
  ]);
  expect(doors.named('ada', 1)).toHaveLength(1);
  expect(doors.nameOf(12)).toBe('ADA BYRON');
  const forgotten = new TicketList(withoutNames(doors.snapshot()));
  expect([forgotten.hasNames, forgotten.named('ada', 20), forgotten.decide({ hash: 'ten' }).result]).toEqual([false, [], 'already_used']);
});

it('knows when names have no business on the device any more', () => {
  const { kept } = list();
  const at = (text: string): number => Date.parse(text);
  expect([isOver(kept, at('2031-06-01T21:59:59Z')), isOver(kept, at('2031-06-01T22:00:00Z'))]).toEqual([false, true]);
  const open = { ...kept, ends_at: null };
  expect([isOver(open, at('2031-06-02T17:59:59Z')), isOver(open, at('2031-06-02T18:00:00Z'))]).toEqual([false, true]);
});
