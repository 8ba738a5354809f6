/**
 * How a seat looks: a number that says shape and colour, and the mask of pixels that is stamped for it. Pure. Each status has
 * a shape of its own, and so has each ticket type, so that nobody has to tell hues apart.
 */

/** How many ticket types have a shape and a colour of their own; further ones share them in turn. */
export const TYPE_LOOKS = 5;

/**
 * Looks beside those of free seats, which are `LOOK.free` + type, and `LOOK.dimmed` + type for those that a filter leaves out.
 * `LOOK.faded` is for taken ones that a filter leaves out. `LOOK.special` is added for places with room for a wheelchair,
 * and for those beside them: they have a line around them.
 */
export const LOOK = { none: 0, held: 1, sold: 2, blocked: 3, chosen: 4, faded: 5, free: 8, dimmed: 16, special: 32 } as const;

/** Colours as a canvas keeps them: red in the lowest byte, alpha in the highest. */
export interface Palette {
  /** Of free seats, by the order of their ticket types. */
  types: readonly number[];
  dimmed: number;
  held: number;
  sold: number;
  blocked: number;
  chosen: number;
  onChosen: number;
}

/** Pixels of a seat. */
export interface Mask {
  /** Width and height; the pixel in the middle is the one that the seat's middle is in. */
  side: number;
  pixels: Uint32Array;
}

/** A seat's middle is drawn at one of so many places of a pixel in each direction; the larger a seat, the less it is seen. */
const STEPS = 4;
const TWO_STEPS_FROM_PX = 3;
const ONE_STEP_FROM_PX = 10;
/** Smaller seats are discs, whatever their type: a shape needs some pixels. */
const SHAPES_FROM_PX = 2.2;
/** Pixels are sampled so many times in each direction; small seats have few of them, and each counts. */
const SAMPLES = { small: 4, large: 2, largeFromPx: 2.5 };
/** Marks inside of a seat need some pixels, too. */
const MARKS_FROM_PX = 3;

/** Masks of one size of seats, made when they are first needed. */
export class Masks {
  readonly radius: number;
  /** From the middle of a seat to the edge of its mask, in whole pixels. */
  readonly half: number;
  readonly #palette: Palette;
  readonly #masks = new Map<number, Mask>();
  readonly #steps: number;

  constructor(radius: number, palette: Palette) {
    this.radius = radius;
    this.half = Math.ceil(radius * WIDEST) + 1;
    this.#palette = palette;
    this.#steps = radius >= ONE_STEP_FROM_PX ? 1 : radius >= TWO_STEPS_FROM_PX ? 2 : STEPS;
  }

  /** Puts a seat's pixels into `pixels`, `width` wide, where they are inside of the clip. */
  stamp(pixels: Uint32Array, width: number, look: number, x: number, y: number, clip: Clip): void {
    const steps = this.#steps;
    const placeX = steps === 1 ? Math.floor(x) * steps : Math.round(x * steps);
    const placeY = steps === 1 ? Math.floor(y) * steps : Math.round(y * steps);
    const [column, line] = [Math.floor(placeX / steps), Math.floor(placeY / steps)];
    const mask = this.#mask(look, placeX - column * steps, placeY - line * steps);
    const { side } = mask;
    const [left, top] = [column - this.half, line - this.half];
    const [fromX, toX] = [Math.max(left, clip.left), Math.min(left + side, clip.right)];
    const [fromY, toY] = [Math.max(top, clip.top), Math.min(top + side, clip.bottom)];
    for (let row = fromY; row < toY; row += 1) {
      let source = (row - top) * side + fromX - left;
      let target = row * width + fromX;
      for (let at = fromX; at < toX; at += 1, source += 1, target += 1) {
        const pixel = mask.pixels[source]!;
        // Of two that meet, the one that covers more: so the order in which seats are stamped does not matter.
        if (pixel > pixels[target]!) pixels[target] = pixel;
      }
    }
  }

  #mask(look: number, stepX: number, stepY: number): Mask {
    const key = (look * STEPS + stepX) * STEPS + stepY;
    let mask = this.#masks.get(key);
    if (!mask) {
      const offset = this.#steps === 1 ? 0.5 : 0;
      mask = maskOf(look, this.radius, this.half, stepX / this.#steps + offset, stepY / this.#steps + offset, this.#palette);
      this.#masks.set(key, mask);
    }
    return mask;
  }
}

/** A rectangle of pixels; right and bottom are outside of it. */
export interface Clip {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** Shapes reach at most so many radii far. */
const WIDEST = 1.14;

/** How far a point is outside of a shape; negative inside. */
type Shape = (x: number, y: number) => number;

const disc = (radius: number): Shape => (x, y) => Math.hypot(x, y) - radius;
const ring = (radius: number, line: number): Shape => (x, y) => Math.abs(Math.hypot(x, y) - radius + line / 2) - line / 2;
const square = (half: number, round: number): Shape => (x, y) => {
  const [dx, dy] = [Math.abs(x) - half + round, Math.abs(y) - half + round];
  return Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0) - round;
};
const diamond = (half: number): Shape => (x, y) => (Math.abs(x) + Math.abs(y) - half) * Math.SQRT1_2;
const hexagon = (half: number): Shape => (x, y) => Math.max(Math.abs(y), Math.abs(x) * 0.866 + Math.abs(y) * 0.5) - half;
const box = (halfX: number, halfY: number): Shape => (x, y) => Math.max(Math.abs(x) - halfX, Math.abs(y) - halfY);
const line = (ax: number, ay: number, bx: number, by: number, width: number): Shape => (x, y) => {
  const [dx, dy] = [bx - ax, by - ay];
  const part = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)));
  return Math.hypot(x - ax - dx * part, y - ay - dy * part) - width / 2;
};
const either = (one: Shape, other: Shape): Shape => (x, y) => Math.min(one(x, y), other(x, y));

