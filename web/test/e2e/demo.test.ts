import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launch, open, picture, textOf } from '../support/browser.ts';
import { rest, seatcast } from '../support/world.ts';

/** The sale of the demo, as the README tells it. */
const { url } = seatcast();
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
});

const card = (page: Page): Locator => page.locator('seatcast-bookings [data-booking]');

async function pay(page: Page, number: string): Promise<void> {
  await page.getByRole('button', { name: /^Pay €/ }).click();
  await page.waitForURL(/\/pay\/demo\//);
  await page.getByLabel('Card number').fill(number);
  await page.getByRole('button', { name: 'Pay' }).click();
}

it('seats are chosen, a voucher applied, a card declined, another one pays, and the organizer gives the money back', async () => {
  const { page, errors } = await open(browser, url, { reducedMotion: 'reduce' });
  await page.getByRole('link', { name: 'The Mirror Cabinet' }).first().click();
  await page.getByRole('button', { name: 'Choose from a list' }).click();
  // Section, row, and of its seats the first free one.
  for (const entry of ['.sections .entry', '.rows .entry', '.seats .seat:not(.taken)']) await page.locator(`seatcast-seat-map ${entry}`).first().click();
  await page.getByRole('button', { name: 'Hold 1 ticket' }).waitFor();
  const panel = (): Promise<string> => textOf(page.locator('seatcast-booking .panel'));
  await expect.poll(panel).toMatch(/Service fee €1.50 Total .* incl. VAT 9%/);
  await page.getByText('Voucher', { exact: true }).click();
  await page.getByLabel('Code', { exact: true }).fill('mirror10');
  await page.getByRole('button', { name: 'Apply' }).click();
  await expect.poll(panel).toContain('Voucher MIRROR10 −€');
  await page.getByLabel('E-mail').fill('ada@example.org');
  await picture(page, 'demo chosen');
  await page.getByRole('button', { name: 'Hold 1 ticket' }).click();
  await pay(page, '4000 0000 0000 0002');
  await picture(page, 'demo declined');
  await expect.poll(() => page.locator('[role=alert]').innerText()).toContain('declined');
  await page.getByLabel('Card number').fill('4242 4242 4242 4242');
  await page.getByRole('button', { name: 'Pay' }).click();
  await page.waitForURL(/\/bookings\/BK-\w+$/);
  await expect.poll(() => textOf(card(page))).toMatch(/^confirmed .*Row \w+ · Seat \d+ TKT-\S+ Valid/i);
  await expect.poll(() => page.getByRole('img', { name: /^QR code/ }).count()).toBe(1);
  await card(page).scrollIntoViewIfNeeded();
  await picture(page, 'demo confirmed');

  // The mail with the tickets, as the outbox of the demo shows it.
  const outbox = async (): Promise<string[]> => {
    const mails = (await (await fetch(`${url}/dev/outbox`)).json()) as { to: string; attachments?: { name: string }[] }[];
    return mails.filter(({ to }) => to === 'ada@example.org').flatMap(({ attachments = [] }) => attachments.map(({ name }) => name));
  };
  await expect.poll(outbox).toEqual(expect.arrayContaining([expect.stringMatching(/\.pdf$/), expect.stringMatching(/\.ics$/)]));

  const [reference] = /BK-\w+/.exec(await textOf(card(page))) ?? [''];
  const { id } = await rest<{ id: string }>('GET', `/bookings/by-reference/${reference}`, undefined, 2);
  await rest('POST', `/bookings/${id}/refunds`, { all: true, reason: 'The singer is ill' }, 2);
  // A guest's page asks now and then; a reload asks at once.
  await page.goto(`${url}/bookings`);
  await expect.poll(() => textOf(card(page))).toMatch(/^refunded .*goes back to you.*Void/i);
  await picture(page, 'demo refunded');
  expect(errors).toEqual([]);
});
