/** How the map speaks of seats. */
import type { SeatStatus, TicketType } from '../../sdk/index.ts';
import { money } from '../internal/format.ts';
import type { Seat } from './geometry.ts';

export const STATUS_WORDS: Record<SeatStatus, string> = {
  available: 'free',
  held: 'held by somebody',
  sold: 'sold',
  blocked: 'not on sale',
};

export function place(seat: Seat): string {
  return `Row ${seat.row} Seat ${seat.number}`;
}

/** `Row A Seat 1 was just taken.` */
export function takenWords(seats: readonly Seat[]): string {
  return `${seats.map(place).join(', ')} ${seats.length === 1 ? 'was' : 'were'} just taken.`;
}

/** All that the picture shows of a seat: `Stalls, Row A Seat 1, Premium €95.00, free`. */
export function seatWords(seat: Seat, type: TicketType | undefined, status: string): string {
  const price = type ? `${type.name} ${money(type.price)}` : '';
  return [seat.section, place(seat), price, status].filter((part) => part !== '').join(', ');
}
