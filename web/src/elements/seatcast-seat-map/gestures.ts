/**
 * Fingers and mouse on the map: tap, drag, pinch. One finger scrolls the page while all of the map
 * is in view, and moves the map once it is zoomed in; two fingers always zoom.
 */
import type { Viewport } from './viewport.ts';

/** A pointer that moved less than this, in pixels, tapped. */
const TAP_PX = 6;
/** A second tap so soon and so near belongs to the first. */
const DOUBLE_TAP_MS = 300;
const DOUBLE_TAP_PX = 24;

export interface GestureEvents {
  tapped(x: number, y: number, coarse: boolean): void;
  hovered(x: number, y: number): void;
  left(): void;
  /** A second tap at the same place. */
  doubleTapped(x: number, y: number): void;
  /** A wheel was turned that scrolls the page. */
  scrolled(): void;
  /** The viewport changed. */
  moved(how: 'pan' | 'zoom'): void;
}

interface Pointer {
  x: number;
  y: number;
  startX: number;
  startY: number;
}

export class Gestures {
  readonly #viewport: Viewport;
  readonly #events: GestureEvents;
  readonly #down = new Map<number, Pointer>();
  /** Dragged, or pinched: its end is no tap. */
  #dragging = false;
  #lastTap = { x: 0, y: 0, at: -Infinity };

  constructor(viewport: Viewport, events: GestureEvents) {
    this.#viewport = viewport;
    this.#events = events;
  }

  pointerDown(event: PointerEvent): void {
    if (event.pointerType === 'mouse' && event.button !== 0) return;
    const { offsetX: x, offsetY: y } = event;
    if (this.#down.size === 0) this.#dragging = false;
    this.#down.set(event.pointerId, { x, y, startX: x, startY: y });
  }

  pointerMove(event: PointerEvent): void {
    const pointer = this.#down.get(event.pointerId);
    const { offsetX: x, offsetY: y } = event;
    if (!pointer) {
      this.#events.hovered(x, y);
    } else if (this.#down.size === 2) {
      this.#pinch(event.pointerId, pointer, x, y);
    } else {
      this.#drag(event, pointer, x, y);
    }
  }

  pointerUp(event: PointerEvent): void {
    const pointer = this.#down.get(event.pointerId);
    this.#down.delete(event.pointerId);
    if (!pointer || this.#dragging) return;
    const { offsetX: x, offsetY: y, timeStamp: at } = event;
    const isSecond = at - this.#lastTap.at < DOUBLE_TAP_MS && Math.hypot(x - this.#lastTap.x, y - this.#lastTap.y) < DOUBLE_TAP_PX;
    this.#lastTap = isSecond ? { x, y, at: -Infinity } : { x, y, at };
    if (isSecond) this.#events.doubleTapped(x, y);
    this.#events.tapped(x, y, event.pointerType === 'touch');
  }

  pointerGone(event: PointerEvent): void {
    this.#down.delete(event.pointerId);
    this.#events.left();
  }

  /** A trackpad's pinch comes as a wheel with ctrl; a plain wheel scrolls the page. */
  wheel(event: WheelEvent): void {
    if (!event.ctrlKey && !event.metaKey) return this.#events.scrolled();
    event.preventDefault();
    this.#viewport.zoom(Math.exp(-event.deltaY / 180), event.offsetX, event.offsetY);
    this.#events.moved('zoom');
  }

  #drag(event: PointerEvent, pointer: Pointer, x: number, y: number): void {
    const far = Math.hypot(x - pointer.startX, y - pointer.startY) > TAP_PX;
    if (!this.#dragging && !far) return;
    if (!this.#dragging) (event.currentTarget as Element).setPointerCapture(event.pointerId);
    this.#dragging = true;
    this.#viewport.pan(x - pointer.x, y - pointer.y);
    pointer.x = x;
    pointer.y = y;
    this.#events.moved('pan');
  }

  #pinch(id: number, pointer: Pointer, x: number, y: number): void {
    const other = [...this.#down].find(([otherId]) => otherId !== id)?.[1];
    if (!other) return;
    this.#dragging = true;
    const before = Math.hypot(pointer.x - other.x, pointer.y - other.y);
    const after = Math.hypot(x - other.x, y - other.y);
    this.#viewport.pan((x - pointer.x) / 2, (y - pointer.y) / 2);
    if (before > 0) this.#viewport.zoom(after / before, (x + other.x) / 2, (y + other.y) / 2);
    pointer.x = x;
    pointer.y = y;
    this.#events.moved('zoom');
  }
}
