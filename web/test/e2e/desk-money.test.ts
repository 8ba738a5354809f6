import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { launch, picture, textOf } from '../support/browser.ts';
import { faultsOf, headingSays, openDesk, unfold } from '../support/desk.ts';
import { makeEvent, makeUser, rest, sql } from '../support/world.ts';

/** Id of the demo's organizer. */
const ORGANIZER = 2;
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

async function sell(event: { id: number; typeId: number }, quantity: number, name = 'Ada Lovelace'): Promise<{ id: string; reference: string }> {
  const booking = await rest<{ id: string; reference: string }>('POST', '/bookings', {
    event_id: event.id,
    items: [{ ticket_type_id: event.typeId, quantity }],
    contact: { name, email: 'ada@example.org' },
  });
  await rest('PUT', `/bookings/${booking.id}/status`, { status: 'confirmed', paid_by: 'cash' }, ORGANIZER);
  return booking;
}

const shown = (page: Page, name: string): Promise<string> => textOf(page.locator(name));

describe('the pages of an event', () => {
  it('show what it earned, as the books have it', async () => {
    const event = await makeEvent('Earned', 50);
    const { id } = await sell(event, 2);
    await expect.poll(() => sql(`select count(*) from ledger_transactions where booking_id = '${id}'`)).not.toBe('0');
    const { page, errors } = await openDesk(browser, `/desk/events/${event.id}/payout`);
    await expect.poll(() => shown(page, 'desk-payout')).toMatch(/Sales, with fees and taxes €90.00 .*Refunds €0.00 Of sales less refunds: fees .*Comes to you €90.00/);
    await picture(page, 'desk payout');
    expect(await faultsOf(page)).toEqual([]);
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Table for spreadsheets' }).click()]);
    expect(file.suggestedFilename()).toBe(`bookings-${event.id}.csv`);
    expect(errors).toEqual([]);
  });

  it('let somebody in by hand and out again, and lead to the check-in', async () => {
    const event = await makeEvent('At the door', 50);
    await sell(event, 2);
    const { page, errors } = await openDesk(browser, `/desk/events/${event.id}/doors`);
    await expect.poll(() => page.getByRole('row').count()).toBe(3);
    await page.getByRole('button', { name: 'Let in Ada Lovelace' }).first().click();
    await expect.poll(() => shown(page, 'desk-door-list')).toMatch(/Ada Lovelace .* In \d/);
    await picture(page, 'desk door list');
    expect(await faultsOf(page)).toEqual([]);
    await page.getByRole('button', { name: 'Undo Ada Lovelace' }).click();
    await expect.poll(() => page.getByRole('button', { name: 'Let in Ada Lovelace' }).count()).toBe(2);
    expect(await sql(`select count(*) from tickets where event_id = ${event.id} and status = 'valid'`)).toBe('2');
    // Also where the event is far off, and not among those that the check-in offers by itself.
    await page.getByRole('link', { name: 'Open the check-in' }).click();
    await page.getByRole('radio', { name: 'At the door' }).waitFor();
    expect(await page.getByRole('radio', { name: 'At the door' }).isChecked()).toBe(true);
    expect(errors).toEqual([]);
  });

  it('show who waits, and which mails went out', async () => {
    const event = await makeEvent('Sold out', 2);
    await sell(event, 2);
    const user = await makeUser('Waiting');
    await rest('POST', `/events/${event.id}/waitlist`, { quantity: 2 }, user);
    const { page, errors } = await openDesk(browser, `/desk/events/${event.id}/waitlist`, PHONE);
    await expect.poll(() => shown(page, 'desk-waitlist')).toMatch(/2 × any ticket Waits/);
    await picture(page, 'desk waitlist on a phone');
    expect(await faultsOf(page)).toEqual([]);
    await unfold(page);
    await page.getByRole('link', { name: 'Mails' }).click();
    await expect.poll(() => shown(page, 'desk-mails')).toMatch(/Tickets by mail (Sent|Waits|Being sent)/);
    await picture(page, 'desk mails on a phone');
    expect(await faultsOf(page)).toEqual([]);
    expect(errors).toEqual([]);
  });
});

