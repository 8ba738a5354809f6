import type { Translations } from '../elements/internal/language.ts';

interface Words {
  members: string;
  tickets: string;
  chooseSeats: string;
  chooseTickets: string;
  loading: string;
  missing: string;
  missingMeans: string;
  offline: string;
  offlineMeans: string;
}

export const WORDS: Translations<Words> = {
  en: {
    members: 'For members',
    tickets: 'Tickets',
    chooseSeats: 'Choose your seats',
    chooseTickets: 'Choose your tickets',
    loading: 'Loading the event',
    missing: 'This event is not here',
    missingMeans: 'It may have been removed, or is not public yet.',
    offline: 'No connection',
    offlineMeans: 'The event appears as soon as the server can be reached again.',
  },
  th: {
    members: 'สำหรับสมาชิก',
    tickets: 'บัตร',
    chooseSeats: 'เลือกที่นั่งของคุณ',
    chooseTickets: 'เลือกบัตรของคุณ',
    loading: 'กำลังโหลดงาน',
    missing: 'ไม่มีงานนี้',
    missingMeans: 'อาจถูกนำออกไปแล้ว หรือยังไม่เปิดเผย',
    offline: 'ไม่มีการเชื่อมต่อ',
    offlineMeans: 'งานจะปรากฏทันทีที่ติดต่อเซิร์ฟเวอร์ได้อีกครั้ง',
  },
  fa: {
    members: 'ویژهٔ اعضا',
    tickets: 'بلیت‌ها',
    chooseSeats: 'صندلی‌هایتان را انتخاب کنید',
    chooseTickets: 'بلیت‌هایتان را انتخاب کنید',
    loading: 'رویداد بار می‌شود',
    missing: 'این رویداد اینجا نیست',
    missingMeans: 'شاید برداشته شده، یا هنوز همگانی نیست.',
    offline: 'اتصالی نیست',
    offlineMeans: 'همین که سرور در دسترس باشد، رویداد دیده می‌شود.',
  },
};
