import { describe, expect, it } from 'vitest';
import { Grid } from './grid.ts';

/** Numbers from 0 to 1 that follow from a seed, so that a failure can be had again. */
function numbers(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Places in clusters, in lines and on top of each other, some of them left out. */
function scattered(random: () => number): { x: Float32Array; y: Float32Array; places: Uint32Array } {
  const count = Math.floor(random() * 300);
  const spread = 10 ** (random() * 4 - 1);
  const far = random() < 0.3 ? 50_000 : 0;
  const x = Float32Array.from({ length: count }, () => Math.round(random() * 20) * spread + (random() < 0.1 ? far : 0));
  const y = Float32Array.from({ length: count }, () => (random() < 0.5 ? random() * spread : Math.round(random() * 10) * spread) - far / 2);
  const places = Uint32Array.from(Array.from(x.keys()).filter(() => random() < 0.9));
  return { x, y, places };
}

describe('the grid finds what a scan finds', () => {
  it.each(Array.from({ length: 200 }, (_, seed) => seed))('seed %i', (seed) => {
    const random = numbers(seed);
    const { x, y, places } = scattered(random);
    const grid = new Grid(x, y, places, 0.5 + random() * 100);
    const some = (of: Float32Array): number => (of[Math.floor(random() * of.length)] ?? 0) + (random() - 0.5) * 30;
    for (let round = 0; round < 10; round += 1) {
      const [left, top, width, height] = [some(x), some(y), random() * 200, random() * 200];
      const found: number[] = [];
      grid.within(left, top, left + width, top + height, (place) => found.push(place));
      const scanned = [...places].filter((place) => x[place]! >= left && x[place]! <= left + width && y[place]! >= top && y[place]! <= top + height);
      expect(found.sort((a, b) => a - b)).toEqual(scanned);

      const [atX, atY, reach] = [some(x), some(y), random() * 300];
      const accepts = (place: number): boolean => place % 3 !== round % 3;
      const away = (place: number): number => (x[place]! - atX) ** 2 + (y[place]! - atY) ** 2;
      const nearest = [...places]
        .filter((place) => accepts(place) && away(place) <= reach * reach)
        .sort((a, b) => away(a) - away(b) || a - b)[0];
      expect(grid.nearest(atX, atY, reach, accepts)).toBe(nearest ?? -1);
    }
  });

  it('does not grow with the distance of its places', () => {
    const [x, y] = [Float32Array.of(0, 1e7), Float32Array.of(0, 1e7)];
    const grid = new Grid(x, y, Uint32Array.of(0, 1), 1);
    expect(grid.nearest(9e6, 9e6, Infinity)).toBe(1);
  });
});
