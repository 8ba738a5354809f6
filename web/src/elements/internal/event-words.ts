import type { Translations } from './language.ts';

/** In place of an element that names no event, or one that nobody knows. */
export const WORDS: Translations<{ nameless: string; unknown: string }> = {
  en: { nameless: 'No event is named here.', unknown: 'There is no such event.' },
  th: { nameless: 'ยังไม่ได้ระบุงาน', unknown: 'ไม่พบงานนี้' },
  fa: { nameless: 'رویدادی نام برده نشده است.', unknown: 'چنین رویدادی نیست.' },
};
