import type { Translations } from '../elements/internal/language.ts';

interface Words {
  title: string;
  nothing: string;
  nothingMeans: string;
  whatsOn: string;
  isMissing: string;
  missingMeans: string;
  reference: string;
  email: string;
  send: string;
  opened: (reference: string) => string;
  sent: string;
  asMember: string;
  signIn: string;
}

export const WORDS: Translations<Words> = {
  en: {
    title: 'My bookings',
    nothing: 'Nothing booked yet',
    nothingMeans: 'Tickets that you hold or have bought appear here.',
    whatsOn: 'See what’s on',
    isMissing: 'A booking is missing?',
    missingMeans: 'Bookings made without an account are kept by the browser that made them. We can mail you a link to yours.',
    reference: 'Reference',
    email: 'E-mail that it was booked with',
    send: 'Send me the link',
    opened: (reference) => `Your booking ${reference} is here.`,
    sent: 'If there is such a booking, a mail with a link to it is on its way.',
    asMember: 'With an account your bookings are here on every device.',
    signIn: 'Sign in or register',
  },
  th: {
    title: 'การจองของฉัน',
    nothing: 'ยังไม่มีการจอง',
    nothingMeans: 'บัตรที่คุณจองไว้หรือซื้อแล้วจะปรากฏที่นี่',
    whatsOn: 'ดูว่ามีงานอะไรบ้าง',
    isMissing: 'ไม่พบการจองใช่หรือไม่',
    missingMeans: 'การจองที่ทำโดยไม่มีบัญชีเก็บไว้ในเบราว์เซอร์ที่ใช้จอง เราส่งลิงก์ไปยังอีเมลของคุณได้',
    reference: 'หมายเลขอ้างอิง',
    email: 'อีเมลที่ใช้จอง',
    send: 'ส่งลิงก์ให้ฉัน',
    opened: (reference) => `การจอง ${reference} ของคุณอยู่ที่นี่แล้ว`,
    sent: 'หากมีการจองนี้ เรากำลังส่งลิงก์ไปทางอีเมล',
    asMember: 'เมื่อมีบัญชี การจองของคุณจะอยู่ที่นี่ในทุกอุปกรณ์',
    signIn: 'เข้าสู่ระบบหรือสมัคร',
  },
  fa: {
    title: 'رزروهای من',
    nothing: 'هنوز چیزی رزرو نشده است',
    nothingMeans: 'بلیت‌هایی که نگه داشته‌اید یا خریده‌اید اینجا دیده می‌شوند.',
    whatsOn: 'دیدن رویدادها',
    isMissing: 'رزروی پیدا نیست؟',
    missingMeans: 'رزروهای بدون حساب در مرورگری نگه داشته می‌شوند که با آن رزرو شده‌اند. می‌توانیم پیوند رزروتان را ایمیل کنیم.',
    reference: 'کد پیگیری',
    email: 'ایمیلی که با آن رزرو شد',
    send: 'پیوند را برایم بفرست',
    opened: (reference) => `رزرو ${reference} شما اینجاست.`,
    sent: 'اگر چنین رزروی باشد، ایمیلی با پیوند آن در راه است.',
    asMember: 'با حساب کاربری، رزروهایتان در هر دستگاهی اینجاست.',
    signIn: 'ورود یا ثبت‌نام',
  },
};
