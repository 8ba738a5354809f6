/** Loaded where the browser keeps nothing for a guest, who would not find the booking again. */
import type { Translations } from '../internal/language.ts';

export const UNKEPT: Translations<string> = {
  en: 'This browser does not let the page remember your booking: once the page is left, only an e-mail address finds it again. Your tickets are sent there, too.',
  th: 'เบราว์เซอร์นี้ไม่ให้หน้าเว็บจดจำการจองของคุณ เมื่อออกจากหน้านี้แล้วจะหาการจองพบได้ด้วยอีเมลเท่านั้น และบัตรจะส่งไปที่อีเมลนั้นด้วย',
  fa: 'این مرورگر نمی‌گذارد صفحه رزرو شما را به یاد بسپارد: پس از ترک صفحه تنها با نشانی ایمیل می‌توان آن را یافت. بلیت‌ها نیز به همان‌جا فرستاده می‌شوند.',
};
