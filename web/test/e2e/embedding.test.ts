import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { below, type Below } from '../support/below.ts';
import { launch, open, picture, textOf } from '../support/browser.ts';
import { makeEvent, seatcast, sql } from '../support/world.ts';

const { url } = seatcast();
let browser: Browser;
let elsewhere: Server;
/** The server once more, below a path of another host. */
let beside: Below;
let eventId: number;
let typeId: number;

beforeAll(async () => {
  beside = await below('/tickets', url);
  elsewhere = createServer((request, response) => {
    const server = request.url === '/below' ? beside.url : url;
    response.setHeader('content-type', 'text/html');
    response.end(`<!doctype html><title>Somebody's blog</title>
      <script type="module" src="${server}/embed/seatcast.js"></script>
      <seatcast-availability event="${eventId}"></seatcast-availability>
      <seatcast-booking event="${eventId}"><seatcast-ticket-types event="${eventId}"></seatcast-ticket-types></seatcast-booking>`);
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  elsewhere?.close();
  beside?.close();
});
beforeEach(async () => {
  ({ id: eventId, typeId } = await makeEvent('Embedded', 30));
});

it.each(['/', '/below'])('web_16: a page of another site (%s) shows and sells live tickets with one script and three tags', async (path) => {
  const { port } = elsewhere.address() as AddressInfo;
  const { page, errors } = await open(browser, `http://127.0.0.1:${port}${path}`);
  const badge = page.locator('body > seatcast-availability');
  await expect.poll(() => textOf(badge)).toMatch(/30 left\s+LIVE/i);
  await sql(`update ticket_types set capacity = 25 where id = ${typeId}`);
  await expect.poll(() => textOf(badge)).toMatch(/25 left\s+LIVE/i);
  await page.getByRole('button', { name: 'One more Standard' }).click();
  await page.getByRole('button', { name: 'Hold 1 ticket' }).click();
  await expect.poll(() => textOf(badge)).toMatch(/24 left\s+LIVE/i);
  await expect.poll(() => page.locator('seatcast-bookings [data-booking]').count()).toBe(1);
  expect(errors).toEqual([]);
});

it('all elements of a page have one connection, also those that were there before the script', async () => {
  const { port } = elsewhere.address() as AddressInfo;
  const { page } = await open(browser, `http://127.0.0.1:${port}/`);
  const isLive = (): Promise<void> => expect.poll(() => textOf(page.locator('body > seatcast-availability'))).toMatch(/30 left\s+LIVE/i);
  // Its connection is not counted.
  await isLive();
  let sockets = 0;
  page.on('websocket', () => void (sockets += 1));
  await page.reload();
  await isLive();
  expect(sockets).toBe(1);
});

it('a page in Persian sells in Persian, from right to left, and a page in Thai in Thai', async () => {
  const { port } = elsewhere.address() as AddressInfo;
  const { page, errors } = await open(browser, `http://127.0.0.1:${port}/`);
  const badge = page.locator('body > seatcast-availability');
  const panel = page.locator('seatcast-booking');
  await expect.poll(() => textOf(badge)).toMatch(/30 left/);
  await page.evaluate(() => document.documentElement.setAttribute('lang', 'fa'));
  await expect.poll(() => textOf(badge)).toBe('۳۰ باقی مانده زنده');
  expect(await panel.evaluate((element) => getComputedStyle(element).direction)).toBe('rtl');
  await page.getByRole('button', { name: 'یکی بیشتر Standard' }).click();
  await page.getByRole('button', { name: 'نگه داشتن ۱ بلیت' }).click();
  await expect.poll(() => textOf(page.locator('seatcast-bookings [data-booking]'))).toContain('برای شما نگه داشته شده');
  await picture(page, 'embedded in Persian');
  await page.evaluate(() => document.documentElement.setAttribute('lang', 'th'));
  await expect.poll(() => textOf(page.locator('seatcast-bookings [data-booking]'))).toContain('เก็บไว้ให้คุณ');
  expect(await panel.evaluate((element) => getComputedStyle(element).direction)).toBe('ltr');
  await picture(page, 'embedded in Thai');
  expect(errors).toEqual([]);
});
