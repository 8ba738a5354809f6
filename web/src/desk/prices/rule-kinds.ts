/** Vouchers, fees and taxes differ in these alone: the columns of their tables, the fields of their forms. */
import { html, type TemplateResult } from 'lit';
import { count, dateParts, percent, sum, timed } from '../../elements/internal/format.ts';
import type { Language } from '../../elements/internal/language.ts';
import type { EventDetails } from '../../sdk/index.ts';
import { amountOf, amountText, basisPointsOf, percentText, wholeOf } from '../amounts.ts';
import { choiceField, textField, tickField, type Faults, type FaultWords, type Typed } from '../fields.ts';
import type { Said } from '../said.ts';
import { momentOf, toWall } from '../zoned.ts';
import { WORDS } from './words.ts';

export type Kind = 'vouchers' | 'fees' | 'taxes' | 'countryTaxes';
/** The part of an event that its rules need. */
export type RuleEvent = Pick<EventDetails, 'currency' | 'timezone' | 'ticket_types'>;
/** Of rules that are about no event. */
export const NO_EVENT: RuleEvent = { currency: 'EUR', timezone: 'UTC', ticket_types: [] };
type ValueKind = 'percent' | 'amount' | 'fixed_price' | 'per_ticket' | 'per_booking';

/** A voucher, a fee or a tax, as the server has it. */
export interface Rule {
  id: number;
  name?: string;
  kind?: ValueKind;
  value?: number;
  absorbed?: boolean;
  rate?: number;
  included?: boolean;
  ticket_type_id?: number | null;
  country?: string | null;
  code?: string;
  uses_max?: number | null;
  uses?: number;
  valid_from?: string | null;
  valid_to?: string | null;
  ticket_type_ids?: number[] | null;
  max_per_booking?: number | null;
  reveals_hidden?: boolean;
  reserved?: number;
  /** Of them, what its bearers have not taken yet. */
  reserved_left?: number;
}

interface Column {
  label: string;
  cell: (rule: Rule) => TemplateResult | string;
}

export interface FormOf {
  language: Language;
  event: RuleEvent;
  rule: Rule | undefined;
  faults: FaultWords;
  /** The kind that is chosen in the form; '': none yet. */
  chosen: string;
  choose: (kind: string) => void;
}

interface KindOf {
  nameOf: (rule: Rule) => string;
  columns: (language: Language, event: RuleEvent) => Column[];
  fields: (form: FormOf) => TemplateResult;
  /** `rule`: with which the form was filled. */
  read: (typed: Typed, event: RuleEvent, rule: Rule | undefined) => { body: Record<string, unknown>; faults: Faults };
}

const NAME_CHARS_MAX = 200;
const CODE_CHARS_MAX = 64;
const COUNTRY_LETTERS = 2;
const VOUCHER_KINDS: readonly ValueKind[] = ['percent', 'amount', 'fixed_price'];
const FEE_KINDS: readonly ValueKind[] = ['per_ticket', 'per_booking', 'percent'];

const vouchers: KindOf = {
  nameOf: ({ code = '' }) => code,
  columns: (language, event) => {
    const words = WORDS[language];
    return [
      { label: words.code, cell: ({ code = '', reveals_hidden }) => html`${code} ${reveals_hidden ? html`<span class="tag">${words.revealsTag}</span>` : ''}` },
      { label: words.value, cell: (rule) => valueWords(language, event, rule) },
      {
        label: words.uses,
        cell: ({ uses = 0, uses_max: max }) => (typeof max === 'number' ? words.usesOf(count(language, uses), count(language, max)) : count(language, uses)),
      },
      { label: words.valid, cell: ({ valid_from: from, valid_to: to }) => (from || to ? words.period(moment(language, event, from), moment(language, event, to)) : words.always) },
      { label: words.types, cell: ({ ticket_type_ids: ids }) => typesWords(language, event, ids) },
      { label: words.reserved, cell: ({ reserved = 0, reserved_left: left = 0 }) => (reserved > 0 ? words.reservedLeft(count(language, left), count(language, reserved)) : '–') },
    ];
  },
  fields: (form) => {
    const { language, event, rule, faults } = form;
    const words = WORDS[language];
    const zone = event.timezone;
    return html`
      ${textField(faults, { name: 'code', label: words.code, value: rule?.code, hint: words.codeHint, required: true, maxlength: CODE_CHARS_MAX })}
      ${valueFields(form, VOUCHER_KINDS)}
      ${textField(faults, { name: 'uses_max', label: words.usesMax, value: rule?.uses_max, type: 'number', hint: words.usesHint })}
      ${textField(faults, { name: 'max_per_booking', label: words.maxPerBooking, value: rule?.max_per_booking, type: 'number' })}
      ${textField(faults, { name: 'valid_from', label: words.from, type: 'datetime-local', value: toWall(rule?.valid_from, zone) })}
      ${textField(faults, { name: 'valid_to', label: words.to, type: 'datetime-local', value: toWall(rule?.valid_to, zone) })}
      <fieldset class="whole">
        <legend>${words.types}</legend>
        <p class="hint">${words.typesHint}</p>
        <div class="ticks">
          ${event.ticket_types.map(
            ({ id, name }) =>
              html`<label class="tick"><input type="checkbox" name="ticket_type_ids" value=${id} ?checked=${rule?.ticket_type_ids?.includes(id) ?? false} />${name}</label>`,
          )}
        </div>
      </fieldset>
      ${textField(faults, { name: 'reserved', label: words.reservedTickets, value: rule?.reserved || undefined, type: 'number', hint: words.reservedHint })}
      ${tickField({ name: 'reveals_hidden', label: words.reveals, value: rule?.reveals_hidden ?? false, whole: true })}
    `;
  },
  read: (typed, event, rule) => {
    const { body, faults } = readValue(typed, event, VOUCHER_KINDS);
    const whole = (name: string): number | null => {
      const text = typed.text(name);
      const value = wholeOf(text);
      if (text !== '' && value === undefined) faults[name] = (language) => WORDS[language].notANumber;
      return value ?? null;
    };
    if (!typed.text('code')) faults['code'] = (language) => WORDS[language].needed;
    const ids = typed.all('ticket_type_ids').map(Number);
    const times = Object.fromEntries((['valid_from', 'valid_to'] as const).map((name) => [name, momentOf(typed.text(name), event.timezone, rule?.[name]) ?? null]));
    const limits = { uses_max: whole('uses_max'), max_per_booking: whole('max_per_booking') };
    return { body: { code: typed.text('code'), ...body, ...limits, ...times, ticket_type_ids: ids.length > 0 ? ids : null, reveals_hidden: typed.is('reveals_hidden'), reserved: whole('reserved') ?? 0 }, faults };
  },
};

