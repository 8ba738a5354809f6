import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { SeatMapGeometry } from '../../src/sdk/catalogue.ts';
import { columnsOf, type SeatMapRuns } from '../../src/sdk/seat-runs.ts';

/** The map that the server's tests write. */
const golden = JSON.parse(readFileSync(new URL('../../../tests/wire/seatmap.json', import.meta.url), 'utf8')) as {
  columns: SeatMapGeometry;
  runs: SeatMapRuns;
};

it('reads a seat map of runs as its columns', () => {
  expect(columnsOf(golden.runs)).toEqual(golden.columns);
});

it('reads a map without seats', () => {
  const none = { layout: 0, sections: [], rows: { section: [], label: [], places: [] }, id: [], number: [], ticket_type_id: [], unit: 1, x: [], y: [] };
  expect(columnsOf(none).seats.id).toEqual([]);
});
