import { count, plural } from '../internal/format.ts';
import type { Translations } from '../internal/language.ts';

interface Words {
  waitlist: string;
  signIn: string;
  place: (tickets: number) => string;
  heldForYou: string;
  leave: string;
  offeredFirst: string;
  together: string;
  between: (most: number) => string;
  join: string;
  joined: string;
  left: string;
}

export const WORDS: Translations<Words> = {
  en: {
    waitlist: 'Waitlist',
    signIn: 'Sign in to join the waitlist.',
    place: (tickets) => `your place on the waitlist, for ${plural(tickets, 'ticket')}`,
    heldForYou: 'Tickets that come free are held for you, and offered here and by mail.',
    leave: 'Leave the waitlist',
    offeredFirst: 'Tickets that come free are offered to the waitlist first.',
    together: 'Tickets, together',
    between: (most) => `A whole number from 1 to ${count('en', most)}.`,
    join: 'Join the waitlist',
    joined: 'You are on the waitlist.',
    left: 'You have left the waitlist.',
  },
  th: {
    waitlist: 'รายการรอ',
    signIn: 'เข้าสู่ระบบเพื่อเข้ารายการรอ',
    place: (tickets) => `ลำดับของคุณในรายการรอ สำหรับ ${count('th', tickets)} ใบ`,
    heldForYou: 'บัตรที่ว่างลงจะถูกเก็บไว้ให้คุณ และเสนอที่นี่และทางอีเมล',
    leave: 'ออกจากรายการรอ',
    offeredFirst: 'บัตรที่ว่างลงจะเสนอให้รายการรอก่อน',
    together: 'จำนวนบัตรรวมกัน',
    between: (most) => `จำนวนเต็มตั้งแต่ 1 ถึง ${count('th', most)}`,
    join: 'เข้ารายการรอ',
    joined: 'คุณอยู่ในรายการรอแล้ว',
    left: 'คุณออกจากรายการรอแล้ว',
  },
  fa: {
    waitlist: 'فهرست انتظار',
    signIn: 'برای پیوستن به فهرست انتظار وارد شوید.',
    place: (tickets) => `جای شما در فهرست انتظار، برای ${count('fa', tickets)} بلیت`,
    heldForYou: 'بلیت‌هایی که آزاد شوند برای شما نگه داشته و همین‌جا و با ایمیل پیشنهاد می‌شوند.',
    leave: 'ترک فهرست انتظار',
    offeredFirst: 'بلیت‌هایی که آزاد شوند نخست به فهرست انتظار پیشنهاد می‌شوند.',
    together: 'تعداد بلیت، با هم',
    between: (most) => `عددی درست از ۱ تا ${count('fa', most)}.`,
    join: 'پیوستن به فهرست انتظار',
    joined: 'در فهرست انتظار هستید.',
    left: 'از فهرست انتظار بیرون آمدید.',
  },
};
