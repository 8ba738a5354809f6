/**
 * The part of the layout that is in sight: a scale and an offset. Pure; pixels are CSS pixels.
 *
 *     screen = layout · scale + offset
 */
import type { Bounds } from './geometry.ts';

/** A seat may be drawn at most so many pixels wide. */
const SEAT_PX_MAX = 52;

export class Viewport {
  scale = 1;
  offsetX = 0;
  offsetY = 0;
  #width = 1;
  #height = 1;
  #fitScale = 1;
  #bounds: Bounds = { minX: 0, minY: 0, maxX: 1, maxY: 1 };
  #radius = 1;

  /** Sets the layout's bounds, with room around them, and shows all of it. */
  reset(bounds: Bounds, radius: number): void {
    this.#radius = radius;
    const room = radius * 2.5;
    this.#bounds = {
      minX: bounds.minX - room * 1.6,
      minY: bounds.minY - room * 3,
      maxX: bounds.maxX + room,
      maxY: bounds.maxY + room,
    };
    this.fit();
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

  #scaleThatFits(): number {
    const { minX, minY, maxX, maxY } = this.#bounds;
    return Math.min(this.#width / (maxX - minX), this.#height / (maxY - minY), this.#scaleMax());
  }

  #scaleMax(): number {
    return SEAT_PX_MAX / 2 / this.#radius;
  }

  /** Takes the scale, and keeps the layout in view: centred where there is room to spare. */
  #settle(scale: number): void {
    const { minX, minY, maxX, maxY } = this.#bounds;
    this.scale = scale;
    this.offsetX = settled(this.offsetX, minX * scale, maxX * scale, this.#width);
    this.offsetY = settled(this.offsetY, minY * scale, maxY * scale, this.#height);
  }
}

function settled(offset: number, min: number, max: number, size: number): number {
  if (max - min <= size) return (size - (max - min)) / 2 - min;
  return Math.min(-min, Math.max(size - max, offset));
}
