import { count } from '../internal/format.ts';
import type { Translations } from '../internal/language.ts';

interface Words {
  notices: string;
  kinds: Readonly<Record<'capacity_change' | 'info_update' | 'cancellation' | 'custom', string>>;
  earlier: (more: number) => string;
  cancelled: string;
  nothingBooked: string;
  dismiss: (message: string) => string;
}

export const WORDS: Translations<Words> = {
  en: {
    notices: 'Notices',
    kinds: { capacity_change: 'Capacity', info_update: 'Update', cancellation: 'Cancelled', custom: 'Notice' },
    earlier: (more) => `Show ${count('en', more)} earlier`,
    cancelled: 'This event was cancelled.',
    nothingBooked: 'Nothing can be booked any more.',
    dismiss: (message) => `Dismiss: ${message}`,
  },
  th: {
    notices: 'ประกาศ',
    kinds: { capacity_change: 'จำนวนที่นั่ง', info_update: 'ข้อมูลใหม่', cancellation: 'ยกเลิก', custom: 'ประกาศ' },
    earlier: (more) => `แสดงก่อนหน้าอีก ${count('th', more)} รายการ`,
    cancelled: 'งานนี้ถูกยกเลิกแล้ว',
    nothingBooked: 'ไม่สามารถจองได้อีก',
    dismiss: (message) => `ปิด: ${message}`,
  },
  fa: {
    notices: 'اعلان‌ها',
    kinds: { capacity_change: 'ظرفیت', info_update: 'به‌روزرسانی', cancellation: 'لغو', custom: 'اعلان' },
    earlier: (more) => `نمایش ${count('fa', more)} مورد پیشین`,
    cancelled: 'این رویداد لغو شده است.',
    nothingBooked: 'دیگر چیزی رزرو نمی‌شود.',
    dismiss: (message) => `بستن: ${message}`,
  },
};
