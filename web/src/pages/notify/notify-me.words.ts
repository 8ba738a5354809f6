import type { Translations } from '../../elements/internal/language.ts';
import type { PushKind } from '../../sdk/index.ts';

interface Words {
  /** `of`: the ticket type, where it is one of several. */
  ask: Record<PushKind, (of: string | undefined) => string>;
  on: Record<PushKind, (of: string | undefined) => string>;
  off: string;
  asked: string;
  ended: string;
  blocked: string;
}

const of = (name: string | undefined): string => (name === undefined ? '' : ` · ${name}`);

export const WORDS: Translations<Words> = {
  en: {
    ask: {
      tickets_back: (name) => `Tell me when tickets are back${of(name)}`,
      hold_ends: () => 'Remind me before time is up',
      waitlist_offer: () => 'Tell me when tickets are offered to me',
    },
    on: {
      tickets_back: (name) => `This device tells you when tickets are back${of(name)}.`,
      hold_ends: () => 'This device reminds you three minutes before time is up.',
      waitlist_offer: () => 'This device tells you when tickets are offered to you.',
    },
    off: 'Do not tell me',
    asked: 'You will be told.',
    ended: 'You will not be told.',
    blocked: 'This device could tell you, but notifications of this site are blocked. Allow them in your browser’s settings for this site, and come back.',
  },
  th: {
    ask: {
      tickets_back: (name) => `แจ้งฉันเมื่อมีบัตรอีกครั้ง${of(name)}`,
      hold_ends: () => 'เตือนฉันก่อนหมดเวลา',
      waitlist_offer: () => 'แจ้งฉันเมื่อมีบัตรเสนอให้ฉัน',
    },
    on: {
      tickets_back: (name) => `อุปกรณ์นี้จะแจ้งคุณเมื่อมีบัตรอีกครั้ง${of(name)}`,
      hold_ends: () => 'อุปกรณ์นี้จะเตือนคุณสามนาทีก่อนหมดเวลา',
      waitlist_offer: () => 'อุปกรณ์นี้จะแจ้งคุณเมื่อมีบัตรเสนอให้คุณ',
    },
    off: 'ไม่ต้องแจ้ง',
    asked: 'เราจะแจ้งให้คุณทราบ',
    ended: 'เราจะไม่แจ้งคุณเรื่องนี้',
    blocked: 'อุปกรณ์นี้แจ้งคุณได้ แต่การแจ้งเตือนของเว็บไซต์นี้ถูกปิดกั้น โปรดอนุญาตในการตั้งค่าเว็บไซต์ของเบราว์เซอร์ แล้วกลับมาอีกครั้ง',
  },
  fa: {
    ask: {
      tickets_back: (name) => `وقتی بلیت دوباره موجود شد خبرم کنید${of(name)}`,
      hold_ends: () => 'پیش از پایان مهلت یادآوری کنید',
      waitlist_offer: () => 'وقتی بلیتی به من پیشنهاد شد خبرم کنید',
    },
    on: {
      tickets_back: (name) => `این دستگاه وقتی بلیت دوباره موجود شود خبرتان می‌کند${of(name)}.`,
      hold_ends: () => 'این دستگاه سه دقیقه پیش از پایان مهلت یادآوری می‌کند.',
      waitlist_offer: () => 'این دستگاه وقتی بلیتی به شما پیشنهاد شود خبرتان می‌کند.',
    },
    off: 'خبرم نکنید',
    asked: 'به شما خبر می‌دهیم.',
    ended: 'دیگر خبر نمی‌دهیم.',
    blocked: 'این دستگاه می‌تواند خبرتان کند، ولی اعلان‌های این سایت مسدود است. در تنظیمات مرورگر برای این سایت اجازه دهید و بازگردید.',
  },
};
