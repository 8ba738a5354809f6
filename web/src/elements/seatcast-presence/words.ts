import { html, type TemplateResult } from 'lit';
import { STEPS } from '../../sdk/index.ts';
import { count } from '../internal/count.ts';
import type { Language, Translations } from '../internal/language.ts';

interface Words {
  here: (total: number) => TemplateResult;
  before: (total: number) => TemplateResult;
  /** People who book, and what they do: `2 choosing tickets`. */
  booking: (people: number, doing: string) => TemplateResult;
  /** Where not all do the same; `steps` is empty where that is not known. */
  mixed: (steps: readonly string[]) => string;
  /** Words for people at a step. Steps that other programs name are not told apart. */
  doing: Readonly<Record<typeof STEPS.choosing | typeof STEPS.paying, string>>;
}

const bold = (language: Language, people: number): TemplateResult => html`<b>${count(language, people)}</b>`;

export const WORDS: Translations<Words> = {
  en: {
    here: (total) => html`${bold('en', total)} ${total === 1 ? 'other' : 'others'} here`,
    before: (total) => html`${bold('en', total)} ${total === 1 ? 'other' : 'others'} here a moment ago`,
    booking: (people, doing) => html`${bold('en', people)} ${doing}`,
    mixed: (steps) => (steps.length === 0 ? 'booking' : `booking: ${steps.join(', ')}`),
    doing: { [STEPS.choosing]: 'choosing tickets', [STEPS.paying]: 'checking out' },
  },
  th: {
    here: (total) => html`มีอีก ${bold('th', total)} คนที่นี่`,
    before: (total) => html`เมื่อสักครู่มีอีก ${bold('th', total)} คนที่นี่`,
    booking: (people, doing) => html`${bold('th', people)} คน ${doing}`,
    mixed: (steps) => (steps.length === 0 ? 'กำลังจอง' : `กำลังจอง: ${steps.join(', ')}`),
    doing: { [STEPS.choosing]: 'กำลังเลือกบัตร', [STEPS.paying]: 'กำลังชำระเงิน' },
  },
  fa: {
    here: (total) => html`${bold('fa', total)} نفر دیگر اینجا هستند`,
    before: (total) => html`لحظه‌ای پیش ${bold('fa', total)} نفر دیگر اینجا بودند`,
    booking: (people, doing) => html`${bold('fa', people)} نفر ${doing}`,
    mixed: (steps) => (steps.length === 0 ? 'در حال رزرو' : `در حال رزرو: ${steps.join('، ')}`),
    doing: { [STEPS.choosing]: 'در حال انتخاب بلیت', [STEPS.paying]: 'در حال پرداخت' },
  },
};
