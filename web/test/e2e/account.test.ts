import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { launch, open, picture, textOf } from '../support/browser.ts';
import { faultsOf, headingSays, openDesk } from '../support/desk.ts';
import { makeEvent, makeUser, rest, seatcast, sql } from '../support/world.ts';

const { url } = seatcast();
const PASSWORD = 'correct horse battery';
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

const said = (page: Page): Promise<string> => textOf(page.locator('.said:not(:empty)'));
const navigation = (page: Page): Promise<string> => textOf(page.getByRole('navigation', { name: 'Main' }));

async function fill(page: Page, form: string, fields: Record<string, string>): Promise<void> {
  const of = page.getByRole('form', { name: form });
  for (const [label, value] of Object.entries(fields)) await of.getByLabel(label).fill(value);
  await of.getByRole('button', { name: form }).click();
}

/** Registers, opens the mailed link, confirms, and signs in. */
async function join(page: Page, name: string, email: string): Promise<string> {
  await fill(page, 'Register', { Name: name, 'E-mail': email, Password: PASSWORD });
  await expect.poll(() => said(page)).toContain('A mail is on its way');
  // Nobody is signed in by an address that is not proven.
  await fill(page, 'Sign in', { 'E-mail': email, Password: PASSWORD });
  await expect.poll(() => said(page)).toContain('not confirmed yet');
  const link = await mailed(email, /http\S+#confirm=\S+/);
  await page.goto(link);
  const form = page.getByRole('form', { name: 'Confirm your e-mail address' });
  await form.getByLabel('Password').fill(PASSWORD);
  await picture(page, 'address to confirm');
  await form.getByRole('button', { name: 'Confirm' }).click();
  await expect.poll(() => said(page)).toBe('Your e-mail address is confirmed. Sign in with this password.');
  await fill(page, 'Sign in', { 'E-mail': email, Password: PASSWORD });
  await expect.poll(() => navigation(page)).toContain(name);
  return link;
}

/** The link of the last mail to an address. */
async function mailed(email: string, to: RegExp): Promise<string> {
  const find = async (): Promise<string | undefined> => {
    const outbox = (await (await fetch(`${url}/dev/outbox`)).json()) as { to: string; text: string }[];
    return outbox.filter((mail) => mail.to === email).map(({ text }) => text.match(to)?.[0]).findLast((link) => link !== undefined);
  };
  await expect.poll(find).toBeDefined();
  return (await find()) ?? '';
}

it('on a phone one sees how registering ended, beside its button', async () => {
  const { page } = await open(browser, `${url}/account`, { viewport: { width: 390, height: 664 }, reducedMotion: 'reduce' });
  const inSight = (): Promise<boolean> => page.locator('.said:not(:empty)').evaluate((element) => element.getBoundingClientRect().top > 0 && element.getBoundingClientRect().bottom <= innerHeight);
  await fill(page, 'Register', { Name: 'Eve', 'E-mail': 'eve@x', Password: PASSWORD });
  await expect.poll(() => said(page)).toBe('E-mail: must be an e-mail address');
  expect(await inSight()).toBe(true);
  await fill(page, 'Register', { 'E-mail': `${crypto.randomUUID()}@example.com` });
  await expect.poll(() => said(page)).toContain('A mail is on its way');
  expect(await inSight()).toBe(true);
});

it('somebody registers, confirms the address, books, stays signed in, and signs out', async () => {
  const { id } = await makeEvent('With an account', 20);
  const { page, context, errors } = await open(browser, `${url}/account`, { reducedMotion: 'reduce' });
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id: rule }) => rule)).toEqual([]);
  await picture(page, 'account signed out');
  const email = `mary-${id}@example.org`;
  const link = await join(page, 'Mary', email);
  await picture(page, 'account signed in');
  // The mail is opened once more, in this window or another one.
  await page.goto(`${url}/`);
  await page.goto(link);
  const confirm = page.getByRole('form', { name: 'Confirm your e-mail address' });
  await confirm.getByLabel('Password').fill(PASSWORD);
  await confirm.getByRole('button', { name: 'Confirm' }).click();
  await expect.poll(() => said(page)).toBe('Your e-mail address is confirmed already.');
  expect(new URL(page.url()).hash).toBe('');
  expect(await textOf(page.locator('seatcast-account-page'))).not.toContain('not confirmed yet');

  await page.goto(`${url}/events/${id}`);
  await page.getByRole('button', { name: 'One more Standard' }).click();
  await page.getByRole('button', { name: 'Hold 1 ticket' }).click();
  const cards = (of: Page): Promise<string> => textOf(of.locator('seatcast-bookings [data-booking]'));
  await expect.poll(() => cards(page)).toMatch(/held for you/i);
  expect(await sql(`select u.name from bookings b join users u on u.id = b.user_id where b.event_id = ${id}`)).toBe('Mary');

  // The access token is about to end, on this machine's clock: the next page renews it.
  const kept = (of: Page): Promise<string> => of.evaluate(() => localStorage.getItem('seatcast.session') ?? '');
  const first = await kept(page);
  await page.evaluate(() => {
    const session = JSON.parse(localStorage.getItem('seatcast.session') ?? '{}') as object;
    localStorage.setItem('seatcast.session', JSON.stringify({ ...session, ends_at: Date.now() }));
  });
  await page.reload();
  await expect.poll(() => kept(page)).not.toContain((JSON.parse(first) as { refresh_token: string }).refresh_token);
  await expect.poll(() => cards(page)).toMatch(/held for you/i);

  // Another tab is signed in as well, and signed out with this one.
  const other = await context.newPage();
  await other.goto(`${url}/bookings`);
  await expect.poll(() => cards(other)).toMatch(/held for you/i);
  await page.goto(`${url}/account`);
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await expect.poll(() => said(page)).toBe('You are signed out.');
  for (const one of [page, other]) await expect.poll(() => navigation(one)).toContain('Sign in');
  await expect.poll(() => other.locator('seatcast-bookings [data-booking]').count()).toBe(0);

  await fill(page, 'Sign in', { 'E-mail': email, Password: 'something else' });
  await expect.poll(() => said(page)).not.toBe('');
  expect(await navigation(page)).toContain('Sign in');
  await fill(page, 'Sign in', { 'E-mail': email, Password: PASSWORD });
  await expect.poll(() => navigation(page)).toContain('Mary');
  await expect.poll(() => cards(other)).toMatch(/held for you/i);
  expect(errors).toEqual([]);
});

