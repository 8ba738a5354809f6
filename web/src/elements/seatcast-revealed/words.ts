import type { Translations } from '../internal/language.ts';

interface Words {
  unlisted: string;
  codeOpens: string;
  opensNothing: (code: string) => string;
  onMap: string;
  opens: (types: readonly string[]) => string;
}

export const WORDS: Translations<Words> = {
  en: {
    unlisted: 'Nothing is openly on sale here.',
    codeOpens: 'If you have a code, type it to see its tickets.',
    opensNothing: (code) => `The code ${code} opens nothing here.`,
    onMap: 'On the seat map',
    opens: (types) => `Opened by your code: ${types.join(', ')}.`,
  },
  th: {
    unlisted: 'ที่นี่ไม่มีบัตรเปิดขายทั่วไป',
    codeOpens: 'หากคุณมีรหัส ใส่รหัสเพื่อดูบัตร',
    opensNothing: (code) => `รหัส ${code} ใช้เปิดบัตรที่นี่ไม่ได้`,
    onMap: 'เลือกบนผังที่นั่ง',
    opens: (types) => `รหัสของคุณเปิดบัตร: ${types.join(', ')}`,
  },
  fa: {
    unlisted: 'اینجا بلیتی برای فروش همگانی نیست.',
    codeOpens: 'اگر کدی دارید، آن را بنویسید تا بلیت‌هایش را ببینید.',
    opensNothing: (code) => `کد ${code} اینجا چیزی باز نمی‌کند.`,
    onMap: 'روی نقشهٔ صندلی‌ها',
    opens: (types) => `کد شما باز کرد: ${types.join('، ')}.`,
  },
};
