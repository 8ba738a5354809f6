/** Words for the buyer, by a refusal's code. Pages may load them after the first sight: until then the server's have to do. */
import type { Refusal } from '../../sdk/index.ts';
import { count, plural, sum } from './format.ts';
import type { Language, Translations } from './language.ts';
import { isMoney, useRefusalWords } from './refusals.ts';

const english = {
  SOLD_OUT: () => 'Somebody was faster: there are not that many tickets left.',
  NOT_ENOUGH_LEFT: (refusal: Refusal) => `Somebody was faster: only ${plural(numberIn(refusal, 'left'), 'ticket')} left.`,
  TICKET_TYPE_SOLD_OUT: () => 'Somebody was faster: there are not that many tickets of this type left.',
  EVENT_AT_CAPACITY: () => 'The event has no room for that many people any more.',
  SEAT_TAKEN: () => 'Somebody was faster: a seat that you chose has just been taken.',
  NO_ADJACENT_SEATS: () => 'There are not that many seats side by side any more.',
  BOOKED_BEFORE: () => 'What you chose before was booked after all. Look at it before you book more.',
  PENDING_BOOKING_EXISTS: () => 'You already hold tickets for this event. Cancel those first to choose others.',
  PRICE_CHANGED: () => 'The price has changed since you chose. Look at the new total, and book again if it suits you.',
  SALES_NOT_STARTED: () => 'Sales have not started yet.',
  SALES_CLOSED: () => 'Sales are closed.',
  MEMBERSHIP_REQUIRED: () => 'These tickets are for members only.',
  ACCOUNT_REQUIRED: () => 'Please sign in to book these tickets.',
  EMAIL_PROOF_REQUIRED: () => 'These tickets ask for a code from your mail. Have one sent, and type it: the code was missing, wrong or too old.',
  NO_MAIL: () => 'No mails can be sent here at the moment.',
  HOLDS_EXCEEDED: (refusal: Refusal) =>
    isOfHolds(refusal) ? 'You hold as much of this event as one person may at once. Pay for it or cancel it first.' : 'You have as many tickets of this event as one person may have.',
  EVENT_CANCELLED: () => 'This event was cancelled.',
  LIMIT_EXCEEDED: (refusal: Refusal) => `At most ${plural(numberIn(refusal, 'max'), 'ticket')} per booking.`,
  VOUCHER_NOT_FOUND: (refusal: Refusal) => `There is no voucher${voucherOf(refusal)} for this event.`,
  VOUCHER_USED_UP: (refusal: Refusal) => `The voucher${voucherOf(refusal)} is used up.`,
  VOUCHER_NOT_STARTED: (refusal: Refusal) => `The voucher${voucherOf(refusal)} is not valid yet.`,
  VOUCHER_ENDED: (refusal: Refusal) => `The voucher${voucherOf(refusal)} is no longer valid.`,
  VOUCHER_NOT_APPLICABLE: (refusal: Refusal) => `The voucher${voucherOf(refusal)} is not for the tickets that you chose.`,
  BELOW_MINIMUM_CHARGE: ({ data }: Refusal) =>
    `This is less than can be paid by card${isMoney(data['minimum']) ? `: ${sum('en', data['minimum'])} at least` : ''}.`,
  NOT_SOLD_OUT: () => 'There are tickets left: choose them above.',
  ALREADY_WAITING: () => 'You are on the waitlist already.',
  NO_OFFER: () => 'The offer is over: the tickets went to the next in line.',
  INVITATION_EXPIRED: () => 'This invitation was accepted already, was withdrawn, or has ended. Ask for another one.',
  TRANSFER_NOT_FOUND: () => 'This link is of no offer: the ticket was kept, or went to somebody else.',
  TICKET_NOT_VALID: () => 'This ticket was used or taken back meanwhile.',
  TRANSFER_PENDING: () => 'This ticket is offered to somebody already. Withdraw that first.',
  TRANSFERS_CLOSED: () => 'The event has begun: tickets are handed on no more.',
  NO_ADDRESS: () => 'This booking was made without an e-mail address.',
  TICKET_VOID: () => 'This ticket is not valid any more.',
  TICKET_REPLACED: () => 'This ticket was handed on.',
  INVALID_TRANSITION: (refusal: Refusal) =>
    isUsed(refusal) ? 'One of its tickets was used: the booking cannot be cancelled any more.' : 'This booking has ended already.',
};