/** As on another device. */
async function signOutEverywhere(email: string): Promise<void> {
  const post = (path: string, body: object, token?: string): Promise<Response> =>
    fetch(`${url}/api/v1/auth/${path}`, { method: 'POST', headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) }, body: JSON.stringify(body) });
  const { data } = (await (await post('login', { email, password: 'seatcast-demo' })).json()) as { data: { access_token: string } };
  expect((await post('logout', { everywhere: true }, data.access_token)).ok).toBe(true);
}

it('somebody whose session ended elsewhere is told so, signs in again on the same page, and has lost nothing that was chosen', async () => {
  const email = 'aiko@seatcast.example';
  const { id } = await makeEvent('Signed out elsewhere', 20);
  const { page, context, errors } = await openDesk(browser, `/events/${id}`, { viewport: { width: 375, height: 812 } }, email);
  for (let times = 0; times < 2; times += 1) await page.getByRole('button', { name: 'One more Standard' }).click();
  const panel = (): Promise<string> => textOf(page.locator('seatcast-booking .panel'));
  await expect.poll(panel).toContain('2 × Standard');
  await page.locator('details.names summary').click();
  const attendee = page.locator('details.names input').first();
  await attendee.fill('Grace Hopper');
  const other = await context.newPage();
  await other.goto(`${url}/bookings`);
  await expect.poll(() => navigation(other)).not.toContain('Sign in');

  await signOutEverywhere(email);
  const told = (of: Page): Promise<string> => textOf(of.locator('seatcast-session-ended .bar'));
  for (const one of [page, other]) await expect.poll(() => told(one)).toMatch(/^Your session has ended, and you are signed out\..*Sign in again/);
  await expect.poll(() => navigation(page)).toContain('Sign in');
  expect(await panel()).toContain('2 × Standard');
  expect(await attendee.inputValue()).toBe('Grace Hopper');
  expect(await faultsOf(page)).toEqual([]);
  await picture(page, 'session ended on a phone');
  await picture(other, 'session ended');

  await page.getByRole('button', { name: 'Sign in again' }).click();
  const dialog = page.getByRole('dialog', { name: 'Sign in again' });
  expect(await dialog.getByLabel('E-mail').inputValue()).toBe(email);
  await dialog.getByLabel('Password').fill('not this one');
  await dialog.getByRole('button', { name: 'Sign in' }).click();
  await expect.poll(() => dialog.getByRole('alert').innerText()).not.toBe('');
  await picture(page, 'sign in again on a phone');
  expect(await faultsOf(page)).toEqual([]);
  await dialog.getByLabel('Password').fill('seatcast-demo');
  await dialog.getByRole('button', { name: 'Sign in' }).click();
  await dialog.waitFor({ state: 'detached' });
  // The other tab has it from this one.
  for (const one of [page, other]) await expect.poll(() => told(one)).toBe('');
  expect(page.url()).toBe(`${url}/events/${id}`);
  expect(await panel()).toContain('2 × Standard');
  expect(await attendee.inputValue()).toBe('Grace Hopper');
  await page.getByRole('button', { name: 'Hold 2 tickets' }).click();
  await expect.poll(() => sql(`select u.email from bookings b join users u on u.id = b.user_id where b.event_id = ${id}`)).toBe(email);

  // Whoever goes on as a guest is told no more.
  await signOutEverywhere(email);
  await expect.poll(() => told(other)).toContain('ended');
  await other.getByRole('button', { name: 'Go on without' }).click();
  await expect.poll(() => told(other)).toBe('');
  await other.reload();
  await expect.poll(() => navigation(other)).toContain('Sign in');
  expect(await told(other)).toBe('');
  expect(errors).toEqual([]);
});

