/** From rows of a file to the map that the server takes, and to the one that a preview shows. */
import { SeatStatuses, type SeatMapGeometry, type SeatMapStage, type SeatsState, type TicketTypeDetails } from '../../sdk/index.ts';
import type { SeatRow } from './reading.ts';

const BLOCKED = 3;
const SEATS_PER_BYTE = 4;

/** By the name in the file: the event's ticket type, or undefined. */
export type Types = ReadonlyMap<string, number | undefined>;

/**
 * Names of the file with the event's types that they mean: by name, in any case, or by id. Where one type's name is the
 * number of another, it is the number where ids stand and the name elsewhere, as for the server.
 */
export function typesOf(seats: readonly SeatRow[], types: readonly TicketTypeDetails[]): Map<string, number | undefined> {
  const names = new Map(seats.map(({ type, isTypeId }) => [type, isTypeId]));
  const meant = (name: string, isId: boolean): number | undefined => {
    const byId = types.find(({ id }) => String(id) === name)?.id;
    const named = types.filter((type) => type.name.toLowerCase() === name.toLowerCase());
    const byName = named.length === 1 ? named[0]?.id : undefined;
    const only = types.length === 1 ? types[0]?.id : undefined;
    return (isId ? (byId ?? byName) : (byName ?? byId)) ?? only;
  };
  return new Map([...names].map(([name, isId]) => [name, meant(name, isId)]));
}

/** Body of `PUT /events/{id}/seatmap`. */
export function bodyOf(seats: readonly SeatRow[], types: Types, stage?: SeatMapStage): object {
  const sections = new Map<string, Map<string, object[]>>();
  for (const { section, row, number, x, y, type, blocked, kind } of seats) {
    const rows = sections.get(section) ?? new Map<string, object[]>();
    sections.set(section, rows);
    const others = rows.get(row) ?? [];
    rows.set(row, others);
    // Members that are undefined are not sent.
    others.push({ number, x, y, ticket_type_id: types.get(type), blocked, kind });
  }
  return {
    ...stageBody(stage),
    sections: [...sections].map(([name, rows]) => ({ name, rows: [...rows].map(([label, inRow]) => ({ label, seats: inRow })) })),
  };
}

/** The server takes no empty label. */
export function stageBody(stage: SeatMapStage | undefined): object {
  if (!stage) return {};
  const { label, ...place } = stage;
  return { stage: label === '' ? place : stage };
}

/** `layout`: another one for each preview, as a layout is drawn once. */
export function previewOf(seats: readonly SeatRow[], types: Types, layout: number, stage?: SeatMapStage): { geometry: SeatMapGeometry; state: SeatsState } {
  const names = [...new Set(seats.map(({ section }) => section))];
  const places = new Map(names.map((name, place) => [name, place]));
  const placesOf = (wanted: SeatRow['kind']): number[] => seats.flatMap(({ kind }, place) => (kind === wanted ? [place] : []));
  const geometry: SeatMapGeometry = {
    layout,
    ...(stage ? { stage } : {}),
    wheelchair: placesOf('wheelchair'),
    companion: placesOf('companion'),
    sections: names.map((name, place) => ({ id: place + 1, name })),
    seats: {
      id: seats.map((_seat, place) => place + 1),
      section: seats.map(({ section }) => places.get(section) ?? 0),
      row: seats.map(({ row }) => row),
      number: seats.map(({ number }) => number),
      ticket_type_id: seats.map(({ type }) => types.get(type) ?? 0),
      x: seats.map(({ x }) => x),
      y: seats.map(({ y }) => y),
    },
  };
  const blocked = seats.flatMap((seat, place) => (seat.blocked ? [[place, BLOCKED] as const] : []));
  const free = new SeatStatuses(new Uint8Array(Math.ceil(seats.length / SEATS_PER_BYTE)));
  return { geometry, state: { layout, seats: free.with(blocked) } };
}
