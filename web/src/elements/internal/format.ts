/** Numbers, money and times as people read them, in their language. */
import type { Money } from '../../sdk/index.ts';
import type { Language, Translations } from './language.ts';

/** Locales of `Intl`. Dates are those of the calendar that tickets and mails have. */
const LOCALES: Translations<string> = {
  en: 'en-GB',
  th: 'th-TH-u-ca-gregory',
  fa: 'fa-IR-u-ca-gregory',
};
const FREE: Translations<string> = { en: 'Free', th: 'ฟรี', fa: 'رایگان' };

/** Formats are dear to make, so each is made once. */
const counts = new Map<Language, Intl.NumberFormat>();

export function count(language: Language, value: number): string {
  let format = counts.get(language);
  if (!format) counts.set(language, (format = new Intl.NumberFormat(LOCALES[language])));
  return format.format(value);
}

/** English: `1 ticket`, `2 tickets`. */
export function plural(value: number, word: string): string {
  return `${count('en', value)} ${word}${value === 1 ? '' : 's'}`;
}

/** Of hundredths of a percent: `19%`, `7.5%`. */
export function percent(language: Language, basisPoints: number): string {
  return new Intl.NumberFormat(LOCALES[language], { style: 'percent', maximumFractionDigits: 2 }).format(basisPoints / 10_000);
}

/** `€45.00`, `¥500`; nothing to pay is `Free`. */
export function money(language: Language, { amount, currency }: Money): string {
  return amount === 0 ? FREE[language] : sum(language, { amount, currency });
}

/** Like `money`, but zero stays a number. */
export function sum(language: Language, money: Money): string {
  return formatted(language, money, {});
}

/** Like `sum`, without the cents of a round sum: `€32`, `€32.50`. */
export function roundSum(language: Language, money: Money): string {
  return formatted(language, money, { trailingZeroDisplay: 'stripIfInteger' });
}

function formatted(language: Language, { amount, currency }: Money, options: Intl.NumberFormatOptions): string {
  const format = new Intl.NumberFormat(LOCALES[language], { style: 'currency', currency, ...options });
  // Minor units of the currency: two digits for the euro, none for the yen, three for the dinar.
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(amount / 10 ** digits);
}

/** A moment of today as its time, an older one as its day, on the reader's clock: `14:05`, `3 Nov, 14:05`. */
export function momentWords(language: Language, moment: string, now = new Date()): string {
  const at = new Date(moment);
  if (Number.isNaN(at.getTime())) return '';
  const isToday = at.toDateString() === now.toDateString();
  const day: Intl.DateTimeFormatOptions = isToday ? {} : { day: 'numeric', month: 'short' };
  return new Intl.DateTimeFormat(LOCALES[language], { ...day, hour: '2-digit', minute: '2-digit' }).format(at);
}

export interface DateParts {
  weekday: string;
  day: string;
  month: string;
  year: string;
  time: string;
  /** `CET`, or the offset where the zone has no short name. */
  zone: string;
}

/** A moment as the clock on the venue's wall shows it. */
export function dateParts(language: Language, moment: string, timezone: string): DateParts {
  const format = new Intl.DateTimeFormat(LOCALES[language], {
    timeZone: knownZone(timezone),
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    timeZoneName: 'short',
  });
  const parts = new Map(format.formatToParts(new Date(moment)).map(({ type, value }) => [type, value]));
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? '';
  return {
    weekday: part('weekday'),
    day: part('day'),
    month: part('month'),
    year: part('year'),
    time: `${part('hour')}:${part('minute')}`,
    zone: part('timeZoneName'),
  };
}

function knownZone(timezone: string): string {
  try {
    new Intl.DateTimeFormat(LOCALES.en, { timeZone: timezone });
    return timezone;
  } catch {
    return 'UTC';
  }
}
