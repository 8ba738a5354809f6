/**
 * THE DESK'S PAGES: one row each, with address, name and the right that it needs. A page's files are in a folder of their
 * own, and are loaded when it is opened. The server answers exactly these addresses with the desk (`src/web.rs`).
 */
import { html, type TemplateResult } from 'lit';
import type { Translations } from '../elements/internal/language.ts';
import type { EventDetails } from '../sdk/index.ts';
import type { Right } from './rights.ts';

/** The parts of its address that a page gets. */
export interface Visit {
  /** By name: those in braces in the row's `path`. */
  parameters: Readonly<Record<string, string>>;
  /** Of pages below `/desk/events/{id}`. */
  event: EventDetails | undefined;
}

export interface PageRow {
  path: string;
  name: Translations<string>;
  /** Where it is linked: in the desk's header, among the pages of an event, or on other pages only. */
  linked: 'desk' | 'event' | 'elsewhere';
  /** One of them, of the event's organization, or of any. */
  right: Right | readonly Right[];
  load: () => Promise<unknown>;
  view: (visit: Visit) => TemplateResult;
}

export const PAGES: readonly PageRow[] = [
  {
    path: '/desk',
    name: { en: 'Events', th: 'งาน', fa: 'رویدادها' },
    linked: 'desk',
    right: 'see',
    load: () => import('./events/events-page.ts'),
    view: () => html`<desk-events></desk-events>`,
  },
  {
    path: '/desk/taxes',
    name: { en: 'Taxes', th: 'ภาษี', fa: 'مالیات‌ها' },
    linked: 'desk',
    right: 'manage',
    load: () => import('./prices/organization-taxes-page.ts'),
    view: () => html`<desk-organization-taxes></desk-organization-taxes>`,
  },
  {
    path: '/desk/events/new',
    name: { en: 'New event', th: 'สร้างงานใหม่', fa: 'رویداد تازه' },
    linked: 'elsewhere',
    right: 'manage',
    load: () => import('./event-form/new-event-page.ts'),
    view: () => html`<desk-new-event></desk-new-event>`,
  },
  {
    path: '/desk/events/{id}',
    name: { en: 'Live', th: 'สด', fa: 'زنده' },
    linked: 'event',
    right: 'see',
    load: () => import('./dashboard/dashboard-page.ts'),
    view: ({ event }) => html`<desk-dashboard .event=${event}></desk-dashboard>`,
  },
  {
    path: '/desk/events/{id}/edit',
    name: { en: 'Details', th: 'รายละเอียด', fa: 'جزئیات' },
    linked: 'event',
    right: 'manage',
    load: () => import('./event-form/edit-event-page.ts'),
    view: ({ event }) => html`<desk-edit-event .event=${event}></desk-edit-event>`,
  },
  {
    path: '/desk/events/{id}/tickets',
    name: { en: 'Ticket types', th: 'ประเภทบัตร', fa: 'انواع بلیت' },
    linked: 'event',
    right: 'manage',
    load: () => import('./tickets/tickets-page.ts'),
    view: ({ event }) => html`<desk-tickets .event=${event}></desk-tickets>`,
  },
  {
    path: '/desk/events/{id}/prices',
    name: { en: 'Vouchers, fees, taxes', th: 'บัตรส่วนลด ค่าธรรมเนียม ภาษี', fa: 'تخفیف، کارمزد، مالیات' },
    linked: 'event',
    right: 'manage',
    load: () => import('./prices/prices-page.ts'),
    view: ({ event }) => html`<desk-prices .event=${event}></desk-prices>`,
  },
  {
    path: '/desk/events/{id}/notices',
    name: { en: 'Notices', th: 'ประกาศ', fa: 'اعلان‌ها' },
    linked: 'event',
    right: 'manage',
    load: () => import('./notices/notices-page.ts'),
    view: ({ event }) => html`<desk-notices .event=${event}></desk-notices>`,
  },
  {
    path: '/desk/events/{id}/seats',
    name: { en: 'Seat map', th: 'ผังที่นั่ง', fa: 'نقشهٔ صندلی' },
    linked: 'event',
    right: 'manage',
    load: () => import('./seats/seats-page.ts'),
    view: ({ event }) => html`<desk-seats .event=${event}></desk-seats>`,
  },
  {
    path: '/desk/events/{id}/replay',
    name: { en: 'Replay', th: 'เล่นย้อน', fa: 'بازپخش' },
    linked: 'event',
    right: 'figures',
    load: () => import('./replay/replay-page.ts'),
    view: ({ event }) => html`<desk-replay .event=${event}></desk-replay>`,
  },
  // The bookings of an event, and what follows from them.
  {
    path: '/desk/events/{id}/bookings',
    name: { en: 'Bookings', th: 'การจอง', fa: 'رزروها' },
    linked: 'event',
    right: ['sell', 'figures'],
    load: () => import('./bookings/bookings-page.ts'),
    view: ({ event }) => html`<desk-bookings .event=${event}></desk-bookings>`,
  },
  {
    path: '/desk/events/{id}/bookings/{booking}',
    name: { en: 'Booking', th: 'การจอง', fa: 'رزرو' },
    linked: 'elsewhere',
    right: ['sell', 'figures'],
    load: () => import('./bookings/booking-page.ts'),
    view: ({ event, parameters }) => html`<desk-booking .event=${event} .number=${parameters['booking']}></desk-booking>`,
  },
  {
    path: '/desk/events/{id}/doors',
    name: { en: 'Door list', th: 'รายชื่อหน้าประตู', fa: 'فهرست ورود' },
    linked: 'event',
    right: 'check_in',
    load: () => import('./event-lists/door-list-page.ts'),
    view: ({ event }) => html`<desk-door-list .event=${event}></desk-door-list>`,
  },
  {
    path: '/desk/events/{id}/waitlist',
    name: { en: 'Waitlist', th: 'รายการรอ', fa: 'فهرست انتظار' },
    linked: 'event',
    right: 'sell',
    load: () => import('./event-lists/waitlist-page.ts'),
    view: ({ event }) => html`<desk-waitlist .event=${event}></desk-waitlist>`,
  },
  {
    path: '/desk/events/{id}/mails',
    name: { en: 'Mails', th: 'อีเมล', fa: 'ایمیل‌ها' },
    linked: 'event',
    right: 'sell',
    load: () => import('./event-lists/mails-page.ts'),
    view: ({ event }) => html`<desk-mails .event=${event}></desk-mails>`,
  },
  {
    path: '/desk/events/{id}/payout',
    name: { en: 'Payout', th: 'ยอดรับ', fa: 'دریافتی' },
    linked: 'event',
    right: 'money',
    load: () => import('./event-lists/payout-page.ts'),
    view: ({ event }) => html`<desk-payout .event=${event}></desk-payout>`,
  },
  {
    path: '/desk/review',
    name: { en: 'For a person', th: 'รอคนตัดสิน', fa: 'برای تصمیم' },
    linked: 'desk',
    right: ['money', 'manage'],
    load: () => import('./organization/review-page.ts'),
    view: () => html`<desk-review></desk-review>`,
  },
  {
    path: '/desk/ledger',
    name: { en: 'Books', th: 'บัญชี', fa: 'دفترها' },
    linked: 'desk',
    right: 'money',
    load: () => import('./organization/ledger-page.ts'),
    view: () => html`<desk-ledger></desk-ledger>`,
  },
  {
    path: '/desk/people',
    name: { en: 'People', th: 'ทีมงาน', fa: 'همکاران' },
    linked: 'desk',
    right: 'see',
    load: () => import('./organization/people-page.ts'),
    view: () => html`<desk-people></desk-people>`,
  },
  {
    path: '/desk/trail',
    name: { en: 'Audit trail', th: 'บันทึกการตรวจสอบ', fa: 'ردّ بازرسی' },
    linked: 'desk',
    right: 'people',
    load: () => import('./organization/trail-page.ts'),
    view: () => html`<desk-trail></desk-trail>`,
  },
];
