/**
 * A seat map as runs, a twentieth of its columns: `GET /events/{id}/seatmap?form=runs`. A list of runs has three numbers
 * for each: its first value, the step from one value to the next, and how many there are.
 */
import type { SeatMapGeometry, SeatMapStage, Section } from './catalogue.ts';

export interface SeatMapRuns {
  layout: number;
  sections: Section[];
  stage?: SeatMapStage;
  /** Places that follow each other in the layout and are in the same row. */
  rows: {
    /** Index into `sections`. */
    section: number[];
    label: string[];
    /** How many places each has. */
    places: number[];
  };
  /** Runs; a place without a seat has 0. Either these or `id_steps` are there. */
  id?: number[];
  /** For each place the distance from the id of the seat before, of the first seat from 0; a place without a seat has 0. */
  id_steps?: number[];
  /** Runs of numbers; a text stands for one place. */
  number: (number | string)[];
  /** Runs. */
  ticket_type_id: number[];
  /** The size of a step of `x` and `y`. */
  unit: number;
  /** Second differences along each row; the first place of a row is told from that of the row before. */
  x: number[];
  y: number[];
  /** Places of seats with room for a wheelchair, and of those beside them; left out where there are none. */
  wheelchair?: number[];
  companion?: number[];
}

/** The same map, a value for each place. */
export function columnsOf(runs: SeatMapRuns): SeatMapGeometry {
  const { layout, sections, stage, rows, unit, wheelchair, companion } = runs;
  return {
    layout,
    sections,
    ...(stage ? { stage } : {}),
    seats: {
      id: runs.id_steps ? walked(runs.id_steps) : expanded(runs.id ?? []).map((id) => (id === 0 ? null : Number(id))),
      section: repeated(rows.section, rows.places),
      row: repeated(rows.label, rows.places),
      number: expanded(runs.number).map(String),
      ticket_type_id: expanded(runs.ticket_type_id).map(Number),
      x: summed(runs.x, rows.places, unit),
      y: summed(runs.y, rows.places, unit),
    },
    ...(wheelchair ? { wheelchair } : {}),
    ...(companion ? { companion } : {}),
  };
}

function expanded(runs: readonly (number | string)[]): (number | string)[] {
  const values: (number | string)[] = [];
  for (let at = 0; at < runs.length; ) {
    const first = runs[at] ?? 0;
    if (typeof first === 'string') {
      values.push(first);
      at += 1;
      continue;
    }
    const [step, count] = [Number(runs[at + 1]), Number(runs[at + 2])];
    for (let nth = 0; nth < count; nth += 1) values.push(first + nth * step);
    at += 3;
  }
  return values;
}

function walked(steps: readonly number[]): (number | null)[] {
  let id = 0;
  return steps.map((step) => (step === 0 ? null : (id += step)));
}

function repeated<T>(values: readonly T[], counts: readonly number[]): T[] {
  const all: T[] = [];
  values.forEach((value, row) => {
    for (let place = counts[row] ?? 0; place > 0; place -= 1) all.push(value);
  });
  return all;
}

function summed(differences: readonly number[], places: readonly number[], unit: number): number[] {
  const values: number[] = [];
  let rowBefore = 0;
  for (const count of places) {
    let at = rowBefore;
    let step = 0;
    for (let place = 0; place < count; place += 1) {
      const value = at + step + (differences[values.length] ?? 0);
      if (place === 0) rowBefore = value;
      else step = value - at;
      at = value;
      values.push(value * unit);
    }
  }
  return values;
}
