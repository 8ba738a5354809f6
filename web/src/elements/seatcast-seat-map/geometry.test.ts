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

/** One row of seats at these places, in this order. */
function row(places: readonly [x: number, y: number][]): Geometry {
  const same = <T>(value: T): T[] => places.map(() => value);
  const [x, y] = [places.map(([at]) => at), places.map(([, at]) => at)];
  const seats = { id: places.map((_, index) => index + 1), section: same(0), row: same('A'), number: same('1'), ticket_type_id: same(7), x, y };
  return new Geometry({ layout: 1, sections: [{ id: 1, name: 'Only' }], seats });
}

describe('geometry', () => {
  it('leaves gaps out and keeps positions', () => {
    const geometry = hall();
    expect(geometry.count).toBe(11);
    expect(geometry.positions).not.toContain(4);
    expect(geometry.get(105)).toMatchObject({ position: 5, section: 'Left', row: 'B', number: '3' });
    expect(geometry.get(104)).toBeUndefined();
    expect(geometry.bounds).toEqual({ minX: 0, minY: 0, maxX: 70, maxY: 12 });
  });

  it('draws seats that do not touch', () => {
    expect(hall().radius).toBeLessThan(5);
    expect(hall().radius).toBeGreaterThan(3);
  });

  it('finds the seat at a place, and with slack the nearest', () => {
    const geometry = hall();
    expect(geometry.at(11, 1)).toBe(1);
    expect(geometry.at(15, 6)).toBeUndefined();
    expect(geometry.at(13, 6, 4)).toBe(1);
    expect(geometry.at(300, 300, 20)).toBeUndefined();
  });

  it('has rows from one end to the other, whatever order the layout has', () => {
    const middle = [0, 1, 2, 3, 4].map((step) => [Math.cos(step / 2) * 50, Math.sin(step / 2) * 50] as [number, number]);
    const shuffled = [2, 0, 4, 1, 3].map((index) => middle[index]!);
    const order = Array.from(row(shuffled).rows[0]!.seats, (position) => [2, 0, 4, 1, 3][position]!);
    expect([order, [...order].reverse()]).toContainEqual([0, 1, 2, 3, 4]);
  });

  it('knows seats side by side, but not across the aisle', () => {
    const geometry = row([[0, 0], [10, 0], [20, 0], [60, 0], [70, 0]]);
    expect(geometry.blockOf(1)).toEqual([0, 1, 2]);
    expect(geometry.blockOf(4)).toEqual([3, 4]);
  });

  it('has an outline of each section around all its seats', () => {
    const geometry = hall();
    geometry.sections.forEach((section) => {
      const { bounds } = section;
      const outline = geometry.outlineOf(section);
      const x = outline.filter((_, index) => index % 2 === 0);
      const y = outline.filter((_, index) => index % 2 === 1);
      expect(Math.min(...x)).toBeLessThan(bounds.minX);
      expect(Math.max(...x)).toBeGreaterThan(bounds.maxX);
      expect(Math.min(...y)).toBeLessThan(bounds.minY);
      expect(Math.max(...y)).toBeGreaterThan(bounds.maxY);
    });
  });

  it('knows places for wheelchairs, and those beside them', () => {
    const columns = { layout: 1, sections: [{ id: 1, name: 'S' }], wheelchair: [1], companion: [2] };
    const seats = { id: [1, 2, 3], section: [0, 0, 0], row: ['A', 'A', 'A'], number: ['1', '2', '3'], ticket_type_id: [7, 7, 7], x: [0, 10, 20], y: [0, 0, 0] };
    const geometry = new Geometry({ ...columns, seats });
    expect([0, 1, 2].map((position) => geometry.seat(position).kind)).toEqual(['standard', 'wheelchair', 'companion']);
    expect(geometry.special).toEqual([1, 2]);
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

  it('shows a part as large as it fits', () => {
    const view = viewport();
    view.show({ minX: 60, minY: 60, maxX: 90, maxY: 80 });
    const [left, top] = view.toScreen(60, 60);
    const [right, bottom] = view.toScreen(90, 80);
    expect([left > 0, top > 0, right < 400, bottom < 400]).toEqual([true, true, true, true]);
    expect(right - left).toBeGreaterThan(250);
  });

  it('says where a move leads to without making it', () => {
    const view = viewport();
    const before = view.scale;
    const sight = view.after((one) => one.zoom(2));
    expect(view.scale).toBe(before);
    view.set(sight);
    expect(view.scale).toBeCloseTo(before * 2);
  });
});
