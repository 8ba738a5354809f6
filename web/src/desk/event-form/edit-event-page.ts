import { css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { Refusal, type EventDetails, type EventStatus } from '../../sdk/index.ts';
import { EventDeskPage } from '../desk-page.ts';
import { faultsIn, focusFault, inWords, NO_FAULTS, resetLater, Typed, type Faults } from '../fields.ts';
import { go } from '../router.ts';
import { because, type Said } from '../said.ts';
import { deskStyles } from '../styles.ts';
import { say } from '../toasts.ts';
import { statusTag } from '../event-frame.ts';
import { WORDS as COMMON } from '../words.ts';
import { EVENT_KEYS, eventFields, isSame, readEvent, valuesOf, valueWords, type EventKey, type EventValues } from './event-fields.ts';
import { WORDS } from './words.ts';
import '../desk-dialog.ts';
import './cancel-event.ts';

/** Each sale makes a revision. A save that was overtaken by sales alone is tried again, so often. */
const TRIES_MAX = 8;

/** Changes that met those of somebody else. */
interface Conflict {
  theirs: EventDetails;
  mine: EventValues;
  fields: readonly EventKey[];
}

/** An event's details and the state of its sale. */
export class EditEventPage extends EventDeskPage {
  static override properties = {
    ...EventDeskPage.properties,
    base: { state: true },
    chosen: { state: true },
    faults: { state: true },
    problem: { state: true },
    conflict: { state: true },
    asks: { state: true },
    busy: { state: true },
    job: { state: true },
  };
  static override styles = [
    deskStyles,
    css`
      td label {
        display: flex;
        align-items: start;
        gap: 0.5rem;
        color: var(--ink);
        font-size: 0.9375rem;
        overflow-wrap: anywhere;
      }
    `,
  ];

  /** The event as it was when the form was filled: changes are those since then. */
  declare base: EventValues;
  /** The values that were chosen in a conflict, and are not saved yet. */
  declare chosen: EventValues | undefined;
  declare faults: Faults;
  declare problem: Said | undefined;
  declare conflict: Conflict | undefined;
  /** The question that is open. */
  declare asks: 'cancel' | 'remove' | undefined;
  declare busy: boolean;
  /** Address of the job that ends a cancelled event's bookings. */
  declare job: string | undefined;

  constructor() {
    super();
    this.faults = NO_FAULTS;
    this.busy = false;
  }

  protected override willUpdate(_changed: PropertyValues<this>): void {
    this.base ??= valuesOf(this.event);
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    return html`
      <div class="bar">
        <h2>${words.editTitle}</h2>
        <a class="button small" href="/desk/events/new?copy=${this.event.id}">${words.copy}</a>
      </div>
      ${this.#state()}
      <form class="panel" novalidate @submit=${this.#submit}>
        ${eventFields(this.language, this.chosen ?? this.base, inWords(this.faults, this.language))}
        <p class="problem" role="alert">${this.problem?.(this.language) ?? nothing}</p>
        <div class="actions"><button class="button primary" ?disabled=${this.busy}>${COMMON[this.language].save}</button></div>
      </form>
      ${this.conflict ? this.#conflictDialog(this.conflict) : nothing} ${this.#question()}
    `;
  }

  #state(): TemplateResult {
    const words = WORDS[this.language];
    const { status } = this.event;
    const turn = (name: string, to: 'pause' | 'resume' | 'complete', said: Said): TemplateResult =>
      html`<button class="button" type="button" ?disabled=${this.busy} @click=${() => void this.#turn(to, said)}>${name}</button>`;
    return html`<section class="panel" aria-labelledby="state">
      <div class="bar">
        <h2 id="state">${words.state}</h2>
        ${statusTag(COMMON[this.language].status, status)}
      </div>
      <p class="soft">${words.states[status]}</p>
      <div class="actions">
        ${status === 'draft' ? turn(words.publishNow, 'resume', (language) => WORDS[language].published) : nothing}
        ${status === 'active' ? turn(words.pause, 'pause', (language) => WORDS[language].paused) : nothing}
        ${status === 'paused' ? turn(words.resume, 'resume', (language) => WORDS[language].resumed) : nothing}
        ${status === 'active' || status === 'paused' ? turn(words.complete, 'complete', (language) => WORDS[language].completed) : nothing}
        ${status === 'active' || status === 'paused'
          ? html`<button class="button danger" type="button" @click=${() => (this.asks = 'cancel')}>${words.cancelEvent}</button>`
          : nothing}
        ${this.#isEmpty(status) ? html`<button class="button danger" type="button" @click=${() => (this.asks = 'remove')}>${words.remove}</button>` : nothing}
      </div>
      ${status === 'cancelled' || this.job ? html`<desk-cancel-progress .number=${this.event.id} .job=${this.job}></desk-cancel-progress>` : nothing}
    </section>`;
  }

  #isEmpty(status: EventStatus): boolean {
    return status === 'draft' || (this.event.booked_tickets === 0 && this.event.held_tickets === 0);
  }

  #question(): TemplateResult | typeof nothing {
    const words = WORDS[this.language];
    const common = COMMON[this.language];
    const close = (): void => void (this.asks = undefined);
    if (this.asks === 'cancel') {
      return html`<desk-cancel-event .event=${this.event} @close=${close} @desk-cancelled=${this.#cancelled}></desk-cancel-event>`;
    }
    if (this.asks !== 'remove') return nothing;
    return html`<desk-dialog heading=${words.removeQuestion} @close=${close}>
      <p>${words.removeHint}</p>
      <div slot="actions">
        <button class="button" type="button" @click=${close}>${common.cancel}</button>
        <button class="button danger" type="button" ?disabled=${this.busy} @click=${() => void this.#remove()}>${words.remove}</button>
      </div>
    </desk-dialog>`;
  }

  #conflictDialog({ theirs, mine, fields }: Conflict): TemplateResult {
    const words = WORDS[this.language];
    const now = valuesOf(theirs);
    const choice = (key: EventKey, whose: 'mine' | 'theirs', values: EventValues): TemplateResult =>
      html`<label><input type="radio" name=${key} value=${whose} ?checked=${whose === 'mine'} />${valueWords(this.language, key, values)}</label>`;
    return html`<desk-dialog wide heading=${words.conflict} @close=${() => (this.conflict = undefined)}>
      <p>${words.conflictHint}</p>
      <form id="conflict" @submit=${this.#settle}>
        <div class="scroll">
          <table class="stack">
            <thead>
              <tr>
                <th scope="col">${words.field}</th>
                <th scope="col">${words.yours}</th>
                <th scope="col">${words.theirs}</th>
              </tr>
            </thead>
            <tbody>
              ${fields.map(
                (key) =>
                  html`<tr>
                    <th scope="row">${words.fields[key]}</th>
                    <td data-label=${words.yours}>${choice(key, 'mine', mine)}</td>
                    <td data-label=${words.theirs}>${choice(key, 'theirs', now)}</td>
                  </tr>`,
              )}
            </tbody>
          </table>
        </div>
      </form>
      <div slot="actions">
        <button class="button" type="button" @click=${() => this.#show(theirs)}>${words.discard}</button>
        <button class="button primary" form="conflict">${words.keep}</button>
      </div>
    </desk-dialog>`;
  }

  async #submit(event: SubmitEvent): Promise<void> {
    const { values, faults } = readEvent(new Typed(event), this.base);
    this.faults = faults;
    this.problem = undefined;
    if (Object.keys(faults).length > 0) return focusFault(this);
    await this.#save({ ...this.base, ...values });
  }

  /** Sends what differs from `base`, unless somebody else changed the same. */
  async #save(mine: EventValues): Promise<void> {
    const changed = EVENT_KEYS.filter((key) => !isSame(key, mine, this.base));
    if (changed.length === 0) return say((language) => COMMON[language].saved);
    this.busy = true;
    const form = this.#form;
    const reset = form ? resetLater(form) : undefined;
    try {
      const saved = await this.#send(mine, changed);
      if (saved) {
        this.#show(saved, reset);
        say((language) => COMMON[language].saved);
      }
    } catch (error) {
      this.faults = faultsIn(error) ?? NO_FAULTS;
      this.problem = Object.keys(this.faults).length > 0 ? undefined : because(error);
      void focusFault(this);
    } finally {
      this.busy = false;
    }
  }

  async #send(mine: EventValues, changed: readonly EventKey[]): Promise<EventDetails | undefined> {
    const body = Object.fromEntries(changed.map((key) => [key, mine[key]]));
    let now = this.event;
    for (let tries = 1; ; tries += 1) {
      const theirs = valuesOf(now);
      const fields = changed.filter((key) => !isSame(key, theirs, this.base) && !isSame(key, theirs, mine));
      if (fields.length > 0) {
        this.conflict = { theirs: now, mine, fields };
        return undefined;
      }
      try {
        return await this.client.change<EventDetails>('PATCH', `/events/${now.id}`, body, now.revision);
      } catch (error) {
        const isOld = error instanceof Refusal && error.code === 'VERSION_CONFLICT';
        if (!isOld || tries === TRIES_MAX) throw error;
        now = await this.client.event(now.id);
      }
    }
  }

  /** Goes on from their event, with the fields of the choice. */
  #settle(event: SubmitEvent): void {
    const typed = new Typed(event);
    const { conflict } = this;
    if (!conflict) return;
    const theirs = valuesOf(conflict.theirs);
    const kept = conflict.fields.filter((key) => typed.text(key) === 'theirs');
    const mine = { ...conflict.mine, ...Object.fromEntries(kept.map((key) => [key, theirs[key]])) };
    // Fields that only they changed are theirs.
    const untouched = EVENT_KEYS.filter((key) => isSame(key, conflict.mine, this.base));
    const wish = { ...mine, ...Object.fromEntries(untouched.map((key) => [key, theirs[key]])) };
    this.conflict = undefined;
    this.base = theirs;
    this.eventChanged(conflict.theirs);
    this.event = conflict.theirs;
    // Should it not be saved, the choice is still to be seen, and is saved by the next try.
    this.chosen = wish;
    void this.#refill().then(() => this.#save(wish));
  }

  /** The form shows this event; `reset`: but for what was typed meanwhile. */
  #show(event: EventDetails, reset?: () => void): void {
    this.conflict = undefined;
    this.chosen = undefined;
    this.faults = NO_FAULTS;
    this.base = valuesOf(event);
    this.eventChanged(event);
    void this.#refill(reset);
  }

  /** Puts the event's values into fields that were typed in. */
  async #refill(reset = () => this.#form?.reset()): Promise<void> {
    await this.updateComplete;
    reset();
  }

  get #form(): HTMLFormElement | null {
    return this.renderRoot.querySelector<HTMLFormElement>('form.panel');
  }

  async #turn(to: 'pause' | 'resume' | 'complete', said: Said): Promise<void> {
    this.busy = true;
    const event = await this.tried(this.client.make<EventDetails>(`/events/${this.event.id}/${to}`));
    this.busy = false;
    if (!event) return;
    this.eventChanged(event);
    say(said);
  }

  async #remove(): Promise<void> {
    this.busy = true;
    const isDone = await this.tried(this.client.remove(`/events/${this.event.id}`).then(() => true));
    this.busy = false;
    this.asks = undefined;
    if (!isDone) return;
    say((language) => COMMON[language].removed);
    go('/desk');
  }

  #cancelled({ detail }: CustomEvent<{ event: EventDetails; job: string | undefined }>): void {
    this.asks = undefined;
    this.job = detail.job;
    this.eventChanged(detail.event);
  }
}

customElements.define('desk-edit-event', EditEventPage);
