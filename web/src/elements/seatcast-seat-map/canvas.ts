import type { ReactiveController, ReactiveControllerHost } from 'lit';
import type { Geometry } from './geometry.ts';
import { LOOK } from './looks.ts';
import { coloursOf, LOOKS, type Colours } from './palette.ts';
import { Signs, type Sign } from './signs.ts';
import { Tiles, type Lettering, type View } from './tiles.ts';
import { Viewport, type Sight } from './viewport.ts';

/** The seats to draw; it stays the same while the layout does. */
export interface Scene {
  geometry: Geometry;
  /** By position, see `looks.ts`. */
  looks: Uint8Array;
  /** Letter of a seat's ticket type; '' where there is only one type. */
  letterOf(position: number): string;
  /** By index of section. */
  signs(): readonly Sign[];
  /** Name of a stage that has none of its own. */
  stageWord(): string;
  /** Positions of the buyer's own seats. */
  chosen(): Iterable<number>;
  /** Positions with a ring: the keyboard's and the mouse's. */
  ringed(): readonly number[];
}

/** From this radius on, in pixels, a seat has room for its number, and from the next one on for its type's letter, too. */
const NUMBER_FROM_PX = 9.5;
const LETTER_FROM_PX = 15;
/** A finger's screen has many pixels and few watts: more than so many for each CSS pixel are not drawn. */
const RATIO_MAX_COARSE = 2;
/** Time for tiles in a frame. */
const TILES_MS = 8;
/** While the scale changes the last picture is enlarged; it is drawn anew when it is enlarged by more than this … */
const ENLARGED_MAX = 2;
/** … when more than this share of an edge is bare, and so long after the last change. */
const BARE_MAX = 0.2;
const REST_MS = 120;
/** A move to another part of the hall takes so long. */
const GLIDE_MS = 280;
/** Own seats that are smaller than this have a ring, of the radius below. */
const PIN_BELOW_PX = 3;
const PIN_PX = 6;

/** Size, colours, and frames of the canvas of a seat map: at most one picture a frame, however many seats change. */
export class MapCanvas implements ReactiveController {
  readonly viewport = new Viewport();
  readonly #host: ReactiveControllerHost & HTMLElement;
  readonly #scene: Scene;
  readonly #signs: Signs;
  readonly #resized = new ResizeObserver(() => this.resize());
  readonly #looks = LOOKS.map((query) => matchMedia(query));
  readonly #coarse = matchMedia('(pointer: coarse)');
  readonly #still = matchMedia('(prefers-reduced-motion: reduce)');
  /** Colours, fonts or direction may be others. */
  readonly restyled = (): void => {
    this.#colours = undefined;
    this.paintSoon();
  };
  readonly #ground = new KeptLayer();
  readonly #names = new KeptLayer();
  #tiles: Tiles | undefined;
  #colours: Colours | undefined;
  #ratio = 1;
  #frame: number | undefined;
  #observed: HTMLCanvasElement | undefined;
  /** The part of the layout that was in sight when the canvas was last painted. */
  #painted: Sight | undefined;
  /** Until then the scale changes, and the canvas is only enlarged. */
  #restAt = 0;
  #glide: { from: Sight; to: Sight; start: number } | undefined;
  /** Where the pointer is: tiles there are drawn first. */
  focus: { x: number; y: number } | undefined;

  constructor(host: ReactiveControllerHost & HTMLElement, scene: Scene) {
    this.#host = host;
    this.#scene = scene;
    this.#signs = new Signs(scene.geometry);
    this.viewport.reset(scene.geometry.bounds, scene.geometry.radius);
    host.addController(this);
  }

  get element(): HTMLCanvasElement | null {
    return this.#host.shadowRoot?.querySelector('canvas') ?? null;
  }

  /** The canvas shows what it should, and nothing moves. */
  get isAtRest(): boolean {
    return this.#frame === undefined;
  }

