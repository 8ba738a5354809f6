/** Messages to this browser while no page is open (web push). The pages subscribe; their service worker shows what comes. */
import type { LiveClient } from './live-client.ts';
import { given, type Rest } from './rest.ts';
import { Keeper } from './keeper.ts';
import { bookingStore, type BookingStore, type TextStorage } from './store.ts';

export type PushKind = 'tickets_back' | 'hold_ends' | 'waitlist_offer';

/** Of what to tell, once. */
export type PushWish =
  | { kind: 'tickets_back'; event_id: number; ticket_type_id?: number }
  | { kind: 'hold_ends'; booking_id: string }
  | { kind: 'waitlist_offer'; event_id: number };

/** A browser at its push service, as `PushSubscription.toJSON()` has it. */
export interface PushBrowser {
  endpoint: string;
  keys: { p256dh: string; auth: string };
}

/** Something of which a browser is to be told; gone once it was. */
export interface PushNote {
  id: number;
  kind: PushKind;
  event_id: number;
  ticket_type_id: number | null;
  booking_id: string | null;
}

/** Of what browsers are to be told. A browser proves itself by its subscription's own secret. */
export class PushNotes {
  readonly #rest: Rest;
  readonly #bookings: BookingStore;

  /** `storage`: the client's, where it has one: there is what proves a guest's bookings. */
  constructor({ rest }: LiveClient, storage?: TextStorage) {
    this.#rest = rest;
    this.#bookings = bookingStore(new Keeper(storage));
  }

  /** `applicationServerKey` of `pushManager.subscribe`. @throws Refusal (`NO_PUSH`: the server sends none) */
  async key(): Promise<string> {
    return given(await this.#rest.send<{ key: string }>('/push/key')).key;
  }

  /** Has a browser told of something, once. @throws Refusal (`NOT_SOLD_OUT`, `NOT_PENDING`, `NOT_WAITING`, `TOO_MANY_SUBSCRIPTIONS`, …) */
  async add({ endpoint, keys }: PushBrowser, wish: PushWish): Promise<PushNote> {
    const kept = wish.kind === 'hold_ends' ? this.#bookings.all().find(({ id }) => id === wish.booking_id) : undefined;
    const headers: Record<string, string> = kept ? { 'x-booking-token': kept.token } : {};
    return given(await this.#rest.send<PushNote>('/push/subscriptions', { method: 'POST', body: { endpoint, keys, ...wish }, headers }));
  }

  /** Of what a browser is to be told, the newest first. */
  async of({ keys }: PushBrowser): Promise<PushNote[]> {
    return given(await this.#rest.send<PushNote[]>('/push/subscriptions/mine', { headers: { 'x-push-auth': keys.auth } }));
  }

  async remove({ keys }: PushBrowser, { id }: Pick<PushNote, 'id'>): Promise<void> {
    await this.#rest.send(`/push/subscriptions/${id}`, { method: 'DELETE', headers: { 'x-push-auth': keys.auth } });
  }

  /** The browser that had this secret has another subscription. @throws Refusal (`PUSH_SUBSCRIPTION_NOT_FOUND`) */
  async renew(auth: string, { endpoint, keys }: PushBrowser): Promise<void> {
    await this.#rest.send('/push/subscriptions/renew', { method: 'POST', body: { auth, endpoint, keys } });
  }
}
