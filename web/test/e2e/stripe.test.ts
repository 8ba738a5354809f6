/**
 * Stripe's own form in a real browser, with the page's content security policy as it is served: the server pays by the tests'
 * stand-in for Stripe (`tests/stripe`), and its script, its frame and its API come from their true addresses, which the test answers.
 */
import { AxeBuilder } from '@axe-core/playwright';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { launch, open, picture, textOf } from '../support/browser.ts';
import { start, type Started } from '../support/seatcast.ts';

const WEBHOOK_SECRET = 'whsec_of_the_tests';
const PUBLISHABLE_KEY = 'pk_test_of_the_tests';
const CARDS = { good: '4242 4242 4242 4242', other: '5555 5555 5555 4444', declined: '4000 0000 0000 0002' };

/** Stands for Stripe.js: a frame of Stripe's takes the card, and Stripe's API is asked from the page. */
const STRIPE_JS = `globalThis.Stripe = (key) => ({
  elements: ({ clientSecret }) => ({
    clientSecret,
    create: () => {
      const heard = {};
      return {
        on: (event, listener) => (heard[event] = listener),
        mount(place) {
          const frame = document.createElement('iframe');
          frame.title = 'Secure card fields';
          frame.src = 'https://js.stripe.com/v3/elements.html';
          frame.addEventListener('load', () => heard.ready());
          addEventListener('message', ({ origin, data }) => origin === 'https://js.stripe.com' && (globalThis.typedCard = data));
          place.append(frame);
        },
      };
    },
  }),
  async confirmPayment({ elements: { clientSecret }, confirmParams }) {
    const body = new URLSearchParams({ key, client_secret: clientSecret, card: globalThis.typedCard, return_url: confirmParams.return_url });
    const answer = await fetch('https://api.stripe.com/v1/payment_intents/' + clientSecret.split('_secret_')[0] + '/confirm', { method: 'POST', body });
    return await answer.json();
  },
});`;
const ELEMENTS = `<!doctype html><html lang="en"><title>Card</title><label>Card number <input inputmode="numeric"></label>
<script>document.querySelector('input').oninput = ({ target }) => parent.postMessage(target.value, '*')</script>`;

let browser: Browser;
let provider: ChildProcess;
let stripe: string;
let seatcast: Started;

beforeAll(async () => {
  provider = spawn(process.execPath, [fileURLToPath(new URL('../../../tests/stripe/server.mjs', import.meta.url))], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface(provider.stdout!), 'line')) as [string];
  stripe = `http://127.0.0.1:${(JSON.parse(line) as { port: number }).port}`;
  seatcast = await start([
    ...['--stripe-secret-key', 'sk_test_1', '--stripe-publishable-key', PUBLISHABLE_KEY],
    ...['--stripe-webhook-secret', WEBHOOK_SECRET, '--stripe-api-base', stripe],
  ]);
  await tell({ webhooks: [{ url: `${seatcast.url}/api/v1/webhooks/stripe`, secret: WEBHOOK_SECRET }] });
  browser = await launch();
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
});
afterAll(async () => {
  await browser?.close();
  await seatcast?.stop();
  provider?.kill();
});

async function tell(wish: object): Promise<Record<string, unknown>> {
  return (await (await fetch(`${stripe}/_control`, { method: 'POST', body: JSON.stringify(wish) })).json()) as Record<string, unknown>;
}

interface Intent {
  status: string;
  amount: number;
}

/** As the provider's books have them. */
async function intents(): Promise<Intent[]> {
  const { payment_intents } = (await (await fetch(`${stripe}/_control`)).json()) as { payment_intents: Intent[] };
  return payment_intents;
}

