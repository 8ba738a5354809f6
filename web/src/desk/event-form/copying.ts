/** Parts of an event that its copy gets by a request each, beside fields and ticket types. */
import type { EventDetails } from '../../sdk/index.ts';
import type { DeskClient } from '../desk-client.ts';
import { stageBody } from '../seats/mapping.ts';

export type Part = 'fees' | 'taxes' | 'vouchers' | 'policy' | 'map';

type Row = Record<string, unknown> & { id: number };

/** Copies all there is; answers the parts that did not go. */
export async function copyParts(client: DeskClient, from: EventDetails, to: EventDetails): Promise<Part[]> {
  const types = new Map(from.ticket_types.map(({ id }, place) => [id, to.ticket_types[place]?.id]));
  const ways: Record<Part, () => Promise<void>> = {
    fees: () => copyRows(client, from, to, 'fees', ({ name, kind, value, absorbed }) => ({ name, kind, value, absorbed })),
    taxes: () =>
      copyRows(client, from, to, 'taxes', ({ name, rate, included, ticket_type_id: type }) => ({
        name,
        rate,
        included,
        ...(type === null ? {} : { ticket_type_id: types.get(Number(type)) }),
      })),
    vouchers: () =>
      copyRows(client, from, to, 'vouchers', ({ code, kind, value, uses_max, max_per_booking, reveals_hidden, ticket_type_ids }) => ({
        code,
        kind,
        value,
        uses_max,
        max_per_booking,
        reveals_hidden,
        ticket_type_ids: Array.isArray(ticket_type_ids) ? ticket_type_ids.map((id: number) => types.get(id)) : null,
      })),
    policy: async () => {
      for (const rules of ['refund-policy', 'payment-terms']) {
        await client.change('PUT', `/events/${to.id}/${rules}`, await client.read(`/events/${from.id}/${rules}`));
      }
    },
    map: () => copyMap(client, from, to, types),
  };
  const failed: Part[] = [];
  for (const [part, copy] of Object.entries(ways) as [Part, () => Promise<void>][]) {
    await copy().catch((error: unknown) => {
      // The server said no, or does not answer: the event is there without this part, and its maker is told.
      if (!(error instanceof Error)) throw error;
      failed.push(part);
    });
  }
  return failed;
}

async function copyRows(client: DeskClient, from: EventDetails, to: EventDetails, what: string, body: (row: Row) => object): Promise<void> {
  let path: string | undefined = `/events/${from.id}/${what}?limit=100`;
  while (path !== undefined) {
    const page: { rows: Row[]; next: string | undefined } = await client.rows<Row>(path);
    for (const row of page.rows) await client.make(`/events/${to.id}/${what}`, body(row));
    path = page.next;
  }
}

async function copyMap(client: DeskClient, from: EventDetails, to: EventDetails, types: ReadonlyMap<number, number | undefined>): Promise<void> {
  if (from.layout === 0) return;
  const { sections, stage, seats, wheelchair = [], companion = [] } = await client.seatMap(from.id, from.layout);
  const kinds = new Map([...wheelchair.map((place) => [place, 'wheelchair'] as const), ...companion.map((place) => [place, 'companion'] as const)]);
  const rows = new Map<string, { label: string; seats: object[] }>();
  const halls = sections.map(({ name }) => ({ name, rows: [] as { label: string; seats: object[] }[] }));
  seats.id.forEach((id, at) => {
    const section = seats.section[at];
    const hall = section === undefined ? undefined : halls[section];
    if (id === null || !hall) return;
    const label = seats.row[at] ?? '';
    const key = `${section} ${label}`;
    let row = rows.get(key);
    if (!row) {
      row = { label, seats: [] };
      rows.set(key, row);
      hall.rows.push(row);
    }
    row.seats.push({ number: String(seats.number[at]), x: seats.x[at], y: seats.y[at], ticket_type_id: types.get(seats.ticket_type_id[at] ?? 0), kind: kinds.get(at) });
  });
  await client.change('PUT', `/events/${to.id}/seatmap`, { ...stageBody(stage), sections: halls.filter(({ rows: filled }) => filled.length > 0) });
}
