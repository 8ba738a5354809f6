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
import type { OpenStream, Streamed } from './streams.ts';
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
  /** The socket answered the join, with the state or a refusal. */
  readonly socketAnswered = new Emitter<void>();
  readonly #connection: Connection;
  readonly #model: Model<S>;
  readonly #step: OwnStep;
  #view: TopicView<S> = { state: undefined, revision: 0, status: 'connecting', refused: undefined, counted: undefined };
  #joining = false;
  #joined = false;
  #answered = false;
  readonly #freshness = new Freshness();
  /** The newest revision that is known to exist. */
  #expected = 0;
  /** Proofs of less than we show, in a row. */
  #lowProofs = 0;
  /** Whole states older than ours, in a row, and when the last of them was counted. */
  #rewinds = 0;
  #rewoundAt = Number.NEGATIVE_INFINITY;
  /** The stream that brings frames while the socket does not. */
  #stream: OpenStream | undefined;
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

  /** Whether the socket, as it is now, has answered for this topic at all: frames come through it. */
  get answered(): boolean {
    return this.#answered;
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

  /**
   * A whole state from a poll. Taken if it is newer than what we have, or if the database was put back,
   * which polls tell only where nobody else brings the topic.
   */
  offer(revision: number, state: S): void {
    if (revision < this.#view.revision && (this.carried || !this.#wasRewound())) return;
    this.#offered(revision, state);
  }

  #offered(revision: number, state: S): void {
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

  /**
   * This revision was the newest just now. Proof of freshness iff it is what we show: with less, who says
   * so is behind what we have from elsewhere, or the database was put back.
   */
  prove(revision: number): void {
    this.expect(revision);
    if (revision === this.#view.revision) {
      this.#rewinds = 0;
      this.#lowProofs = 0;
      this.#freshness.proven(now());
    } else if (revision < this.#view.revision && this.carried) {
      this.#lowProofs += 1;
      if (this.#lowProofs % FRESHNESS.rewindsMax === 0) this.#fetchMissing();
    }
    this.#review();
  }

  // ── what the connection tells ────────────────────────────────────────────────────────────────

  linkOpened(): void {
    void this.#join();
  }

  linkLost(): void {
    this.#joined = false;
    this.#answered = false;
    clearTimeout(this.#rejoinTimer);
    this.#step.lost();
    if (!this.#stream) this.#presence(null);
    this.#freshness.linkDown(now());
    this.#review();
  }

  received(event: string, payload: JsonObject): void {
    if (event === 'update' && isUpdate(payload)) this.#update(payload);
    else if (event === 'presence') this.#presence(payload as unknown as PresenceCounts);
    else if (event === 'phx_error' || event === 'phx_close') this.#joinLater();
  }

  // ── what a stream tells ──────────────────────────────────────────────────────────────────────

  streamOpened(stream: OpenStream): void {
    this.#stream = stream;
  }

  streamLost(): void {
    this.#stream = undefined;
    // On to the socket: it proves by itself. Otherwise nobody does, until a poll.
    if (this.#joined) return;
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
    if (revision < this.#view.revision && !this.#wasRewound()) {
      // The node is behind what we have seen elsewhere, for a moment or for good: the next stream tells.
      this.#stream?.reopen(FRESHNESS.rejoinMs);
      return;
    }
    this.#offered(revision, this.#model.whole(state));
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
    this.#hasAnswered();
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

  #hasAnswered(): void {
    this.#answered = true;
    this.#freshness.linkUp();
    this.socketAnswered.emit();
  }

  /** Whether a whole state older than ours is the truth: the database was put back in time. */
  #wasRewound(): boolean {
    // Two roads that tell of one moment count as one.
    if (now() - this.#rewoundAt < FRESHNESS.rejoinMs / 2) return false;
    this.#rewoundAt = now();
    this.#rewinds += 1;
    if (this.#rewinds < FRESHNESS.rewindsMax) return false;
    this.#expected = 0;
    this.#view = { ...this.#view, revision: 0 };
    return true;
  }

  #notJoined(error: unknown): void {
    this.#joined = false;
    if (error instanceof ReplyError) {
      this.#hasAnswered();
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
    if (this.#stream && !this.#joined) this.#stream.reopen();
    else if (this.#connection.state === 'open') void this.#join();
  }

  /** Decides the status anew, and when to look again. */
  #review(): void {
    clearTimeout(this.#statusTimer);
    if (this.#stopped) return;
    const at = now();
    const status = this.#freshness.status(this.#view.state !== undefined, at);
    const wasLive = this.#view.status === 'live';
    this.#show({ ...this.#view, status });
    if (wasLive && status === 'stale' && this.carried && !this.#freshness.databaseIsSilent(at)) this.#fetchMissing();
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
