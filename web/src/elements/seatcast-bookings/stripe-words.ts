import type { Translations } from '../internal/language.ts';

export const WORDS: Translations<{ title: (sum: string) => string; pay: (sum: string) => string; back: string; loading: string; oneMoment: string; away: string }> = {
  en: {
    title: (sum) => `Pay ${sum}`,
    pay: (sum) => `Pay ${sum} now`,
    back: 'Back',
    loading: 'Loading the form of the payment provider …',
    oneMoment: 'One moment …',
    away: 'The payment provider cannot be reached. Your tickets are still held: try again.',
  },
  th: {
    title: (sum) => `ชำระ ${sum}`,
    pay: (sum) => `ชำระ ${sum} ตอนนี้`,
    back: 'กลับ',
    loading: 'กำลังโหลดแบบฟอร์มของผู้ให้บริการชำระเงิน …',
    oneMoment: 'รอสักครู่ …',
    away: 'ติดต่อผู้ให้บริการชำระเงินไม่ได้ บัตรยังเก็บไว้ให้คุณ โปรดลองอีกครั้ง',
  },
  fa: {
    title: (sum) => `پرداخت ${sum}`,
    pay: (sum) => `همین حالا ${sum} بپردازید`,
    back: 'بازگشت',
    loading: 'فرم ارائه‌دهندهٔ پرداخت بار می‌شود …',
    oneMoment: 'یک لحظه …',
    away: 'ارائه‌دهندهٔ پرداخت در دسترس نیست. بلیت‌ها همچنان برای شما نگه داشته شده‌اند: دوباره تلاش کنید.',
  },
};
