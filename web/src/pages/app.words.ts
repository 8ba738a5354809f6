import type { Translations } from '../elements/internal/language.ts';

interface Words {
  skip: string;
  main: string;
  events: string;
  bookings: string;
  signIn: string;
  desk: string;
  language: string;
  live: string;
  offline: string;
  lastKnown: string;
  missing: string;
  missingMeans: string;
  allEvents: string;
  failed: string;
  failedMeans: string;
  reload: string;
}

export const WORDS: Translations<Words> = {
  en: {
    skip: 'Skip to content',
    main: 'Main',
    events: 'Events',
    bookings: 'My bookings',
    signIn: 'Sign in',
    desk: 'Desk',
    language: 'Language',
    live: 'Every number on this page is live, and says so when it is not.',
    offline: 'No connection.',
    lastKnown: 'You see what was last known. The page goes on by itself when the connection is back.',
    missing: 'There is nothing here',
    missingMeans: 'This page does not exist, or not any more.',
    allEvents: 'See all events',
    failed: 'This page could not be loaded',
    failedMeans: 'The connection broke on the way, or there is a newer version of the page.',
    reload: 'Load again',
  },
  th: {
    skip: 'ข้ามไปยังเนื้อหา',
    main: 'เมนูหลัก',
    events: 'งานทั้งหมด',
    bookings: 'การจองของฉัน',
    signIn: 'เข้าสู่ระบบ',
    desk: 'โต๊ะผู้จัด',
    language: 'ภาษา',
    live: 'ตัวเลขทุกตัวในหน้านี้อัปเดตสด และจะแจ้งเมื่อไม่เป็นเช่นนั้น',
    offline: 'ไม่มีการเชื่อมต่อ',
    lastKnown: 'นี่คือข้อมูลล่าสุดที่ทราบ หน้านี้จะทำงานต่อเองเมื่อเชื่อมต่อได้อีกครั้ง',
    missing: 'ไม่มีอะไรที่นี่',
    missingMeans: 'ไม่มีหน้านี้ หรือถูกนำออกไปแล้ว',
    allEvents: 'ดูงานทั้งหมด',
    failed: 'โหลดหน้านี้ไม่สำเร็จ',
    failedMeans: 'การเชื่อมต่อขาดระหว่างทาง หรือมีหน้าเวอร์ชันใหม่กว่า',
    reload: 'โหลดอีกครั้ง',
  },
  fa: {
    skip: 'رفتن به محتوا',
    main: 'فهرست اصلی',
    events: 'رویدادها',
    bookings: 'رزروهای من',
    signIn: 'ورود',
    desk: 'میز برگزارکننده',
    language: 'زبان',
    live: 'همهٔ عددهای این صفحه زنده‌اند و اگر نباشند، خودشان می‌گویند.',
    offline: 'اتصالی نیست.',
    lastKnown: 'آخرین داده‌های شناخته‌شده را می‌بینید. با بازگشت اتصال، صفحه خودش ادامه می‌دهد.',
    missing: 'اینجا چیزی نیست',
    missingMeans: 'این صفحه وجود ندارد، یا دیگر نیست.',
    allEvents: 'دیدن همهٔ رویدادها',
    failed: 'این صفحه بار نشد',
    failedMeans: 'اتصال در راه قطع شد، یا نسخهٔ تازه‌تری از صفحه هست.',
    reload: 'بارگذاری دوباره',
  },
};
