import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { keyed } from 'lit/directives/keyed.js';
import { dateParts, timed } from '../elements/internal/format.ts';
import { keepFocus } from '../elements/internal/keep-focus.ts';
import { LanguageController } from '../elements/internal/language.ts';
import { desk } from '../desk/desk.ts';
import { deskClient } from '../desk/desk-client.ts';
import { frame, languageSelect, MARK } from '../desk/frame.ts';
import { recall, remember } from '../desk/memory.ts';
import { because, type Said } from '../desk/said.ts';
import { deskStyles } from '../desk/styles.ts';
import { Unreachable } from '../sdk/index.ts';
import { closeDoors, takeDoor } from './door-lock.ts';
import { Gate } from './gate.ts';
import { openJournal, type Journal } from './journal.ts';
import { DoorRest, GATE_CHARS_MAX } from './rest.ts';
import { allowSound } from './signals.ts';
import { isOver } from './ticket-list.ts';
import { WORDS } from './words.ts';
import '../desk/sign-in.ts';
import './door-view.ts';

const GATE_KEY = 'seatcast.door.gate';

/** An event to choose, from the server or from this device. */
interface Choice {
  id: number;
  title: string;
  venue: string;
  starts_at: string;
  timezone: string;
  isKept: boolean;
}

/**
 * The check-in page: who works here, at which event and gate, and then the door. The address has event and gate, so a
 * reload comes back to the same door, also without network.
 */
export class CheckInApp extends LitElement {
  static override properties = { gate: { state: true }, elsewhere: { state: true }, choices: { state: true }, isAway: { state: true }, problem: { state: true }, signsIn: { state: true } };
  static override styles = [
    deskStyles,
    frame,
    css`
      :host {
        --page-width: 1180px;
      }
      @media (max-width: 480px) {
        .end .who {
          display: none;
        }
        .brand span {
          display: none;
        }
      }
      main {
        padding-block: 0.5rem 3rem;
      }
      .choose {
        max-width: 38rem;
        margin: clamp(0.5rem, 4vh, 3rem) auto;
      }
      .events {
        display: grid;
        gap: 0.6rem;
      }
      .event {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        gap: 0.15rem 0.9rem;
        align-items: center;
        padding: 0.9rem 1rem;
        border: 1px solid var(--line-strong);
        border-radius: var(--radius);
        color: var(--ink);
        cursor: pointer;
        font-size: 1rem;
      }
      .event:has(:checked) {
        border-color: var(--accent);
        background: var(--accent-wash);
        box-shadow: inset 0 0 0 1px var(--accent);
      }
      .event b {
        overflow-wrap: anywhere;
      }
      .event .soft {
        grid-column: 2;
        font-size: 0.875rem;
      }
      .waiting {
        height: 18rem;
      }
    `,
  ];

  declare gate: Gate | undefined;
  /** The door that another page of this device has taken. */
  declare elsewhere: { event: number; name: string } | undefined;
  declare choices: readonly Choice[] | undefined;
  /** The choices are those of this device. */
  declare isAway: boolean;
  declare problem: Said | undefined;
  /** Somebody signs in while the door is open. */
  declare signsIn: boolean;

  readonly #speech = new LanguageController(this);
  readonly #rest = new DoorRest(deskClient());
  #journal: Journal | undefined;
  #who: number | undefined;
  #giveBack: (() => void) | undefined;

