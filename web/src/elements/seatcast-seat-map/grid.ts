/** A uniform grid over places: finds those in a rectangle and the nearest of a place. Pure. */

/** At most so many cells for each place, however far apart the places are. */
const CELLS_PER_PLACE_MAX = 4;

export class Grid {
  readonly #x: Float32Array;
  readonly #y: Float32Array;
  readonly #minX: number;
  readonly #minY: number;
  readonly #cell: number;
  readonly #columns: number;
  readonly #lines: number;
  /** The places of cell c are `#places[#from[c]]` to `#places[#from[c + 1] - 1]`, in ascending order. */
  readonly #from: Uint32Array;
  readonly #places: Uint32Array;

  /** Of the `places`, indexes into `x` and `y`. `cell` is the wished side of a cell. */
  constructor(x: Float32Array, y: Float32Array, places: Uint32Array, cell: number) {
    this.#x = x;
    this.#y = y;
    const { minX, minY, maxX, maxY } = extent(x, y, places);
    this.#minX = minX;
    this.#minY = minY;
    const side = (size: number): number => Math.floor(size / cell) + 1;
    const cellsMax = Math.max(1, places.length) * CELLS_PER_PLACE_MAX;
    while (side(maxX - minX) * side(maxY - minY) > cellsMax) cell *= 2;
    this.#cell = cell;
    this.#columns = side(maxX - minX);
    this.#lines = side(maxY - minY);
    const cells = new Uint32Array(places.length);
    this.#from = new Uint32Array(this.#columns * this.#lines + 1);
    // A counting sort: count, sum up, put in place.
    for (let index = 0; index < places.length; index += 1) {
      const place = places[index]!;
      const at = this.#line(y[place]!) * this.#columns + this.#column(x[place]!);
      cells[index] = at;
      this.#from[at + 1]! += 1;
    }
    for (let at = 1; at < this.#from.length; at += 1) this.#from[at]! += this.#from[at - 1]!;
    const next = this.#from.slice();
    this.#places = new Uint32Array(places.length);
    for (let index = 0; index < places.length; index += 1) this.#places[next[cells[index]!]!++] = places[index]!;
  }

  /** Calls `found` for every place of the rectangle; edges belong to it. */
  within(minX: number, minY: number, maxX: number, maxY: number, found: (place: number) => void): void {
    const [left, right] = [this.#column(minX), this.#column(maxX)];
    const bottom = this.#line(maxY);
    for (let line = this.#line(minY); line <= bottom; line += 1) {
      const end = this.#from[line * this.#columns + right + 1]!;
      for (let index = this.#from[line * this.#columns + left]!; index < end; index += 1) {
        const place = this.#places[index]!;
        const x = this.#x[place]!;
        const y = this.#y[place]!;
        if (x >= minX && x <= maxX && y >= minY && y <= maxY) found(place);
      }
    }
  }

  /** The nearest accepted place that is not further away than `reach`; -1 if there is none. */
  nearest(x: number, y: number, reach: number, accepts: (place: number) => boolean = () => true): number {
    let best = -1;
    let bestSquare = reach * reach;
    // Squares around the place, each twice as wide, until what is outside of it cannot be nearer.
    for (let half = Math.min(this.#cell, reach); ; half = Math.min(half * 2, reach)) {
      this.within(x - half, y - half, x + half, y + half, (place) => {
        const square = (this.#x[place]! - x) ** 2 + (this.#y[place]! - y) ** 2;
        if (square > bestSquare || (square === bestSquare && best >= 0 && place > best) || !accepts(place)) return;
        best = place;
        bestSquare = square;
      });
      if ((best >= 0 && bestSquare <= half * half) || half >= reach) return best;
    }
  }

  #column(x: number): number {
    return Math.min(this.#columns - 1, Math.max(0, Math.floor((x - this.#minX) / this.#cell)));
  }

  #line(y: number): number {
    return Math.min(this.#lines - 1, Math.max(0, Math.floor((y - this.#minY) / this.#cell)));
  }
}

export interface Bounds {
  minX: number;
  minY: number;
  maxX: number;
  maxY: number;
}

/** The least rectangle around places; a unit square if there are none. */
export function extent(x: Float32Array, y: Float32Array, places: ArrayLike<number>): Bounds {
  let [minX, minY, maxX, maxY] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let index = 0; index < places.length; index += 1) {
    const [atX, atY] = [x[places[index]!]!, y[places[index]!]!];
    if (atX < minX) minX = atX;
    if (atX > maxX) maxX = atX;
    if (atY < minY) minY = atY;
    if (atY > maxY) maxY = atY;
  }
  return places.length > 0 ? { minX, minY, maxX, maxY } : { minX: 0, minY: 0, maxX: 1, maxY: 1 };
}
