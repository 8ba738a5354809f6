import { html, nothing, svg, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { EventState, Notice } from '../../sdk/index.ts';
import { momentWords, withMoments } from '../internal/format.ts';
import { faultOf } from '../internal/fault.ts';
import { keepFocus } from '../internal/keep-focus.ts';
import { define, LiveElement } from '../internal/live-element.ts';
import { isPutAway, putAway } from './put-away.ts';
import { styles } from './seatcast-notices.styles.ts';
import { WORDS } from './words.ts';

const ICONS = {
  capacity_change: svg`<path d="M4 20v-6m5 6V8m6 12V4m5 16v-9" />`,
  info_update: svg`<circle cx="12" cy="12" r="9" /><path d="M12 11v6m0-9.5v.01" />`,
  cancellation: svg`<circle cx="12" cy="12" r="9" /><path d="m8.5 8.5 7 7m0-7-7 7" />`,
  custom: svg`<path d="M4 10v4h3l7 4V6l-7 4H4Zm13-1c1.4 1.7 1.4 4.3 0 6" />`,
};

/** The server's own sentence, before the organizer's words (`notice_of` in sql/V6__notices.sql). */
const SAID_ALREADY = /^The event was cancelled\.\s*/;

/** So many are shown at once; older ones on request. */
const SHOWN_MAX = 3;

/**
 * The organiser's notices, live: one appears without a reload, the newest first, and may be
 * put away for good. A cancellation stays.
 *
 *     <seatcast-notices event="42"></seatcast-notices>
 */
export class SeatcastNotices extends LiveElement {
  static override styles = styles;
  static override properties = { ...LiveElement.properties, all: { state: true } };

  /** Also those past the newest few. */
  declare all: boolean | undefined;

  /** Ids of the notices that an event had when it was first shown: they are part of the page, and do not arrive before one's eyes. */
  #first: { event: number; ids: ReadonlySet<number> } | undefined;

  constructor() {
    super();
    keepFocus(this);
  }

  protected override topicChanged(): void {
    const { state } = this.topic.view;
    if (!state || this.#first?.event === state.event.id) return;
    this.#first = { event: state.event.id, ids: new Set(state.notices.map(({ id }) => id)) };
  }

  override render(): TemplateResult {
    const { state, refused } = this.topic.view;
    const fault = faultOf(this.language, this.guard, refused);
    if (fault) return fault;
    const cancelled = state?.event.status === 'cancelled';
    const notices = (state?.notices ?? [])
      // A cancellation is said apart, with the organizer's own words.
      .filter(({ id, until, type }) => !isPutAway(id) && !this.#hasEnded(until) && !(cancelled && type === 'cancellation'))
      .toSorted((one, other) => (other.revision ?? 0) - (one.revision ?? 0) || other.id - one.id);
    const shown = this.all ? notices : notices.slice(0, SHOWN_MAX);
    // The live region is always there: one that comes together with its text is often not read. A log:
    // a new notice is read, not all that are there with it.
    return html`<div role="log" aria-label=${WORDS[this.language].notices}>
      ${cancelled ? this.#cancelled(state) : nothing}
      ${repeat(
        shown,
        ({ id }) => id,
        (notice) => this.#notice(notice),
      )}
      ${shown.length < notices.length
        ? html`<button class="more" type="button" @click=${() => (this.all = true)}>
            ${WORDS[this.language].earlier(notices.length - shown.length)}
          </button>`
        : nothing}
    </div>`;
  }

  #cancelled({ notices }: EventState): TemplateResult {
    const words = WORDS[this.language];
    const told = notices.filter(({ type }) => type === 'cancellation').toSorted((one, other) => other.id - one.id);
    const reasons = told.map(({ message }) => message.replace(SAID_ALREADY, '').trim()).filter((reason) => reason !== '');
    return html`<div class="notice cancellation">
      ${icon('cancellation')}
      <p>
        <strong>${words.cancelled}</strong> ${words.nothingBooked}
        ${reasons[0] ? html`<span class="reason" dir="auto">${reasons[0]}</span>` : nothing}
      </p>
    </div>`;
  }

  #notice(notice: Notice): TemplateResult {
    const words = WORDS[this.language];
    const kind = isKnown(notice.type) ? notice.type : 'custom';
    return html`<div class="notice ${notice.type} ${this.#first?.ids.has(notice.id) ? '' : 'arrives'}">
      ${icon(kind)}
      <p>
        <strong>${words.kinds[kind]}.</strong> ${withMoments(this.language, notice.message)}
        <time datetime=${notice.at}>${momentWords(this.language, notice.at)}</time>
      </p>
      <button class="away" type="button" aria-label=${words.dismiss(notice.message)} @click=${() => this.#dismiss(notice.id)}>×</button>
    </div>`;
  }

  /** By the server's clock. */
  #hasEnded(until: string | null): boolean {
    return until !== null && Date.parse(until) <= this.topic.client.now();
  }

  #dismiss(id: number): void {
    putAway(id);
    this.requestUpdate();
  }
}

function isKnown(kind: string): kind is keyof typeof ICONS {
  return Object.hasOwn(ICONS, kind);
}

function icon(kind: keyof typeof ICONS): TemplateResult {
  return html`<svg viewBox="0 0 24 24" aria-hidden="true">${ICONS[kind]}</svg>`;
}

define('seatcast-notices', SeatcastNotices);

declare global {
  interface HTMLElementTagNameMap {
    'seatcast-notices': SeatcastNotices;
  }
}
