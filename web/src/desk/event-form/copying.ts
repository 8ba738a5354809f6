/** Parts of an event that its copy gets by a request each, beside fields and ticket types. */
import { SeatStatuses, type EventDetails } from '../../sdk/index.ts';
import type { DeskClient } from '../desk-client.ts';
import { stageBody } from '../seats/mapping.ts';

export type Part = 'fees' | 'taxes' | 'vouchers' | 'policy' | 'map';

/** A part that did not go; of some parts these rows only. */
export interface Left {
  part: Part;
  /** Empty: the whole part. */
  names: readonly string[];
}

type Row = Record<string, unknown> & { id: number };

/** The copy's ticket types by those of the first event. */
type Types = ReadonlyMap<number, number | undefined>;

/** What the copy's row says; a name: it cannot be there. */
type Body = (row: Row) => object | string;

/**
 * Copies all there is; answers what did not go. `made` has the first event's type of each ticket type that the copy was made
 * with, in the order in which they were sent: rows may have been taken away, and new ones have none.
 */
export async function copyParts(client: DeskClient, from: EventDetails, to: EventDetails, made: readonly (number | undefined)[]): Promise<Left[]> {
  const types = typesOf(to, made);
  const ways: Record<Part, () => Promise<string[]>> = {
    fees: () => copyRows(client, from, to, 'fees', ({ name, kind, value, absorbed }) => ({ name, kind, value, absorbed })),
    taxes: () =>
      copyRows(client, from, to, 'taxes', ({ name, rate, included, ticket_type_id: type }) => {
        if (type === null || type === undefined) return { name, rate, included };
        // A tax that names no type is one of all of them.
        const ticket_type_id = types.get(Number(type));
        return ticket_type_id === undefined ? String(name) : { name, rate, included, ticket_type_id };
      }),
    vouchers: () =>
      copyRows(client, from, to, 'vouchers', (row) => {
        const { code, kind, value, uses_max, max_per_booking, reveals_hidden, reserved, ticket_type_ids } = row;
        const plain = { code, kind, value, uses_max, max_per_booking, reveals_hidden, reserved };
        if (!Array.isArray(ticket_type_ids)) return { ...plain, ticket_type_ids: null };
        // Never for more than it was for: with none of its types left it would be one for all of them.
        const left = ticket_type_ids.map((id: number) => types.get(id)).filter((id) => id !== undefined);
        return left.length === 0 ? String(code) : { ...plain, ticket_type_ids: left };
      }),
    policy: async () => {
      for (const rules of ['refund-policy', 'payment-terms']) {
        await client.change('PUT', `/events/${to.id}/${rules}`, await client.read(`/events/${from.id}/${rules}`));
      }
      return [];
    },
    map: () => copyMap(client, from, to, types),
  };
  const left: Left[] = [];
  for (const [part, copy] of Object.entries(ways) as [Part, () => Promise<string[]>][]) {
    try {
      const names = await copy();
      if (names.length > 0) left.push({ part, names });
    } catch (error) {
      // The server said no, or does not answer: the event is there without this part, and its maker is told.
      if (!(error instanceof Error)) throw error;
      left.push({ part, names: [] });
    }
  }
  return left;
}

/** An answer has types in the order of their sale; their ids are in the order in which they were sent. */
function typesOf(to: EventDetails, made: readonly (number | undefined)[]): Types {
  const ids = to.ticket_types.map(({ id }) => id).sort((one, other) => one - other);
  return new Map(made.flatMap((id, place) => (id === undefined ? [] : [[id, ids[place]] as const])));
}

/** Answers the names of rows that cannot be there. */
async function copyRows(client: DeskClient, from: EventDetails, to: EventDetails, what: string, body: Body): Promise<string[]> {
  const left: string[] = [];
  let path: string | undefined = `/events/${from.id}/${what}?limit=100`;
  while (path !== undefined) {
    const page: { rows: Row[]; next: string | undefined } = await client.rows<Row>(path);
    for (const row of page.rows) {
      // A window of time is of the first event's sale, as those of ticket types are.
      if (row['valid_from'] || row['valid_to']) continue;
      const copied = body(row);
      if (typeof copied === 'string') left.push(copied);
      else await client.make(`/events/${to.id}/${what}`, copied);
    }
    path = page.next;
  }
  return left;
}

/** Places of blocked seats. Free ones of hidden types are told as blocked, and named beside. */
async function blockedIn(client: DeskClient, { id, layout }: EventDetails): Promise<(place: number) => boolean> {
  const state = await client.read<{ layout: number; seats: string; revealed?: number[] }>(`/events/${id}/seats`);
  if (state.layout !== layout) throw new TypeError('the map was replaced while it was copied');
  const statuses = SeatStatuses.fromBase64(state.seats);
  const free = new Set(state.revealed);
  return (place) => statuses.at(place) === 'blocked' && !free.has(place);
}

/** Answers the names of sections that lack seats: those of types that the copy has not. */
async function copyMap(client: DeskClient, from: EventDetails, to: EventDetails, types: Types): Promise<string[]> {
  if (from.layout === 0) return [];
  const isBlocked = await blockedIn(client, from);
  const { sections, stage, seats, wheelchair = [], companion = [] } = await client.seatMap(from.id, from.layout);
  const kinds = new Map([...wheelchair.map((place) => [place, 'wheelchair'] as const), ...companion.map((place) => [place, 'companion'] as const)]);
  const rows = new Map<string, { label: string; seats: object[] }>();
  const lacking = new Set<string>();
  const halls = sections.map(({ name }) => ({ name, rows: [] as { label: string; seats: object[] }[] }));
  seats.id.forEach((id, at) => {
    const section = seats.section[at];
    const hall = section === undefined ? undefined : halls[section];
    if (id === null || !hall) return;
    const ticket_type_id = types.get(seats.ticket_type_id[at] ?? 0);
    if (ticket_type_id === undefined) return void lacking.add(hall.name);
    const label = seats.row[at] ?? '';
    const key = `${section} ${label}`;
    let row = rows.get(key);
    if (!row) {
      row = { label, seats: [] };
      rows.set(key, row);
      hall.rows.push(row);
    }
    row.seats.push({ number: String(seats.number[at]), x: seats.x[at], y: seats.y[at], ticket_type_id, blocked: isBlocked(at), kind: kinds.get(at) });
  });
  const filled = halls.filter(({ rows: some }) => some.length > 0);
  if (filled.length > 0) await client.put(`/events/${to.id}/seatmap`, { ...stageBody(stage), sections: filled });
  return [...lacking];
}
