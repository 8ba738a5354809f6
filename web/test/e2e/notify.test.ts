import { AxeBuilder } from '@axe-core/playwright';
import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
// @ts-expect-error: the tests' push service is plain JavaScript, for the server's tests as well.
import { pushService } from '../../../tests/push/service.mjs';
import { launch, open, picture, textOf } from '../support/browser.ts';
import { makeEvent, number, rest, seatcast, sql } from '../support/world.ts';

/**
 * Messages to browsers, from the button to the notification. Chromium's own push service is on the internet, so `pushManager` is
 * scripted, with a subscription at the tests' push service; that decrypts what the server sends, and the message is given to the
 * real service worker by the browser's debugger.
 */
const { url } = seatcast();

interface Heard {
  browser: string;
  message: { title: string; body: string; url: string };
  wrong: string[];
  status: number;
}

let browser: Browser;
let service: Server;
let origin: string;
let heard: Heard[] = [];

beforeAll(async () => {
  browser = await launch();
  service = pushService((one: Heard) => heard.push(one)) as Server;
  await new Promise<void>((listening) => service.listen(0, '127.0.0.1', listening));
  origin = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  heard = [];
});
afterAll(async () => {
  await browser?.close();
  service?.close();
});

async function newSubscription(name: string): Promise<object> {
  const answer = await fetch(`${origin}/_control`, { method: 'POST', body: JSON.stringify({ browser: name }) });
  return (await answer.json()) as object;
}

/** The browser's subscription at its push service lives in the storage, so that a reload finds it. */
async function scripted(context: BrowserContext, subscription: object): Promise<void> {
  await context.addInitScript((json) => {
    const made = { toJSON: () => json, unsubscribe: () => (localStorage.removeItem('test.key'), Promise.resolve(true)) };
    const bytesOf = (key: string): ArrayBuffer => Uint8Array.from(atob(key.replaceAll('-', '+').replaceAll('_', '/')), (sign) => sign.charCodeAt(0)).buffer;
    const there = (): unknown => {
      const key = localStorage.getItem('test.key');
      return key === null ? null : { ...made, options: { applicationServerKey: bytesOf(key) } };
    };
    Object.assign(PushManager.prototype, {
      getSubscription: () => Promise.resolve(there()),
      subscribe: ({ applicationServerKey }: { applicationServerKey: string }) => (localStorage.setItem('test.key', applicationServerKey), Promise.resolve(there())),
    });
  }, subscription);
}

/** A visitor whose browser may notify. */
async function visitor(path: string, name: string, options: { locale?: string; colorScheme?: 'dark'; storage?: Record<string, string> } = {}): Promise<{ page: Page; context: BrowserContext; errors: string[] }> {
  const { page, context, errors } = await open(browser, `${url}/favicon.svg`, { locale: options.locale ?? 'en', ...(options.colorScheme ? { colorScheme: options.colorScheme } : {}) });
  await context.grantPermissions(['notifications'], { origin: url });
  await scripted(context, await newSubscription(name));
  await page.goto(url + path);
  return { page, context, errors };
}

async function soldOut(title: string): Promise<{ id: number; typeId: number }> {
  const event = await makeEvent(title, 2);
  await rest('POST', '/bookings', { event_id: event.id, items: [{ ticket_type_id: event.typeId, quantity: 2 }] }, 4);
  return event;
}

/** Those that are told of an event, at their push services. */
async function endpointsOf(event: number): Promise<string> {
  return sql(`select string_agg(e.endpoint, ' ') from push_subscriptions s join push_endpoints e on e.id = s.endpoint_id where s.event_id = ${event}`);
}

