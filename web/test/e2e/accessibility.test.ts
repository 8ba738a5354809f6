import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { launch, open } from '../support/browser.ts';
import { number } from '../support/world.ts';

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
  ['a seated event', () => `/events/${seated}`, 'seatcast-seat-map .keys'],
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
});
