/**
 * The part of a client that buyers need: events, booking, paying, tickets, the account. The elements and the pages make do with
 * it; `SeatcastClient` adds what sites of their own and organizers use.
 */
import type { Joined, Me, NewAccount, Session } from './accounts.ts';
import { Attempts, isAttemptKey, type UnsentBooking } from './attempts.ts';
import { sendOnce, type AcceptedTicket, type Booking, type BookingItem, type BookingRequest, type Cancellation, type Quote } from './booking.ts';
import type { Bookings } from './bookings.ts';
import type { EventDetails, EventList, EventQuery, EventSummary, SeatMapGeometry, ServerInfo } from './catalogue.ts';
import type { Connection } from './connection.ts';
import { debugLog } from './debug-log.ts';
import { LiveClient, type ClientOptions, type TopicKind } from './live-client.ts';
import { Keeper } from './keeper.ts';
import { keepAnswer, keptAnswer, rememberNumbers } from './last-known.ts';
import type { EventState, Model } from './model.ts';
import { seatsModel } from './seats-model.ts';
import { Countdown } from './clock.ts';
import { OwnBookings, type BookingsView, type Settled } from './own-bookings.ts';
import { OwnStep, type MakeStep } from './own-step.ts';
import type { PaymentAttempt, PaymentWish } from './payment.ts';
import { POLLING } from './road-bounds.ts';
import { given, Refusal, Unreachable, type Answer } from './rest.ts';
import type { SeatMapRuns } from './seat-runs.ts';
import { bookingStore, isBookingKey, type BookingStore, type KeptBooking, type TextStorage } from './store.ts';
import type { Subscription } from './subscription.ts';
import { userModel } from './user-model.ts';
import type { Waiting, WaitlistWish } from './waitlist.ts';

const MODELS: Partial<Record<TopicKind, unknown>> = { seats: seatsModel, user: userModel };

export class BuyerClient extends LiveClient {
  readonly #storage: TextStorage | undefined;
  readonly #keeper: Keeper;
  readonly #store: BookingStore;
  readonly #attempts: Attempts;
  readonly #own: OwnBookings;

  constructor(options: ClientOptions) {
    super({ ...options, fetch: noted(options.fetch) });
    this.#storage = options.storage;
    this.#keeper = new Keeper(options.storage);
    this.#store = bookingStore(this.#keeper);
    this.#own = this.#ownBookings();
    this.#attempts = new Attempts({ send: (request, key) => this.#sendBooking(request, key), caller: () => this.identity.caller }, this.#keeper);
  }

  // ── live ─────────────────────────────────────────────────────────────────────────────────────

  /**
   * The same for the caller's own bookings: with an account by the topic `user:`, of a guest by REST. When the
   * caller changes (`setToken`, `userId`), it begins anew.
   */
  watchBookings(listener: (view: BookingsView) => void): () => void {
    this.#attempts.resume();
    return this.#own.watch(listener);
  }

  /**
   * Says where the caller is on the way to a ticket of an event that is being watched, so that others see how
   * many are: `STEPS`, or a word of your own; undefined: not counted (any more). Nothing but
   * the counts is passed on. It ends with the watching, and with the link.
   */
  setStep(eventId: number, step: string | undefined): void {
    this.subscriptionTo(`event:${eventId}`)?.setStep(step);
  }

  override nudge(): void {
    super.nudge();
    this.#own.ask();
  }

  override storageChanged(key: string | null): void {
    if (isBookingKey(key)) this.#own.ask();
    if (isAttemptKey(key)) this.#attempts.moved();
  }

  /** Bookings that were made without an account may have changed: reads them. An account's need no asking. */
  refreshBookings(): void {
    this.#own.ask();
  }

  // ── the caller ───────────────────────────────────────────────────────────────────────────────

  /**
   * Registers. The answer is the same whether or not the address had an account; a mail tells its owner. One signs in once
   * the address is confirmed.
   */
  async register(account: NewAccount): Promise<void> {
    await this.#open('/auth/register', account);
  }

