import type { Translations } from '../../elements/internal/language.ts';

export const WORDS: Translations<{ time: string }> = { en: { time: 'Time' }, th: { time: 'เวลา' }, fa: { time: 'زمان' } };