describe('the pages of an organization', () => {
  it('list what waits for a person, who works it off', async () => {
    const event = await makeEvent('For a person', 50);
    const { id, reference } = await sell(event, 1);
    await expect.poll(() => sql(`select count(*) from payments where booking_id = '${id}' and state = 'captured'`)).toBe('1');
    await sql(`update payments set review = 'the provider has another amount' where booking_id = '${id}'`);
    await sql(`insert into jobs (kind, key, payload, state, reason, expires_at)
               values ('confirmation', 'e2e-${event.id}', '{"event_id": ${event.id}, "booking_id": "${id}"}', 'needs_review', 'the mail server refused it', now() + interval '1 day')`);
    const { page, errors } = await openDesk(browser, '/desk/review');
    await expect.poll(() => shown(page, 'desk-review')).toContain(`${reference} The provider has another amount €45.00`);
    await picture(page, 'desk review');
    expect(await faultsOf(page)).toEqual([]);
    await page.getByRole('button', { name: `Decide about ${reference}` }).click();
    await page.getByRole('radio', { name: 'Leave it as it is' }).check();
    await page.getByLabel('Note').fill('Agreed on the telephone');
    await picture(page, 'desk decide');
    expect(await faultsOf(page)).toEqual([]);
    await page.locator('desk-dialog').getByRole('button', { name: 'Decide' }).click();
    await expect.poll(() => shown(page, 'desk-review')).not.toContain(reference);
    expect(await sql(`select review is null from payments where booking_id = '${id}'`)).toBe('t');
    await page.getByRole('row', { name: 'the mail server refused it' }).getByRole('button', { name: /^Drop/ }).click();
    await page.locator('desk-dialog').getByRole('button', { name: 'Drop' }).click();
    await expect.poll(() => shown(page, 'desk-review')).not.toContain('the mail server refused it');
    expect(errors).toEqual([]);
  });

  it('show books that are right, and the entries of one account', async () => {
    const event = await makeEvent('In the books', 50);
    const { id } = await sell(event, 1);
    await expect.poll(() => sql(`select count(*) from ledger_transactions where booking_id = '${id}'`)).not.toBe('0');
    const { page, errors } = await openDesk(browser, '/desk/ledger', { colorScheme: 'dark' });
    await expect.poll(() => shown(page, 'desk-ledger')).toMatch(/The books are right: debits and credits are the same\./);
    await picture(page, 'desk books in the dark');
    expect(await faultsOf(page)).toEqual([]);
    await page.getByLabel('Account').selectOption({ label: 'Ticket revenue · EUR' });
    const entries = page.locator('desk-ledger .scroll').last();
    await expect.poll(() => textOf(entries)).toMatch(/Sale \d+ Ticket revenue €45.00/);
    expect(await textOf(entries)).not.toContain('Money with staff');
    expect(errors).toEqual([]);
  });

  it('invite and remove people, make and revoke keys, by keyboard', async () => {
    const { page, errors } = await openDesk(browser, '/desk/people');
    await headingSays(page, 'People');
    const email = `invited-${crypto.randomUUID()}@example.org`;
    await page.getByRole('button', { name: 'Invite' }).focus();
    await page.keyboard.press('Enter');
    await page.locator('desk-dialog').getByLabel('E-mail').focus();
    await page.keyboard.type(email);
    await picture(page, 'desk invite');
    expect(await faultsOf(page)).toEqual([]);
    await page.keyboard.press('Enter');
    await expect.poll(() => textOf(page.locator('desk-toasts'))).toContain(`An invitation is on its way to ${email}.`);
    expect(await sql(`select role from organization_invitations where email = '${email}'`)).toBe('box_office');
    const withdraw = page.getByRole('button', { name: `Withdraw the invitation of ${email}` });
    await expect.poll(() => withdraw.count()).toBe(1);
    await picture(page, 'desk invitations');
    expect(await faultsOf(page)).toEqual([]);
    await withdraw.click();
    await page.locator('desk-dialog').getByRole('button', { name: 'Withdraw' }).click();
    await expect.poll(() => withdraw.count()).toBe(0);
    expect(await sql(`select count(*) from organization_invitations where email = '${email}'`)).toBe('0');

    const user = await makeUser('Gate keeper');
    await rest('PUT', `/organizations/${ORGANIZER}/members/${user}`, { role: 'scanner' }, 1);
    await page.reload();
    await page.getByLabel('Role of Gate keeper').selectOption('box_office');
    await expect.poll(() => textOf(page.locator('desk-toasts'))).toContain('Gate keeper: Box office');
    expect(await sql(`select role from organization_members where user_id = ${user}`)).toBe('box_office');
    await picture(page, 'desk people');
    expect(await faultsOf(page)).toEqual([]);
    await page.getByRole('button', { name: 'Remove Gate keeper' }).click();
    await page.locator('desk-dialog').getByRole('button', { name: 'Remove' }).click();
    await expect.poll(() => sql(`select count(*) from organization_members where user_id = ${user}`)).toBe('0');

    await page.getByRole('button', { name: 'New key' }).click();
    await page.getByLabel('Name of the program').fill('Till');
    await page.getByRole('checkbox', { name: 'Scan tickets' }).check();
    await page.locator('desk-dialog').getByRole('button', { name: 'New key' }).click();
    await expect.poll(() => textOf(page.locator('desk-people .key'))).toMatch(/^sk_/);
    await picture(page, 'desk new key');
    expect(await faultsOf(page)).toEqual([]);
    await page.locator('desk-dialog').getByRole('button', { name: 'Close' }).last().click();
    await page.getByRole('button', { name: 'Revoke Till' }).click();
    await page.locator('desk-dialog').getByRole('button', { name: 'Revoke' }).click();
    await expect.poll(() => page.getByRole('button', { name: 'Revoke Till' }).count()).toBe(0);
    expect(errors).toEqual([]);
  });

  it('show who did what', async () => {
    const event = await makeEvent('Traced', 5);
    const { page, errors } = await openDesk(browser, '/desk/trail', PHONE);
    await expect.poll(() => shown(page, 'desk-trail')).toContain(`Event ${event.id}`);
    await picture(page, 'desk trail on a phone');
    expect(await faultsOf(page)).toEqual([]);
    expect(errors).toEqual([]);
  });
});