it('a forgotten password is set anew by a mailed link', async () => {
  const { page } = await open(browser, `${url}/account`, { viewport: { width: 390, height: 844 }, reducedMotion: 'reduce' });
  const email = `forgot-${crypto.randomUUID()}@example.org`;
  // A name that is wider than the screen, as one word.
  await page.setViewportSize({ width: 320, height: 720 });
  await join(page, `Flora${'vonundzu'.repeat(12)}`, email);
  expect(await faultsOf(page)).toEqual([]);
  await picture(page, 'account with a long name');
  await page.goto(`${url}/desk`);
  await headingSays(page, 'No desk for this account');
  expect(await faultsOf(page)).toEqual([]);
  await page.goto(`${url}/account`);
  await page.setViewportSize({ width: 390, height: 844 });
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await page.getByRole('form', { name: 'Sign in' }).getByLabel('E-mail').fill(email);
  await page.getByRole('button', { name: 'Forgot the password?' }).click();
  await expect.poll(() => said(page)).toContain('If there is such an account');
  // Messages follow the language.
  await page.getByRole('combobox', { name: 'Language' }).selectOption('fa');
  await expect.poll(() => said(page)).toMatch(/\p{Script=Arabic}/u);
  await page.locator('.languages select').selectOption('en');
  await page.goto(await mailed(email, /http\S+#reset=\S+/));
  await picture(page, 'new password on a phone');
  await page.getByRole('textbox', { name: 'New password' }).fill('another horse battery');
  await page.getByRole('button', { name: 'Set it' }).click();
  await expect.poll(() => said(page)).toContain('The password is set.');
  await fill(page, 'Sign in', { 'E-mail': email, Password: 'another horse battery' });
  await expect.poll(() => navigation(page)).toContain('Flora');
});

it('somebody is invited to an organization, registers, and joins it', async () => {
  const email = `invited-${crypto.randomUUID()}@example.org`;
  const organization = await sql(`select organization_id from organization_members where user_id = 2 limit 1`);
  await rest('POST', `/organizations/${organization}/members`, { email, role: 'box_office' }, 2);
  const link = await mailed(email, /http\S+#invitation=\S+/);
  const { page, errors } = await open(browser, link, { viewport: { width: 375, height: 812 }, reducedMotion: 'reduce' });
  await expect.poll(() => textOf(page.locator('.invited'))).toContain('Sign in or register to join it.');
  expect(new URL(page.url()).hash).toBe('');
  await picture(page, 'invited on a phone');
  await join(page, 'Ines', email);
  // The invitation is opened again, with the account that has its address.
  await page.goto(`${url}/`);
  await page.goto(link);
  await picture(page, 'invitation to accept on a phone');
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id: rule }) => rule)).toEqual([]);
  await page.getByRole('button', { name: 'Join' }).click();
  await expect.poll(() => said(page)).toBe('You have joined the organization as box office.');
  const role = `select m.role from organization_members m join users u on u.id = m.user_id where u.email = '${email}'`;
  expect(await sql(role)).toBe('box_office');
  // The session goes on, with a token that says so.
  await page.reload();
  await expect.poll(() => navigation(page)).toContain('Ines');
  // The link is good once.
  await page.goto(`${url}/account${new URL(link).hash}`);
  await page.getByRole('button', { name: 'Join' }).click();
  await expect.poll(() => said(page)).toContain('accepted already');
  expect(errors).toEqual([]);
});

