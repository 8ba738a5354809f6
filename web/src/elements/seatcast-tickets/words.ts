import type { Ticket } from '../../sdk/index.ts';
import type { Translations } from '../internal/language.ts';

interface Words {
  tickets: string;
  /** Of a type without a name. */
  ticket: string;
  status: Readonly<Record<Ticket['status'], string>>;
  qrOf: (code: string) => string;
  handOn: string;
  handOnTicket: (code: string) => string;
  /** With the masked address, where it is known. */
  offeredTo: (to: string | undefined) => string;
  withdraw: string;
  withdrawTicket: (code: string) => string;
  name: string;
  email: string;
  offer: string;
  yoursUntil: string;
  /** Of a ticket that was taken over: a refund goes to its buyer. */
  yoursUntilTaken: string;
  offered: (code: string, name: string) => string;
  withdrawn: (code: string) => string;
  hideQrs: string;
  showQrs: string;
  print: string;
  resend: string;
  resent: string;
  calendar: string;
  seat: (section: string, row: string, number: string) => string;
}

export const WORDS: Translations<Words> = {
  en: {
    tickets: 'Tickets',
    ticket: 'Ticket',
    status: { valid: 'Valid', used: 'Used', transferred: 'Handed on', void: 'Void' },
    qrOf: (code) => `QR code of ticket ${code}`,
    handOn: 'Hand on',
    handOnTicket: (code) => `Hand on ticket ${code}`,
    offeredTo: (to) => (to ? `Offered to ${to}` : 'Offered to somebody'),
    withdraw: 'Withdraw the offer',
    withdrawTicket: (code) => `Withdraw the offer of ticket ${code}`,
    name: 'Name',
    email: 'E-mail',
    offer: 'Offer by mail',
    yoursUntil: 'The ticket is yours until they take it. A refund would still go to you.',
    yoursUntilTaken: 'The ticket is yours until they take it.',
    offered: (code, name) => `The ticket ${code} is offered to ${name} by mail.`,
    withdrawn: (code) => `The ticket ${code} is not offered any more.`,
    hideQrs: 'Hide QR codes',
    showQrs: 'Show QR codes',
    print: 'Print (PDF)',
    resend: 'Mail again',
    resent: 'The tickets are on their way by mail.',
    calendar: 'Add to calendar',
    seat: (section, row, number) => `${section} · Row ${row} · Seat ${number}`,
  },
  th: {
    tickets: 'บัตร',
    ticket: 'บัตร',
    status: { valid: 'ใช้ได้', used: 'ใช้แล้ว', transferred: 'โอนแล้ว', void: 'ยกเลิกแล้ว' },
    qrOf: (code) => `คิวอาร์โค้ดของบัตร ${code}`,
    handOn: 'โอนบัตร',
    handOnTicket: (code) => `โอนบัตร ${code}`,
    offeredTo: (to) => (to ? `เสนอให้ ${to}` : 'เสนอให้ผู้อื่นแล้ว'),
    withdraw: 'ถอนข้อเสนอ',
    withdrawTicket: (code) => `ถอนข้อเสนอบัตร ${code}`,
    name: 'ชื่อ',
    email: 'อีเมล',
    offer: 'เสนอทางอีเมล',
    yoursUntil: 'บัตรเป็นของคุณจนกว่าผู้รับจะรับ หากมีการคืนเงิน เงินยังคืนให้คุณ',
    yoursUntilTaken: 'บัตรเป็นของคุณจนกว่าผู้รับจะรับ',
    offered: (code, name) => `เสนอบัตร ${code} ให้ ${name} ทางอีเมลแล้ว`,
    withdrawn: (code) => `ไม่ได้เสนอบัตร ${code} แล้ว`,
    hideQrs: 'ซ่อนคิวอาร์โค้ด',
    showQrs: 'แสดงคิวอาร์โค้ด',
    print: 'พิมพ์ (PDF)',
    resend: 'ส่งอีเมลอีกครั้ง',
    resent: 'กำลังส่งบัตรทางอีเมล',
    calendar: 'เพิ่มลงปฏิทิน',
    seat: (section, row, number) => `${section} · แถว ${row} · ที่นั่ง ${number}`,
  },
  fa: {
    tickets: 'بلیت‌ها',
    ticket: 'بلیت',
    status: { valid: 'معتبر', used: 'استفاده‌شده', transferred: 'واگذارشده', void: 'باطل' },
    qrOf: (code) => `کد QR بلیت ${code}`,
    handOn: 'واگذاری',
    handOnTicket: (code) => `واگذاری بلیت ${code}`,
    offeredTo: (to) => (to ? `پیشنهادشده به \u2066${to}\u2069` : 'به کسی پیشنهاد شده است'),
    withdraw: 'پس گرفتن پیشنهاد',
    withdrawTicket: (code) => `پس گرفتن پیشنهاد بلیت ${code}`,
    name: 'نام',
    email: 'ایمیل',
    offer: 'پیشنهاد با ایمیل',
    yoursUntil: 'بلیت تا وقتی آن را نگرفته‌اند از آنِ شماست. بازپرداخت همچنان به شما می‌رسد.',
    yoursUntilTaken: 'بلیت تا وقتی آن را نگرفته‌اند از آنِ شماست.',
    offered: (code, name) => `بلیت ${code} با ایمیل به ${name} پیشنهاد شد.`,
    withdrawn: (code) => `بلیت ${code} دیگر پیشنهاد نمی‌شود.`,
    hideQrs: 'پنهان کردن کدهای QR',
    showQrs: 'نمایش کدهای QR',
    print: 'چاپ (PDF)',
    resend: 'ارسال دوبارهٔ ایمیل',
    resent: 'بلیت‌ها با ایمیل فرستاده می‌شوند.',
    calendar: 'افزودن به تقویم',
    seat: (section, row, number) => `${section} · ردیف ${row} · صندلی ${number}`,
  },
};