type KnownCode = keyof typeof english;

/** For codes that are not here, the server's message is shown. */
export const REFUSALS: Translations<Readonly<Record<KnownCode, (refusal: Refusal) => string>>> = {
  en: english,
  th: {
    SOLD_OUT: () => 'มีคนจองไปก่อนแล้ว บัตรที่เหลือไม่พอ',
    NOT_ENOUGH_LEFT: (refusal) => `มีคนจองไปก่อนแล้ว เหลือบัตรเพียง ${count('th', numberIn(refusal, 'left'))} ใบ`,
    TICKET_TYPE_SOLD_OUT: () => 'มีคนจองไปก่อนแล้ว บัตรประเภทนี้เหลือไม่พอ',
    EVENT_AT_CAPACITY: () => 'งานนี้ไม่มีที่ว่างสำหรับจำนวนคนเท่านี้แล้ว',
    SEAT_TAKEN: () => 'มีคนจองไปก่อนแล้ว ที่นั่งที่คุณเลือกเพิ่งถูกจอง',
    NO_ADJACENT_SEATS: () => 'ไม่มีที่นั่งติดกันจำนวนเท่านี้แล้ว',
    BOOKED_BEFORE: () => 'รายการที่เลือกก่อนหน้านี้จองสำเร็จแล้ว ดูรายการนั้นก่อนจองเพิ่ม',
    PENDING_BOOKING_EXISTS: () => 'คุณมีบัตรของงานนี้ที่จองไว้แล้ว ยกเลิกรายการนั้นก่อนจึงจะเลือกใหม่ได้',
    PRICE_CHANGED: () => 'ราคาเปลี่ยนไปหลังจากที่คุณเลือก โปรดดูยอดรวมใหม่ แล้วจองอีกครั้งหากต้องการ',
    SALES_NOT_STARTED: () => 'ยังไม่เปิดขาย',
    SALES_CLOSED: () => 'ปิดการขายแล้ว',
    MEMBERSHIP_REQUIRED: () => 'บัตรเหล่านี้สำหรับสมาชิกเท่านั้น',
    ACCOUNT_REQUIRED: () => 'โปรดเข้าสู่ระบบเพื่อจองบัตรเหล่านี้',
    EMAIL_PROOF_REQUIRED: () => 'บัตรเหล่านี้ต้องใช้รหัสจากอีเมลของคุณ ขอรับรหัสแล้วกรอกลงไป รหัสที่ให้มาไม่มี ไม่ถูกต้อง หรือหมดอายุ',
    NO_MAIL: () => 'ขณะนี้ไม่สามารถส่งอีเมลได้',
    HOLDS_EXCEEDED: (refusal) => (isOfHolds(refusal) ? 'คุณจองค้างไว้ครบจำนวนที่ทำได้พร้อมกันแล้ว โปรดชำระเงินหรือยกเลิกก่อน' : 'คุณมีบัตรของงานนี้ครบจำนวนที่หนึ่งคนมีได้แล้ว'),
    EVENT_CANCELLED: () => 'งานนี้ถูกยกเลิกแล้ว',
    LIMIT_EXCEEDED: (refusal) => `จองได้ไม่เกิน ${count('th', numberIn(refusal, 'max'))} ใบต่อครั้ง`,
    VOUCHER_NOT_FOUND: (refusal) => `ไม่มีบัตรกำนัล${voucherOf(refusal)} สำหรับงานนี้`,
    VOUCHER_USED_UP: (refusal) => `บัตรกำนัล${voucherOf(refusal)} ถูกใช้หมดแล้ว`,
    VOUCHER_NOT_STARTED: (refusal) => `บัตรกำนัล${voucherOf(refusal)} ยังใช้ไม่ได้`,
    VOUCHER_ENDED: (refusal) => `บัตรกำนัล${voucherOf(refusal)} หมดอายุแล้ว`,
    VOUCHER_NOT_APPLICABLE: (refusal) => `บัตรกำนัล${voucherOf(refusal)} ใช้กับบัตรที่คุณเลือกไม่ได้`,
    BELOW_MINIMUM_CHARGE: ({ data }) =>
      `ยอดนี้น้อยกว่าที่ชำระด้วยบัตรได้${isMoney(data['minimum']) ? ` ขั้นต่ำ ${sum('th', data['minimum'])}` : ''}`,
    NOT_SOLD_OUT: () => 'ยังมีบัตรเหลือ เลือกได้ด้านบน',
    ALREADY_WAITING: () => 'คุณอยู่ในรายการรอแล้ว',
    NO_OFFER: () => 'ข้อเสนอหมดเวลาแล้ว บัตรถูกส่งต่อให้คนถัดไป',
    INVITATION_EXPIRED: () => 'คำเชิญนี้ถูกตอบรับแล้ว ถูกถอน หรือหมดอายุ โปรดขอคำเชิญใหม่',
    TRANSFER_NOT_FOUND: () => 'ลิงก์นี้ไม่มีข้อเสนอแล้ว เจ้าของเก็บบัตรไว้หรือโอนให้คนอื่น',
    TICKET_NOT_VALID: () => 'บัตรนี้ถูกใช้หรือถูกเรียกคืนไปแล้ว',
    TRANSFER_PENDING: () => 'บัตรนี้เสนอให้คนอื่นอยู่แล้ว โปรดถอนข้อเสนอนั้นก่อน',
    TRANSFERS_CLOSED: () => 'งานเริ่มแล้ว จึงโอนบัตรไม่ได้',
    NO_ADDRESS: () => 'การจองนี้ไม่มีที่อยู่อีเมล',
    TICKET_VOID: () => 'บัตรนี้ใช้ไม่ได้แล้ว',
    TICKET_REPLACED: () => 'บัตรนี้ถูกโอนไปแล้ว',
    INVALID_TRANSITION: (refusal) => (isUsed(refusal) ? 'มีบัตรที่ใช้ไปแล้ว จึงยกเลิกการจองไม่ได้' : 'การจองนี้สิ้นสุดไปแล้ว'),
  },
  fa: {
    SOLD_OUT: () => 'کسی زودتر بود: این تعداد بلیت باقی نمانده است.',
    NOT_ENOUGH_LEFT: (refusal) => `کسی زودتر بود: تنها ${count('fa', numberIn(refusal, 'left'))} بلیت باقی مانده است.`,
    TICKET_TYPE_SOLD_OUT: () => 'کسی زودتر بود: از این نوع بلیت این تعداد باقی نمانده است.',
    EVENT_AT_CAPACITY: () => 'این رویداد دیگر برای این تعداد جا ندارد.',
    SEAT_TAKEN: () => 'کسی زودتر بود: صندلی‌ای که انتخاب کردید همین حالا گرفته شد.',
    NO_ADJACENT_SEATS: () => 'دیگر این تعداد صندلی کنار هم وجود ندارد.',
    BOOKED_BEFORE: () => 'آنچه پیش‌تر برگزیده بودید رزرو شده است. پیش از رزرو بیشتر آن را ببینید.',
    PENDING_BOOKING_EXISTS: () => 'برای این رویداد بلیت‌هایی در اختیار دارید. برای انتخاب دوباره نخست آن‌ها را لغو کنید.',
    PRICE_CHANGED: () => 'قیمت پس از انتخاب شما تغییر کرده است. جمع تازه را ببینید و اگر مناسب است دوباره رزرو کنید.',
    SALES_NOT_STARTED: () => 'فروش هنوز آغاز نشده است.',
    SALES_CLOSED: () => 'فروش پایان یافته است.',
    MEMBERSHIP_REQUIRED: () => 'این بلیت‌ها تنها برای اعضا هستند.',
    ACCOUNT_REQUIRED: () => 'برای رزرو این بلیت‌ها وارد شوید.',
    EMAIL_PROOF_REQUIRED: () => 'این بلیت‌ها کدی از ایمیل شما می‌خواهند. کد بخواهید و وارد کنید: کد نبود، نادرست بود یا کهنه شده بود.',
    NO_MAIL: () => 'اکنون از اینجا ایمیلی فرستاده نمی‌شود.',
    HOLDS_EXCEEDED: (refusal) =>
      isOfHolds(refusal) ? 'به اندازه‌ای که هم‌زمان ممکن است نگه داشته‌اید. نخست بپردازید یا لغو کنید.' : 'به اندازه‌ای که هر نفر می‌تواند، بلیت این رویداد را دارید.',
    EVENT_CANCELLED: () => 'این رویداد لغو شده است.',
    LIMIT_EXCEEDED: (refusal) => `در هر رزرو حداکثر ${count('fa', numberIn(refusal, 'max'))} بلیت.`,
    VOUCHER_NOT_FOUND: (refusal) => `کد تخفیف${voucherOf(refusal)} برای این رویداد وجود ندارد.`,
    VOUCHER_USED_UP: (refusal) => `کد تخفیف${voucherOf(refusal)} تمام شده است.`,
    VOUCHER_NOT_STARTED: (refusal) => `کد تخفیف${voucherOf(refusal)} هنوز معتبر نیست.`,
    VOUCHER_ENDED: (refusal) => `کد تخفیف${voucherOf(refusal)} دیگر معتبر نیست.`,
    VOUCHER_NOT_APPLICABLE: (refusal) => `کد تخفیف${voucherOf(refusal)} برای بلیت‌هایی که انتخاب کردید نیست.`,
    BELOW_MINIMUM_CHARGE: ({ data }) =>
      `این مبلغ کمتر از آن است که با کارت پرداخت شود${isMoney(data['minimum']) ? `: دست‌کم ${sum('fa', data['minimum'])}` : ''}.`,
    NOT_SOLD_OUT: () => 'بلیت باقی مانده است: از بالا انتخاب کنید.',
    ALREADY_WAITING: () => 'در فهرست انتظار هستید.',
    NO_OFFER: () => 'مهلت پیشنهاد گذشت: بلیت‌ها به نفر بعدی رسید.',
    INVITATION_EXPIRED: () => 'این دعوت پذیرفته شده، پس گرفته شده یا پایان یافته است. دعوت دیگری بخواهید.',
    TRANSFER_NOT_FOUND: () => 'این پیوند پیشنهادی ندارد: بلیت نزد صاحبش ماند یا به کس دیگری رسید.',
    TICKET_NOT_VALID: () => 'این بلیت در این میان استفاده یا پس گرفته شده است.',
    TRANSFER_PENDING: () => 'این بلیت به کس دیگری پیشنهاد شده است. نخست آن پیشنهاد را پس بگیرید.',
    TRANSFERS_CLOSED: () => 'رویداد آغاز شده است: بلیت‌ها دیگر واگذار نمی‌شوند.',
    NO_ADDRESS: () => 'این رزرو نشانی ایمیل ندارد.',
    TICKET_VOID: () => 'این بلیت دیگر معتبر نیست.',
    TICKET_REPLACED: () => 'این بلیت واگذار شده است.',
    INVALID_TRANSITION: (refusal) =>
      isUsed(refusal) ? 'یکی از بلیت‌ها استفاده شده است: رزرو دیگر لغو نمی‌شود.' : 'این رزرو پایان یافته است.',
  },
};

