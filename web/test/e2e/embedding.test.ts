import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { launch, open, textOf } from '../support/browser.ts';
import { makeEvent, sql } from '../support/world.ts';

const { url } = inject('seatcast');
let browser: Browser;
let elsewhere: Server;
let eventId: number;
let typeId: number;

beforeAll(async () => {
  ({ id: eventId, typeId } = await makeEvent('Embedded', 30));
  elsewhere = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(`<!doctype html><title>Somebody's blog</title>
      <script type="module" src="${url}/embed/seatcast.js"></script>
      <seatcast-availability event="${eventId}"></seatcast-availability>
      <seatcast-booking event="${eventId}"><seatcast-ticket-types event="${eventId}"></seatcast-ticket-types></seatcast-booking>`);
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  elsewhere?.close();
});

it('a page of another site shows and sells live tickets with one script and three tags', async () => {
  const { port } = elsewhere.address() as AddressInfo;
  const { page, errors } = await open(browser, `http://127.0.0.1:${port}/`);
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
