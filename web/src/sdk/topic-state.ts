/**
 * State and revision of one topic, and whether they are the truth right now. Every kind of topic goes through
 * here; its `Model` says how a frame changes the state, and `subscription.ts` gets the frames.
 *
 * - A frame says `from` and `to`. It is applied iff `from <= have < to`; `from: 0` replaces
 *   everything; `from` past our revision is a gap, and the missing changes are fetched.
 * - REST answers count as well (`offer`, `expect`, `amend`): the newer of REST and socket is shown, and the
 *   revision never steps back. A whole state older than ours is believed only when the database was put
 *   back (`rewind.ts`).
 * - `live` is a claim that needs proof (`freshness.ts`): a beat, a frame, a join's reply or a poll,
 *   not older than 12 s, and nothing newer known to exist. Otherwise it is `stale`, and we do
 *   something about it.
 * - Presence and its like come beside the revision: they are known while a link brings them, and forgotten with it.
 */
import { Arrival } from './arrival.ts';
import { Emitter } from './emitter.ts';
import { Freshness, FRESHNESS, type TopicStatus } from './freshness.ts';
import type { Model } from './model.ts';
import type { ErrorResponse, JoinResponse, JsonObject, Update } from './protocol.ts';
import { Rewind } from './rewind.ts';

export interface TopicView<S> {
  state: S | undefined;
  /** The topic's counter of changes that `state` shows; 0 before the first. */
  revision: number;
  status: TopicStatus;
  /** The server refused the topic (no such event, …); it is not asked again when `retry` is never. */
  refused: ErrorResponse | undefined;
  /** The step at which the counts of presence include ourselves; undefined while they do not. */
  counted: string | undefined;
  /** The state is of an earlier visit, kept in the storage: current at this moment of the server, in milliseconds since 1970. */
  rememberedAt?: number | undefined;
}

export abstract class TopicState<S> {
  readonly changed = new Emitter<TopicView<S>>();
  protected readonly freshness = new Freshness();
  readonly #model: Model<S>;
  readonly #rewind = new Rewind();
  readonly #arrival = new Arrival(() => this.#late());
  #view: TopicView<S> = { state: undefined, revision: 0, status: 'connecting', refused: undefined, counted: undefined };
  /** Proofs of less than we show, in a row. */
  #lowProofs = 0;
  /**
   * The source's last whole state was older than ours, and not believed: it may go by another history (the database
   * was put back). Its changes and proofs say nothing of our state then, however its revisions compare.
   */
  #doubted = false;
  /** Changes that REST told before there was a state to apply them to. */
  #early: ((state: S) => S)[] = [];
  #statusTimer: ReturnType<typeof setTimeout> | undefined;
  #remembered: (() => { state: S; at: number } | undefined) | undefined;
  #ended = false;

  constructor(model: Model<S>) {
    this.#model = model;
  }

  /** Whether a socket or a stream brings this topic's frames. If not, polling may. */
  abstract get carried(): boolean;
  /** Asks for the changes after our revision. */
  protected abstract fetchMissing(): void;
  /** Our state was proven to be the newest. */
  protected abstract upToDate(): void;

  get view(): TopicView<S> {
    return this.#view;
  }

