import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { launch, open, picture, textOf } from '../support/browser.ts';
import { faultsOf, headingSays, openDesk, unfold } from '../support/desk.ts';
import { makeEvent, rest, seatcast } from '../support/world.ts';

const { url } = seatcast();
const PHONE = { viewport: { width: 320, height: 720 } };
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

it('somebody signs in with a password, finds an event, and signs out', async () => {
  const needle = `Needle ${crypto.randomUUID()}`;
  await makeEvent(needle, 30);
  const { page, errors } = await open(browser, `${url}/desk`, { reducedMotion: 'reduce' });
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await picture(page, 'desk sign in');
  expect(await faultsOf(page)).toEqual([]);
  await page.getByLabel('E-mail').fill('jonas@seatcast.example');
  await page.getByLabel('Password').fill('wrong');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect.poll(() => textOf(page.locator('.problem'))).not.toBe('');
  await page.getByLabel('Password').fill('seatcast-demo');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await headingSays(page, 'Events');
  await page.getByLabel('Search events').fill(needle.toUpperCase());
  await expect.poll(() => page.getByRole('row').count()).toBe(2);
  expect(await textOf(page.getByRole('row').last())).toContain('0 of 30');
  await page.getByLabel('Status').selectOption('draft');
  await headingSays(page, 'Events');
  await expect.poll(() => textOf(page.locator('desk-events'))).toContain('No event of yours matches.');
  await page.getByRole('button', { name: 'Show all' }).click();
  await expect.poll(() => page.getByRole('row').count()).toBeGreaterThan(2);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await headingSays(page, 'Sign in');
  expect(errors).toEqual([]);
});

it.each([
  ['light', {}],
  ['dark', { colorScheme: 'dark' as const }],
  ['on a phone', PHONE],
])('the list has no violation that axe finds: %s', async (name, look) => {
  const { page, errors } = await openDesk(browser, '/desk', look);
  await page.getByRole('row').nth(2).waitFor();
  await picture(page, `desk events ${name}`);
  expect(await faultsOf(page)).toEqual([]);
  expect(errors).toEqual([]);
});

it('is in Persian, from right to left, when that is chosen', async () => {
  const { page } = await openDesk(browser, '/desk', PHONE);
  await page.getByLabel('Language').selectOption('fa');
  await headingSays(page, 'رویدادها');
  expect(await page.evaluate(() => document.documentElement.dir)).toBe('rtl');
  await page.reload();
  await page.getByRole('row').nth(2).waitFor();
  await headingSays(page, 'رویدادها');
  await picture(page, 'desk events in persian on a phone');
  expect(await faultsOf(page)).toEqual([]);
});

it('every page of an event with long words has room on the smallest screen, and no violation that axe finds', { timeout: 120_000 }, async () => {
  const word = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft';
  const event = { title: word, venue: word, city: word, description: word, category: 'concert', starts_at: '2037-06-01T20:00:00Z', timezone: 'Europe/Berlin', currency: 'EUR' };
  const { id, ticket_types: types } = await rest<{ id: number; ticket_types: { id: number }[] }>('POST', '/events', { ...event, capacity: 20, ticket_types: [{ name: word, price: 4_500, capacity: 20 }] }, 2);
  const items = [{ ticket_type_id: types[0]!.id, quantity: 2 }];
  const booking = await rest<{ id: string }>('POST', '/bookings', { event_id: id, items, contact: { name: word, email: `${'long'.repeat(12)}@example.org` }, attendees: [{ name: word }] });
  await rest('PUT', `/bookings/${booking.id}/status`, { status: 'confirmed', paid_by: 'cash' }, 2);
  await rest('POST', `/events/${id}/notices`, { type: 'custom', message: word }, 2);
  const { page, context, errors } = await openDesk(browser, '/desk', { viewport: { width: 320, height: 640 } });
  await headingSays(page, 'Events');
  expect(await faultsOf(page), 'the list').toEqual([]);
  for (const path of ['', '/edit', '/tickets', '/prices', '/notices', '/seats', '/replay', '/bookings', `/bookings/${booking.id}`, '/doors', '/waitlist', '/mails', '/payout']) {
    await page.goto(`${url}/desk/events/${id}${path}`);
    await page.locator('desk-event-frame :is(h2, h3)').first().waitFor();
    await page.waitForLoadState('networkidle');
    expect(await faultsOf(page), path).toEqual([]);
  }
  expect(errors).toEqual([]);
  await context.close();
});

