/** Draws the seats. Knows pixels and colours, not pointers or topics. */
import type { SeatStatus, SeatStatuses } from '../../sdk/index.ts';
import type { Geometry, RowLabel, Seat } from './geometry.ts';
import type { Viewport } from './viewport.ts';

/** How many ticket types have a colour of their own; further ones share them in turn. */
export const TYPE_COLOURS = 5;

export interface Palette {
  /** Of free seats, by the order of their ticket types. */
  types: string[];
  held: string;
  sold: string;
  blocked: string;
  chosen: string;
  onChosen: string;
  onSeat: string;
  text: string;
  stage: string;
}

export interface Scene {
  geometry: Geometry;
  viewport: Viewport;
  statuses: SeatStatuses;
  chosen: ReadonlySet<number>;
  /** The seat that the keyboard is at. */
  cursor: Seat | undefined;
  hovered: Seat | undefined;
  typeIndex: (ticketTypeId: number) => number;
}

/** From this radius on, in pixels, a seat has room for its number. */
const NUMBER_FROM_PX = 9.5;
/** Smaller seats are squares: nobody sees the difference, and they cost a tenth. */
const ROUND_FROM_PX = 1.6;
/** One path holds so many seats: few calls, and none that takes long. */
const PATH_SEATS_MAX = 400;

export function paint(canvas: CanvasRenderingContext2D, scene: Scene, palette: Palette, font: string): void {
  const { viewport } = scene;
  const ratio = canvas.canvas.width / Math.max(1, canvas.canvas.clientWidth);
  canvas.setTransform(1, 0, 0, 1, 0, 0);
  canvas.clearRect(0, 0, canvas.canvas.width, canvas.canvas.height);
  canvas.setTransform(ratio, 0, 0, ratio, 0, 0);
  paintStage(canvas, scene, palette, font);
  const seen = seatsInSight(canvas, scene);
  for (const [look, seats] of seen) paintAlike(canvas, viewport, lookOf(look, viewport.seatPx, palette), seats);
  paintChosen(canvas, viewport, palette, seen.get('chosen') ?? []);
  if (viewport.seatPx >= NUMBER_FROM_PX) paintNumbers(canvas, viewport, palette, seen, font);
  paintLabels(canvas, scene, palette, font);
  for (const seat of [scene.hovered, scene.cursor]) {
    if (seat) paintRing(canvas, viewport, palette, seat);
  }
}

function isOutside(canvas: CanvasRenderingContext2D, x: number, y: number, margin: number): boolean {
  const { clientWidth, clientHeight } = canvas.canvas;
  return x < -margin || y < -margin || x > clientWidth + margin || y > clientHeight + margin;
}

/** Seats that are drawn alike: by status, and free ones by ticket type. */
type Look = Exclude<SeatStatus, 'available'> | 'chosen' | `type-${number}`;

/** Draws the seats that are in sight, and those that look alike together. */
function seatsInSight(canvas: CanvasRenderingContext2D, scene: Scene): Map<Look, Seat[]> {
  const { geometry, viewport, statuses, chosen, typeIndex } = scene;
  const looks = new Map<Look, Seat[]>();
  for (const seat of geometry.seats) {
    const [x, y] = viewport.toScreen(seat.x, seat.y);
    if (isOutside(canvas, x, y, viewport.seatPx)) continue;
    const status = statuses.at(seat.position);
    const free: Look = `type-${typeIndex(seat.ticketTypeId) % TYPE_COLOURS}`;
    const look = chosen.has(seat.id) ? 'chosen' : status === 'available' ? free : status;
    const alike = looks.get(look);
    if (alike) alike.push(seat);
    else looks.set(look, [seat]);
  }
  return looks;
}

/** Free seats are full; others are smaller or hollow, so that colour is not the only sign. */
function lookOf(look: Look, seatPx: number, palette: Palette): { colour: string; radius: number; line?: number } {
  if (look === 'held') return { colour: palette.held, radius: seatPx };
  if (look === 'sold') return { colour: palette.sold, radius: seatPx * 0.62 };
  if (look === 'chosen') return { colour: palette.chosen, radius: seatPx * 1.12 };
  if (look === 'blocked') return { colour: palette.blocked, radius: seatPx * 0.55, line: Math.max(1, seatPx * 0.18) };
  return { colour: palette.types[Number(look.slice('type-'.length))] ?? palette.text, radius: seatPx };
}

function paintAlike(
  canvas: CanvasRenderingContext2D,
  viewport: Viewport,
  { colour, radius, line }: ReturnType<typeof lookOf>,
  seats: readonly Seat[],
): void {
  canvas.fillStyle = colour;
  canvas.strokeStyle = colour;
  canvas.lineWidth = line ?? 0;
  for (let from = 0; from < seats.length; from += PATH_SEATS_MAX) {
    canvas.beginPath();
    for (const seat of seats.slice(from, from + PATH_SEATS_MAX)) {
      const [x, y] = viewport.toScreen(seat.x, seat.y);
      if (radius < ROUND_FROM_PX) {
        canvas.rect(x - radius, y - radius, radius * 2, radius * 2);
      } else {
        canvas.moveTo(x + radius, y);
        canvas.arc(x, y, radius, 0, Math.PI * 2);
      }
    }
    if (line === undefined) canvas.fill();
    else canvas.stroke();
  }
}

