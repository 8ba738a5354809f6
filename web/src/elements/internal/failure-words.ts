import { count, plural } from './format.ts';
import type { Translations } from './language.ts';

/** Words for failures that are no refusals. */
export const FAILURES: Translations<{ tooMuch: (seconds: number) => string; away: string }> = {
  en: {
    tooMuch: (seconds) => `Too much at once. Please try again in ${plural(seconds, 'second')}.`,
    away: 'The server does not answer. Try again: nothing is ever booked twice.',
  },
  th: {
    tooMuch: (seconds) => `มีคำขอมากเกินไป โปรดลองอีกครั้งใน ${count('th', seconds)} วินาที`,
    away: 'เซิร์ฟเวอร์ไม่ตอบ ลองอีกครั้งได้ ไม่มีการจองซ้ำ',
  },
  fa: {
    tooMuch: (seconds) => `درخواست‌ها زیاد است. ${count('fa', seconds)} ثانیهٔ دیگر دوباره تلاش کنید.`,
    away: 'سرور پاسخ نمی‌دهد. دوباره تلاش کنید: هیچ چیز دو بار رزرو نمی‌شود.',
  },
};
