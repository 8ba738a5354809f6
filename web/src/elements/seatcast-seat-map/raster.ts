/** Draws seats into a buffer of pixels. Pure: a seat stamped costs a tenth of a microsecond, a call of a canvas some. */
import type { Grid } from './grid.ts';
import { LOOK, type Clip, type Masks } from './looks.ts';

/** The seats that are drawn, by position. */
export interface Picture {
  x: Float32Array;
  y: Float32Array;
  looks: Uint8Array;
  grid: Grid;
}

/** A part of the plane at one scale. */
export interface Area {
  pixels: Uint32Array;
  width: number;
  /** Pixels for a unit of the layout. */
  scale: number;
  /** The plane's pixel that is the buffer's first: pixel = place · scale − origin. */
  originX: number;
  originY: number;
}

/** Draws a rectangle of the buffer anew. The rest of it stays, whatever seats are at the edges. */
export function raster({ x, y, looks, grid }: Picture, { pixels, width, scale, originX, originY }: Area, masks: Masks, clip: Clip): void {
  for (let line = clip.top; line < clip.bottom; line += 1) pixels.fill(0, line * width + clip.left, line * width + clip.right);
  forEachIn(grid, scale, originX, originY, masks.half + 1, clip, (seat) => {
    const look = looks[seat]!;
    if (look !== LOOK.none) masks.stamp(pixels, width, look, x[seat]! * scale - originX, y[seat]! * scale - originY, clip);
  });
}

/** Calls `found` for the seats whose middle is in a rectangle of pixels, or not further away from it than `margin`. */
export function forEachIn(grid: Grid, scale: number, originX: number, originY: number, margin: number, clip: Clip, found: (seat: number) => void): void {
  grid.within(
    (clip.left + originX - margin) / scale,
    (clip.top + originY - margin) / scale,
    (clip.right + originX + margin) / scale,
    (clip.bottom + originY + margin) / scale,
    found,
  );
}

/** The pixels that a seat may cover, as far as they are inside of the bounds. */
export function boxOf(picture: Picture, seat: number, { scale, originX, originY }: Area, half: number, bounds: Clip): Clip {
  const x = picture.x[seat]! * scale - originX;
  const y = picture.y[seat]! * scale - originY;
  return {
    left: Math.max(bounds.left, Math.floor(x) - half - 1),
    top: Math.max(bounds.top, Math.floor(y) - half - 1),
    right: Math.min(bounds.right, Math.floor(x) + half + 2),
    bottom: Math.min(bounds.bottom, Math.floor(y) + half + 2),
  };
}
