import type { Browser, Locator, Page } from 'playwright-core';
import { AxeBuilder } from '@axe-core/playwright';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { launch, open, picture, textOf } from '../support/browser.ts';
import { makeEvent, number, seatcast, sql } from '../support/world.ts';

/** The developers' page of a server in development mode. That others have none is a test of the server (`tests/it/auth.rs`). */
const { url } = seatcast();
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
});
afterAll(async () => {
  await browser?.close();
});

const said = (page: Page, what: string): Promise<string> => page.locator(`seatcast-dev [data-what=${what}]`).innerText();
const status = (page: Page): Promise<string | null> => page.locator('seatcast-dev .status').getAttribute('data-status');
const frames = (page: Page, event: string): Locator => page.locator(`seatcast-dev tr[data-event="${event}"]`);

it('frames are seen as they come, with their revisions and their age', async () => {
  const { id, typeId } = await makeEvent('Watched', 50);
  const { page, errors } = await open(browser, `${url}/dev?event=${id}`);
  await expect.poll(() => status(page)).toBe('live');
  await expect.poll(() => said(page, 'left')).toBe('50');
  await expect.poll(() => frames(page, 'phx_join').count()).toBeGreaterThan(0);
  const before = Number(await said(page, 'revision'));
  await sql(`update ticket_types set capacity = 40 where id = ${typeId}`);
  await expect.poll(() => said(page, 'left')).toBe('40');
  const update = frames(page, 'update').first();
  expect(await textOf(update)).toMatch(new RegExp(`← WebSocket event:${id} update ${before} → ${before + 1} \\d+`));
  await expect.poll(() => said(page, 'age')).toMatch(/^\d+\.\d s$/);
  await expect.poll(() => textOf(frames(page, 'beat').first())).toMatch(/newest \d+/);
  await picture(page, 'dev frames');
  expect(errors).toEqual([]);
});

it('roads are closed on purpose: streams, then polling, then nothing, and all the way back', async () => {
  const { id } = await makeEvent('Roads', 50);
  const { page } = await open(browser, `${url}/dev?event=${id}`);
  await expect.poll(() => status(page)).toBe('live');
  await expect.poll(() => said(page, 'road')).toBe('WebSocket');
  await page.getByLabel('WebSockets get through').uncheck();
  await expect.poll(() => said(page, 'road')).toBe('stream');
  await expect.poll(() => status(page)).toBe('live');
  await page.getByLabel('Server-sent events get through').uncheck();
  await expect.poll(() => said(page, 'road')).toBe('REST');
  await expect.poll(() => status(page)).toBe('live');
  await page.getByLabel('REST gets through').uncheck();
  await expect.poll(() => status(page), { timeout: 30_000 }).toBe('offline');
  await picture(page, 'dev offline');
  for (const road of ['WebSockets', 'Server-sent events', 'REST']) await page.getByLabel(`${road} get${road === 'REST' ? 's' : ''} through`).check();
  await page.getByRole('button', { name: 'Try again now' }).click();
  await expect.poll(() => status(page), { timeout: 30_000 }).toBe('live');
});

it('a connection is cut and comes back, and a slow one is as slow as was said', async () => {
  const { id, typeId } = await makeEvent('Slow', 50);
  const { page } = await open(browser, `${url}/dev?event=${id}`);
  await expect.poll(() => status(page)).toBe('live');
  const joins = await frames(page, 'phx_join').count();
  await page.getByRole('button', { name: 'Cut all connections' }).click();
  await expect.poll(() => frames(page, 'phx_join').count()).toBeGreaterThan(joins);
  await expect.poll(() => status(page)).toBe('live');
  await page.getByLabel('Delay, each way').selectOption('1000');
  const changedAt = Date.now();
  await sql(`update ticket_types set capacity = 30 where id = ${typeId}`);
  await expect.poll(() => said(page, 'left')).toBe('30');
  expect(Date.now() - changedAt).toBeGreaterThanOrEqual(1_000);
});

it('acts as any user with any role: an organizer sees what a customer must not', async () => {
  const { id } = await makeEvent('Roles', 50);
  const { page } = await open(browser, `${url}/dev?event=${id}`);
  const who = page.getByLabel('Acting as');
  await page.getByLabel('Kind').selectOption('admin');
  await expect.poll(() => textOf(page.locator('seatcast-dev section .problem'))).toMatch(/^UNAUTHORIZED/);
  const organizer = await page.locator('seatcast-dev optgroup[label=organizer] option').first().getAttribute('value');
  await who.selectOption(organizer);
  await expect.poll(() => status(page)).toBe('live');
  await expect.poll(() => frames(page, 'figures').count()).toBeGreaterThan(0);
});

it('a hold is made and expired, and its tickets are on sale again', async () => {
  const { id } = await makeEvent('Held', 5);
  const { page } = await open(browser, `${url}/dev?event=${id}`);
  const customer = await page.locator('seatcast-dev optgroup[label=customer] option').last().getAttribute('value');
  await page.getByLabel('Acting as').selectOption(customer);
  await expect.poll(() => status(page)).toBe('live');
  await page.getByRole('button', { name: 'Hold one ticket' }).click();
  await expect.poll(() => said(page, 'left')).toBe('4');
  const hold = await sql(`select id from bookings where event_id = ${id}`);
  await page.locator(`[data-hold="${hold}"]`).getByRole('button', { name: 'Expire now' }).click();
  await expect.poll(() => said(page, 'left')).toBe('5');
  expect(await number(`select count(*) from bookings where id = '${hold}' and status = 'expired'`)).toBe(1);
});

it('mails and test cards are there, nothing is found by axe, and it fits a phone', async () => {
  await fetch(`${url}/api/v1/email-codes`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ email: `${'dev'.repeat(20)}@example.com` }) });
  const { id } = await makeEvent('A title that is a good deal longer than any screen of a phone is wide, and goes on'.repeat(2), 9);
  for (const scheme of ['light', 'dark'] as const) {
    const { page, context } = await open(browser, `${url}/dev?event=${id}`, { viewport: { width: 320, height: 800 }, colorScheme: scheme });
    await expect.poll(() => status(page)).toBe('live');
    await expect.poll(() => page.locator('[data-mail]').allTextContents(), { timeout: 20_000 }).toContainEqual(expect.stringContaining('devdev@example.com'));
    expect(await textOf(page.locator('seatcast-dev'))).toContain('4000 0025 0000 3155');
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(' ')}`)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
    await picture(page, `dev phone ${scheme}`);
    await context.close();
  }
});
