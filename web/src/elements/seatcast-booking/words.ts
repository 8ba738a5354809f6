import { count, plural } from '../internal/format.ts';
import type { Translations } from '../internal/language.ts';

interface Words {
  yourBooking: string;
  soldOut: string;
  comesFree: string;
  cancelled: string;
  notOnSale: string;
  chooseSeats: string;
  chooseTickets: string;
  total: string;
  names: string;
  voucher: string;
  removeLine: (label: string) => string;
  code: string;
  apply: string;
  nameAndEmail: string;
  toFindAgain: string;
  name: string;
  email: string;
  oneMoment: string;
  holdNothing: string;
  book: (tickets: number) => string;
  hold: (tickets: number) => string;
  terms: (minutes: number, tickets: number) => string;
  way: string;
  steps: readonly [string, string, string];
  notCharged: string;
}

export const WORDS: Translations<Words> = {
  en: {
    yourBooking: 'Your booking',
    soldOut: 'Sold out.',
    comesFree: 'Tickets that come free, and that nobody on the waitlist takes, appear here at once.',
    cancelled: 'This event was cancelled.',
    notOnSale: 'Nothing is on sale here at the moment.',
    chooseSeats: 'Choose your seats to begin.',
    chooseTickets: 'Choose your tickets to begin.',
    total: 'Total',
    names: 'Names on the tickets',
    voucher: 'Voucher',
    removeLine: (label) => `Remove ${label}`,
    code: 'Code',
    apply: 'Apply',
    nameAndEmail: 'Your name and e-mail',
    toFindAgain: 'to find the booking again',
    name: 'Name',
    email: 'E-mail',
    oneMoment: 'One moment …',
    holdNothing: 'Hold tickets',
    book: (tickets) => `Book ${plural(tickets, 'ticket')}`,
    hold: (tickets) => `Hold ${plural(tickets, 'ticket')}`,
    terms: (minutes, tickets) => `Held for ${plural(minutes, 'minute')}. At most ${tickets} per booking.`,
    way: 'Steps to your tickets',
    steps: ['Choose', 'Details', 'Payment'],
    notCharged: 'Nothing is charged yet.',
  },
  th: {
    yourBooking: 'การจองของคุณ',
    soldOut: 'ขายหมดแล้ว',
    comesFree: 'บัตรที่ว่างลงและไม่มีใครในรายการรอรับ จะปรากฏที่นี่ทันที',
    cancelled: 'งานนี้ถูกยกเลิกแล้ว',
    notOnSale: 'ขณะนี้ไม่มีการขายที่นี่',
    chooseSeats: 'เลือกที่นั่งเพื่อเริ่มจอง',
    chooseTickets: 'เลือกบัตรเพื่อเริ่มจอง',
    total: 'รวม',
    names: 'ชื่อบนบัตร',
    voucher: 'บัตรกำนัล',
    removeLine: (label) => `นำ ${label} ออก`,
    code: 'รหัส',
    apply: 'ใช้',
    nameAndEmail: 'ชื่อและอีเมลของคุณ',
    toFindAgain: 'เพื่อค้นหาการจองภายหลัง',
    name: 'ชื่อ',
    email: 'อีเมล',
    oneMoment: 'รอสักครู่ …',
    holdNothing: 'จองบัตร',
    book: (tickets) => `จอง ${count('th', tickets)} ใบ`,
    hold: (tickets) => `จองไว้ ${count('th', tickets)} ใบ`,
    terms: (minutes, tickets) => `เก็บไว้ให้ ${count('th', minutes)} นาที ไม่เกิน ${count('th', tickets)} ใบต่อการจอง`,
    way: 'ขั้นตอนการรับบัตร',
    steps: ['เลือกบัตร', 'รายละเอียด', 'ชำระเงิน'],
    notCharged: 'ยังไม่มีการเก็บเงิน',
  },
  fa: {
    yourBooking: 'رزرو شما',
    soldOut: 'تمام شد.',
    comesFree: 'بلیت‌هایی که آزاد شوند و کسی از فهرست انتظار نگیرد، بی‌درنگ همین‌جا دیده می‌شوند.',
    cancelled: 'این رویداد لغو شده است.',
    notOnSale: 'اکنون اینجا چیزی فروخته نمی‌شود.',
    chooseSeats: 'برای آغاز، صندلی‌ها را انتخاب کنید.',
    chooseTickets: 'برای آغاز، بلیت‌ها را انتخاب کنید.',
    total: 'جمع',
    names: 'نام روی بلیت‌ها',
    voucher: 'کد تخفیف',
    removeLine: (label) => `برداشتن ${label}`,
    code: 'کد',
    apply: 'اعمال',
    nameAndEmail: 'نام و ایمیل شما',
    toFindAgain: 'برای یافتن دوبارهٔ رزرو',
    name: 'نام',
    email: 'ایمیل',
    oneMoment: 'یک لحظه …',
    holdNothing: 'نگه داشتن بلیت',
    book: (tickets) => `رزرو ${count('fa', tickets)} بلیت`,
    hold: (tickets) => `نگه داشتن ${count('fa', tickets)} بلیت`,
    terms: (minutes, tickets) => `${count('fa', minutes)} دقیقه نگه داشته می‌شود. حداکثر ${count('fa', tickets)} بلیت در هر رزرو.`,
    way: 'گام‌ها تا بلیت',
    steps: ['انتخاب', 'مشخصات', 'پرداخت'],
    notCharged: 'هنوز چیزی برداشته نمی‌شود.',
  },
};
