import type { Translations } from '../elements/internal/language.ts';

interface Words {
  title: string;
  /** Roles of an organization, as one joins it. */
  roles: Readonly<Record<'owner' | 'manager' | 'box_office' | 'scanner' | 'finance', string>>;

  offered: string;
  offeredMeans: string;
  noAccountNeeded: string;
  takeTicket: string;
  taken: string;
  qrOf: (code: string) => string;
  seat: (section: string, row: string, number: string) => string;
  byMail: string;

  invitedSignIn: string;
  invitation: string;
  invited: (name: string) => string;
  join: string;
  notNow: string;
  joined: (role: string) => string;

  notConfirmed: string;
  myBookings: string;
  signOut: string;
  signOutEverywhere: string;
  signedOut: string;

  signIn: string;
  email: string;
  password: string;
  forgot: string;
  register: string;
  name: string;
  signedIn: string;
  registered: string;
  forgotSent: string;

  confirmEmail: string;
  confirmMeans: string;
  confirm: string;
  confirmed: string;
  confirmedAlready: string;

  newPassword: string;
  newPasswordLabel: string;
  setPassword: string;
  passwordSet: string;
}

export const WORDS: Translations<Words> = {
  en: {
    title: 'Account',
    roles: { owner: 'an owner', manager: 'a manager', box_office: 'box office', scanner: 'a scanner', finance: 'finance' },

    offered: 'A ticket for you',
    offeredMeans: 'Take it over: it is yours from then on, and the code that it had opens nothing any more.',
    noAccountNeeded: 'You need no account for it.',
    takeTicket: 'Take the ticket',
    taken: 'The ticket is yours.',
    qrOf: (code) => `QR code of ticket ${code}`,
    seat: (section, row, number) => `${section} · Row ${row} · Seat ${number}`,
    byMail: 'It is on its way to you by mail as well, to print and for the calendar.',

    invitedSignIn: 'You are invited to an organization. Sign in or register to join it.',
    invitation: 'An invitation',
    invited: (name) => `You are invited to an organization. You join it as ${name}.`,
    join: 'Join',
    notNow: 'Not now',
    joined: (role) => `You have joined the organization as ${role}.`,

    notConfirmed: 'This address is not confirmed yet: open the link in the mail that we sent.',
    myBookings: 'My bookings',
    signOut: 'Sign out',
    signOutEverywhere: 'Sign out everywhere',
    signedOut: 'You are signed out.',

    signIn: 'Sign in',
    email: 'E-mail',
    password: 'Password',
    forgot: 'Forgot the password?',
    register: 'Register',
    name: 'Name',
    signedIn: 'You are signed in.',
    registered: 'A mail is on its way to this address. Open its link to confirm it, then sign in.',
    forgotSent: 'If there is such an account, a mail is on its way.',

    confirmEmail: 'Confirm your e-mail address',
    confirmMeans: 'Type the password that you want to sign in with. Only you can: nobody else has this link.',
    confirm: 'Confirm',
    confirmed: 'Your e-mail address is confirmed. Sign in with this password.',
    confirmedAlready: 'Your e-mail address is confirmed already.',

    newPassword: 'A new password',
    newPasswordLabel: 'New password',
    setPassword: 'Set it',
    passwordSet: 'The password is set. Sign in with it.',
  },
  th: {
    title: 'บัญชี',
    roles: { owner: 'เจ้าของ', manager: 'ผู้จัดการ', box_office: 'ฝ่ายขายบัตร', scanner: 'ผู้ตรวจบัตร', finance: 'ฝ่ายการเงิน' },

    offered: 'มีบัตรสำหรับคุณ',
    offeredMeans: 'เมื่อคุณรับ บัตรจะเป็นของคุณ และรหัสเดิมจะใช้ไม่ได้อีก',
    noAccountNeeded: 'ไม่จำเป็นต้องมีบัญชี',
    takeTicket: 'รับบัตร',
    taken: 'บัตรเป็นของคุณแล้ว',
    qrOf: (code) => `คิวอาร์โค้ดของบัตร ${code}`,
    seat: (section, row, number) => `${section} · แถว ${row} · ที่นั่ง ${number}`,
    byMail: 'เรากำลังส่งบัตรให้คุณทางอีเมลด้วย สำหรับพิมพ์และลงปฏิทิน',

    invitedSignIn: 'คุณได้รับเชิญเข้าร่วมองค์กร โปรดเข้าสู่ระบบหรือสมัครเพื่อเข้าร่วม',
    invitation: 'คำเชิญ',
    invited: (name) => `คุณได้รับเชิญเข้าร่วมองค์กร โดยจะเข้าร่วมในชื่อ ${name}`,
    join: 'เข้าร่วม',
    notNow: 'ไว้ภายหลัง',
    joined: (role) => `คุณเข้าร่วมองค์กรในฐานะ${role}แล้ว`,

    notConfirmed: 'ที่อยู่อีเมลนี้ยังไม่ได้ยืนยัน โปรดเปิดลิงก์ในอีเมลที่เราส่งไป',
    myBookings: 'การจองของฉัน',
    signOut: 'ออกจากระบบ',
    signOutEverywhere: 'ออกจากระบบทุกอุปกรณ์',
    signedOut: 'ออกจากระบบแล้ว',

    signIn: 'เข้าสู่ระบบ',
    email: 'อีเมล',
    password: 'รหัสผ่าน',
    forgot: 'ลืมรหัสผ่านใช่ไหม',
    register: 'สมัครบัญชี',
    name: 'ชื่อ',
    signedIn: 'เข้าสู่ระบบแล้ว',
    registered: 'เรากำลังส่งอีเมลไปยังที่อยู่นี้ โปรดเปิดลิงก์เพื่อยืนยัน แล้วเข้าสู่ระบบ',
    forgotSent: 'หากมีบัญชีนี้ เรากำลังส่งอีเมลไป',

    confirmEmail: 'ยืนยันที่อยู่อีเมลของคุณ',
    confirmMeans: 'กรอกรหัสผ่านที่ต้องการใช้เข้าสู่ระบบ มีเพียงคุณที่ทำได้ เพราะไม่มีใครอื่นมีลิงก์นี้',
    confirm: 'ยืนยัน',
    confirmed: 'ยืนยันที่อยู่อีเมลแล้ว โปรดเข้าสู่ระบบด้วยรหัสผ่านนี้',
    confirmedAlready: 'ที่อยู่อีเมลของคุณยืนยันไปแล้ว',

    newPassword: 'รหัสผ่านใหม่',
    newPasswordLabel: 'รหัสผ่านใหม่',
    setPassword: 'ตั้งรหัสผ่าน',
    passwordSet: 'ตั้งรหัสผ่านแล้ว โปรดเข้าสู่ระบบด้วยรหัสนี้',
  },
  fa: {
    title: 'حساب کاربری',
    roles: { owner: 'مالک', manager: 'مدیر', box_office: 'گیشه', scanner: 'کنترل بلیت', finance: 'مالی' },

    offered: 'بلیتی برای شما',
    offeredMeans: 'آن را بگیرید: از آن پس از آنِ شماست و کد پیشین دیگر دری را باز نمی‌کند.',
    noAccountNeeded: 'برای این کار حساب لازم نیست.',
    takeTicket: 'گرفتن بلیت',
    taken: 'بلیت از آنِ شماست.',
    qrOf: (code) => `کد QR بلیت ${code}`,
    seat: (section, row, number) => `${section} · ردیف ${row} · صندلی ${number}`,
    byMail: 'با ایمیل هم برایتان فرستاده می‌شود، برای چاپ و برای تقویم.',

    invitedSignIn: 'به یک سازمان دعوت شده‌اید. برای پیوستن وارد شوید یا ثبت‌نام کنید.',
    invitation: 'یک دعوت',
    invited: (name) => `به یک سازمان دعوت شده‌اید. با نام ${name} به آن می‌پیوندید.`,
    join: 'پیوستن',
    notNow: 'اکنون نه',
    joined: (role) => `با نقش «${role}» به سازمان پیوستید.`,

    notConfirmed: 'این نشانی هنوز تأیید نشده است: پیوند ایمیلی را که فرستادیم باز کنید.',
    myBookings: 'رزروهای من',
    signOut: 'خروج',
    signOutEverywhere: 'خروج از همهٔ دستگاه‌ها',
    signedOut: 'خارج شدید.',

    signIn: 'ورود',
    email: 'ایمیل',
    password: 'گذرواژه',
    forgot: 'گذرواژه را فراموش کرده‌اید؟',
    register: 'ثبت‌نام',
    name: 'نام',
    signedIn: 'وارد شدید.',
    registered: 'ایمیلی به این نشانی در راه است. پیوند آن را برای تأیید باز کنید و سپس وارد شوید.',
    forgotSent: 'اگر چنین حسابی باشد، ایمیلی در راه است.',

    confirmEmail: 'نشانی ایمیلتان را تأیید کنید',
    confirmMeans: 'گذرواژه‌ای را که می‌خواهید با آن وارد شوید بنویسید. تنها شما می‌توانید: کس دیگری این پیوند را ندارد.',
    confirm: 'تأیید',
    confirmed: 'نشانی ایمیلتان تأیید شد. با این گذرواژه وارد شوید.',
    confirmedAlready: 'نشانی ایمیلتان پیش‌تر تأیید شده است.',

    newPassword: 'گذرواژهٔ تازه',
    newPasswordLabel: 'گذرواژهٔ تازه',
    setPassword: 'ثبت',
    passwordSet: 'گذرواژه ثبت شد. با آن وارد شوید.',
  },
};
