import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { launch, open, textOf } from '../support/browser.ts';
import { makeEvent, number, sql } from '../support/world.ts';

const { url } = inject('seatcast');
let browser: Browser;
let seated: number;

beforeAll(async () => {
  seated = await number('select event_id from seats group by event_id order by count(*) desc limit 1');
  browser = await launch();
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
});
afterAll(async () => {
  await browser?.close();
});

const looks: [string, BrowserContextOptions][] = [
  ['light', {}],
  ['dark', { colorScheme: 'dark' }],
  ['on a phone', { viewport: { width: 390, height: 844 } }],
];

const pages: [string, () => string, string][] = [
  ['the list', () => '/', 'seatcast-event-list .card seatcast-availability .badge:not(.skeleton)'],
  ['an event', () => '/events/2', 'seatcast-ticket-types li'],
  ['a seated event', () => `/events/${seated}`, 'seatcast-seat-map .legend .type'],
  ['the bookings', () => '/bookings', 'seatcast-bookings-page .message'],
  ['a missing event', () => '/events/999999', '.message'],
];

describe.each(looks)('%s', (_, look) => {
  it.each(pages)('%s has no violation that axe finds, and does not scroll sideways', async (_name, path, ready) => {
    const { page, context, errors } = await open(browser, `${url}${path()}`, { ...look, reducedMotion: 'reduce' });
    await page.locator(ready).first().waitFor({ state: 'attached' });
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([]);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow).toBeLessThanOrEqual(0);
    expect(errors).toEqual([]);
    await context.close();
  });

  it('web_22: a choice, a hold and a cancelled event have no violation that axe finds, with others around', async () => {
    const { id } = await makeEvent('Held', 4);
    const { page, context } = await open(browser, `${url}/events/${id}`, { ...look, reducedMotion: 'reduce' });
    const other = await open(browser, `${url}/events/${id}`);
    const violations = async (): Promise<string[]> => {
      const found = await new AxeBuilder({ page }).analyze();
      return found.violations.map(({ id: rule, nodes }) => `${rule}: ${nodes.map(({ html }) => html).join(' ')}`);
    };
    await expect.poll(() => textOf(page.locator('seatcast-presence'))).toBe('1 other here');
    await page.getByRole('button', { name: 'One more Standard' }).click();
    expect(await violations()).toEqual([]);
    await page.getByRole('button', { name: 'Hold 1 ticket' }).click();
    await page.locator('seatcast-bookings [data-booking]').waitFor();
    expect(await violations()).toEqual([]);
    await sql(`update events set capacity = 9 where id = ${id}; update events set status = 'cancelled' where id = ${id}`);
    await page.locator('.notice.cancellation').waitFor();
    expect(await violations()).toEqual([]);
    await other.context.close();
    await context.close();
  });
});
