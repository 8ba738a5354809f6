import type { Booking } from '../../sdk/index.ts';
import { count, plural } from '../internal/format.ts';
import type { Translations } from '../internal/language.ts';

interface Words {
  status: Readonly<Record<Booking['status'], string>>;
  offered: string;
  event: (id: number) => string;
  /** Of an event that was deleted. */
  goneEvent: string;
  tickets: (quantity: number) => string;
  item: (quantity: number, name: string) => string;
  seats: (section: string, row: string, numbers: readonly string[]) => string;

  /** Tickets that others handed on, and how each is. */
  fromOthers: string;
  held: Readonly<Record<'good' | 'used' | 'void' | 'cancelled', string>>;
  cameToYou: (code: string) => string;
  takenBack: (code: string) => string;

  none: string;
  signInAgain: string;
  lastKnown: string;
  noConnection: string;

  cancel: string;
  cancelBooking: (reference: string) => string;
  askCancel: string;
  askCancelOf: (reference: string) => string;
  cancelMeans: (tickets: number) => string;
  /** `share`: of the price, where that is not all of it. */
  comesBack: (sum: string, share: string | undefined, keepsFees: boolean) => string;
  nothingBack: string;
  whichTickets: string;
  cannotPay: string;
  providerAway: string;
  giveBack: (tickets: number) => string;
  isGivenBack: (tickets: number) => string;
  backByPolicy: string;
  tooLateToCancel: (until: string) => string;
  change: string;
  changeBooking: (reference: string) => string;
  keep: string;
  yesCancel: string;
  oneMoment: string;

  timeLeft: (time: string) => string;
  paying: string;
  unfinished: string;
  declined: string;
  payBefore: string;
  pay: (sum: string) => string;
  payFor: (sum: string, reference: string) => string;

  offer: (tickets: number, isPaid: boolean, until: string) => string;
  takeOffer: (reference: string) => string;
  take: (tickets: number) => string;
  declineOffer: (reference: string) => string;
  decline: string;

  soonOver: (reference: string) => string;
  taken: (reference: string, isPaid: boolean) => string;
  offerDeclined: string;
  isCancelled: (reference: string) => string;
  paymentDeclined: (reference: string) => string;
  isConfirmed: (reference: string) => string;
  holdEnded: (reference: string) => string;
  isRefunded: (reference: string) => string;

  /** How a booking ended, on its card. */
  chooseAgain: string;
  wasCancelled: string;
  seatsWithdrawn: string;
  paymentCancelled: string;

  /** Where the money is. */
  review: string;
  owed: string;
  goesBack: (sum: string) => string;
  byPolicy: string;
  tooLate: string;
  notFinished: string;
  notCharged: string;
}