it.each([
  ['375 px', { viewport: { width: 375, height: 667 } }],
  ['320 px', { viewport: { width: 320, height: 568 } }],
  ['768 px', { viewport: { width: 768, height: 1_024 } }],
  ['320 px in forced colours', { viewport: { width: 320, height: 568 }, forcedColors: 'active' }],
] as const)('on a screen of %s the content begins on the first screen: both navigations are folded, and opened by keyboard', async (name, look) => {
  const { id } = await makeEvent('Folded', 30);
  const { page, errors } = await openDesk(browser, `/desk/events/${id}`, look);
  const content = page.locator('desk-dashboard .figures').first();
  await content.waitFor();
  expect((await content.boundingBox())!.y).toBeLessThan(look.viewport.height * 0.8);
  const [menu, pages] = [page.getByRole('button', { name: 'Menu' }), page.getByRole('button', { name: 'Event: Live' })];
  for (const button of [menu, pages]) {
    expect(await button.getAttribute('aria-expanded')).toBe('false');
    // One sees that it is a button, without its colours too.
    expect(await button.evaluate((element) => getComputedStyle(element).borderTopStyle)).toBe('solid');
    expect((await button.boundingBox())!.height).toBeGreaterThanOrEqual(44);
  }
  for (const link of ['Events', 'Details']) expect(await page.getByRole('link', { name: link, exact: true }).count()).toBe(0);
  expect(await page.getByRole('button', { name: 'Sign out' }).count()).toBe(0);
  await picture(page, `desk folded ${name}`);
  expect(await faultsOf(page)).toEqual([]);

  await menu.press('Enter');
  expect(await menu.getAttribute('aria-expanded')).toBe('true');
  await pages.press('Space');
  expect(await pages.getAttribute('aria-expanded')).toBe('true');
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
  await picture(page, `desk unfolded ${name}`);
  expect(await faultsOf(page)).toEqual([]);
  // The keyboard goes from the button into what it opened, and Escape leads back.
  await page.keyboard.press('Tab');
  const focused = (): Promise<string> => page.evaluate(() => {
    let at = document.activeElement;
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    return (at?.textContent ?? '').replace(/\s+/g, ' ').trim();
  });
  expect(await focused()).toBe('Live');
  await page.keyboard.press('Escape');
  expect(await pages.getAttribute('aria-expanded')).toBe('false');
  expect(await focused()).toBe('Event: Live');

  await pages.press('Enter');
  await page.getByRole('link', { name: 'Details' }).press('Enter');
  await page.waitForURL(`${url}/desk/events/${id}/edit`);
  // Both fold again, and the button says which page this is.
  const now = page.getByRole('button', { name: 'Event: Details' });
  expect([await now.getAttribute('aria-expanded'), await menu.getAttribute('aria-expanded')]).toEqual(['false', 'false']);
  expect(errors).toEqual([]);
});

it('the buyers’ pages load nothing of the desk', async () => {
  const { id } = await makeEvent('Without the desk', 30);
  const { page, context } = await open(browser, `${url}/healthz`);
  const scripts = new Set<string>();
  page.on('response', (answer) => {
    if (answer.url().endsWith('.js')) scripts.add(answer.url());
  });
  for (const path of ['/', `/events/${id}`, '/bookings', '/account']) {
    await page.goto(`${url}${path}`);
    await page.locator('seatcast-app main').waitFor();
  }
  await page.waitForLoadState('networkidle');
  // The browser forgets the bodies of a page that was left.
  const texts = await Promise.all([...scripts].map(async (script) => (await fetch(script)).text()));
  expect(texts.length).toBeGreaterThan(0);
  expect(texts.filter((text) => /desk-app|desk-event-frame|uplot/.test(text))).toEqual([]);
  await context.close();
});

it('a customer has no desk, and unknown addresses are answered so', async () => {
  const { page } = await open(browser, `${url}/desk/nowhere`);
  expect((await page.goto(`${url}/desk/nowhere`))?.status()).toBe(404);
  await page.goto(`${url}/desk`);
  await page.getByLabel('E-mail').fill('aiko@seatcast.example');
  await page.getByLabel('Password').fill('seatcast-demo');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await headingSays(page, 'No desk for this account');
  expect(await faultsOf(page)).toEqual([]);
});

it('asks before a form that is not saved is left, by a link, by «back» or with the page, and no more once it is saved', async () => {
  const { id } = await makeEvent('To be left', 20);
  const { page, errors } = await openDesk(browser, `/desk/events/${id}/tickets`, PHONE);
  await unfold(page);
  await page.getByRole('link', { name: 'Details' }).click();
  const title = page.getByLabel('Title');
  await title.fill('Not saved yet');
  await unfold(page);
  await page.getByRole('link', { name: 'Notices' }).click();
  const question = page.getByRole('dialog', { name: 'Leave without saving?' });
  await question.waitFor();
  await picture(page, 'desk leave without saving');
  expect(await faultsOf(page)).toEqual([]);
  await page.getByRole('button', { name: 'Stay here' }).click();
  await question.waitFor({ state: 'detached' });
  expect([await title.inputValue(), new URL(page.url()).pathname]).toEqual(['Not saved yet', `/desk/events/${id}/edit`]);

  await page.goBack();
  await question.waitFor();
  expect(new URL(page.url()).pathname).toBe(`/desk/events/${id}/edit`);
  await page.keyboard.press('Escape');
  await question.waitFor({ state: 'detached' });
  // The browser asks by itself where the whole page goes.
  const asked = page.waitForEvent('dialog');
  const left = page.close({ runBeforeUnload: true });
  const native = await asked;
  expect(native.type()).toBe('beforeunload');
  await native.dismiss();
  await left;

  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect.poll(() => textOf(page.locator('desk-toasts'))).toContain('Saved');
  await unfold(page);
  await page.getByRole('link', { name: 'Notices' }).click();
  await page.waitForURL(`${url}/desk/events/${id}/notices`);
  expect(await question.count()).toBe(0);
  await page.goBack();
  await title.fill('Left behind');
  await page.goBack();
  await page.getByRole('button', { name: 'Leave without saving' }).click();
  await page.waitForURL((address) => !address.pathname.endsWith('/edit'));
  expect((await rest<{ title: string }>('GET', `/events/${id}`, undefined, 2)).title).toBe('Not saved yet');
  expect(errors).toEqual([]);
});

