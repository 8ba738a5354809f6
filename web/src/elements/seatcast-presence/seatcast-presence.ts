import { html, nothing, type TemplateResult } from 'lit';
import { othersHere, STEPS, type Others } from '../../sdk/index.ts';
import { count } from '../internal/format.ts';
import { define, LiveElement } from '../internal/live-element.ts';
import { styles } from './seatcast-presence.styles.ts';

/** Words for people at a step. Steps that other programs name are not told apart. */
const DOING: [step: string, words: string][] = [
  [STEPS.choosing, 'choosing tickets'],
  [STEPS.paying, 'checking out'],
];

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
    const { state, status, counted } = this.topic.view;
    if (!state?.presence || state.event.status === 'cancelled') return nothing;
    const others = othersHere(state.presence, counted);
    if (others.total === 0) return nothing;
    return status === 'live' ? this.#now(others) : this.#before(others);
  }

  #now(others: Others): TemplateResult {
    const { total, booking } = others;
    return html`<p data-others=${total} data-booking=${booking}>
      ${ICON}
      <span><b>${count(total)}</b> ${total === 1 ? 'other' : 'others'} here</span>
      ${booking > 0
        ? html`<span class="booking"><b>${count(booking)}</b> ${doing(others)}</span>`
        : nothing}
    </p>`;
  }

  /** Stale: it is not known how many are here now. */
  #before({ total }: Others): TemplateResult {
    return html`<p class="past">
      ${ICON}<span><b>${count(total)}</b> ${total === 1 ? 'other' : 'others'} here a moment ago</span>
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
function doing({ byStep, booking }: Others): string {
  const known = DOING.filter(([step]) => (byStep[step] ?? 0) > 0);
  const sum = known.reduce((total, [step]) => total + (byStep[step] ?? 0), 0);
  if (sum !== booking) return 'booking';
  if (known.length === 1) return known[0]?.[1] ?? '';
  return `booking: ${known.map(([step, words]) => `${count(byStep[step] ?? 0)} ${words}`).join(', ')}`;
}

define('seatcast-presence', SeatcastPresence);

declare global {
  interface HTMLElementTagNameMap {
    'seatcast-presence': SeatcastPresence;
  }
}