/** The message comes to the service worker as the browser's own push service would bring it; answers what is shown. */
async function delivered(context: BrowserContext, page: Page, message: object): Promise<{ title: string; body: string; tag: string; dir: string }[]> {
  const debugged = await context.newCDPSession(page);
  const registered = new Promise<string>((found) => {
    debugged.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const own = registrations.find(({ isDeleted, scopeURL }) => !isDeleted && scopeURL === `${url}/`);
      if (own) found(own.registrationId);
    });
  });
  await debugged.send('ServiceWorker.enable');
  // A push to a worker that is still being installed is lost without a word.
  await page.evaluate(async () => {
    const { active } = await navigator.serviceWorker.ready;
    while (active!.state !== 'activated') await new Promise((changed) => active!.addEventListener('statechange', changed, { once: true }));
  });
  // The worker says when it has shown it. To ask the browser meanwhile takes away what it knows and does not show yet.
  await expect.poll(() => context.serviceWorkers().length).toBe(1);
  const [worker] = context.serviceWorkers();
  await worker!.evaluate(() => {
    const scope = globalThis as unknown as { registration: ServiceWorkerRegistration; shown: Promise<void> };
    const show = scope.registration.showNotification.bind(scope.registration);
    scope.shown = new Promise((done, failed) => {
      scope.registration.showNotification = (...words) => {
        const showing = show(...words);
        showing.then(done, failed);
        return showing;
      };
    });
  });
  await debugged.send('ServiceWorker.deliverPushMessage', { origin: url, registrationId: await registered, data: JSON.stringify(message) });
  await worker!.evaluate(() => (globalThis as unknown as { shown: Promise<void> }).shown);
  return page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    return (await registration.getNotifications()).map(({ title, body, tag, dir }) => ({ title, body, tag, dir }));
  });
}

it('tickets of a sold out event that come back are told to who asked for it, once, also after a reload', async () => {
  const { id, typeId } = await soldOut('Back again');
  const { page, context, errors } = await visitor(`/events/${id}`, 'phone');
  const ask = page.getByRole('button', { name: 'Tell me when tickets are back' });
  await ask.waitFor();
  await picture(page, 'notify sold out');
  await ask.click();
  const off = page.getByRole('button', { name: 'Do not tell me' });
  await off.waitFor();
  expect(await number(`select count(*) from push_subscriptions where event_id = ${id} and kind = 'tickets_back'`)).toBe(1);
  await picture(page, 'notify asked');

  // The browser and the server know it, the page has kept nothing.
  await page.evaluate(() => localStorage.removeItem('seatcast.push'));
  await page.reload();
  await off.waitFor();
  await off.click();
  await ask.waitFor();
  expect(await number(`select count(*) from push_subscriptions where event_id = ${id}`)).toBe(0);
  await ask.click();
  await off.waitFor();

  await sql(`update ticket_types set capacity = 5 where id = ${typeId}; update events set capacity = 5 where id = ${id}`);
  await expect.poll(() => heard.length).toBe(1);
  const [told] = heard;
  expect(told).toMatchObject({ browser: 'phone', wrong: [], status: 201, message: { title: 'Tickets are back', url: `/events/${id}` } });
  const shown = await delivered(context, page, told!.message);
  expect(shown).toEqual([expect.objectContaining({ title: 'Tickets are back', body: 'Back again: tickets are on sale again.' })]);
  // There is nothing to wait for any more.
  await expect.poll(() => page.locator('seatcast-notify-me').count()).toBe(0);
  expect(errors).toEqual([]);
});

it('a click leads to the tab that shows the page, or opens it', async () => {
  const { id } = await soldOut('Clicked');
  const { page, context } = await visitor(`/events/${id}`, 'desktop');
  await page.getByRole('button', { name: 'Tell me when tickets are back' }).waitFor();
  const message = { title: 'Tickets are back', body: 'Clicked', tag: 'seatcast-1', lang: 'en', dir: 'ltr' };
  await delivered(context, page, { ...message, url: `/events/${id}` });
  await expect.poll(() => context.serviceWorkers().length).toBe(1);
  const [worker] = context.serviceWorkers();
  // A script's click does not count as a person's, so what it would do is written down.
  const clicked = (path: string): Promise<string[]> =>
    worker!.evaluate(async (target) => {
      const scope = globalThis as unknown as { registration: ServiceWorkerRegistration; clients: object; WindowClient: { prototype: object }; NotificationEvent: new (type: string, of: object) => Event };
      const done: string[] = [];
      Object.assign(scope.clients, { openWindow: (to: string) => Promise.resolve(void done.push(`opens ${to}`)) });
      Object.assign(scope.WindowClient.prototype, {
        focus(this: { url: string }) {
          done.push(`focuses ${new URL(this.url).pathname}`);
          return Promise.resolve(this);
        },
      });
      await scope.registration.showNotification('Seatcast', { tag: 'clicked', data: { url: target } });
      const [notification] = await scope.registration.getNotifications({ tag: 'clicked' });
      dispatchEvent(new scope.NotificationEvent('notificationclick', { notification }));
      while (done.length === 0) await new Promise((next) => setTimeout(next));
      return done;
    }, path);
  expect(await clicked(`/events/${id}`)).toEqual([`focuses /events/${id}`]);
  expect(await clicked('/bookings')).toEqual(['opens /bookings']);
});

