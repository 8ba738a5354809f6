/** The fields of an event, in forms for new ones and for those that are there. */
import { html, type TemplateResult } from 'lit';
import { dateParts, timed } from '../../elements/internal/format.ts';
import { count } from '../../elements/internal/count.ts';
import type { Language } from '../../elements/internal/language.ts';
import type { EventDetails } from '../../sdk/index.ts';
import { wholeOf } from '../amounts.ts';
import { textField, tickField, type Faults, type FaultWords, type Typed } from '../fields.ts';
import type { Said } from '../said.ts';
import { fromWall, isTimezone, momentOf, timezones, toWall } from '../zoned.ts';
import { WORDS as COMMON } from '../words.ts';
import { WORDS } from './words.ts';

const TITLE_CHARS_MAX = 200;
const DESCRIPTION_CHARS_MAX = 10_000;

/** The fields of an event that a form changes, as the server takes them. */
export interface EventValues {
  title: string;
  description: string;
  venue: string;
  city: string | null;
  category: string;
  image_url: string | null;
  starts_at: string;
  ends_at: string | null;
  doors_at: string | null;
  timezone: string;
  country: string | null;
  capacity: number;
  membership_required: boolean;
  max_per_booking: number;
  hold_minutes: number;
  offer_minutes: number;
}
export type EventKey = keyof EventValues;

export const EVENT_KEYS: readonly EventKey[] = [
  'title',
  'venue',
  'city',
  'category',
  'description',
  'image_url',
  'timezone',
  'country',
  'starts_at',
  'doors_at',
  'ends_at',
  'capacity',
  'max_per_booking',
  'hold_minutes',
  'offer_minutes',
  'membership_required',
];

const TIMES: ReadonlySet<EventKey> = new Set(['starts_at', 'ends_at', 'doors_at']);

export function valuesOf(event: EventDetails): EventValues {
  const { title, description, venue, category, image_url, starts_at, timezone, country, capacity } = event;
  const { membership_required, max_per_booking, hold_minutes, offer_minutes, city = null, ends_at = null, doors_at = null } = event;
  const what = { title, description, venue, city, category, image_url };
  return { ...what, starts_at, ends_at, doors_at, timezone, country, capacity, membership_required, max_per_booking, hold_minutes, offer_minutes };
}

export function isSame(key: EventKey, one: EventValues, other: EventValues): boolean {
  if (!TIMES.has(key)) return one[key] === other[key];
  return minuteOf(one[key]) === minuteOf(other[key]);
}

/** Fields show minutes. */
function minuteOf(moment: unknown): number | null {
  return typeof moment === 'string' ? Math.floor(Date.parse(moment) / 60_000) : null;
}

/** A value as people read it. */
export function valueWords(language: Language, key: EventKey, values: EventValues): string {
  const value = values[key];
  if (value === null || value === '') return '–';
  if (typeof value === 'boolean') return value ? COMMON[language].yes : COMMON[language].no;
  if (typeof value === 'number') return count(language, value);
  if (!TIMES.has(key)) return value;
  const { day, month, year, time, zone } = dateParts(language, value, values.timezone);
  return `${timed(language, `${day} ${month} ${year}`, time)} ${zone}`;
}

