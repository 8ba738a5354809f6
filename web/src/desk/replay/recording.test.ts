import { describe, expect, it } from 'vitest';
import { SeatStatuses } from '../../sdk/index.ts';
import { Recording, type LoggedChange } from './recording.ts';

const at = (second: number): string => new Date(Date.UTC(2027, 0, 1) + second * 1_000).toISOString();
const type = (held: number, sold: number) => ({ id: 7, name: 'Stalls', capacity: 100, available: 100 - held - sold, held, sold });
const NOW = { capacity: 100, status: 'active', types: [type(1, 4)] };

/** Two seats are held and then sold, a third one is held and given back; at revision 4 the capacity grows. */
const LOG: LoggedChange[] = [
  { revision: 1, at: at(0), event: { status: 'active', capacity: 90 }, ticket_types: [type(0, 0)], layout: 1, kept: 0 },
  { revision: 2, at: at(10), ticket_types: [type(2, 0)], seats: [[0, 1], [1, 1]] },
  { revision: 3, at: at(20), ticket_types: [type(0, 2)], seats: [[0, 2], [1, 2]] },
  { revision: 4, at: at(20), event: { status: 'paused', capacity: 100 } },
  { revision: 5, at: at(60), ticket_types: [type(1, 2)], seats: [[2, 1]] },
  { revision: 6, at: at(90), ticket_types: [type(0, 2)], seats: [[2, 0]] },
];

function seatsOf(recording: Recording, index: number): string {
  const { seats } = recording.after(index);
  return [0, 1, 2, 3].map((position) => seats?.at(position)?.[0]).join('');
}

describe('a sale from its log', () => {
  const recording = new Recording(LOG, { ...NOW, seats: { statuses: new SeatStatuses(new Uint8Array(1)).with([[0, 2], [1, 2], [3, 3]]), count: 4 } });

  it('has the numbers and seats of every moment, in whichever order they are asked for', () => {
    expect(recording.isWhole).toBe(true);
    expect([...'0123456'].map((index) => seatsOf(recording, Number(index)))).toEqual(['aaab', 'aaab', 'hhab', 'ssab', 'ssab', 'sshb', 'ssab']);
    for (const index of [5, 1, 6, 0, 3]) {
      const { types, capacity, status } = recording.after(index);
      const wanted = [[0, 0], [0, 0], [2, 0], [0, 2], [0, 2], [1, 2], [0, 2]][index];
      expect([types.get(7)?.held, types.get(7)?.sold]).toEqual(wanted);
      expect([capacity, status]).toEqual(index >= 4 ? [100, 'paused'] : [90, 'active']);
    }
  });

  it('finds how many changes there were at a time', () => {
    expect([-1, 0, 9, 10, 20, 59, 90, 1_000].map((second) => recording.indexAt(Date.parse(at(second))))).toEqual([0, 1, 1, 2, 4, 4, 6, 6]);
  });

  it('has a course for a picture', () => {
    expect(recording.course(4)).toEqual({ times: [0, 30, 60, 90].map((second) => Date.parse(at(second)) / 1_000), sold: [0, 2, 2, 2], held: [0, 0, 1, 0] });
  });
});

it('a log whose beginning was dropped begins with what its first changes imply', () => {
  const recording = new Recording(
    [
      { revision: 51, at: at(0), ticket_types: [type(1, 4)], seats: [[0, 2]] },
      { revision: 52, at: at(1), seats: [[1, 0]] },
    ],
    { ...NOW, seats: { statuses: new SeatStatuses(new Uint8Array(1)).with([[0, 2], [3, 2]]), count: 4 } },
  );
  expect(recording.isWhole).toBe(false);
  expect(seatsOf(recording, 0)).toBe('ahas');
  expect(seatsOf(recording, 2)).toBe('saas');
  expect(recording.after(0).types.get(7)?.sold).toBe(4);
});

it('a type that was deleted is gone from then on, and thousands of changes are reached from marks', () => {
  const many: LoggedChange[] = Array.from({ length: 2_345 }, (_, place) => ({ revision: place + 1, at: at(place), ticket_types: [type(0, place % 100)] }));
  many.push({ revision: 2_346, at: at(2_346), ticket_types: [{ id: 7 }] });
  const recording = new Recording(many, NOW);
  for (const index of [2_345, 17, 1_999, 2_000, 1]) expect(recording.after(index).types.get(7)?.sold).toBe((index - 1) % 100);
  expect(recording.after(2_346).types.size).toBe(0);
  expect(recording.course(1).sold).toEqual([0]);
});
