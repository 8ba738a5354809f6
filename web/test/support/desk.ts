/** Ways of end-to-end tests to the organizer's desk. */
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { expect, inject } from 'vitest';
import { open } from './browser.ts';

/** The demo's organizer. */
export const ORGANIZER = 2;

/** Opens a page of the desk as somebody of the demo. */
export async function openDesk(
  browser: Browser,
  path: string,
  options: BrowserContextOptions = {},
  person: number = ORGANIZER,
): Promise<{ page: Page; errors: string[] }> {
  const { url } = inject('seatcast');
  const { page, errors } = await open(browser, `${url}/healthz`, { reducedMotion: 'reduce', ...options });
  await page.evaluate((id) => localStorage.setItem('seatcast.desk.person', id), String(person));
  await page.goto(`${url}${path}`);
  return { page, errors };
}

/** What axe finds, and whether the page scrolls sideways. */
export async function faultsOf(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  const faults = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  return overflow > 0 ? [...faults, `${overflow} px too wide`] : faults;
}

/** Waits for a heading, as the sign that a page is there. */
export async function headingSays(page: Page, name: string | RegExp): Promise<void> {
  await expect.poll(() => page.getByRole('heading', { name }).count()).toBeGreaterThan(0);
}