const fees: KindOf = {
  nameOf: ({ name = '' }) => name,
  columns: (language, event) => {
    const words = WORDS[language];
    return [
      { label: words.name, cell: ({ name = '' }) => name },
      { label: words.kind, cell: ({ kind }) => (kind ? words.kinds[kind] : '') },
      { label: words.value, cell: (rule) => valueWords(language, event, rule) },
      { label: words.whoPays, cell: ({ absorbed }) => (absorbed ? words.absorbed : words.onTop) },
    ];
  },
  fields: (form) => {
    const { language, rule, faults } = form;
    const words = WORDS[language];
    return html`
      ${textField(faults, { name: 'name', label: words.name, value: rule?.name, required: true, maxlength: NAME_CHARS_MAX })} ${valueFields(form, FEE_KINDS)}
      ${tickField({ name: 'absorbed', label: words.absorbed, value: rule?.absorbed ?? false, whole: true })}
    `;
  },
  read: (typed, event) => {
    const { body, faults } = readValue(typed, event, FEE_KINDS);
    if (!typed.text('name')) faults['name'] = (language) => WORDS[language].needed;
    return { body: { name: typed.text('name'), ...body, absorbed: typed.is('absorbed') }, faults };
  },
};

const taxes: KindOf = {
  nameOf: ({ name = '' }) => name,
  columns: (language, event) => {
    const words = WORDS[language];
    return [
      { label: words.name, cell: ({ name = '' }) => name },
      { label: words.rate, cell: ({ rate = 0 }) => percent(language, rate) },
      { label: words.how, cell: ({ included }) => (included ? words.included : words.added) },
      { label: words.types, cell: ({ ticket_type_id: id }) => typesWords(language, event, typeof id === 'number' ? [id] : null) },
    ];
  },
  fields: ({ language, event, rule, faults }) => {
    const words = WORDS[language];
    const types = event.ticket_types.map(({ id, name }) => ({ value: String(id), label: name }));
    return html`
      ${textField(faults, { name: 'name', label: words.name, value: rule?.name, required: true, maxlength: NAME_CHARS_MAX })}
      ${textField(faults, { name: 'rate', label: words.rate, value: rule && percentText(rule.rate ?? 0), inputmode: 'decimal', required: true })}
      ${choiceField(faults, { name: 'ticket_type_id', label: words.types, value: String(rule?.ticket_type_id ?? ''), choices: [{ value: '', label: words.allTypes }, ...types] })}
      ${tickField({ name: 'included', label: words.included, value: rule?.included ?? true, whole: true })}
    `;
  },
  read: (typed) => {
    const faults: Record<string, Said> = {};
    const rate = basisPointsOf(typed.text('rate'));
    if (rate === undefined) faults['rate'] = (language) => WORDS[language].notANumber;
    if (!typed.text('name')) faults['name'] = (language) => WORDS[language].needed;
    const type = typed.text('ticket_type_id');
    return { body: { name: typed.text('name'), rate, included: typed.is('included'), ticket_type_id: type === '' ? null : Number(type) }, faults };
  },
};