  /** The caller is the account's owner from now on. @throws Refusal (`BAD_CREDENTIALS`, `NO_SIGN_IN`) */
  async signIn(email: string, password: string): Promise<Session> {
    return this.#begin('/auth/login', { email, password });
  }

  /** Of the account that is signed in. @throws Refusal, Unreachable */
  async me(): Promise<Me> {
    return given(await this.rest.send<Me>('/auth/me'));
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
      await this.rest.send('/auth/logout', { method: 'POST', body: { everywhere } });
    } finally {
      this.setToken(undefined);
    }
  }

  /** Ends the session of a refresh token that nobody will use, whoever is signed in here. */
  async endSession(refresh_token: string): Promise<void> {
    await this.#open('/auth/logout', { refresh_token });
  }

  /** Proves the account's address by a mailed link, and sets the password: the one of the registration may be a stranger's. */
  async confirmEmail(token: string, password: string): Promise<void> {
    await this.#open('/auth/confirm', { token, password });
  }

  /** Has a link mailed by which a new password can be set. Nobody is told whether there is such an account. */
  async forgotPassword(email: string): Promise<void> {
    await this.#open('/auth/password/forgot', { email });
  }

  async resetPassword(token: string, password: string): Promise<void> {
    await this.#open('/auth/password/reset', { token, password });
  }

  /** Joins the organization of a mailed invitation. The caller's tokens end with it, as they do not say the new role. */
  async acceptInvitation(token: string): Promise<Joined> {
    return given(await this.rest.send<Joined>('/invitations/accept', { method: 'POST', body: { token } }));
  }

  async #begin(path: string, body: unknown): Promise<Session> {
    const session = given(await this.#open<Session>(path, body));
    this.setToken(session.access_token);
    return session;
  }

  /** The body proves enough: a token that has ended must not stand in the way of the next one. */
  #open<T>(path: string, body: unknown): Promise<Answer<T>> {
    return this.rest.send<T>(path, { method: 'POST', body, isOpen: true });
  }

  // ── reading ──────────────────────────────────────────────────────────────────────────────────

  async info(): Promise<ServerInfo> {
    return given(await this.rest.send<ServerInfo>('/api', { base: '' }));
  }

  /** Whether the caller has no account. */
  get isGuest(): boolean {
    return !this.identity.isSomebody;
  }

  /**
   * A booking that is made now is known here when the page is loaded again: the caller has an account, or there is a storage
   * that keeps the booking's token. Where it is not, a guest finds it again by an e-mail address only.
   */
  get isRemembered(): boolean {
    return !this.isGuest || this.#keeper.isLasting;
  }

  /**
   * Without a way to the server the last answer to the same question, if the storage has it: `rememberedAt` says as of when, by
   * the server's clock.
   */
  async events(query: EventQuery = {}): Promise<EventList> {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined && value !== '') parameters.set(name, String(value));
    }
    const storage = this.#storage;
    // The same question of another day.
    const asked = new URLSearchParams(parameters);
    for (const moment of ['from', 'to']) if (asked.has(moment)) asked.set(moment, '');
    try {
      const answer = await this.rest.send<EventSummary[]>(`/events?${parameters}`);
      const events = given(answer);
      const list = { events, total: Number(answer.headers.get('x-total-count') ?? events.length) };
      if (storage) keepAnswer(storage, this.url, `/events?${asked}`, this.now(), list);
      return list;
    } catch (error) {
      const known = storage && error instanceof Unreachable ? keptAnswer<EventList>(storage, this.url, `/events?${asked}`) : undefined;
      if (!known) throw error;
      return { ...known.value, rememberedAt: known.at };
    }
  }

  /** One event in full. A topic that is behind what this says catches up. */
  async event(id: number): Promise<EventDetails> {
    const event = given(await this.rest.send<EventDetails>(`/events/${id}`));
    this.expect(id, event.revision);
    return event;
  }

  /** The event's page in the server's own shop. */
  eventAddress(id: number): string {
    return `${this.url}/events/${id}`;
  }

  /** Positions of the seats. A layout never changes: ask again only for another one. */
  async seatMap(eventId: number, layout: number): Promise<SeatMapGeometry> {
    const path = `/events/${eventId}/seatmap?layout=${layout}&form=runs`;
    // Events without seats do without its reader.
    const [answer, { columnsOf }] = await Promise.all([this.rest.send<SeatMapRuns | SeatMapGeometry>(path), import('./seat-runs.ts').catch(notLoaded)]);
    const map = given(answer);
    // A server that does not know this form answers columns.
    return 'seats' in map ? map : columnsOf(map);
  }

  // ── booking ──────────────────────────────────────────────────────────────────────────────────

  /** The price of this booking now. Nothing is held. @throws Refusal for the reasons that booking it has, Unreachable */
  async quote(request: BookingRequest): Promise<Quote> {
    const headers = this.proofOfHold(request.event_id, request.vouchers ?? []);
    return given(await this.rest.send<Quote>('/bookings/quote', { method: 'POST', body: request, headers }));
  }

  /**
   * Books all items or none. Repeats itself while nobody answers, with one key, so never twice.
   * The key is kept until the answer: where nobody answered, or the page was loaded again meanwhile, `watchUnsent` tells.
   * @throws Refusal with the server's code (SOLD_OUT, SEAT_TAKEN, …); Unreachable when in doubt:
   *   the same `key` may be sent again later.
   */
  book(request: BookingRequest, key?: string): Promise<Booking> {
    return this.#attempts.make(request, key);
  }

  /**
   * Attempts to book whose end is unknown: of this page or an earlier one, of the same caller. One that was under way when the
   * page was left moments ago is asked about by itself; others wait for `bookAgain` or `forgetUnsent`.
   */
  watchUnsent(listener: (attempts: readonly UnsentBooking[]) => void): () => void {
    return this.#attempts.watch(listener);
  }

  /** Whether an attempt of this caller is kept whose end is unknown; not, once it is answered or given up, here or in another tab. */
  isUnsent({ key }: Pick<UnsentBooking, 'key'>): boolean {
    return this.#attempts.has(key);
  }

  /** Sends an attempt of `watchUnsent` again, with its key: it is booked once. @throws Refusal, Unreachable */
  bookAgain({ key }: Pick<UnsentBooking, 'key'>): Promise<Booking> {
    return this.#attempts.again(key);
  }

  /** Gives an attempt up, or puts its refusal away. If the server has it after all, the booking shows in `watchBookings`, of an account, or ends by itself. */
  forgetUnsent({ key }: Pick<UnsentBooking, 'key'>): void {
    this.#attempts.forget(key);
  }

  async #sendBooking(request: BookingRequest, key: string): Promise<Booking> {
    const answer = await sendOnce<Booking>(this.rest, '/bookings', { method: 'POST', body: request }, key);
    const booking = given(answer);
    const token = booking.token ?? answer.headers.get('x-booking-token') ?? undefined;
    this.#keep(booking, token, request.vouchers);
    this.#written(booking, answer);
    return booking;
  }

  #keep({ id, reference, event_id, version }: Booking, token: string | undefined, vouchers = this.#kept(id)?.vouchers): void {
    if (token) this.#store.keep({ id, reference, event_id, token, version, vouchers });
  }

  /**
   * Begins to pay a booking, or answers the attempt that is under way: asked again, it is the same one. The booking
   * itself tells how it goes on (`watchBookings`); it is confirmed when the money is there.
   * @throws Refusal (`INVALID_TRANSITION` when it is not held any more, `PAYMENT_REFUSED`), Unreachable
   */
  async pay({ id }: Pick<Booking, 'id'>, wish: PaymentWish = {}): Promise<PaymentAttempt> {
    const request = { method: 'POST', body: wish, headers: proof(this.#kept(id)) } as const;
    const attempt = given(await sendOnce<PaymentAttempt>(this.rest, `/bookings/${id}/payment`, request));
    this.#own.ask();
    const { redirect_url: to } = attempt;
    // A path is one of the server's, which need not be the page's.
    return to?.startsWith('/') ? { ...attempt, redirect_url: this.url + to } : attempt;
  }

  /**
   * Puts other tickets in place of those that a hold has: all of them, or it stays as it is. Its deadline does not move.
   * @throws Refusal for the reasons that booking them has, `INVALID_TRANSITION` when it is not held any more; Unreachable
   */
  async changeItems({ id }: Pick<Booking, 'id'>, items: BookingItem[]): Promise<Booking> {
    const kept = this.#kept(id);
    const answer = await sendOnce<Booking>(this.rest, `/bookings/${id}`, { method: 'PATCH', body: { items }, headers: proof(kept) });
    const booking = given(answer);
    if (kept) this.#store.keep({ ...kept, version: booking.version });
    this.#written(booking, answer);
    return booking;
  }

  /**
   * The money that cancelling a booking would give back; with codes of tickets, giving back these alone.
   * @throws Refusal for the reasons that `cancel` has, Unreachable
   */
  async cancellation({ id }: Pick<Booking, 'id'>, ticketCodes: readonly string[] = []): Promise<Cancellation> {
    const named = ticketCodes.length > 0 ? `?ticket_ids=${ticketCodes.map(encodeURIComponent).join(',')}` : '';
    return given(await this.rest.send<Cancellation>(`/bookings/${id}/cancellation${named}`, { headers: proof(this.#kept(id)) }));
  }

  /**
   * Cancels a booking; with codes of tickets only those, where the refund policy lets single ones be given back.
   * @throws Refusal (`INVALID_TRANSITION` when it has ended already, `REFUND_POLICY`), Unreachable
   */
  async cancel({ id }: Pick<Booking, 'id'>, why?: string, ticketCodes?: readonly string[]): Promise<Booking> {
    const kept = this.#kept(id);
    // Of single tickets it is told in the mail about the money.
    const reason = why ?? (ticketCodes ? undefined : 'cancelled by the buyer');
    const answer = await sendOnce<Booking>(this.rest, `/bookings/${id}/status`, {
      method: 'PUT',
      body: { status: 'cancelled', ...(reason ? { reason } : {}), ...(ticketCodes ? { ticket_ids: ticketCodes } : {}) },
      headers: proof(kept),
    });
    const booking = given(answer);
    // Other tabs of a guest hear of it by the storage.
    if (kept) this.#store.keep({ ...kept, version: booking.version });
    this.#written(booking, answer);
    return booking;
  }

  /**
   * The QR of a ticket of one's own, as SVG: of a booking, or one that was taken over, which its token proves where there is no
   * account. @throws Refusal (`TICKET_VOID`, `TICKET_REPLACED`), Unreachable
   */
  async ticketQr(code: string, of: { id?: Booking['id'] | number; token?: string }): Promise<Blob> {
    return this.#file(`/tickets/${encodeURIComponent(code)}/qr.svg`, proof(of.token ? of : this.#kept(of.id)));
  }

  /** Offers a ticket to somebody, who gets a mail; it stays as it is until they take it. @throws Refusal (`TRANSFER_PENDING`, …) */
  async offerTicket(code: string, to: { name: string; email: string }, { id }: Pick<Booking, 'id'>): Promise<void> {
    const request = { method: 'POST', body: to, headers: proof(this.#kept(id)) } as const;
    await sendOnce(this.rest, `/tickets/${encodeURIComponent(code)}/transfer`, request);
  }

  /** Withdraws the offer, if it was not taken: its link is dead. */
  async withdrawTicket(code: string, { id }: Pick<Booking, 'id'>): Promise<void> {
    await this.rest.send(`/tickets/${encodeURIComponent(code)}/transfer`, { method: 'DELETE', headers: proof(this.#kept(id)) });
  }

  /** Takes over the ticket of a mailed link: the code that it had opens nothing any more. Repeated, it is answered the same. */
  async acceptTicket(link: string): Promise<AcceptedTicket> {
    return given(await this.rest.send<AcceptedTicket>(`/transfers/${encodeURIComponent(link)}/accept`, { method: 'POST' }));
  }

  /** A booking's tickets to print: a PDF of 1,000 at most. The others are in further parts. */
  async ticketsPdf({ id }: Pick<Booking, 'id'>, part = 1): Promise<Blob> {
    return this.#file(`/bookings/${id}/tickets.pdf${part > 1 ? `?part=${part}` : ''}`, proof(this.#kept(id)));
  }

  /** A booking's invoice and credit notes: a PDF. @throws Refusal (`INVOICE_NOT_FOUND`: it has none, or none yet) */
  async invoicePdf({ id, event_id: event }: Pick<Booking, 'id' | 'event_id'>): Promise<Blob> {
    return this.#file(`/events/${event}/invoice/${id}.pdf`, proof(this.#kept(id)));
  }

  /** A booking's event for calendars: iCalendar. */
  async calendarEntry({ id }: Pick<Booking, 'id'>): Promise<Blob> {
    return this.#file(`/bookings/${id}/calendar.ics`, proof(this.#kept(id)));
  }

  /** Has a confirmed booking's tickets mailed again. @throws Refusal (`EVENT_CANCELLED`, `TICKET_NOT_FOUND`, `NO_ADDRESS`, `NO_MAIL`) */
  async resendTickets({ id }: Pick<Booking, 'id'>): Promise<void> {
    await this.rest.send(`/bookings/${id}/resend`, { method: 'POST', headers: proof(this.#kept(id)) });
  }

  /**
   * Asks for a lost booking: a link goes to the e-mail address that it was booked with. Nobody is told whether there is
   * such a booking.
   */
  async findBooking(reference: string, email: string): Promise<void> {
    await this.rest.send('/bookings/find', { method: 'POST', body: { reference, email } });
  }

  /** Opens a booking by the link that was mailed, and keeps what proves it this buyer's. @throws Refusal (`LINK_EXPIRED`) */
  async openLink(link: string): Promise<Booking> {
    const answer = await this.rest.send<Booking>('/bookings/open', { method: 'POST', body: { link } });
    const booking = given(answer);
    this.#keep(booking, booking.token);
    this.#written(booking, answer);
    return booking;
  }

  /** Has a code mailed that proves the address: `email_code` of a booking whose ticket types ask for it. */
  async askEmailCode(email: string): Promise<void> {
    await this.rest.send('/email-codes', { method: 'POST', body: { email } });
  }

  async booking(id: string): Promise<Booking> {
    const answer = await this.rest.send<Booking>(`/bookings/${id}`, { headers: proof(this.#kept(id)) });
    return given(answer);
  }

  /** The same by its reference. A guest's is known to this device, or asked for by `findBooking`. */
  async bookingOf(reference: string): Promise<Booking> {
    const kept = this.#store.all().find((one) => one.reference === reference.toUpperCase());
    return kept ? this.booking(kept.id) : given(await this.rest.send<Booking>(`/bookings/by-reference/${encodeURIComponent(reference)}`));
  }

  /** The caller's bookings, newest first; then those that this device made without an account. */
  async myBookings(): Promise<Booking[]> {
    return (await this.#readOwn(this.identity.isSomebody)).bookings;
  }

  /** The time that is left until a moment of the server, such as a hold's deadline. */
  countdown({ expires_at: end }: { expires_at: string | null }): Countdown | undefined {
    return end === null ? undefined : new Countdown(end, this.clock);
  }

  // ── the waitlist ─────────────────────────────────────────────────────────────────────────────

  /** Waits for tickets of an event that has not enough left. @throws Refusal (`NOT_SOLD_OUT`, `ALREADY_WAITING`, …) */
  async joinWaitlist(eventId: number, wish: WaitlistWish): Promise<Waiting> {
    return given(await sendOnce<Waiting>(this.rest, `/events/${eventId}/waitlist`, { method: 'POST', body: wish }));
  }

  /** The caller's places on waitlists, newest first. */
  async myWaiting(): Promise<Waiting[]> {
    return given(await this.rest.send<Waiting[]>('/waitlist/mine?limit=100'));
  }

  async leaveWaitlist({ id }: Pick<Waiting, 'id'>): Promise<Waiting> {
    return given(await this.rest.send<Waiting>(`/waitlist/${id}`, { method: 'DELETE' }));
  }

  /** Takes what is offered: it becomes a hold as any other, to be paid until the same deadline. @throws Refusal (`NO_OFFER`, `PENDING_BOOKING_EXISTS`) */
  async acceptOffer(offer: Pick<Booking, 'id'>): Promise<Booking> {
    const { id } = await this.#waitingFor(offer);
    const answer = await sendOnce<Booking>(this.rest, `/waitlist/${id}/accept`, { method: 'POST', body: undefined });
    const booking = given(answer);
    this.#written(booking, answer);
    return booking;
  }

  /** Gives back what is offered: the next in line gets it. */
  async declineOffer(offer: Pick<Booking, 'id'>): Promise<Waiting> {
    const { id } = await this.#waitingFor(offer);
    return given(await sendOnce<Waiting>(this.rest, `/waitlist/${id}/decline`, { method: 'POST', body: undefined }));
  }

  async #waitingFor(offer: Pick<Booking, 'id'>): Promise<Waiting> {
    const waiting = (await this.myWaiting()).find(({ booking_id: id }) => id === offer.id);
    // The newest hundred are listed: it is long over.
    return waiting ?? Promise.reject(new Refusal(409, 'The offer is over.', { code: 'NO_OFFER' }));
  }

  // ── inside ───────────────────────────────────────────────────────────────────────────────────

  #ownBookings(): OwnBookings {
    return new OwnBookings({
      clock: this.clock,
      user: () => this.identity.user,
      watchTopic: (user, listener) => this.watch(`user:${user}`, listener),
      amendTopic: (user, change) => {
        const subscription = this.subscriptionTo(`user:${user}`) as Subscription<Bookings> | undefined;
        subscription?.amend(change);
      },
      isSomebody: () => this.identity.isSomebody,
      read: async (settled) => {
        const isUnnamed = (): boolean => this.identity.isSomebody && this.identity.user === undefined;
        if (isUnnamed()) await this.#learnUser();
        return this.#readOwn(isUnnamed(), settled);
      },
      readOne: (id) => this.booking(id),
      isHeld: (id) => this.#kept(id) !== undefined,
    });
  }

  /** Other issuers name people as they like: our server says which user it is. Until then their bookings are read by REST. */
  async #learnUser(): Promise<void> {
    const { caller } = this.identity;
    const me = await this.me().catch(() => undefined);
    if (!me || caller !== this.identity.caller) return;
    this.identity.knownAs = me.id;
    this.#own.identityChanged();
  }

  /** Of the account, if so wished, and what was made here without one. */
  async #readOwn(ofAccount: boolean, settled: Settled = () => undefined): Promise<{ bookings: Booking[]; askedAt: number }> {
    const answer = ofAccount ? await this.rest.send<Booking[]>(`/bookings/mine?limit=${POLLING.bookingsMax}`) : undefined;
    const mine = answer ? given(answer) : [];
    const askedAt = answer?.askedAt ?? Math.floor(this.clock.now() * 1_000);
    const others = this.#store.all().filter((kept) => !mine.some(({ id }) => id === kept.id));
    const read = await Promise.all(others.map(({ id, version }) => settled(id, version) ?? this.booking(id).catch(unlessGone)));
    return { bookings: [...mine, ...read.filter((booking) => booking !== undefined)], askedAt };
  }

  protected override modelOf(kind: TopicKind): Model<unknown> {
    return (MODELS[kind] as Model<unknown> | undefined) ?? super.modelOf(kind);
  }

  protected override makeStep(): MakeStep {
    return (say, counted) => new OwnStep(say, counted);
  }

  override close(): void {
    this.#own.close();
    super.close();
  }

  protected override madeLink(link: Connection): void {
    link.stateChanged.on((state) => debugLog.note('link', state, { failures: link.failures }));
  }

  protected override madeSubscription(subscription: Subscription<unknown>): void {
    const { topic, changed } = subscription;
    if (this.#storage && topic.startsWith('event:')) rememberNumbers(this.#storage, this.url, this.clock, subscription as Subscription<EventState>);
    changed.on(({ status, revision, refused, state }) => debugLog.note('topic', `${topic} ${status} ${revision}`, refused ?? state));
  }

  protected override ownTopic(): string | undefined {
    const { user } = this.identity;
    return user === undefined ? undefined : `user:${user}`;
  }

  protected override callerChanged(): void {
    this.#own.identityChanged();
    this.#attempts.callerChanged();
    super.callerChanged();
  }

  /** A write of ours made a revision: viewers of the event are not current before they have it. */
  #written(booking: Booking, { revision }: Answer<unknown>): void {
    if (revision !== undefined) this.expect(booking.event_id, revision);
    this.#own.told(booking);
    this.pollSoon();
  }

  /** Pages that show no tickets do without its reader. */
  async #file(path: string, headers: Record<string, string>): Promise<Blob> {
    const { fileOf } = files ?? (await import('./files.ts').catch(notLoaded));
    return fileOf(this.rest, path, headers);
  }

  /**
   * Headers that prove a guest's hold of this event which may use these codes up: they still open something to its buyer. Of those
   * that this browser did not book it is not known, so it is the newest then.
   */
  proofOfHold(event: number, codes: readonly string[]): Record<string, string> {
    if (!codes[0]) return {};
    const kept = this.#store.all().filter(({ event_id: id }) => id === event);
    return proof(kept.find(({ vouchers }) => vouchers?.some((code) => codes.includes(code))) ?? kept[0]);
  }

  #kept(bookingId: unknown): KeptBooking | undefined {
    return this.#store.all().find(({ id }) => id === bookingId);
  }
}

let files: typeof import('./files.ts') | undefined;

/**
 * Scripts that offer files bring their reader. Loaded with the first file, at a gate where the network flickers, it may fail,
 * and some browsers never load a part again that once failed to load.
 */
export function bringFiles(reader: typeof import('./files.ts')): void {
  files = reader;
}

/** For the owner of a booking without an account. */
function proof(kept: { token?: string } | undefined): Record<string, string> {
  return kept?.token ? { 'x-booking-token': kept.token } : {};
}

/** A part of this script that cannot be fetched, without a network or after a deployment, is as far away as its data. */
function notLoaded(cause: unknown): never {
  throw new Unreachable(String(cause));
}

/** A booking that is not there any more is none. A server that is busy or cannot be reached says nothing about it. */
function unlessGone(error: unknown): undefined {
  if (error instanceof Refusal && error.status === 404) return undefined;
  throw error;
}

/** The same, with a line in the log for each request. */
function noted(given: typeof fetch | undefined): typeof fetch {
  // Called without a receiver: browsers refuse `fetch` as somebody's method.
  const send: typeof fetch = (input, init) => (given ?? globalThis.fetch)(input, init);
  return async (input, init) => {
    if (!debugLog.isOn) return send(input, init);
    const asked = `${init?.method ?? 'GET'} ${String(input)}`;
    try {
      const answer = await send(input, init);
      debugLog.note('request', `${asked} ${answer.status}`);
      return answer;
    } catch (error) {
      debugLog.note('request', `${asked} failed`, error);
      throw error;
    }
  };
}
