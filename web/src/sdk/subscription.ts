/**
 * Gets the frames of one topic: from the socket while it answers, otherwise from a stream if there is one.
 * `topic-state.ts` keeps their content; polling speaks to that directly.
 */
import type { Channel, Connection } from './connection.ts';
import { Emitter } from './emitter.ts';
import { FRESHNESS } from './freshness.ts';
import { Joining } from './joining.ts';
import type { Model } from './model.ts';
import type { MakeStep, OwnStep } from './own-step.ts';
import { isJoinResponse, isUpdate, type ErrorResponse, type JsonObject } from './protocol.ts';
import type { OpenStream, Streamed } from './streams.ts';
import { now, TopicState } from './topic-state.ts';

export class Subscription<S> extends TopicState<S> implements Channel, Streamed {
  readonly topic: string;
  /** The socket answered the join, with the state or a refusal. */
  readonly socketAnswered = new Emitter<void>();
  /** Joining at this node did not help for a while: another one may know more. */
  readonly nodeIsNoHelp = new Emitter<void>();
  readonly connection: Connection;
  /** Undefined for clients that are never counted. */
  readonly #step: OwnStep | undefined;
  readonly #joining: Joining;
  #joined = false;
  #answered = false;
  /** The stream that brings frames while the socket does not. */
  #stream: OpenStream | undefined;
  #reopenTimer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(topic: string, connection: Connection, model: Model<S>, makeStep?: MakeStep) {
    super(model);
    this.topic = topic;
    this.connection = connection;
    this.#step = makeStep?.(
      async (step) => void (await connection.push(topic, 'presence', { step: step ?? null })),
      (counted) => this.show({ counted }),
    );
    this.#joining = new Joining(topic, connection, {
      payload: () => this.#joinPayload(),
      accepted: (response, payload) => this.#accepted(response, payload),
      refused: (error) => this.#refused(error),
      seekElsewhere: () => this.nodeIsNoHelp.emit(),
    });
    // While a first attempt is under way we are not «down» yet.
    if (connection.isDown) this.freshness.linkDown(now());
  }

  /** Whether the socket brings this topic's frames. If not, a stream may. */
  get joined(): boolean {
    return this.#joined;
  }

  /** Whether the socket, as it is now, has answered for this topic at all: frames come through it. */
  get answered(): boolean {
    return this.#answered;
  }

  get carried(): boolean {
    return this.#joined || this.#stream !== undefined;
  }

  start(): void {
    this.connection.attach(this.topic, this);
    this.review();
  }

  stop(): void {
    this.#stopped = true;
    this.#step?.lost();
    this.#joining.stop();
    clearTimeout(this.#reopenTimer);
    this.end();
    this.connection.detach(this.topic);
  }

  /** Our step on the way to a ticket; undefined: not counted. */
  setStep(step: string | undefined): void {
    this.#step?.want(step);
  }

  /** The caller is another one, who may be given what was refused before. */
  callerChanged(): void {
    if (!this.view.refused) return;
    if (this.connection.state === 'open') void this.#joining.now();
    // Where all topics were refused, the server has closed it.
    else this.connection.nudge();
  }

  protected fetchMissing(): void {
    if (this.#stream && !this.#joined) this.#stream.reopen();
    else if (this.connection.state === 'open') void this.#joining.now();
  }

  protected upToDate(): void {
    if (this.#joined) this.#joining.succeeded();
  }

  // ── called by the connection ─────────────────────────────────────────────────────────────────

  linkOpened(): void {
    void this.#joining.now();
  }

  linkLost(): void {
    this.#joined = false;
    this.#answered = false;
    this.#joining.linkLost();
    this.#step?.lost();
    if (!this.#stream) {
      this.sourceChanged();
      this.forgetBeside();
    }
    this.freshness.linkDown(now());
    this.review();
  }

  received(event: string, payload: JsonObject): void {
    // Updates are for all viewers and name no join, but the answer of a join comes before its updates: until then they
    // are the older join's. The answer holds what they say, unless the database was put back: then they are void.
    if (event === 'update' && this.#joining.isUnderWay) return;
    this.#said(event, payload);
  }

  #said(event: string, payload: JsonObject): void {
    if (event === 'update' && isUpdate(payload)) {
      try {
        this.update(payload);
      } catch {
        this.connection.reset('malformed update');
        this.#stream?.reopen();
      }
    } else if (event === 'phx_error' || event === 'phx_close') {
      this.#joinLater();
    } else {
      this.beside(event, payload, event === 'presence' ? this.#step?.countsCame() : this.view.counted);
    }
  }

  // ── called by a stream ───────────────────────────────────────────────────────────────────────

  streamOpened(stream: OpenStream): void {
    this.#stream = stream;
    this.sourceChanged();
  }

  streamLost(): void {
    this.#stream = undefined;
    clearTimeout(this.#reopenTimer);
    // On to the socket: it proves by itself. Otherwise nobody does, until a poll.
    if (this.#joined) return;
    this.sourceChanged();
    this.forgetBeside();
    this.freshness.sourceLost(now());
    this.review();
  }

  streamSaid(event: string, payload: JsonObject): void {
    // The socket came back meanwhile: it is as good, and later.
    if (this.#joined) return;
    if (event !== 'snapshot' || !isJoinResponse(payload)) this.#said(event, payload);
    else if (!this.snapshot(payload)) this.#reopenLater();
  }

  /** The node is behind, for a moment or for good: the next stream tells, and beats until then. */
  #reopenLater(): void {
    clearTimeout(this.#reopenTimer);
    this.#reopenTimer = setTimeout(() => this.#stream?.reopen(), FRESHNESS.rejoinMs);
  }

  // ── joining ──────────────────────────────────────────────────────────────────────────────────

  #joinPayload(): JsonObject {
    const { revision } = this.view;
    const step = this.#step?.wanted;
    return { ...(revision > 0 ? { since: revision } : {}), ...(step === undefined ? {} : { presence: { step } }) };
  }

  #accepted(response: JsonObject, asked: JsonObject): void {
    if (!isJoinResponse(response)) throw new TypeError('no state');
    this.#joined = true;
    this.#hasAnswered();
    if (!this.joinedWith(response)) this.#joinLater();
    this.#step?.said((asked['presence'] as { step: string } | undefined)?.step);
  }

  #refused(error: ErrorResponse): void {
    this.#joined = false;
    this.#hasAnswered();
    // «Later» is no answer about the topic: its state stays, and grows stale.
    if (error.retry !== 'later') this.refuse(error);
    this.review();
    if (error.retry === 'later') this.#joinLater();
    else if (error.retry === 'refresh_token') void this.connection.refreshToken().then(() => this.#joinLater());
  }

  #hasAnswered(): void {
    this.#answered = true;
    this.freshness.linkUp();
    this.socketAnswered.emit();
  }

  #joinLater(): void {
    this.#joined = false;
    if (this.#stopped) return;
    this.#joining.later();
    this.review();
  }
}
