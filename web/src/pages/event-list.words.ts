import { count, plural } from '../elements/internal/format.ts';
import type { Translations } from '../elements/internal/language.ts';

interface Words {
  title: string;
  intro: string;
  search: string;
  placeholder: string;
  found: (events: number) => string;
  category: string;
  all: string;
  when: string;
  whens: Readonly<Record<'any' | 'today' | 'weekend' | 'month' | 'dates', string>>;
  from: string;
  to: string;
  city: string;
  anywhere: string;
  loading: string;
  more: string;
  showPast: string;
  noPast: string;
  past: string;
  failed: string;
  again: string;
  nothing: string;
  noMatch: (query: string) => string;
  noEvents: string;
  noneHere: string;
  reset: string;
  fromPrice: (price: string) => string;
}

export const WORDS: Translations<Words> = {
  en: {
    title: 'What’s on',
    intro: 'Tickets, and how many are left this very second.',
    search: 'Search events',
    placeholder: 'Search by title or venue',
    found: (events) => `${plural(events, 'event')} found`,
    category: 'Category',
    all: 'All',
    when: 'When',
    whens: { any: 'Any day', today: 'Today', weekend: 'This weekend', month: 'Next 30 days', dates: 'Choose days' },
    from: 'From',
    to: 'To',
    city: 'City',
    anywhere: 'Anywhere',
    loading: 'Loading events',
    more: 'Show more',
    showPast: 'Show past events',
    noPast: 'There are no past events.',
    past: 'Past events',
    failed: 'The events could not be loaded',
    again: 'Try again',
    nothing: 'Nothing found',
    noMatch: (query) => `No event matches “${query}”.`,
    noEvents: 'There are no events at the moment.',
    noneHere: 'No event is as you ask.',
    reset: 'Show all events',
    fromPrice: (price) => `from ${price}`,
  },
  th: {
    title: 'มีอะไรบ้าง',
    intro: 'บัตร และจำนวนที่เหลือ ณ วินาทีนี้',
    search: 'ค้นหางาน',
    placeholder: 'ค้นหาจากชื่องานหรือสถานที่',
    found: (events) => `พบ ${count('th', events)} งาน`,
    category: 'ประเภท',
    all: 'ทั้งหมด',
    when: 'เมื่อไร',
    whens: { any: 'วันใดก็ได้', today: 'วันนี้', weekend: 'สุดสัปดาห์นี้', month: '30 วันข้างหน้า', dates: 'เลือกวัน' },
    from: 'ตั้งแต่',
    to: 'ถึง',
    city: 'เมือง',
    anywhere: 'ทุกที่',
    loading: 'กำลังโหลดงาน',
    more: 'แสดงเพิ่ม',
    showPast: 'แสดงงานที่ผ่านไปแล้ว',
    noPast: 'ไม่มีงานที่ผ่านไปแล้ว',
    past: 'งานที่ผ่านไปแล้ว',
    failed: 'โหลดรายการงานไม่สำเร็จ',
    again: 'ลองอีกครั้ง',
    nothing: 'ไม่พบงาน',
    noMatch: (query) => `ไม่มีงานที่ตรงกับ “${query}”`,
    noEvents: 'ขณะนี้ยังไม่มีงาน',
    noneHere: 'ไม่มีงานตามที่เลือก',
    reset: 'แสดงงานทั้งหมด',
    fromPrice: (price) => `เริ่มต้น ${price}`,
  },
  fa: {
    title: 'رویدادها',
    intro: 'بلیت‌ها، و اینکه همین ثانیه چند تا مانده است.',
    search: 'جست‌وجوی رویدادها',
    placeholder: 'جست‌وجو در نام یا مکان',
    found: (events) => `${count('fa', events)} رویداد پیدا شد`,
    category: 'دسته',
    all: 'همه',
    when: 'زمان',
    whens: { any: 'هر روز', today: 'امروز', weekend: 'این آخر هفته', month: '۳۰ روز آینده', dates: 'انتخاب روزها' },
    from: 'از',
    to: 'تا',
    city: 'شهر',
    anywhere: 'همه‌جا',
    loading: 'رویدادها بار می‌شوند',
    more: 'نمایش بیشتر',
    showPast: 'نمایش رویدادهای گذشته',
    noPast: 'رویداد گذشته‌ای نیست.',
    past: 'رویدادهای گذشته',
    failed: 'رویدادها بار نشدند',
    again: 'دوباره تلاش کنید',
    nothing: 'چیزی پیدا نشد',
    noMatch: (query) => `رویدادی با «${query}» جور نیست.`,
    noEvents: 'اکنون رویدادی نیست.',
    noneHere: 'رویدادی چنان که خواستید نیست.',
    reset: 'نمایش همهٔ رویدادها',
    fromPrice: (price) => `از ${price}`,
  },
};
