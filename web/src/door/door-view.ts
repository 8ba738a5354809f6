import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { count, momentWords } from '../elements/internal/format.ts';
import { keepFocus } from '../elements/internal/keep-focus.ts';
import { LanguageController } from '../elements/internal/language.ts';
import { explain } from '../elements/internal/refusals.ts';
import { deskClient } from '../desk/desk-client.ts';
import { recall, remember } from '../desk/memory.ts';
import { may } from '../desk/rights.ts';
import { because, type Said } from '../desk/said.ts';
import { deskStyles } from '../desk/styles.ts';
import { type Me, totalsOf, Unreachable } from '../sdk/index.ts';
import { Camera } from './camera.ts';
import type { Gate } from './gate.ts';
import type { KeptScan } from './journal.ts';
import { FOUND_ROWS, type DoorRest, type TicketAttendee } from './rest.ts';
import type { Named } from './ticket-list.ts';
import { allowSound, signal } from './signals.ts';
import { codeOf, resultOf, shape, verdict, verdictStyles } from './verdict.ts';
import { WORDS } from './words.ts';

const CAMERA_KEY = 'seatcast.door.camera';
const SOUND_KEY = 'seatcast.door.sound';
/** Scans in the list below. */
const LISTED_MAX = 30;

/** One door: the camera, the result of the last scan, codes and names by hand, and what happened here. */
export class DoorView extends LitElement {
  static override properties = {
    gate: { attribute: false },
    rest: { attribute: false },
    me: { attribute: false },
    last: { state: true },
    found: { state: true },
    foundHere: { state: true },
    problem: { state: true },
    busy: { state: true },
    sound: { state: true },
  };
  static override styles = [
    deskStyles,
    verdictStyles,
    css`
      :host {
        gap: 1rem;
      }
      .top {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: space-between;
        gap: 0.5rem 1.25rem;
      }
      h1 {
        margin-bottom: 0.4rem;
        font-size: clamp(1.35rem, 4vw, 1.9rem);
      }
      .where {
        color: var(--ink-soft);
        font-size: 0.9375rem;
      }
      .numbers {
        display: grid;
        gap: 0.35rem;
        flex: 1 1 18rem;
        max-width: 26rem;
        font-variant-numeric: tabular-nums;
      }
      .numbers p {
        display: flex;
        flex-wrap: wrap;
        align-items: baseline;
        justify-content: space-between;
        gap: 0.1rem 0.75rem;
      }
      .numbers b {
        font-family: var(--display);
        font-size: 1.35rem;
      }
      progress {
        width: 100%;
        height: 8px;
        border: 0;
        border-radius: 99px;
        background: var(--line);
        overflow: hidden;
        appearance: none;
      }
      progress::-webkit-progress-bar {
        background: var(--line);
      }
      progress::-webkit-progress-value {
        border-radius: 99px;
        background: var(--green);
      }
      progress::-moz-progress-bar {
        border-radius: 99px;
        background: var(--green);
      }
      .state {
        display: inline-flex;
        align-items: center;
        gap: 0.4rem;
        font-size: 0.8125rem;
        font-weight: 650;
      }
      .state::before {
        width: 0.6rem;
        height: 0.6rem;
        border-radius: 50%;
        background: currentColor;
        content: '';
      }
      .state.live {
        color: var(--green);
      }
      .state.offline {
        color: var(--orange);
      }
      .state.offline::before {
        border-radius: 2px;
      }
      .note {
        padding: 0.7rem 1rem;
        border-radius: var(--radius-small);
        background: var(--orange-wash);
        color: var(--orange);
        font-size: 0.9375rem;
      }
      .columns {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 1rem;
        align-items: start;
      }
      .columns > div {
        display: grid;
        gap: 1rem;
        min-width: 0;
      }
      /* On a phone the result stands below the camera, before all that is done by hand. */
      @media (max-width: 819px) {
        .columns > div {
          display: contents;
        }
        .camera,
        .camera + .actions,
        .result {
          order: -1;
        }
        .camera {
          aspect-ratio: 3 / 2;
        }
      }
      @media (min-width: 820px) {
        .columns {
          grid-template-columns: minmax(0, 5fr) minmax(0, 6fr);
        }
      }
      .camera {
        position: relative;
        aspect-ratio: 4 / 3;
        border-radius: calc(var(--radius) * 1.4);
        border: 1px solid var(--line);
        background: #15141b;
        color: #fff;
        overflow: hidden;
      }
      video {
        position: absolute;
        inset: 0;
        width: 100%;
        height: 100%;
        object-fit: cover;
      }
      .aim {
        position: absolute;
        inset: 12% 20%;
        border: 3px solid rgb(255 255 255 / 0.85);
        border-radius: 18px;
        box-shadow: 0 0 0 100vmax rgb(10 8 20 / 0.35);
      }
      .camera p {
        position: absolute;
        inset: auto 0 0;
        padding: 0.75rem 1rem;
        background: linear-gradient(transparent, rgb(10 8 20 / 0.85));
        font-size: 0.9375rem;
        text-align: center;
      }
      .camera .off {
        inset: 0;
        display: grid;
        place-content: center;
        justify-items: center;
        gap: 1rem;
        background: none;
      }
      .ready {
        display: grid;
        place-content: center;
        justify-items: center;
        gap: 0.5rem;
        min-height: 11rem;
        padding: 1rem;
        border: 2px dashed var(--line-strong);
        border-radius: calc(var(--radius) * 1.4);
        color: var(--ink-soft);
        text-align: center;
      }
      .line {
        display: flex;
        flex-wrap: wrap;
        gap: 0.6rem;
        align-items: end;
      }
      .line label {
        flex: 1 1 11rem;
      }
      form {
        gap: 0.5rem;
      }
      ul {
        display: grid;
        gap: 0;
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr) auto;
        gap: 0.2rem 0.75rem;
        align-items: center;
        padding-block: 0.6rem;
      }
      li + li {
        border-top: 1px solid var(--line);
      }
      li .shape {
        width: 1.6rem;
        --shape-ground: var(--surface);
      }
      li .admitted {
        color: var(--green);
      }
      li .already_used {
        color: var(--orange);
      }
      li .void {
        color: var(--red);
      }
      li .replaced {
        color: light-dark(#6a2390, #d9a8f5);
      }
      li .wrong_event {
        color: var(--accent);
      }
      li b {
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      li .soft {
        font-size: 0.875rem;
        overflow-wrap: anywhere;
      }
      .found li {
        grid-template-columns: minmax(0, 1fr) auto;
      }
      .panel.surprise {
        border-color: var(--red);
        border-inline-start-width: 4px;
      }
      label.tick {
        min-height: 36px;
      }
    `,
  ];

