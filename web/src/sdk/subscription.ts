/**
 * One topic: its state, its revision, and whether that is the truth right now.
 *
 * - A frame says `from` and `to`. It is applied iff `from <= have < to`; `from: 0` replaces
 *   everything; `from` past what we have is a gap, and we join again with `since`.
 * - REST answers count as well (`offer`, `expect`): the newer of REST and socket is shown, and the
 *   revision never steps back.
 * - `live` is a claim that needs proof (`freshness.ts`): a beat, a frame, a join's reply or a poll,
 *   not older than 12 s, and nothing newer known to exist. Otherwise it is `stale`, and we do
 *   something about it.
 * - Who is here (presence) has no revision: it is known while a link brings it, and forgotten with it.
 */
import { ReplyError, type Channel, type Connection } from './connection.ts';
import { Emitter } from './emitter.ts';
import { Freshness, FRESHNESS, type TopicStatus } from './freshness.ts';
import type { Streamed } from './streams.ts';
import type { Model } from './model.ts';
import { OwnStep } from './own-step.ts';
import {
  isJoinResponse,
  isUpdate,
  type ErrorResponse,
  type JoinResponse,
  type JsonObject,
  type PresenceCounts,
  type Update,
} from './protocol.ts';

export interface TopicView<S> {
  state: S | undefined;
  /** The event's counter of changes that `state` shows; 0 before the first. */
  revision: number;
  status: TopicStatus;
  /** The server refused the topic (no such event, …); it is not asked again when `retry` is never. */
  refused: ErrorResponse | undefined;
  /** The step at which the counts of presence include ourselves; undefined while they do not. */
  counted: string | undefined;
}

type Timer = ReturnType<typeof setTimeout> | undefined;

export class Subscription<S> implements Channel, Streamed {
  readonly topic: string;
  readonly changed = new Emitter<TopicView<S>>();
  readonly #connection: Connection;
  readonly #model: Model<S>;
  readonly #step: OwnStep;
  #view: TopicView<S> = { state: undefined, revision: 0, status: 'connecting', refused: undefined, counted: undefined };
  #joining = false;
  #joined = false;
  readonly #freshness = new Freshness();
  /** The newest revision that is known to exist. */
  #expected = 0;
  #rewinds = 0;
  /** The stream that brings frames while the socket does not. */
  #stream: { reopen(): void } | undefined;
  #statusTimer: Timer;
  #arrivalTimer: Timer;
  #rejoinTimer: Timer;
  #stopped = false;