/** Of free seats, by the order of their ticket types. */
function typeShape(type: number, radius: number): Shape {
  if (radius < SHAPES_FROM_PX) return disc(radius);
  if (type === 1) return square(radius * 0.88, radius * 0.3);
  if (type === 2) return diamond(radius * 1.12);
  if (type === 3) return hexagon(radius * 0.95);
  return type === 4 ? either(box(radius, radius * 0.46), box(radius * 0.46, radius)) : disc(radius);
}

interface Drawing {
  shape: Shape;
  colour: number;
  /** Drawn inside of the shape. */
  mark?: { shape: Shape; colour: number };
}

function drawingOf(look: number, radius: number, palette: Palette): Drawing {
  if (look >= LOOK.special) {
    const inner = drawingOf(look - LOOK.special, radius * 0.66, palette);
    return { ...inner, shape: either(inner.shape, ring(radius * 1.08, Math.max(1, radius * 0.16))) };
  }
  if (look >= LOOK.dimmed) return { shape: typeShape(look - LOOK.dimmed, radius * 0.7), colour: palette.dimmed };
  if (look >= LOOK.free) return { shape: typeShape(look - LOOK.free, radius), colour: palette.types[look - LOOK.free] ?? 0 };
  const thin = Math.max(1, radius * 0.2);
  if (look === LOOK.held) {
    const isSmall = radius < MARKS_FROM_PX;
    const half: Shape = (x, y) => Math.max(x, disc(radius)(x, y));
    return { shape: isSmall ? disc(radius) : either(ring(radius, thin), half), colour: palette.held };
  }
  if (look === LOOK.faded) return { shape: disc(radius * 0.4), colour: palette.dimmed };
  if (look === LOOK.sold) return { shape: disc(radius * 0.5), colour: palette.sold };
  if (look === LOOK.blocked) return { shape: ring(radius * 0.62, thin), colour: palette.blocked };
  const shape = square(radius, radius * 0.28);
  if (radius < MARKS_FROM_PX) return { shape, colour: palette.chosen };
  const width = Math.max(1, radius * 0.24);
  const tick = either(
    line(-radius * 0.5, radius * 0.02, -radius * 0.14, radius * 0.38, width),
    line(-radius * 0.14, radius * 0.38, radius * 0.52, -radius * 0.36, width),
  );
  return { shape, colour: palette.chosen, mark: { shape: tick, colour: palette.onChosen } };
}

function maskOf(look: number, radius: number, half: number, middleX: number, middleY: number, palette: Palette): Mask {
  const side = half * 2 + 1;
  const pixels = new Uint32Array(side * side);
  if (look === LOOK.none) return { side, pixels };
  const { shape, colour, mark } = drawingOf(look, radius, palette);
  for (let line = 0; line < side; line += 1) {
    for (let column = 0; column < side; column += 1) {
      const covered = coverage(shape, radius, column - half - middleX, line - half - middleY);
      if (covered === 0) continue;
      const inMark = mark ? coverage(mark.shape, radius, column - half - middleX, line - half - middleY) : 0;
      pixels[line * side + column] = withAlpha(mark ? mixed(colour, mark.colour, inMark) : colour, covered);
    }
  }
  return { side, pixels };
}

/** How much of a pixel, whose corner is at (x, y), is inside of a shape. */
function coverage(shape: Shape, radius: number, x: number, y: number): number {
  const far = shape(x + 0.5, y + 0.5);
  if (far > 1) return 0;
  if (far < -1) return 1;
  const samples = radius < SAMPLES.largeFromPx ? SAMPLES.small : SAMPLES.large;
  let sum = 0;
  for (let line = 0; line < samples; line += 1) {
    for (let column = 0; column < samples; column += 1) {
      const away = shape(x + (column + 0.5) / samples, y + (line + 0.5) / samples);
      sum += Math.min(1, Math.max(0, 0.5 - away * samples));
    }
  }
  return sum / (samples * samples);
}

function withAlpha(colour: number, share: number): number {
  return ((colour & 0xffffff) | (Math.round((colour >>> 24) * share) << 24)) >>> 0;
}

/** The colour between two, red, green and blue each. */
function mixed(from: number, to: number, share: number): number {
  let colour = from & 0xff000000;
  for (const shift of [0, 8, 16]) {
    const [a, b] = [(from >>> shift) & 255, (to >>> shift) & 255];
    colour |= Math.round(a + (b - a) * share) << shift;
  }
  return colour >>> 0;
}
