import type { Translations } from '../elements/internal/language.ts';

export const WORDS: Translations<{ actingAs: string; guest: string }> = {
  en: { actingAs: 'Acting as', guest: 'Guest' },
  th: { actingAs: 'ใช้งานในนาม', guest: 'ผู้เยี่ยมชม' },
  fa: { actingAs: 'در نقش', guest: 'مهمان' },
};
