/**
 * Reasons that the server writes by itself, in words: on bookings that ended, on refunds, and on what waits for a person. A
 * reason that people gave, or that a provider says, is shown as it is.
 */
import type { Language } from '../elements/internal/language.ts';

/** Each as the server writes it, and in the order English, Thai, Persian. */
const REASONS: Readonly<Record<string, readonly [string, string, string]>> = {
  'seats withdrawn by the organizer': ['Its seats were taken off sale', 'ที่นั่งถูกนำออกจากการขาย', 'صندلی‌ها از فروش خارج شدند'],
  'the payment was cancelled at the provider': ['The payment was cancelled at the provider', 'การชำระเงินถูกยกเลิกที่ผู้ให้บริการ', 'پرداخت نزد ارائه‌دهنده لغو شد'],
  'cancelled by the buyer': ['By the buyer', 'โดยผู้ซื้อ', 'به دست خریدار'],
  'paid too late': ['Paid too late', 'ชำระช้าเกินไป', 'پرداخت دیر رسید'],
  'the booking was cancelled': ['The booking was cancelled', 'การจองถูกยกเลิก', 'رزرو لغو شد'],
  'the event was cancelled': ['The event was cancelled', 'งานถูกยกเลิก', 'رویداد لغو شد'],
  'tickets were given back': ['Tickets were given back', 'มีการคืนบัตร', 'بلیت‌ها پس داده شدند'],
  'decided by a person': ['Decided by a person', 'ตัดสินโดยคน', 'به تصمیم یک فرد'],
  'money was given back at the provider, and not by us': [
    'Money was given back at the provider, and not here',
    'มีการคืนเงินที่ผู้ให้บริการ ไม่ใช่จากที่นี่',
    'پول نزد ارائه‌دهنده پس داده شد، نه از اینجا',
  ],
  'it failed at the provider': ['It failed at the provider', 'ไม่สำเร็จที่ผู้ให้บริการ', 'نزد ارائه‌دهنده ناموفق بود'],
  'a refund failed at the provider after it had succeeded': [
    'A refund failed at the provider after it had succeeded',
    'การคืนเงินที่สำเร็จแล้วกลับล้มเหลวที่ผู้ให้บริการ',
    'بازپرداختی که انجام شده بود نزد ارائه‌دهنده ناموفق شد',
  ],
  "the cardholder's bank took the money back": ['The cardholder’s bank took the money back', 'ธนาคารของผู้ถือบัตรดึงเงินคืน', 'بانک دارندهٔ کارت پول را پس گرفت'],
  'the cardholder disputes the payment': ['The cardholder disputes the payment', 'ผู้ถือบัตรโต้แย้งการชำระเงิน', 'دارندهٔ کارت به پرداخت اعتراض کرده است'],
  'the booking is confirmed and its money did not come': [
    'The booking is confirmed and its money did not come',
    'การจองยืนยันแล้วแต่เงินไม่มา',
    'رزرو تأیید شده و پول آن نیامده است',
  ],
  'the booking is confirmed and its money could not be taken': [
    'The booking is confirmed and its money could not be taken',
    'การจองยืนยันแล้วแต่ตัดเงินไม่ได้',
    'رزرو تأیید شده و پول آن گرفته نشد',
  ],
  'the provider has it for another booking': ['The provider has it for another booking', 'ผู้ให้บริการมีรายการนี้สำหรับการจองอื่น', 'ارائه‌دهنده آن را برای رزرو دیگری دارد'],
  'the provider has another amount': ['The provider has another amount', 'ผู้ให้บริการมีจำนวนเงินอื่น', 'ارائه‌دهنده مبلغ دیگری دارد'],
  'the provider took another amount': ['The provider took another amount', 'ผู้ให้บริการตัดเงินจำนวนอื่น', 'ارائه‌دهنده مبلغ دیگری گرفت'],
  'a refund failed': ['A refund failed', 'การคืนเงินไม่สำเร็จ', 'یک بازپرداخت ناموفق بود'],
  'not so much was taken': ['Not so much was taken', 'ไม่ได้ตัดเงินมากเท่านั้น', 'این‌قدر گرفته نشده بود'],
  card_declined: ['The card was declined', 'บัตรถูกปฏิเสธ', 'کارت پذیرفته نشد'],
  // Codes of jobs and mails.
  JOB_FAILED: ['It did not succeed', 'ไม่สำเร็จ', 'انجام نشد'],
  JOB_NOT_IN_TIME: ['It did not succeed in time', 'ไม่สำเร็จภายในเวลา', 'به‌موقع انجام نشد'],
  JOB_PANICKED: ['A fault of the server; its log says more', 'เซิร์ฟเวอร์ขัดข้อง ดูรายละเอียดในบันทึกของเซิร์ฟเวอร์', 'خطای سرور؛ گزارش سرور بیشتر می‌گوید'],
  JOB_TOO_LONG: ['It took too long', 'ใช้เวลานานเกินไป', 'بیش از حد طول کشید'],
  JOB_UNREADABLE: ['This version of the server cannot read it', 'เซิร์ฟเวอร์รุ่นนี้อ่านข้อมูลไม่ได้', 'این نسخهٔ سرور آن را نمی‌خواند'],
  MAIL_DEFERRED: ['The mail server did not take the mail for now', 'เซิร์ฟเวอร์อีเมลยังไม่รับอีเมลในขณะนี้', 'سرور ایمیل فعلاً ایمیل را نپذیرفت'],
  MAIL_REFUSED: ['The mail server refused the mail', 'เซิร์ฟเวอร์อีเมลปฏิเสธอีเมล', 'سرور ایمیل ایمیل را رد کرد'],
  MAIL_UNANSWERED: ['The mail server did not answer, so nobody knows whether the mail went out', 'เซิร์ฟเวอร์อีเมลไม่ตอบ จึงไม่ทราบว่าส่งอีเมลออกไปแล้วหรือไม่', 'سرور ایمیل پاسخ نداد؛ معلوم نیست ایمیل فرستاده شد یا نه'],
  NOTHING_GIVEN_BACK: ['Nothing was given back', 'ไม่ได้คืนเงิน', 'چیزی پس داده نشد'],
  NO_MAIL: ['This server sends no mails', 'เซิร์ฟเวอร์นี้ไม่ส่งอีเมล', 'این سرور ایمیل نمی‌فرستد'],
  PUSH_FAILED: ['The push service did not take the message', 'บริการแจ้งเตือนไม่รับข้อความ', 'سرویس اعلان پیام را نپذیرفت'],
  REFUNDS_NEED_REVIEW: ['Some refunds wait for a person', 'มีการคืนเงินที่รอคนตัดสิน', 'برخی بازپرداخت‌ها در انتظار تصمیم‌اند'],
};

const PLACES: Readonly<Record<Language, number>> = { en: 0, th: 1, fa: 2 };

/** The reason in words; of one that goes on behind colons, all parts. */
export function reasonWords(language: Language, reason: string): string {
  const known = (text: string): string | undefined => (Object.hasOwn(REASONS, text) ? REASONS[text]?.[PLACES[language]] : undefined);
  const colon = reason.indexOf(': ');
  const head = colon < 0 ? undefined : known(reason.slice(0, colon));
  if (head === undefined) return known(reason) ?? reason;
  const rest = reason.slice(colon + 2);
  const words = reasonWords(language, rest);
  return `${head}: ${words === rest ? asSaid(language, rest) : words}`;
}

/** Others' words run from left to right, numbers first, whatever stands before them. */
function asSaid(language: Language, text: string): string {
  return language === 'fa' ? `\u2066${text}\u2069` : text;
}

/** Why a job or a mail failed, and what was said beside it. */
export function failureWords(language: Language, { code, detail }: { code?: string; detail?: string }): string {
  return code === undefined ? '' : reasonWords(language, detail ? `${code}: ${detail}` : code);
}
