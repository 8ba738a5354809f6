/** Numbers, money and times as people read them, in their language. */
import type { Money } from '../../sdk/index.ts';
import { count, LOCALES } from './count.ts';
import type { Language, Translations } from './language.ts';

export { count };

const FREE: Translations<string> = { en: 'Free', th: 'ฟรี', fa: 'رایگان' };

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

/**
 * Digits of the currency's minor unit, as the server counts it (`src/ticketing/currency.rs`): two for the euro, none for the yen,
 * three for the dinar. Browsers do not agree about forints, rupiahs and others.
 */
export function decimals(currency: string): number {
  if (/BIF|CLP|DJF|GNF|ISK|JPY|KMF|KRW|MGA|PYG|RWF|UGX|VND|VUV|XAF|XOF|XPF/.test(currency)) return 0;
  return /BHD|IQD|JOD|KWD|LYD|OMR|TND/.test(currency) ? 3 : 2;
}

function formatted(language: Language, { amount, currency }: Money, options: Intl.NumberFormatOptions): string {
  const digits = decimals(currency);
  const format = new Intl.NumberFormat(LOCALES[language], { style: 'currency', currency, minimumFractionDigits: digits, ...options });
  // With a minus as wide as a digit, where formats have a hyphen.
  return format.format(amount / 10 ** digits).replace('-', '−');
}

/** A moment of today as its time, another one as its day, on the reader's clock: `14:05`, `3 Nov, 14:05`, `3 Nov 2031, 14:05`. */
export function momentWords(language: Language, moment: string, now = new Date()): string {
  const at = new Date(moment);
  if (Number.isNaN(at.getTime())) return '';
  const isToday = at.toDateString() === now.toDateString();
  const isThisYear = at.getFullYear() === now.getFullYear();
  const day: Intl.DateTimeFormatOptions = isToday ? {} : { day: 'numeric', month: 'short', ...(isThisYear ? {} : { year: 'numeric' }) };
  return new Intl.DateTimeFormat(LOCALES[language], { ...day, hour: '2-digit', minute: '2-digit' }).format(at);
}

/** A text of the server with its times as people read them: `2026-12-24 20:00 (Europe/Berlin)` is `24 Dec 2026, 20:00 (Berlin)`. */
export function withMoments(language: Language, text: string): string {
  return text.replace(/\b(\d{4}-\d\d-\d\d) (\d\d:\d\d) \(([\w/+-]+)\)/g, (whole, day: string, time: string, zone: string) => {
    const at = new Date(`${day}T${time}:00Z`);
    if (Number.isNaN(at.getTime())) return whole;
    // It is the clock on the wall there, whatever its offset.
    const { day: date, month, year, time: clock } = dateParts(language, at.toISOString(), 'UTC');
    const place = zone.split('/').at(-1)?.replace(/_/g, ' ') ?? zone;
    return `${timed(language, `${date} ${month} ${year}`, clock)} (${place})`;
  });
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

/** The digits of a text in those of the language: `14:59` is `۱۴:۵۹`. */
export function digits(language: Language, text: string): string {
  return language === 'fa' ? text.replace(/\d/g, (digit) => count('fa', Number(digit))) : text;
}

const COMMAS: Translations<string> = { en: ',', th: '', fa: '،' };

/** A day and a time of it, as the language sets them apart. */
export function timed(language: Language, date: string, time: string): string {
  return `${date}${COMMAS[language]} ${time}`;
}

/** `Fri 1 Jan 2027, 15:00`, without the year where that is plain. */
export function dateWords(language: Language, { weekday, day, month, year, time }: DateParts, withYear = true): string {
  return timed(language, `${weekday} ${day} ${month}${withYear ? ` ${year}` : ''}`, time);
}

function knownZone(timezone: string): string {
  try {
    new Intl.DateTimeFormat(LOCALES.en, { timeZone: timezone });
    return timezone;
  } catch {
    return 'UTC';
  }
}
