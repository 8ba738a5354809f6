/**
 * One topic: its state, its revision, and whether that is the truth right now.
 *
 * - A frame says `from` and `to`. It is applied iff `from <= have < to`; `from: 0` replaces
 *   everything; `from` past what we have is a gap, and we join again with `since`.
 * - REST answers count as well (`offer`, `expect`): the newer of REST and socket is shown, and the
 *   revision never steps back.
 * - `live` is a claim that needs proof: a beat, a frame, a join's reply or a poll, not older than
 *   12 s, and nothing newer known to exist. Otherwise it is `stale`, and we do something about it.
 */
import { Emitter } from './emitter.ts';
import { ReplyError, type Channel, type Connection } from './connection.ts';
import type { Model } from './model.ts';
import {
  isJoinResponse,
  isUpdate,
  type ErrorResponse,
  type JsonObject,
  type PresenceCounts,
  type Update,
} from './protocol.ts';

export type TopicStatus =
  /** Nothing to show yet. */
  | 'connecting'
  /** Proven current. */
  | 'live'
  /** The last numbers that we know; newer ones may exist. Recovering. */
  | 'stale'
  /** No way to the server for a while. The last numbers that we know, if any. */
  | 'offline';

export interface TopicView<S> {
  state: S | undefined;
  /** The event's counter of changes that `state` shows; 0 before the first. */
  revision: number;
  status: TopicStatus;
  /** The server refused the topic (no such event, …); it is not asked again when `retry` is never. */
  refused: ErrorResponse | undefined;
}

/** Bounds of freshness, in milliseconds. */
export const FRESHNESS = {
  /** Longest time that a proof counts: two beats of 5 s, and some. */
  proofMs: 12_000,
  /** What we know to exist gets this long to arrive before we call ourselves stale. */
  arrivalMs: 1_000,
  /** A lost link is «stale» for this long, then «offline». */
  offlineAfterMs: 10_000,
  /** Pause before a join that was refused, or that did not bring us up to date, is tried again. */
  rejoinMs: 2_000,
  /** So many whole states in a row older than ours mean that the database was put back. */
  rewindsMax: 3,
} as const;

type Timer = ReturnType<typeof setTimeout> | undefined;

export class Subscription<S> implements Channel {
  readonly topic: string;
  readonly changed = new Emitter<TopicView<S>>();
  readonly #connection: Connection;
  readonly #model: Model<S>;
  #view: TopicView<S> = { state: undefined, revision: 0, status: 'connecting', refused: undefined };
  #joining = false;
  #joined = false;
  /** Monotonic time of the last proof. */
  #provenAt = Number.NEGATIVE_INFINITY;
  /** Monotonic time since when there is no link; undefined while there is one. */
  #downSince: number | undefined;
  /** The newest revision known to exist, and since when we wait for it. */
  #expected = 0;
  #late = false;
  /** The newest `checked_at` of a beat on this link, and the monotonic time of the beats. */
  #checkedAt = Number.NEGATIVE_INFINITY;
  #checkedAdvancedAt = Number.NEGATIVE_INFINITY;
  #beatAt = Number.NEGATIVE_INFINITY;
  #rewinds = 0;
  #statusTimer: Timer;
  #arrivalTimer: Timer;
  #rejoinTimer: Timer;
  #stopped = false;

  constructor(topic: string, connection: Connection, model: Model<S>) {
    this.topic = topic;
    this.#connection = connection;
    this.#model = model;
    // Until the first link is up we are not «down» yet: the first attempt has not failed.
    if (connection.state === 'waiting' || connection.state === 'closed') this.#downSince = now();
  }

  get view(): TopicView<S> {
    return this.#view;
  }

  /** Whether the socket brings this topic's frames. If not, polling may. */
  get joined(): boolean {
    return this.#joined;
  }