/** A chosen seat that has no room for its number has a dot. */
function paintChosen(canvas: CanvasRenderingContext2D, viewport: Viewport, palette: Palette, seats: readonly Seat[]): void {
  if (viewport.seatPx >= NUMBER_FROM_PX) return;
  paintAlike(canvas, viewport, { colour: palette.onChosen, radius: viewport.seatPx * 0.42 }, seats);
}

function paintNumbers(
  canvas: CanvasRenderingContext2D,
  viewport: Viewport,
  palette: Palette,
  seen: Map<Look, Seat[]>,
  font: string,
): void {
  canvas.textAlign = 'center';
  canvas.textBaseline = 'middle';
  canvas.font = `600 ${Math.min(13, viewport.seatPx * 0.85)}px ${font}`;
  for (const [look, seats] of seen) {
    if (look === 'sold' || look === 'blocked') continue;
    canvas.fillStyle = look === 'chosen' ? palette.onChosen : palette.onSeat;
    for (const seat of seats) {
      const [x, y] = viewport.toScreen(seat.x, seat.y);
      canvas.fillText(seat.number, x, y + 0.5);
    }
  }
}

function paintRing(canvas: CanvasRenderingContext2D, viewport: Viewport, palette: Palette, seat: Seat): void {
  const [x, y] = viewport.toScreen(seat.x, seat.y);
  ring(canvas, x, y, viewport.seatPx * 1.12 + 3, 2.5, palette.chosen);
}

/** An arc above the topmost row: the side that everybody looks at. */
function paintStage(canvas: CanvasRenderingContext2D, { geometry, viewport }: Scene, palette: Palette, font: string): void {
  const { minX, maxX, minY } = geometry.bounds;
  const width = (maxX - minX) * 0.42;
  const middle = (minX + maxX) / 2;
  const [left, y] = viewport.toScreen(middle - width / 2, minY - geometry.radius * 4.6);
  const [right] = viewport.toScreen(middle + width / 2, minY);
  const height = Math.max(10, viewport.seatPx * 2.2);
  canvas.fillStyle = palette.stage;
  canvas.beginPath();
  canvas.roundRect(left, y - height / 2, right - left, height, [height * 0.25, height * 0.25, height * 0.9, height * 0.9]);
  canvas.fill();
  canvas.fillStyle = palette.text;
  canvas.textAlign = 'center';
  canvas.textBaseline = 'middle';
  canvas.font = `700 ${Math.max(8, Math.min(14, height * 0.5))}px ${font}`;
  canvas.letterSpacing = '0.18em';
  canvas.fillText('STAGE', (left + right) / 2, y + 0.5);
  canvas.letterSpacing = '0px';
}

function paintLabels(canvas: CanvasRenderingContext2D, { geometry, viewport }: Scene, palette: Palette, font: string): void {
  canvas.textAlign = 'center';
  canvas.textBaseline = 'middle';
  // Row letters below this size would only be dirt.
  if (viewport.seatPx >= 5.5) {
    canvas.font = `500 ${Math.min(12, viewport.seatPx * 1.15)}px ${font}`;
    canvas.fillStyle = palette.text;
    for (const label of geometry.rowLabels) canvas.fillText(label.text, ...viewport.toScreen(label.x, label.y));
  }
  const size = Math.max(10, Math.min(15, viewport.seatPx * 1.5));
  canvas.font = `650 ${size}px ${font}`;
  for (const label of geometry.sectionLabels) paintPlate(canvas, viewport, palette, label, size);
}

/** A section's name on a plate of its own, so that it can be read where seats are near. */
function paintPlate(canvas: CanvasRenderingContext2D, viewport: Viewport, palette: Palette, label: RowLabel, size: number): void {
  const [x, top] = viewport.toScreen(label.x, label.y);
  const width = canvas.measureText(label.text).width + size * 1.2;
  const height = size * 1.5;
  const y = top - viewport.seatPx - height / 2;
  canvas.fillStyle = palette.onChosen;
  canvas.beginPath();
  canvas.roundRect(x - width / 2, y - height / 2, width, height, height / 2);
  canvas.fill();
  canvas.fillStyle = palette.text;
  canvas.fillText(label.text, x, y + 0.5);
}

function ring(canvas: CanvasRenderingContext2D, x: number, y: number, radius: number, width: number, colour: string): void {
  canvas.strokeStyle = colour;
  canvas.lineWidth = width;
  canvas.beginPath();
  canvas.arc(x, y, radius, 0, Math.PI * 2);
  canvas.stroke();
}
