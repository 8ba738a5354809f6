import { count, plural } from '../internal/format.ts';
import type { Translations } from '../internal/language.ts';

interface Words {
  membersOnly: string;
  /** Sold to callers with an account only. */
  signIn: string;
  onSaleFrom: (date: string, time: string) => string;
  salesEnded: string;
  stock: (sold: number, held: number, capacity: number) => string;
  quantityOf: (name: string) => string;
  fewer: (name: string) => string;
  more: (name: string) => string;
  onlyLeft: (left: number) => string;
  atMost: (tickets: number) => string;
  /** Of a type without a name. */
  thisType: string;
  reduced: (name: string, left: number) => string;
  /** More are left, but no more may be had. */
  limited: (name: string, most: number) => string;
}

export const WORDS: Translations<Words> = {
  en: {
    membersOnly: 'Members only',
    signIn: 'Sign in to buy',
    onSaleFrom: (date, time) => `On sale from ${date}, ${time}`,
    salesEnded: 'Sales have ended',
    stock: (sold, held, capacity) => `${count('en', sold)} sold, ${count('en', held)} held of ${count('en', capacity)}`,
    quantityOf: (name) => `Quantity of ${name}`,
    fewer: (name) => `One fewer ${name}`,
    more: (name) => `One more ${name}`,
    onlyLeft: (left) => `Only ${left} left`,
    atMost: (tickets) => `At most ${plural(tickets, 'ticket')} per booking`,
    thisType: 'This type',
    reduced: (name, left) => `${name}: ${left === 0 ? 'just sold out' : `only ${left} left`}. Your selection was reduced.`,
    limited: (name, most) => `${name}: ${most === 0 ? 'sales have ended' : `at most ${most} per booking`}. Your selection was reduced.`,
  },
  th: {
    membersOnly: 'สำหรับสมาชิกเท่านั้น',
    signIn: 'เข้าสู่ระบบเพื่อซื้อ',
    onSaleFrom: (date, time) => `เปิดขาย ${date} เวลา ${time}`,
    salesEnded: 'ปิดการขายแล้ว',
    stock: (sold, held, capacity) => `ขายแล้ว ${count('th', sold)} จองไว้ ${count('th', held)} จาก ${count('th', capacity)}`,
    quantityOf: (name) => `จำนวน ${name}`,
    fewer: (name) => `ลด ${name} หนึ่งใบ`,
    more: (name) => `เพิ่ม ${name} หนึ่งใบ`,
    onlyLeft: (left) => `เหลือเพียง ${count('th', left)} ใบ`,
    atMost: (tickets) => `ไม่เกิน ${count('th', tickets)} ใบต่อการจอง`,
    thisType: 'บัตรประเภทนี้',
    reduced: (name, left) => `${name}: ${left === 0 ? 'เพิ่งขายหมด' : `เหลือเพียง ${count('th', left)} ใบ`} ลดจำนวนที่คุณเลือกแล้ว`,
    limited: (name, most) => `${name}: ${most === 0 ? 'ปิดการขายแล้ว' : `ไม่เกิน ${count('th', most)} ใบต่อการจอง`} ลดจำนวนที่คุณเลือกแล้ว`,
  },
  fa: {
    membersOnly: 'تنها برای اعضا',
    signIn: 'برای خرید وارد شوید',
    onSaleFrom: (date, time) => `فروش از ${date}، ${time}`,
    salesEnded: 'فروش پایان یافته است',
    stock: (sold, held, capacity) => `${count('fa', sold)} فروخته و ${count('fa', held)} نگه‌داشته از ${count('fa', capacity)}`,
    quantityOf: (name) => `تعداد ${name}`,
    fewer: (name) => `یکی کمتر ${name}`,
    more: (name) => `یکی بیشتر ${name}`,
    onlyLeft: (left) => `تنها ${count('fa', left)} باقی مانده`,
    atMost: (tickets) => `حداکثر ${count('fa', tickets)} بلیت در هر رزرو`,
    thisType: 'این نوع',
    reduced: (name, left) => `${name}: ${left === 0 ? 'همین حالا تمام شد' : `تنها ${count('fa', left)} باقی مانده`}. انتخاب شما کم شد.`,
    limited: (name, most) => `${name}: ${most === 0 ? 'فروش پایان یافته است' : `حداکثر ${count('fa', most)} در هر رزرو`}. انتخاب شما کم شد.`,
  },
};
