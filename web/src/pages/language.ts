/**
 * The language of the pages: of the address (`?lang=th`, for this tab), as chosen in the header (kept), or the browser's. It is
 * said in `<html lang dir>`, which pages and elements follow.
 */
import { LANGUAGES, type Language, type Translations } from '../elements/internal/language.ts';
import { storageOfPage } from '../sdk/page.ts';
import type { TextStorage } from '../sdk/index.ts';
import type { LiveClient } from '../sdk/live-client.ts';
import { tabMemory } from './tab-memory.ts';

/** Each in its own language. */
export const NAMES: Translations<string> = { en: 'English', th: 'ไทย', fa: 'فارسی' };

const KEY = 'seatcast.language';
const PARAMETER = 'lang';

/** Before anything is drawn. */
export function beginToSpeak(client: LiveClient): void {
  const asked = known(new URLSearchParams(location.search).get(PARAMETER));
  if (asked) keep(tabMemory(), asked);
  speak(client, asked ?? kept(tabMemory()) ?? kept(storageOfPage()) ?? browsers() ?? 'en');
}

export function chooseLanguage(client: LiveClient, language: Language): void {
  keep(storageOfPage(), language);
  keep(tabMemory(), language);
  const address = new URL(location.href);
  if (address.searchParams.has(PARAMETER)) {
    address.searchParams.delete(PARAMETER);
    history.replaceState(history.state, '', address);
  }
  speak(client, language);
}

function speak(client: LiveClient, language: Language): void {
  const root = document.documentElement;
  root.lang = language;
  root.dir = language === 'fa' ? 'rtl' : 'ltr';
  client.language = language;
}

/** The first of the browser's languages that we speak. */
function browsers(): Language | undefined {
  for (const tag of navigator.languages) {
    const language = known(tag);
    if (language) return language;
  }
  return undefined;
}

function known(tag: string | null): Language | undefined {
  const base = tag?.split('-')[0]?.toLowerCase();
  return LANGUAGES.find((language) => language === base);
}

function kept(storage: TextStorage | undefined): Language | undefined {
  try {
    return known(storage?.getItem(KEY) ?? null);
  } catch {
    return undefined;
  }
}

function keep(storage: TextStorage | undefined, language: Language): void {
  try {
    storage?.setItem(KEY, language);
  } catch {
    // Full or forbidden: it lasts as long as the page.
  }
}
