/**
 * Availability of events, by the names of ticket pages that polled for it: `trackEvents`, `getEventAvailability`,
 * `getAvailabilityStatus`, `isEventSoldOut`. It is live, and needs no tracking to work: tracking only keeps events ready that
 * nobody looks at yet.
 */
import type { TopicStatus } from './freshness.ts';
import type { LiveClient } from './live-client.ts';
import { totalsOf, type EventState, type StockLevel } from './model.ts';
import { Live } from './observable.ts';
import type { EventStatus } from './protocol.ts';
import { eventSaleState, nextSaleChange } from './sale.ts';
import type { TopicView } from './topic-state.ts';

export interface TicketAvailability {
  eventId: number;
  totalCapacity: number;
  bookedTickets: number;
  heldTickets: number;
  availableTickets: number;
  /** Sold, in percent of the capacity, to two decimals. */
  occupancyPercentage: number;
  isSoldOut: boolean;
  isAlmostSoldOut: boolean;
  isLimited: boolean;
  eventStatus: EventStatus;
  /** When this client last heard of a change. */
  lastUpdated: Date;
  /** Whether that is proven to be the newest: `live`, or `stale`, `offline`. */
  status: TopicStatus;
}

/** For a badge and a button. */
export interface AvailabilityStatus {
  text: string;
  class: string;
  /** Nothing can be booked. */
  disabled: boolean;
}

export type StatusLevel = StockLevel | 'closed';

export interface AvailabilityWords {
  text: (level: StatusLevel, available: number) => string;
  class: (level: StatusLevel) => string;
}

const TEXTS: Readonly<Record<StatusLevel, string>> = {
  available: 'Available',
  limited: 'Limited Availability',
  almost_sold_out: 'Almost Sold Out',
  sold_out: 'Sold Out',
  closed: 'Not on Sale',
};

const CLASSES: Readonly<Record<StatusLevel, string>> = {
  available: 'bg-green-100 text-green-800',
  limited: 'bg-yellow-100 text-yellow-800',
  almost_sold_out: 'bg-orange-100 text-orange-800',
  sold_out: 'bg-red-100 text-red-800',
  closed: 'bg-gray-100 text-gray-800',
};

/** In English, with the classes of Tailwind. */
export const AVAILABILITY_WORDS: AvailabilityWords = { text: (level) => TEXTS[level], class: (level) => CLASSES[level] };

/** The next change of a sale is looked for at least so often: timers have an end, and the server may tell another time. */
const LOOK_AGAIN_MS = 10_000;

export class TicketAvailabilityService {
  readonly #client: LiveClient;
  readonly #words: AvailabilityWords;
  /** How often each event is tracked, and how to stop it. */
  readonly #tracked = new Map<number, { times: number; stop: () => void }>();

  /** `words`: other texts and classes than the English ones, whose classes are those of Tailwind. */
  constructor(client: LiveClient, words: Partial<AvailabilityWords> = {}) {
    this.#client = client;
    this.#words = { ...AVAILABILITY_WORDS, ...words };
  }

  /** Keeps these events up to date until each was stopped as often as it was tracked. */
  trackEvents(eventIds: readonly number[]): void {
    for (const id of eventIds) {
      const known = this.#tracked.get(id);
      if (known) known.times += 1;
      else this.#tracked.set(id, { times: 1, stop: this.#client.watch(`event:${id}`, () => {}) });
    }
  }

  stopTrackingEvent(eventId: number): void {
    const tracked = this.#tracked.get(eventId);
    if (!tracked) return;
    tracked.times -= 1;
    if (tracked.times > 0) return;
    this.#tracked.delete(eventId);
    tracked.stop();
  }

  /** Told as soon as it is known, and at every change of it. */
  getEventAvailability(eventId: number): Live<TicketAvailability> {
    return new Live((next) => {
      let before: { state: EventState; at: Date } | undefined;
      let told: TopicStatus | undefined;
      return this.#client.watch(`event:${eventId}`, ({ state, status }) => {
        if (!state || (state === before?.state && status === told)) return;
        // People who come and go are a change of the topic, not of the tickets.
        const isNews = state.event !== before?.state.event || state.ticket_types !== before?.state.ticket_types;
        if (!isNews && status === told) return;
        before = { state, at: isNews || !before ? new Date(this.#client.now()) : before.at };
        told = status;
        next(availabilityOf(eventId, { state, status }, before.at));
      });
    });
  }

  getAvailabilityStatus(eventId: number): Live<AvailabilityStatus> {
    const status = new Live<AvailabilityStatus>((next) => {
      let known: EventState | undefined;
      let timer: ReturnType<typeof setTimeout> | undefined;
      // Sales open and close by the clock, and nobody says so.
      const look = (): void => {
        clearTimeout(timer);
        if (!known) return;
        next(this.#statusOf(known));
        const now = this.#client.now();
        const change = nextSaleChange(known.event, known.ticket_types, now);
        if (change !== undefined) timer = setTimeout(look, Math.min(change - now, LOOK_AGAIN_MS));
      };
      const stop = this.#client.watch(`event:${eventId}`, ({ state }) => {
        known = state;
        look();
      });
      return () => {
        clearTimeout(timer);
        stop();
      };
    });
    return status.map(
      (one) => one,
      (one, other) => one.text === other.text && one.class === other.class && one.disabled === other.disabled,
    );
  }

  isEventSoldOut(eventId: number): Live<boolean> {
    return this.getEventAvailability(eventId).map(({ isSoldOut }) => isSoldOut);
  }

  /** Asks the server for what is newest, now: after a sleep of the machine, or where changes come by polling. */
  refreshAvailability(): void {
    this.#client.refresh();
  }

  #statusOf(state: EventState): AvailabilityStatus {
    const { status, available } = totalsOf(state);
    const isOpen = eventSaleState(state.event, state.ticket_types, this.#client.now()) === 'on_sale';
    const level = isOpen || status === 'sold_out' ? status : 'closed';
    return { text: this.#words.text(level, available), class: this.#words.class(level), disabled: !isOpen || status === 'sold_out' };
  }
}

function availabilityOf(eventId: number, { state, status }: Pick<TopicView<EventState>, 'status'> & { state: EventState }, at: Date): TicketAvailability {
  const { capacity, available, held, sold, status: level } = totalsOf(state);
  const taken = capacity > 0 ? (sold / capacity) * 100 : 0;
  return {
    eventId,
    totalCapacity: capacity,
    bookedTickets: sold,
    heldTickets: held,
    availableTickets: available,
    occupancyPercentage: Math.round(taken * 100) / 100,
    isSoldOut: level === 'sold_out',
    isAlmostSoldOut: level === 'almost_sold_out' || level === 'sold_out',
    isLimited: level !== 'available',
    eventStatus: state.event.status,
    lastUpdated: at,
    status,
  };
}
