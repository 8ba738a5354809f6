/**
 * The door for React 18 and 19: a provider for the client, and hooks by the names of pages that were written for Supabase.
 *
 *     <SeatcastProvider url="https://tickets.example">
 *       <TicketAvailabilityProvider eventId={42}>
 *         …useTicketAvailability(7).available…
 */
import { createContext, createElement, useCallback, useContext, useEffect, useMemo, useRef, useState, useSyncExternalStore, type ReactNode } from 'react';
import {
  followPage,
  othersHere,
  SeatcastClient,
  storageOfPage,
  totalsOf,
  type BookingsView,
  type EventState,
  type Notice,
  type Others,
  type StateOf,
  type Topic,
  type TopicView,
  type Totals,
} from '../sdk/index.ts';

export type * from './elements.ts';

const ClientContext = createContext<SeatcastClient | undefined>(undefined);

export interface SeatcastProviderProps {
  /** A client of one's own, which is closed by whoever made it. */
  client?: SeatcastClient;
  /** Address of the server, where no client is given; '' for the page's own. */
  url?: string;
  children?: ReactNode;
}

/** Gives the hooks below it their client. */
export function SeatcastProvider({ client: given, url = '', children }: SeatcastProviderProps): ReactNode {
  // A client that nobody watches has no connection: one that is made and dropped, as strict mode does, costs nothing.
  const made = useMemo(() => given ?? clientOfPage(url), [given, url]);
  useEffect(() => {
    if (made === given) return;
    const listening = new AbortController();
    followPage(made, listening.signal);
    return () => {
      listening.abort();
      made.close();
    };
  }, [made, given]);
  return createElement(ClientContext.Provider, { value: made }, children);
}

/** It knows the bookings of a guest again when the page is loaded anew. */
function clientOfPage(url: string): SeatcastClient {
  const storage = storageOfPage();
  return new SeatcastClient({ url, ...(storage ? { storage } : {}) });
}

export function useSeatcast(): SeatcastClient {
  const client = useContext(ClientContext);
  if (!client) throw new Error('useSeatcast: there is no SeatcastProvider around this component');
  return client;
}

const NOTHING = { state: undefined, revision: 0, status: 'connecting', refused: undefined, counted: undefined } as const;

/** A topic, live. Undefined: none at the moment. */
export function useTopic<T extends Topic>(topic: T | undefined): TopicView<StateOf<T>> {
  const client = useSeatcast();
  /** Of which topic, so that the first drawing of another one does not show this. */
  const latest = useRef<{ topic: T; view: TopicView<StateOf<T>> } | undefined>(undefined);
  const subscribe = useCallback(
    (changed: () => void) => {
      if (topic === undefined) return () => {};
      return client.watch(topic, (view) => {
        latest.current = { topic, view };
        changed();
      });
    },
    [client, topic],
  );
  return useSyncExternalStore(
    subscribe,
    () => (latest.current && latest.current.topic === topic ? latest.current.view : NOTHING),
    () => NOTHING,
  );
}

/** Ids may come as text, as they do from addresses of pages. */
type Id = number | string;

export interface EventView extends TopicView<EventState> {
  /** The event's numbers as one; undefined until they are known. */
  totals: Totals | undefined;
  isLive: boolean;
}

/** An event with its ticket types and notices. */
export function useEvent(eventId: Id): EventView {
  const view = useTopic(`event:${Number(eventId)}`);
  const { state, status } = view;
  const totals = useMemo(() => state && totalsOf(state), [state]);
  return useMemo(() => ({ ...view, totals, isLive: status === 'live' }), [view, totals, status]);
}

const EventContext = createContext<EventView | undefined>(undefined);

/** Gives `useTicketAvailability` below it the event. */
export function TicketAvailabilityProvider({ eventId, children }: { eventId: Id; children?: ReactNode }): ReactNode {
  return createElement(EventContext.Provider, { value: useEvent(eventId) }, children);
}