/** Stripe's addresses, as the browser asks for them; answers what was asked of them. */
async function playStripe(context: BrowserContext): Promise<{ asked: string[]; confirmed: URLSearchParams[] }> {
  const asked: string[] = [];
  const confirmed: URLSearchParams[] = [];
  await context.route('https://*.stripe.com/**', async (route) => {
    const { pathname, host } = new URL(route.request().url());
    asked.push(host + pathname);
    if (pathname === '/v3/') return route.fulfill({ contentType: 'text/javascript', body: STRIPE_JS });
    if (pathname === '/v3/elements.html') return route.fulfill({ contentType: 'text/html', body: ELEMENTS });
    const intent = /^\/v1\/payment_intents\/(\w+)\/confirm$/.exec(pathname)?.[1];
    if (!intent) return route.abort();
    const body = new URLSearchParams(route.request().postData() ?? '');
    confirmed.push(body);
    const answer = await tell({ act: { intent, card: body.get('card') } });
    return route.fulfill({ json: answer, headers: { 'access-control-allow-origin': seatcast.url } });
  });
  return { asked, confirmed };
}

async function makeEvent(): Promise<number> {
  const event = {
    ...{ title: 'Paid by Stripe', venue: 'Test hall', category: 'concert', starts_at: '2037-06-01T20:00:00Z', timezone: 'Europe/Berlin' },
    ...{ currency: 'EUR', capacity: 20, ticket_types: [{ name: 'Standard', price: 4_500, capacity: 20 }] },
  };
  const answer = await fetch(`${seatcast.url}/api/v1/events`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-user-id': '2' }, body: JSON.stringify(event) });
  return ((await answer.json()) as { data: { id: number } }).data.id;
}

const card = (page: Page): Locator => page.locator('seatcast-bookings [data-booking]');

async function typeCard(page: Page, number: string): Promise<void> {
  await page.frameLocator('iframe[title="Secure card fields"]').getByLabel('Card number').fill(number);
  await page.getByRole('dialog').getByRole('button', { name: /^Pay/ }).click();
}

/** The last mail to an address whose subject has these words, once there is one. */
async function mailTo(email: string, about: string): Promise<string> {
  const find = async (): Promise<string | undefined> => {
    const outbox = (await (await fetch(`${seatcast.url}/dev/outbox`)).json()) as { to: string; subject: string; text: string }[];
    return outbox.findLast(({ to, subject }) => to === email && subject.includes(about))?.text;
  };
  await expect.poll(find).toBeDefined();
  return (await find())!;
}

it('is declined, and then taken, in Stripe’s fields, under the policy of the page', async () => {
  const id = await makeEvent();
  const { page, context, errors } = await open(browser, 'about:blank', { reducedMotion: 'reduce' });
  const { asked, confirmed } = await playStripe(context);
  await page.addInitScript(() => {
    const broken: string[] = [];
    Object.assign(globalThis, { broken });
    document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) => broken.push(`${effectiveDirective} ${blockedURI}`));
  });
  await page.goto(`${seatcast.url}/events/${id}`);
  await page.getByRole('button', { name: 'One more Standard' }).click();
  await page.getByRole('button', { name: 'Hold 1 ticket' }).click();
  await expect.poll(() => textOf(card(page))).toMatch(/1 × Standard.* Pay €45.00/i);
  // Nothing is asked of Stripe before somebody pays.
  expect(asked).toEqual([]);

  await page.getByRole('button', { name: /^Pay €45.00/ }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Pay €45.00' }).waitFor();
  await picture(page, 'stripe form');
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id: rule }) => rule)).toEqual([]);
  await typeCard(page, CARDS.declined);
  await expect.poll(() => dialog.getByRole('alert').innerText()).toBe('Your card was declined.');
  await picture(page, 'stripe declined');
  expect((await intents()).map(({ status }) => status)).toEqual(['requires_payment_method']);

  await typeCard(page, CARDS.good);
  await dialog.waitFor({ state: 'detached' });
  await expect.poll(() => textOf(card(page))).toMatch(/^confirmed .*TKT-/i);
  await picture(page, 'stripe paid');
  expect(await intents()).toMatchObject([{ status: 'succeeded', amount: 4_500 }]);
  expect(confirmed.map((body) => [body.get('key'), body.get('return_url')])).toEqual(Array(2).fill([PUBLISHABLE_KEY, expect.stringMatching(/\/bookings\/BK-\w+$/)]));
  expect([...new Set(asked.map((address) => address.split('/')[0]))].sort()).toEqual(['api.stripe.com', 'js.stripe.com']);

  // The policy let all of that be, and it holds: the next best address is refused.
  const broken = (): Promise<string[]> => page.evaluate(() => (globalThis as unknown as { broken: string[] }).broken);
  expect(await broken()).toEqual([]);
  await page.evaluate(() => fetch('https://stripe.example/').catch(() => undefined));
  await expect.poll(broken).toEqual(['connect-src https://stripe.example/']);
  expect(errors.filter((error) => !error.includes('stripe.example'))).toEqual([]);
});

