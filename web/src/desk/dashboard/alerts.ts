/** Matters for an organizer to look at, the most urgent first. */
import { count, dateParts, percent, timed } from '../../elements/internal/format.ts';
import type { Language } from '../../elements/internal/language.ts';
import { ALMOST_SOLD_OUT_SHARE } from '../../sdk/model.ts';
import type { EventDetails, TicketTypeDetails } from '../../sdk/index.ts';
import { WORDS } from './words.ts';

/** More holds than this run out: something keeps buyers from paying. */
const EXPIRED_SHARE = 0.4;
/** So few say nothing. */
const MADE_MIN = 10;
const BASIS_POINTS = 10_000;

export interface Alert {
  text: string;
  weight: '' | 'warn' | 'bad';
}

export interface Sale {
  event: EventDetails;
  types: readonly TicketTypeDetails[];
  /** Payments that wait for a person. */
  reviews: number;
  /** Holds of the last two days. */
  expired: { expired: number; made: number } | undefined;
}

export function alertsOf(language: Language, { event, types, reviews, expired }: Sale): Alert[] {
  const words = WORDS[language].alert;
  const alerts: Alert[] = [];
  const tell = (text: string, weight: Alert['weight'] = 'warn'): void => void alerts.push({ text, weight });
  if (reviews > 0) tell(words.review(count(language, reviews)), 'bad');
  if (event.status === 'cancelled') tell(words.cancelled, 'bad');
  if (event.status === 'draft') tell(words.draft, '');
  if (event.status === 'paused') tell(words.paused);
  if (types.length === 0) tell(words.noTypes, 'bad');
  if (expired && expired.made >= MADE_MIN && expired.expired > expired.made * EXPIRED_SHARE) {
    tell(words.expired(percent(language, Math.round((expired.expired / expired.made) * BASIS_POINTS))));
  }
  if (event.status !== 'active') return alerts;
  for (const { name, available, capacity, sale_state, sale_from } of types) {
    if (sale_state === 'not_started' && sale_from) {
      const { day, month, year, time } = dateParts(language, sale_from, event.timezone);
      tell(words.notStarted(name, timed(language, `${day} ${month} ${year}`, time)), '');
    } else if (available <= 0 && capacity > 0) tell(words.soldOut(name));
    else if (available <= capacity * ALMOST_SOLD_OUT_SHARE) tell(words.almost(name, count(language, available)));
  }
  return alerts;
}
