/** The days that a list of events is about, on the visitor's calendar. */
import type { Language } from '../elements/internal/language.ts';

export const WHENS = ['any', 'today', 'weekend', 'month', 'dates'] as const;
export type When = (typeof WHENS)[number];

const MONTH_DAYS = 30;
/** Days of the week on which most people are free, the first of them; Sunday is 0. */
const WEEKEND: Readonly<Record<Language, number>> = { en: 6, th: 6, fa: 4 };
const WEEKEND_DAYS = 2;

export interface Days {
  from: Date;
  /** The first moment after them. */
  to: Date | undefined;
}

/** `dates` are days as `<input type=date>` has them, either of them perhaps empty. */
export function daysOf(when: When, now: Date, language: Language, dates: { from: string; to: string }): Days | undefined {
  const today = dayOf(now);
  switch (when) {
    case 'any':
      return undefined;
    case 'today':
      return { from: today, to: after(today, 1) };
    case 'weekend': {
      const since = (now.getDay() - WEEKEND[language] + 7) % 7;
      const first = after(today, since < WEEKEND_DAYS ? -since : 7 - since);
      return { from: first, to: after(first, WEEKEND_DAYS) };
    }
    case 'month':
      return { from: today, to: after(today, MONTH_DAYS) };
    case 'dates': {
      const from = parsed(dates.from) ?? today;
      const last = parsed(dates.to);
      return { from, to: last && after(last, 1) };
    }
  }
}

function dayOf(moment: Date): Date {
  return new Date(moment.getFullYear(), moment.getMonth(), moment.getDate());
}

/** Not a number of hours: some days have 23 or 25. */
function after(day: Date, days: number): Date {
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() + days);
}

function parsed(text: string): Date | undefined {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? [];
  return year ? new Date(Number(year), Number(month) - 1, Number(day)) : undefined;
}
