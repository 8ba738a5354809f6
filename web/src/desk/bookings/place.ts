import type { Booking, Ticket } from '../../sdk/index.ts';

/** `Standard`, or `Stalls · H · 2`. */
export function placeOf(items: Booking['items'], { ticket_type_id: type, seat_id: id }: Pick<Ticket, 'ticket_type_id' | 'seat_id'>): string {
  const seat = items.flatMap(({ seats }) => seats).find((one) => one.id === id);
  if (seat) return `${seat.section} · ${seat.row} · ${seat.number}`;
  return items.find(({ ticket_type_id: of }) => of === type)?.name ?? '';
}
