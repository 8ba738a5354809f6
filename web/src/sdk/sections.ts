/**
 * Seats by section and ticket type, live: from a seat map and the statuses of the topic `seats:`, the numbers that
 * `GET /availability/{id}/sections` has.
 */
import type { SeatMapGeometry } from './catalogue.ts';
import type { SeatStatuses } from './seats.ts';

/** How many seats of one ticket type there are in one section: each is available, held, sold or blocked. */
export interface SectionNumbers {
  section_id: number;
  section: string;
  ticket_type_id: number;
  allocated: number;
  available: number;
  held: number;
  sold: number;
  blocked: number;
}

/** In the order of the map's sections, then of ticket types. */
export function sectionNumbers({ sections, seats }: SeatMapGeometry, statuses: SeatStatuses): SectionNumbers[] {
  const numbers = new Map<string, SectionNumbers>();
  seats.id.forEach((id, position) => {
    const section = sections[seats.section[position] ?? -1];
    const ticketType = seats.ticket_type_id[position];
    if (id === null || section === undefined || ticketType === undefined) return;
    const key = `${section.id}:${ticketType}`;
    let row = numbers.get(key);
    if (!row) {
      const none = { allocated: 0, available: 0, held: 0, sold: 0, blocked: 0 };
      numbers.set(key, (row = { section_id: section.id, section: section.name, ticket_type_id: ticketType, ...none }));
    }
    row.allocated += 1;
    row[statuses.at(position)] += 1;
  });
  const order = (row: SectionNumbers): number => sections.findIndex(({ id }) => id === row.section_id);
  return [...numbers.values()].sort((one, other) => order(one) - order(other) || one.ticket_type_id - other.ticket_type_id);
}
