/**
 * A client of one Seatcast server: live topics, events, bookings.
 *
 *     const client = new SeatcastClient({ url: 'https://tickets.example' });
 *     const stop = client.watch('event:42', ({ state, status }) => …);
 *     const booking = await client.book({ event_id: 42, items: [{ ticket_type_id: 7, quantity: 2 }] });
 *     const stopToo = client.watchBookings(({ bookings }) => …);
 *
 * All topics share one connection, which opens with the first and closes with the last.
 */
import type { Joined, NewAccount, Session } from './accounts.ts';
import { sendOnce, type Booking, type BookingRequest, type HeldTicket, type Quote } from './booking.ts';
import type { Bookings } from './bookings.ts';
import type { EventDetails, EventQuery, EventSummary, SeatMapGeometry, ServerInfo, User } from './catalogue.ts';
import { Countdown, ServerClock } from './clock.ts';
import { Connection } from './connection.ts';
import type { Emitter } from './emitter.ts';
import { Fallback } from './fallback.ts';
import { Identity } from './identity.ts';
import { adminModel, eventModel, seatsModel, userModel, type AdminState, type EventState, type Model, type SeatsState } from './model.ts';
import { OwnBookings, type BookingsView, type Settled } from './own-bookings.ts';
import type { PaymentAttempt, PaymentWish } from './payment.ts';
import { POLLING } from './polling.ts';
import { Refusal, Rest, type Answer } from './rest.ts';
import { columnsOf, type SeatMapRuns } from './seat-runs.ts';
import { bookingStore, isBookingKey, type BookingStore, type KeptBooking, type TextStorage } from './store.ts';
import { Subscription } from './subscription.ts';
import type { TopicView } from './topic-state.ts';
import { noTransport, webSocketTransport, type OpenTransport, type WebSocketConstructor } from './transport.ts';
import type { Waiting, WaitlistWish } from './waitlist.ts';

/** State of a topic, by its kind. */
interface States {
  event: EventState;
  seats: SeatsState;
  /** For that user only. */
  user: Bookings;
  /** For the event's organizer only. */
  admin: AdminState;
}
export type Topic = `${keyof States}:${number}`;
export type StateOf<T extends Topic> = T extends `${infer Kind extends keyof States}:${number}` ? States[Kind] : never;

const MODELS = { event: eventModel, seats: seatsModel, user: userModel, admin: adminModel } as const;

export interface ClientOptions {
  /** `https://host`, or '' for the page's own server (browsers only). */
  url: string;
  /** JWT of the caller. Without one: anonymous. */
  token?: string;
  /** Called when the server says that the token ended: answers a new one, or undefined. */
  refreshToken?: () => Promise<string | undefined>;
  /** Keeps the tokens of anonymous bookings; memory by default. */
  storage?: TextStorage;
  /** Node before 22 has no WebSocket of its own: give it the class of npm `ws`. */
  WebSocket?: WebSocketConstructor;
  transport?: OpenTransport;
  fetch?: typeof fetch;
  language?: string;
}

/** A topic that nobody watches any more is left after this long: page changes come back to it. */
const LINGER_MS = 2_000;

interface Watched {
  subscription: Subscription<unknown>;
  watchers: number;
  leaving?: ReturnType<typeof setTimeout>;
}

export class SeatcastClient {
  /** Of the server, without a slash at its end. */
  readonly #url: string;
  readonly #clock = new ServerClock();
  readonly #identity: Identity;
  readonly #rest: Rest;
  readonly #connection: Connection;
  readonly #fallback: Fallback;
  readonly #store: BookingStore;
  readonly #own: OwnBookings;
  readonly #topics = new Map<string, Watched>();

