import type { Translations } from '../elements/internal/language.ts';
import type { Booking } from '../sdk/index.ts';

/** As the page sees a booking; `paying`: the money is on its way; `owed`: it did not come, and the booking stands. */
export type Stage = Booking['status'] | 'paying' | 'owed' | 'offered';

interface Words {
  title: (reference: string) => string;
  head: Readonly<Record<Stage, string>>;
  lead: Readonly<Record<Stage, string>>;
  loading: string;
  event: string;
  goneEvent: string;
  next: string;
  mailed: (email: string) => string;
  showQr: string;
  doors: (time: string) => string;
  handOn: string;
  keepAddress: string;
  /** Without an address to mail a link to. */
  keepHere: string;
  payUntil: (time: string) => string;
  thenTickets: string;
  chooseAgain: string;
  price: string;
  total: string;
  refunded: string;
  invoice: string;
  allBookings: string;
  missing: string;
  missingMeans: string;
  signIn: string;
}

export const WORDS: Translations<Words> = {
  en: {
    title: (reference) => `Booking ${reference}`,
    head: {
      confirmed: 'You are booked',
      pending: 'Held for you',
      paying: 'Paying …',
      owed: 'Please pay again',
      offered: 'Tickets came free for you',
      expired: 'Your hold has ended',
      cancelled: 'This booking is cancelled',
      refunded: 'This booking is refunded',
    },
    lead: {
      confirmed: 'Everything that you need for the day is on this page.',
      pending: 'The tickets are yours once they are paid.',
      paying: 'Your bank has to answer. The tickets stay yours meanwhile, and this page goes on by itself.',
      owed: 'The tickets are yours, and their money did not come.',
      offered: 'Take them, and they are yours to pay.',
      expired: 'The tickets are on sale again.',
      cancelled: 'Its tickets open nothing any more.',
      refunded: 'Its tickets open nothing any more, and the money goes back to you.',
    },
    loading: 'Loading the booking',
    event: 'The event',
    goneEvent: 'An event that is not listed any more',
    next: 'What comes next',
    mailed: (email) => `The tickets are on their way to ${email} as well.`,
    showQr: 'Show the QR codes at the door, on your phone or printed.',
    doors: (time) => `Doors open at ${time}.`,
    handOn: 'Somebody else goes? Hand a ticket on: they get a code of their own.',
    keepAddress: 'This page stays here in this browser. On another device you find it by the mailed link.',
    keepHere: 'This page is kept by this browser alone: print the tickets, or keep its codes.',
    payUntil: (time) => `Pay until ${time}. Then the tickets go back on sale.`,
    thenTickets: 'Tickets with QR codes appear here at once when the money is there.',
    chooseAgain: 'Choose tickets again',
    price: 'Price',
    total: 'Total',
    refunded: 'Goes back to you',
    invoice: 'Invoice (PDF)',
    allBookings: 'All my bookings',
    missing: 'This booking is not here',
    missingMeans: 'It was made in another browser or by another account, or there is none by this name.',
    signIn: 'Sign in',
  },
  th: {
    title: (reference) => `การจอง ${reference}`,
    head: {
      confirmed: 'จองเรียบร้อยแล้ว',
      pending: 'เก็บไว้ให้คุณแล้ว',
      paying: 'กำลังชำระเงิน …',
      owed: 'โปรดชำระเงินอีกครั้ง',
      offered: 'มีบัตรว่างสำหรับคุณ',
      expired: 'หมดเวลาที่เก็บไว้ให้',
      cancelled: 'การจองนี้ถูกยกเลิก',
      refunded: 'คืนเงินการจองนี้แล้ว',
    },
    lead: {
      confirmed: 'ทุกอย่างที่ต้องใช้ในวันงานอยู่ในหน้านี้',
      pending: 'บัตรจะเป็นของคุณเมื่อชำระเงินแล้ว',
      paying: 'กำลังรอคำตอบจากธนาคาร ระหว่างนี้บัตรยังเป็นของคุณ และหน้านี้จะไปต่อเอง',
      owed: 'บัตรเป็นของคุณแล้ว แต่เรายังไม่ได้รับเงิน',
      offered: 'รับบัตร แล้วชำระเงินได้เลย',
      expired: 'บัตรกลับไปขายอีกครั้งแล้ว',
      cancelled: 'บัตรใช้เข้างานไม่ได้แล้ว',
      refunded: 'บัตรใช้เข้างานไม่ได้แล้ว และเงินจะคืนให้คุณ',
    },
    loading: 'กำลังโหลดการจอง',
    event: 'งาน',
    goneEvent: 'งานที่ไม่แสดงแล้ว',
    next: 'ขั้นตอนถัดไป',
    mailed: (email) => `เรากำลังส่งบัตรไปที่ ${email} ด้วย`,
    showQr: 'แสดงคิวอาร์โค้ดที่ประตู จากโทรศัพท์หรือแบบพิมพ์',
    doors: (time) => `ประตูเปิดเวลา ${time}`,
    handOn: 'มีคนอื่นไปแทนหรือไม่ โอนบัตรได้ ผู้รับจะได้รหัสของตนเอง',
    keepAddress: 'หน้านี้เปิดได้ในเบราว์เซอร์นี้ บนอุปกรณ์อื่นใช้ลิงก์ที่ส่งทางอีเมล',
    keepHere: 'หน้านี้เก็บไว้ในเบราว์เซอร์นี้เท่านั้น โปรดพิมพ์บัตรหรือเก็บรหัสไว้',
    payUntil: (time) => `ชำระเงินภายใน ${time} มิฉะนั้นบัตรจะกลับไปขาย`,
    thenTickets: 'เมื่อได้รับเงิน บัตรพร้อมคิวอาร์โค้ดจะปรากฏที่นี่ทันที',
    chooseAgain: 'เลือกบัตรใหม่',
    price: 'ราคา',
    total: 'รวม',
    refunded: 'คืนให้คุณ',
    invoice: 'ใบแจ้งหนี้ (PDF)',
    allBookings: 'การจองทั้งหมดของฉัน',
    missing: 'ไม่พบการจองนี้ที่นี่',
    missingMeans: 'อาจจองด้วยเบราว์เซอร์หรือบัญชีอื่น หรือไม่มีการจองชื่อนี้',
    signIn: 'เข้าสู่ระบบ',
  },
  fa: {
    title: (reference) => `رزرو ${reference}`,
    head: {
      confirmed: 'رزرو شما انجام شد',
      pending: 'برای شما نگه داشته شده',
      paying: 'در حال پرداخت …',
      owed: 'لطفاً دوباره بپردازید',
      offered: 'بلیتی برای شما آزاد شد',
      expired: 'مهلت شما پایان یافت',
      cancelled: 'این رزرو لغو شده است',
      refunded: 'این رزرو بازپرداخت شده است',
    },
    lead: {
      confirmed: 'هر آنچه برای آن روز لازم دارید در این صفحه است.',
      pending: 'بلیت‌ها پس از پرداخت از آنِ شماست.',
      paying: 'بانک شما باید پاسخ دهد. بلیت‌ها در این میان از آنِ شما می‌مانند و صفحه خودش ادامه می‌دهد.',
      owed: 'بلیت‌ها از آنِ شماست، اما پول آن‌ها نرسیده است.',
      offered: 'آن‌ها را بگیرید و سپس بپردازید.',
      expired: 'بلیت‌ها دوباره فروخته می‌شوند.',
      cancelled: 'بلیت‌های آن دیگر دری را باز نمی‌کنند.',
      refunded: 'بلیت‌های آن دیگر دری را باز نمی‌کنند و پول به شما برمی‌گردد.',
    },
    loading: 'رزرو بار می‌شود',
    event: 'رویداد',
    goneEvent: 'رویدادی که دیگر فهرست نمی‌شود',
    next: 'گام‌های بعدی',
    mailed: (email) => `بلیت‌ها به ${email} هم فرستاده می‌شوند.`,
    showQr: 'کدهای QR را دم در نشان دهید، روی گوشی یا چاپ‌شده.',
    doors: (time) => `درها ساعت ${time} باز می‌شوند.`,
    handOn: 'کس دیگری می‌رود؟ بلیت را واگذار کنید: کدی از آنِ خود می‌گیرد.',
    keepAddress: 'این صفحه در همین مرورگر می‌ماند. در دستگاه دیگر با پیوند ایمیل‌شده باز می‌شود.',
    keepHere: 'این صفحه تنها در همین مرورگر می‌ماند: بلیت‌ها را چاپ کنید یا کدهایشان را نگه دارید.',
    payUntil: (time) => `تا ${time} بپردازید. پس از آن بلیت‌ها دوباره فروخته می‌شوند.`,
    thenTickets: 'همین که پول برسد، بلیت‌ها با کد QR اینجا دیده می‌شوند.',
    chooseAgain: 'انتخاب دوبارهٔ بلیت',
    price: 'قیمت',
    total: 'جمع',
    refunded: 'به شما برمی‌گردد',
    invoice: 'صورت‌حساب (PDF)',
    allBookings: 'همهٔ رزروهای من',
    missing: 'این رزرو اینجا نیست',
    missingMeans: 'با مرورگر یا حساب دیگری رزرو شده، یا رزروی با این نام نیست.',
    signIn: 'ورود',
  },
};