  constructor(topic: string, connection: Connection, model: Model<S>) {
    this.topic = topic;
    this.#connection = connection;
    this.#model = model;
    this.#step = new OwnStep(
      async (step) => void (await connection.push(topic, 'presence', { step: step ?? null })),
      (counted) => this.#show({ ...this.#view, counted }),
    );
    // While a first attempt is under way we are not «down» yet.
    if (connection.state === 'waiting' || connection.state === 'closed') this.#freshness.linkDown(now());
  }

  get view(): TopicView<S> {
    return this.#view;
  }

  /** Whether the socket brings this topic's frames. If not, a stream may. */
  get joined(): boolean {
    return this.#joined;
  }

  /** Whether somebody brings this topic's frames. If not, polling may. */
  get carried(): boolean {
    return this.#joined || this.#stream !== undefined;
  }

  start(): void {
    this.#connection.attach(this.topic, this);
    this.#review();
  }

  stop(): void {
    this.#stopped = true;
    this.#step.lost();
    for (const timer of [this.#statusTimer, this.#arrivalTimer, this.#rejoinTimer]) clearTimeout(timer);
    this.#connection.detach(this.topic);
  }

  /** Where we are on the way to a ticket; undefined: not counted. */
  setStep(step: string | undefined): void {
    this.#step.want(step);
  }

  /** Somebody (a REST write, a beat) says that this revision exists. It should arrive by itself. */
  expect(revision: number): void {
    if (revision <= this.#expected) return;
    this.#expected = revision;
    if (revision <= this.#view.revision || this.#arrivalTimer) return;
    this.#arrivalTimer = setTimeout(() => this.#isLate(), FRESHNESS.arrivalMs);
  }

  /** A whole state from elsewhere (REST, a poll). Taken iff it is newer than what we have. */
  offer(revision: number, state: S): void {
    if (revision > this.#view.revision || this.#view.state === undefined) {
      this.#take(state, revision);
    }
    this.#show({ ...this.#view, refused: undefined });
    this.prove(revision);
  }

  /** The server refused the topic, by another road. */
  refuse(refused: ErrorResponse): void {
    this.#show({ ...this.#view, refused });
  }

  /** This revision was the newest just now. Proof of freshness iff we have it. */
  prove(revision: number): void {
    this.expect(revision);
    if (revision <= this.#view.revision) this.#freshness.proven(now());
    this.#review();
  }

  // ── what the connection tells ────────────────────────────────────────────────────────────────

  linkOpened(): void {
    this.#freshness.linkUp();
    void this.#join();
  }

  linkLost(): void {
    this.#joined = false;
    clearTimeout(this.#rejoinTimer);
    this.#step.lost();
    this.#presence(null);
    this.#freshness.linkDown(now());
    this.#review();
  }

  received(event: string, payload: JsonObject): void {
    if (event === 'update' && isUpdate(payload)) this.#update(payload);
    else if (event === 'presence') this.#presence(payload as unknown as PresenceCounts);
    else if (event === 'phx_error' || event === 'phx_close') this.#joinLater();
  }

  // ── what a stream tells ──────────────────────────────────────────────────────────────────────

  streamOpened(stream: { reopen(): void }): void {
    this.#stream = stream;
  }

  streamLost(): void {
    this.#stream = undefined;
    // On to the socket: it proves by itself. Otherwise nobody does, until a poll.
    if (this.#joined || this.#connection.state === 'open') return;
    this.#presence(null);
    this.#freshness.roadLost(now());
    this.#review();
  }

  streamSaid(event: string, payload: JsonObject): void {
    // The socket came back meanwhile: it is as good, and later.
    if (this.#joined) return;
    if (event === 'snapshot' && isJoinResponse(payload)) this.#snapshot(payload);
    else this.received(event, payload);
  }

  #snapshot({ revision, state }: JoinResponse): void {
    if (revision < this.#view.revision && !this.#wasRewound()) return;
    this.offer(revision, this.#model.whole(state));
  }

  /** A beat, by whatever road. */
  beat(revision: number, checkedAt: string, databaseDown = false): void {
    if (databaseDown) {
      this.#freshness.databaseLost(checkedAt, now());
      this.expect(revision);
      this.#review();
    } else if (this.#freshness.beat(checkedAt, now())) {
      this.prove(revision);
    } else {
      this.expect(revision);
    }
  }

  // ── joining ──────────────────────────────────────────────────────────────────────────────────

  async #join(): Promise<void> {
    if (this.#joining || this.#stopped) return;
    this.#joining = true;
    clearTimeout(this.#rejoinTimer);
    const since = this.#view.state === undefined ? {} : { since: this.#view.revision };
    const step = this.#step.wanted;
    const presence = step === undefined ? {} : { presence: { step } };
    try {
      this.#accepted(await this.#connection.join(this.topic, { ...since, ...presence }));
      this.#step.said(step);
    } catch (error) {
      this.#notJoined(error);
    } finally {
      this.#joining = false;
    }
  }

  #accepted(response: JsonObject): void {
    if (!isJoinResponse(response)) throw new TypeError('a join reply without state');
    const { revision, resumed, state } = response;
    const before = this.#view.state;
    this.#joined = true;
    this.#show({ ...this.#view, refused: undefined });
    if (resumed && before !== undefined) {
      // What changed after `since`; a poll may have brought us further meanwhile.
      if (revision > this.#view.revision) this.#take(this.#model.changed(before, state), revision);
    } else if (revision >= this.#view.revision || this.#wasRewound()) {
      this.#take(this.#model.whole(state), revision);
    }
    if (this.#view.revision > revision || this.#expected > this.#view.revision) {
      // The node itself is behind what we have seen elsewhere: it will not be for long.
      this.#joinLater();
    } else if (this.#freshness.databaseIsSilent(now())) {
      this.#review();
    } else {
      this.prove(revision);
    }
  }

  /** Whether a whole state older than ours is the truth: the database was put back in time. */
  #wasRewound(): boolean {
    this.#rewinds += 1;
    if (this.#rewinds < FRESHNESS.rewindsMax) return false;
    this.#expected = 0;
    this.#view = { ...this.#view, revision: 0 };
    return true;
  }

  #notJoined(error: unknown): void {
    this.#joined = false;
    if (error instanceof ReplyError) {
      this.#show({ ...this.#view, refused: error.response });
      this.#review();
      if (error.response.retry === 'never') return;
      this.#joinLater();
    } else if (this.#connection.state === 'open') {
      // The link is open and does not answer, or answers nonsense: get another one.
      this.#connection.reset('join failed');
    }
  }

  #joinLater(): void {
    this.#joined = false;
    clearTimeout(this.#rejoinTimer);
    this.#rejoinTimer = setTimeout(() => {
      if (this.#connection.state === 'open') void this.#join();
    }, FRESHNESS.rejoinMs);
    this.#review();
  }

  // ── frames ───────────────────────────────────────────────────────────────────────────────────

  #update(update: Update & JsonObject): void {
    const { state, revision } = this.#view;
    if (update.to <= revision) return;
    if (update.from > revision || state === undefined) {
      // A gap: the reply of the join brings what is missing.
      this.expect(update.to);
      this.#fetchMissing();
      return;
    }
    try {
      const next = update.from === 0 ? this.#model.whole(update) : this.#model.changed(state, update);
      this.#take(next, update.to);
    } catch {
      this.#connection.reset('malformed update');
      this.#stream?.reopen();
      return;
    }
    this.prove(update.to);
  }

  #presence(counts: PresenceCounts | null): void {
    const { state } = this.#view;
    if (state === undefined || !this.#model.presence) return;
    const counted = counts ? this.#step.countsCame() : undefined;
    this.#show({ ...this.#view, state: this.#model.presence(state, counts), counted });
  }

  #take(state: S, revision: number): void {
    this.#rewinds = 0;
    if (revision >= this.#expected) {
      clearTimeout(this.#arrivalTimer);
      this.#arrivalTimer = undefined;
      this.#freshness.late = false;
    }
    this.#show({ ...this.#view, state, revision: Math.max(revision, this.#view.revision) });
  }

  // ── freshness ────────────────────────────────────────────────────────────────────────────────

  /** What we know to exist did not come in time. */
  #isLate(): void {
    this.#arrivalTimer = undefined;
    if (this.#expected <= this.#view.revision) return;
    this.#freshness.late = true;
    this.#review();
    this.#fetchMissing();
  }

  /** Asks for what came after our revision, by the road that there is. */
  #fetchMissing(): void {
    if (this.#connection.state === 'open') void this.#join();
    else this.#stream?.reopen();
  }

  /** Decides the status anew, and when to look again. */
  #review(): void {
    clearTimeout(this.#statusTimer);
    if (this.#stopped) return;
    const at = now();
    const status = this.#freshness.status(this.#view.state !== undefined, at);
    const wasLive = this.#view.status === 'live';
    this.#show({ ...this.#view, status });
    if (wasLive && status === 'stale' && this.#joined && !this.#freshness.databaseIsSilent(at)) void this.#join();
    const nextMs = this.#freshness.changesInMs(status, at);
    if (nextMs !== undefined) this.#statusTimer = setTimeout(() => this.#review(), nextMs);
  }

  #show(view: TopicView<S>): void {
    const before = this.#view;
    this.#view = view;
    const same =
      before.state === view.state &&
      before.revision === view.revision &&
      before.status === view.status &&
      before.refused === view.refused &&
      before.counted === view.counted;
    if (!same) this.changed.emit(view);
  }
}

function now(): number {
  return performance.now();
}