/** Of an organization: they hold for its events in a country that have none of their own. */
const countryTaxes: KindOf = {
  nameOf: ({ name = '' }) => name,
  columns: (language) => {
    const words = WORDS[language];
    return [
      { label: words.name, cell: ({ name = '' }) => name },
      { label: words.country, cell: ({ country }) => country ?? words.otherCountries },
      { label: words.rate, cell: ({ rate = 0 }) => percent(language, rate) },
      { label: words.how, cell: ({ included }) => (included ? words.included : words.added) },
    ];
  },
  fields: ({ language, rule, faults }) => {
    const words = WORDS[language];
    return html`
      ${textField(faults, { name: 'name', label: words.name, value: rule?.name, required: true, maxlength: NAME_CHARS_MAX })}
      ${textField(faults, { name: 'rate', label: words.rate, value: rule && percentText(rule.rate ?? 0), inputmode: 'decimal', required: true })}
      ${textField(faults, { name: 'country', label: words.country, value: rule?.country, maxlength: COUNTRY_LETTERS, hint: words.countryHint })}
      ${tickField({ name: 'included', label: words.included, value: rule?.included ?? true, whole: true })}
    `;
  },
  read: (typed) => {
    const faults: Record<string, Said> = {};
    const rate = basisPointsOf(typed.text('rate'));
    if (rate === undefined) faults['rate'] = (language) => WORDS[language].notANumber;
    if (!typed.text('name')) faults['name'] = (language) => WORDS[language].needed;
    return { body: { name: typed.text('name'), rate, included: typed.is('included'), country: typed.text('country').toUpperCase() || null }, faults };
  },
};

export const KINDS: Readonly<Record<Kind, KindOf>> = { vouchers, fees, taxes, countryTaxes };

/** A value means nothing without its kind: one is never sent without the other. */
const TOGETHER: readonly string[] = ['kind', 'value'];

/** What differs from the rule that the form was filled with: the rest may have been changed by somebody else meanwhile. */
export function changesOf(rule: Rule, body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const before: Record<string, unknown> = { ...rule };
  const differs = (name: string): boolean => !isSame(before[name] ?? null, body[name] ?? null);
  const names = Object.keys(body).filter((name) => (TOGETHER.includes(name) ? TOGETHER.some((one) => one in body && differs(one)) : differs(name)));
  return Object.fromEntries(names.map((name) => [name, body[name]]));
}

/** Lists are of ids, in any order. */
function isSame(one: unknown, other: unknown): boolean {
  if (!Array.isArray(one) || !Array.isArray(other)) return one === other;
  return one.length === other.length && one.every((id) => other.includes(id));
}

function valueFields({ language, event, rule, faults, chosen, choose }: FormOf, kinds: readonly ValueKind[]): TemplateResult {
  const words = WORDS[language];
  const kind = kinds.find((one) => one === chosen) ?? kinds[0] ?? 'percent';
  const { value } = rule ?? {};
  const shown = value === undefined ? '' : rule?.kind === 'percent' ? percentText(value) : amountText(value, event.currency);
  return html`
    ${choiceField(faults, { name: 'kind', label: words.kind, value: kind, choices: kinds.map((one) => ({ value: one, label: words.kinds[one] })), changed: choose })}
    ${textField(faults, { name: 'value', label: words.value, value: shown, inputmode: 'decimal', required: true, hint: kind === 'percent' ? words.valuePercent : words.valueAmount(event.currency) })}
  `;
}

function readValue(typed: Typed, { currency }: RuleEvent, kinds: readonly ValueKind[]): { body: Record<string, unknown>; faults: Record<string, Said> } {
  const kind = kinds.find((one) => one === typed.text('kind')) ?? kinds[0];
  const value = kind === 'percent' ? basisPointsOf(typed.text('value')) : amountOf(typed.text('value'), currency);
  return { body: { kind, value }, faults: value === undefined ? { value: (language) => WORDS[language][kind === 'percent' ? 'notANumber' : 'notAnAmount'] } : {} };
}

function valueWords(language: Language, { currency }: RuleEvent, { kind, value = 0 }: Rule): string {
  if (kind === 'percent') return percent(language, value);
  const amount = sum(language, { amount: value, currency });
  return kind === 'fixed_price' ? `${WORDS[language].kinds.fixed_price}: ${amount}` : kind === 'amount' ? `−${amount}` : amount;
}

function typesWords(language: Language, { ticket_types: types }: RuleEvent, ids: readonly number[] | null | undefined): string {
  if (!ids) return WORDS[language].allTypes;
  return ids.map((id) => types.find((type) => type.id === id)?.name ?? String(id)).join(', ');
}

function moment(language: Language, { timezone }: RuleEvent, at: string | null | undefined): string {
  if (!at) return '…';
  const { day, month, year, time } = dateParts(language, at, timezone);
  return timed(language, `${day} ${month} ${year}`, time);
}
