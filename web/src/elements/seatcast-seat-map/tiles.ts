/**
 * The picture of all seats, kept in tiles: a frame only copies them. Tiles are drawn when they come into sight, within
 * a budget of time for each frame; beneath those that are missing lies the picture of the whole, and what was there at
 * the scale before. A seat that changes is drawn anew alone, in the tiles that hold it.
 */
import { Masks, type Clip, type Palette } from './looks.ts';
import { boxOf, forEachIn, raster, type Area, type Picture } from './raster.ts';

/** Side of a tile in pixels. */
const TILE_PX = 256;
/** At least so many tiles are kept; more where more are in sight. */
const TILES_KEPT_MIN = 60;
/** With more changes than that a tile is drawn anew as a whole. */
const DIRTY_PER_TILE_MAX = 400;

/** The part of the plane in sight, in pixels of the canvas: pixel = place · scale + offset. Offsets are whole. */
export interface View {
  scale: number;
  offsetX: number;
  offsetY: number;
  width: number;
  height: number;
}

/** Writes into what was drawn: the numbers of seats, where there is room. */
export type Lettering = (context: CanvasRenderingContext2D, seats: readonly number[], area: Area, radius: number) => void;

/** A canvas with its own pixels, cut into parts that are drawn one by one. */
class Surface implements Area {
  readonly canvas: HTMLCanvasElement;
  readonly context: CanvasRenderingContext2D | null;
  readonly pixels: Uint32Array;
  readonly width: number;
  readonly height: number;
  scale = 1;
  originX = 0;
  originY = 0;
  readonly parts: Part[] = [];
  /** When it was last in sight. */
  seen = 0;
  readonly #image: ImageData;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.canvas = document.createElement('canvas');
    this.canvas.width = width;
    this.canvas.height = height;
    this.context = this.canvas.getContext('2d');
    this.#image = new ImageData(width, height);
    this.pixels = new Uint32Array(this.#image.data.buffer);
    for (let top = 0; top < height; top += TILE_PX) {
      for (let left = 0; left < width; left += TILE_PX) {
        const clip = { left, top, right: Math.min(width, left + TILE_PX), bottom: Math.min(height, top + TILE_PX) };
        this.parts.push({ clip, dirty: [], isOld: true, isBlank: true });
      }
    }
  }

  get isBlank(): boolean {
    return this.parts.some(({ isBlank }) => isBlank);
  }

  at(scale: number, originX: number, originY: number): this {
    this.scale = scale;
    this.originX = originX;
    this.originY = originY;
    for (const part of this.parts) {
      part.dirty.length = 0;
      part.isOld = true;
      part.isBlank = true;
    }
    return this;
  }

  /** Shows the pixels of a rectangle on the canvas. */
  put({ left, top, right, bottom }: Clip): void {
    this.context?.putImageData(this.#image, 0, 0, left, top, right - left, bottom - top);
  }

  free(): void {
    // Browsers give the memory of a canvas back late, that of an empty one at once.
    this.canvas.width = 0;
    this.canvas.height = 0;
  }
}

interface Part {
  readonly clip: Clip;
  /** Seats that changed since it was drawn. */
  readonly dirty: number[];
  /** It has to be drawn anew; until then it shows what it showed. */
  isOld: boolean;
  /** It was never drawn. */
  isBlank: boolean;
}

interface Layer {
  scale: number;
  masks: Masks;
  tiles: Map<string, Surface>;
}

export class Tiles {
  readonly #picture: Picture;
  readonly #radius: number;
  readonly #lettering: Lettering;
  #palette: Palette;
  /** The whole at the scale at which it fits. */
  #whole: { surface: Surface; masks: Masks } | undefined;
  #layer: Layer | undefined;
  #before: Layer | undefined;
  readonly #spare: Surface[] = [];
  #frame = 0;

  /** `radius` is that of a seat in the layout's units. */
  constructor(picture: Picture, radius: number, palette: Palette, lettering: Lettering) {
    this.#picture = picture;
    this.#radius = radius;
    this.#palette = palette;
    this.#lettering = lettering;
  }

