import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { SeatMapGeometry } from '../../src/sdk/catalogue.ts';
import { columnsOf, type SeatMapRuns } from '../../src/sdk/seat-runs.ts';

/** The maps that the server's tests write. */
const golden = JSON.parse(readFileSync(new URL('../../../tests/wire/seatmap.json', import.meta.url), 'utf8')) as Record<
  'regular' | 'irregular',
  { columns: SeatMapGeometry; runs: SeatMapRuns }
>;

it.each(['regular', 'irregular'] as const)('reads a %s seat map of runs as its columns', (kind) => {
  const { columns, runs } = golden[kind];
  expect(columnsOf(runs)).toEqual(columns);
});

it('reads a map without seats', () => {
  const none = { layout: 0, sections: [], rows: { section: [], label: [], places: [] }, id: [], number: [], ticket_type_id: [], unit: 1, x: [], y: [] };
  expect(columnsOf(none).seats.id).toEqual([]);
});
