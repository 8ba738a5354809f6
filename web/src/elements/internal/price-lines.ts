/** The lines of a price beside its tickets, as a buyer reads them. */
import { html, nothing, type TemplateResult } from 'lit';
import type { PriceLine } from '../../sdk/index.ts';
import { percent, sum } from './format.ts';
import type { Language } from './language.ts';
import { WORDS } from './price-words.ts';

interface Row {
  label: string;
  amount: number;
}

/** One row for each voucher, fee and tax: a voucher has a line for each ticket type that it makes cheaper. */
export function rowsOf(language: Language, lines: readonly PriceLine[]): { added: Row[]; contained: Row[] } {
  const added = new Map<string, Row>();
  const contained: Row[] = [];
  for (const { kind, name, amount, tax_amount, tax } of lines) {
    if (kind === 'ticket') continue;
    const rate = kind === 'tax' && tax ? `${name} ${percent(language, tax.basis_points)}` : name;
    if (kind === 'tax' && tax?.included) {
      contained.push({ label: rate, amount: tax_amount });
      continue;
    }
    const label = kind === 'discount' ? WORDS[language].voucher(name) : rate;
    const row = added.get(`${kind} ${label}`) ?? { label, amount: 0 };
    added.set(`${kind} ${label}`, { label, amount: row.amount + amount });
  }
  return { added: [...added.values()], contained };
}

/** The price of the tickets of a type, before vouchers and fees; undefined where the lines do not say. */
export function ticketAmount(lines: readonly PriceLine[], typeId: number): number | undefined {
  const ofType = lines.filter(({ kind, ticket_type_id: id }) => kind === 'ticket' && id === typeId);
  return ofType.length === 0 ? undefined : ofType.reduce((all, { amount }) => all + amount, 0);
}

/** Discounts, fees and taxes that are added, above a total. */
export function addedRows(language: Language, lines: readonly PriceLine[], currency: string): TemplateResult | typeof nothing {
  const { added } = rowsOf(language, lines);
  if (added.length === 0) return nothing;
  return html`<ul class="added">
    ${added.map(({ label, amount }) => html`<li><span>${label}</span> <span class="amount">${sum(language, { amount, currency })}</span></li>`)}
  </ul>`;
}

/** Below a total: `incl. VAT 19% €14.37`. */
export function containedWords(language: Language, lines: readonly PriceLine[], currency: string): string {
  const words = rowsOf(language, lines).contained.map(({ label, amount }) => `${label} ${sum(language, { amount, currency })}`);
  return words.length === 0 ? '' : WORDS[language].contained(words);
}
