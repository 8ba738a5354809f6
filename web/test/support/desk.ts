/** Ways of end-to-end tests to the organizer's desk. */
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';
import { open } from './browser.ts';
import { seatcast } from './world.ts';

/** The demo's organizer. */
export const ORGANIZER = 'jonas@seatcast.example';
const DEMO_PASSWORD = 'seatcast-demo';
/** Of `pages/session.ts`. */
const SESSION_KEY = 'seatcast.session';

interface Session {
  access_token: string;
  refresh_token: string;
  expires_in: number;
  user: object;
}

/** Opens a page of the desk, signed in as somebody of the demo. */
export async function openDesk(
  browser: Browser,
  path: string,
  options: BrowserContextOptions = {},
  email: string = ORGANIZER,
  password: string = DEMO_PASSWORD,
): Promise<{ page: Page; context: BrowserContext; errors: string[] }> {
  const { url } = seatcast();
  const { data } = await (await fetch(`${url}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password }),
  })).json() as { data: Session };
  const { access_token, refresh_token, expires_in, user } = data;
  const kept = JSON.stringify({ access_token, refresh_token, ends_at: Date.now() + expires_in * 1_000, user });
  const { page, context, errors } = await open(browser, `${url}/healthz`, { reducedMotion: 'reduce', ...options });
  await page.evaluate(([key, value]) => localStorage.setItem(key!, value!), [SESSION_KEY, kept]);
  await page.goto(`${url}${path}`);
  return { page, context, errors };
}

/** What axe finds, and whether the page scrolls sideways. */
export async function faultsOf(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  const faults = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  return overflow > 0 ? [...faults, `${overflow} px too wide`] : faults;
}

/** What the open dialog says; '' without one. */
export async function dialogText(page: Page): Promise<string> {
  const dialog = page.getByRole('dialog');
  const texts = await Promise.all([dialog.getByRole('heading').first(), page.locator('desk-dialog')].map((part) => part.innerText({ timeout: 1_000 }).catch(() => '')));
  return texts.join(' ').replace(/\s+/g, ' ').trim();
}

/** Opens the links to an event's pages, which are folded on a phone. */
export async function unfold(page: Page): Promise<void> {
  const button = page.getByRole('navigation', { name: 'Event' }).getByRole('button');
  await button.waitFor();
  if ((await button.getAttribute('aria-expanded')) === 'false') await button.click();
}

/** Waits for a heading, as the sign that a page is there. */
export async function headingSays(page: Page, name: string | RegExp): Promise<void> {
  await expect.poll(() => page.getByRole('heading', { name }).count()).toBeGreaterThan(0);
}
