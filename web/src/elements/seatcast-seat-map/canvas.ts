import type { ReactiveController, ReactiveControllerHost } from 'lit';
import type { SeatStatuses } from '../../sdk/index.ts';
import type { Geometry, Seat } from './geometry.ts';
import { paint, TYPE_COLOURS, type Palette, type Scene } from './painter.ts';
import { Viewport } from './viewport.ts';

/** The scene to paint; undefined while there is nothing. */
export type Showing = (Omit<Scene, 'viewport'> & { geometry: Geometry; statuses: SeatStatuses; cursor: Seat | undefined }) | undefined;

/**
 * The canvas of a seat map: its size on this screen, its colours in light and dark, and when it is
 * painted (at most once a frame, however many seats change).
 */
export class MapCanvas implements ReactiveController {
  readonly viewport = new Viewport();
  readonly #host: ReactiveControllerHost & HTMLElement;
  readonly #showing: () => Showing;
  readonly #resized = new ResizeObserver(() => this.resize());
  readonly #looks = ['(prefers-color-scheme: dark)', '(forced-colors: active)'].map((query) => matchMedia(query));
  readonly #restyled = (): void => {
    this.#palette = undefined;
    this.#paintSoon();
  };
  #palette: Palette | undefined;
  #frame: number | undefined;

  constructor(host: ReactiveControllerHost & HTMLElement, showing: () => Showing) {
    this.#host = host;
    this.#showing = showing;
    host.addController(this);
  }

  get element(): HTMLCanvasElement | null {
    return this.#host.shadowRoot?.querySelector('canvas') ?? null;
  }

  hostConnected(): void {
    for (const look of this.#looks) look.addEventListener('change', this.#restyled);
  }

  hostDisconnected(): void {
    for (const look of this.#looks) look.removeEventListener('change', this.#restyled);
    this.#resized.disconnect();
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    this.#frame = undefined;
  }

  hostUpdated(): void {
    const { element } = this;
    if (element) this.#resized.observe(element);
    this.#paintSoon();
  }

  /** Takes the size that the style sheet gives the canvas, in the pixels of this screen. */
  resize(): void {
    const { element } = this;
    if (!element || element.clientWidth === 0) return;
    const ratio = globalThis.devicePixelRatio || 1;
    element.width = Math.round(element.clientWidth * ratio);
    element.height = Math.round(element.clientHeight * ratio);
    this.viewport.resize(element.clientWidth, element.clientHeight);
    this.#paintSoon();
  }

  #paintSoon(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#paint();
    });
  }

  #paint(): void {
    const context = this.element?.getContext('2d');
    const showing = this.#showing();
    if (!context || !showing) return;
    this.#palette ??= paletteOf(this.#host);
    paint(context, { ...showing, viewport: this.viewport }, this.#palette, getComputedStyle(this.#host).fontFamily);
  }
}

/** The colours that the style sheet gives, light or dark, as the canvas can use them. */
function paletteOf(element: HTMLElement): Palette {
  const probe = document.createElement('span');
  probe.className = 'probe';
  element.shadowRoot?.append(probe);
  const colour = (name: string): string => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const palette = {
    types: Array.from({ length: TYPE_COLOURS }, (_, index) => colour(`--seat-${index + 1}`)),
    held: colour('--seat-held'),
    sold: colour('--seat-sold'),
    blocked: colour('--seat-blocked'),
    chosen: colour('--ink'),
    onChosen: colour('--surface'),
    onSeat: colour('--on-accent'),
    text: colour('--ink-soft'),
    stage: colour('--sunken'),
  };
  probe.remove();
  return palette;
}