  constructor() {
    super();
    keepFocus(this);
    this.isAway = false;
    this.signsIn = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    desk().addEventListener('change', this.#changed);
    globalThis.addEventListener('online', this.#online);
    desk().begin();
    void this.#begin();
  }

  override disconnectedCallback(): void {
    desk().removeEventListener('change', this.#changed);
    globalThis.removeEventListener('online', this.#online);
    this.#stop();
    super.disconnectedCallback();
  }

  override render(): TemplateResult {
    const { language } = this.#speech;
    const words = WORDS[language];
    document.title = [this.gate?.list?.kept.title, words.title, 'Seatcast'].filter(Boolean).join(' · ');
    return html`
      <header>
        <div class="brand">${MARK}seatcast <span>${words.title}</span></div>
        <div class="end">
          ${languageSelect(language, words.language)}
          ${desk().me ? html`<span class="who">${desk().me!.name}</span><button class="button small" type="button" @click=${this.#signOut}>${words.signOut}</button>` : nothing}
        </div>
      </header>
      <main tabindex="-1">${this.#content()}</main>
    `;
  }

  #content(): TemplateResult {
    const words = WORDS[this.#speech.language];
    const { attendance, me, people } = desk();
    if (this.gate && !this.signsIn) {
      return html`${keyed(this.gate, html`<door-view .gate=${this.gate} .rest=${this.#rest} .me=${me} @leave=${this.#leave} @sign-in=${() => (this.signsIn = true)}></door-view>`)}`;
    }
    if (this.elsewhere && attendance !== 'customer' && attendance !== 'nobody') return this.#openElsewhere(this.elsewhere);
    if (attendance === 'customer') return html`<div class="message"><h1>${words.customerTitle}</h1><p>${words.customer(me?.name ?? '')}</p></div>`;
    if (attendance === 'nobody') return html`<desk-sign-in .people=${people}></desk-sign-in>`;
    if (this.choices === undefined) return html`<div class="choose"><div class="skeleton waiting" role="status" aria-label=${words.loading}></div></div>`;
    return this.#chooser(this.choices);
  }

  #openElsewhere({ event, name }: { event: number; name: string }): TemplateResult {
    const words = WORDS[this.#speech.language];
    return html`<div class="message">
      <h1>${words.elsewhere}</h1>
      <p>${words.elsewhereHint}</p>
      <div class="actions">
        <button class="button primary" type="button" @click=${() => this.#open(event, name)}>${words.openHere}</button>
        <button class="button" type="button" @click=${this.#leave}>${words.changeDoor}</button>
      </div>
    </div>`;
  }

  #chooser(choices: readonly Choice[]): TemplateResult {
    const words = WORDS[this.#speech.language];
    if (choices.length === 0) {
      return html`<div class="message">
        <h1>${words.noEvents}</h1>
        <p>${words.noEventsHint}</p>
        ${this.problem ? html`<p class="problem">${this.problem(this.#speech.language)}</p>` : nothing}
      </div>`;
    }
    const asked = askedEvent();
    const first = choices.find(({ id }) => id === asked) ?? choices[0];
    return html`<form class="choose" aria-labelledby="which" @submit=${this.#chosen}>
      <h1 id="which">${words.whichDoor}</h1>
      <p class="soft">${this.isAway ? words.sinceNetworkAway : words.whichDoorHint}</p>
      <fieldset>
        <legend>${words.event}</legend>
        <div class="events">${choices.map((choice) => this.#choice(choice, choice === first))}</div>
      </fieldset>
      ${this.isAway ? nothing : html`<p class="hint">${words.ahead}</p>`}
      <label>${words.gate}<input name="gate" maxlength=${GATE_CHARS_MAX} .value=${recall(GATE_KEY) ?? ''} autocomplete="off" aria-describedby="gate-hint" /></label>
      <span class="hint" id="gate-hint">${words.gateHint}</span>
      <p class="problem" role="alert">${this.problem?.(this.#speech.language) ?? nothing}</p>
      <div><button class="button primary">${words.openDoor}</button></div>
    </form>`;
  }

  #choice({ id, title, venue, starts_at, timezone, isKept }: Choice, isFirst: boolean): TemplateResult {
    const { language } = this.#speech;
    const { weekday, day, month, time, zone } = dateParts(language, starts_at, timezone);
    return html`<label class="event">
      <input type="radio" name="event" value=${id} ?checked=${isFirst} required />
      <b>${title}</b>
      <span class="soft">${timed(language, `${weekday} ${day} ${month}`, time)} ${zone} · ${venue}${isKept ? ` · ${WORDS[language].onDevice}` : ''}</span>
    </label>`;
  }

  async #begin(): Promise<void> {
    this.#journal = await openJournal();
    await this.#forgetEnded(this.#journal).catch(() => undefined);
    const asked = new URLSearchParams(location.search);
    const event = Number(asked.get('event'));
    const gate = asked.get('gate');
    // A door that was open here opens again, whoever answers.
    if (event > 0 && gate !== null && (await this.#journal.list(event).catch(() => undefined))) this.#open(event, gate);
    this.#changed();
  }

  /** Names are kept no longer than their event lasts. */
  async #forgetEnded(journal: Journal): Promise<void> {
    for (const list of await journal.lists()) if (isOver(list, Date.now())) await journal.forgetNames(list.event_id);
  }

  readonly #changed = (): void => {
    this.requestUpdate();
    const { attendance, me } = desk();
    if (attendance === 'asking' || !this.#journal) return;
    if (attendance === 'staff' && me && this.#who !== me.id) {
      this.#who = me.id;
      this.signsIn = false;
      this.gate?.signedIn();
      void this.#readChoices();
    } else if (attendance === 'away' && !this.choices) void this.#readChoices();
    else if (attendance === 'nobody') {
      this.#who = undefined;
      // Signing out in another tab closed the door there as well, and the next person may work at another one.
      this.elsewhere = undefined;
    }
  };

  async #readChoices(): Promise<void> {
    const kept = (await this.#journal?.lists().catch(() => [])) ?? [];
    this.problem = undefined;
    try {
      const events = await this.#rest.events();
      const asked = askedEvent();
      // The desk leads here from any event, the list has those that are near.
      if (asked > 0 && !events.some(({ id }) => id === asked)) {
        const one = await this.#rest.event(asked).catch(() => undefined);
        if (one) events.push(one);
      }
      const isKept = new Set(kept.map(({ event_id: id }) => id));
      this.isAway = false;
      this.choices = nearest(events.filter(({ status }) => status !== 'draft').map((event) => ({ ...event, isKept: isKept.has(event.id) })));
    } catch (error) {
      this.isAway = error instanceof Unreachable;
      if (!this.isAway) this.problem = because(error);
      this.choices = nearest(kept.map((list) => ({ ...list, id: list.event_id, isKept: true })));
    }
  }

  readonly #online = (): void => void this.gate?.nudge();

  readonly #chosen = (event: SubmitEvent): void => {
    event.preventDefault();
    allowSound();
    const typed = new FormData(event.target as HTMLFormElement);
    const gate = String(typed.get('gate')).trim();
    remember(GATE_KEY, gate);
    this.#open(Number(typed.get('event')), gate);
  };

  #open(event: number, name: string): void {
    if (!this.#journal) return;
    const address = new URL(location.href);
    address.searchParams.set('event', String(event));
    address.searchParams.set('gate', name);
    history.replaceState(null, '', address);
    this.#stop();
    this.elsewhere = undefined;
    const gate = new Gate({ event, name, rest: this.#rest, journal: this.#journal });
    gate.addEventListener('change', () => this.requestUpdate());
    this.gate = gate;
    // A journal in memory is this page's alone: to others it is another gate.
    if (this.#journal.isLasting) this.#giveBack = takeDoor(event, () => this.#lost(gate));
    void gate.start();
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>('main')?.focus({ preventScroll: true }));
  }

  #stop(): void {
    this.gate?.stop();
    this.gate = undefined;
    this.#giveBack?.();
    this.#giveBack = undefined;
  }

  /** Another page took this door. What was scanned here is in the journal, and that page's to merge. */
  #lost(gate: Gate): void {
    if (this.gate !== gate) return;
    this.#stop();
    // The end of the session may be heard of before the end of the door.
    if (desk().attendance !== 'nobody') this.elsewhere = { event: gate.event, name: gate.name };
  }

  readonly #leave = async (): Promise<void> => {
    await this.#close();
    await this.#readChoices();
  };

  /** Names of those who come are on the device while its door is open, and go with it. */
  async #close(): Promise<void> {
    // Not those of a door that is open on another page.
    const left = this.gate?.event;
    this.#stop();
    this.elsewhere = undefined;
    const address = new URL(location.href);
    address.searchParams.delete('gate');
    history.replaceState(null, '', address);
    if (left !== undefined) await this.#journal?.forgetNames(left).catch(() => undefined);
  }

  /** The device is handed on. Scans that are to be merged stay, and are merged by whoever opens this door next. */
  readonly #signOut = async (): Promise<void> => {
    await this.#close();
    // Other pages would write their lists again.
    await closeDoors().catch(() => undefined);
    for (const { event_id: event } of (await this.#journal?.lists().catch(() => [])) ?? []) await this.#journal?.forgetNames(event).catch(() => undefined);
    await this.#journal?.forgetLists().catch(() => undefined);
    await desk().leave();
  };
}

/** The event that the address names; NaN or 0: none. */
function askedEvent(): number {
  return Number(new URLSearchParams(location.search).get('event'));
}

/** The one that is next, or has just begun, first. */
function nearest(choices: Choice[]): Choice[] {
  const away = ({ starts_at: at }: Choice): number => Math.abs(Date.parse(at) - Date.now());
  return choices.sort((one, other) => away(one) - away(other));
}

customElements.define('check-in-app', CheckInApp);
