import { describe, expect, it } from 'vitest';
import { Grid } from './grid.ts';
import { LOOK, Masks, TYPE_LOOKS, type Palette } from './looks.ts';
import { boxOf, raster, type Area, type Picture } from './raster.ts';

const OPAQUE = 0xff000000;
const palette: Palette = {
  types: [1, 2, 3, 4, 5].map((type) => (OPAQUE | (type * 0x10)) >>> 0),
  dimmed: (OPAQUE | 0x60) >>> 0,
  held: (OPAQUE | 0x70) >>> 0,
  sold: (OPAQUE | 0x80) >>> 0,
  blocked: (OPAQUE | 0x90) >>> 0,
  chosen: (OPAQUE | 0xa0) >>> 0,
  onChosen: (OPAQUE | 0xb0) >>> 0,
};
const PLAIN = [LOOK.held, LOOK.sold, LOOK.blocked, LOOK.chosen, LOOK.faded, ...Array.from({ length: TYPE_LOOKS }, (_, type) => LOOK.free + type)];
const LOOKS = [LOOK.none, ...PLAIN, ...PLAIN.map((look) => look + LOOK.special)];

/** A field of seats 10 units apart, each with its look. */
function field(side: number, lookOf: (seat: number) => number): Picture {
  const seats = Array.from({ length: side * side }, (_, seat) => seat);
  const x = Float32Array.from(seats, (seat) => (seat % side) * 10 + 5.3);
  const y = Float32Array.from(seats, (seat) => Math.floor(seat / side) * 10 + 5.7);
  return { x, y, looks: Uint8Array.from(seats, lookOf), grid: new Grid(x, y, Uint32Array.from(seats), 25) };
}

function area(width: number, height: number, scale: number): Area & { clip: { left: number; top: number; right: number; bottom: number } } {
  return { pixels: new Uint32Array(width * height), width, scale, originX: 0, originY: 0, clip: { left: 0, top: 0, right: width, bottom: height } };
}

/** Pixels that are covered at all. */
const covered = (pixels: Uint32Array): number => pixels.filter((pixel) => pixel !== 0).length;

const differences = (one: Uint32Array, other: Uint32Array): number => one.filter((pixel, at) => pixel !== other[at]).length;

describe('the raster', () => {
  it.each([0.15, 0.7, 1.6, 5])('draws seats in parts as it draws them at once, scale %f', (scale) => {
    const picture = field(12, (seat) => LOOKS[seat % LOOKS.length]!);
    const masks = new Masks(4.4 * scale, palette);
    const side = Math.ceil(130 * scale);
    const whole = area(side, side, scale);
    raster(picture, whole, masks, whole.clip);
    expect(covered(whole.pixels)).toBeGreaterThan(0);
    const parts = area(side, side, scale);
    const cut = Math.floor(side / 3);
    for (const [left, right] of [[0, cut], [cut, side]] as const) {
      for (const [top, bottom] of [[cut, side], [0, cut]] as const) raster(picture, parts, masks, { left, top, right, bottom });
    }
    expect(differences(parts.pixels, whole.pixels)).toBe(0);
  });

  it.each([0.15, 0.7, 1.6, 5])('draws a changed seat alone as it draws all of them, scale %f', (scale) => {
    const picture = field(9, (seat) => LOOKS[(seat * 7) % LOOKS.length]!);
    const masks = new Masks(4.4 * scale, palette);
    const side = Math.ceil(100 * scale);
    const changed = area(side, side, scale);
    raster(picture, changed, masks, changed.clip);
    for (let step = 0; step < 60; step += 1) {
      const seat = (step * 31) % 81;
      picture.looks[seat] = LOOKS[(step * 5) % LOOKS.length]!;
      raster(picture, changed, masks, boxOf(picture, seat, changed, masks.half, changed.clip));
    }
    const anew = area(side, side, scale);
    raster(picture, anew, masks, anew.clip);
    expect(differences(changed.pixels, anew.pixels)).toBe(0);
  });

  it('draws every look otherwise, without its colour, too', () => {
    const grey: Palette = { ...palette, types: palette.types.map(() => OPAQUE), dimmed: OPAQUE, held: OPAQUE, sold: OPAQUE, blocked: OPAQUE, chosen: OPAQUE };
    const pictures = LOOKS.map((look) => {
      const one = area(20, 20, 2);
      raster(field(1, () => look), one, new Masks(8, grey), one.clip);
      return one.pixels.join();
    });
    expect(new Set(pictures).size).toBe(LOOKS.length);
  });

  it('covers about as much as the seat is large, wherever it is on the pixels', () => {
    for (const radius of [0.6, 1, 2, 6]) {
      for (let step = 0; step < 4; step += 1) {
        const pixels = new Uint32Array(32 * 32);
        new Masks(radius, palette).stamp(pixels, 32, LOOK.free, 16 + step / 4, 16 + step / 4, { left: 0, top: 0, right: 32, bottom: 32 });
        const sum = pixels.reduce((total, pixel) => total + (pixel >>> 24) / 255, 0);
        expect(sum).toBeGreaterThan(Math.PI * radius * radius * 0.8);
        expect(sum).toBeLessThan(Math.PI * radius * radius * 1.25);
      }
    }
  });

  it('stays inside of the mask that it is promised', () => {
    for (const look of LOOKS) {
      for (const radius of [0.5, 2.3, 9, 20]) {
        const masks = new Masks(radius, palette);
        const side = masks.half * 2 + 7;
        const middle = masks.half + 3.5;
        const pixels = new Uint32Array(side * side);
        masks.stamp(pixels, side, look, middle, middle, { left: 0, top: 0, right: side, bottom: side });
        const edge = Array.from(pixels).filter((pixel, at) => pixel !== 0 && [at % side, Math.floor(at / side)].some((place) => place < 2 || place > side - 3));
        expect(edge).toEqual([]);
      }
    }
  });
});