export interface TicketTypeAvailability {
  available: number;
  /** In bookings that are not paid yet. */
  reserved: number;
  sold: number;
  /** Proven to be the newest. */
  isLive: boolean;
}

/** One ticket type of the event of the `TicketAvailabilityProvider` around. */
export function useTicketAvailability(ticketTypeId: Id): TicketTypeAvailability {
  const event = useContext(EventContext);
  if (!event) throw new Error('useTicketAvailability: there is no TicketAvailabilityProvider around this component');
  const type = event.state?.ticket_types.find(({ id }) => id === Number(ticketTypeId));
  return { available: type?.available ?? 0, reserved: type?.held ?? 0, sold: type?.sold ?? 0, isLive: event.isLive };
}

export interface RegistrationPresence {
  /** The other people who are here. */
  others: Others;
  /** All people, the caller included. */
  totalActive: number;
  byStep: Readonly<Record<string, number>>;
}

const ALONE: Others = { total: 0, booking: 0, byStep: {} };

/** The people who are on the way to a ticket. With a `step` the caller is counted among them, until the component goes. */
export function useRegistrationPresence(eventId: Id, step?: string): RegistrationPresence {
  const client = useSeatcast();
  const id = Number(eventId);
  const { state, counted } = useTopic(`event:${id}`);
  useEffect(() => {
    client.setStep(id, step);
  }, [client, id, step]);
  useEffect(() => () => client.setStep(id, undefined), [client, id]);
  const presence = state?.presence;
  return useMemo(
    () => ({ others: presence ? othersHere(presence, counted) : ALONE, totalActive: presence?.total ?? 0, byStep: presence?.by_step ?? {} }),
    [presence, counted],
  );
}

export interface EventUpdate {
  updateType: string;
  message: string;
  data: unknown;
  /** RFC 3339. */
  timestamp: string;
}

export interface EventBroadcast {
  /** The newest notice that came while the component was there; null before the first. */
  lastUpdate: EventUpdate | null;
  /** Tells everybody who has the event open; for its organizer. @throws Refusal, Unreachable */
  broadcastUpdate: (updateType: string, message: string, data?: object) => Promise<void>;
}

/** The organizer's notices as they come. */
export function useEventBroadcast(eventId: Id): EventBroadcast {
  const client = useSeatcast();
  const id = Number(eventId);
  const [lastUpdate, setLastUpdate] = useState<EventUpdate | null>(null);
  const { state } = useTopic(`event:${id}`);
  /** The newest that was there before. */
  const seen = useRef<{ event: number; notice: number } | undefined>(undefined);
  useEffect(() => {
    if (!state) return;
    const newest = state.notices.reduce<Notice | undefined>((best, one) => (best && best.id > one.id ? best : one), undefined);
    const before = seen.current;
    seen.current = { event: id, notice: Math.max(newest?.id ?? 0, before?.event === id ? before.notice : 0) };
    if (before?.event !== id) return setLastUpdate(null);
    if (newest && newest.id > before.notice) {
      setLastUpdate({ updateType: newest.type, message: newest.message, data: newest.data, timestamp: newest.at });
    }
  }, [state, id]);
  const broadcastUpdate = useCallback(
    async (updateType: string, message: string, data?: object) => void (await client.postNotice(id, { type: updateType, message, ...(data ? { data } : {}) })),
    [client, id],
  );
  return { lastUpdate, broadcastUpdate };
}

const UNKNOWN: BookingsView = { bookings: undefined, status: 'connecting', account: false, problem: undefined };

/** The caller's own bookings, live. */
export function useBookings(): BookingsView {
  const client = useSeatcast();
  const latest = useRef(UNKNOWN);
  const subscribe = useCallback(
    (changed: () => void) =>
      client.watchBookings((view) => {
        latest.current = view;
        changed();
      }),
    [client],
  );
  return useSyncExternalStore(
    subscribe,
    () => latest.current,
    () => UNKNOWN,
  );
}
