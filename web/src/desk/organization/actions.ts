/** What people with rights did, in words, by the route that did it. One that is missing here is shown as its route. */
import type { Language } from '../../elements/internal/language.ts';

/** In the order English, Thai, Persian. */
const ACTIONS: Readonly<Record<string, readonly [string, string, string]>> = {
  broadcast: ['Sent a message to a page', 'ส่งข้อความถึงหน้า', 'پیامی به صفحه فرستاد'],
  // Events, and how they are sold
  'POST /events': ['Made an event', 'สร้างงาน', 'رویدادی ساخت'],
  'PATCH /events/{event_id}': ['Changed an event', 'แก้ไขงาน', 'رویداد را تغییر داد'],
  'PUT /events/{event_id}': ['Changed an event', 'แก้ไขงาน', 'رویداد را تغییر داد'],
  'DELETE /events/{event_id}': ['Deleted an event', 'ลบงาน', 'رویداد را پاک کرد'],
  'POST /events/{event_id}/cancel': ['Cancelled an event', 'ยกเลิกงาน', 'رویداد را لغو کرد'],
  'POST /events/{event_id}/complete': ['Ended an event', 'ปิดงาน', 'رویداد را پایان داد'],
  'POST /events/{event_id}/pause': ['Paused the sale', 'หยุดขายชั่วคราว', 'فروش را نگه داشت'],
  'POST /events/{event_id}/resume': ['Resumed the sale', 'เปิดขายต่อ', 'فروش را از سر گرفت'],
  'POST /events/{event_id}/ticket-types': ['Added a ticket type', 'เพิ่มประเภทบัตร', 'نوع بلیت افزود'],
  'PATCH /events/{event_id}/ticket-types/{ticket_type_id}': ['Changed a ticket type', 'แก้ไขประเภทบัตร', 'نوع بلیت را تغییر داد'],
  'DELETE /events/{event_id}/ticket-types/{ticket_type_id}': ['Deleted a ticket type', 'ลบประเภทบัตร', 'نوع بلیت را پاک کرد'],
  'PUT /events/{event_id}/seatmap': ['Replaced the seat map', 'เปลี่ยนผังที่นั่ง', 'نقشهٔ صندلی‌ها را عوض کرد'],
  'PATCH /events/{event_id}/seats': ['Changed seats', 'แก้ไขที่นั่ง', 'صندلی‌ها را تغییر داد'],
  'POST /events/{event_id}/fees': ['Added a fee', 'เพิ่มค่าธรรมเนียม', 'کارمزد افزود'],
  'PATCH /events/{event_id}/fees/{fee_id}': ['Changed a fee', 'แก้ไขค่าธรรมเนียม', 'کارمزد را تغییر داد'],
  'DELETE /events/{event_id}/fees/{fee_id}': ['Deleted a fee', 'ลบค่าธรรมเนียม', 'کارمزد را پاک کرد'],
  'POST /events/{event_id}/taxes': ['Added a tax', 'เพิ่มภาษี', 'مالیات افزود'],
  'PATCH /events/{event_id}/taxes/{tax_id}': ['Changed a tax', 'แก้ไขภาษี', 'مالیات را تغییر داد'],
  'DELETE /events/{event_id}/taxes/{tax_id}': ['Deleted a tax', 'ลบภาษี', 'مالیات را پاک کرد'],
  'POST /events/{event_id}/vouchers': ['Added a voucher', 'เพิ่มบัตรส่วนลด', 'کد تخفیف افزود'],
  'PATCH /events/{event_id}/vouchers/{voucher_id}': ['Changed a voucher', 'แก้ไขบัตรส่วนลด', 'کد تخفیف را تغییر داد'],
  'DELETE /events/{event_id}/vouchers/{voucher_id}': ['Deleted a voucher', 'ลบบัตรส่วนลด', 'کد تخفیف را پاک کرد'],
  'POST /events/{event_id}/notices': ['Published a notice', 'ลงประกาศ', 'اطلاعیه‌ای گذاشت'],
  'DELETE /events/{event_id}/notices/{notice_id}': ['Took a notice back', 'ถอนประกาศ', 'اطلاعیه‌ای را برداشت'],
  'PUT /events/{event_id}/payment-terms': ['Changed the terms of payment', 'แก้ไขเงื่อนไขการชำระ', 'شرایط پرداخت را تغییر داد'],
  'PUT /events/{event_id}/refund-policy': ['Changed the rules of refunds', 'แก้ไขกติกาการคืนเงิน', 'قواعد بازپرداخت را تغییر داد'],
  'POST /events/{event_id}/waitlist': ['Joined a waitlist', 'เข้ารายการรอ', 'به فهرست انتظار پیوست'],
  // Bookings, tickets, money
  'POST /bookings': ['Booked', 'จอง', 'رزرو کرد'],
  'POST /bookings/bulk': ['Worked on many bookings', 'จัดการหลายการจอง', 'روی چند رزرو کار کرد'],
  'PATCH /bookings/{id}': ['Changed a booking', 'แก้ไขการจอง', 'رزرو را تغییر داد'],
  'PUT /bookings/{id}/status': ['Changed a booking’s status', 'เปลี่ยนสถานะการจอง', 'وضعیت رزرو را تغییر داد'],
  'POST /bookings/{id}/payment': ['Began a payment', 'เริ่มการชำระเงิน', 'پرداختی آغاز کرد'],
  'POST /bookings/{id}/refunds': ['Gave money back', 'คืนเงิน', 'پول پس داد'],
  'POST /bookings/{id}/resend': ['Had tickets mailed again', 'ส่งบัตรอีกครั้ง', 'بلیت‌ها را دوباره فرستاد'],
  'POST /payments/{id}/review': ['Decided about a payment', 'ตัดสินเรื่องการชำระเงิน', 'دربارهٔ پرداختی تصمیم گرفت'],
  'POST /tickets/{code}/transfer': ['Offered a ticket to somebody', 'เสนอบัตรให้ผู้อื่น', 'بلیتی را به کسی پیشنهاد داد'],
  'DELETE /tickets/{code}/transfer': ['Took an offered ticket back', 'เรียกคืนบัตรที่เสนอ', 'بلیت پیشنهادشده را پس گرفت'],
  'POST /checkins': ['Let somebody in', 'ให้เข้างาน', 'کسی را راه داد'],
  'POST /checkins/batch': ['Let people in', 'ให้เข้างานหลายคน', 'چند نفر را راه داد'],
  'POST /checkins/{checkin_id}/undo': ['Undid a check-in', 'ยกเลิกการเช็กอิน', 'یک ورود را برگرداند'],
  'DELETE /waitlist/{waiting_id}': ['Took somebody off a waitlist', 'นำออกจากรายการรอ', 'کسی را از فهرست انتظار برداشت'],
  'POST /waitlist/{waiting_id}/accept': ['Accepted an offer of the waitlist', 'รับข้อเสนอจากรายการรอ', 'پیشنهاد فهرست انتظار را پذیرفت'],
  'POST /waitlist/{waiting_id}/decline': ['Declined an offer of the waitlist', 'ปฏิเสธข้อเสนอจากรายการรอ', 'پیشنهاد فهرست انتظار را رد کرد'],
  'POST /jobs/{job_id}/retry': ['Had work tried again', 'ให้ลองงานอีกครั้ง', 'خواست کاری دوباره انجام شود'],
  'POST /jobs/{job_id}/drop': ['Dropped work', 'ทิ้งงาน', 'کاری را کنار گذاشت'],
  'job given up': ['Work that nobody decided about was given up', 'เลิกทำงานที่ไม่มีใครตัดสิน', 'کاری که کسی درباره‌اش تصمیم نگرفت رها شد'],
  // People and programs
  'POST /organizations/{organization_id}/members': ['Invited somebody', 'เชิญคน', 'کسی را دعوت کرد'],
  'PUT /organizations/{organization_id}/members/{user_id}': ['Changed somebody’s role', 'เปลี่ยนบทบาท', 'نقش کسی را تغییر داد'],
  'DELETE /organizations/{organization_id}/members/{user_id}': ['Removed somebody', 'นำคนออก', 'کسی را برداشت'],
  'DELETE /organizations/{organization_id}/invitations/{invitation_id}': ['Withdrew an invitation', 'ถอนคำเชิญ', 'دعوتی را پس گرفت'],
  'POST /invitations/accept': ['Accepted an invitation', 'ตอบรับคำเชิญ', 'دعوتی را پذیرفت'],
  'POST /organizations/{organization_id}/api-keys': ['Made an API key', 'สร้างคีย์ API', 'کلید API ساخت'],
  'DELETE /organizations/{organization_id}/api-keys/{api_key_id}': ['Revoked an API key', 'เพิกถอนคีย์ API', 'کلید API را باطل کرد'],
  'POST /organizations/{organization_id}/taxes': ['Added a tax of the organization', 'เพิ่มภาษีขององค์กร', 'مالیات سازمان افزود'],
  'PATCH /organizations/{organization_id}/taxes/{tax_id}': ['Changed a tax of the organization', 'แก้ไขภาษีขององค์กร', 'مالیات سازمان را تغییر داد'],
  'DELETE /organizations/{organization_id}/taxes/{tax_id}': ['Deleted a tax of the organization', 'ลบภาษีขององค์กร', 'مالیات سازمان را پاک کرد'],
  'PATCH /users/{user_id}': ['Changed somebody’s role, or shut or opened an account', 'เปลี่ยนบทบาท หรือปิดหรือเปิดบัญชี', 'نقش کسی را تغییر داد، یا حسابی را بست یا باز کرد'],
  'POST /users/{user_id}/memberships': ['Made somebody a member', 'ให้เป็นสมาชิก', 'کسی را عضو کرد'],
  'PUT /users/{user_id}/memberships/{membership_id}': ['Changed a membership', 'แก้ไขการเป็นสมาชิก', 'عضویت را تغییر داد'],
  'DELETE /users/{user_id}/memberships/{membership_id}': ['Ended a membership', 'สิ้นสุดการเป็นสมาชิก', 'عضویت را پایان داد'],
};

