/**
 * Amounts as people type them: `45`, `45.00`, `۴۵٫۵`. Pages show `1,000` for a thousand, so a sign that may group thousands is
 * never read as the decimal one: the text is refused, and its writer asked again.
 */
import { decimals, digits } from '../elements/internal/format.ts';
import type { Language } from '../elements/internal/language.ts';
import { latin } from '../elements/internal/latin.ts';

/** `4500` euro cents as `45.00`, for a field. */
export function amountText(amount: number, currency: string): string {
  const places = decimals(currency);
  return (amount / 10 ** places).toFixed(places);
}

/** Minor units of a typed amount; undefined: it is none. */
export function amountOf(text: string, currency: string): number | undefined {
  return scaled(text, decimals(currency));
}

/** Hundredths of a percent of a typed percentage: `7.5` is 750. */
export function basisPointsOf(text: string): number | undefined {
  return scaled(text, 2);
}

/** `750` hundredths of a percent as `7.5`, for a field. */
export function percentText(basisPoints: number): string {
  return String(basisPoints / 100);
}

/** A number as a field shows it: `7.5`, `۷٫۵`. What people type may have either digits. */
export function numberText(language: Language, value: number | string): string {
  const text = String(value);
  return digits(language, language === 'fa' ? text.replace('.', '٫') : text);
}

/** `1,000`, `1.000`: a thousand to some, one to others. */
const GROUPED = /^[1-9]\d{0,2}[.,]\d{3}$/;

/** A typed number with any fraction; undefined: it is none. */
export function decimalOf(text: string): number | undefined {
  if (GROUPED.test(latin(text))) return undefined;
  const plain = latin(text).replace(/[,٫]/, '.');
  return /^\d{1,12}(\.\d*)?$/.test(plain) ? Number(plain) : undefined;
}

/** A whole number in digits of any script; undefined: it is none. */
export function wholeOf(text: string): number | undefined {
  return scaled(text, 0);
}

function scaled(text: string, places: number): number | undefined {
  const plain = latin(text).replace(/[\s\u00a0\u202f]/g, '');
  const [, sign, whole = '', fraction = ''] = /^(-?)(\d{1,12})(?:[.,٫](\d*))?$/.exec(plain) ?? [];
  // Zeros count: those of `1,000` are no cents. With three places only the sign tells, and fields show a point.
  if (sign === undefined || fraction.length > places || /,\d{3}$/.test(plain)) return undefined;
  const value = Number(whole) * 10 ** places + Number(fraction.padEnd(places, '0') || 0);
  return sign === '-' ? -value : value;
}
