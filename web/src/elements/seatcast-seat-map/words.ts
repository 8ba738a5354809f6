/** How the map speaks of seats. */
import type { SeatStatus, TicketType } from '../../sdk/index.ts';
import { count, money, plural } from '../internal/format.ts';
import type { Language, Translations } from '../internal/language.ts';
import type { Seat, SeatKind } from './geometry.ts';

interface Words {
  status: Readonly<Record<SeatStatus, string>>;
  yours: string;
  chosen: string;
  place: (row: string, number: string) => string;
  taken: (places: readonly string[]) => string;
  gone: (places: readonly string[]) => string;
  isSo: (place: string, status: string) => string;
  atMost: (seats: number) => string;
  zoomIn: string;
  zoomOut: string;
  fit: string;
  /** How the wheel zooms, with the name of a key. */
  wheel: (key: string) => string;
  map: string;
  /** Of a hall whose stage has no name of its own. */
  stage: string;
  howMany: string;
  fewer: string;
  more: string;
  bestAvailable: string;
  bestOf: string;
  /** A line of the choice whose seats the server picks. */
  bestLine: (type: string) => string;
  bestChosen: (seats: number) => string;
  nowYours: (places: readonly string[]) => string;
  notTogether: (seats: number) => string;
  instead: (places: readonly string[]) => string;
  /** Of seats that are made for somebody. */
  kind: Readonly<Record<Exclude<SeatKind, 'standard'>, string>>;
  /** The filter for them. */
  wheelchairs: string;
  anyPrice: string;
  upTo: (price: string) => string;
  price: string;
  list: string;
  listHelp: string;
  sections: string;
  backTo: (name: string) => string;
  row: (label: string) => string;
  seat: (number: string) => string;
  free: (seats: number) => string;
  nothingHere: string;
  leftOf: (available: number, allocated: number) => string;
  from: (price: string) => string;
  shareFree: (share: string) => string;
  soldOut: string;
  legend: { types: string; held: string; sold: string; blocked: string; yours: string };
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
    gone: (places) => `The seat map was changed: ${places.join(', ')} ${places.length === 1 ? 'is' : 'are'} not on it any more.`,
    isSo: (place, status) => `${place} is ${status}.`,
    atMost: (seats) => `At most ${plural(seats, 'seat')} per booking.`,
    zoomIn: 'Zoom in',
    zoomOut: 'Zoom out',
    fit: 'Show all',
    wheel: (key) => `Hold ${key} to zoom with the wheel`,
    map: 'Seat map',
    stage: 'Stage',
    howMany: 'How many?',
    fewer: 'One seat fewer',
    more: 'One seat more',
    bestAvailable: 'Best available',
    bestOf: 'Ticket type of the best available seats',
    bestLine: (type) => `${type} · best seats available`,
    bestChosen: (seats) => (seats === 1 ? 'Hold it, and the best free seat is yours.' : `Hold them, and the best ${seats} free seats are yours, side by side if there are such.`),
    nowYours: (places) => `Yours: ${places.join(', ')}.`,
    notTogether: (seats) => `There are no ${seats} free seats side by side here.`,
    instead: (places) => `Take ${places.join(', ')} instead`,
    kind: { wheelchair: 'wheelchair space', companion: 'companion seat' },
    wheelchairs: 'Wheelchair spaces',
    anyPrice: 'Any price',
    upTo: (price) => `Up to ${price}`,
    price: 'Price',
    list: 'Choose from a list',
    listHelp: 'Arrow keys move, Enter opens or chooses, Escape goes back.',
    sections: 'Sections',
    backTo: (name) => `Back to ${name}`,
    row: (label) => `Row ${label}`,
    seat: (number) => `Seat ${number}`,
    free: (seats) => `${count('en', seats)} free`,
    nothingHere: 'No free seats match.',
    leftOf: (available, allocated) => `${count('en', available)} of ${count('en', allocated)}`,
    from: (price) => `from ${price}`,
    shareFree: (share) => `${share} free`,
    soldOut: 'sold out',
    legend: { types: 'Ticket types. Those that are pressed are shown alone.', held: 'Held', sold: 'Sold', blocked: 'Not on sale', yours: 'Yours' },
    comma: ', ',
  },
  th: {
    status: { available: 'ว่าง', held: 'มีคนจองไว้', sold: 'ขายแล้ว', blocked: 'ไม่เปิดขาย' },
    yours: 'ของคุณ',
    chosen: 'เลือกแล้ว',
    place: (row, number) => `แถว ${row} ที่นั่ง ${number}`,
    taken: (places) => `${places.join(', ')} เพิ่งถูกจอง`,
    gone: (places) => `ผังที่นั่งเปลี่ยนไป: ไม่มี ${places.join(', ')} แล้ว`,
    isSo: (place, status) => `${place}: ${status}`,
    atMost: (seats) => `ไม่เกิน ${count('th', seats)} ที่นั่งต่อการจอง`,
    zoomIn: 'ขยาย',
    zoomOut: 'ย่อ',
    fit: 'แสดงทั้งหมด',
    wheel: (key) => `กด ${key} ค้างไว้เพื่อซูมด้วยล้อเมาส์`,
    map: 'ผังที่นั่ง',
    stage: 'เวที',
    howMany: 'กี่ที่นั่ง?',
    fewer: 'ลดหนึ่งที่นั่ง',
    more: 'เพิ่มหนึ่งที่นั่ง',
    bestAvailable: 'ที่นั่งที่ดีที่สุด',
    bestOf: 'ประเภทบัตรของที่นั่งที่ดีที่สุด',
    bestLine: (type) => `${type} · ที่นั่งที่ดีที่สุดที่เหลือ`,
    bestChosen: (seats) => (seats === 1 ? 'กดจองเพื่อรับที่นั่งว่างที่ดีที่สุด' : `กดจองเพื่อรับ ${count('th', seats)} ที่นั่งว่างที่ดีที่สุด ติดกันถ้ามี`),
    nowYours: (places) => `ที่นั่งของคุณ: ${places.join(', ')}`,
    notTogether: (seats) => `ตรงนี้ไม่มีที่นั่งว่างติดกัน ${count('th', seats)} ที่`,
    instead: (places) => `เลือก ${places.join(', ')} แทน`,
    kind: { wheelchair: 'ที่สำหรับวีลแชร์', companion: 'ที่นั่งผู้ติดตาม' },
    wheelchairs: 'ที่สำหรับวีลแชร์',
    anyPrice: 'ทุกราคา',
    upTo: (price) => `ไม่เกิน ${price}`,
    price: 'ราคา',
    list: 'เลือกจากรายการ',
    listHelp: 'ปุ่มลูกศรเลื่อน Enter เปิดหรือเลือก Escape ย้อนกลับ',
    sections: 'โซน',
    backTo: (name) => `กลับไปที่ ${name}`,
    row: (label) => `แถว ${label}`,
    seat: (number) => `ที่นั่ง ${number}`,
    free: (seats) => `ว่าง ${count('th', seats)}`,
    nothingHere: 'ไม่มีที่นั่งว่างที่ตรงกัน',
    leftOf: (available, allocated) => `${count('th', available)} จาก ${count('th', allocated)}`,
    from: (price) => `เริ่มต้น ${price}`,
    shareFree: (share) => `ว่าง ${share}`,
    soldOut: 'ขายหมดแล้ว',
    legend: { types: 'ประเภทบัตร กดเพื่อแสดงเฉพาะประเภทนั้น', held: 'จองไว้', sold: 'ขายแล้ว', blocked: 'ไม่เปิดขาย', yours: 'ของคุณ' },
    comma: ', ',
  },
  fa: {
    status: { available: 'آزاد', held: 'در اختیار کسی دیگر', sold: 'فروخته‌شده', blocked: 'فروخته نمی‌شود' },
    yours: 'از آنِ شما',
    chosen: 'انتخاب‌شده',
    place: (row, number) => `ردیف ${row} صندلی ${number}`,
    taken: (places) => `${places.join('، ')} همین حالا گرفته شد.`,
    gone: (places) => `نقشهٔ صندلی‌ها تغییر کرد: ${places.join('، ')} دیگر در آن نیست.`,
    isSo: (place, status) => `${place}: ${status}.`,
    atMost: (seats) => `حداکثر ${count('fa', seats)} صندلی در هر رزرو.`,
    zoomIn: 'بزرگ‌نمایی',
    zoomOut: 'کوچک‌نمایی',
    fit: 'نمایش همه',
    wheel: (key) => `برای بزرگ‌نمایی با چرخ موشواره ${key} را نگه دارید`,
    map: 'نقشهٔ صندلی‌ها',
    stage: 'صحنه',
    howMany: 'چند صندلی؟',
    fewer: 'یک صندلی کمتر',
    more: 'یک صندلی بیشتر',
    bestAvailable: 'بهترین صندلی‌ها',
    bestOf: 'نوع بلیت بهترین صندلی‌ها',
    bestLine: (type) => `${type} · بهترین صندلی‌های آزاد`,
    bestChosen: (seats) => (seats === 1 ? 'نگه دارید تا بهترین صندلی آزاد از آنِ شما شود.' : `نگه دارید تا بهترین ${count('fa', seats)} صندلی آزاد، در صورت امکان کنار هم، از آنِ شما شود.`),
    nowYours: (places) => `از آنِ شما: ${places.join('، ')}.`,
    notTogether: (seats) => `اینجا ${count('fa', seats)} صندلی آزاد کنار هم نیست.`,
    instead: (places) => `به‌جای آن ${places.join('، ')}`,
    kind: { wheelchair: 'جای صندلی چرخ‌دار', companion: 'صندلی همراه' },
    wheelchairs: 'جای صندلی چرخ‌دار',
    anyPrice: 'هر قیمتی',
    upTo: (price) => `تا ${price}`,
    price: 'قیمت',
    list: 'انتخاب از فهرست',
    listHelp: 'کلیدهای جهت حرکت می‌دهند، Enter باز یا انتخاب می‌کند، Escape برمی‌گرداند.',
    sections: 'بخش‌ها',
    backTo: (name) => `بازگشت به ${name}`,
    row: (label) => `ردیف ${label}`,
    seat: (number) => `صندلی ${number}`,
    free: (seats) => `${count('fa', seats)} آزاد`,
    nothingHere: 'صندلی آزادی با این شرایط نیست.',
    leftOf: (available, allocated) => `${count('fa', available)} از ${count('fa', allocated)}`,
    from: (price) => `از ${price}`,
    shareFree: (share) => `${share} آزاد`,
    soldOut: 'تمام شد',
    legend: { types: 'انواع بلیت. آنهایی که فشرده‌اند تنها نشان داده می‌شوند.', held: 'نگه‌داشته', sold: 'فروخته', blocked: 'فروخته نمی‌شود', yours: 'از آنِ شما' },
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

/** Seats that a new map lacks. */
export function goneWords(language: Language, seats: readonly Seat[]): string {
  return WORDS[language].gone(seats.map((seat) => place(language, seat)));
}

/** All that the picture shows of a seat: `Stalls, Row A Seat 1, Premium €95.00, free`. */
export function seatWords(language: Language, seat: Seat, type: TicketType | undefined, status: string): string {
  const price = type ? `${type.name} ${money(language, type.price)}` : '';
  const kind = seat.kind === 'standard' ? '' : WORDS[language].kind[seat.kind];
  return [seat.section, place(language, seat), kind, price, status].filter((part) => part !== '').join(WORDS[language].comma);
}
