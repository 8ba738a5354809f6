/** How the map speaks of seats. */
import type { SeatStatus, TicketType } from '../../sdk/index.ts';
import { count, money, plural } from '../internal/format.ts';
import type { Language, Translations } from '../internal/language.ts';
import type { Seat } from './geometry.ts';

interface Words {
  status: Readonly<Record<SeatStatus, string>>;
  yours: string;
  chosen: string;
  place: (row: string, number: string) => string;
  taken: (places: readonly string[]) => string;
  isSo: (place: string, status: string) => string;
  atMost: (seats: number) => string;
  notLoaded: string;
  loading: string;
  zoomIn: string;
  zoomOut: string;
  keys: string;
  bySection: string;
  leftOf: (available: number, allocated: number) => string;
  legend: { held: string; sold: string; blocked: string; yours: string };
  /** Between the parts of a seat's description. */
  comma: string;
}

export const WORDS: Translations<Words> = {
  en: {
    status: { available: 'free', held: 'held by somebody', sold: 'sold', blocked: 'not on sale' },
    yours: 'yours',
    chosen: 'chosen',
    place: (row, number) => `Row ${row} Seat ${number}`,
    taken: (places) => `${places.join(', ')} ${places.length === 1 ? 'was' : 'were'} just taken.`,
    isSo: (place, status) => `${place} is ${status}.`,
    atMost: (seats) => `At most ${plural(seats, 'seat')} per booking.`,
    notLoaded: 'The seat map could not be loaded. Trying again …',
    loading: 'Loading the seat map',
    zoomIn: 'Zoom in',
    zoomOut: 'Zoom out',
    keys: 'Seats. Arrow keys move, Enter chooses.',
    bySection: 'Seats left by section',
    leftOf: (available, allocated) => `${available} of ${allocated}`,
    legend: { held: 'Held', sold: 'Sold', blocked: 'Not on sale', yours: 'Yours' },
    comma: ', ',
  },
  th: {
    status: { available: 'ว่าง', held: 'มีคนจองไว้', sold: 'ขายแล้ว', blocked: 'ไม่เปิดขาย' },
    yours: 'ของคุณ',
    chosen: 'เลือกแล้ว',
    place: (row, number) => `แถว ${row} ที่นั่ง ${number}`,
    taken: (places) => `${places.join(', ')} เพิ่งถูกจอง`,
    isSo: (place, status) => `${place}: ${status}`,
    atMost: (seats) => `ไม่เกิน ${count('th', seats)} ที่นั่งต่อการจอง`,
    notLoaded: 'โหลดผังที่นั่งไม่ได้ กำลังลองใหม่ …',
    loading: 'กำลังโหลดผังที่นั่ง',
    zoomIn: 'ขยาย',
    zoomOut: 'ย่อ',
    keys: 'ที่นั่ง ใช้ปุ่มลูกศรเพื่อเลื่อน กด Enter เพื่อเลือก',
    bySection: 'ที่นั่งว่างแยกตามโซน',
    leftOf: (available, allocated) => `${count('th', available)} จาก ${count('th', allocated)}`,
    legend: { held: 'จองไว้', sold: 'ขายแล้ว', blocked: 'ไม่เปิดขาย', yours: 'ของคุณ' },
    comma: ', ',
  },
  fa: {
    status: { available: 'آزاد', held: 'در اختیار کسی دیگر', sold: 'فروخته‌شده', blocked: 'فروخته نمی‌شود' },
    yours: 'از آنِ شما',
    chosen: 'انتخاب‌شده',
    place: (row, number) => `ردیف ${row} صندلی ${number}`,
    taken: (places) => `${places.join('، ')} همین حالا گرفته شد.`,
    isSo: (place, status) => `${place}: ${status}.`,
    atMost: (seats) => `حداکثر ${count('fa', seats)} صندلی در هر رزرو.`,
    notLoaded: 'نقشهٔ صندلی‌ها خوانده نشد. تلاش دوباره …',
    loading: 'در حال خواندن نقشهٔ صندلی‌ها',
    zoomIn: 'بزرگ‌نمایی',
    zoomOut: 'کوچک‌نمایی',
    keys: 'صندلی‌ها. با کلیدهای جهت حرکت و با Enter انتخاب کنید.',
    bySection: 'صندلی‌های آزاد هر بخش',
    leftOf: (available, allocated) => `${count('fa', available)} از ${count('fa', allocated)}`,
    legend: { held: 'نگه‌داشته', sold: 'فروخته', blocked: 'فروخته نمی‌شود', yours: 'از آنِ شما' },
    comma: '، ',
  },
};

export function place(language: Language, seat: Seat): string {
  return WORDS[language].place(seat.row, seat.number);
}

/** `Row A Seat 1 was just taken.` */
export function takenWords(language: Language, seats: readonly Seat[]): string {
  return WORDS[language].taken(seats.map((seat) => place(language, seat)));
}

/** All that the picture shows of a seat: `Stalls, Row A Seat 1, Premium €95.00, free`. */
export function seatWords(language: Language, seat: Seat, type: TicketType | undefined, status: string): string {
  const price = type ? `${type.name} ${money(language, type.price)}` : '';
  return [seat.section, place(language, seat), price, status].filter((part) => part !== '').join(WORDS[language].comma);
}
