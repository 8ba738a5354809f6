/**
 * When tickets are on sale, by the server's clock: the rules of `SaleState` in src/ticketing/availability.rs. The terms come with
 * a topic's frames, so what is on sale changes on the page when the organizer changes it, and to the second.
 */
import type { SaleState } from './catalogue.ts';
import type { EventInfo, TicketType } from './protocol.ts';

type Event = Pick<EventInfo, 'status' | 'starts_at'>;
type Type = Pick<TicketType, 'sale_from' | 'sale_to'>;

const RANK: Record<SaleState, number> = { closed: 0, not_started: 1, on_sale: 2 };

/** Of one ticket type. `now`: milliseconds since 1970 by the server's clock (`SeatcastClient.now`). */
export function saleStateOf(event: Event, type: Type, now: number): SaleState {
  if (event.status === 'draft') return 'not_started';
  if (event.status !== 'active' || closesAt(event, type) <= now) return 'closed';
  return type.sale_from && Date.parse(type.sale_from) > now ? 'not_started' : 'on_sale';
}

/** Of an event: the best one among its ticket types; without types, that of a new one. */
export function eventSaleState(event: Event, types: readonly Type[], now: number): SaleState {
  const states = types.map((type) => saleStateOf(event, type, now));
  const none = event.status === 'draft' || event.status === 'active' ? 'not_started' : 'closed';
  return states.reduce((best, state) => (RANK[state] > RANK[best] ? state : best), states[0] ?? none);
}

/** The next moment at which one of these sales begins or ends; undefined: none does. */
export function nextSaleChange(event: Event, types: readonly Type[], now: number): number | undefined {
  const times = types.flatMap((type) => [type.sale_from ? Date.parse(type.sale_from) : now, closesAt(event, type)]);
  const next = Math.min(...times.filter((time) => time > now));
  return Number.isFinite(next) ? next : undefined;
}

/** Without a word about it, when the event begins. */
function closesAt({ starts_at }: Event, { sale_to }: Type): number {
  return Date.parse(sale_to ?? starts_at);
}