function numberIn({ data }: Refusal, name: string): number {
  return Number(data[name] ?? 0);
}

/** Not of tickets, but of bookings that are not paid yet. */
function isOfHolds({ data }: Refusal): boolean {
  return data['of'] === 'pending_bookings';
}

/** A ticket of the booking was used. */
function isUsed({ data }: Refusal): boolean {
  return data['used'] === true;
}

/** ` SUMMER`, where the refusal says which it was. */
function voucherOf({ data }: Refusal): string {
  return typeof data['voucher'] === 'string' ? ` ${data['voucher']}` : '';
}

/** Names of the fields that people fill in, as forms have them. */
export const FIELDS = {
  en: { email: 'E-mail', name: 'Name', password: 'Password', reference: 'Reference' },
  th: { email: 'อีเมล', name: 'ชื่อ', password: 'รหัสผ่าน', reference: 'หมายเลขอ้างอิง' },
  fa: { email: 'ایمیل', name: 'نام', password: 'گذرواژه', reference: 'کد پیگیری' },
};

/** The fault of the first field that the server did not take: its words go on where the field's name ends. */
function faultOf(fields: Readonly<Record<string, string>>): (refusal: Refusal) => string {
  return ({ data, message: said }) => {
    const [{ field, message } = {}] = (data['errors'] ?? []) as { field?: string; message?: string }[];
    const name = fields[field?.split('.').at(-1) ?? ''];
    return name && message ? `${name}: ${message}` : (message ?? said);
  };
}

const withFaults = (language: Language): Readonly<Record<string, (refusal: Refusal) => string>> => ({ ...REFUSALS[language], VALIDATION_FAILED: faultOf(FIELDS[language]) });

useRefusalWords({ en: withFaults('en'), th: withFaults('th'), fa: withFaults('fa') });
