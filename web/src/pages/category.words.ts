import type { Language, Translations } from '../elements/internal/language.ts';

/** Categories that are usual; others are shown as the organizer wrote them. */
export const CATEGORIES: Translations<Readonly<Record<string, string>>> = {
  en: {
    concert: 'Concert', music: 'Music', festival: 'Festival', theatre: 'Theatre', theater: 'Theatre', opera: 'Opera', conference: 'Conference',
    technology: 'Technology', tech: 'Technology', workshop: 'Workshop', sports: 'Sports', comedy: 'Comedy', dance: 'Dance', film: 'Film',
    exhibition: 'Exhibition', family: 'Family', general: 'General',
  },
  th: {
    concert: 'คอนเสิร์ต', music: 'ดนตรี', festival: 'เทศกาล', theatre: 'ละครเวที', theater: 'ละครเวที', opera: 'โอเปรา', conference: 'งานประชุม',
    technology: 'เทคโนโลยี', tech: 'เทคโนโลยี', workshop: 'เวิร์กช็อป', sports: 'กีฬา', comedy: 'ตลก', dance: 'การเต้นรำ', film: 'ภาพยนตร์',
    exhibition: 'นิทรรศการ', family: 'ครอบครัว', general: 'ทั่วไป',
  },
  fa: {
    concert: 'کنسرت', music: 'موسیقی', festival: 'جشنواره', theatre: 'تئاتر', theater: 'تئاتر', opera: 'اپرا', conference: 'همایش',
    technology: 'فناوری', tech: 'فناوری', workshop: 'کارگاه', sports: 'ورزش', comedy: 'کمدی', dance: 'رقص', film: 'فیلم',
    exhibition: 'نمایشگاه', family: 'خانواده', general: 'عمومی',
  },
};

export function categoryWords(language: Language, category: string): string {
  return CATEGORIES[language][category.toLowerCase()] ?? category;
}