  start(): void {
    this.#connection.attach(this.topic, this);
    this.#review();
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of [this.#statusTimer, this.#arrivalTimer, this.#rejoinTimer]) clearTimeout(timer);
    this.#connection.detach(this.topic);
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
    this.prove(revision);
  }

  /** This revision was the newest just now. Proof of freshness iff we have it. */
  prove(revision: number): void {
    this.expect(revision);
    if (revision <= this.#view.revision) this.#provenAt = now();
    this.#review();
  }

  // ── what the connection tells ────────────────────────────────────────────────────────────────

  linkOpened(): void {
    this.#downSince = undefined;
    void this.#join();
  }

  linkLost(): void {
    this.#joined = false;
    clearTimeout(this.#rejoinTimer);
    if (this.#downSince === undefined) {
      this.#downSince = now();
      // What was proven was proven over a link that is gone. (Later attempts that fail take
      // nothing away from what polling proves meanwhile.)
      this.#provenAt = Number.NEGATIVE_INFINITY;
      this.#checkedAt = Number.NEGATIVE_INFINITY;
      this.#beatAt = Number.NEGATIVE_INFINITY;
    }
    this.#review();
  }

  received(event: string, payload: JsonObject): void {
    if (event === 'update' && isUpdate(payload)) this.#update(payload);
    else if (event === 'presence') this.#presence(payload as unknown as PresenceCounts);
    else if (event === 'phx_error' || event === 'phx_close') this.#joinLater();
  }

  beat(revision: number, checkedAt: string): void {
    const checked = Date.parse(checkedAt);
    this.#beatAt = now();
    // A node that lost its database goes on beating, with the time at which it last heard from it:
    // only a beat whose time advanced proves anything.
    if (checked > this.#checkedAt) {
      this.#checkedAt = checked;
      this.#checkedAdvancedAt = now();
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
    try {
      this.#accepted(await this.#connection.join(this.topic, since));
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
    } else if (this.#databaseIsSilent()) {
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
      void this.#join();
      return;
    }
    try {
      const next = update.from === 0 ? this.#model.whole(update) : this.#model.changed(state, update);
      this.#take(next, update.to);
    } catch {
      this.#connection.reset('malformed update');
      return;
    }
    this.prove(update.to);
  }

  #presence(counts: PresenceCounts): void {
    const { state } = this.#view;
    if (state === undefined || !this.#model.presence) return;
    this.#show({ ...this.#view, state: this.#model.presence(state, counts) });
  }

  #take(state: S, revision: number): void {
    this.#rewinds = 0;
    if (revision >= this.#expected) {
      clearTimeout(this.#arrivalTimer);
      this.#arrivalTimer = undefined;
      this.#late = false;
    }
    this.#show({ ...this.#view, state, revision: Math.max(revision, this.#view.revision) });
  }

  // ── freshness ────────────────────────────────────────────────────────────────────────────────

  /** What we know to exist did not come in time. */
  #isLate(): void {
    this.#arrivalTimer = undefined;
    if (this.#expected <= this.#view.revision) return;
    this.#late = true;
    this.#review();
    if (this.#connection.state === 'open') void this.#join();
  }

  /** Decides the status anew, and when to look again. */
  #review(): void {
    clearTimeout(this.#statusTimer);
    if (this.#stopped) return;
    const status = this.#status();
    const wasLive = this.#view.status === 'live';
    this.#show({ ...this.#view, status });
    if (wasLive && status === 'stale' && this.#joined && !this.#databaseIsSilent()) void this.#join();
    const nextMs = this.#nextReviewMs(status);
    if (nextMs !== undefined) this.#statusTimer = setTimeout(() => this.#review(), nextMs);
  }

  #status(): TopicStatus {
    const proven = now() - this.#provenAt < FRESHNESS.proofMs;
    if (this.#view.state !== undefined && proven && !this.#late) return 'live';
    if (this.#isOffline()) return 'offline';
    return this.#view.state === undefined ? 'connecting' : 'stale';
  }

  /** Beats come, and none of them advanced for too long: asking again would change nothing. */
  #databaseIsSilent(): boolean {
    const at = now();
    return at - this.#beatAt < FRESHNESS.proofMs && at - this.#checkedAdvancedAt >= FRESHNESS.proofMs;
  }

  #isOffline(): boolean {
    return this.#downSince !== undefined && now() - this.#downSince >= FRESHNESS.offlineAfterMs;
  }

  #nextReviewMs(status: TopicStatus): number | undefined {
    if (status === 'live') return Math.max(0, this.#provenAt + FRESHNESS.proofMs - now());
    if (status === 'offline' || this.#downSince === undefined) return undefined;
    return Math.max(0, this.#downSince + FRESHNESS.offlineAfterMs - now());
  }

  #show(view: TopicView<S>): void {
    const before = this.#view;
    this.#view = view;
    const same =
      before.state === view.state &&
      before.revision === view.revision &&
      before.status === view.status &&
      before.refused === view.refused;
    if (!same) this.changed.emit(view);
  }
}

function now(): number {
  return performance.now();
}
