/** Loaded with the first name that is typed. */
import type { Translations } from '../internal/language.ts';

export const NAME_GAP: Translations<string> = {
  en: 'Names go to the tickets in order: name this one as well.',
  th: 'ชื่อใส่ตามลำดับบัตร โปรดใส่ชื่อของบัตรนี้ด้วย',
  fa: 'نام‌ها به ترتیب به بلیت‌ها داده می‌شوند: نام این یکی را هم بنویسید.',
};