export const WORDS: Translations<Words> = {
  en: {
    status: { pending: 'Held for you', confirmed: 'Confirmed', expired: 'Expired', cancelled: 'Cancelled', refunded: 'Refunded' },
    offered: 'Offered to you',
    event: (id) => `Event ${id}`,
    goneEvent: 'An event that is not listed any more',
    tickets: (quantity) => plural(quantity, 'ticket'),
    item: (quantity, name) => `${quantity} × ${name}`,
    seats: (section, row, numbers) => `${section} · Row ${row} · Seat${numbers.length === 1 ? '' : 's'} ${numbers.join(', ')}`,

    fromOthers: 'Tickets handed to you',
    held: { good: 'Yours', used: 'Used', void: 'Taken back', cancelled: 'Event cancelled' },
    cameToYou: (code) => `The ticket ${code} is yours.`,
    takenBack: (code) => `The ticket ${code} was taken back.`,

    none: 'No bookings yet.',
    signInAgain: 'Sign in again to see your bookings.',
    lastKnown: 'No connection. These are your bookings as last known.',
    noConnection: 'No connection. Your bookings appear as soon as it is back.',

    cancel: 'Cancel',
    cancelBooking: (reference) => `Cancel booking ${reference}`,
    askCancel: 'Cancel this booking?',
    askCancelOf: (reference) => `Cancel booking ${reference}?`,
    cancelMeans: (tickets) => `${tickets === 1 ? 'Its ticket becomes void' : `Its ${tickets} tickets become void`}.`,
    comesBack: (sum, share, keepsFees) => {
      const of = share ? `${share} of the price${keepsFees ? ' without fees' : ''}` : keepsFees ? 'the price without fees' : undefined;
      return `${sum} goes back to you${of ? `: ${of}` : ''}.`;
    },
    whichTickets: 'Tickets to give back',
    cannotPay: 'Paying by card is not set up here. Your tickets are held: please tell the organizer.',
    providerAway: 'The payment service does not answer at the moment. Your tickets are held: please try again.',
    giveBack: (tickets) => `Give back ${plural(tickets, 'ticket')}`,
    isGivenBack: (tickets) => `${plural(tickets, 'ticket')} given back.`,
    nothingBack: 'By the refund policy nothing goes back to you.',
    backByPolicy: 'Money goes back to you as far as the refund policy says.',
    tooLateToCancel: (until) => `It could be cancelled until ${until}.`,
    change: 'Change',
    changeBooking: (reference) => `Change booking ${reference}`,
    keep: 'Keep it',
    yesCancel: 'Yes, cancel it',
    oneMoment: 'One moment …',

    timeLeft: (time) => `${time} left of the hold`,
    paying: 'Paying … Your tickets stay yours meanwhile.',
    unfinished: 'Your payment is not finished. Your tickets are still held: go on with it, or choose another way to pay.',
    declined: 'The card was declined. Your tickets are still held: try another one.',
    payBefore: 'Pay this before the hold ends:',
    pay: (sum) => `Pay ${sum}`,
    payFor: (sum, reference) => `Pay ${sum} for booking ${reference}`,

    offer: (tickets, isPaid, until) => {
      const [came, them] = tickets === 1 ? ['A ticket came free', 'it'] : ['Tickets came free', 'them'];
      return `${came}, and you are next on the waitlist. Take ${them}${isPaid ? ', and pay,' : ''} until ${until}.`;
    },
    takeOffer: (reference) => `Take the offer ${reference}`,
    take: (tickets) => (tickets === 1 ? 'Take it' : 'Take them'),
    declineOffer: (reference) => `Decline the offer ${reference}`,
    decline: 'Decline',

    soonOver: (reference) => `Less than a minute left of the hold ${reference}.`,
    taken: (reference, isPaid) => `The tickets of ${reference} are yours${isPaid ? ' to pay' : ''}.`,
    offerDeclined: 'You declined the offer.',
    isCancelled: (reference) => `Booking ${reference} is cancelled.`,
    paymentDeclined: (reference) => `The payment of ${reference} was declined.`,
    isConfirmed: (reference) => `Booking ${reference} is confirmed.`,
    holdEnded: (reference) => `The hold ${reference} has ended.`,
    isRefunded: (reference) => `Booking ${reference} is refunded.`,

    chooseAgain: 'Your hold ended, choose again.',
    wasCancelled: 'This booking was cancelled.',
    seatsWithdrawn: 'The organizer took these seats off sale.',
    paymentCancelled: 'The payment was cancelled.',

    review: 'Somebody is looking at your payment, and will tell you.',
    owed: 'Your bank did not give us the money, and nothing was taken. Please pay again: otherwise the organizer may cancel the booking.',
    goesBack: (sum) => `${sum} goes back to you.`,
    byPolicy: 'What goes back to you follows the refund policy.',
    tooLate: 'Your payment came too late: it goes back to you.',
    notFinished: 'Your payment is not finished. If your bank takes it, you get these tickets, or your money back: please wait before you choose again.',
    notCharged: 'Nothing was charged.',
  },
  th: {
    status: { pending: 'เก็บไว้ให้คุณ', confirmed: 'ยืนยันแล้ว', expired: 'หมดเวลา', cancelled: 'ยกเลิกแล้ว', refunded: 'คืนเงินแล้ว' },
    offered: 'เสนอให้คุณ',
    event: (id) => `งาน ${id}`,
    goneEvent: 'งานที่ไม่แสดงแล้ว',
    tickets: (quantity) => `${count('th', quantity)} ใบ`,
    item: (quantity, name) => `${count('th', quantity)} × ${name}`,
    seats: (section, row, numbers) => `${section} · แถว ${row} · ที่นั่ง ${numbers.join(', ')}`,

    fromOthers: 'บัตรที่มีผู้โอนให้คุณ',
    held: { good: 'เป็นของคุณ', used: 'ใช้แล้ว', void: 'ถูกยกเลิก', cancelled: 'งานถูกยกเลิก' },
    cameToYou: (code) => `บัตร ${code} เป็นของคุณแล้ว`,
    takenBack: (code) => `บัตร ${code} ถูกยกเลิกแล้ว`,

    none: 'ยังไม่มีการจอง',
    signInAgain: 'เข้าสู่ระบบอีกครั้งเพื่อดูการจองของคุณ',
    lastKnown: 'ไม่มีการเชื่อมต่อ นี่คือการจองของคุณตามที่ทราบล่าสุด',
    noConnection: 'ไม่มีการเชื่อมต่อ การจองของคุณจะปรากฏเมื่อเชื่อมต่อได้',

    cancel: 'ยกเลิก',
    cancelBooking: (reference) => `ยกเลิกการจอง ${reference}`,
    askCancel: 'ยกเลิกการจองนี้หรือไม่',
    askCancelOf: (reference) => `ยกเลิกการจอง ${reference} หรือไม่`,
    cancelMeans: (tickets) => `บัตร ${count('th', tickets)} ใบจะใช้ไม่ได้`,
    comesBack: (sum, share, keepsFees) => {
      const of = share ? `${share} ของราคา${keepsFees ? 'โดยไม่รวมค่าธรรมเนียม' : ''}` : keepsFees ? 'ราคาโดยไม่รวมค่าธรรมเนียม' : undefined;
      return `คืนเงินให้คุณ ${sum}${of ? ` (${of})` : ''}`;
    },
    whichTickets: 'บัตรที่จะคืน',
    cannotPay: 'ที่นี่ยังไม่ได้ตั้งค่าการชำระด้วยบัตร บัตรของคุณยังเก็บไว้ โปรดแจ้งผู้จัดงาน',
    providerAway: 'ระบบชำระเงินไม่ตอบในขณะนี้ บัตรของคุณยังเก็บไว้ โปรดลองอีกครั้ง',
    giveBack: (tickets) => `คืนบัตร ${count('th', tickets)} ใบ`,
    isGivenBack: (tickets) => `คืนบัตร ${count('th', tickets)} ใบแล้ว`,
    nothingBack: 'ตามนโยบายการคืนเงิน จะไม่มีเงินคืน',
    backByPolicy: 'เงินจะคืนให้คุณตามนโยบายการคืนเงิน',
    tooLateToCancel: (until) => `ยกเลิกได้ถึง ${until} เท่านั้น`,
    change: 'เปลี่ยน',
    changeBooking: (reference) => `เปลี่ยนการจอง ${reference}`,
    keep: 'เก็บไว้',
    yesCancel: 'ใช่ ยกเลิก',
    oneMoment: 'รอสักครู่ …',

    timeLeft: (time) => `เหลือเวลา ${time}`,
    paying: 'กำลังชำระเงิน … ระหว่างนี้บัตรยังเป็นของคุณ',
    unfinished: 'การชำระเงินยังไม่เสร็จสิ้น บัตรของคุณยังเก็บไว้ให้: ชำระต่อ หรือเลือกวิธีชำระอื่น',
    declined: 'บัตรชำระเงินถูกปฏิเสธ บัตรเข้างานยังเก็บไว้ให้คุณ โปรดลองใบอื่น',
    payBefore: 'ชำระก่อนหมดเวลา:',
    pay: (sum) => `ชำระ ${sum}`,
    payFor: (sum, reference) => `ชำระ ${sum} สำหรับการจอง ${reference}`,

    offer: (tickets, isPaid, until) =>
      `มีบัตรว่าง ${count('th', tickets)} ใบ และคุณเป็นคนถัดไปในรายการรอ โปรดรับ${isPaid ? 'และชำระเงิน' : ''}ภายใน ${until}`,
    takeOffer: (reference) => `รับข้อเสนอ ${reference}`,
    take: () => 'รับบัตร',
    declineOffer: (reference) => `ปฏิเสธข้อเสนอ ${reference}`,
    decline: 'ปฏิเสธ',

    soonOver: (reference) => `การจอง ${reference} เหลือเวลาไม่ถึงหนึ่งนาที`,
    taken: (reference, isPaid) => `บัตรของ ${reference} เป็นของคุณแล้ว${isPaid ? ' โปรดชำระเงิน' : ''}`,
    offerDeclined: 'คุณปฏิเสธข้อเสนอแล้ว',
    isCancelled: (reference) => `ยกเลิกการจอง ${reference} แล้ว`,
    paymentDeclined: (reference) => `การชำระเงินของ ${reference} ถูกปฏิเสธ`,
    isConfirmed: (reference) => `ยืนยันการจอง ${reference} แล้ว`,
    holdEnded: (reference) => `การจอง ${reference} หมดเวลาแล้ว`,
    isRefunded: (reference) => `คืนเงินการจอง ${reference} แล้ว`,

    chooseAgain: 'หมดเวลาที่เก็บไว้ให้ โปรดเลือกใหม่',
    wasCancelled: 'การจองนี้ถูกยกเลิก',
    seatsWithdrawn: 'ผู้จัดงานนำที่นั่งเหล่านี้ออกจากการขาย',
    paymentCancelled: 'การชำระเงินถูกยกเลิก',

    review: 'มีเจ้าหน้าที่กำลังตรวจสอบการชำระเงินของคุณ และจะแจ้งให้ทราบ',
    owed: 'ธนาคารของคุณไม่ได้ส่งเงินให้เรา จึงยังไม่มีการหักเงิน โปรดชำระอีกครั้ง มิฉะนั้นผู้จัดงานอาจยกเลิกการจอง',
    goesBack: (sum) => `${sum} จะคืนให้คุณ`,
    byPolicy: 'จำนวนเงินที่คืนเป็นไปตามนโยบายการคืนเงิน',
    tooLate: 'การชำระเงินมาช้าเกินไป เงินจะคืนให้คุณ',
    notFinished: 'การชำระเงินยังไม่เสร็จสิ้น หากธนาคารเก็บเงิน คุณจะได้รับบัตรนี้หรือได้รับเงินคืน โปรดรอก่อนเลือกใหม่',
    notCharged: 'ไม่มีการเก็บเงิน',
  },
  fa: {
    status: { pending: 'برای شما نگه داشته شده', confirmed: 'تأیید شده', expired: 'پایان‌یافته', cancelled: 'لغو شده', refunded: 'بازپرداخت شده' },
    offered: 'پیشنهاد به شما',
    event: (id) => `رویداد ${id}`,
    goneEvent: 'رویدادی که دیگر فهرست نمی‌شود',
    tickets: (quantity) => `${count('fa', quantity)} بلیت`,
    item: (quantity, name) => `${count('fa', quantity)} × ${name}`,
    seats: (section, row, numbers) => `${section} · ردیف ${row} · صندلی ${numbers.join('، ')}`,

    fromOthers: 'بلیت‌هایی که به شما واگذار شده‌اند',
    held: { good: 'از آنِ شما', used: 'استفاده شده', void: 'باطل شده', cancelled: 'رویداد لغو شده' },
    cameToYou: (code) => `بلیت ${code} از آنِ شماست.`,
    takenBack: (code) => `بلیت ${code} باطل شد.`,

    none: 'هنوز رزروی نیست.',
    signInAgain: 'برای دیدن رزروهایتان دوباره وارد شوید.',
    lastKnown: 'اتصالی نیست. رزروهایتان را چنان که آخرین بار دیده شدند می‌بینید.',
    noConnection: 'اتصالی نیست. با بازگشت آن رزروهایتان دیده می‌شوند.',

    cancel: 'لغو',
    cancelBooking: (reference) => `لغو رزرو ${reference}`,
    askCancel: 'این رزرو لغو شود؟',
    askCancelOf: (reference) => `رزرو ${reference} لغو شود؟`,
    cancelMeans: (tickets) => `${count('fa', tickets)} بلیت آن باطل می‌شود.`,
    comesBack: (sum, share, keepsFees) => {
      const of = share ? `${share} از قیمت${keepsFees ? ' بدون کارمزد' : ''}` : keepsFees ? 'قیمت بدون کارمزد' : undefined;
      return `${sum} به شما برمی‌گردد${of ? ` (${of})` : ''}.`;
    },
    whichTickets: 'بلیت‌هایی که پس می‌دهید',
    cannotPay: 'پرداخت با کارت اینجا برپا نشده است. بلیت‌هایتان نگه داشته شده‌اند: لطفاً به برگزارکننده خبر دهید.',
    providerAway: 'سامانهٔ پرداخت اکنون پاسخ نمی‌دهد. بلیت‌هایتان نگه داشته شده‌اند: لطفاً دوباره بکوشید.',
    giveBack: (tickets) => `پس دادن ${count('fa', tickets)} بلیت`,
    isGivenBack: (tickets) => `${count('fa', tickets)} بلیت پس داده شد.`,
    nothingBack: 'بر پایهٔ شرایط بازپرداخت چیزی به شما برنمی‌گردد.',
    backByPolicy: 'پول شما به اندازه‌ای که شرایط بازپرداخت می‌گوید برمی‌گردد.',
    tooLateToCancel: (until) => `تا ${until} می‌شد آن را لغو کرد.`,
    change: 'تغییر',
    changeBooking: (reference) => `تغییر رزرو ${reference}`,
    keep: 'بماند',
    yesCancel: 'بله، لغو شود',
    oneMoment: 'یک لحظه …',

    timeLeft: (time) => `${time} تا پایان مهلت`,
    paying: 'در حال پرداخت … بلیت‌ها در این میان از آنِ شما می‌مانند.',
    unfinished: 'پرداخت شما به پایان نرسیده است. بلیت‌ها همچنان برای شما نگه داشته شده‌اند: ادامه دهید، یا راه دیگری برای پرداخت برگزینید.',
    declined: 'کارت پذیرفته نشد. بلیت‌ها همچنان برای شما نگه داشته شده‌اند: کارت دیگری بیازمایید.',
    payBefore: 'پیش از پایان مهلت بپردازید:',
    pay: (sum) => `پرداخت ${sum}`,
    payFor: (sum, reference) => `پرداخت ${sum} برای رزرو ${reference}`,

    offer: (tickets, isPaid, until) =>
      `${count('fa', tickets)} بلیت آزاد شد و نوبت شما در فهرست انتظار است. تا ${until} بگیرید${isPaid ? ' و بپردازید' : ''}.`,
    takeOffer: (reference) => `گرفتن پیشنهاد ${reference}`,
    take: () => 'می‌گیرم',
    declineOffer: (reference) => `رد پیشنهاد ${reference}`,
    decline: 'نمی‌خواهم',

    soonOver: (reference) => `کمتر از یک دقیقه تا پایان مهلت ${reference} مانده است.`,
    taken: (reference, isPaid) => `بلیت‌های ${reference} از آنِ شماست${isPaid ? '؛ آن‌ها را بپردازید' : ''}.`,
    offerDeclined: 'پیشنهاد را رد کردید.',
    isCancelled: (reference) => `رزرو ${reference} لغو شد.`,
    paymentDeclined: (reference) => `پرداخت ${reference} پذیرفته نشد.`,
    isConfirmed: (reference) => `رزرو ${reference} تأیید شد.`,
    holdEnded: (reference) => `مهلت ${reference} پایان یافت.`,
    isRefunded: (reference) => `رزرو ${reference} بازپرداخت شد.`,

    chooseAgain: 'مهلت شما پایان یافت، دوباره انتخاب کنید.',
    wasCancelled: 'این رزرو لغو شد.',
    seatsWithdrawn: 'برگزارکننده این صندلی‌ها را از فروش خارج کرد.',
    paymentCancelled: 'پرداخت لغو شد.',

    review: 'کسی پرداخت شما را بررسی می‌کند و به شما خبر می‌دهد.',
    owed: 'بانک شما پول را به ما نداد و چیزی برداشت نشده است. لطفاً دوباره بپردازید، وگرنه برگزارکننده ممکن است رزرو را لغو کند.',
    goesBack: (sum) => `${sum} به شما برمی‌گردد.`,
    byPolicy: 'آنچه برمی‌گردد بر پایهٔ شرایط بازپرداخت است.',
    tooLate: 'پرداخت شما دیر رسید: به شما برمی‌گردد.',
    notFinished: 'پرداخت شما به پایان نرسیده است. اگر بانک آن را بردارد، همین بلیت‌ها یا پولتان به شما می‌رسد: لطفاً پیش از انتخاب دوباره صبر کنید.',
    notCharged: 'چیزی برداشته نشد.',
  },
};
