/**
 * This browser at its push service. What it is to be told is kept by the server, and found by the subscription's own secret: a
 * reload, another tab and a cleared storage see the same.
 */
import type { BuyerClient } from '../../sdk/buyer-client.ts';
import { PushNotes, type PushBrowser, type PushNote, type PushWish, type TextStorage } from '../../sdk/index.ts';

/** The secret of the subscription that was there last: another one means that the push service gave the browser a new address. */
const KEY = 'seatcast.push';

/** The person does not want notifications, or the browser asks no more. */
export class NotAllowed extends Error {
  override name = 'NotAllowed';
}

/** Whether this browser can be told anything: not in private windows of some, and on iOS only once the shop is installed. */
export function canNotify(): boolean {
  return 'serviceWorker' in navigator && 'PushManager' in globalThis && 'Notification' in globalThis;
}

export class NotifiedBrowser {
  readonly #notes: PushNotes;
  readonly #storage: TextStorage | undefined;
  #key: Promise<string> | undefined;

  constructor(client: BuyerClient, storage: TextStorage | undefined) {
    this.#notes = new PushNotes(client, storage);
    this.#storage = storage;
  }

  /** Of what it is to be told; none while nothing was ever asked for. @throws Refusal (`NO_PUSH`), Unreachable */
  async notes(): Promise<PushNote[]> {
    const own = await this.#subscription();
    return own ? this.#notes.of(own) : [];
  }

  /** Asks for permission where it was not given yet, so it is to be called by a click. @throws NotAllowed, Refusal, Unreachable */
  async ask(wish: PushWish): Promise<PushNote> {
    if ((await Notification.requestPermission()) !== 'granted') throw new NotAllowed();
    const own = (await this.#subscription()) ?? (await this.#subscribe());
    return this.#notes.add(own, wish);
  }

  async end(note: PushNote): Promise<void> {
    const own = await this.#subscription();
    if (own) await this.#notes.remove(own, note);
  }

  /** The subscription that is there, if it is for the key that the server has now. */
  async #subscription(): Promise<PushBrowser | undefined> {
    const [{ pushManager }, key] = await Promise.all([navigator.serviceWorker.ready, this.#serverKey()]);
    const there = await pushManager.getSubscription();
    // The browser lost it, and did not say so to the service worker: what was asked for is to be told all the same.
    if (!there && this.#last !== undefined && Notification.permission === 'granted') return this.#subscribe();
    if (!there || !isFor(there, key)) return undefined;
    const own = browserOf(there);
    await this.#renew(own);
    return own;
  }

  async #subscribe(): Promise<PushBrowser> {
    const [{ pushManager }, key] = await Promise.all([navigator.serviceWorker.ready, this.#serverKey()]);
    // One for another key would be in the way.
    await (await pushManager.getSubscription())?.unsubscribe();
    const own = browserOf(await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }));
    await this.#renew(own);
    return own;
  }

  /** Secret of the subscription that was there last. */
  get #last(): string | undefined {
    return this.#storage?.getItem(KEY) ?? undefined;
  }

  /** Its subscriptions go with it. The service worker does so as well, where its browser tells it. */
  async #renew(own: PushBrowser): Promise<void> {
    const last = this.#last;
    if (last === own.keys.auth) return;
    // Where the server knows nothing of the last one there is nothing to be lost.
    if (last !== undefined) await this.#notes.renew(last, own).catch(() => undefined);
    this.#storage?.setItem(KEY, own.keys.auth);
  }

  #serverKey(): Promise<string> {
    this.#key ??= this.#notes.key().catch((error: unknown) => {
      this.#key = undefined;
      throw error;
    });
    return this.#key;
  }
}

function browserOf(subscription: PushSubscription): PushBrowser {
  const { endpoint, keys } = subscription.toJSON();
  const { p256dh, auth } = keys ?? {};
  if (!endpoint || !p256dh || !auth) throw new TypeError('a push subscription without keys');
  return { endpoint, keys: { p256dh, auth } };
}

function isFor({ options: { applicationServerKey: bytes } }: PushSubscription, key: string): boolean {
  if (!bytes) return false;
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '') === key;
}
