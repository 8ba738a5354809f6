import { count, plural } from '../internal/format.ts';
import type { Translations } from '../internal/language.ts';

interface Words {
  title: (reference: string) => string;
  quantityOf: (name: string) => string;
  fewer: (name: string) => string;
  more: (name: string) => string;
  seat: (section: string, row: string, number: string) => string;
  leaveOut: (seat: string) => string;
  keepSeat: (seat: string) => string;
  giveUp: string;
  keep: string;
  tickets: (quantity: number, price: string) => string;
  pricedAnew: string;
  atLeastOne: string;
  change: string;
  leave: string;
  oneMoment: string;
  loading: string;
}

export const WORDS: Translations<Words> = {
  en: {
    title: (reference) => `Change the tickets of ${reference}`,
    quantityOf: (name) => `Quantity of ${name}`,
    fewer: (name) => `One fewer ${name}`,
    more: (name) => `One more ${name}`,
    seat: (section, row, number) => `${section} · Row ${row} · Seat ${number}`,
    leaveOut: (seat) => `Give up ${seat}`,
    keepSeat: (seat) => `Keep ${seat}`,
    giveUp: 'Give up',
    keep: 'Keep',
    tickets: (quantity, price) => `${plural(quantity, 'ticket')} · ${price}`,
    pricedAnew: 'Vouchers, fees and taxes are reckoned anew. The time that is left stays as it is.',
    atLeastOne: 'Keep one ticket at least, or cancel the booking.',
    change: 'Change tickets',
    leave: 'Leave as it is',
    oneMoment: 'One moment …',
    loading: 'Loading the ticket types',
  },
  th: {
    title: (reference) => `เปลี่ยนบัตรของ ${reference}`,
    quantityOf: (name) => `จำนวน ${name}`,
    fewer: (name) => `ลด ${name} หนึ่งใบ`,
    more: (name) => `เพิ่ม ${name} หนึ่งใบ`,
    seat: (section, row, number) => `${section} · แถว ${row} · ที่นั่ง ${number}`,
    leaveOut: (seat) => `คืน ${seat}`,
    keepSeat: (seat) => `เก็บ ${seat}`,
    giveUp: 'คืนที่นั่ง',
    keep: 'เก็บไว้',
    tickets: (quantity, price) => `${count('th', quantity)} ใบ · ${price}`,
    pricedAnew: 'บัตรกำนัล ค่าธรรมเนียม และภาษีจะคำนวณใหม่ เวลาที่เหลือคงเดิม',
    atLeastOne: 'เก็บบัตรไว้อย่างน้อยหนึ่งใบ หรือยกเลิกการจอง',
    change: 'เปลี่ยนบัตร',
    leave: 'คงไว้ตามเดิม',
    oneMoment: 'รอสักครู่ …',
    loading: 'กำลังโหลดประเภทบัตร',
  },
  fa: {
    title: (reference) => `تغییر بلیت‌های ${reference}`,
    quantityOf: (name) => `تعداد ${name}`,
    fewer: (name) => `یکی کمتر از ${name}`,
    more: (name) => `یکی بیشتر از ${name}`,
    seat: (section, row, number) => `${section} · ردیف ${row} · صندلی ${number}`,
    leaveOut: (seat) => `پس دادن ${seat}`,
    keepSeat: (seat) => `نگه داشتن ${seat}`,
    giveUp: 'پس دادن',
    keep: 'نگه داشتن',
    tickets: (quantity, price) => `${count('fa', quantity)} بلیت · ${price}`,
    pricedAnew: 'تخفیف، کارمزد و مالیات از نو حساب می‌شود. زمان باقی‌مانده همان می‌ماند.',
    atLeastOne: 'دست‌کم یک بلیت را نگه دارید، یا رزرو را لغو کنید.',
    change: 'تغییر بلیت‌ها',
    leave: 'همین بماند',
    oneMoment: 'یک لحظه …',
    loading: 'نوع بلیت‌ها بار می‌شود',
  },
};
