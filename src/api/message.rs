//! Texts that people read, in their language: one table for everything the REST side says.
//!
//! Keys of errors are the stable codes of the wire. Keys of good answers never leave the server.

use crate::lang::Lang;

/// The sentence for `key`; the key itself where the table lacks it.
pub fn text(key: &'static str, lang: Lang) -> &'static str {
    match TABLE.binary_search_by_key(&key, |row| row.0) {
        Ok(row) => match lang {
            Lang::En => TABLE[row].1,
            Lang::Th => TABLE[row].2,
            Lang::Fa => TABLE[row].3,
        },
        Err(_) => key,
    }
}

/// (key, English, Thai, Persian), sorted by key. `{}` is filled with the bound of a field's error.
#[rustfmt::skip]
const TABLE: &[(&str, &str, &str, &str)] = &[
    ("ACCOUNT_REQUIRED", "Please sign in to book this ticket", "โปรดเข้าสู่ระบบเพื่อจองบัตรนี้", "برای رزرو این بلیت وارد حساب خود شوید"),
    ("AFTER_STARTS_AT", "must not be after starts_at", "ต้องไม่อยู่หลัง starts_at", "نباید پس از starts_at باشد"),
    ("ALREADY_USED", "This ticket was used before", "บัตรนี้ถูกใช้แล้ว", "این بلیت پیش‌تر استفاده شده است"),
    ("ALREADY_WAITING", "You are on the waitlist of this event", "คุณอยู่ในรายชื่อรอของงานนี้แล้ว", "شما در فهرست انتظار این رویداد هستید"),
    ("ANALYTICS", "Numbers retrieved", "ดึงข้อมูลตัวเลขแล้ว", "آمار دریافت شد"),
    ("API_KEYS", "API keys retrieved", "ดึงรายการคีย์ API แล้ว", "کلیدهای API دریافت شدند"),
    ("API_KEY_CREATED", "API key created; it is shown only now", "สร้างคีย์ API แล้ว คีย์จะแสดงเพียงครั้งนี้", "کلید API ساخته شد؛ تنها همین بار نشان داده می‌شود"),
    ("API_KEY_NOT_FOUND", "API key not found", "ไม่พบคีย์ API", "کلید API یافت نشد"),
    ("API_KEY_REVOKED", "API key revoked", "เพิกถอนคีย์ API แล้ว", "کلید API باطل شد"),
    ("ATTENDEES", "Attendees retrieved", "ดึงรายชื่อผู้เข้างานแล้ว", "شرکت‌کنندگان دریافت شدند"),
    ("ATTENDEES_SAVED", "Attendees saved", "บันทึกรายชื่อผู้เข้างานแล้ว", "شرکت‌کنندگان ذخیره شدند"),
    ("AUDIT_TRAIL", "Audit trail retrieved", "ดึงบันทึกการตรวจสอบแล้ว", "سابقهٔ کارها دریافت شد"),
    ("AVAILABILITY", "Availability retrieved", "ดึงข้อมูลจำนวนบัตรคงเหลือแล้ว", "موجودی بلیت دریافت شد"),
    ("BAD_BODY", "The body could not be read", "อ่านเนื้อหาคำขอไม่ได้", "بدنهٔ درخواست خوانده نشد"),
    ("BAD_CREDENTIALS", "There is no such account, the password is another, or the address is not confirmed yet", "ไม่มีบัญชีนี้ รหัสผ่านไม่ถูกต้อง หรือยังไม่ได้ยืนยันอีเมล", "چنین حسابی نیست، گذرواژه نادرست است یا نشانی هنوز تأیید نشده است"),
    ("BAD_CSV", "The body is not a table in CSV with a header", "เนื้อหาไม่ใช่ตาราง CSV ที่มีแถวหัวตาราง", "بدنهٔ درخواست جدول CSV با سطر عنوان نیست"),
    ("BAD_HOST", "The request must name exactly one host", "คำขอต้องระบุ Host เพียงหนึ่งเดียว", "درخواست باید دقیقاً یک Host داشته باشد"),
    ("BAD_ID", "The address names no valid id", "รหัสในที่อยู่ไม่ถูกต้อง", "شناسهٔ موجود در نشانی معتبر نیست"),
    ("BAD_JSON", "The body is not valid JSON", "เนื้อหาไม่ใช่ JSON ที่ถูกต้อง", "بدنهٔ درخواست JSON معتبری نیست"),
    ("BAD_KEY", "The Idempotency-Key must have 1 to 255 visible characters", "Idempotency-Key ต้องมี 1 ถึง 255 อักขระที่มองเห็นได้", "Idempotency-Key باید ۱ تا ۲۵۵ نویسهٔ قابل‌دیدن داشته باشد"),
    ("BAD_QUERY", "The query could not be read", "อ่านพารามิเตอร์ของคำขอไม่ได้", "پارامترهای درخواست خوانده نشد"),
    ("BAD_REFRESH_TOKEN", "Please sign in again", "โปรดเข้าสู่ระบบอีกครั้ง", "لطفاً دوباره وارد شوید"),
    ("BAD_SIGNATURE", "The signature is not valid", "ลายเซ็นไม่ถูกต้อง", "امضا معتبر نیست"),
    ("BAD_VALUE", "A value cannot be stored", "ไม่สามารถจัดเก็บค่าที่ระบุได้", "مقداری قابل ذخیره نیست"),
    ("BELOW_MINIMUM", "Fewer tickets than this type is sold in", "จำนวนบัตรน้อยกว่าขั้นต่ำของประเภทนี้", "تعداد بلیت از حداقل این نوع کمتر است"),
    ("BELOW_MINIMUM_CHARGE", "The total is less than can be paid by card", "ยอดรวมต่ำกว่าขั้นต่ำที่ชำระด้วยบัตรได้", "مبلغ کل کمتر از حداقل پرداخت با کارت است"),
    ("BELOW_MIN_PER_BOOKING", "must not be below min_per_booking", "ต้องไม่น้อยกว่า min_per_booking", "نباید از min_per_booking کمتر باشد"),
    ("BODY_TOO_LARGE", "The body is too large", "เนื้อหาคำขอใหญ่เกินไป", "بدنهٔ درخواست بیش از حد بزرگ است"),
    ("BODY_TOO_SLOW", "The body came too slowly", "เนื้อหาคำขอมาถึงช้าเกินไป", "بدنهٔ درخواست بسیار کند رسید"),
    ("BOOKING", "Booking retrieved", "ดึงข้อมูลการจองแล้ว", "رزرو دریافت شد"),
    ("BOOKINGS", "Bookings retrieved", "ดึงรายการจองแล้ว", "رزروها دریافت شدند"),
    ("BOOKING_CANCELLED", "Booking cancelled", "ยกเลิกการจองแล้ว", "رزرو لغو شد"),
    ("BOOKING_CHANGED", "Booking changed; the deadline stays", "เปลี่ยนการจองแล้ว กำหนดเวลาเดิมยังคงอยู่", "رزرو تغییر کرد؛ مهلت همان است"),
    ("BOOKING_CONFIRMED", "Booking confirmed", "ยืนยันการจองแล้ว", "رزرو تأیید شد"),
    ("BOOKING_CREATED", "Tickets held; please pay before the deadline", "จองบัตรไว้แล้ว โปรดชำระเงินก่อนหมดเวลา", "بلیت‌ها نگه داشته شد؛ پیش از پایان مهلت پرداخت کنید"),
    ("BOOKING_FIND_ASKED", "If there is such a booking, you will hear of it by e-mail", "หากมีการจองดังกล่าว เราจะแจ้งให้ทราบทางอีเมล", "اگر چنین رزروی باشد، با ایمیل به شما خبر داده می‌شود"),
    ("BOOKING_NOT_FOUND", "Booking not found", "ไม่พบการจอง", "رزرو یافت نشد"),
    ("BOOKING_STATS", "Booking statistics retrieved", "ดึงสถิติการจองแล้ว", "آمار رزروها دریافت شد"),
    ("BUSY", "Too many requests at once; please try again", "มีคำขอพร้อมกันมากเกินไป โปรดลองอีกครั้ง", "درخواست‌ها بسیار زیاد است؛ دوباره تلاش کنید"),
    ("CANCELLATION_TERMS", "What cancelling would give back", "จำนวนเงินที่จะคืนหากยกเลิก", "مبلغی که با لغو برمی‌گردد"),
    ("CAPACITY_BELOW_COMMITTED", "More tickets are sold or held than this capacity allows", "มีบัตรที่ขายหรือจองไว้มากกว่าความจุนี้", "تعداد بلیت‌های فروخته یا رزروشده از این ظرفیت بیشتر است"),
    ("CAPACITY_IS_SEATS", "The capacity of a ticket type with seats is their number; change the seat map", "ความจุของบัตรแบบระบุที่นั่งคือจำนวนที่นั่ง โปรดแก้ไขผังที่นั่ง", "ظرفیت بلیت دارای صندلی همان تعداد صندلی‌هاست؛ نقشهٔ صندلی‌ها را تغییر دهید"),
    ("CHECKED_IN", "Admitted", "เข้างานได้", "ورود مجاز است"),
    ("CHECKINS", "Check-ins merged", "รวมการเช็กอินแล้ว", "ورودها ادغام شدند"),
    ("CHECKIN_BUNDLE", "What a gate needs without network", "ข้อมูลสำหรับใช้ที่ประตูเมื่อไม่มีเครือข่าย", "آنچه درِ ورودی بدون شبکه نیاز دارد"),
    ("CHECKIN_LIST", "Check-ins retrieved", "ดึงรายการเช็กอินแล้ว", "ورودها دریافت شد"),
    ("CHECKIN_NOT_FOUND", "Check-in not found", "ไม่พบการเช็กอิน", "ورود یافت نشد"),
    ("CHECKIN_UNDONE", "Check-in undone", "ยกเลิกการเช็กอินแล้ว", "ورود پس گرفته شد"),
    ("CODE_OR_PAYLOAD", "exactly one of code and payload is needed", "ต้องระบุ code หรือ payload อย่างใดอย่างหนึ่ง", "دقیقاً یکی از code و payload لازم است"),
    ("CURRENCY_MISMATCH", "is another currency than the booking's", "เป็นคนละสกุลเงินกับการจอง", "واحد پول آن با رزرو یکی نیست"),
    ("CURSOR_OR_OFFSET", "is either here or in cursor", "ระบุที่นี่หรือใน cursor อย่างใดอย่างหนึ่ง", "یا اینجا باشد یا در cursor"),
    ("DECISION_IMPOSSIBLE", "This cannot be decided about the payment", "ไม่สามารถตัดสินใจเช่นนี้กับการชำระเงินนี้ได้", "این تصمیم برای این پرداخت ممکن نیست"),
    ("DUPLICATE", "is there twice", "ซ้ำกัน", "تکراری است"),
    ("EMAIL_CODE_ASKED", "A code is on its way to that address", "กำลังส่งรหัสไปยังอีเมลนั้น", "کد به آن نشانی فرستاده می‌شود"),
    ("EMAIL_CONFIRMED", "E-mail address confirmed", "ยืนยันอีเมลแล้ว", "ایمیل تأیید شد"),
    ("EMAIL_PROOF_REQUIRED", "Prove your e-mail address first: the code is missing, wrong or too old", "โปรดยืนยันอีเมลก่อน: ไม่มีรหัส รหัสผิด หรือรหัสหมดอายุ", "نخست ایمیل خود را تأیید کنید: کد نیست، نادرست است یا کهنه شده"),
    ("EMAIL_TAKEN", "Another user has this e-mail address", "อีเมลนี้มีผู้ใช้อื่นใช้แล้ว", "کاربر دیگری این ایمیل را دارد"),
    ("EMPTY", "must not be empty", "ต้องไม่เว้นว่าง", "نباید خالی باشد"),
    ("EVENT", "Event retrieved", "ดึงข้อมูลงานแล้ว", "رویداد دریافت شد"),
    ("EVENTS", "Events retrieved", "ดึงรายการงานแล้ว", "رویدادها دریافت شدند"),
    ("EVENT_AT_CAPACITY", "The event is full", "งานเต็มแล้ว", "ظرفیت رویداد تکمیل است"),
    ("EVENT_CANCELLED", "The event is cancelled", "งานถูกยกเลิกแล้ว", "رویداد لغو شده است"),
    ("EVENT_CREATED", "Event created", "สร้างงานแล้ว", "رویداد ساخته شد"),
    ("EVENT_DELETED", "Event deleted", "ลบงานแล้ว", "رویداد حذف شد"),
    ("EVENT_HAS_BOOKINGS", "The event has live bookings; all have to be cancelled first", "งานยังมีการจองอยู่ โปรดยกเลิกการจองทั้งหมดก่อน", "رویداد رزرو فعال دارد؛ نخست همهٔ رزروها را لغو کنید"),
    ("EVENT_NOT_FOUND", "Event not found", "ไม่พบงาน", "رویداد یافت نشد"),
    ("EVENT_UPDATED", "Event updated", "แก้ไขงานแล้ว", "رویداد به‌روزرسانی شد"),
    ("FEES", "Fees retrieved", "ดึงค่าธรรมเนียมแล้ว", "کارمزدها دریافت شدند"),
    ("FEE_CREATED", "Fee created", "สร้างค่าธรรมเนียมแล้ว", "کارمزد ساخته شد"),
    ("FEE_DELETED", "Fee deleted", "ลบค่าธรรมเนียมแล้ว", "کارمزد حذف شد"),
    ("FEE_NOT_FOUND", "Fee not found", "ไม่พบค่าธรรมเนียม", "کارمزد یافت نشد"),
    ("FEE_UPDATED", "Fee updated", "แก้ไขค่าธรรมเนียมแล้ว", "کارمزد به‌روزرسانی شد"),
    ("FORBIDDEN", "You may not do this", "คุณไม่มีสิทธิ์ทำรายการนี้", "شما اجازهٔ این کار را ندارید"),
    ("FOUNDER_STAYS", "The founder owns the organization and stays in it", "ผู้ก่อตั้งเป็นเจ้าขององค์กรและต้องอยู่ในองค์กร", "بنیان‌گذار مالک سازمان است و در آن می‌ماند"),
    ("FUNNEL", "Steps of visitors retrieved", "ดึงข้อมูลขั้นตอนของผู้เข้าชมแล้ว", "گام‌های بازدیدکنندگان دریافت شد"),
    ("HEALTHY", "Everything is up", "ระบบทำงานปกติ", "سامانه برقرار است"),
    ("HISTORY", "Changes retrieved", "ดึงข้อมูลการเปลี่ยนแปลงแล้ว", "تغییرها دریافت شد"),
    ("HOLDS_EXCEEDED", "You already have as many tickets of this event as one person may; please sign in, or give some back", "คุณมีบัตรของงานนี้ครบตามที่หนึ่งคนมีได้แล้ว โปรดเข้าสู่ระบบหรือคืนบัตรบางส่วน", "شما به اندازهٔ سهم یک نفر از این رویداد بلیت دارید؛ وارد حساب خود شوید یا بخشی را پس دهید"),
    ("IDEMPOTENCY_IN_FLIGHT", "A request with this Idempotency-Key is still running", "คำขอที่ใช้ Idempotency-Key นี้ยังทำงานอยู่", "درخواستی با این Idempotency-Key هنوز در حال اجراست"),
    ("IDEMPOTENCY_MISMATCH", "This Idempotency-Key was used for another request", "Idempotency-Key นี้ถูกใช้กับคำขออื่นแล้ว", "این Idempotency-Key برای درخواست دیگری به کار رفته است"),
    ("INTERACTIONS_ACCEPTED", "Interactions accepted", "รับข้อมูลการใช้งานแล้ว", "تعامل‌ها پذیرفته شدند"),
    ("INTERNAL", "Something went wrong on our side", "เกิดข้อผิดพลาดภายในระบบ", "خطایی در سامانه رخ داد"),
    ("INVALID_TOKEN", "The token is not valid", "โทเค็นไม่ถูกต้อง", "توکن معتبر نیست"),
    ("INVALID_TRANSITION", "This change of status is not possible", "เปลี่ยนสถานะแบบนี้ไม่ได้", "این تغییر وضعیت ممکن نیست"),
    ("INVITATIONS", "Invitations retrieved", "ดึงรายการคำเชิญแล้ว", "دعوت‌ها دریافت شدند"),
    ("INVITATION_EXPIRED", "The invitation was accepted, was withdrawn, has ended, or never was", "คำเชิญถูกตอบรับแล้ว ถูกถอน หมดอายุ หรือไม่มีอยู่", "دعوت پذیرفته شده، پس گرفته شده، پایان یافته یا نبوده است"),
    ("INVITATION_NOT_FOUND", "The organization has no such open invitation", "องค์กรไม่มีคำเชิญที่ยังเปิดอยู่นี้", "سازمان چنین دعوت بازی ندارد"),
    ("INVITATION_OF_ANOTHER", "The invitation went to another address: sign in with the account that has it confirmed", "คำเชิญนี้ส่งถึงอีเมลอื่น โปรดเข้าสู่ระบบด้วยบัญชีที่ยืนยันอีเมลนั้นแล้ว", "دعوت به نشانی دیگری رفته است: با حسابی وارد شوید که آن را تأیید کرده است"),
    ("INVITATION_WITHDRAWN", "Invitation withdrawn", "ถอนคำเชิญแล้ว", "دعوت پس گرفته شد"),
    ("INVITED", "An invitation is on its way", "กำลังส่งคำเชิญ", "دعوت‌نامه فرستاده می‌شود"),
    ("INVOICES", "Invoices retrieved", "ดึงใบกำกับแล้ว", "صورتحساب‌ها دریافت شدند"),
    ("INVOICE_NOT_FOUND", "There is no invoice yet", "ยังไม่มีใบแจ้งหนี้", "هنوز صورت‌حسابی نیست"),
    ("IN_THE_PAST", "must be in the future", "ต้องเป็นเวลาในอนาคต", "باید در آینده باشد"),
    ("ITEMS_OR_QUANTITY", "give either items or quantity", "โปรดระบุ items หรือ quantity อย่างใดอย่างหนึ่ง", "یا items یا quantity را مشخص کنید"),
    ("JOB", "Job retrieved", "ดึงข้อมูลงานแล้ว", "کار دریافت شد"),
    ("JOBS_FOR_REVIEW", "Jobs that wait for a person", "งานประมวลผลที่รอการตัดสินใจ", "کارهایی که در انتظار تصمیم‌اند"),
    ("JOB_DROPPED", "Job dropped", "ยกเลิกงานประมวลผลแล้ว", "کار کنار گذاشته شد"),
    ("JOB_FAILED", "It did not succeed", "ไม่สำเร็จ", "انجام نشد"),
    ("JOB_NOT_FOUND", "Job not found", "ไม่พบงานประมวลผลนี้", "کار یافت نشد"),
    ("JOB_NOT_IN_TIME", "It did not succeed in time", "ไม่สำเร็จภายในเวลา", "به‌موقع انجام نشد"),
    ("JOB_NOT_WAITING", "The job waits for nobody", "งานประมวลผลนี้ไม่ได้รอการตัดสินใจ", "این کار در انتظار کسی نیست"),
    ("JOB_PANICKED", "A fault of the server; its log says more", "เซิร์ฟเวอร์ขัดข้อง ดูรายละเอียดในบันทึกของเซิร์ฟเวอร์", "خطای سرور؛ گزارش سرور بیشتر می‌گوید"),
    ("JOB_RETRIED", "The job will be tried again", "จะลองทำงานประมวลผลนี้อีกครั้ง", "کار دوباره انجام خواهد شد"),
    ("JOB_TOO_LONG", "It took too long", "ใช้เวลานานเกินไป", "بیش از حد طول کشید"),
    ("JOB_UNREADABLE", "This version of the server cannot read it", "เซิร์ฟเวอร์รุ่นนี้อ่านข้อมูลไม่ได้", "این نسخهٔ سرور آن را نمی‌خواند"),
    ("JOB_WRITTEN", "It will be done", "รับคำสั่งแล้วและจะดำเนินการต่อ", "انجام خواهد شد"),
    ("LAST_ADMIN", "Somebody has to stay an admin", "ต้องมีผู้ดูแลระบบเหลืออย่างน้อยหนึ่งคน", "دست‌کم یک نفر باید مدیر بماند"),
    ("LAYOUT_NOT_FOUND", "This version of the seat map is gone", "ผังที่นั่งเวอร์ชันนี้ไม่มีแล้ว", "این نسخه از نقشهٔ صندلی‌ها دیگر موجود نیست"),
    ("LEDGER_ACCOUNTS", "Accounts retrieved", "ดึงบัญชีแล้ว", "حساب‌ها دریافت شدند"),
    ("LEDGER_ENTRIES", "Entries retrieved", "ดึงรายการบัญชีแล้ว", "سطرهای دفتر دریافت شدند"),
    ("LEFT", "You wait no more", "คุณออกจากรายชื่อรอแล้ว", "دیگر در انتظار نیستید"),
    ("LIMIT_EXCEEDED", "More tickets than one may book", "จำนวนบัตรเกินที่จองได้", "تعداد بلیت از حد مجاز بیشتر است"),
    ("LIMIT_REACHED", "There are as many as there may be", "มีครบจำนวนที่มีได้แล้ว", "به شمار مجاز رسیده است"),
    ("LINK_ASKED", "If there is such an account, a link is on its way to that address", "หากมีบัญชีนี้ ระบบกำลังส่งลิงก์ไปยังอีเมลนั้น", "اگر چنین حسابی باشد، پیوندی به آن نشانی فرستاده می‌شود"),
    ("LINK_EXPIRED", "The link has expired; ask for another", "ลิงก์หมดอายุแล้ว โปรดขอใหม่", "پیوند منقضی شده است؛ پیوند دیگری بخواهید"),
    ("MAILS", "Mails retrieved", "ดึงรายการอีเมลแล้ว", "ایمیل‌ها دریافت شدند"),
    ("MAIL_DEFERRED", "The mail server did not take the mail for now", "เซิร์ฟเวอร์อีเมลยังไม่รับอีเมลในขณะนี้", "سرور ایمیل فعلاً ایمیل را نپذیرفت"),
    ("MAIL_REFUSED", "The mail server refused the mail", "เซิร์ฟเวอร์อีเมลปฏิเสธอีเมล", "سرور ایمیل ایمیل را رد کرد"),
    ("MAIL_UNANSWERED", "The mail server did not answer, so nobody knows whether the mail went out", "เซิร์ฟเวอร์อีเมลไม่ตอบ จึงไม่ทราบว่าส่งอีเมลออกไปแล้วหรือไม่", "سرور ایمیل پاسخ نداد؛ معلوم نیست ایمیل فرستاده شد یا نه"),
    ("MANAGEMENT", "Events retrieved", "ดึงรายการงานแล้ว", "رویدادها دریافت شدند"),
    ("MAP_BEYOND_CAPACITY", "The seat map has more seats than the event's capacity", "ผังที่นั่งมีที่นั่งมากกว่าความจุของงาน", "تعداد صندلی‌های نقشه از ظرفیت رویداد بیشتر است"),
    ("ME", "Your account", "บัญชีของคุณ", "حساب شما"),
    ("MEMBERS", "Members retrieved", "ดึงรายชื่อสมาชิกแล้ว", "اعضا دریافت شدند"),
    ("MEMBERSHIPS", "Memberships retrieved", "ดึงข้อมูลสมาชิกภาพแล้ว", "عضویت‌ها دریافت شدند"),
    ("MEMBERSHIP_CHANGED", "Membership changed", "แก้ไขสมาชิกภาพแล้ว", "عضویت تغییر کرد"),
    ("MEMBERSHIP_CREATED", "Membership created", "สร้างสมาชิกภาพแล้ว", "عضویت ساخته شد"),
    ("MEMBERSHIP_NOT_FOUND", "Membership not found", "ไม่พบสมาชิกภาพ", "عضویت یافت نشد"),
    ("MEMBERSHIP_REMOVED", "Membership removed", "ลบสมาชิกภาพแล้ว", "عضویت حذف شد"),
    ("MEMBERSHIP_REQUIRED", "This is for members only", "สำหรับสมาชิกเท่านั้น", "تنها برای اعضا"),
    ("MEMBER_ADDED", "You have joined the organization; please refresh your tokens", "คุณเข้าร่วมองค์กรแล้ว โปรดขอโทเค็นใหม่", "به سازمان پیوستید؛ توکن‌های خود را تازه کنید"),
    ("MEMBER_CHANGED", "Role changed", "เปลี่ยนบทบาทแล้ว", "نقش تغییر کرد"),
    ("MEMBER_NOT_FOUND", "The organization has no such member", "องค์กรไม่มีสมาชิกนี้", "سازمان چنین عضوی ندارد"),
    ("MEMBER_REMOVED", "Member removed", "ลบสมาชิกแล้ว", "عضو حذف شد"),
    ("METHOD_NOT_ALLOWED", "This method is not possible here", "ใช้เมธอดนี้ที่นี่ไม่ได้", "این متد در این نشانی مجاز نیست"),
    ("MISSING_CONTACT", "give an e-mail address or a phone number", "โปรดระบุอีเมลหรือหมายเลขโทรศัพท์", "ایمیل یا شمارهٔ تلفن را وارد کنید"),
    ("MONEY_AT_PROVIDER", "The payment provider has taken money for it; give it back there first", "ผู้ให้บริการชำระเงินรับเงินไปแล้ว โปรดคืนเงินที่นั่นก่อน", "ارائه‌دهندهٔ پرداخت پول آن را گرفته است؛ نخست آنجا بازگردانید"),
    ("NOTHING_GIVEN_BACK", "Nothing was given back", "ไม่ได้คืนเงิน", "چیزی پس داده نشد"),
    ("NOTHING_TO_CHANGE", "says nothing to change", "ไม่ได้ระบุสิ่งที่ต้องแก้ไข", "چیزی برای تغییر مشخص نشده است"),
    ("NOTICES", "Notices retrieved", "ดึงประกาศแล้ว", "اعلان‌ها دریافت شدند"),
    ("NOTICE_CREATED", "Notice published", "เผยแพร่ประกาศแล้ว", "اعلان منتشر شد"),
    ("NOTICE_DELETED", "Notice withdrawn", "ถอนประกาศแล้ว", "اعلان پس گرفته شد"),
    ("NOTICE_NOT_FOUND", "Notice not found", "ไม่พบประกาศ", "اعلان یافت نشد"),
    ("NOT_AFTER_FROM", "must be after from", "ต้องอยู่หลัง from", "باید پس از from باشد"),
    ("NOT_AFTER_SALE_FROM", "must be after sale_from", "ต้องอยู่หลัง sale_from", "باید پس از sale_from باشد"),
    ("NOT_AFTER_STARTS_AT", "must be after starts_at", "ต้องอยู่หลัง starts_at", "باید پس از starts_at باشد"),
    ("NOT_AFTER_VALID_FROM", "must be after valid_from", "ต้องอยู่หลัง valid_from", "باید پس از valid_from باشد"),
    ("NOT_AN_EMAIL", "must be an e-mail address", "ต้องเป็นที่อยู่อีเมล", "باید نشانی ایمیل باشد"),
    ("NOT_AN_ID", "is not an id", "ไม่ใช่รหัสที่ถูกต้อง", "شناسهٔ درستی نیست"),
    ("NOT_AN_INTEGER", "must be a whole number", "ต้องเป็นจำนวนเต็ม", "باید عدد صحیح باشد"),
    ("NOT_AN_OBJECT", "must be a JSON object", "ต้องเป็นออบเจ็กต์ JSON", "باید یک شیء JSON باشد"),
    ("NOT_A_BOOLEAN", "must be true or false", "ต้องเป็น true หรือ false", "باید true یا false باشد"),
    ("NOT_A_CHOICE", "must be one of: {}", "ต้องเป็นหนึ่งใน: {}", "باید یکی از این‌ها باشد: {}"),
    ("NOT_A_COUNTRY", "must be a country code of two letters, such as TH", "ต้องเป็นรหัสประเทศสองตัวอักษร เช่น TH", "باید کد دوحرفی کشور باشد، مانند TH"),
    ("NOT_A_CURRENCY", "must be an ISO 4217 code such as EUR", "ต้องเป็นรหัส ISO 4217 เช่น EUR", "باید کد ISO 4217 مانند EUR باشد"),
    ("NOT_A_CURSOR", "must be a cursor from a next link of this list", "ต้องเป็น cursor จากลิงก์ next ของรายการนี้", "باید cursor از پیوند next همین فهرست باشد"),
    ("NOT_A_LIST", "must be a list", "ต้องเป็นรายการ", "باید یک فهرست باشد"),
    ("NOT_A_MULTIPLE", "must be a multiple of {}: the currency has no smaller amounts", "ต้องเป็นจำนวนเท่าของ {} เพราะสกุลเงินนี้ไม่มีหน่วยที่เล็กกว่า", "باید مضربی از {} باشد؛ این ارز مبلغ کوچک‌تری ندارد"),
    ("NOT_A_NUMBER", "must be a number", "ต้องเป็นตัวเลข", "باید عدد باشد"),
    ("NOT_A_PASS", "must be the text of a ticket's QR", "ต้องเป็นข้อความจาก QR ของบัตร", "باید متن QR یک بلیت باشد"),
    ("NOT_A_PHONE", "must be a phone number", "ต้องเป็นหมายเลขโทรศัพท์", "باید شمارهٔ تلفن باشد"),
    ("NOT_A_PUSH_KEY", "must be a key of a push subscription in base64url", "ต้องเป็นคีย์ของการสมัครรับการแจ้งเตือนในรูปแบบ base64url", "باید کلید اشتراک اعلان به‌صورت base64url باشد"),
    ("NOT_A_STEP", "must be a multiple of {} in this currency", "ต้องเป็นจำนวนเท่าของ {} ในสกุลเงินนี้", "در این ارز باید مضربی از {} باشد"),
    ("NOT_A_TIME", "must be a time with offset, such as 2027-03-01T19:30:00+01:00", "ต้องเป็นเวลาพร้อมออฟเซ็ต เช่น 2027-03-01T19:30:00+01:00", "باید زمان با اختلاف ساعت باشد، مانند 2027-03-01T19:30:00+01:00"),
    ("NOT_A_TIMEZONE", "must be an IANA time zone such as Europe/Berlin", "ต้องเป็นเขตเวลา IANA เช่น Asia/Bangkok", "باید منطقهٔ زمانی IANA مانند Asia/Tehran باشد"),
    ("NOT_A_URL", "must be an http or https address, or a path", "ต้องเป็นที่อยู่ http หรือ https หรือพาธ", "باید نشانی http یا https یا یک مسیر باشد"),
    ("NOT_A_VOUCHER_CODE", "must have 1 to 64 letters a-z, digits, - or _", "ต้องเป็นตัวอักษร a-z ตัวเลข - หรือ _ จำนวน 1 ถึง 64 ตัว", "باید ۱ تا ۶۴ حرف a-z، رقم، - یا _ باشد"),
    ("NOT_CONFIRMED", "The booking is not confirmed", "การจองนี้ยังไม่ได้รับการยืนยัน", "این رزرو تأیید نشده است"),
    ("NOT_ENOUGH_LEFT", "Fewer tickets are left than you asked for", "บัตรเหลือน้อยกว่าที่คุณต้องการ", "تعداد بلیت باقی‌مانده کمتر از درخواست شماست"),
    ("NOT_FOUND", "There is nothing here", "ไม่พบสิ่งที่ร้องขอ", "چیزی در این نشانی نیست"),
    ("NOT_HTTPS", "must be an https address", "ต้องเป็นที่อยู่ https", "باید نشانی https باشد"),
    ("NOT_JSON", "The body must be sent as application/json", "เนื้อหาต้องส่งเป็น application/json", "بدنهٔ درخواست باید با نوع application/json فرستاده شود"),
    ("NOT_PENDING", "The booking is not held any more", "การจองนี้ไม่ได้ถูกเก็บไว้แล้ว", "این رزرو دیگر نگه داشته نمی‌شود"),
    ("NOT_REFUNDABLE", "These tickets cannot be taken back", "คืนบัตรเหล่านี้ไม่ได้", "این بلیت‌ها را نمی‌توان پس گرفت"),
    ("NOT_SEATED", "This ticket type has no seats to choose from", "บัตรประเภทนี้ไม่มีที่นั่งให้เลือก", "این نوع بلیت صندلی ندارد"),
    ("NOT_SOLD_OUT", "There are tickets left; please book them", "ยังมีบัตรเหลือ โปรดจองได้เลย", "هنوز بلیت هست؛ لطفاً رزرو کنید"),
    ("NOT_TEXT", "must be text", "ต้องเป็นข้อความ", "باید متن باشد"),
    ("NOT_WAITING", "You are not on the waitlist of this event", "คุณไม่ได้อยู่ในรายชื่อรอของงานนี้", "شما در فهرست انتظار این رویداد نیستید"),
    ("NO_ADDRESS", "The booking has no e-mail address", "การจองนี้ไม่มีที่อยู่อีเมล", "این رزرو نشانی ایمیل ندارد"),
    ("NO_ADJACENT_SEATS", "There are not that many seats side by side", "ไม่มีที่นั่งติดกันครบจำนวน", "این تعداد صندلی کنار هم موجود نیست"),
    ("NO_MAIL", "This server sends no mails", "เซิร์ฟเวอร์นี้ไม่ส่งอีเมล", "این سامانه ایمیل نمی‌فرستد"),
    ("NO_OFFER", "There is no offer to answer", "ไม่มีข้อเสนอให้ตอบรับ", "پیشنهادی برای پاسخ دادن نیست"),
    ("NO_PUSH", "This server sends no messages to browsers", "เซิร์ฟเวอร์นี้ไม่ส่งการแจ้งเตือนไปยังเบราว์เซอร์", "این سامانه به مرورگرها اعلان نمی‌فرستد"),
    ("NO_SIGN_IN", "Another server signs people in here", "เซิร์ฟเวอร์อื่นเป็นผู้ให้เข้าสู่ระบบ", "سامانهٔ دیگری ورود را انجام می‌دهد"),
    ("NUL_IN_TEXT", "must not contain the NUL character", "ต้องไม่มีอักขระ NUL", "نباید نویسهٔ NUL داشته باشد"),
    ("OFFLINE_NOT_ALLOWED", "This event cannot be paid by transfer or on an invoice", "งานนี้ไม่รับการโอนเงินหรือการชำระตามใบแจ้งหนี้", "این رویداد با انتقال بانکی یا صورت‌حساب پرداخت نمی‌شود"),
    ("ONE_OF_THREE", "give exactly one of all, ticket_ids and amount", "โปรดระบุ all, ticket_ids หรือ amount อย่างใดอย่างหนึ่ง", "دقیقاً یکی از all، ticket_ids و amount را مشخص کنید"),
    ("ORGANIZATION_NOT_FOUND", "Organization not found", "ไม่พบองค์กร", "سازمان یافت نشد"),
    ("OTHER_CURRENCY", "must be in the event's currency", "ต้องเป็นสกุลเงินของงาน", "باید به ارز رویداد باشد"),
    ("OWN_ACCOUNT", "Nobody changes the own account this way", "ไม่สามารถแก้ไขบัญชีของตนเองด้วยวิธีนี้", "کسی حساب خودش را این‌گونه تغییر نمی‌دهد"),
    ("PASSWORD_CHANGED", "Password changed", "เปลี่ยนรหัสผ่านแล้ว", "گذرواژه تغییر کرد"),
    ("PAYMENTS_FOR_REVIEW", "Payments that wait for a person", "การชำระเงินที่รอการตัดสินใจ", "پرداخت‌هایی که در انتظار تصمیم‌اند"),
    ("PAYMENT_DECIDED", "Decided", "ตัดสินใจแล้ว", "تصمیم گرفته شد"),
    ("PAYMENT_NOT_FOUND", "No such payment waits for a person", "ไม่พบการชำระเงินที่รอการตัดสินใจ", "چنین پرداختی در انتظار تصمیم نیست"),
    ("PAYMENT_REFUSED", "The payment provider does not take this payment", "ผู้ให้บริการชำระเงินไม่รับรายการนี้", "ارائه‌دهندهٔ پرداخت این پرداخت را نمی‌پذیرد"),
    ("PAYMENT_STARTED", "Payment started", "เริ่มการชำระเงินแล้ว", "پرداخت آغاز شد"),
    ("PAYMENT_TERMS_SET", "Terms of payment set", "ตั้งเงื่อนไขการชำระเงินแล้ว", "شرایط پرداخت تعیین شد"),
    ("PAYMENT_TERMS_SHOWN", "Terms of payment retrieved", "ดึงเงื่อนไขการชำระเงินแล้ว", "شرایط پرداخت دریافت شد"),
    ("PAYOUT", "Payout retrieved", "ดึงยอดรายได้แล้ว", "درآمد رویداد دریافت شد"),
    ("PENDING_BOOKING_EXISTS", "You already have a pending booking for this event", "คุณมีการจองที่รอดำเนินการสำหรับงานนี้อยู่แล้ว", "شما برای این رویداد رزروی در انتظار دارید"),
    ("PERIOD_TOO_LONG", "is too long before to", "ห่างจาก to มากเกินไป", "بیش از حد پیش از to است"),
    ("PHONE_TAKEN", "Another user has this phone number", "หมายเลขโทรศัพท์นี้มีผู้ใช้อื่นใช้แล้ว", "کاربر دیگری این شمارهٔ تلفن را دارد"),
    ("PRICE_AND_TICKET_TYPES", "is either here or in ticket_types", "ระบุที่นี่หรือใน ticket_types อย่างใดอย่างหนึ่ง", "یا اینجا باشد یا در ticket_types"),
    ("PRICE_CHANGED", "The price has changed; please look at the new total", "ราคาเปลี่ยนแปลงแล้ว โปรดตรวจสอบยอดรวมใหม่", "قیمت تغییر کرده است؛ مبلغ جدید را ببینید"),
    ("PRIVATE_HOST", "must be an address of the open internet", "ต้องเป็นที่อยู่บนอินเทอร์เน็ตสาธารณะ", "باید نشانی‌ای در اینترنت همگانی باشد"),
    ("PROVIDER_UNKNOWN", "This server does not take payments that way", "เซิร์ฟเวอร์นี้ไม่รับชำระด้วยวิธีนี้", "این سرور به این شیوه پرداخت نمی‌پذیرد"),
    ("PUSH_FAILED", "The push service did not take the message", "บริการแจ้งเตือนไม่รับข้อความ", "سرویس اعلان پیام را نپذیرفت"),
    ("PUSH_KEY", "Key retrieved", "ดึงคีย์แล้ว", "کلید دریافت شد"),
    ("PUSH_RENEWED", "The browser's new address is known", "บันทึกที่อยู่ใหม่ของเบราว์เซอร์แล้ว", "نشانی تازهٔ مرورگر ثبت شد"),
    ("PUSH_SUBSCRIBED", "You will be notified", "เราจะแจ้งให้คุณทราบ", "به شما خبر می‌دهیم"),
    ("PUSH_SUBSCRIPTIONS", "Notifications retrieved", "ดึงรายการการแจ้งเตือนแล้ว", "اعلان‌ها دریافت شدند"),
    ("PUSH_SUBSCRIPTION_NOT_FOUND", "There is no such notification", "ไม่พบการแจ้งเตือนนี้", "چنین اعلانی نیست"),
    ("PUSH_UNSUBSCRIBED", "You will not be notified", "เราจะไม่แจ้งคุณเรื่องนี้", "دیگر در این باره خبر نمی‌دهیم"),
    ("QUOTE", "Price calculated", "คำนวณราคาแล้ว", "قیمت محاسبه شد"),
    ("RATE_LIMITED", "Too many requests; please wait a moment", "ส่งคำขอถี่เกินไป โปรดรอสักครู่", "درخواست‌ها بیش از حد است؛ لطفاً کمی صبر کنید"),
    ("RATE_OR_AMOUNT", "give either a rate or an amount, as the kind asks for", "โปรดระบุอัตราหรือจำนวนเงินอย่างใดอย่างหนึ่งตามชนิด", "بسته به نوع، یا نرخ یا مبلغ را مشخص کنید"),
    ("REASONS_UNREAD", "Something new happened to this payment; please read why it waits, and decide again", "การชำระเงินนี้มีเหตุใหม่ โปรดอ่านเหตุผลแล้วตัดสินอีกครั้ง", "برای این پرداخت دلیل تازه‌ای پیدا شده است؛ آن را بخوانید و دوباره تصمیم بگیرید"),
    ("REFRESHED", "Tokens refreshed", "ขอโทเค็นใหม่แล้ว", "توکن‌ها تازه شدند"),
    ("REFRESHED_MEANWHILE", "The next token was given out just now; use that one", "เพิ่งออกโทเค็นถัดไปไปแล้ว โปรดใช้โทเค็นนั้น", "توکن بعدی همین حالا داده شد؛ از آن استفاده کنید"),
    ("REFUNDS", "Refunds retrieved", "ดึงรายการคืนเงินแล้ว", "بازپرداخت‌ها دریافت شدند"),
    ("REFUNDS_NEED_REVIEW", "Some refunds wait for a person", "มีการคืนเงินที่รอคนตัดสิน", "برخی بازپرداخت‌ها در انتظار تصمیم‌اند"),
    ("REFUND_CREATED", "The money is on its way back", "กำลังคืนเงิน", "پول در راه بازگشت است"),
    ("REFUND_EXCEEDS", "More than what is left of the payment", "เกินกว่ายอดที่เหลือให้คืน", "بیش از مبلغ باقی‌ماندهٔ پرداخت"),
    ("REFUND_FAILED", "The payment provider did not take the refund", "ผู้ให้บริการชำระเงินไม่รับคำขอคืนเงิน", "ارائه‌دهندهٔ پرداخت بازگرداندن پول را نپذیرفت"),
    ("REFUND_POLICY", "It is too late to give these tickets back yourself; please ask the organizer", "เลยเวลาที่จะคืนบัตรด้วยตัวเองแล้ว โปรดติดต่อผู้จัดงาน", "زمان پس دادن بلیت به دست خودتان گذشته است؛ با برگزارکننده تماس بگیرید"),
    ("REFUND_POLICY_SET", "Refund policy saved", "บันทึกเงื่อนไขการคืนเงินแล้ว", "شرایط بازپرداخت ذخیره شد"),
    ("REFUND_POLICY_SHOWN", "Refund policy retrieved", "ดึงเงื่อนไขการคืนเงินแล้ว", "شرایط بازپرداخت دریافت شد"),
    ("REGISTERED", "Heard; to sign in, first open the link that is mailed to this address", "รับทราบแล้ว ก่อนเข้าสู่ระบบ โปรดเปิดลิงก์ที่ส่งไปยังอีเมลนี้", "دریافت شد؛ پیش از ورود، پیوندی را که به این نشانی فرستاده می‌شود باز کنید"),
    ("REGISTERED_PHONE", "Heard; sign in with this number and your password", "รับทราบแล้ว เข้าสู่ระบบด้วยหมายเลขนี้และรหัสผ่านของคุณ", "دریافت شد؛ با این شماره و رمز خود وارد شوید"),
    ("REQUIRED", "is required", "จำเป็นต้องระบุ", "الزامی است"),
    ("SALES_CLOSED", "Sales are closed", "ปิดการขายแล้ว", "فروش بسته است"),
    ("SALES_NOT_STARTED", "Sales have not started", "ยังไม่เริ่มขาย", "فروش آغاز نشده است"),
    ("SEATMAP", "Seat map retrieved", "ดึงผังที่นั่งแล้ว", "نقشهٔ صندلی‌ها دریافت شد"),
    ("SEATMAP_SAVED", "Seat map saved", "บันทึกผังที่นั่งแล้ว", "نقشهٔ صندلی‌ها ذخیره شد"),
    ("SEATS", "Seats retrieved", "ดึงสถานะที่นั่งแล้ว", "وضعیت صندلی‌ها دریافت شد"),
    ("SEATS_UPDATED", "Seats updated", "แก้ไขที่นั่งแล้ว", "صندلی‌ها به‌روزرسانی شدند"),
    ("SEAT_HELD", "A buyer holds one of these seats", "มีผู้ซื้อกำลังถือที่นั่งเหล่านี้อยู่", "یکی از این صندلی‌ها در رزرو خریدار است"),
    ("SEAT_NOT_FOUND", "The event has no such seat", "งานนี้ไม่มีที่นั่งดังกล่าว", "رویداد چنین صندلی‌ای ندارد"),
    ("SEAT_OR_TICKET_TYPE", "give either seat_id or ticket_type_id", "โปรดระบุ seat_id หรือ ticket_type_id อย่างใดอย่างหนึ่ง", "یا seat_id یا ticket_type_id را مشخص کنید"),
    ("SEAT_SOLD", "One of these seats is sold", "มีที่นั่งที่ขายไปแล้ว", "یکی از این صندلی‌ها فروخته شده است"),
    ("SEAT_TAKEN", "Somebody else was faster: a seat is taken", "มีผู้อื่นเลือกที่นั่งไปก่อนแล้ว", "صندلی را شخص دیگری زودتر گرفت"),
    ("SECTIONS", "Sections retrieved", "ดึงข้อมูลโซนที่นั่งแล้ว", "بخش‌ها دریافت شدند"),
    ("SEVERAL_ORGANIZATIONS", "are bookings of several organizations", "เป็นการจองของหลายองค์กร", "رزروهای چند سازمان‌اند"),
    ("SEVERAL_TICKET_TYPES", "The event has no single price; change its ticket types", "งานนี้มีหลายราคา โปรดแก้ไขที่ประเภทบัตร", "رویداد قیمت واحدی ندارد؛ انواع بلیت را تغییر دهید"),
    ("SIGNED_IN", "Signed in", "เข้าสู่ระบบแล้ว", "وارد شدید"),
    ("SIGNED_OUT", "Signed out", "ออกจากระบบแล้ว", "خارج شدید"),
    ("SOLD_OUT", "Sold out", "บัตรหมดแล้ว", "بلیت‌ها تمام شده است"),
    ("STAYS", "stays as it is; leave it out or name what it is", "เปลี่ยนไม่ได้ โปรดเว้นไว้หรือระบุค่าเดิม", "تغییر نمی‌کند؛ آن را ننویسید یا همان را بنویسید"),
    ("STORAGE_FULL", "Nothing can be saved at the moment; please try again later", "ขณะนี้ไม่สามารถบันทึกข้อมูลได้ โปรดลองใหม่ภายหลัง", "در حال حاضر ذخیره‌سازی ممکن نیست؛ بعداً دوباره تلاش کنید"),
    ("TAXES", "Taxes retrieved", "ดึงภาษีแล้ว", "مالیات‌ها دریافت شدند"),
    ("TAX_CREATED", "Tax created", "สร้างภาษีแล้ว", "مالیات ساخته شد"),
    ("TAX_DELETED", "Tax deleted", "ลบภาษีแล้ว", "مالیات حذف شد"),
    ("TAX_EXISTS", "There is a tax for the same already", "มีภาษีสำหรับสิ่งเดียวกันอยู่แล้ว", "برای همین مورد مالیاتی وجود دارد"),
    ("TAX_NOT_FOUND", "Tax not found", "ไม่พบภาษี", "مالیات یافت نشد"),
    ("TAX_UPDATED", "Tax updated", "แก้ไขภาษีแล้ว", "مالیات به‌روزرسانی شد"),
    ("TICKET", "Ticket retrieved", "ดึงข้อมูลบัตรแล้ว", "بلیت دریافت شد"),
    ("TICKETS", "Tickets retrieved", "ดึงข้อมูลบัตรแล้ว", "بلیت‌ها دریافت شدند"),
    ("TICKETS_RESENT", "The tickets are on their way by mail", "กำลังส่งบัตรทางอีเมล", "بلیت‌ها با ایمیل فرستاده می‌شوند"),
    ("TICKET_KEYS", "Public keys of tickets", "กุญแจสาธารณะของบัตร", "کلیدهای عمومی بلیت"),
    ("TICKET_NOT_FOUND", "Ticket not found", "ไม่พบบัตร", "بلیت یافت نشد"),
    ("TICKET_NOT_VALID", "This ticket was used or taken back", "บัตรนี้ถูกใช้หรือยกเลิกแล้ว", "این بلیت استفاده یا باطل شده است"),
    ("TICKET_REPLACED", "This code is no longer good; somebody else holds the ticket", "รหัสนี้ใช้ไม่ได้แล้ว มีผู้อื่นถือบัตรอยู่", "این کد دیگر معتبر نیست؛ بلیت در دست شخص دیگری است"),
    ("TICKET_TRANSFERRED", "Somebody else holds one of the tickets; please ask the organizer", "มีผู้อื่นถือบัตรใบหนึ่งอยู่ โปรดติดต่อผู้จัดงาน", "یکی از بلیت‌ها در دست شخص دیگری است؛ از برگزارکننده بپرسید"),
    ("TICKET_TYPES", "Ticket types retrieved", "ดึงประเภทบัตรแล้ว", "انواع بلیت دریافت شدند"),
    ("TICKET_TYPES_APART", "are changed one by one, at /events/{event_id}/ticket-types", "แก้ไขทีละรายการที่ /events/{event_id}/ticket-types", "یکی‌یکی در /events/{event_id}/ticket-types تغییر می‌کنند"),
    ("TICKET_TYPE_CREATED", "Ticket type created", "สร้างประเภทบัตรแล้ว", "نوع بلیت ساخته شد"),
    ("TICKET_TYPE_DELETED", "Ticket type deleted", "ลบประเภทบัตรแล้ว", "نوع بلیت حذف شد"),
    ("TICKET_TYPE_HAS_UNITS", "Tickets of this type are sold or held without a seat", "มีบัตรประเภทนี้ที่ขายหรือจองไว้โดยไม่ระบุที่นั่ง", "از این نوع بلیت، بدون صندلی فروخته یا رزرو شده است"),
    ("TICKET_TYPE_IN_USE", "The ticket type has bookings or seats", "ประเภทบัตรนี้มีการจองหรือที่นั่งอยู่", "این نوع بلیت رزرو یا صندلی دارد"),
    ("TICKET_TYPE_NOT_FOUND", "Ticket type not found", "ไม่พบประเภทบัตร", "نوع بلیت یافت نشد"),
    ("TICKET_TYPE_SOLD_OUT", "This ticket type is sold out", "บัตรประเภทนี้หมดแล้ว", "این نوع بلیت تمام شده است"),
    ("TICKET_TYPE_UPDATED", "Ticket type updated", "แก้ไขประเภทบัตรแล้ว", "نوع بلیت به‌روزرسانی شد"),
    ("TICKET_VOID", "This ticket was taken back", "บัตรนี้ถูกยกเลิกแล้ว", "این بلیت باطل شده است"),
    ("TIMEOUT", "This took too long; please try again", "ใช้เวลานานเกินไป โปรดลองอีกครั้ง", "درخواست بیش از حد طول کشید؛ دوباره تلاش کنید"),
    ("TOKEN_EXPIRED", "The token has ended; please sign in again", "โทเค็นหมดอายุแล้ว โปรดเข้าสู่ระบบใหม่", "توکن منقضی شده است؛ دوباره وارد شوید"),
    ("TOO_BIG", "must be at most {}", "ต้องไม่เกิน {}", "باید حداکثر {} باشد"),
    ("TOO_LATE", "The server was held up and did nothing; please try again", "เซิร์ฟเวอร์ล่าช้าและยังไม่ได้ดำเนินการใด โปรดลองอีกครั้ง", "سرور معطل شد و کاری انجام نداد؛ دوباره تلاش کنید"),
    ("TOO_LONG", "must have at most {} characters", "ต้องไม่เกิน {} อักขระ", "باید حداکثر {} نویسه باشد"),
    ("TOO_MANY", "must have at most {} entries", "ต้องไม่เกิน {} รายการ", "باید حداکثر {} مورد داشته باشد"),
    ("TOO_MANY_OFFERS", "This ticket was offered too often; please wait", "มีการเสนอโอนบัตรนี้บ่อยเกินไป โปรดรอสักครู่", "این بلیت بیش از حد پیشنهاد شده است؛ لطفاً صبر کنید"),
    ("TOO_MANY_ORGANIZATIONS", "This user is in as many organizations as one may be", "ผู้ใช้นี้อยู่ในองค์กรครบจำนวนแล้ว", "این کاربر در بیشترین شمار سازمان‌هاست"),
    ("TOO_MANY_RULES", "The event has as many of these as it may", "งานนี้มีรายการเหล่านี้ครบจำนวนสูงสุดแล้ว", "رویداد به سقف تعداد این موارد رسیده است"),
    ("TOO_MANY_SUBSCRIPTIONS", "You have asked for as many notifications as one may", "คุณขอรับการแจ้งเตือนครบจำนวนที่ขอได้แล้ว", "شما به بیشترین شمار اعلان‌ها رسیده‌اید"),
    ("TOO_SHORT", "must have at least {} characters", "ต้องมีอย่างน้อย {} อักขระ", "باید دست‌کم {} نویسه داشته باشد"),
    ("TOO_SMALL", "must be at least {}", "ต้องไม่น้อยกว่า {}", "باید حداقل {} باشد"),
    ("TRANSFERS_CLOSED", "Tickets of this event can no longer be handed on", "ไม่สามารถโอนบัตรของงานนี้ได้แล้ว", "انتقال بلیت‌های این رویداد دیگر ممکن نیست"),
    ("TRANSFER_ACCEPTED", "The ticket is yours", "บัตรเป็นของคุณแล้ว", "بلیت مال شماست"),
    ("TRANSFER_CANCELLED", "Transfer withdrawn", "ยกเลิกการโอนแล้ว", "انتقال پس گرفته شد"),
    ("TRANSFER_CREATED", "Ticket offered; it goes over when the link in the mail is used", "เสนอโอนบัตรแล้ว จะโอนเมื่อผู้รับใช้ลิงก์ในอีเมล", "بلیت پیشنهاد شد؛ با استفاده از پیوند ایمیل منتقل می‌شود"),
    ("TRANSFER_NOT_FOUND", "Transfer not found", "ไม่พบการโอน", "انتقال یافت نشد"),
    ("TRANSFER_PENDING", "This ticket is already being handed on", "บัตรนี้อยู่ระหว่างการโอน", "این بلیت در حال انتقال است"),
    ("TRIAL_BALANCE", "Trial balance retrieved", "ดึงงบทดลองแล้ว", "تراز آزمایشی دریافت شد"),
    ("UNAUTHENTICATED", "Please sign in", "โปรดเข้าสู่ระบบ", "لطفاً وارد شوید"),
    ("UNAVAILABLE", "The service is not available at the moment", "ระบบไม่พร้อมให้บริการชั่วคราว", "سرویس در حال حاضر در دسترس نیست"),
    ("UNHEALTHY", "Not everything is up", "ระบบบางส่วนไม่ทำงาน", "بخشی از سامانه برقرار نیست"),
    ("UNKNOWN_FIELD", "is not known here", "ไม่ใช่ฟิลด์ที่รู้จัก", "فیلد شناخته‌شده‌ای نیست"),
    ("UNKNOWN_FIELDS", "There are fields that are not known here", "มีฟิลด์ที่ไม่รู้จัก", "فیلدهایی هست که اینجا شناخته نیستند"),
    ("UNKNOWN_PAYMENT", "This payment is not known here, yet", "ยังไม่รู้จักการชำระเงินนี้", "این پرداخت هنوز شناخته نیست"),
    ("UNSUPPORTED_ENCODING", "The body's encoding is not understood", "ไม่รองรับการเข้ารหัสของเนื้อหาคำขอ", "کدگذاری بدنهٔ درخواست پشتیبانی نمی‌شود"),
    ("USER", "User retrieved", "ดึงข้อมูลผู้ใช้แล้ว", "کاربر دریافت شد"),
    ("USERS", "Users retrieved", "ดึงรายชื่อผู้ใช้แล้ว", "کاربران دریافت شدند"),
    ("USER_CHANGED", "User changed", "แก้ไขผู้ใช้แล้ว", "کاربر تغییر کرد"),
    ("USER_CREATED", "User created", "สร้างผู้ใช้แล้ว", "کاربر ساخته شد"),
    ("USER_NOT_FOUND", "User not found", "ไม่พบผู้ใช้", "کاربر یافت نشد"),
    ("VALIDATION_FAILED", "Validation failed", "ข้อมูลไม่ถูกต้อง", "اعتبارسنجی ناموفق بود"),
    ("VERSION_CONFLICT", "The event has changed meanwhile", "งานถูกแก้ไขไปแล้วในระหว่างนี้", "رویداد در این میان تغییر کرده است"),
    ("VOUCHERS", "Vouchers retrieved", "ดึงบัตรกำนัลแล้ว", "کدهای تخفیف دریافت شدند"),
    ("VOUCHER_CODE_TAKEN", "The event has a voucher with this code already", "งานนี้มีบัตรกำนัลรหัสนี้แล้ว", "رویداد از پیش کد تخفیفی با این کد دارد"),
    ("VOUCHER_CREATED", "Voucher created", "สร้างบัตรกำนัลแล้ว", "کد تخفیف ساخته شد"),
    ("VOUCHER_DELETED", "Voucher deleted", "ลบบัตรกำนัลแล้ว", "کد تخفیف حذف شد"),
    ("VOUCHER_ENDED", "The voucher is no longer valid", "บัตรกำนัลหมดอายุแล้ว", "اعتبار کد تخفیف پایان یافته است"),
    ("VOUCHER_IN_USE", "Bookings have used the voucher; let it end instead", "มีการจองที่ใช้บัตรกำนัลนี้แล้ว โปรดกำหนดวันหมดอายุแทน", "رزروهایی از این کد تخفیف استفاده کرده‌اند؛ به‌جای حذف، به آن پایان دهید"),
    ("VOUCHER_NOT_APPLICABLE", "The voucher is not for these tickets", "บัตรกำนัลนี้ใช้กับบัตรเหล่านี้ไม่ได้", "این کد تخفیف برای این بلیت‌ها نیست"),
    ("VOUCHER_NOT_FOUND", "Voucher not found", "ไม่พบบัตรกำนัล", "کد تخفیف یافت نشد"),
    ("VOUCHER_NOT_STARTED", "The voucher is not valid yet", "ยังไม่ถึงเวลาใช้บัตรกำนัล", "اعتبار کد تخفیف هنوز آغاز نشده است"),
    ("VOUCHER_UPDATED", "Voucher updated", "แก้ไขบัตรกำนัลแล้ว", "کد تخفیف به‌روزرسانی شد"),
    ("VOUCHER_USED_UP", "The voucher is used up", "บัตรกำนัลถูกใช้ครบแล้ว", "کد تخفیف تا سقف استفاده شده است"),
    ("VOUCHER_USES_BELOW_USED", "More bookings than that use the voucher", "มีการจองที่ใช้บัตรกำนัลนี้มากกว่าจำนวนดังกล่าว", "رزروهای بیشتری از این کد تخفیف استفاده می‌کنند"),
    ("WAITING", "On the waitlist", "อยู่ในรายชื่อรอ", "در فهرست انتظار"),
    ("WAITING_NOT_FOUND", "There is no such place on a waitlist", "ไม่พบรายการในรายชื่อรอ", "چنین جایی در فهرست انتظار نیست"),
    ("WAITLIST", "Waitlist", "รายชื่อรอ", "فهرست انتظار"),
    ("WEAK_KEY", "Without an account the Idempotency-Key must have at least 16 characters, such as a random UUID", "หากไม่มีบัญชี Idempotency-Key ต้องมีอย่างน้อย 16 อักขระ เช่น UUID แบบสุ่ม", "بدون حساب کاربری Idempotency-Key باید دست‌کم ۱۶ نویسه داشته باشد، مانند یک UUID تصادفی"),
    ("WEBHOOK_TAKEN", "Taken in", "รับแล้ว", "دریافت شد"),
    ("WRONG_EVENT", "This ticket is for another event", "บัตรนี้เป็นของงานอื่น", "این بلیت برای رویداد دیگری است"),
    ("YEAR_OUT_OF_RANGE", "must be in the years {}", "ต้องอยู่ในช่วงปี {}", "باید در سال‌های {} باشد"),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_sentence_keeps_its_blank() {
        for pair in TABLE.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} before {}", pair[0].0, pair[1].0);
        }
        for (key, en, th, fa) in TABLE {
            for sentence in [en, th, fa] {
                assert!(!sentence.is_empty(), "{key}");
                assert_eq!(sentence.contains("{}"), en.contains("{}"), "{key}");
            }
        }
    }

    /// An alert on a code that is counted among others would be blind.
    #[test]
    fn the_metrics_have_room_for_every_code() {
        assert!(TABLE.len() <= crate::metrics::VALUES_MAX);
    }

    /// Everything in the sources of REST and of the rules that is spelt like a code.
    fn codes_named() -> std::collections::BTreeSet<String> {
        fn files(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => files(&path, found),
                    false => found.push(path),
                }
            }
        }
        let mut found = Vec::new();
        for folder in ["src/api", "src/ticketing"] {
            let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
            files(&root.join(folder), &mut found);
        }
        let mut codes = std::collections::BTreeSet::new();
        for path in found {
            let text = std::fs::read_to_string(path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let quoted = code.split('"').skip(1).step_by(2);
            let others = ["_", "CARGO_PKG_VERSION", "SCREAMING_SNAKE_CASE"];
            let is_code = |text: &&str| {
                text.contains('_')
                    && !others.contains(text)
                    && text.chars().all(|c| c.is_ascii_uppercase() || c == '_')
            };
            codes.extend(quoted.filter(is_code).map(str::to_owned));
        }
        codes
    }

    #[test]
    fn every_code_has_a_sentence_in_each_language() {
        let codes = codes_named();
        assert!(codes.len() > 80, "the scan finds codes: {}", codes.len());
        for code in codes {
            let row = TABLE.binary_search_by_key(&code.as_str(), |row| row.0);
            assert!(row.is_ok(), "{code} has no sentence");
        }
    }
}