/** What it was done to, by the part before the colon. */
const OBJECTS: Readonly<Record<string, readonly [string, string, string]>> = {
  event: ['Event', 'งาน', 'رویداد'],
  booking: ['Booking', 'การจอง', 'رزرو'],
  payment: ['Payment', 'การชำระเงิน', 'پرداخت'],
  waiting: ['Waitlist entry', 'รายการรอ', 'نوبت انتظار'],
  refund: ['Refund', 'การคืนเงิน', 'بازپرداخت'],
  tax: ['Tax', 'ภาษี', 'مالیات'],
  job: ['Work', 'งานระบบ', 'کار'],
  user: ['User', 'ผู้ใช้', 'کاربر'],
  invitation: ['Invitation', 'คำเชิญ', 'دعوت'],
  organization: ['Organization', 'องค์กร', 'سازمان'],
  'api-key': ['API key', 'คีย์ API', 'کلید API'],
};

const PLACES: Readonly<Record<Language, number>> = { en: 0, th: 1, fa: 2 };

/** `undefined`: there are no words for it. */
export function actionWords(language: Language, action: string): string | undefined {
  return Object.hasOwn(ACTIONS, action) ? ACTIONS[action]?.[PLACES[language]] : undefined;
}

/** `undefined`: there are no words for it. */
export function objectWords(language: Language, kind: string): string | undefined {
  return Object.hasOwn(OBJECTS, kind) ? OBJECTS[kind]?.[PLACES[language]] : undefined;
}
