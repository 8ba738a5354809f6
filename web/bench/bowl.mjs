/**
 * A made-up stadium: tiers around a field, each cut into blocks by aisles, rows on superelliptic arcs. The same for the
 * same arguments, so that two states of the map draw the same seats.
 */

/** Distance of two rows, of two tiers, and width of half an aisle, in the layout's units. */
const ROW_GAP = 12;
const TIER_GAP = 40;
const AISLE_HALF = 13;
/** The field's half axes with 100,000 seats, and how square its corners are. */
const FIELD = { x: 1_500, y: 1_000, power: 2.6 };
/** One seat in so many is a pillar. */
const PILLAR_SHARE = 0.004;
/** Before so many of the seats of an irregular bowl ids have a gap. */
const GAP_SHARE = 0.05;
/** Most places that a gap in the ids is wide. */
const GAP_MAX = 5;
/** An arc is measured in so many straight pieces. */
const PIECES = 64;

/** `SeatMapGeometry` (web/src/sdk/catalogue.ts) with about so many seats. */
export function bowl(total, seed = 7) {
  const random = numbers(seed);
  const blocksOfTier = total > 50_000 ? [32, 34, 34] : total > 5_000 ? [10, 10] : [12];
  const blocks = blocksOfTier.reduce((sum, count) => sum + count, 0);
  const rowsOfBlock = Math.max(8, Math.round(Math.sqrt(total / blocks) * 0.85));
  const scale = Math.sqrt(total / 100_000);
  const arcs = blocksOfTier.flatMap((count, tier) =>
    Array.from({ length: count }, (_, block) => {
      const inner = tier * (rowsOfBlock * ROW_GAP + TIER_GAP);
      const rows = Array.from({ length: rowsOfBlock }, (_, row) => arc((block / count) * 2 * Math.PI, ((block + 1) / count) * 2 * Math.PI, inner + row * ROW_GAP, scale));
      return { tier, name: String((tier + 1) * 100 + block + 1), rows };
    }),
  );
  const usable = arcs.flatMap(({ rows }) => rows).reduce((sum, { length }) => sum + length - 2 * AISLE_HALF, 0);
  const columns = { id: [], section: [], row: [], number: [], ticket_type_id: [], x: [], y: [] };
  let id = 4_711;
  arcs.forEach(({ tier, rows }, section) => {
    rows.forEach((one, row) => {
      const count = Math.round(((one.length - 2 * AISLE_HALF) / usable) * total);
      for (let seat = 0; seat < count; seat += 1) {
        const [x, y] = one.at(AISLE_HALF + (one.length - 2 * AISLE_HALF) * (count === 1 ? 0.5 : seat / (count - 1)));
        if (random() < PILLAR_SHARE) continue;
        columns.id.push(id++);
        columns.section.push(section);
        columns.row.push(letters(row));
        columns.number.push(String(seat + 1));
        columns.ticket_type_id.push(1 + tier * 2 + (row < rowsOfBlock / 3 ? 0 : 1));
        columns.x.push(Math.fround(x));
        columns.y.push(Math.fround(y));
      }
    });
  });
  return { layout: 1, sections: arcs.map(({ name }, index) => ({ id: 100 + index, name })), seats: columns };
}

/** The same, worse than an old theatre: every seat off its place, many gaps in the ids, even numbers only, types mixed up. */
export function irregular(total, { seed = 3, gapShare = GAP_SHARE } = {}) {
  const map = bowl(total, seed);
  const random = numbers(seed);
  const { seats } = map;
  let id = 1_000;
  seats.id.forEach((_, seat) => {
    // The database counts; a gap is where seats were deleted.
    id += random() < gapShare ? 1 + Math.floor(random() * GAP_MAX) : 1;
    seats.id[seat] = id;
    seats.x[seat] = Math.fround(seats.x[seat] + (random() - 0.5) * 5);
    seats.y[seat] = Math.fround(seats.y[seat] + (random() - 0.5) * 5);
    seats.number[seat] = String(Number(seats.number[seat]) * 2 - (random() < 0.02 ? 1 : 0));
    if (random() < 0.02) seats.ticket_type_id[seat] = 1 + Math.floor(random() * 6);
  });
  return map;
}

/** The same where seats were deleted all over the hall: nearly every id has a gap before it. */
export const gapped = (total) => irregular(total, { gapShare: 1 });

/** Part of a superellipse around the field, and the places along it. */
function arc(from, to, out, scale) {
  const point = (angle) => {
    const [a, b] = [FIELD.x * scale + out, FIELD.y * scale + out];
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const far = (Math.abs(cos / a) ** FIELD.power + Math.abs(sin / b) ** FIELD.power) ** (-1 / FIELD.power);
    return [far * cos, far * sin];
  };
  const points = Array.from({ length: PIECES + 1 }, (_, piece) => point(from + ((to - from) * piece) / PIECES));
  const along = [0];
  for (let piece = 1; piece <= PIECES; piece += 1) along.push(along[piece - 1] + Math.hypot(points[piece][0] - points[piece - 1][0], points[piece][1] - points[piece - 1][1]));
  const at = (distance) => {
    let piece = 1;
    while (along[piece] < distance && piece < PIECES) piece += 1;
    const share = (distance - along[piece - 1]) / (along[piece] - along[piece - 1]);
    return [0, 1].map((axis) => 2_500 * scale + points[piece - 1][axis] + (points[piece][axis] - points[piece - 1][axis]) * share);
  };
  return { length: along[PIECES], at };
}

/** A, B … Z, AA, AB … */
const letters = (row) => (row < 26 ? '' : String.fromCharCode(64 + Math.floor(row / 26))) + String.fromCharCode(65 + (row % 26));

/** Numbers from 0 to 1 that follow from a seed. */
export function numbers(seed) {
  return () => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}
