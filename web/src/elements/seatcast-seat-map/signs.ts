/** Words on the map beside seats: names of sections and letters of rows. */
import type { Geometry } from './geometry.ts';
import type { Colours } from './palette.ts';
import type { Viewport } from './viewport.ts';

/** A section's sign: its name, and below it what is left and from which price on. */
export interface Sign {
  name: string;
  detail: string;
  /** Free seats of all, 0 to 1. */
  share: number;
}

/** Smaller seats cannot be chosen by a click; the signs of sections may cover them. */
export const FAR_BELOW_PX = 2.6;
/** From this radius on the letters of rows can be read. */
const ROWS_FROM_PX = 5.5;
/** From this radius on a section's name would stand in the way; the tip at a seat has it. */
const NAMES_UNTIL_PX = 13;
const SIGN = { detailPx: 11, gapPx: 2, lineHeight: 1.25 };
interface Size {
  namePx: number;
  padXPx: number;
  padYPx: number;
  hasDetail: boolean;
}
const FULL: Size = { namePx: 13, padXPx: 8, padYPx: 5, hasDetail: true };
const NAME: Size = { namePx: 13, padXPx: 7, padYPx: 3, hasDetail: false };
const SMALL: Size = { namePx: 10, padXPx: 3, padYPx: 1, hasDetail: false };
const SIZES: readonly Size[] = [FULL, NAME, SMALL];
/** With its details, or where they have no room the name alone. */
const FAR_SIZES: readonly Size[] = [FULL, NAME];
const SMALL_SIZES: readonly Size[] = [SMALL];
const NEAR_SIZES: readonly Size[] = [NAME];
/** Distance between two signs, and how much wider than its section one may be. */
const ROOM_PX = 2;
const WIDER_PX = 36;
/** Details change with every seat that is sold; with more pictures than this the old ones are let go. */
const SPRITES_MAX = 600;
/** Time for new ones in a frame. */
const SPRITES_MS = 3;
/** A stage's name, as a share of its depth, and in pixels. */
const STAGE_NAME = { share: 0.6, minPx: 9, maxPx: 18 };
/** How much of the ink is seen where the stage is. */
const STAGE_SHADE = 0.08;
/** How much of a section's colour is seen where all of it is free, and where nothing is. */
const SHADE = { full: 0.3, none: 0.04 };

interface Rect {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

interface Placed extends Rect {
  sprite: Sprite;
}

function isOutside({ left, top, right, bottom }: Rect, viewport: Viewport): boolean {
  return right < 0 || bottom < 0 || left > viewport.width || top > viewport.height;
}

function meet(one: Rect, other: Rect): boolean {
  return one.left < other.right + ROOM_PX && other.left < one.right + ROOM_PX && one.top < other.bottom + ROOM_PX && other.top < one.bottom + ROOM_PX;
}

interface Sprite {
  canvas: HTMLCanvasElement;
  width: number;
  height: number;
}

/** Draws signs; each is drawn once and then copied, because text is dear. */
export class Signs {
  readonly #geometry: Geometry;
  #outlines: readonly Path2D[] | undefined;
  readonly #middles: readonly { x: number; y: number; top: number }[];
  readonly #sprites = new Map<string, Sprite>();
  /** By section, without and with details: the one that was drawn last. */
  readonly #shown: (Sprite | undefined)[] = [];
  #colours: Colours | undefined;
  #ratio = 1;
  #deadline = 0;
  #isComplete = true;