it('the end of a hold is told in Persian, asked for on its event and shown on its own page', async () => {
  const { id } = await makeEvent('Held', 9);
  const { page, context } = await visitor(`/events/${id}`, 'phone', { locale: 'fa', colorScheme: 'dark' });
  await expect.poll(() => page.evaluate(() => document.documentElement.lang)).toBe('fa');
  await page.locator('seatcast-ticket-types button').last().click();
  await page.locator('seatcast-booking .panel .button.primary').click();
  const ask = page.getByRole('button', { name: 'پیش از پایان مهلت یادآوری کنید' });
  await ask.waitFor();
  await ask.click();
  const off = page.getByRole('button', { name: 'خبرم نکنید' });
  await off.waitFor();
  await picture(page, 'notify hold fa dark');
  const booking = await sql(`select booking_id from push_subscriptions where event_id = ${id}`);
  await page.goto(`${url}/bookings/${booking}`);
  await off.waitFor();
  await picture(page, 'notify hold page fa dark');

  await sql(`update bookings set expires_at = now() + interval '2 minutes' where id = '${booking}'; update jobs set run_at = now() where kind = 'push' and event_id = ${id}`);
  await expect.poll(() => heard.length).toBe(1);
  expect(heard[0]).toMatchObject({ wrong: [], message: { url: `/bookings/${booking}`, lang: 'fa' } });
  const [shown] = await delivered(context, page, heard[0]!.message);
  expect(shown).toMatchObject({ title: 'بهای بلیت‌های شما هنوز پرداخت نشده است', dir: 'rtl' });
  expect(shown!.body).toMatch(/تا [۰-۹]{2}:[۰-۹]{2} برای شما/);
});

it('one sold out type of several is waited for by its name', async () => {
  const { id } = await makeEvent('Two types', 10);
  await sql(`insert into ticket_types (event_id, name, capacity) values (${id}, 'Balcony', 1)`);
  const balcony = await number(`select max(id) from ticket_types where event_id = ${id}`);
  await rest('POST', '/bookings', { event_id: id, items: [{ ticket_type_id: balcony, quantity: 1 }] }, 4);
  const { page } = await visitor(`/events/${id}`, 'phone', { locale: 'th' });
  const ask = page.getByRole('button', { name: 'แจ้งฉันเมื่อมีบัตรอีกครั้ง · Balcony' });
  await ask.click();
  await page.getByRole('button', { name: 'ไม่ต้องแจ้ง' }).waitFor();
  await picture(page, 'notify one type th');
  expect(await number(`select ticket_type_id from push_subscriptions where event_id = ${id}`)).toBe(balcony);
  expect(await sql(`select lang from push_subscriptions where event_id = ${id}`)).toBe('th');
});

it('a browser with another subscription takes along what it is to be told', async () => {
  const { id } = await soldOut('Moved');
  const { page, context } = await visitor(`/events/${id}`, 'before');
  await page.getByRole('button', { name: 'Tell me when tickets are back' }).click();
  const off = page.getByRole('button', { name: 'Do not tell me' });
  await off.waitFor();
  await scripted(context, await newSubscription('after'));
  await page.reload();
  await off.waitFor();
  expect(await number(`select count(*) from push_subscriptions where event_id = ${id}`)).toBe(1);
  await off.click();
  await expect.poll(() => number(`select count(*) from push_subscriptions where event_id = ${id}`)).toBe(0);
});

