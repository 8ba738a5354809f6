import type { Language } from '../elements/internal/language.ts';

/** Categories that are usual, in Thai and Persian; others are shown as the organizer wrote them. */
const CATEGORIES = new Map(Object.entries({
  concert: ['คอนเสิร์ต', 'کنسرت'],
  music: ['ดนตรี', 'موسیقی'],
  festival: ['เทศกาล', 'جشنواره'],
  theatre: ['ละครเวที', 'تئاتر'],
  theater: ['ละครเวที', 'تئاتر'],
  opera: ['โอเปรา', 'اپرا'],
  conference: ['งานประชุม', 'همایش'],
  technology: ['เทคโนโลยี', 'فناوری'],
  tech: ['เทคโนโลยี', 'فناوری'],
  workshop: ['เวิร์กช็อป', 'کارگاه'],
  sports: ['กีฬา', 'ورزش'],
  comedy: ['ตลก', 'کمدی'],
  dance: ['การเต้นรำ', 'رقص'],
  film: ['ภาพยนตร์', 'فیلم'],
  exhibition: ['นิทรรศการ', 'نمایشگاه'],
  family: ['ครอบครัว', 'خانواده'],
  general: ['ทั่วไป', 'عمومی'],
}));

/** In English as the organizer wrote them: a style sheet sees to their capital. */
export function categoryWords(language: Language, category: string): string {
  const place = { en: -1, th: 0, fa: 1 }[language];
  return CATEGORIES.get(category.toLowerCase())?.[place] ?? category;
}