  declare gate: Gate;
  declare rest: DoorRest;
  /** Undefined while nobody is known to be signed in, as without network. */
  declare me: Me | undefined;
  declare last: KeptScan | undefined;
  declare found: readonly TicketAttendee[] | undefined;
  /** By the list of this device, while the server does not answer. */
  declare foundHere: readonly Named[] | undefined;
  declare problem: Said | undefined;
  declare busy: boolean;
  declare sound: boolean;

  readonly #speech = new LanguageController(this);
  readonly #camera = new Camera((text) => void this.#check(text));
  #unwatch: (() => void) | undefined;
  #sold: number | undefined;
  #lock: WakeLockSentinel | undefined;

  constructor() {
    super();
    keepFocus(this);
    this.busy = false;
    this.sound = recall(SOUND_KEY) !== 'off';
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#camera.addEventListener('change', this.#changed);
    document.addEventListener('visibilitychange', this.#visibilityChanged);
    document.addEventListener('pointerdown', allowSound);
    void this.#keepAwake();
  }

  override disconnectedCallback(): void {
    this.#camera.removeEventListener('change', this.#changed);
    document.removeEventListener('visibilitychange', this.#visibilityChanged);
    document.removeEventListener('pointerdown', allowSound);
    this.gate.removeEventListener('change', this.#changed);
    this.gate.removeEventListener('forgotten', this.#forgotten);
    this.#camera.stop();
    this.#unwatch?.();
    void this.#lock?.release().catch(() => undefined);
    super.disconnectedCallback();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('gate')) return;
    changed.get('gate')?.removeEventListener('change', this.#changed);
    changed.get('gate')?.removeEventListener('forgotten', this.#forgotten);
    this.gate.addEventListener('change', this.#changed);
    this.gate.addEventListener('forgotten', this.#forgotten);
    this.#unwatch?.();
    this.#unwatch = deskClient().watch(`event:${this.gate.event}`, ({ state }) => {
      if (!state) return;
      const { sold } = totalsOf(state);
      if (this.#sold !== undefined && sold !== this.#sold) this.gate.changed();
      this.#sold = sold;
    });
  }

  protected override firstUpdated(): void {
    if (recall(CAMERA_KEY) !== 'off') this.#startCamera();
  }

  override render(): TemplateResult {
    const { language } = this.#speech;
    const words = WORDS[language];
    return html`
      ${this.#top()} ${this.#notes()}
      <div class="columns">
        <div>
          ${this.#picture()}
          <form class="panel" @submit=${this.#typed}>
            <div class="line">
              <label>${words.code}<input name="code" autocomplete="off" autocapitalize="characters" spellcheck="false" required aria-describedby="code-hint" /></label>
              <button class="button primary">${words.check}</button>
            </div>
            <span class="hint" id="code-hint">${words.codeHint}</span>
          </form>
          ${this.#search()}
        </div>
        <div>
          <div class="result" aria-live="assertive" aria-atomic="true">${this.last && !this.last.undone ? this.#verdict(this.last) : html`<div class="ready">${this.last ? words.undone : this.gate.scans.length > 0 ? words.ready : words.noScans}</div>`}</div>
          <p class="problem" role="alert">${this.problem?.(this.#speech.language) ?? nothing}</p>
          ${this.#surprises()}
          <section class="panel" aria-labelledby="scans">
            <div class="bar">
              <h2 id="scans">${words.scans}</h2>
              <label class="tick"><input type="checkbox" .checked=${this.sound} @change=${this.#soundChosen} />${words.sound}</label>
            </div>
            ${this.gate.scans.length === 0 ? html`<p class="soft">${words.noScans}</p>` : nothing}
            <ul>
              ${repeat(
                this.gate.scans.filter(({ result }) => result).slice(0, LISTED_MAX),
                ({ nonce }) => nonce,
                (scan) => this.#row(scan),
              )}
            </ul>
          </section>
        </div>
      </div>
    `;
  }

  #top(): TemplateResult {
    const { language } = this.#speech;
    const words = WORDS[language];
    const { list, status, waiting, name } = this.gate;
    return html`<div class="top">
      <div>
        <h1>${list?.kept.title ?? words.loading}</h1>
        <div class="actions">
          ${name ? html`<span class="where">${name}</span>` : nothing}
          <button class="button small" type="button" @click=${() => this.dispatchEvent(new Event('leave'))}>${words.changeDoor}</button>
        </div>
      </div>
      ${
        list
          ? html`<div class="numbers">
              <p>
                <b>${words.ofExpected(count(language, list.admitted), count(language, list.expected))}</b>
                <span class="state ${status}">${words[status]}${waiting > 0 ? ` · ${words.waiting(waiting)}` : ''}</span>
              </p>
              <progress max=${Math.max(1, list.expected)} .value=${list.admitted} aria-label=${words.admitted}></progress>
              <span class="hint">${words.listOf(momentWords(language, new Date(list.kept.read_at).toISOString()))}</span>
            </div>`
          : nothing
      }
    </div>`;
  }

  #notes(): TemplateResult {
    const { language } = this.#speech;
    const words = WORDS[language];
    const { status, list, isSignedOut, isLasting, fault, waiting } = this.gate;
    const notes = [
      fault ? explain(language, fault) : undefined,
      !list ? (status === 'offline' ? words.noList : words.noListHint) : undefined,
      list && status === 'offline' ? words.offlineHint : undefined,
      !isLasting && waiting > 0 ? words.notLasting : undefined,
    ];
    return html`${notes.filter((note) => note !== undefined).map((note) => html`<p class="note" role="status">${note}</p>`)}
    ${isSignedOut ? html`<p class="note bar" role="status">${words.signedOut}<button class="button small" type="button" @click=${() => this.dispatchEvent(new Event('sign-in'))}>${words.signIn}</button></p>` : nothing}`;
  }

  #picture(): TemplateResult {
    const words = WORDS[this.#speech.language];
    const { state } = this.#camera;
    const isOn = state === 'on';
    const reasons = { off: words.cameraOff, starting: words.loading, forbidden: words.cameraForbidden, missing: words.cameraMissing, insecure: words.cameraInsecure, no_reader: words.readerMissing };
    return html`<div class="camera">
        <video playsinline muted ?hidden=${!isOn} aria-label=${words.scan}></video>
        ${
          isOn
            ? html`<div class="aim"></div><p>${words.point}</p>`
            : html`<p class="off">${reasons[state]}${state === 'starting' ? nothing : html`<button class="button primary" type="button" @click=${this.#startCamera}>${words.startCamera}</button>`}</p>`
        }
      </div>
      ${
        isOn
          ? html`<div class="actions">
              <button class="button small" type="button" @click=${this.#stopCamera}>${words.stopCamera}</button>
              <button class="button small" type="button" @click=${() => void this.#camera.turn()}>${words.switchCamera}</button>
            </div>`
          : nothing
      }`;
  }

  #search(): TemplateResult {
    const words = WORDS[this.#speech.language];
    const found = this.found ?? this.foundHere;
    return html`<form class="panel" role="search" @submit=${this.#searched}>
      <div class="line">
        <label>${words.searchLabel}<input name="q" type="search" autocomplete="off" required maxlength="200" aria-describedby="search-hint" /></label>
        <button class="button" ?disabled=${this.busy}>${words.search}</button>
      </div>
      <span class="hint" id="search-hint">${words.searchHint}</span>
      <p class="small" role="status">${found ? (found.length > 0 ? words.found(found.length) : words.nobody) : nothing} ${this.foundHere ? html`<br />${words.foundHere}` : nothing}</p>
      ${this.foundHere && this.foundHere.length > 0 ? html`<ul class="found">${this.foundHere.map((one) => this.#named(one))}</ul>` : nothing}
      ${this.found && this.found.length > 0 ? html`<ul class="found">${this.found.map((one) => this.#attendee(one))}</ul>` : nothing}
    </form>`;
  }

  /** Nobody is let in from here: what opens the door is the ticket or its code, and this device has the hash of that only. */
  #named({ name, status, admission }: Named): TemplateResult {
    const { language } = this.#speech;
    const words = WORDS[language];
    return html`<li>
      <div>
        <b>${name}</b>
        ${status === 'used' ? html`<div class="soft">${admission?.at ? words.usedAt(momentWords(language, admission.at), admission.gate) : words.usedSomewhere}</div>` : nothing}
        ${status === 'void' ? html`<span class="tag bad">${words.result.void}</span>` : nothing}
      </div>
      ${status === 'valid' || status === 'transferred' ? html`<span class="tag good">${words.expected}</span>` : nothing}
    </li>`;
  }

  #attendee(one: TicketAttendee): TemplateResult {
    const { language } = this.#speech;
    const words = WORDS[language];
    const { name, ticket_type: type, seat, code, status, checked_in_at: at, gate, checkin_id: checkin } = one;
    const who = name ?? words.noName;
    const isIn = status === 'used';
    return html`<li>
      <div>
        <b>${who}</b>
        <div class="soft">${[type, seat, code].filter(Boolean).join(' · ')}</div>
        ${isIn ? html`<div class="soft">${at ? words.usedAt(momentWords(language, at), gate) : words.usedSomewhere}</div>` : nothing}
        ${status === 'void' ? html`<span class="tag bad">${words.result.void}</span>` : nothing}
      </div>
      ${isIn && checkin !== null && this.#mayUndo ? html`<button class="button small" type="button" aria-label=${words.undoWho(who)} @click=${() => this.#undoOther(one, checkin)}>${words.undo}</button>` : nothing}
      ${status === 'valid' || status === 'transferred' ? html`<button class="button small primary" type="button" aria-label=${words.letInWho(who)} @click=${() => this.#letIn(one)}>${words.letIn}</button>` : nothing}
    </li>`;
  }

  #verdict(scan: KeptScan): TemplateResult {
    // A new element for each scan: two alike in a row are seen, and heard, as two.
    return html`${repeat([scan], ({ nonce }) => nonce, (one) => verdict(this.#speech.language, one))}`;
  }

  #row(scan: KeptScan): TemplateResult {
    const { language } = this.#speech;
    const words = WORDS[language];
    const result = resultOf(scan);
    const what = scan.name ?? codeOf(scan) ?? scan.type ?? words.noName;
    const details = [
      words.result[result],
      momentWords(language, scan.scanned_at),
      scan.state === 'done' ? (scan.offline && !scan.merged ? words.decidedHere : undefined) : words.toMerge,
      scan.undone ? words.undone : undefined,
    ];
    const canUndo = result === 'admitted' && !scan.undone && this.#mayUndo;
    return html`<li>
      <span class=${result}>${shape(result)}</span>
      <div>
        <b>${what}</b>
        <div class="soft">${details.filter(Boolean).join(' · ')}</div>
      </div>
      ${canUndo ? html`<button class="button small" type="button" aria-label=${words.undoWho(what)} @click=${() => this.#undo(scan)}>${words.undo}</button>` : nothing}
    </li>`;
  }

  #surprises(): TemplateResult | typeof nothing {
    const { language } = this.#speech;
    const words = WORDS[language];
    const { surprises } = this.gate;
    if (surprises.length === 0) return nothing;
    return html`<section class="panel surprise" aria-labelledby="surprises">
      <h2 id="surprises">${words.surprises}</h2>
      <p class="small">${words.surprisesHint}</p>
      <ul>
        ${surprises.map((scan) => {
          const result = resultOf(scan);
          const what = scan.name ?? codeOf(scan) ?? words.noName;
          const used = result === 'already_used' && scan.merged?.at ? words.usedAt(momentWords(language, scan.merged.at), scan.merged.gate) : words.result[result];
          return html`<li>
            <span class=${result}>${shape(result)}</span>
            <div>
              <b>${what}</b>
              <div class="soft">${used}</div>
            </div>
            <button class="button small" type="button" aria-label=${words.putAwayWho(what)} @click=${() => void this.gate.putAway(scan)}>${words.putAway}</button>
          </li>`;
        })}
      </ul>
    </section>`;
  }

  get #mayUndo(): boolean {
    const organizer = this.gate.list?.kept.organizer_id;
    return this.me !== undefined && organizer !== undefined && may(this.me, 'manage', organizer);
  }

  // ── what is done ────────────────────────────────────────────────────────────────────────────────

  async #check(text: string): Promise<void> {
    this.problem = undefined;
    const scan = await this.gate.scan(text);
    // No sound either: this page has the door no more.
    if (scan.result === undefined) return;
    this.last = scan;
    await this.updateComplete;
    this.renderRoot.querySelector('.result')?.scrollIntoView({ block: 'nearest' });
    signal(scan.result === 'admitted', this.sound);
  }

  readonly #typed = (event: SubmitEvent): void => {
    event.preventDefault();
    const field = (event.target as HTMLFormElement).elements.namedItem('code') as HTMLInputElement;
    const text = field.value.trim();
    if (text === '') return;
    // The next scanner's text follows at once.
    field.value = '';
    field.focus();
    void this.#check(text);
  };

  readonly #searched = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const q = String(new FormData(event.target as HTMLFormElement).get('q')).trim();
    if (q !== '') await this.#find(q);
  };

  async #find(q: string): Promise<void> {
    this.busy = true;
    this.problem = this.found = this.foundHere = undefined;
    try {
      if (this.gate.status === 'offline') throw new Unreachable('the gate is offline');
      this.found = await this.rest.find(this.gate.event, q);
    } catch (error) {
      const { list } = this.gate;
      if (!(error instanceof Unreachable)) this.problem = because(error);
      else if (list?.hasNames) this.foundHere = list.named(q, FOUND_ROWS);
      else this.problem = (language) => WORDS[language].searchAway;
    }
    this.busy = false;
  }

  async #letIn({ code, ticket_id: id }: TicketAttendee): Promise<void> {
    await this.#check(code);
    const { last } = this;
    if (last?.result !== 'admitted') return;
    const now = { status: 'used', checked_in_at: last.at ?? last.scanned_at, gate: last.gate, checkin_id: last.checkin_id ?? null } as const;
    this.found = this.found?.map((one) => (one.ticket_id === id ? { ...one, ...now } : one));
  }

  async #undoOther({ ticket_id: id }: TicketAttendee, checkin: number): Promise<void> {
    await this.#tried(async () => {
      await this.gate.undoOther(checkin, id);
      this.found = this.found?.map((one) => (one.ticket_id === id ? { ...one, status: 'valid', checked_in_at: null, gate: null, checkin_id: null } : one));
    });
  }

  async #undo(scan: KeptScan): Promise<void> {
    await this.#tried(() => this.gate.undo(scan));
  }

  async #tried(wish: () => Promise<void>): Promise<void> {
    this.problem = undefined;
    await wish().catch((error: unknown) => (this.problem = because(error)));
  }

  readonly #startCamera = (): void => {
    remember(CAMERA_KEY, 'on');
    const video = this.renderRoot.querySelector('video');
    if (video) void this.#camera.start(video);
  };

  readonly #stopCamera = (): void => {
    remember(CAMERA_KEY, 'off');
    this.#camera.stop();
  };

  readonly #soundChosen = (event: Event): void => {
    this.sound = (event.target as HTMLInputElement).checked;
    remember(SOUND_KEY, this.sound ? 'on' : 'off');
  };

  readonly #changed = (): void => this.requestUpdate();

  /** The event is over: those who were found go with the names. */
  readonly #forgotten = (): void => {
    this.found = this.foundHere = undefined;
  };

  /** A page that nobody looks at gives the camera back. */
  readonly #visibilityChanged = (): void => {
    if (document.visibilityState === 'hidden') return this.#camera.stop();
    if (recall(CAMERA_KEY) !== 'off') this.#startCamera();
    void this.#keepAwake();
  };

  /** The screen stays on while the door is open. */
  async #keepAwake(): Promise<void> {
    this.#lock = await navigator.wakeLock?.request('screen').catch(() => undefined);
  }
}

customElements.define('door-view', DoorView);