  constructor(geometry: Geometry) {
    this.#geometry = geometry;
    this.#middles = geometry.sections.map(({ rows, bounds }) => {
      const row = geometry.rows[rows[rows.length >> 1] ?? -1]?.seats;
      const seat = row?.[row.length >> 1];
      if (seat === undefined) return { x: 0, y: 0, top: 0 };
      const x = (bounds.minX + bounds.maxX) / 2;
      let top = bounds.maxY;
      for (const one of rows) {
        for (const near of geometry.rows[one]!.seats) if (Math.abs(geometry.x[near]! - x) <= geometry.pitch * 2) top = Math.min(top, geometry.y[near]!);
      }
      return { x: geometry.x[seat]!, y: geometry.y[seat]!, top };
    });
  }

  /** The ground that sections stand on, the stronger the more of it is free; nothing where seats are large enough without. */
  drawGround(context: CanvasRenderingContext2D, viewport: Viewport, ratio: number, signs: readonly Sign[], colours: Colours): void {
    if (signs.length < 2 || viewport.seatPx >= FAR_BELOW_PX) return;
    context.save();
    const scale = viewport.scale * ratio;
    context.setTransform(scale, 0, 0, scale, viewport.offsetX * ratio, viewport.offsetY * ratio);
    context.fillStyle = colours.section;
    this.#outlines ??= this.#geometry.sections.map((section) => pathOf(this.#geometry.outlineOf(section)));
    this.#outlines.forEach((outline, index) => {
      context.globalAlpha = SHADE.none + (SHADE.full - SHADE.none) * (signs[index]?.share ?? 0);
      context.fill(outline);
    });
    context.restore();
  }

  /** Below the seats; its name runs along its longer side. */
  drawStage(context: CanvasRenderingContext2D, viewport: Viewport, ratio: number, word: string, colours: Colours): void {
    const { stage } = this.#geometry;
    if (!stage) return;
    const [left, top] = viewport.toScreen(stage.x, stage.y);
    const [width, height] = [stage.width * viewport.scale, stage.height * viewport.scale];
    if (isOutside({ left, top, right: left + width, bottom: top + height }, viewport)) return;
    context.save();
    context.scale(ratio, ratio);
    context.beginPath();
    context.roundRect(left, top, width, height, Math.min(6, width / 4, height / 4));
    context.globalAlpha = STAGE_SHADE;
    context.fillStyle = colours.ink;
    context.fill();
    context.globalAlpha = 1;
    context.strokeStyle = colours.line;
    context.stroke();
    const [along, across] = width >= height ? [width, height] : [height, width];
    const px = Math.min(STAGE_NAME.maxPx, across * STAGE_NAME.share);
    const name = stage.label || word;
    context.font = `600 ${px}px ${colours.font}`;
    context.direction = colours.direction;
    if (px >= STAGE_NAME.minPx && context.measureText(name).width <= along) {
      context.translate(left + width / 2, top + height / 2);
      if (width < height) context.rotate(-Math.PI / 2);
      context.textAlign = 'center';
      context.textBaseline = 'middle';
      context.fillStyle = colours.inkSoft;
      context.fillText(name, 0, 0);
    }
    context.restore();
  }

  /** Whether all of them are as they should be; some may show older details for some frames. */
  drawNames(context: CanvasRenderingContext2D, viewport: Viewport, ratio: number, signs: readonly Sign[], colours: Colours): boolean {
    if (colours !== this.#colours || ratio !== this.#ratio) {
      this.#sprites.clear();
      this.#shown.length = 0;
    }
    this.#colours = colours;
    this.#ratio = ratio;
    this.#deadline = performance.now() + SPRITES_MS;
    this.#isComplete = true;
    if (viewport.seatPx >= NAMES_UNTIL_PX) return true;
    const isFar = viewport.seatPx < FAR_BELOW_PX && signs.length > 1;
    const large = this.#place(viewport, signs, isFar ? FAR_SIZES : NEAR_SIZES, colours, ratio);
    // Large and small names side by side would look as if some mattered more.
    const isCrowded = isFar && large.missing > 0 && this.#isComplete;
    const { placed } = isCrowded ? this.#place(viewport, signs, SMALL_SIZES, colours, ratio) : large;
    for (const { sprite, left, top } of placed) context.drawImage(sprite.canvas, Math.round(left * ratio), Math.round(top * ratio));
    return this.#isComplete;
  }

  /** Finds room for the signs in sight, each in the first of these sizes that has it; and how many have none. */
  #place(viewport: Viewport, signs: readonly Sign[], sizes: readonly Size[], colours: Colours, ratio: number): { placed: Placed[]; missing: number } {
    const placed: Placed[] = [];
    let missing = 0;
    signs.forEach((sign, index) => {
      for (const size of sizes) {
        const sprite = this.#sprite(index, size, sign, colours, ratio);
        if (!sprite) return;
        const rect = sizes === NEAR_SIZES ? this.#beside(index, sprite, viewport) : this.#inside(index, sprite, viewport);
        if (rect && isOutside(rect, viewport)) return;
        if (!rect || placed.some((other) => meet(other, rect))) continue;
        placed.push({ ...rect, sprite });
        return;
      }
      missing += 1;
    });
    return { placed, missing };
  }

  /** In the middle of the section, if it is no wider than that. */
  #inside(index: number, { width, height }: Sprite, viewport: Viewport): Rect | undefined {
    const { bounds } = this.#geometry.sections[index]!;
    if (width > (bounds.maxX - bounds.minX) * viewport.scale + WIDER_PX) return undefined;
    const [x, y] = viewport.toScreen(this.#middles[index]!.x, this.#middles[index]!.y);
    return { left: x - width / 2, top: y - height / 2, right: x + width / 2, bottom: y + height / 2 };
  }

  /** Above the section, or beside it: where it hides no seats, or the fewest. Undefined if that is out of sight. */
  #beside(index: number, { width, height }: Sprite, viewport: Viewport): Rect | undefined {
    const { x, y, rows, grid } = this.#geometry;
    const middle = this.#middles[index]!;
    const gap = viewport.seatPx + ROOM_PX;
    const at = (placeX: number, placeY: number, left: number, top: number): Rect => {
      const [toX, toY] = viewport.toScreen(placeX, placeY);
      return { left: toX + left, top: toY + top, right: toX + left + width, bottom: toY + top + height };
    };
    const first = rows[this.#geometry.sections[index]!.rows[0] ?? -1]?.seats;
    if (!first) return undefined;
    const [start, end] = [first[0]!, first.at(-1)!];
    const places = [
      at(middle.x, middle.top, -width / 2, -gap - height),
      at(x[start]!, y[start]!, -width - gap * 2, -height),
      at(x[end]!, y[end]!, gap * 2, -height),
    ];
    let best: Rect | undefined;
    let fewest = Infinity;
    for (const rect of places) {
      if (rect.left < 0 || rect.top < 0 || rect.right > viewport.width || rect.bottom > viewport.height) continue;
      const [minX, minY] = viewport.toLayout(rect.left - viewport.seatPx, rect.top - viewport.seatPx);
      const [maxX, maxY] = viewport.toLayout(rect.right + viewport.seatPx, rect.bottom + viewport.seatPx);
      let hidden = 0;
      grid.within(minX, minY, maxX, maxY, () => (hidden += 1));
      if (hidden < fewest) [best, fewest] = [rect, hidden];
    }
    return best;
  }

  /** Beside the first seat of each row in sight. */
  drawRows(context: CanvasRenderingContext2D, viewport: Viewport, ratio: number, colours: Colours): void {
    if (viewport.seatPx < ROWS_FROM_PX) return;
    const { rows, x, y, pitch } = this.#geometry;
    context.save();
    context.font = `500 ${Math.min(12, viewport.seatPx * 1.15) * ratio}px ${colours.font}`;
    context.fillStyle = colours.inkSoft;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    for (const { label, seats } of rows) {
      const [first, next] = [seats[0]!, seats[1] ?? seats[0]!];
      // Away from the row, whatever way it runs.
      const length = Math.hypot(x[next]! - x[first]!, y[next]! - y[first]!) || 1;
      const [dx, dy] = first === next ? [-pitch, 0] : [((x[first]! - x[next]!) / length) * pitch, ((y[first]! - y[next]!) / length) * pitch];
      const [atX, atY] = viewport.toScreen(x[first]! + dx, y[first]! + dy);
      if (atX < 0 || atY < 0 || atX > viewport.width || atY > viewport.height) continue;
      context.fillText(label, atX * ratio, atY * ratio);
    }
    context.restore();
  }

  /** The picture of a sign; where there is no time to draw it the one before, if it is as detailed. */
  #sprite(index: number, size: Size, { name, detail: details }: Sign, colours: Colours, ratio: number): Sprite | undefined {
    const detail = size.hasDetail ? details : '';
    const key = `${size.namePx}\n${name}\n${detail}`;
    const known = this.#sprites.get(key);
    if (known) return known;
    const slot = index * SIZES.length + SIZES.indexOf(size);
    if (performance.now() >= this.#deadline) {
      this.#isComplete = false;
      return this.#shown[slot];
    }
    const canvas = document.createElement('canvas');
    const context = canvas.getContext('2d');
    const nameFont = `650 ${size.namePx}px ${colours.font}`;
    const detailFont = `500 ${SIGN.detailPx}px ${colours.font}`;
    const measured = (font: string, text: string): number => {
      if (!context) return 0;
      context.font = font;
      return context.measureText(text).width;
    };
    const width = Math.ceil(Math.max(measured(nameFont, name), measured(detailFont, detail)) + size.padXPx * 2);
    const nameHeight = size.namePx * SIGN.lineHeight;
    const height = Math.ceil(size.padYPx * 2 + nameHeight + (detail ? SIGN.gapPx + SIGN.detailPx * SIGN.lineHeight : 0));
    canvas.width = Math.ceil(width * ratio);
    canvas.height = Math.ceil(height * ratio);
    if (context) {
      context.scale(ratio, ratio);
      context.direction = colours.direction;
      context.globalAlpha = 0.94;
      context.fillStyle = colours.surface;
      context.strokeStyle = colours.line;
      context.lineWidth = 1;
      context.beginPath();
      context.roundRect(0.5, 0.5, width - 1, height - 1, Math.min(8, height / 2));
      context.fill();
      context.globalAlpha = 1;
      context.stroke();
      context.textAlign = 'center';
      context.textBaseline = 'middle';
      context.font = nameFont;
      context.fillStyle = colours.ink;
      context.fillText(name, width / 2, size.padYPx + nameHeight / 2 + 0.5);
      context.font = detailFont;
      context.fillStyle = colours.inkSoft;
      if (detail) context.fillText(detail, width / 2, size.padYPx + nameHeight + SIGN.gapPx + (SIGN.detailPx * SIGN.lineHeight) / 2);
    }
    const sprite = { canvas, width, height };
    if (this.#sprites.size > SPRITES_MAX) this.#sprites.clear();
    this.#sprites.set(key, sprite);
    this.#shown[slot] = sprite;
    return sprite;
  }
}

function pathOf(points: readonly number[]): Path2D {
  const path = new Path2D();
  for (let at = 0; at < points.length; at += 2) path.lineTo(points[at]!, points[at + 1]!);
  path.closePath();
  return path;
}