it('a browser that is given another subscription while no page is open tells the server, and hears by the new one', async () => {
  const { id, typeId } = await soldOut('Moved by the service');
  const { page, context } = await visitor(`/events/${id}`, 'old');
  await page.getByRole('button', { name: 'Tell me when tickets are back' }).click();
  await page.getByRole('button', { name: 'Do not tell me' }).waitFor();
  await expect.poll(() => context.serviceWorkers().length).toBe(1);
  const [worker] = context.serviceWorkers();
  const before = await page.evaluate(async () => (await (await navigator.serviceWorker.ready).pushManager.getSubscription())!.toJSON());
  await page.goto('about:blank');
  const after = await newSubscription('new');
  // Browsers let no script make subscriptions, nor the event of one: the worker is given what it reads of them.
  await worker!.evaluate(
    ([old, made]) => {
      const scope = globalThis as unknown as { ExtendableEvent: new (type: string) => Event; registration: { pushManager: object } };
      Object.assign(scope.registration.pushManager, { subscribe: ({ applicationServerKey }: { applicationServerKey: string }) => Promise.resolve({ toJSON: () => (applicationServerKey === 'of the old one' ? made : {}) }) });
      const oldSubscription = { options: { userVisibleOnly: true, applicationServerKey: 'of the old one' }, toJSON: () => old };
      dispatchEvent(Object.assign(new scope.ExtendableEvent('pushsubscriptionchange'), { oldSubscription, newSubscription: null }));
    },
    [before, after],
  );
  const { endpoint } = after as { endpoint: string };
  await expect.poll(() => endpointsOf(id)).toBe(endpoint);
  await sql(`update ticket_types set capacity = 5 where id = ${typeId}; update events set capacity = 5 where id = ${id}`);
  await expect.poll(() => heard.map(({ browser: name, wrong }) => [name, wrong])).toEqual([['new', []]]);
});

it('a browser that lost its subscription without a word is given another, and is told what was asked for', async () => {
  const { id } = await soldOut('Lost');
  const { page, context } = await visitor(`/events/${id}`, 'before');
  await page.getByRole('button', { name: 'Tell me when tickets are back' }).click();
  const off = page.getByRole('button', { name: 'Do not tell me' });
  await off.waitFor();
  const after = await newSubscription('after');
  await scripted(context, after);
  await page.evaluate(() => localStorage.removeItem('test.key'));
  await page.reload();
  await off.waitFor();
  const { endpoint } = after as { endpoint: string };
  expect(await endpointsOf(id)).toBe(endpoint);
});

it('where notifications are blocked it says so, and what to do', async () => {
  const { id } = await soldOut('Blocked');
  const { page, context } = await open(browser, `${url}/favicon.svg`, { locale: 'en' });
  await context.addInitScript(() => Object.defineProperty(Notification, 'permission', { get: () => 'denied' }));
  await scripted(context, await newSubscription('blocked'));
  await page.goto(`${url}/events/${id}`);
  await expect.poll(() => textOf(page.locator('seatcast-notify-me'))).toMatch(/are blocked\. Allow them/);
  expect(await page.getByRole('button', { name: /Tell me/ }).count()).toBe(0);
  await picture(page, 'notify blocked');
});

it('on a phone it stands in the line of the page, and axe finds nothing', async () => {
  const { id } = await soldOut('On a phone');
  const { page } = await visitor(`/events/${id}`, 'phone');
  await page.setViewportSize({ width: 320, height: 800 });
  const ask = page.getByRole('button', { name: 'Tell me when tickets are back' });
  await ask.scrollIntoViewIfNeeded();
  await picture(page, 'notify phone');
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id: rule, nodes }) => [rule, nodes.map(({ html }) => html)])).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
});

it('where the browser cannot be told anything nothing is shown', async () => {
  const { id } = await soldOut('Cannot');
  const { page, context } = await open(browser, `${url}/favicon.svg`);
  await context.addInitScript(() => void Reflect.deleteProperty(globalThis, 'PushManager'));
  await page.goto(`${url}/events/${id}`);
  await page.locator('seatcast-notify-me').waitFor({ state: 'attached' });
  await expect.poll(() => textOf(page.locator('seatcast-notify-me'))).toBe('');
});
