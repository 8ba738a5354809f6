/** Numbers, money and times as people read them. */
import type { Money } from '../../sdk/index.ts';

const LANGUAGE = 'en-GB';
const counts = new Intl.NumberFormat(LANGUAGE);

export function count(value: number): string {
  return counts.format(value);
}

/** `1 ticket`, `2 tickets`. */
export function plural(value: number, word: string): string {
  return `${count(value)} ${word}${value === 1 ? '' : 's'}`;
}

const percents = new Intl.NumberFormat(LANGUAGE, { style: 'percent', maximumFractionDigits: 2 });

/** Of hundredths of a percent: `19%`, `7.5%`. */
export function percent(basisPoints: number): string {
  return percents.format(basisPoints / 10_000);
}

/** `€45.00`, `¥500`; nothing to pay is `Free`. */
export function money({ amount, currency }: Money): string {
  return amount === 0 ? 'Free' : sum({ amount, currency });
}

/** Like `money`, but zero stays a number. */
export function sum(money: Money): string {
  return formatted(money, {});
}

/** Like `sum`, without the cents of a round sum: `€32`, `€32.50`. */
export function roundSum(money: Money): string {
  return formatted(money, { trailingZeroDisplay: 'stripIfInteger' });
}

function formatted({ amount, currency }: Money, options: Intl.NumberFormatOptions): string {
  const format = new Intl.NumberFormat(LANGUAGE, { style: 'currency', currency, ...options });
  // Minor units of the currency: two digits for the euro, none for the yen, three for the dinar.
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(amount / 10 ** digits);
}

/** A moment of today as its time, an older one as its day, on the reader's clock: `14:05`, `3 Nov, 14:05`. */
export function momentWords(moment: string, now = new Date()): string {
  const at = new Date(moment);
  if (Number.isNaN(at.getTime())) return '';
  const isToday = at.toDateString() === now.toDateString();
  const day: Intl.DateTimeFormatOptions = isToday ? {} : { day: 'numeric', month: 'short' };
  return new Intl.DateTimeFormat(LANGUAGE, { ...day, hour: '2-digit', minute: '2-digit' }).format(at);
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
export function dateParts(moment: string, timezone: string): DateParts {
  const format = new Intl.DateTimeFormat(LANGUAGE, {
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
    new Intl.DateTimeFormat(LANGUAGE, { timeZone: timezone });
    return timezone;
  } catch {
    return 'UTC';
  }
}
