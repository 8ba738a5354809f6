import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, it } from 'vitest';
import { badge, badgeSays, launch, open } from '../support/browser.ts';
import { Link } from '../support/link.ts';
import { makeEvent, sql } from '../support/world.ts';

let browser: Browser;
let link: Link;

beforeAll(async () => {
  browser = await launch();
});
beforeEach(async () => {
  link = await Link.to(inject('seatcast').url);
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await link.close();
});
afterAll(async () => {
  await browser?.close();
});

it('a cut connection is shown as stale at once, then offline, and heals with what was missed', async () => {
  const { id, typeId } = await makeEvent('Cut', 50);
  const { page } = await open(browser, `${link.url}/events/${id}`);
  await badgeSays(page, /^50 left LIVE$/i);

  link.cut();
  await badgeSays(page, /^50 left STALE$/i);
  await sql(`update ticket_types set capacity = 40 where id = ${typeId}`);
  await badgeSays(page, /^50 left OFFLINE$/i);

  link.restore();
  // Whenever it says live, it says the truth.
  await expect.poll(() => badge(page), { timeout: 30_000 }).toMatch(/LIVE$/i);
  expect(await badge(page)).toMatch(/^40 left LIVE$/i);
});

it('a connection that carries nothing any more is noticed by the missing beats', async () => {
  const { id, typeId } = await makeEvent('Stalled', 50);
  const { page } = await open(browser, `${link.url}/events/${id}`);
  await badgeSays(page, /^50 left LIVE$/i);

  link.stall();
  await sql(`update ticket_types set capacity = 40 where id = ${typeId}`);
  await badgeSays(page, /^50 left STALE$/i);

  link.restore();
  await badgeSays(page, /^40 left LIVE$/i);
});

it('where WebSockets are blocked, polling keeps the numbers live', async () => {
  const { id, typeId } = await makeEvent('Polled', 50);
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.routeWebSocket(/realtime/, (socket) => socket.close({ code: 1011 }));
  await page.goto(`${link.url}/events/${id}`);
  await badgeSays(page, /^50 left LIVE$/i);
  await sql(`update ticket_types set capacity = 40 where id = ${typeId}`);
  await badgeSays(page, /^40 left LIVE$/i);
});