  /** Keeps the picture of the whole at this scale. */
  fit(scale: number, { minX, minY, maxX, maxY }: { minX: number; minY: number; maxX: number; maxY: number }): void {
    if (this.#whole?.surface.scale === scale) return;
    this.#whole?.surface.free();
    const masks = new Masks(this.#radius * scale, this.#palette);
    const [originX, originY] = [Math.floor(minX * scale) - masks.half - 1, Math.floor(minY * scale) - masks.half - 1];
    const [right, bottom] = [Math.ceil(maxX * scale) + masks.half + 1, Math.ceil(maxY * scale) + masks.half + 1];
    this.#whole = { surface: new Surface(right - originX, bottom - originY).at(scale, originX, originY), masks };
  }

  /** Other colours, or all seats look otherwise: everything is drawn anew, within the budget of the next frames. */
  restyle(palette: Palette): void {
    this.#palette = palette;
    for (const layer of [this.#layer, this.#before]) if (layer) layer.masks = new Masks(layer.masks.radius, palette);
    if (this.#whole) this.#whole.masks = new Masks(this.#whole.masks.radius, palette);
    for (const surface of this.#surfaces()) {
      for (const part of surface.parts) {
        part.isOld = true;
        part.dirty.length = 0;
      }
    }
  }

  /** A seat looks otherwise than before. */
  changed(seat: number): void {
    if (this.#whole) this.#mark(this.#whole.surface, seat, this.#whole.masks.half);
    for (const layer of [this.#layer, this.#before]) {
      if (!layer) continue;
      const reach = layer.masks.half + 1;
      const [x, y] = [this.#picture.x[seat]! * layer.scale, this.#picture.y[seat]! * layer.scale];
      const [left, right] = [Math.floor((x - reach) / TILE_PX), Math.floor((x + reach) / TILE_PX)];
      const [top, bottom] = [Math.floor((y - reach) / TILE_PX), Math.floor((y + reach) / TILE_PX)];
      for (let column = left; column <= right; column += 1) {
        for (let line = top; line <= bottom; line += 1) {
          const tile = layer.tiles.get(`${column}:${line}`);
          if (tile) this.#mark(tile, seat, layer.masks.half);
        }
      }
    }
  }

  /** Shows what there is at another scale, and draws nothing: for a moment, while the scale changes. */
  preview(context: CanvasRenderingContext2D, view: View): void {
    this.#underlay(context, view);
  }

  /** Copies what is in sight, and draws until the deadline what is missing; whether nothing is. */
  draw(context: CanvasRenderingContext2D, view: View, focus: { x: number; y: number }, deadline: number): boolean {
    this.#frame += 1;
    const whole = this.#whole;
    if (!whole) return true;
    const isWhole = Math.abs(view.scale / whole.surface.scale - 1) < 1e-3;
    // The first picture comes at once: nothing else moves, and a half one is none.
    const isDone = whole.surface.isBlank ? this.#build(whole.surface, whole.masks, Infinity, 1) : this.#build(whole.surface, whole.masks, isWhole ? deadline : 0, isWhole ? 1 : 0);
    if (isWhole) {
      context.drawImage(whole.surface.canvas, whole.surface.originX + view.offsetX, whole.surface.originY + view.offsetY);
      return isDone;
    }
    const layer = this.#layerOf(view.scale);
    const { seen, missing } = this.#inSight(layer, view, focus);
    const left = this.#drawTiles(layer, missing, deadline, seen);
    if (left > 0) this.#underlay(context, view);
    for (const tile of seen) {
      this.#build(tile, layer.masks, deadline, 0);
      const [x, y] = [tile.originX + view.offsetX, tile.originY + view.offsetY];
      // Between its seats a tile is transparent, and what lies beneath would show.
      if (left > 0) context.clearRect(x, y, TILE_PX, TILE_PX);
      context.drawImage(tile.canvas, x, y);
    }
    const isFresh = seen.every((tile) => tile.parts.every(({ isOld }) => !isOld));
    this.#forget(seen.length);
    return left === 0 && isFresh;
  }

  free(): void {
    for (const surface of [...this.#surfaces(), ...this.#spare]) surface.free();
    this.#whole = this.#layer = this.#before = undefined;
    this.#spare.length = 0;
  }

  #mark({ parts, scale, originX, originY }: Surface, seat: number, half: number): void {
    const [x, y] = [this.#picture.x[seat]! * scale - originX, this.#picture.y[seat]! * scale - originY];
    const reach = half + 2;
    for (const part of parts) {
      const { left, top, right, bottom } = part.clip;
      if (part.isOld || x < left - reach || y < top - reach || x > right + reach || y > bottom + reach) continue;
      part.dirty.push(seat);
      if (part.dirty.length <= DIRTY_PER_TILE_MAX) continue;
      part.isOld = true;
      part.dirty.length = 0;
    }
  }

  /** Draws old parts until the deadline, at least `atLeast`, and all changed seats; whether no part is old. */
  #build(surface: Surface, masks: Masks, deadline: number, atLeast: number): boolean {
    let isDone = true;
    for (const part of surface.parts) {
      if (part.isOld) {
        if (atLeast <= 0 && performance.now() >= deadline) {
          isDone = false;
          continue;
        }
        atLeast -= 1;
        raster(this.#picture, surface, masks, part.clip);
        surface.put(part.clip);
        this.#letter(surface, masks, part.clip);
        part.isOld = false;
        part.isBlank = false;
      } else if (part.dirty.length > 0) {
        for (const seat of part.dirty) {
          const box = boxOf(this.#picture, seat, surface, masks.half, part.clip);
          if (box.right <= box.left || box.bottom <= box.top) continue;
          raster(this.#picture, surface, masks, box);
          surface.put(box);
          this.#letter(surface, masks, box);
        }
        part.dirty.length = 0;
      }
    }
    return isDone;
  }

  #letter(surface: Surface, masks: Masks, clip: Clip): void {
    const { context } = surface;
    if (!context) return;
    const seats: number[] = [];
    const { scale, originX, originY } = surface;
    forEachIn(this.#picture.grid, scale, originX, originY, masks.half, clip, (seat) => seats.push(seat));
    context.save();
    context.beginPath();
    context.rect(clip.left, clip.top, clip.right - clip.left, clip.bottom - clip.top);
    context.clip();
    this.#lettering(context, seats, surface, masks.radius);
    context.restore();
  }

  #layerOf(scale: number): Layer {
    if (this.#layer?.scale === scale) return this.#layer;
    if (this.#before?.scale === scale) {
      [this.#layer, this.#before] = [this.#before, this.#layer];
      return this.#layer;
    }
    // One layer of another scale stays beneath until this one is whole; an empty one is no help.
    if (this.#layer && this.#layer.tiles.size > 0) {
      this.#drop(this.#before);
      this.#before = this.#layer;
    }
    return (this.#layer = { scale, masks: new Masks(this.#radius * scale, this.#palette), tiles: new Map() });
  }

  #inSight(layer: Layer, view: View, focus: { x: number; y: number }): { seen: Surface[]; missing: [column: number, line: number][] } {
    const seen: Surface[] = [];
    const missing: [column: number, line: number][] = [];
    const [left, right] = [Math.floor(-view.offsetX / TILE_PX), Math.floor((view.width - 1 - view.offsetX) / TILE_PX)];
    const [top, bottom] = [Math.floor(-view.offsetY / TILE_PX), Math.floor((view.height - 1 - view.offsetY) / TILE_PX)];
    for (let line = top; line <= bottom; line += 1) {
      for (let column = left; column <= right; column += 1) {
        const tile = layer.tiles.get(`${column}:${line}`);
        if (tile) {
          tile.seen = this.#frame;
          seen.push(tile);
        } else {
          missing.push([column, line]);
        }
      }
    }
    const away = ([column, line]: [number, number]): number =>
      Math.hypot((column + 0.5) * TILE_PX + view.offsetX - focus.x, (line + 0.5) * TILE_PX + view.offsetY - focus.y);
    return { seen, missing: missing.sort((a, b) => away(a) - away(b)) };
  }

  /** Draws missing tiles, the nearest first, and at least one; how many are still missing. */
  #drawTiles(layer: Layer, missing: readonly [column: number, line: number][], deadline: number, seen: Surface[]): number {
    let done = 0;
    for (const [column, line] of missing) {
      if (done > 0 && performance.now() >= deadline) break;
      const tile = (this.#spare.pop() ?? new Surface(TILE_PX, TILE_PX)).at(layer.scale, column * TILE_PX, line * TILE_PX);
      tile.seen = this.#frame;
      layer.tiles.set(`${column}:${line}`, tile);
      this.#build(tile, layer.masks, Infinity, 1);
      seen.push(tile);
      done += 1;
    }
    return missing.length - done;
  }

  /** The whole, enlarged, and over it the tiles of the scale before. */
  #underlay(context: CanvasRenderingContext2D, view: View): void {
    context.imageSmoothingEnabled = false;
    const tiles = [this.#before, this.#layer].flatMap((layer) => (layer && layer.scale !== view.scale ? [...layer.tiles.values()] : []));
    for (const surface of [this.#whole?.surface, ...tiles]) {
      if (!surface || surface.isBlank) continue;
      const factor = view.scale / surface.scale;
      // Both edges are rounded, not the width: otherwise a seam would show.
      const [left, top] = [Math.round(surface.originX * factor + view.offsetX), Math.round(surface.originY * factor + view.offsetY)];
      const [right, bottom] = [
        Math.round((surface.originX + surface.width) * factor + view.offsetX),
        Math.round((surface.originY + surface.height) * factor + view.offsetY),
      ];
      if (right <= 0 || bottom <= 0 || left >= view.width || top >= view.height) continue;
      if (surface !== this.#whole?.surface) context.clearRect(left, top, right - left, bottom - top);
      context.drawImage(surface.canvas, left, top, right - left, bottom - top);
    }
    context.imageSmoothingEnabled = true;
  }

  /** Lets the tiles go that were out of sight for the longest. */
  #forget(inSight: number): void {
    const layer = this.#layer;
    const keep = Math.max(TILES_KEPT_MIN, inSight * 2);
    const all = [this.#before, layer].flatMap((one) => (one ? [...one.tiles].map(([key, tile]) => ({ one, key, tile })) : []));
    if (all.length <= keep) return;
    all.sort((a, b) => a.tile.seen - b.tile.seen);
    for (const { one, key, tile } of all.slice(0, all.length - keep)) {
      if (tile.seen === this.#frame) return;
      one.tiles.delete(key);
      this.#spare.push(tile);
    }
    while (this.#spare.length > TILES_KEPT_MIN) this.#spare.pop()?.free();
  }

  #drop(layer: Layer | undefined): void {
    if (layer) this.#spare.push(...layer.tiles.values());
    while (this.#spare.length > TILES_KEPT_MIN) this.#spare.pop()?.free();
  }

  *#surfaces(): Iterable<Surface> {
    if (this.#whole) yield this.#whole.surface;
    for (const layer of [this.#layer, this.#before]) if (layer) yield* layer.tiles.values();
  }
}