  protected end(): void {
    this.#ended = true;
    this.#arrival.stop();
    clearTimeout(this.#statusTimer);
    // For those who still look on when the client is closed: nobody proves this any more.
    this.show({ status: 'offline' });
  }

  /** Where to look for the state of an earlier visit, should there be no way to the server. */
  remembers(remembered: () => { state: S; at: number } | undefined): void {
    this.#remembered = remembered;
  }

  // ── from REST ────────────────────────────────────────────────────────────────────────────────

  /** Somebody (a REST write, a beat) says that this revision exists. It should arrive by itself. */
  expect(revision: number): void {
    this.#arrival.expect(revision, this.#view.revision);
  }

  /**
   * A whole state from a poll. Taken if it is newer than ours, or if the database was put back, which polls
   * tell only while neither socket nor stream brings the topic.
   */
  offer(revision: number, state: S, countsMs?: number): void {
    if (revision < this.#view.revision && (this.carried || !this.#isRewound(true))) return;
    this.#offered(revision, state, countsMs);
  }

  #offered(revision: number, state: S, countsMs?: number): void {
    if (revision > this.#view.revision || this.#view.state === undefined) this.#take(state, revision);
    this.show({ refused: undefined });
    this.prove(revision, countsMs);
  }

  /** Part of the state that REST told without a revision, such as a booking that was just made. */
  amend(change: (state: S) => S): void {
    const { state } = this.#view;
    if (state === undefined) this.#early.push(change);
    else this.show({ state: change(state) });
  }

  /** Everything that the topic is about, read by a poll, without a revision. */
  polled(change: (state: S) => S, countsMs?: number): void {
    const state = this.#view.state ?? this.#model.none;
    if (state === undefined) return;
    // Everything that was missing is in it.
    if (!this.carried) this.#arrival.forget();
    this.#take(change(state), this.#view.revision);
    this.show({ refused: undefined });
    if (!this.carried) this.freshness.proven(now(), countsMs);
    this.review();
  }

  /** The server refused the topic. */
  refuse(refused: ErrorResponse): void {
    this.show({ refused });
  }

  /**
   * This revision was the newest just now. It proves our state iff it is ours. If it is lower, the node is
   * behind another one that we heard from, or the database was put back. `countsMs`: how long it is a proof.
   */
  prove(revision: number, countsMs?: number): void {
    this.expect(revision);
    if (this.#doubted && revision >= this.#view.revision) {
      // The node has as much as we have by now: it can say which changes follow ours, or that ours are not its.
      this.fetchMissing();
    } else if (revision === this.#view.revision) {
      this.#rewind.forget();
      this.#lowProofs = 0;
      this.freshness.proven(now(), countsMs);
      this.upToDate();
    } else if (revision < this.#view.revision && this.carried) {
      this.#lowProofs += 1;
      if (this.#lowProofs % FRESHNESS.rewindsMax === 0) this.fetchMissing();
    }
    this.review();
  }

  // ── from socket and stream ───────────────────────────────────────────────────────────────────

  /** A beat, of socket or stream. */
  beat(revision: number, checkedAt: string, databaseDown = false): void {
    this.#rewind.beat(checkedAt, databaseDown);
    if (databaseDown) {
      this.freshness.databaseLost(checkedAt, now());
      this.expect(revision);
      this.review();
    } else if (this.freshness.beat(checkedAt, now())) {
      this.prove(this.#provenBy(revision, checkedAt));
    } else {
      this.expect(revision);
    }
  }

  /** The revision that a beat proves: a node that read the database after we did, and found no change, proves ours. */
  #provenBy(revision: number, checkedAt: string): number {
    const { revision: have } = this.#view;
    const readLater = Date.parse(checkedAt) >= Math.floor(have / 1_000);
    return this.#model.revisionIsTime && revision < have && readLater ? have : revision;
  }

  /** A join's reply: everything, or the changes since. False: it does not bring us up to date. */
  protected joinedWith({ revision, resumed, state }: JoinResponse): boolean {
    const { state: before, revision: have } = this.#view;
    this.show({ refused: undefined });
    if (resumed && before !== undefined) {
      // The changes after `since`; a poll may have brought us further meanwhile.
      if (revision > have) this.#take(this.#model.changed(before, state, revision), revision);
    } else if (revision >= have || this.#isRewound()) {
      this.#take(this.#model.whole(state, before, revision), revision);
    }
    this.#doubted = !resumed && this.#view.revision > revision;
    // Otherwise the node itself is behind another one that we heard from.
    if (this.#view.revision > revision || this.#arrival.isMissingAt(this.#view.revision)) return false;
    if (this.freshness.databaseIsSilent(now())) this.review();
    else this.prove(revision);
    return true;
  }

  /** A whole state at the beginning of a stream. False: the node is behind another one that we heard from. */
  protected snapshot({ revision, state }: JoinResponse): boolean {
    this.#doubted = revision < this.#view.revision && !this.#isRewound();
    if (this.#doubted) return false;
    this.#offered(revision, this.#model.whole(state, this.#view.state, revision));
    return true;
  }

  /** @throws when the update makes no sense */
  protected update(update: Update & JsonObject): void {
    const { state, revision } = this.#view;
    if (this.#doubted && update.from > 0) {
      this.prove(update.to);
      return;
    }
    if (update.to <= revision) return;
    if (update.from > revision || state === undefined) {
      // A gap: the reply of the next join fills it.
      this.expect(update.to);
      this.fetchMissing();
      return;
    }
    this.#doubted = false;
    const { whole, changed } = this.#model;
    this.#take(update.from === 0 ? whole(update, state, update.to) : changed(state, update, update.to), update.to);
    this.prove(update.to);
  }

  /** Another source begins, or this one is gone and polls tell: they are trusted until they tell an older state themselves. */
  protected sourceChanged(): void {
    this.#doubted = false;
  }

  /** A frame that is no part of the revision. `counted`: the step at which presence includes ourselves. */
  protected beside(event: string, payload: JsonObject, counted: string | undefined): void {
    const { state } = this.#view;
    const next = state && this.#model.beside?.(state, event, payload);
    if (next !== undefined) this.show({ state: next, counted });
  }

  protected forgetBeside(): void {
    const { state } = this.#view;
    if (state === undefined || !this.#model.withoutLink) return;
    this.show({ state: this.#model.withoutLink(state), counted: undefined });
  }

  // ── inside ───────────────────────────────────────────────────────────────────────────────────

  /** Whether a whole state older than ours is the truth: the database was put back in time. */
  #isRewound(read = false): boolean {
    if (!this.#rewind.olderState(now(), read)) return false;
    this.#arrival.forget();
    this.#view = { ...this.#view, revision: 0 };
    return true;
  }

  #take(state: S, revision: number): void {
    this.#rewind.forget();
    this.#arrival.reached(revision);
    if (!this.#arrival.isMissingAt(revision)) this.freshness.late = false;
    const amended = this.#early.splice(0).reduce((before, change) => change(before), state);
    this.show({ state: amended, revision: Math.max(revision, this.#view.revision), rememberedAt: undefined });
  }

  /** A revision that is known to exist did not come in time. */
  #late(): void {
    if (!this.#arrival.isMissingAt(this.#view.revision)) return;
    this.freshness.late = true;
    this.review();
    this.fetchMissing();
  }

  /** Without a way to the server, the state of an earlier visit is better than none. Its revision proves nothing by now. */
  #remember(): void {
    if (this.#view.state !== undefined || !this.freshness.isDown || !this.#remembered) return;
    const known = this.#remembered();
    this.#remembered = undefined;
    if (known) this.show({ state: known.state, rememberedAt: known.at });
  }

  /** Decides the status anew, and when to look again. */
  protected review(): void {
    clearTimeout(this.#statusTimer);
    if (this.#ended) return;
    const at = now();
    this.#remember();
    const status = this.freshness.status(this.#view.state !== undefined, at);
    const wasLive = this.#view.status === 'live';
    this.show({ status });
    if (wasLive && status === 'stale' && this.carried && !this.freshness.databaseIsSilent(at)) this.fetchMissing();
    const nextMs = this.freshness.changesInMs(status, at);
    if (nextMs !== undefined) this.#statusTimer = setTimeout(() => this.review(), nextMs);
  }

  protected show(change: Partial<TopicView<S>>): void {
    const before = this.#view;
    const view = (this.#view = { ...before, ...change });
    const fields = Object.keys(change) as (keyof typeof view)[];
    if (fields.some((field) => before[field] !== view[field])) this.changed.emit(view);
  }
}

export function now(): number {
  return performance.now();
}
