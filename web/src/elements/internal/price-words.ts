import type { Translations } from './language.ts';

/** Words at the lines of a price. */
export const WORDS: Translations<{ voucher: (code: string) => string; contained: (lines: readonly string[]) => string }> = {
  en: { voucher: (code) => `Voucher ${code}`, contained: (lines) => `incl. ${lines.join(', ')}` },
  th: { voucher: (code) => `บัตรกำนัล ${code}`, contained: (lines) => `รวม ${lines.join(', ')}` },
  fa: { voucher: (code) => `کد تخفیف ${code}`, contained: (lines) => `شامل ${lines.join('، ')}` },
};
