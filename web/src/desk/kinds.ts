/** Names that the server has for its work and its books, in words. One that is new here is shown as the server says it. */
import type { Language, Translations } from '../elements/internal/language.ts';

type Names = Readonly<Record<string, string>>;

/** Mails, and other work that goes on by itself. */
const JOBS: Translations<Names> = {
  en: {
    confirmation: 'Tickets by mail',
    payment_reminder: 'Reminder to pay',
    payment_owed: 'Mail: to be paid again',
    cancellation: 'Mail: cancelled',
    event_cancelled: 'Mails: event cancelled',
    refund_mail: 'Mail: money back',
    ticket_void: 'Mail: ticket taken back',
    transfer_offer: 'Mail: ticket offered',
    ticket_sent: 'Ticket to its new holder',
    ticket_given: 'Mail: ticket handed on',
    waitlist_offer: 'Mail: offer of the waitlist',
    account_mail: 'Mail about an account',
    booking_link: 'Link to a booking',
    email_code: 'Code by mail',
    bulk_bookings: 'Many bookings',
    event_refunds: 'Refunds of an event',
    refund: 'Refund',
    give_back: 'Money back',
    payment: 'Payment',
    staff_paid: 'Money that staff took',
    provider_events: 'News of the payment provider',
    invoice: 'Invoice',
    seatmap: 'Seat map',
  },
  th: {
    confirmation: 'ส่งบัตรทางอีเมล',
    payment_reminder: 'เตือนให้ชำระ',
    payment_owed: 'อีเมล: ต้องชำระอีกครั้ง',
    cancellation: 'อีเมล: ยกเลิก',
    event_cancelled: 'อีเมล: งานถูกยกเลิก',
    refund_mail: 'อีเมล: เงินคืน',
    ticket_void: 'อีเมล: เรียกคืนบัตร',
    transfer_offer: 'อีเมล: เสนอบัตร',
    ticket_sent: 'บัตรถึงผู้ถือใหม่',
    ticket_given: 'อีเมล: โอนบัตรแล้ว',
    waitlist_offer: 'อีเมล: ข้อเสนอจากรายการรอ',
    account_mail: 'อีเมลเกี่ยวกับบัญชี',
    booking_link: 'ลิงก์การจอง',
    email_code: 'รหัสทางอีเมล',
    bulk_bookings: 'หลายการจอง',
    event_refunds: 'คืนเงินของงาน',
    refund: 'คืนเงิน',
    give_back: 'คืนเงิน',
    payment: 'การชำระเงิน',
    staff_paid: 'เงินที่ทีมงานรับ',
    provider_events: 'ข่าวจากผู้ให้บริการชำระเงิน',
    invoice: 'ใบแจ้งหนี้',
    seatmap: 'ผังที่นั่ง',
  },
  fa: {
    confirmation: 'بلیت‌ها با ایمیل',
    payment_reminder: 'یادآوری پرداخت',
    payment_owed: 'نامه: دوباره پرداخت شود',
    cancellation: 'ایمیل: لغو',
    event_cancelled: 'ایمیل‌ها: لغو رویداد',
    refund_mail: 'ایمیل: پول پس‌داده',
    ticket_void: 'ایمیل: پس گرفتن بلیت',
    transfer_offer: 'ایمیل: پیشنهاد بلیت',
    ticket_sent: 'بلیت برای دارندهٔ تازه',
    ticket_given: 'ایمیل: واگذاری بلیت',
    waitlist_offer: 'ایمیل: پیشنهاد فهرست انتظار',
    account_mail: 'ایمیل حساب',
    booking_link: 'پیوند رزرو',
    email_code: 'کد با ایمیل',
    bulk_bookings: 'رزروهای بسیار',
    event_refunds: 'پس دادن پول رویداد',
    refund: 'پس دادن پول',
    give_back: 'پس دادن پول',
    payment: 'پرداخت',
    staff_paid: 'پول نزد همکاران',
    provider_events: 'خبر درگاه پرداخت',
    invoice: 'فاکتور',
    seatmap: 'نقشهٔ صندلی',
  },
};

