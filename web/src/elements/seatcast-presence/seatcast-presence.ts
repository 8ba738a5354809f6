import { html, nothing, type TemplateResult } from 'lit';
import { othersHere, STEPS, type Others } from '../../sdk/index.ts';
import { count } from '../internal/format.ts';
import type { Language } from '../internal/language.ts';
import { faultOf } from '../internal/fault.ts';
import { define, LiveElement } from '../internal/live-element.ts';
import { styles } from './seatcast-presence.styles.ts';
import { WORDS } from './words.ts';

const KNOWN = [STEPS.choosing, STEPS.paying] as const;

/**
 * How many others are looking at an event and booking it, live. It shows nothing while nobody else is
 * there or nobody knows, and says so when the number is not current. Whoever has a
 * `seatcast-booking` on the page is counted by it.
 *
 *     <seatcast-presence event="42"></seatcast-presence>
 *
 * No live region: numbers that change by the second are to be read, not to be told.
 */
export class SeatcastPresence extends LiveElement {
  static override styles = styles;

  override render(): TemplateResult | typeof nothing {
    const { state, status, counted, refused } = this.topic.view;
    const fault = faultOf(this.language, this.guard, refused);
    if (fault) return fault;
    if (!state?.presence || state.event.status === 'cancelled') return nothing;
    const others = othersHere(state.presence, counted);
    if (others.total === 0) return nothing;
    return status === 'live' ? this.#now(others) : this.#before(others);
  }

  #now(others: Others): TemplateResult {
    const { total, booking } = others;
    return html`<p data-others=${total} data-booking=${booking}>
      ${ICON}
      <span>${WORDS[this.language].here(total)}</span>
      ${booking > 0
        ? html`<span class="booking">${WORDS[this.language].booking(booking, doing(this.language, others))}</span>`
        : nothing}
    </p>`;
  }

  /** Stale: it is not known how many are here now. */
  #before({ total }: Others): TemplateResult {
    return html`<p class="past">
      ${ICON}<span>${WORDS[this.language].before(total)}</span>
    </p>`;
  }
}

const ICON = html`<svg viewBox="0 0 24 24" aria-hidden="true">
  <circle cx="9" cy="8" r="3.5" /><path d="M2.5 20a6.5 6.5 0 0 1 13 0M16 5a3.5 3.5 0 0 1 0 6.5M18 14.2a6.5 6.5 0 0 1 3.5 5.8" />
</svg>`;

/**
 * `choosing tickets` where all are; else `booking: 2 choosing tickets, 1 checking out`, or `booking` where
 * people are at steps that we do not know.
 */
function doing(language: Language, { byStep, booking }: Others): string {
  const words = WORDS[language];
  const known = KNOWN.filter((step) => (byStep[step] ?? 0) > 0);
  const sum = known.reduce((total, step) => total + (byStep[step] ?? 0), 0);
  if (sum !== booking) return words.mixed([]);
  const [first] = known;
  if (known.length === 1 && first) return words.doing[first];
  return words.mixed(known.map((step) => `${count(language, byStep[step] ?? 0)} ${words.doing[step]}`));
}

define('seatcast-presence', SeatcastPresence);

declare global {
  interface HTMLElementTagNameMap {
    'seatcast-presence': SeatcastPresence;
  }
}