  constructor(options: ClientOptions) {
    const url = (options.url || originOfPage()).replace(/\/+$/, '');
    this.#url = url;
    this.#identity = new Identity(options.token);
    this.#store = bookingStore(options.storage);
    this.#rest = new Rest({
      url,
      identity: () => this.#identity.headers,
      clock: this.#clock,
      ...(options.fetch ? { fetch: options.fetch } : {}),
      ...(options.language ? { language: options.language } : {}),
    });
    this.#connection = new Connection({
      url: `${url.replace(/^http/, 'ws')}/realtime/v1/websocket`,
      transport: options.transport ?? webSocketTransport(options.WebSocket) ?? noTransport,
      token: () => this.#identity.accessToken,
      refreshToken: async () => {
        const token = await options.refreshToken?.().catch(() => undefined);
        this.#identity.token = token;
      },
      clock: this.#clock,
    });
    this.#fallback = new Fallback(this.#rest, this.#connection, () => this.#watchedTopics(), () => this.#ownTopic());
    this.#own = this.#ownBookings();
    this.#identity.changed.on(() => this.#callerChanged());
  }

  // ── live ─────────────────────────────────────────────────────────────────────────────────────

  /**
   * Calls the listener now and at every change of the topic, until the returned function is called.
   * Watching a topic twice costs nothing more.
   */
  watch<T extends Topic>(topic: T, listener: (view: TopicView<StateOf<T>>) => void): () => void {
    const watched = this.#watched(topic);
    const subscription = watched.subscription as unknown as Subscription<StateOf<T>>;
    watched.watchers += 1;
    clearTimeout(watched.leaving);
    const off = subscription.changed.on(listener);
    listener(subscription.view);
    let watching = true;
    return () => {
      if (!watching) return;
      watching = false;
      off();
      watched.watchers -= 1;
      if (watched.watchers === 0) watched.leaving = setTimeout(() => this.#leave(topic), LINGER_MS);
    };
  }

  /**
   * The same for the caller's own bookings: with an account by the topic `user:`, of a guest by REST. When the
   * caller changes (`setToken`, `userId`), it begins anew.
   */
  watchBookings(listener: (view: BookingsView) => void): () => void {
    return this.#own.watch(listener);
  }

  /**
   * Says where the caller is on the way to a ticket of an event that is being watched, so that others see how
   * many are: `STEPS`, or a word of your own; undefined: not counted (any more). Nothing but
   * the counts is passed on. It ends with the watching, and with the link.
   */
  setStep(eventId: number, step: string | undefined): void {
    this.#topics.get(`event:${eventId}`)?.subscription.setStep(step);
  }

  /** The network is said to be back (`online`, a page shown again): do not wait, try now. */
  nudge(): void {
    this.#connection.nudge();
    this.#own.ask();
  }

  /** Another tab changed this key of the storage that we were given (a `storage` event; null: all of them). */
  storageChanged(key: string | null): void {
    if (isBookingKey(key)) this.#own.ask();
  }

  /** A guest's bookings may have changed: reads them. With an account there is no need to ask. */
  refreshBookings(): void {
    this.#own.ask();
  }

  /** Ends everything. Watched topics stay as they are. */
  close(): void {
    for (const topic of [...this.#topics.keys()]) this.#leave(topic);
    this.#fallback.stop();
    this.#connection.close();
  }

  // ── the caller ───────────────────────────────────────────────────────────────────────────────

  /** The caller is another one. A fresh token of the same user is no change. */
  get identityChanged(): Emitter<void> {
    return this.#identity.changed;
  }

  setToken(token: string | undefined): void {
    this.#identity.token = token;
    this.#tellSocket();
  }

  /** Development mode only: the server believes the number. */
  get userId(): number | undefined {
    return this.#identity.userId;
  }

  set userId(id: number | undefined) {
    if (id === this.userId) return;
    this.#identity.userId = id;
    this.#tellSocket();
  }

  /** Registers. The answer is the same whether or not the address had an account; a mail tells its owner. */
  async register(account: NewAccount): Promise<void> {
    await this.#rest.send('/auth/register', { method: 'POST', body: account });
  }

  /** The caller is the account's owner from now on. @throws Refusal (`BAD_CREDENTIALS`, `NO_SIGN_IN`) */
  async signIn(email: string, password: string): Promise<Session> {
    return this.#begin('/auth/login', { email, password });
  }

  /** Signs in by a mailed link. @throws Refusal (`LINK_EXPIRED`) */
  async openSignInLink(token: string): Promise<Session> {
    return this.#begin('/auth/link/open', { token });
  }

  /**
   * The next session, for a refresh token that is good once. Another tab that has the same one may be a moment faster.
   * @throws Refusal (`REFRESHED_MEANWHILE`: by that tab; `BAD_REFRESH_TOKEN`: sign in again)
   */
  async renewSession(refresh_token: string): Promise<Session> {
    return this.#begin('/auth/refresh', { refresh_token });
  }

  /** Ends the session, or all of the account. The caller is a guest afterwards, whatever the server says. */
  async signOut(everywhere = false): Promise<void> {
    try {
      await this.#rest.send('/auth/logout', { method: 'POST', body: { everywhere } });
    } finally {
      this.setToken(undefined);
    }
  }

  /** Proves the account's address by a mailed link. */
  async confirmEmail(token: string): Promise<void> {
    await this.#rest.send('/auth/confirm', { method: 'POST', body: { token } });
  }

  /** Has a link mailed by which a new password can be set. Nobody is told whether there is such an account. */
  async forgotPassword(email: string): Promise<void> {
    await this.#rest.send('/auth/password/forgot', { method: 'POST', body: { email } });
  }

  async resetPassword(token: string, password: string): Promise<void> {
    await this.#rest.send('/auth/password/reset', { method: 'POST', body: { token, password } });
  }

  /** Joins the organization of a mailed invitation. The caller's tokens end with it, as they do not say the new role. */
  async acceptInvitation(token: string): Promise<Joined> {
    return given(await this.#rest.send<Joined>('/invitations/accept', { method: 'POST', body: { token } }));
  }

  async #begin(path: string, body: unknown): Promise<Session> {
    const session = given(await this.#rest.send<Session>(path, { method: 'POST', body }));
    this.setToken(session.access_token);
    return session;
  }

  // ── reading ──────────────────────────────────────────────────────────────────────────────────

  async info(): Promise<ServerInfo> {
    return given(await this.#rest.send<ServerInfo>('/api', { base: '' }));
  }

  /** Development mode only: the people of the demo, listed with the rights of user 1. */
  async usersAsAdmin(): Promise<User[]> {
    return given(await this.#rest.send<User[]>('/users?limit=100', { headers: { 'x-user-id': '1' } }));
  }

  async events(query: EventQuery = {}): Promise<{ events: EventSummary[]; total: number }> {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined && value !== '') parameters.set(name, String(value));
    }
    const answer = await this.#rest.send<EventSummary[]>(`/events?${parameters}`);
    const events = given(answer);
    return { events, total: Number(answer.headers.get('x-total-count') ?? events.length) };
  }

  /** One event in full. A topic that is behind what this says catches up. */
  async event(id: number): Promise<EventDetails> {
    const event = given(await this.#rest.send<EventDetails>(`/events/${id}`));
    this.#expect(id, event.revision);
    return event;
  }

  /** Positions of the seats. A layout never changes: ask again only for another one. */
  async seatMap(eventId: number, layout: number): Promise<SeatMapGeometry> {
    const path = `/events/${eventId}/seatmap?layout=${layout}&form=runs`;
    const map = given(await this.#rest.send<SeatMapRuns | SeatMapGeometry>(path));
    // A server that does not know this form answers columns.
    return 'seats' in map ? map : columnsOf(map);
  }

  // ── booking ──────────────────────────────────────────────────────────────────────────────────

  /** The price of this booking now. Nothing is held. @throws Refusal for the reasons that booking it has, Unreachable */
  async quote(request: BookingRequest): Promise<Quote> {
    return given(await this.#rest.send<Quote>('/bookings/quote', { method: 'POST', body: request }));
  }

  /**
   * Books all items or none. Repeats itself while nobody answers, with one key, so never twice.
   * @throws Refusal with the server's code (SOLD_OUT, SEAT_TAKEN, …); Unreachable when in doubt:
   *   the same `key` may be sent again later.
   */
  async book(request: BookingRequest, key?: string): Promise<Booking> {
    const answer = await sendOnce<Booking>(this.#rest, '/bookings', { method: 'POST', body: request }, key);
    const booking = given(answer);
    const token = booking.token ?? answer.headers.get('x-booking-token') ?? undefined;
    if (token) this.#store.keep({ id: booking.id, event_id: booking.event_id, token, version: booking.version });
    this.#written(booking, answer);
    return booking;
  }

  /**
   * Begins to pay a booking, or answers the attempt that is under way: asked again, it is the same one. The booking
   * itself tells how it goes on (`watchBookings`); it is confirmed when the money is there.
   * @throws Refusal (`INVALID_TRANSITION` when it is not held any more, `PAYMENT_REFUSED`), Unreachable
   */
  async pay({ id }: Pick<Booking, 'id'>, wish: PaymentWish = {}): Promise<PaymentAttempt> {
    const request = { method: 'POST', body: wish, headers: proof(this.#kept(id)) } as const;
    const attempt = given(await sendOnce<PaymentAttempt>(this.#rest, `/bookings/${id}/payment`, request));
    this.#own.ask();
    const { redirect_url: to } = attempt;
    // A path is one of the server's, which need not be the page's.
    return to?.startsWith('/') ? { ...attempt, redirect_url: this.#url + to } : attempt;
  }

  /** @throws Refusal (`INVALID_TRANSITION` when it has ended already), Unreachable */
  async cancel({ id }: Pick<Booking, 'id'>, reason = 'cancelled by the buyer'): Promise<Booking> {
    const kept = this.#kept(id);
    const answer = await sendOnce<Booking>(this.#rest, `/bookings/${id}/status`, {
      method: 'PUT',
      body: { status: 'cancelled', reason },
      headers: proof(kept),
    });
    const booking = given(answer);
    // Other tabs of a guest hear of it by the storage.
    if (kept) this.#store.keep({ ...kept, version: booking.version });
    this.#written(booking, answer);
    return booking;
  }

  /** The QR of a ticket of one's own, as SVG. @throws Refusal (`TICKET_VOID`, `TICKET_REPLACED`), Unreachable */
  async ticketQr(code: string, { id }: Pick<Booking, 'id'>): Promise<Blob> {
    return this.#rest.file(`/tickets/${encodeURIComponent(code)}/qr.svg`, proof(this.#kept(id)));
  }

  /** Offers a ticket to somebody, who gets a mail; it stays as it is until they take it. @throws Refusal (`TRANSFER_PENDING`, …) */
  async offerTicket(code: string, to: { name: string; email: string }, { id }: Pick<Booking, 'id'>): Promise<void> {
    const request = { method: 'POST', body: to, headers: proof(this.#kept(id)) } as const;
    await sendOnce(this.#rest, `/tickets/${encodeURIComponent(code)}/transfer`, request);
  }

  /** Withdraws the offer, if it was not taken: its link is dead. */
  async withdrawTicket(code: string, { id }: Pick<Booking, 'id'>): Promise<void> {
    await this.#rest.send(`/tickets/${encodeURIComponent(code)}/transfer`, { method: 'DELETE', headers: proof(this.#kept(id)) });
  }

  /** Takes over the ticket of a mailed link: the code that it had opens nothing any more. Repeated, it is answered the same. */
  async acceptTicket(link: string): Promise<HeldTicket> {
    return given(await this.#rest.send<HeldTicket>(`/transfers/${encodeURIComponent(link)}/accept`, { method: 'POST' }));
  }

  /** The QR of a ticket that was handed to the caller. */
  async heldTicketQr({ code, token }: Pick<HeldTicket, 'code' | 'token'>): Promise<Blob> {
    return this.#rest.file(`/tickets/${encodeURIComponent(code)}/qr.svg`, { 'x-booking-token': token });
  }

  /** A booking's tickets to print: a PDF. */
  async ticketsPdf({ id }: Pick<Booking, 'id'>): Promise<Blob> {
    return this.#rest.file(`/bookings/${id}/tickets.pdf`, proof(this.#kept(id)));
  }

  /** A booking's event for calendars: iCalendar. */
  async calendarEntry({ id }: Pick<Booking, 'id'>): Promise<Blob> {
    return this.#rest.file(`/bookings/${id}/calendar.ics`, proof(this.#kept(id)));
  }

  /** Has a confirmed booking's tickets mailed again. @throws Refusal (`NO_ADDRESS`, `NO_MAIL`) */
  async resendTickets({ id }: Pick<Booking, 'id'>): Promise<void> {
    await this.#rest.send(`/bookings/${id}/resend`, { method: 'POST', headers: proof(this.#kept(id)) });
  }

  /**
   * Asks for a lost booking: a link goes to the e-mail address that it was booked with. Nobody is told whether there is
   * such a booking.
   */
  async findBooking(reference: string, email: string): Promise<void> {
    await this.#rest.send('/bookings/find', { method: 'POST', body: { reference, email } });
  }

  /** Opens a booking by the link that was mailed, and keeps what proves it this buyer's. @throws Refusal (`LINK_EXPIRED`) */
  async openLink(link: string): Promise<Booking> {
    const answer = await this.#rest.send<Booking>('/bookings/open', { method: 'POST', body: { link } });
    const booking = given(answer);
    const { id, event_id, token, version } = booking;
    if (token) this.#store.keep({ id, event_id, token, version });
    this.#written(booking, answer);
    return booking;
  }

  /** Has a code mailed that proves the address: `email_code` of a booking whose ticket types ask for it. */
  async askEmailCode(email: string): Promise<void> {
    await this.#rest.send('/email-codes', { method: 'POST', body: { email } });
  }

  async booking(id: string): Promise<Booking> {
    const answer = await this.#rest.send<Booking>(`/bookings/${id}`, { headers: proof(this.#kept(id)) });
    return given(answer);
  }

  /** The caller's bookings, newest first; without an account those that this device made. */
  async myBookings(): Promise<Booking[]> {
    return (await this.#readOwn()).bookings;
  }

  /** The time that is left of a hold, by the server's clock. */
  countdown({ expires_at: end }: Pick<Booking, 'expires_at'>): Countdown | undefined {
    return end === null ? undefined : new Countdown(end, this.#clock);
  }

  // ── the waitlist ─────────────────────────────────────────────────────────────────────────────

  /** Waits for tickets of an event that has not enough left. @throws Refusal (`NOT_SOLD_OUT`, `ALREADY_WAITING`, …) */
  async joinWaitlist(eventId: number, wish: WaitlistWish): Promise<Waiting> {
    return given(await sendOnce<Waiting>(this.#rest, `/events/${eventId}/waitlist`, { method: 'POST', body: wish }));
  }

  /** The caller's places on waitlists, newest first. */
  async myWaiting(): Promise<Waiting[]> {
    return given(await this.#rest.send<Waiting[]>('/waitlist/mine'));
  }

  async leaveWaitlist({ id }: Pick<Waiting, 'id'>): Promise<Waiting> {
    return given(await this.#rest.send<Waiting>(`/waitlist/${id}`, { method: 'DELETE' }));
  }

  /** Takes what is offered: it becomes a hold as any other, to be paid until the same deadline. @throws Refusal (`NO_OFFER`, `PENDING_BOOKING_EXISTS`) */
  async acceptOffer(offer: Pick<Booking, 'id'>): Promise<Booking> {
    const { id } = await this.#waitingFor(offer);
    const answer = await sendOnce<Booking>(this.#rest, `/waitlist/${id}/accept`, { method: 'POST', body: undefined });
    const booking = given(answer);
    this.#written(booking, answer);
    return booking;
  }

  /** Gives back what is offered: the next in line gets it. */
  async declineOffer(offer: Pick<Booking, 'id'>): Promise<Waiting> {
    const { id } = await this.#waitingFor(offer);
    return given(await sendOnce<Waiting>(this.#rest, `/waitlist/${id}/decline`, { method: 'POST', body: undefined }));
  }

  async #waitingFor(offer: Pick<Booking, 'id'>): Promise<Waiting> {
    const waiting = (await this.myWaiting()).find(({ booking_id: id }) => id === offer.id);
    // The newest hundred are listed: it is long over.
    return waiting ?? Promise.reject(new Refusal(409, 'The offer is over.', { code: 'NO_OFFER' }));
  }

  // ── inside ───────────────────────────────────────────────────────────────────────────────────

  #ownBookings(): OwnBookings {
    return new OwnBookings({
      clock: this.#clock,
      user: () => this.#identity.user,
      watchTopic: (user, listener) => this.watch(`user:${user}`, listener),
      amendTopic: (user, change) => {
        const subscription = this.#topics.get(`user:${user}`)?.subscription as Subscription<Bookings> | undefined;
        subscription?.amend(change);
      },
      read: (settled) => this.#readOwn(settled),
      readOne: (id) => this.booking(id),
    });
  }

  async #readOwn(settled: Settled = () => undefined): Promise<{ bookings: Booking[]; askedAt: number }> {
    if (this.#identity.isSomebody) {
      const answer = await this.#rest.send<Booking[]>(`/bookings/mine?limit=${POLLING.bookingsMax}`);
      return { bookings: given(answer), askedAt: answer.askedAt };
    }
    const askedAt = Math.floor(this.#clock.now() * 1_000);
    const read = this.#store.all().map(({ id, version }) => settled(id, version) ?? this.booking(id).catch(unlessGone));
    return { bookings: (await Promise.all(read)).filter((booking) => booking !== undefined), askedAt };
  }

  #ownTopic(): string | undefined {
    const { user } = this.#identity;
    return user === undefined ? undefined : `user:${user}`;
  }

  /** Leaves at once the topics that only the former caller may see, and asks again for those that were refused. */
  #callerChanged(): void {
    this.#own.identityChanged();
    for (const [topic, { watchers, subscription }] of [...this.#topics]) {
      if (topic.startsWith('user:') && watchers === 0) this.#leave(topic);
      else subscription.callerChanged();
    }
  }

  /** Tells the open link the new caller; a later link tells it with its joins. */
  #tellSocket(): void {
    const joined = this.#watchedTopics().find((subscription) => subscription.joined);
    if (!joined) return;
    const token = { access_token: this.#identity.accessToken ?? null };
    // Refused or lost, it is said again by the next join.
    this.#connection.push(joined.topic, 'access_token', token).catch(() => {});
  }

  #watchedTopics(): Subscription<unknown>[] {
    return [...this.#topics.values()].map(({ subscription }) => subscription);
  }

  #watched(topic: Topic): Watched {
    const known = this.#topics.get(topic);
    if (known) return known;
    const kind = topic.slice(0, topic.indexOf(':')) as keyof States;
    const subscription = new Subscription<unknown>(topic, this.#connection, MODELS[kind] as Model<never> as Model<unknown>);
    const watched: Watched = { subscription, watchers: 0 };
    this.#topics.set(topic, watched);
    subscription.start();
    this.#fallback.added(subscription);
    return watched;
  }

  #leave(topic: string): void {
    clearTimeout(this.#topics.get(topic)?.leaving);
    this.#topics.get(topic)?.subscription.stop();
    this.#topics.delete(topic);
    this.#fallback.left();
  }

  /** A write of ours made a revision: viewers of the event are not current before they have it. */
  #written(booking: Booking, { revision }: Answer<unknown>): void {
    if (revision !== undefined) this.#expect(booking.event_id, revision);
    this.#own.told(booking);
    this.#fallback.soon();
  }

  #expect(eventId: number, revision: number): void {
    for (const kind of ['event', 'seats', 'admin']) {
      this.#topics.get(`${kind}:${eventId}`)?.subscription.expect(revision);
    }
  }

  #kept(bookingId: string): KeptBooking | undefined {
    return this.#store.all().find(({ id }) => id === bookingId);
  }
}

/** For the owner of a booking without an account. */
function proof(kept: KeptBooking | undefined): Record<string, string> {
  return kept ? { 'x-booking-token': kept.token } : {};
}

/** A booking that is not there any more is none. A server that is busy or cannot be reached says nothing about it. */
function unlessGone(error: unknown): undefined {
  if (error instanceof Refusal && error.status === 404) return undefined;
  throw error;
}

function given<T>(answer: Answer<T>): T {
  if (answer.data === undefined) throw new TypeError('an answer without data');
  return answer.data;
}

function originOfPage(): string {
  const page = (globalThis as { location?: { origin: string } }).location;
  if (!page) throw new TypeError('SeatcastClient needs a url outside of a browser');
  return page.origin;
}