const ACCOUNTS: Translations<Names> = {
  en: {
    'money at stripe': 'Money at Stripe',
    'money at the demo provider': 'Money at the demo provider',
    'money with staff': 'Money with staff',
    'ticket revenue': 'Ticket revenue',
    'fee income': 'Fee income',
    'tax payable': 'Tax payable',
    'tax payable on fees': 'Tax payable on fees',
    'provider fees': 'Provider fees',
    'absorbed fees': 'Absorbed fees',
    'unexplained movements': 'Unexplained movements',
    'disputed money': 'Disputed money',
  },
  th: {
    'money at stripe': 'เงินที่ Stripe',
    'money at the demo provider': 'เงินที่ผู้ให้บริการสาธิต',
    'money with staff': 'เงินที่ทีมงาน',
    'ticket revenue': 'รายได้จากบัตร',
    'fee income': 'รายได้ค่าธรรมเนียม',
    'tax payable': 'ภาษีค้างจ่าย',
    'tax payable on fees': 'ภาษีค้างจ่ายของค่าธรรมเนียม',
    'provider fees': 'ค่าธรรมเนียมผู้ให้บริการ',
    'absorbed fees': 'ค่าธรรมเนียมที่จ่ายเอง',
    'unexplained movements': 'รายการที่อธิบายไม่ได้',
    'disputed money': 'เงินที่มีข้อโต้แย้ง',
  },
  fa: {
    'money at stripe': 'پول نزد Stripe',
    'money at the demo provider': 'پول نزد درگاه نمایشی',
    'money with staff': 'پول نزد همکاران',
    'ticket revenue': 'درآمد بلیت',
    'fee income': 'درآمد کارمزد',
    'tax payable': 'مالیات پرداختنی',
    'tax payable on fees': 'مالیات پرداختنی کارمزد',
    'provider fees': 'کارمزد درگاه',
    'absorbed fees': 'کارمزد پرداختی شما',
    'unexplained movements': 'گردش‌های نامعلوم',
    'disputed money': 'پول مورد اعتراض',
  },
};

const CAUSES: Translations<Names> = {
  en: { sale: 'Sale', fee: 'Fee', refund: 'Refund', foreign_refund: 'Refund at the provider', refund_again: 'Refund made again', refund_kept: 'Refund kept', dispute: 'Dispute', dispute_won: 'Dispute won' },
  th: { sale: 'ขาย', fee: 'ค่าธรรมเนียม', refund: 'คืนเงิน', foreign_refund: 'คืนเงินที่ผู้ให้บริการ', refund_again: 'คืนเงินอีกครั้ง', refund_kept: 'เงินคืนที่เก็บไว้', dispute: 'ข้อโต้แย้ง', dispute_won: 'ชนะข้อโต้แย้ง' },
  fa: { sale: 'فروش', fee: 'کارمزد', refund: 'پس دادن', foreign_refund: 'پس دادن نزد درگاه', refund_again: 'پس دادن دوباره', refund_kept: 'بازپرداخت نگه‌داشته', dispute: 'اعتراض', dispute_won: 'اعتراض برنده' },
};

const PROVIDERS: Translations<Names> = {
  en: { stripe: 'Stripe', demo: 'Demo cards', offline: 'Staff' },
  th: { stripe: 'Stripe', demo: 'บัตรสาธิต', offline: 'ทีมงาน' },
  fa: { stripe: 'Stripe', demo: 'کارت نمایشی', offline: 'همکاران' },
};

export const providerName = (language: Language, name: string): string => PROVIDERS[language][name] ?? name;
export const jobName = (language: Language, kind: string): string => JOBS[language][kind] ?? kind;
export const accountName = (language: Language, name: string): string => ACCOUNTS[language][name] ?? name;
export const causeName = (language: Language, cause: string): string => CAUSES[language][cause] ?? cause;
