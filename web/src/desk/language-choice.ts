/** The desk's language: chosen here before, or asked for by `?lang=`, or the browser's. It is the document's `lang`. */
import { LANGUAGES, type Language } from '../elements/internal/language.ts';
import { recall, remember } from './memory.ts';

const KEY = 'seatcast.language';

export const LANGUAGE_NAMES: Record<Language, string> = { en: 'English', th: 'ไทย', fa: 'فارسی' };

export function beginLanguage(): void {
  const asked = new URLSearchParams(location.search).get('lang');
  const wishes = [asked, recall(KEY), ...navigator.languages];
  const known = wishes.map((wish) => LANGUAGES.find((language) => wish?.split('-')[0]?.toLowerCase() === language));
  show(known.find((language) => language !== undefined) ?? 'en');
}

export function chooseLanguage(language: Language): void {
  remember(KEY, language);
  show(language);
}

function show(language: Language): void {
  document.documentElement.lang = language;
  document.documentElement.dir = language === 'fa' ? 'rtl' : 'ltr';
}
