import { count, plural } from '../internal/format.ts';
import type { Translations } from '../internal/language.ts';

interface Words {
  unsent: string;
  tickets: (quantity: number, title: string | undefined) => string;
  asking: string;
  notSent: string;
  again: string;
  forget: string;
  refused: string;
  close: string;
  booked: string;
}

export const WORDS: Translations<Words> = {
  en: {
    unsent: 'Bookings without an answer',
    tickets: (quantity, title) => plural(quantity, 'ticket') + (title ? ` for ${title}` : ''),
    asking: 'Asking what became of your booking …',
    notSent: 'There was no answer to your booking. It is sent only if you want it, and booked once at most.',
    again: 'Book it now',
    forget: 'Leave it',
    refused: 'Your booking did not succeed.',
    close: 'Close',
    booked: 'Your booking was made.',
  },
  th: {
    unsent: 'การจองที่ยังไม่มีคำตอบ',
    tickets: (quantity, title) => `บัตร ${count('th', quantity)} ใบ${title ? ` สำหรับ ${title}` : ''}`,
    asking: 'กำลังตรวจสอบผลการจองของคุณ …',
    notSent: 'การจองของคุณไม่ได้รับคำตอบ ระบบจะส่งเมื่อคุณต้องการเท่านั้น และจะจองเพียงครั้งเดียว',
    again: 'จองตอนนี้',
    forget: 'ไม่จองแล้ว',
    refused: 'การจองของคุณไม่สำเร็จ',
    close: 'ปิด',
    booked: 'จองเรียบร้อยแล้ว',
  },
  fa: {
    unsent: 'رزروهای بدون پاسخ',
    tickets: (quantity, title) => `${count('fa', quantity)} بلیت${title ? ` برای ${title}` : ''}`,
    asking: 'در حال پرسش از نتیجهٔ رزرو شما …',
    notSent: 'رزرو شما پاسخی نگرفت. فقط اگر بخواهید فرستاده می‌شود، و حداکثر یک بار ثبت می‌شود.',
    again: 'اکنون رزرو کن',
    forget: 'صرف‌نظر',
    refused: 'رزرو شما انجام نشد.',
    close: 'بستن',
    booked: 'رزرو شما ثبت شد.',
  },
};