it('does not give the money of a sale: its buyer is asked by mail, and pays with another card', async () => {
  const id = await makeEvent();
  const email = `${crypto.randomUUID()}@example.org`;
  const others = (await intents()).length;
  const first = await open(browser, 'about:blank', { reducedMotion: 'reduce' });
  await playStripe(first.context);
  await first.page.goto(`${seatcast.url}/events/${id}`);
  await first.page.getByRole('button', { name: 'One more Standard' }).click();
  await first.page.getByLabel('E-mail').fill(email);
  await first.page.getByRole('button', { name: 'Hold 1 ticket' }).click();
  await first.page.getByRole('button', { name: /^Pay €45.00/ }).click();
  // The card is good, the tickets are the buyer's, and then the provider takes no money.
  await tell({ faults: [{ on: 'POST /v1/payment_intents/.*/capture', does: '404', times: 1_000 }] });
  await typeCard(first.page, CARDS.good);
  const mail = await mailTo(email, 'Please pay again for your tickets for Paid by Stripe');
  await tell({ faults: [] });
  expect(mail).toMatch(/Open the booking and pay \W*45\.00\sEUR\W* again\./);
  const owed = /^confirmed .*Your bank did not give us the money, and nothing was taken\..*TKT-.* Pay €45.00/i;
  await first.page.reload();
  await expect.poll(() => textOf(card(first.page))).toMatch(owed);

  // On a phone, where nobody knows of the booking.
  const { page, context, errors } = await open(browser, 'about:blank', { viewport: { width: 375, height: 812 }, reducedMotion: 'reduce' });
  await playStripe(context);
  await page.goto(/http\S+#link=\S+/.exec(mail)![0]);
  await page.getByRole('status').getByRole('link', { name: /BK-/ }).click();
  await page.waitForURL(/\/bookings\/[^/]+$/);
  await expect.poll(() => textOf(card(page))).toMatch(owed);
  await expect.poll(() => textOf(page.getByRole('heading', { level: 1 }))).toBe('Please pay again');
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id: rule }) => rule)).toEqual([]);
  await picture(page, 'pay again');
  await page.getByRole('button', { name: /^Pay €45.00/ }).click();
  await typeCard(page, CARDS.other);
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await expect.poll(() => textOf(card(page))).toMatch(/^confirmed (?!.*(?:Your bank|Pay €)).*TKT-/i);
  await expect.poll(() => textOf(page.getByRole('heading', { level: 1 }))).toBe('You are booked');
  await picture(page, 'paid again');
  await expect.poll(async () => (await intents()).slice(others)).toMatchObject([{ status: 'canceled' }, { status: 'succeeded', amount: 4_500 }]);
  await page.reload();
  await expect.poll(() => textOf(card(page))).toMatch(/^confirmed (?!.*(?:Your bank|Pay €)).*TKT-/i);
  expect([...first.errors, ...errors]).toEqual([]);
}, 90_000);
