/** Numbers in the reader's digits, apart from the other formats since the smallest bundle needs no more. */
import type { Language, Translations } from './language.ts';

/** Locales of `Intl`. Dates are those of the calendar that tickets and mails have. */
export const LOCALES: Translations<string> = {
  en: 'en-GB',
  th: 'th-TH-u-ca-gregory',
  fa: 'fa-IR-u-ca-gregory',
};

/** Formats are dear to make, so each is made once. */
const counts = new Map<Language, Intl.NumberFormat>();

export function count(language: Language, value: number): string {
  let format = counts.get(language);
  if (!format) counts.set(language, (format = new Intl.NumberFormat(LOCALES[language])));
  return format.format(value);
}
