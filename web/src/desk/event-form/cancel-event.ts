import { css, html, nothing, type TemplateResult } from 'lit';
import { count, sum } from '../../elements/internal/format.ts';
import { Refusal, type EventDetails, type Money } from '../../sdk/index.ts';
import { tabMemory } from '../../pages/tab-memory.ts';
import { DeskPage } from '../desk-page.ts';
import { textField, NO_FAULTS, Typed } from '../fields.ts';
import { because, type Said } from '../said.ts';
import { deskStyles } from '../styles.ts';
import { WORDS as COMMON } from '../words.ts';
import { WORDS } from './words.ts';
import '../desk-dialog.ts';

const REASON_CHARS_MAX = 500;
/** A job that runs is looked at so often. */
const LOOK_MS = 1_000;
/** Before the event's number: the job's address, for a tab that is loaded anew. */
const JOB_KEY = 'seatcast.desk.cancellation.';

interface Stats {
  total_bookings: number;
  pending_bookings: number;
  tickets_held: number;
  total_revenue: Money;
}

/** Asks whether an event is to be cancelled, and says what that does. */
export class CancelEvent extends DeskPage {
  static override properties = { event: { attribute: false }, stats: { state: true }, problem: { state: true }, busy: { state: true } };
  static override styles = [
    deskStyles,
    css`
      ul {
        display: grid;
        gap: 0.4rem;
        margin: 0;
        padding-inline-start: 1.25rem;
      }
    `,
  ];

  declare event: EventDetails;
  /** Undefined: asked for; null: not to be had. */
  declare stats: Stats | null | undefined;
  declare problem: Said | undefined;
  declare busy: boolean;

  constructor() {
    super();
    this.busy = false;
  }

  override firstUpdated(): void {
    void this.client
      .read<Stats>(`/bookings/event/${this.event.id}/stats`)
      .catch(() => null)
      .then((stats) => (this.stats = stats));
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    const close = (): boolean => this.dispatchEvent(new Event('close'));
    return html`<desk-dialog heading=${words.cancelTitle} @close=${close}>
      <p><strong>${this.event.title}</strong></p>
      <p>${words.cancelIntro}</p>
      ${this.#effects()}
      <form id="cancel" @submit=${this.#submit}>
        ${textField(NO_FAULTS, { name: 'reason', label: words.reason, hint: words.reasonHint, required: true, maxlength: REASON_CHARS_MAX, lines: true })}
        <label class="tick"><input type="checkbox" name="understood" required />${words.understood}</label>
        <p class="problem" role="alert">${this.problem?.(this.language) ?? nothing}</p>
      </form>
      <div slot="actions">
        <button class="button" type="button" @click=${close}>${COMMON[this.language].back}</button>
        <button class="button danger" form="cancel" ?disabled=${this.busy}>${words.doCancel}</button>
      </div>
    </desk-dialog>`;
  }

  #effects(): TemplateResult {
    const words = WORDS[this.language];
    const { stats } = this;
    const numbers =
      stats &&
      html`<li>${words.cancelHolds(stats.pending_bookings, stats.tickets_held)}</li>
        <li>${words.cancelMoney(stats.total_bookings, sum(this.language, stats.total_revenue))}</li>`;
    return html`<ul>
      <li>${words.cancelSale}</li>
      ${numbers ?? (stats === null ? html`<li>${words.cancelUnknown}</li>` : html`<li class="skeleton">…</li>`)}
      <li>${words.cancelDoor}</li>
      <li>${words.cancelMail}</li>
    </ul>`;
  }

  async #submit(event: SubmitEvent): Promise<void> {
    const typed = new Typed(event);
    this.busy = true;
    this.problem = undefined;
    try {
      const answer = await this.client.doOnce<EventDetails>(`/events/${this.event.id}/cancel`, { reason: typed.text('reason') });
      const job = /\/jobs\/\d+$/.exec(answer.headers.get('location') ?? '')?.[0];
      this.dispatchEvent(new CustomEvent('desk-cancelled', { detail: { event: answer.data, job } }));
    } catch (error) {
      this.problem = because(error);
    }
    this.busy = false;
  }
}

interface Job {
  status: string;
  progress: { total?: number; done?: number; ended?: number; for_review?: number } | null;
  reason?: string;
}

/** How far a cancelled event's bookings are given back. The job is known for an hour after it is done. */
export class CancelProgress extends DeskPage {
  static override properties = { number: { attribute: false }, job: { attribute: false }, state: { state: true }, isAway: { state: true } };
  static override styles = [
    deskStyles,
    css`
      progress {
        width: 100%;
        height: 0.6rem;
        accent-color: var(--accent);
      }
    `,
  ];

  declare number: number;
  /** Its address; without it the one that this tab saw last. */
  declare job: string | undefined;
  declare state: Job | undefined;
  declare isAway: boolean;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.isAway = false;
  }

  override firstUpdated(): void {
    void this.#look();
  }

  override disconnectedCallback(): void {
    clearTimeout(this.#timer);
    super.disconnectedCallback();
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    if (!this.state) return html`${this.isAway ? html`<p class="soft">${words.jobFailed}</p>` : nothing}`;
    const { total = 0, done = 0, ended = 0, for_review: waiting = 0 } = this.state.progress ?? {};
    const many = (value: number): string => count(this.language, value);
    return html`<div role="status">
      <p><strong>${this.#isDone ? words.jobDone : this.state.status === 'needs_review' ? words.jobStopped : words.progress}</strong></p>
      <progress aria-label=${words.progress} max=${Math.max(1, total)} value=${this.#isDone ? Math.max(1, total) : done}></progress>
      <p class="soft small">
        ${words.progressOf(many(done), many(total))}${ended > 0 ? html` · ${words.ended(ended)}` : nothing}${waiting > 0 ? html` · ${words.forReview(waiting)}` : nothing}
      </p>
    </div>`;
  }

  get #isDone(): boolean {
    return this.state?.status === 'done';
  }

  async #look(): Promise<void> {
    const kept = JOB_KEY + this.number;
    if (this.job) tabMemory()?.setItem(kept, this.job);
    const job = this.job ?? tabMemory()?.getItem(kept);
    if (!job) return;
    try {
      this.state = await this.client.read<Job>(job);
      this.isAway = false;
    } catch (error) {
      // It is known for an hour.
      if (error instanceof Refusal) return;
      this.isAway = this.state === undefined;
    }
    if (!this.#isDone && this.state?.status !== 'needs_review' && this.isConnected) this.#timer = setTimeout(() => void this.#look(), LOOK_MS);
  }
}

customElements.define('desk-cancel-event', CancelEvent);
customElements.define('desk-cancel-progress', CancelProgress);