it('a session that ends elsewhere is renewed in place: what was typed is kept', async () => {
  const { id } = await makeEvent('Signed out elsewhere', 30);
  const { page } = await openDesk(browser, `/desk/events/${id}/edit`);
  await page.getByLabel('Title', { exact: true }).fill('Typed before');
  const { access_token: token } = JSON.parse((await page.evaluate(() => localStorage.getItem('seatcast.session')))!) as { access_token: string };
  // Of this session alone: others of the same person work on.
  await fetch(`${url}/api/v1/auth/logout`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: '{}' });
  await expect
    .poll(async () => (await fetch(`${url}/api/v1/auth/me`, { headers: { authorization: `Bearer ${token}` } })).status)
    .toBe(401);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'You are signed out' });
  await dialog.waitFor();
  expect(await faultsOf(page)).toEqual([]);
  await page.getByLabel('E-mail').fill('jonas@seatcast.example');
  await page.getByLabel('Password').fill('seatcast-demo');
  await page.keyboard.press('Enter');
  await dialog.waitFor({ state: 'detached' });
  expect(await page.getByLabel('Title', { exact: true }).inputValue()).toBe('Typed before');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await headingSays(page, 'Typed before');
  // Leaving by the button leads back to no question.
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  expect(await page.getByRole('dialog').count()).toBe(0);
});

it('a page whose script does not come says so', async () => {
  const { id } = await makeEvent('Half loaded', 30);
  const { page, context } = await openDesk(browser, `/desk/events/${id}`);
  await page.getByRole('link', { name: 'Bookings' }).waitFor();
  await context.setOffline(true);
  await page.getByRole('link', { name: 'Bookings' }).click();
  await page.getByRole('alert').getByRole('heading', { name: 'This page could not be loaded' }).waitFor();
  expect(await faultsOf(page)).toEqual([]);
  await context.setOffline(false);
  await page.getByRole('button', { name: 'Load again' }).click();
  await page.getByRole('heading', { name: 'Bookings' }).waitFor();
});

it('a dialog that is left gives the focus back to the button that opened it', async () => {
  const { id } = await makeEvent('Left again', 30);
  const { page } = await openDesk(browser, `/desk/events/${id}/tickets`);
  const edit = page.getByRole('button', { name: 'Edit Standard' });
  await edit.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await expect.poll(() => edit.evaluate((button) => button.matches(':focus'))).toBe(true);
});

it('what the desk has said follows the language that is chosen: a fault, a refusal, a word in the corner', async () => {
  const { id } = await makeEvent('Said in two languages', 30);
  const { page, context } = await openDesk(browser, `/desk/events/${id}/edit`);
  const choose = (language: string): Promise<unknown> => page.locator('select.language').selectOption(language);
  const capacity = page.locator('#capacity');
  await capacity.fill('many');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  const fault = page.locator('#capacity-fault');
  expect(await fault.innerText()).toMatch(/number/i);
  await choose('fa');
  await expect.poll(() => fault.innerText()).toMatch(/^[^a-z]*\p{Script=Arabic}/u);
  // The typed word stays.
  expect(await capacity.inputValue()).toBe('many');
  await choose('en');
  await capacity.fill('31');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  const corner = (): Promise<string> => textOf(page.locator('desk-toasts'));
  await expect.poll(corner).toBe('Saved');
  await choose('th');
  await expect.poll(corner).toMatch(/^\p{Script=Thai}+$/u);
  // For as long again.
  await page.locator('form.panel button.primary').click();
  await expect.poll(corner).toMatch(/^\p{Script=Thai}+$/u);
  await choose('fa');
  await expect.poll(corner).toMatch(/^\p{Script=Arabic}/u);

  // Why a form was not sent.
  await choose('en');
  await context.setOffline(true);
  await capacity.fill('32');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  const problem = page.locator('form.panel .problem');
  await expect.poll(() => problem.innerText(), { timeout: 20_000 }).toMatch(/^\w/);
  await choose('th');
  await expect.poll(() => problem.innerText()).toMatch(/^\p{Script=Thai}/u);
});