  hostConnected(): void {
    for (const look of this.#looks) look.addEventListener('change', this.restyled);
    this.paintSoon();
  }

  hostDisconnected(): void {
    for (const look of this.#looks) look.removeEventListener('change', this.restyled);
    this.#resized.disconnect();
    this.#observed = undefined;
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    this.#frame = undefined;
    this.#tiles?.free();
    this.#tiles = undefined;
    this.#ground.free();
    this.#names.free();
    this.#painted = undefined;
  }

  hostUpdated(): void {
    const { element } = this;
    if (element && element !== this.#observed) {
      this.#resized.disconnect();
      this.#resized.observe(element);
      this.#observed = element;
      this.resize();
    }
    this.paintSoon();
  }

  /** Takes the size that the style sheet gives the canvas, in the pixels of this screen. */
  resize(): void {
    const { element } = this;
    if (!element || element.clientWidth === 0) return;
    const ratio = globalThis.devicePixelRatio || 1;
    this.#ratio = this.#coarse.matches ? Math.min(ratio, RATIO_MAX_COARSE) : ratio;
    const [width, height] = [Math.round(element.clientWidth * this.#ratio), Math.round(element.clientHeight * this.#ratio)];
    // Setting a size, the same one, too, empties the canvas.
    if (element.width !== width) element.width = width;
    if (element.height !== height) element.height = height;
    this.viewport.resize(element.clientWidth, element.clientHeight);
    this.#glide = undefined;
    this.paintSoon();
  }

  /** A seat looks otherwise. */
  changed(position: number): void {
    this.#tiles?.changed(position);
    this.paintSoon();
  }

  /** All seats may look otherwise. */
  changedAll(): void {
    if (this.#colours) this.#tiles?.restyle(this.#colours);
    this.paintSoon();
  }

  paintSoon(): void {
    this.#nextFrame();
  }

  /** The viewport was moved by hand. */
  moved(how: 'pan' | 'zoom'): void {
    this.#glide = undefined;
    if (how === 'zoom') this.#restAt = performance.now() + REST_MS;
    this.#nextFrame();
  }

  /** Moves the viewport in some frames, or at once for those who do not like that. */
  glide(move: (viewport: Viewport) => void): void {
    const to = this.viewport.after(move);
    if (this.#still.matches || !this.#painted) {
      this.viewport.set(to);
      this.#glide = undefined;
      this.#host.requestUpdate();
    } else {
      const { scale, offsetX, offsetY } = this.viewport;
      this.#glide = { from: { scale, offsetX, offsetY }, to, start: performance.now() };
    }
    this.#nextFrame();
  }

  #nextFrame(): void {
    this.#frame ??= requestAnimationFrame((now) => {
      this.#frame = undefined;
      this.#draw(now);
    });
  }

  #draw(now: number): void {
    if (this.#glide) this.#glideOn(now);
    const isZooming = this.#glide !== undefined || now < this.#restAt;
    if (isZooming && this.#enlarge()) {
      this.#nextFrame();
    } else {
      this.#paint(isZooming);
      if (isZooming) this.#nextFrame();
    }
  }

  #glideOn(now: number): void {
    const { from, to, start } = this.#glide!;
    const part = Math.min(1, Math.max(0, (now - start) / GLIDE_MS));
    if (part === 1) {
      this.#glide = undefined;
      this.viewport.set(to);
      this.#host.requestUpdate();
      return;
    }
    const eased = 1 - (1 - part) ** 3;
    const scale = from.scale * (to.scale / from.scale) ** eased;
    // In step with the scale, so that the place in the middle of the zoom stands still.
    const way = Math.abs(to.scale - from.scale) < 1e-9 ? eased : (scale - from.scale) / (to.scale - from.scale);
    this.viewport.set({ scale, offsetX: from.offsetX + (to.offsetX - from.offsetX) * way, offsetY: from.offsetY + (to.offsetY - from.offsetY) * way });
  }

  /** Shows the last picture at the present scale; false if it has to be drawn anew. */
  #enlarge(): boolean {
    const { element } = this;
    const before = this.#painted;
    if (!element || !before) return false;
    const { scale, offsetX, offsetY, width, height } = this.viewport;
    const factor = scale / before.scale;
    if (factor > ENLARGED_MAX || factor < 1 / ENLARGED_MAX) return false;
    const [left, top] = [offsetX - before.offsetX * factor, offsetY - before.offsetY * factor];
    const bare = Math.max(left / width, top / height, 1 - (left + width * factor) / width, 1 - (top + height * factor) / height);
    if (bare > BARE_MAX) return false;
    element.style.transform = `translate(${left}px,${top}px) scale(${factor})`;
    return true;
  }

