import { describe, expect, it } from 'vitest';
import { Geometry } from './geometry.ts';
import { Viewport } from './viewport.ts';

/** Two blocks of 2 rows × 3 seats with an aisle; the seat at position 4 was deleted. */
function hall(): Geometry {
  const cells = [0, 1].flatMap((section) =>
    [0, 1].flatMap((row) => [0, 1, 2].map((seat) => ({ section, row, seat }))),
  );
  return new Geometry({
    layout: 1,
    sections: [
      { id: 1, name: 'Left' },
      { id: 2, name: 'Right' },
    ],
    seats: {
      id: cells.map((_, index) => (index === 4 ? null : 100 + index)),
      section: cells.map(({ section }) => section),
      row: cells.map(({ row }) => 'AB'[row]!),
      number: cells.map(({ seat }) => String(seat + 1)),
      ticket_type_id: cells.map(() => 7),
      x: cells.map(({ section, seat }) => section * 50 + seat * 10),
      y: cells.map(({ row }) => row * 12),
    },
  });
}

describe('geometry', () => {
  it('leaves gaps out and keeps positions', () => {
    const geometry = hall();
    expect(geometry.seats).toHaveLength(11);
    expect(geometry.get(105)).toMatchObject({ position: 5, section: 'Left', row: 'B', number: '3' });
    expect(geometry.bounds).toEqual({ minX: 0, minY: 0, maxX: 70, maxY: 12 });
  });

  it('draws seats that do not touch', () => {
    expect(hall().radius).toBeLessThan(5);
    expect(hall().radius).toBeGreaterThan(3);
  });

  it('finds the seat at a place, and with slack the nearest', () => {
    const geometry = hall();
    expect(geometry.at(11, 1)?.id).toBe(101);
    expect(geometry.at(15, 6)).toBeUndefined();
    expect(geometry.at(13, 6, 4)?.id).toBe(101);
    expect(geometry.at(300, 300, 20)).toBeUndefined();
  });

  it('leads arrows along the row, across the aisle, and up and down', () => {
    const geometry = hall();
    const from = (id: number, direction: 'left' | 'right' | 'up' | 'down'): number =>
      geometry.next(geometry.get(id)!, direction).id;
    expect(from(100, 'right')).toBe(101);
    expect(from(102, 'right')).toBe(106);
    expect(from(106, 'left')).toBe(102);
    expect(from(100, 'left')).toBe(100);
    expect(from(100, 'down')).toBe(103);
    expect(from(103, 'right')).toBe(105);
    expect(from(105, 'up')).toBe(102);
    expect(from(100, 'up')).toBe(100);
  });

  it('reaches every seat of a large hall by arrows', () => {
    const geometry = hall();
    const reached = new Set([geometry.seats[0]!]);
    for (const seat of reached) {
      for (const direction of ['left', 'right', 'up', 'down'] as const) reached.add(geometry.next(seat, direction));
    }
    expect(reached.size).toBe(geometry.seats.length);
  });

  it('of an empty hall is no error', () => {
    const empty = { id: [], section: [], row: [], number: [], ticket_type_id: [], x: [], y: [] };
    expect(new Geometry({ layout: 1, sections: [], seats: empty }).at(0, 0)).toBeUndefined();
  });
});

describe('the viewport', () => {
  function viewport(): Viewport {
    const view = new Viewport();
    view.reset({ minX: 0, minY: 0, maxX: 100, maxY: 100 }, 2);
    view.resize(400, 400);
    return view;
  }

  it('shows everything at first, and never less', () => {
    const view = viewport();
    expect(view.isFit).toBe(true);
    for (const corner of [0, 100]) {
      const [x, y] = view.toScreen(corner, corner);
      expect(Math.min(x, y)).toBeGreaterThanOrEqual(0);
      expect(Math.max(x, y)).toBeLessThanOrEqual(400);
    }
    view.zoom(0.1);
    expect(view.isFit).toBe(true);
  });

  it('keeps the place under the finger when it zooms', () => {
    const view = viewport();
    const before = view.toLayout(200, 180);
    view.zoom(2, 200, 180);
    expect(view.toLayout(200, 180).map(Math.round)).toEqual(before.map(Math.round));
    view.zoom(1_000, 200, 180);
    expect(view.isClosest).toBe(true);
  });

  it('cannot be dragged off the hall', () => {
    const view = viewport();
    view.zoom(3);
    view.pan(100_000, 100_000);
    expect(view.toScreen(0, 0)[0]).toBeLessThan(100);
    view.pan(-100_000, -100_000);
    expect(view.toScreen(100, 100)[0]).toBeGreaterThan(300);
  });

  it('moves to reveal a place', () => {
    const view = viewport();
    view.zoom(6, 0, 0);
    view.reveal(95, 95);
    const [x, y] = view.toScreen(95, 95);
    expect([x > 0 && x < 400, y > 0 && y < 400]).toEqual([true, true]);
  });
});
