/**
 * Pictures of a fresh demo for the README: the shop, a booking's way, the organizer's desk.
 *
 *     node bench/pictures.mjs http://127.0.0.1:8000 ../docs
 *
 * It chooses a ticket, and holds none.
 */
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [url = 'http://127.0.0.1:8000', folder = '../docs'] = process.argv.slice(2);
const VIEWPORT = { width: 1_280, height: 860 };
/** The demo's organizer. */
const ORGANIZER = { email: 'jonas@seatcast.example', password: 'seatcast-demo' };

const browser = await chromium.launch({ executablePath: process.env['CHROMIUM_BIN'] ?? '/usr/bin/chromium' });
const open = async () => (await browser.newContext({ viewport: VIEWPORT, reducedMotion: 'reduce' })).newPage();
/** Until nothing is asked for any more, and what was answered is drawn. */
const settled = async (page) => {
  await page.waitForLoadState('networkidle');
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
};
const take = async (page, name) => {
  await settled(page);
  await page.screenshot({ path: join(folder, `${name}.png`) });
};
try {
  const shop = await open();
  await shop.goto(`${url}/`);
  await shop.getByText('left').first().waitFor();
  await take(shop, 'shop');

  const buyer = await open();
  await buyer.goto(`${url}/events/2`);
  await buyer.getByRole('button', { name: /^One more|^More/i }).first().click();
  await buyer.getByText('Total').first().waitFor();
  await buyer.getByText('Choose your tickets').first().scrollIntoViewIfNeeded();
  await buyer.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  await take(buyer, 'checkout');

  const organizer = await open();
  await organizer.goto(`${url}/desk`);
  await organizer.getByLabel('E-mail').fill(ORGANIZER.email);
  await organizer.getByLabel('Password').fill(ORGANIZER.password);
  await organizer.getByRole('button', { name: 'Sign in' }).click();
  await organizer.getByRole('heading', { name: 'Events' }).waitFor();
  await organizer.goto(`${url}/desk/events/2`);
  await organizer.locator('canvas').first().waitFor();
  await take(organizer, 'desk');
} finally {
  await browser.close();
}
