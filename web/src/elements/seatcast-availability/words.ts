import type { EventState, TopicStatus } from '../../sdk/index.ts';
import { count } from '../internal/count.ts';
import type { Translations } from '../internal/language.ts';

/** `over`: sales are, the event is not. `draft`: also of an event that has no ticket types which everybody may see. */
type Closed = Exclude<EventState['event']['status'], 'active'> | 'over';
type Told = Exclude<TopicStatus, 'connecting'>;

interface Words {
  unavailable: string;
  loading: string;
  soldOut: string;
  only: (left: number) => string;
  almost: (left: number) => string;
  limited: (left: number) => string;
  left: (left: number) => string;
  closed: Readonly<Record<Closed, string>>;
  liveness: Readonly<Record<Told, { label: string; title: string }>>;
}

export const WORDS: Translations<Words> = {
  en: {
    unavailable: 'Not available',
    loading: 'Loading',
    soldOut: 'Sold out',
    only: (left) => `Only ${left} left`,
    almost: (left) => `Almost sold out · ${count('en', left)} left`,
    limited: (left) => `Limited · ${count('en', left)} left`,
    left: (left) => `${count('en', left)} left`,
    closed: { cancelled: 'Cancelled', completed: 'Ended', over: 'Sales ended', paused: 'Sales paused', draft: 'Not openly on sale' },
    liveness: {
      live: { label: 'Live', title: 'Proven current' },
      stale: { label: 'Stale', title: 'The last number known. Reconnecting' },
      offline: { label: 'Offline', title: 'The last number known. No connection' },
    },
  },
  th: {
    unavailable: 'ไม่มีข้อมูล',
    loading: 'กำลังโหลด',
    soldOut: 'ขายหมดแล้ว',
    only: (left) => `เหลือเพียง ${count('th', left)} ใบ`,
    almost: (left) => `ใกล้หมด · เหลือ ${count('th', left)} ใบ`,
    limited: (left) => `เหลือจำกัด · ${count('th', left)} ใบ`,
    left: (left) => `เหลือ ${count('th', left)} ใบ`,
    closed: { cancelled: 'ยกเลิกแล้ว', completed: 'จบแล้ว', over: 'ปิดการขายแล้ว', paused: 'พักการขาย', draft: 'ไม่ขายทั่วไป' },
    liveness: {
      live: { label: 'สด', title: 'ยืนยันว่าเป็นปัจจุบัน' },
      stale: { label: 'ค้าง', title: 'ตัวเลขล่าสุดที่ทราบ กำลังเชื่อมต่อใหม่' },
      offline: { label: 'ออฟไลน์', title: 'ตัวเลขล่าสุดที่ทราบ ไม่มีการเชื่อมต่อ' },
    },
  },
  fa: {
    unavailable: 'در دسترس نیست',
    loading: 'در حال خواندن',
    soldOut: 'تمام شد',
    only: (left) => `تنها ${count('fa', left)} باقی مانده`,
    almost: (left) => `رو به پایان · ${count('fa', left)} باقی مانده`,
    limited: (left) => `محدود · ${count('fa', left)} باقی مانده`,
    left: (left) => `${count('fa', left)} باقی مانده`,
    closed: { cancelled: 'لغو شد', completed: 'پایان یافت', over: 'فروش پایان یافت', paused: 'فروش متوقف است', draft: 'فروش آزاد ندارد' },
    liveness: {
      live: { label: 'زنده', title: 'به‌روز بودن آن اثبات شده است' },
      stale: { label: 'کهنه', title: 'آخرین عدد شناخته‌شده. در حال اتصال دوباره' },
      offline: { label: 'آفلاین', title: 'آخرین عدد شناخته‌شده. اتصالی نیست' },
    },
  },
};
