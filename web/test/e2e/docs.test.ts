import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launch, open, picture } from '../support/browser.ts';
import { seatcast } from '../support/world.ts';

const { url } = seatcast();
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
});

it('web_20: in the demo the page of the API acts as whom one chooses, and forgets when told so', async () => {
  const { page, errors } = await open(browser, `${url}/docs/`);
  const people = page.locator('#act-as');
  const own = page.locator('#operations-bookings-get_bookings_mine');
  /** Status and token of a request that is sent from the page. */
  const tried = async (): Promise<{ status: number; token: string | undefined }> => {
    const answered = page.waitForResponse((response) => response.url().includes('/bookings/mine'));
    await own.getByRole('button', { name: 'Execute' }).click();
    const answer = await answered;
    return { status: answer.status(), token: answer.request().headers()['authorization'] };
  };
  await own.locator('.opblock-summary-control').click();
  await own.getByRole('button', { name: 'Try it out' }).click();
  expect(await tried()).toEqual({ status: 401, token: undefined });

  await people.selectOption('3');
  const asCustomer = await tried();
  expect(asCustomer.status).toBe(200);
  expect(asCustomer.token).toMatch(/^Bearer ./);
  await picture(page, 'docs act as');

  await page.reload();
  await expect.poll(() => people.inputValue()).toBe('3');
  await people.selectOption('');
  await own.getByRole('button', { name: 'Try it out' }).click();
  expect((await tried()).token).toBeUndefined();
  expect(errors).toEqual([]);
}, 120_000);
