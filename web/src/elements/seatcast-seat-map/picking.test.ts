import { describe, expect, it } from 'vitest';
import { SeatStatuses } from '../../sdk/index.ts';
import { Geometry } from './geometry.ts';
import { Occupancy } from './occupancy.ts';
import { nearestFree, together } from './picking.ts';

/** A row for each text, seats 10 apart: `.` is free, `x` taken, `b` free of another type, a blank is an aisle. */
function hall(...rows: string[]): { geometry: Geometry; isFree: (position: number) => boolean; occupancy: Occupancy } {
  const places = rows.flatMap((row, line) => [...row].map((sign, column) => ({ sign, column, line }))).filter(({ sign }) => sign !== ' ');
  const geometry = new Geometry({
    layout: 1,
    sections: [{ id: 1, name: 'Stalls' }],
    seats: {
      id: places.map((_, index) => index + 1),
      section: places.map(() => 0),
      row: places.map(({ line }) => String(line)),
      number: places.map(({ column }) => String(column + 1)),
      ticket_type_id: places.map(({ sign }) => (sign === 'b' ? 8 : 7)),
      x: places.map(({ column }) => column * 10),
      y: places.map(({ line }) => line * 12),
    },
  });
  const occupancy = new Occupancy(geometry);
  occupancy.take(new SeatStatuses(new Uint8Array(40)).with(places.map(({ sign }, position) => [position, sign === 'x' ? 2 : 0])));
  return { geometry, occupancy, isFree: (position) => occupancy.isFree(position) };
}

describe('seats for a party', () => {
  it('are side by side, with the chosen one among them', () => {
    const { geometry, isFree } = hall('x.......x');
    expect(together(geometry, isFree, 4, 3)).toEqual([3, 4, 5]);
    expect(together(geometry, isFree, 1, 7)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(together(geometry, isFree, 1, 8)).toBeUndefined();
  });

  it('leave no single seat over where that can be', () => {
    const { geometry, isFree } = hall('x....x');
    // Around the middle one seat would stay alone.
    expect(together(geometry, isFree, 2, 2)).toEqual([1, 2]);
    expect(together(geometry, isFree, 3, 2)).toEqual([3, 4]);
  });

  it('are of one type, and not across the aisle', () => {
    const { geometry, isFree } = hall('..bb ...');
    expect(together(geometry, isFree, 1, 3)).toBeUndefined();
    expect(together(geometry, isFree, 4, 3)).toEqual([4, 5, 6]);
  });
});

describe('seats in place of lost ones', () => {
  it('are the nearest free ones of the same type', () => {
    const { geometry, isFree } = hall('..x.', 'b..x');
    expect(nearestFree(geometry, isFree, 2, 2).sort()).toEqual([1, 3]);
    expect(nearestFree(geometry, isFree, 4, 3)).toEqual([]);
  });

  it('are fewer where there are not so many', () => {
    const { geometry, isFree } = hall('x.x');
    expect(nearestFree(geometry, isFree, 0, 4)).toEqual([1]);
  });
});

describe('what is left', () => {
  it('is kept by section, type and row with every change', () => {
    const { geometry, occupancy } = hall('..b', 'x.x');
    expect(occupancy.of(0, 0)).toEqual({ all: 5, free: 3 });
    expect(occupancy.of(0, 1)).toEqual({ all: 1, free: 1 });
    expect([...occupancy.freeOfRow]).toEqual([3, 1]);
    const before = new SeatStatuses(new Uint8Array(40)).with([[3, 2], [5, 2]]);
    occupancy.take(before);
    expect(Array.from(occupancy.take(before.with([[0, 1], [2, 3], [3, 0], [39, 1]])))).toEqual([0, 2, 3]);
    expect(occupancy.of(0, 0)).toEqual({ all: 5, free: 3 });
    expect(occupancy.of(0, 1)).toEqual({ all: 1, free: 0 });
    expect([...occupancy.freeOfRow]).toEqual([1, 2]);
    expect(occupancy.status(geometry.positions[2]!)).toBe('blocked');
  });
});
