import { plural } from '../../elements/internal/format.ts';
import { count } from '../../elements/internal/count.ts';
import type { Translations } from '../../elements/internal/language.ts';

const english = {
  title: 'Events',
  make: 'New event',
  search: 'Search events',
  placeholder: 'Title or venue',
  status: 'Status',
  all: 'All',
  found: (total: number): string => `${plural(total, 'event')} found`,
  event: 'Event',
  when: 'When',
  sold: 'Sold',
  revenue: 'Revenue',
  of: (sold: string, capacity: string): string => `${sold} of ${capacity}`,
  noneTitle: 'No events yet',
  none: 'Make the first one: a draft is seen by nobody else.',
  nothingTitle: 'Nothing found',
  nothing: 'No event of yours matches.',
  showAll: 'Show all',
  noFigures: 'Revenue is shown to those who may see figures.',
};

type Words = typeof english;

const thai: Words = {
  title: 'งาน',
  make: 'สร้างงานใหม่',
  search: 'ค้นหางาน',
  placeholder: 'ชื่องานหรือสถานที่',
  status: 'สถานะ',
  all: 'ทั้งหมด',
  found: (total) => `พบ ${count('th', total)} งาน`,
  event: 'งาน',
  when: 'เมื่อไร',
  sold: 'ขายแล้ว',
  revenue: 'รายได้',
  of: (sold, capacity) => `${sold} จาก ${capacity}`,
  noneTitle: 'ยังไม่มีงาน',
  none: 'สร้างงานแรกได้เลย ฉบับร่างจะไม่มีใครอื่นเห็น',
  nothingTitle: 'ไม่พบอะไร',
  nothing: 'ไม่มีงานของคุณที่ตรงกัน',
  showAll: 'แสดงทั้งหมด',
  noFigures: 'รายได้แสดงเฉพาะผู้ที่มีสิทธิ์ดูตัวเลข',
};

const persian: Words = {
  title: 'رویدادها',
  make: 'رویداد تازه',
  search: 'جستجوی رویدادها',
  placeholder: 'عنوان یا مکان',
  status: 'وضعیت',
  all: 'همه',
  found: (total) => `${count('fa', total)} رویداد یافت شد`,
  event: 'رویداد',
  when: 'زمان',
  sold: 'فروخته',
  revenue: 'درآمد',
  of: (sold, capacity) => `${sold} از ${capacity}`,
  noneTitle: 'هنوز رویدادی نیست',
  none: 'نخستین را بسازید: پیش‌نویس را کس دیگری نمی‌بیند.',
  nothingTitle: 'چیزی یافت نشد',
  nothing: 'هیچ رویدادی از شما با این جور نیست.',
  showAll: 'نمایش همه',
  noFigures: 'درآمد به کسانی نشان داده می‌شود که اجازهٔ دیدن ارقام دارند.',
};

export const WORDS: Translations<Words> = { en: english, th: thai, fa: persian };
