/** Columns of a seat map as the runs that the server sends (src/seatmap/runs.rs, docs/rest.md). */

/** Coordinates are rounded to this part of the usual distance of two seats in a row, or less. */
const PITCH_PARTS = 16;

/** Ids are written as runs where these are at most one number for so many places. */
const PLACES_PER_RUN_NUMBER_MIN = 2;

/** `SeatMapRuns` (web/src/sdk/seat-runs.ts). */
export function runsOf({ layout, sections, seats }) {
  const rows = { section: [], label: [], places: [] };
  const distances = [];
  seats.id.forEach((_, place) => {
    const isNew = place === 0 || seats.section[place] !== seats.section[place - 1] || seats.row[place] !== seats.row[place - 1];
    if (isNew) {
      rows.section.push(seats.section[place]);
      rows.label.push(seats.row[place]);
      rows.places.push(0);
    } else {
      distances.push(Math.hypot(seats.x[place] - seats.x[place - 1], seats.y[place] - seats.y[place - 1]));
    }
    rows.places[rows.places.length - 1] += 1;
  });
  distances.sort((a, b) => a - b);
  const unit = 2 ** Math.floor(Math.log2((distances[distances.length >> 1] ?? 1) / PITCH_PARTS));
  return {
    layout,
    sections,
    rows,
    ...idsOf(seats.id),
    number: runs(seats.number.map(Number)),
    ticket_type_id: runs(seats.ticket_type_id),
    unit,
    x: differences(seats.x, rows.places, unit),
    y: differences(seats.y, rows.places, unit),
  };
}

function idsOf(ids) {
  const id = runs(ids);
  if (id.length * PLACES_PER_RUN_NUMBER_MIN <= ids.length) return { id };
  return { id_steps: ids.map((one, place) => one - (ids[place - 1] ?? 0)) };
}

/** First value, step, count, again and again. */
function runs(values) {
  const found = [];
  for (let at = 0; at < values.length; ) {
    const step = at + 1 < values.length ? values[at + 1] - values[at] : 0;
    let count = 1;
    while (at + count < values.length && values[at + count] - values[at + count - 1] === step) count += 1;
    found.push(values[at], count === 1 ? 0 : step, count);
    at += count;
  }
  return found;
}

function differences(values, places, unit) {
  const found = [];
  let place = 0;
  let rowBefore = 0;
  for (const count of places) {
    let [before, step] = [rowBefore, 0];
    for (let nth = 0; nth < count; nth += 1, place += 1) {
      const value = Math.round(values[place] / unit);
      found.push(value - before - step);
      if (nth === 0) rowBefore = value;
      else step = value - before;
      before = value;
    }
  }
  return found;
}