export function eventFields(language: Language, values: Partial<EventValues>, faults: FaultWords): TemplateResult {
  const words = WORDS[language];
  const { fields } = words;
  const zone = values.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  const time = (name: 'starts_at' | 'ends_at' | 'doors_at', required = false): TemplateResult =>
    textField(faults, { name, label: fields[name], type: 'datetime-local', value: toWall(values[name], zone), required, ...(required ? { hint: words.inZone } : {}) });
  const whole = (name: 'capacity' | 'max_per_booking' | 'hold_minutes' | 'offer_minutes', required = false): TemplateResult =>
    textField(faults, { name, label: fields[name], type: 'number', value: values[name] ?? '', required });
  return html`
    <fieldset>
      <legend>${words.what}</legend>
      <div class="fields">
        ${textField(faults, { name: 'title', label: fields.title, value: values.title, required: true, maxlength: TITLE_CHARS_MAX, whole: true })}
        ${textField(faults, { name: 'venue', label: fields.venue, value: values.venue, required: true, maxlength: TITLE_CHARS_MAX })}
        ${textField(faults, { name: 'city', label: fields.city, value: values.city, maxlength: TITLE_CHARS_MAX, hint: words.cityHint })}
        ${textField(faults, { name: 'category', label: fields.category, value: values.category, maxlength: TITLE_CHARS_MAX })}
        ${textField(faults, { name: 'description', label: fields.description, value: values.description, maxlength: DESCRIPTION_CHARS_MAX, lines: true, whole: true })}
        ${textField(faults, { name: 'image_url', label: fields.image_url, value: values.image_url, whole: true })}
      </div>
    </fieldset>
    <fieldset>
      <legend>${words.when}</legend>
      <div class="fields">
        ${time('starts_at', true)} ${time('doors_at')} ${time('ends_at')}
        ${textField(faults, { name: 'timezone', label: fields.timezone, value: zone, list: 'timezones', required: true })}
        ${textField(faults, { name: 'country', label: fields.country, value: values.country, maxlength: 2, hint: words.countryHint })}
        <datalist id="timezones">${timezones().map((name) => html`<option value=${name}></option>`)}</datalist>
      </div>
    </fieldset>
    <fieldset>
      <legend>${words.sale}</legend>
      <div class="fields">
        ${whole('capacity', true)} ${whole('max_per_booking')} ${whole('hold_minutes')} ${whole('offer_minutes')}
        ${tickField({ name: 'membership_required', label: fields.membership_required, value: values.membership_required ?? false, whole: true })}
      </div>
    </fieldset>
  `;
}

/** The fields as they were typed. Numbers that were left empty stay as they are, or as the server has them for new events. */
export function readEvent(typed: Typed, before: Partial<EventValues>): { values: Partial<EventValues>; faults: Faults } {
  const faults: Record<string, Said> = {};
  const timezone = typed.text('timezone');
  const zone = isTimezone(timezone) ? timezone : 'UTC';
  if (zone !== timezone) faults['timezone'] = (language) => WORDS[language].notATimezone;
  const number = (name: 'capacity' | 'max_per_booking' | 'hold_minutes' | 'offer_minutes'): number | undefined => {
    const text = typed.text(name);
    if (text === '') return before[name];
    const value = wholeOf(text);
    if (value === undefined) faults[name] = (language) => WORDS[language].notANumber;
    return value;
  };
  const moment = (name: 'starts_at' | 'ends_at' | 'doors_at'): string | undefined =>
    // Another time zone: the same text is another moment.
    zone === before.timezone ? momentOf(typed.text(name), zone, before[name]) : fromWall(typed.text(name), zone);
  const starts_at = moment('starts_at');
  const capacity = number('capacity');
  const isMissing = { title: !typed.text('title'), venue: !typed.text('venue'), starts_at: starts_at === undefined, capacity: capacity === undefined };
  for (const [name, missing] of Object.entries(isMissing)) if (missing) faults[name] ??= (language) => WORDS[language].needed;
  const read: Record<EventKey, unknown> = {
    title: typed.text('title'),
    description: typed.text('description'),
    venue: typed.text('venue'),
    city: typed.text('city') || null,
    category: typed.text('category') || before.category,
    image_url: typed.text('image_url') || null,
    starts_at,
    ends_at: moment('ends_at') ?? null,
    doors_at: moment('doors_at') ?? null,
    timezone,
    country: typed.text('country').toUpperCase() || null,
    capacity,
    max_per_booking: number('max_per_booking'),
    hold_minutes: number('hold_minutes'),
    offer_minutes: number('offer_minutes'),
    membership_required: typed.is('membership_required'),
  };
  const given = Object.entries(read).filter(([, value]) => value !== undefined);
  return { values: Object.fromEntries(given) as Partial<EventValues>, faults };
}
