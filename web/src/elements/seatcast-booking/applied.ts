import { html, type TemplateResult } from 'lit';
import type { Refusal } from '../../sdk/index.ts';
import type { Language, Translations } from '../internal/language.ts';

interface Words {
  remove: string;
  removeVoucher: (code: string) => string;
}

const WORDS: Translations<Words> = {
  en: { remove: 'Remove', removeVoucher: (code) => `Remove voucher ${code}` },
  th: { remove: 'นำออก', removeVoucher: (code) => `นำบัตรกำนัล ${code} ออก` },
  fa: { remove: 'برداشتن', removeVoucher: (code) => `برداشتن کد تخفیف ${code}` },
};

/** The codes that apply, each with a way to take it back. */
export function appliedVouchers(language: Language, codes: readonly string[], remove: (code: string) => void): TemplateResult[] {
  const words = WORDS[language];
  return codes.map(
    (code) => html`<p class="applied">
      <span>${code}</span>
      <button class="button small" type="button" aria-label=${words.removeVoucher(code)} @click=${() => remove(code)}>${words.remove}</button>
    </p>`,
  );
}

/** The code that a refusal is about, since it does not apply or cannot be a code at all; the last one, if none is named. */
export function refusedVoucher(refusal: Refusal, codes: readonly string[]): string | undefined {
  if (!isAboutVouchers(refusal)) return undefined;
  return codes.find((code) => code === refusal.data['voucher']) ?? codes.at(-1);
}

function isAboutVouchers({ code, data }: Refusal): boolean {
  if (code.startsWith('VOUCHER_')) return true;
  const faults = (code === 'VALIDATION_FAILED' ? (data['errors'] ?? []) : []) as { field?: string }[];
  return faults.some(({ field }) => field?.startsWith('vouchers'));
}