  /** While the scale changes no tiles are drawn: the next frame would want others. */
  #paint(isZooming: boolean): void {
    const { element, viewport } = this;
    const context = element?.getContext('2d');
    if (!element || !context || element.width === 0) return;
    const colours = this.#palette();
    const ratio = this.#ratio;
    const { scale, offsetX, offsetY } = viewport;
    const view: View = { scale: scale * ratio, offsetX: Math.round(offsetX * ratio), offsetY: Math.round(offsetY * ratio), width: element.width, height: element.height };
    const tiles = (this.#tiles ??= new Tiles(this.#picture(), this.#scene.geometry.radius, colours, this.#lettering));
    tiles.fit(viewport.fitScale * ratio, this.#scene.geometry.bounds);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    const focus = this.focus ? { x: this.focus.x * ratio, y: this.focus.y * ratio } : { x: view.width / 2, y: view.height / 2 };
    const isPreview = isZooming && this.#painted !== undefined;
    if (isPreview) tiles.preview(context, view);
    const isDone = isPreview || tiles.draw(context, view, focus, performance.now() + TILES_MS);
    // The first picture does not wait for signs.
    const isSigned = this.#painted !== undefined && this.#drawSigns(context, view, colours);
    this.#drawPins(context, colours);
    this.#drawRings(context, colours);
    element.style.transform = '';
    this.#painted = { scale, offsetX, offsetY };
    if (!isDone || !isSigned) this.#nextFrame();
  }

  /** Shapes of sections below all that is drawn, names above it; kept as pictures while nothing of them changes. */
  #drawSigns(context: CanvasRenderingContext2D, { scale, offsetX, offsetY, width, height }: View, colours: Colours): boolean {
    const { viewport } = this;
    const ratio = this.#ratio;
    const signs = this.#scene.signs();
    const sight = [scale, offsetX, offsetY];
    let isSigned = true;
    const stageWord = this.#scene.stageWord();
    const key = [width, height, signs, stageWord, colours, ...sight];
    context.globalCompositeOperation = 'destination-over';
    this.#ground.draw(context, key, (layer) => {
      this.#signs.drawGround(layer, viewport, ratio, signs, colours);
      this.#signs.drawStage(layer, viewport, ratio, stageWord, colours);
    });
    context.globalCompositeOperation = 'source-over';
    this.#names.draw(context, key, (layer) => {
      this.#signs.drawRows(layer, viewport, ratio, colours);
      isSigned = this.#signs.drawNames(layer, viewport, ratio, signs, colours);
    });
    // Some signs are still to come.
    if (!isSigned) this.#names.forget();
    return isSigned;
  }

  #picture(): { x: Float32Array; y: Float32Array; looks: Uint8Array; grid: Geometry['grid'] } {
    const { geometry, looks } = this.#scene;
    return { x: geometry.x, y: geometry.y, looks, grid: geometry.grid };
  }

  #palette(): Colours {
    if (!this.#colours) {
      this.#colours = coloursOf(this.#host);
      this.#tiles?.restyle(this.#colours);
    }
    return this.#colours;
  }

  readonly #lettering: Lettering = (context, seats, { scale, originX, originY }, radius) => {
    const { geometry, looks } = this.#scene;
    const size = radius / this.#ratio;
    if (size < NUMBER_FROM_PX) return;
    const { font, onSeat } = this.#palette();
    const hasLetters = size >= LETTER_FROM_PX;
    const write = (px: number, down: number, textOf: (seat: number) => string): void => {
      context.font = `600 ${px}px ${font}`;
      for (const seat of seats) {
        const look = looks[seat]! % LOOK.special;
        if (look < LOOK.free || look >= LOOK.dimmed) continue;
        context.fillText(textOf(seat), geometry.x[seat]! * scale - originX, geometry.y[seat]! * scale - originY + down);
      }
    };
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillStyle = onSeat;
    const letters = hasLetters && seats.some((seat) => this.#scene.letterOf(seat) !== '');
    write(Math.min(13 * this.#ratio, radius * 0.85), letters ? -radius * 0.14 : radius * 0.05, (seat) => geometry.number(seat));
    if (letters) write(radius * 0.42, radius * 0.5, (seat) => this.#scene.letterOf(seat));
  };

  /** Own seats among a hundred thousand. */
  #drawPins(context: CanvasRenderingContext2D, { ink, surface }: Colours): void {
    if (this.viewport.seatPx >= PIN_BELOW_PX) return;
    for (const position of this.#scene.chosen()) {
      this.#circle(context, position, PIN_PX, 4, surface);
      this.#circle(context, position, PIN_PX, 2, ink);
    }
  }

  #drawRings(context: CanvasRenderingContext2D, { ink, surface }: Colours): void {
    for (const position of this.#scene.ringed()) {
      const radius = Math.max(this.viewport.seatPx * 1.12 + 3, PIN_PX);
      this.#circle(context, position, radius, 5, surface);
      this.#circle(context, position, radius, 2.5, ink);
    }
  }

  #circle(context: CanvasRenderingContext2D, position: number, radius: number, width: number, colour: string): void {
    const { x, y } = this.#scene.geometry;
    const [atX, atY] = this.viewport.toScreen(x[position]!, y[position]!);
    context.strokeStyle = colour;
    context.lineWidth = width * this.#ratio;
    context.beginPath();
    context.arc(atX * this.#ratio, atY * this.#ratio, radius * this.#ratio, 0, Math.PI * 2);
    context.stroke();
  }
}

/** A layer beside the seats, kept as a picture from the second frame on in which nothing of it changes. */
class KeptLayer {
  #canvas: HTMLCanvasElement | undefined;
  #key: readonly unknown[] = [];
  #isKept = false;

  draw(context: CanvasRenderingContext2D, key: readonly unknown[], draw: (context: CanvasRenderingContext2D) => void): void {
    const isSame = key.length === this.#key.length && key.every((part, at) => part === this.#key[at]);
    this.#key = key;
    if (!isSame) {
      this.#isKept = false;
      return draw(context);
    }
    const canvas = (this.#canvas ??= document.createElement('canvas'));
    if (!this.#isKept) {
      // Setting a size empties a canvas.
      canvas.width = context.canvas.width;
      canvas.height = context.canvas.height;
      const layer = canvas.getContext('2d');
      if (layer) draw(layer);
      this.#isKept = layer !== null;
    }
    context.drawImage(canvas, 0, 0);
  }

  forget(): void {
    this.#key = [];
  }

  free(): void {
    this.forget();
    if (this.#canvas) this.#canvas.width = this.#canvas.height = 0;
  }
}
