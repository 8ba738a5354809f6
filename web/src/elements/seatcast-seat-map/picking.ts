/** Seats for a party, and others in place of lost ones. Pure. */
import type { Geometry } from './geometry.ts';

type Test = (position: number) => boolean;

/**
 * So many free seats side by side, of one ticket type, this one among them; undefined if there are not. Where it can be
 * chosen: those that leave no single seat over, then those with this seat in their middle.
 */
export function together(geometry: Geometry, isFree: Test, position: number, count: number): number[] | undefined {
  const block = geometry.blockOf(position);
  const place = block.indexOf(position);
  const fits = (at: number): boolean => at >= 0 && at < block.length && isFree(block[at]!) && geometry.type[block[at]!] === geometry.type[position];
  const isFreeAt = (at: number): boolean => at >= 0 && at < block.length && isFree(block[at]!);
  let best: { seats: number[]; cost: number } | undefined;
  for (let from = place - count + 1; from <= place; from += 1) {
    const places = Array.from({ length: count }, (_, nth) => from + nth);
    if (!places.every(fits)) continue;
    const left = isFreeAt(from - 1) && !isFreeAt(from - 2) ? 1 : 0;
    const right = isFreeAt(from + count) && !isFreeAt(from + count + 1) ? 1 : 0;
    const cost = (left + right) * block.length + Math.abs(from + (count - 1) / 2 - place);
    if (!best || cost < best.cost) best = { seats: places.map((at) => block[at]!), cost };
  }
  return best?.seats;
}

/** The nearest free seats of the same ticket type; fewer where there are not so many. */
export function nearestFree(geometry: Geometry, isFree: Test, from: number, count: number): number[] {
  const found: number[] = [];
  const { x, y, type, grid, bounds } = geometry;
  const reach = Math.hypot(bounds.maxX - bounds.minX, bounds.maxY - bounds.minY) + 1;
  while (found.length < count) {
    const next = grid.nearest(x[from]!, y[from]!, reach, (seat) => seat !== from && type[seat] === type[from] && isFree(seat) && !found.includes(seat));
    if (next < 0) break;
    found.push(next);
  }
  return found;
}