it('a ticket is handed on by mail, and its new holder has a QR of their own', async () => {
  const { id, typeId } = await makeEvent('Handed on', 20, 0);
  const email = `holder-${crypto.randomUUID()}@example.org`;
  const owner = (await open(browser, `${url}/events/${id}`, { viewport: { width: 375, height: 812 }, reducedMotion: 'reduce' })).page;
  await owner.getByRole('button', { name: 'One more Standard' }).click();
  await owner.getByRole('button', { name: 'Book 1 ticket' }).click();
  await owner.getByRole('button', { name: /^Hand on ticket TKT-/ }).click();
  await owner.getByLabel('Name', { exact: true }).fill('Grace Hopper');
  await owner.getByLabel('E-mail', { exact: true }).fill(email);
  await owner.locator('seatcast-tickets').scrollIntoViewIfNeeded();
  await picture(owner, 'handing on on a phone');
  expect((await new AxeBuilder({ page: owner }).analyze()).violations.map(({ id: rule }) => rule)).toEqual([]);
  await owner.getByRole('button', { name: 'Offer by mail' }).click();
  await expect.poll(() => textOf(owner.locator('seatcast-tickets'))).toContain('is offered to Grace Hopper by mail');
  const code = await sql(`select code from tickets where ticket_type_id = ${typeId}`);
  const { page, errors } = await open(browser, await mailed(email, /http\S+#transfer=\S+/), { viewport: { width: 375, height: 812 }, reducedMotion: 'reduce' });
  await picture(page, 'ticket offered on a phone');
  await page.getByRole('button', { name: 'Take the ticket' }).click();
  await expect.poll(() => said(page)).toBe('The ticket is yours.');
  const qr = page.getByRole('img', { name: /^QR code of ticket TKT-/ });
  await expect.poll(() => qr.evaluate((img: HTMLImageElement) => img.complete && img.naturalWidth > 0)).toBe(true);
  const shown = await textOf(page.locator('.ticket'));
  expect(shown).toContain('Handed on');
  expect(shown).not.toContain(code);
  await picture(page, 'ticket taken on a phone');
  // The one who gave it away is not its holder any more.
  await owner.reload();
  await expect.poll(() => textOf(owner.locator('seatcast-booking-page'))).toMatch(/Handed on/);
  expect(await textOf(owner.locator('seatcast-booking-page'))).not.toMatch(/What comes next|Everything that you need/);
  await expect.poll(() => textOf(owner.locator('seatcast-tickets'))).toContain(`${code} Handed on`);
  // It joins the account that proves the same address, and is among its bookings, live, without the booking that it is of.
  await page.goto(`${url}/account`);
  await join(page, 'Grace', email);
  await page.goto(`${url}/bookings`);
  const card = page.locator('seatcast-bookings [data-ticket]');
  await expect.poll(() => textOf(card)).toMatch(/^Yours Handed on .* TKT-\S+ Valid/);
  expect(await textOf(page.locator('seatcast-bookings'))).toContain('Tickets handed to you');
  expect(await textOf(page.locator('seatcast-bookings'))).not.toMatch(new RegExp(`${code}|BK-`));
  await picture(page, 'ticket of somebody else among the bookings on a phone');
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id: rule }) => rule)).toEqual([]);
  await sql(`update events set status = 'cancelled' where id = ${id}`);
  await expect.poll(() => textOf(card)).toMatch(/^Event cancelled/);
  expect(errors).toEqual([]);
});

it('a guest is led to sign in and back; who works for an organization finds the desk, and a customer does not', async () => {
  const { id } = await makeEvent('Members only', 20);
  await sql(`update events set membership_required = true where id = ${id}`);
  const { page, errors } = await open(browser, `${url}/events/${id}`, { reducedMotion: 'reduce' });
  await picture(page, 'sign in to buy');
  await page.getByRole('link', { name: 'Sign in to buy' }).click();
  await page.waitForURL(/\/account\?back=/);
  expect(await navigation(page)).not.toContain('Desk');
  const organizer = await sql('select email from users where id = 2');
  await fill(page, 'Sign in', { 'E-mail': organizer, Password: 'seatcast-demo' });
  await page.waitForURL(`${url}/events/${id}`);
  await expect.poll(() => page.getByRole('link', { name: 'Sign in to buy' }).count()).toBe(0);
  await expect.poll(() => navigation(page)).toMatch(/Desk$/);
  await picture(page, 'signed in to buy');
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id: rule }) => rule)).toEqual([]);
  await page.getByRole('link', { name: 'Desk' }).click();
  await page.waitForURL(`${url}/desk`);
  await page.goBack();

  // Staff of another's organization have a customer's account; those of none see no desk.
  const customer = await makeUser('Nobody of staff');
  const staff = await makeUser('Lena');
  await sql(`insert into organization_members (organization_id, user_id, role) values (2, ${staff}, 'scanner')`);
  for (const [user, isStaff] of [[customer, false], [staff, true]] as const) {
    const email = await sql(`select email from users where id = ${user}`);
    await rest('POST', '/auth/link', { email });
    const { page: other } = await open(browser, `${url}/`, {});
    const asked = other.waitForResponse((answer) => answer.url().endsWith('/auth/me'));
    await other.goto(await mailed(email, /http\S+#sign-in=\S+/));
    await asked;
    await expect.poll(() => other.getByRole('link', { name: 'Desk' }).count()).toBe(isStaff ? 1 : 0);
  }
  expect(errors).toEqual([]);
});
