/** Words until the map itself is here. */
import type { Translations } from '../internal/language.ts';

export const SHELL_WORDS: Translations<{ notLoaded: string; loading: string }> = {
  en: { notLoaded: 'The seat map could not be loaded. Trying again …', loading: 'Loading the seat map' },
  th: { notLoaded: 'โหลดผังที่นั่งไม่ได้ กำลังลองใหม่ …', loading: 'กำลังโหลดผังที่นั่ง' },
  fa: { notLoaded: 'نقشهٔ صندلی‌ها خوانده نشد. تلاش دوباره …', loading: 'در حال خواندن نقشهٔ صندلی‌ها' },
};
