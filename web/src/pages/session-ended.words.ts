import type { Translations } from '../elements/internal/language.ts';

interface Words {
  ended: string;
  kept: string;
  again: string;
  goOn: string;
  otherWay: string;
}

export const WORDS: Translations<Words> = {
  en: {
    ended: 'Your session has ended, and you are signed out.',
    kept: 'What you chose and typed is still here.',
    again: 'Sign in again',
    goOn: 'Go on without',
    otherWay: 'Forgot the password, or another way to sign in',
  },
  th: {
    ended: 'เซสชันของคุณสิ้นสุดแล้ว และคุณออกจากระบบแล้ว',
    kept: 'สิ่งที่คุณเลือกและพิมพ์ยังอยู่ที่นี่',
    again: 'เข้าสู่ระบบอีกครั้ง',
    goOn: 'ทำต่อโดยไม่เข้าสู่ระบบ',
    otherWay: 'ลืมรหัสผ่าน หรือเข้าสู่ระบบด้วยวิธีอื่น',
  },
  fa: {
    ended: 'نشست شما پایان یافته و از حساب بیرون آمده‌اید.',
    kept: 'آنچه برگزیدید و نوشتید همچنان اینجاست.',
    again: 'دوباره وارد شوید',
    goOn: 'ادامه بدون ورود',
    otherWay: 'فراموشی گذرواژه، یا راهی دیگر برای ورود',
  },
};
