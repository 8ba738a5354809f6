/**
 * The part of the layout that is in sight: a scale and an offset. Pure; pixels are CSS pixels.
 *
 *     screen = layout · scale + offset
 */
import type { Bounds } from './grid.ts';

/** A seat may be drawn at most so many pixels wide. */
const SEAT_PX_MAX = 52;
/** Room around the seats, in pixels: for the names of sections, and for the letters of rows. */
const ROOM_PX = { top: 36, bottom: 16, side: 24 };
/** On screens narrower than this the buttons are below the seats, and want room, too. */
const NARROW_PX = 544;
const BUTTONS_PX = 60;

/** The part of the layout that is in sight. */
export interface Sight {
  scale: number;
  offsetX: number;
  offsetY: number;
}

export class Viewport {
  scale = 1;
  offsetX = 0;
  offsetY = 0;
  #width = 1;
  #height = 1;
  #fitScale = 1;
  #bounds: Bounds = { minX: 0, minY: 0, maxX: 1, maxY: 1 };
  #radius = 1;

  /** Sets the layout's bounds, and shows all of it. */
  reset(bounds: Bounds, radius: number): void {
    this.#radius = radius;
    this.#bounds = widened(bounds, radius);
    this.fit();
  }

  /** The scale at which everything is in sight. */
  get fitScale(): number {
    return this.#fitScale;
  }

  get width(): number {
    return this.#width;
  }

  get height(): number {
    return this.#height;
  }

  resize(width: number, height: number): void {
    const wasFit = this.isFit;
    this.#width = Math.max(1, width);
    this.#height = Math.max(1, height);
    this.#fitScale = this.#scaleThatFits();
    if (wasFit) this.fit();
    else this.#settle(this.scale);
  }

  /** Height over width of the layout. */
  get aspect(): number {
    const { minX, minY, maxX, maxY } = this.#bounds;
    return (maxY - minY) / (maxX - minX);
  }

  get isFit(): boolean {
    return this.scale <= this.#fitScale * 1.001;
  }

  get isClosest(): boolean {
    return this.scale >= this.#scaleMax() * 0.999;
  }

  /** Radius of a seat on the screen. */
  get seatPx(): number {
    return this.#radius * this.scale;
  }

  fit(): void {
    this.#fitScale = this.#scaleThatFits();
    this.#settle(this.#fitScale);
  }

  /** Scales by `factor`; the place under (x, y) stays where it is. */
  zoom(factor: number, x = this.#width / 2, y = this.#height / 2): void {
    const [placeX, placeY] = this.toLayout(x, y);
    const scale = Math.min(this.#scaleMax(), Math.max(this.#fitScale, this.scale * factor));
    this.offsetX = x - placeX * scale;
    this.offsetY = y - placeY * scale;
    this.#settle(scale);
  }

  /** Shows a part of the layout as large as it fits. */
  show(bounds: Bounds): void {
    const { minX, minY, maxX, maxY } = widened(bounds, this.#radius * 2);
    const scale = this.#fitting(maxX - minX, maxY - minY);
    this.offsetX = this.#width / 2 - ((minX + maxX) / 2) * scale;
    this.offsetY = this.#height / 2 - ((minY + maxY) / 2) * scale;
    this.#settle(Math.max(this.#fitScale, scale));
  }

  /** Where a move would lead to; it is not made. */
  after(move: (view: this) => void): Sight {
    const { scale, offsetX, offsetY } = this;
    move(this);
    const sight = { scale: this.scale, offsetX: this.offsetX, offsetY: this.offsetY };
    this.set({ scale, offsetX, offsetY });
    return sight;
  }

  set({ scale, offsetX, offsetY }: Sight): void {
    this.scale = scale;
    this.offsetX = offsetX;
    this.offsetY = offsetY;
  }

  pan(dx: number, dy: number): void {
    this.offsetX += dx;
    this.offsetY += dy;
    this.#settle(this.scale);
  }

  /** Moves just as far as needed to show a place of the layout. */
  reveal(x: number, y: number): void {
    const [screenX, screenY] = this.toScreen(x, y);
    const margin = Math.min(48, this.#width / 4, this.#height / 4);
    const into = (value: number, size: number): number =>
      Math.min(size - margin, Math.max(margin, value)) - value;
    this.pan(into(screenX, this.#width), into(screenY, this.#height));
  }

  toScreen(x: number, y: number): [x: number, y: number] {
    return [x * this.scale + this.offsetX, y * this.scale + this.offsetY];
  }

  toLayout(x: number, y: number): [x: number, y: number] {
    return [(x - this.offsetX) / this.scale, (y - this.offsetY) / this.scale];
  }

  get #bottom(): number {
    return this.#width < NARROW_PX ? BUTTONS_PX : ROOM_PX.bottom;
  }

  #scaleThatFits(): number {
    const { minX, minY, maxX, maxY } = this.#bounds;
    return this.#fitting(maxX - minX, maxY - minY);
  }

  #fitting(width: number, height: number): number {
    const [roomX, roomY] = [ROOM_PX.side * 2, ROOM_PX.top + this.#bottom];
    return Math.min(Math.max(1, this.#width - roomX) / width, Math.max(1, this.#height - roomY) / height, this.#scaleMax());
  }

  #scaleMax(): number {
    return SEAT_PX_MAX / 2 / this.#radius;
  }

  /** Takes the scale, and keeps the layout in view: centred where there is room to spare. */
  #settle(scale: number): void {
    const { minX, minY, maxX, maxY } = this.#bounds;
    this.scale = scale;
    this.offsetX = settled(this.offsetX, minX * scale - ROOM_PX.side, maxX * scale + ROOM_PX.side, this.#width);
    this.offsetY = settled(this.offsetY, minY * scale - ROOM_PX.top, maxY * scale + this.#bottom, this.#height);
  }
}

function widened({ minX, minY, maxX, maxY }: Bounds, room: number): Bounds {
  return { minX: minX - room, minY: minY - room, maxX: maxX + room, maxY: maxY + room };
}

function settled(offset: number, min: number, max: number, size: number): number {
  if (max - min <= size) return (size - (max - min)) / 2 - min;
  return Math.min(-min, Math.max(size - max, offset));
}
