/**
 * The door for Vue 3: a plugin that brings the client, composables, and types of the elements in templates.
 *
 *     createApp(App).use(seatcast, { url: 'https://tickets.example' })
 *     const { available, isLive } = useTicketAvailability(42, 7)
 */
import {
  computed,
  inject,
  onScopeDispose,
  shallowRef,
  toValue,
  watch,
  watchEffect,
  type App,
  type ComputedRef,
  type InjectionKey,
  type MaybeRefOrGetter,
  type ShallowRef,
} from 'vue';
import {
  followPage,
  othersHere,
  SeatcastClient,
  storageOfPage,
  totalsOf,
  type BookingsView,
  type EventState,
  type Others,
  type StateOf,
  type Topic,
  type TopicView,
  type Totals,
} from '../sdk/index.ts';

export type * from './elements.ts';

const CLIENT: InjectionKey<SeatcastClient> = Symbol('seatcast');

export interface SeatcastPluginOptions {
  /** A client of one's own, which is closed by whoever made it. */
  client?: SeatcastClient;
  /** Address of the server, where no client is given; '' for the page's own. */
  url?: string;
}

export const seatcast = {
  install(app: App, { client: given, url = '' }: SeatcastPluginOptions = {}): void {
    const storage = storageOfPage();
    // With the page's storage it knows the bookings of a guest again when the page is loaded anew.
    const client = given ?? new SeatcastClient({ url, ...(storage ? { storage } : {}) });
    app.provide(CLIENT, client);
    if (given) return;
    const listening = new AbortController();
    followPage(client, listening.signal);
    app.onUnmount(() => {
      listening.abort();
      client.close();
    });
  },
};

/** For `compilerOptions.isCustomElement`: tags that are no components of Vue. */
export function isSeatcastElement(tag: string): boolean {
  return tag.startsWith('seatcast-');
}

export function useSeatcast(): SeatcastClient {
  const client = inject(CLIENT, undefined);
  if (!client) throw new Error('useSeatcast: the plugin is not installed: app.use(seatcast, { url })');
  return client;
}

const NOTHING = { state: undefined, revision: 0, status: 'connecting', refused: undefined, counted: undefined } as const;

/** A topic, live, as long as the component is there. Undefined: none at the moment. */
export function useTopic<T extends Topic>(topic: MaybeRefOrGetter<T | undefined>): Readonly<ShallowRef<TopicView<StateOf<T>>>> {
  const client = useSeatcast();
  const view = shallowRef<TopicView<StateOf<T>>>(NOTHING);
  watch(
    () => toValue(topic),
    (name, _before, onCleanup) => {
      view.value = NOTHING;
      if (name !== undefined) onCleanup(client.watch(name, (seen) => (view.value = seen)));
    },
    { immediate: true },
  );
  return view;
}

/** Ids may come as text, as they do from addresses of pages. */
type Id = MaybeRefOrGetter<number | string>;

export interface EventRefs {
  state: ComputedRef<EventState | undefined>;
  /** The event's numbers as one; undefined until they are known. */
  totals: ComputedRef<Totals | undefined>;
  isLive: ComputedRef<boolean>;
  view: Readonly<ShallowRef<TopicView<EventState>>>;
}

/** An event with its ticket types and notices. */
export function useEvent(eventId: Id): EventRefs {
  const view = useTopic(() => `event:${Number(toValue(eventId))}` as const);
  const state = computed(() => view.value.state);
  return {
    view,
    state,
    totals: computed(() => state.value && totalsOf(state.value)),
    isLive: computed(() => view.value.status === 'live'),
  };
}

export interface TicketTypeRefs {
  available: ComputedRef<number>;
  /** In bookings that are not paid yet. */
  reserved: ComputedRef<number>;
  sold: ComputedRef<number>;
  /** Proven to be the newest. */
  isLive: ComputedRef<boolean>;
}

/** One ticket type of an event. */
export function useTicketAvailability(eventId: Id, ticketTypeId: Id): TicketTypeRefs {
  const { state, isLive } = useEvent(eventId);
  const type = computed(() => state.value?.ticket_types.find(({ id }) => id === Number(toValue(ticketTypeId))));
  return {
    available: computed(() => type.value?.available ?? 0),
    reserved: computed(() => type.value?.held ?? 0),
    sold: computed(() => type.value?.sold ?? 0),
    isLive,
  };
}

const ALONE: Others = { total: 0, booking: 0, byStep: {} };

export interface PresenceRefs {
  /** The other people who are here. */
  others: ComputedRef<Others>;
  /** All people, the caller included. */
  totalActive: ComputedRef<number>;
  byStep: ComputedRef<Readonly<Record<string, number>>>;
}

/** The people who are on the way to a ticket. With a `step` the caller is counted among them, until the component goes. */
export function useRegistrationPresence(eventId: Id, step?: MaybeRefOrGetter<string | undefined>): PresenceRefs {
  const client = useSeatcast();
  const { view } = useEvent(eventId);
  watchEffect((onCleanup) => {
    const id = Number(toValue(eventId));
    client.setStep(id, toValue(step));
    onCleanup(() => client.setStep(id, undefined));
  });
  const presence = computed(() => view.value.state?.presence);
  return {
    others: computed(() => (presence.value ? othersHere(presence.value, view.value.counted) : ALONE)),
    totalActive: computed(() => presence.value?.total ?? 0),
    byStep: computed(() => presence.value?.by_step ?? {}),
  };
}

export interface EventUpdate {
  updateType: string;
  message: string;
  data: unknown;
  /** RFC 3339. */
  timestamp: string;
}

export interface BroadcastRefs {
  /** The newest notice that came while the component was there; null before the first. */
  lastUpdate: Readonly<ShallowRef<EventUpdate | null>>;
  /** Tells everybody who has the event open; for its organizer. @throws Refusal, Unreachable */
  broadcastUpdate: (updateType: string, message: string, data?: object) => Promise<void>;
}

/** The organizer's notices as they come. */
export function useEventBroadcast(eventId: Id): BroadcastRefs {
  const client = useSeatcast();
  const { state } = useEvent(eventId);
  const lastUpdate = shallowRef<EventUpdate | null>(null);
  /** The newest that was there before; undefined until the event is known. */
  let seen: number | undefined;
  watch(
    () => Number(toValue(eventId)),
    () => {
      seen = undefined;
      lastUpdate.value = null;
    },
    { flush: 'sync' },
  );
  watch(
    state,
    (event) => {
      if (!event) return;
      const newest = event.notices.toSorted((one, other) => one.id - other.id).at(-1);
      if (newest && seen !== undefined && newest.id > seen) {
        lastUpdate.value = { updateType: newest.type, message: newest.message, data: newest.data, timestamp: newest.at };
      }
      seen = Math.max(seen ?? 0, newest?.id ?? 0);
    },
    { immediate: true, flush: 'sync' },
  );
  return {
    lastUpdate,
    broadcastUpdate: async (updateType, message, data) => {
      await client.postNotice(Number(toValue(eventId)), { type: updateType, message, ...(data ? { data } : {}) });
    },
  };
}

/** The caller's own bookings, live. */
export function useBookings(): Readonly<ShallowRef<BookingsView>> {
  const client = useSeatcast();
  const view = shallowRef<BookingsView>({ bookings: undefined, status: 'connecting', account: false, problem: undefined });
  onScopeDispose(client.watchBookings((seen) => (view.value = seen)));
  return view;
}
