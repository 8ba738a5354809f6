// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deskClientOf } from '../../../test/support/desk-page.ts';
import { accepted, FakeServer, refused } from '../../../test/support/fake-server.ts';
import { textOf } from '../../../test/support/mount.ts';
import type { EventDetails } from '../../sdk/index.ts';
import type { DeskClient } from '../desk-client.ts';
import { WORDS as COMMON } from '../words.ts';
import { PricesPage } from './prices-page.ts';

const EVENT = { id: 1, currency: 'EUR', timezone: 'Europe/Berlin', ticket_types: [{ id: 10, name: 'Seat' }, { id: 11, name: 'Balcony' }] } as EventDetails;
const VOUCHER = { id: 4, code: 'EARLY', kind: 'percent', value: 1_000, uses: 0, uses_max: 5, max_per_booking: null, reveals_hidden: false, reserved: 0, reserved_left: 0, valid_from: null, valid_to: '2027-06-01T21:59:59Z', ticket_type_ids: [11, 10] };
const POLICY = { percent: 50, until_minutes: 120, by_ticket: false, keeps_fees: false };
const TERMS = { offline_days: 3, instructions: 'Name the reference.' };

let server: FakeServer;
let client: DeskClient;
let page: PricesPage;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  client = deskClientOf(server);
  const lists = { vouchers: [VOUCHER], fees: [], taxes: [] };
  for (const [what, rows] of Object.entries(lists)) server.routes.set(`GET /events/1/${what}`, () => accepted(rows));
  server.routes.set('PATCH /events/1/vouchers/4', () => accepted(VOUCHER));
  serve('refund-policy', POLICY);
  serve('payment-terms', TERMS);
});
afterEach(() => {
  document.body.replaceChildren();
  client.close();
  vi.useRealTimers();
});

/** Rules that are put whole. */
function serve(what: string, rules: object): void {
  let now = rules;
  server.routes.set(`GET /events/1/${what}`, () => accepted(now));
  server.routes.set(`PUT /events/1/${what}`, (body) => accepted((now = body as object)));
}

async function settle(): Promise<void> {
  await server.settle(100);
  await page.updateComplete;
}

async function open(): Promise<void> {
  page = new PricesPage();
  page.event = EVENT;
  document.body.append(page);
  await settle();
}

const sent = (route: string): unknown[] => server.requests.filter(({ method, path }) => `${method} ${path}` === route).map(({ body }) => body);

function fill(root: ParentNode, name: string, value: string): void {
  const field = root.querySelector<HTMLInputElement>(`[name="${name}"]`);
  if (!field) throw new Error(`no field ${name}`);
  field.value = value;
}

async function save(root: ParentNode, form: string): Promise<void> {
  root.querySelector<HTMLFormElement>(form)?.requestSubmit();
  await settle();
}

async function editVoucher(name: string, value: string): Promise<void> {
  await open();
  const root = page.renderRoot.querySelector('desk-rule-list')?.shadowRoot;
  root?.querySelector<HTMLElement>('tbody button')?.click();
  await settle();
  fill(root!, name, value);
  await save(root!, '#rule');
}

describe('the kinds of a voucher', () => {
  it.each([
    ['en', 'Amount off the booking'],
    ['th', 'ลดเป็นจำนวนเงินต่อการจอง'],
    ['fa', 'مبلغ از کل رزرو'],
  ])('say in %s what the server takes an amount off: the whole booking, however many tickets it has', async (language, words) => {
    document.body.lang = language;
    await open();
    const list = page.renderRoot.querySelector('desk-rule-list')!;
    list.shadowRoot?.querySelector<HTMLElement>('tbody button')?.click();
    await settle();
    document.body.removeAttribute('lang');
    expect(list.shadowRoot?.querySelector('[name=kind] option[value=amount]')?.textContent?.trim()).toBe(words);
  });
});

describe('a rule that is saved', () => {
  it('has only what was changed in the form: the rest may have been changed by somebody else', async () => {
    await editVoucher('uses_max', '6');
    expect(sent('PATCH /events/1/vouchers/4')).toEqual([{ uses_max: 6 }]);
  });

  it('has its value with its kind: neither means anything alone', async () => {
    await editVoucher('value', '20');
    expect(sent('PATCH /events/1/vouchers/4')).toEqual([{ kind: 'percent', value: 2_000 }]);
  });
});

describe('a voucher that sets tickets aside', () => {
  it('says how many its bearers have not taken, and is changed to set aside more, or none', async () => {
    server.routes.set('GET /events/1/vouchers', () => accepted([{ ...VOUCHER, ticket_type_ids: [10], reserved: 40, reserved_left: 12 }]));
    await editVoucher('reserved', '50');
    expect(textOf(page)).toContain('12 left of 40');
    expect(sent('PATCH /events/1/vouchers/4')).toEqual([{ reserved: 50 }]);
  });

  it('sets none aside where the field is emptied', async () => {
    server.routes.set('GET /events/1/vouchers', () => accepted([{ ...VOUCHER, ticket_type_ids: [10], reserved: 40, reserved_left: 12 }]));
    await editVoucher('reserved', '');
    expect(sent('PATCH /events/1/vouchers/4')).toEqual([{ reserved: 0 }]);
  });
});

describe('refund policy and payment terms', () => {
  it('are put apart: who changes one does not undo what somebody else saved in the other', async () => {
    await open();
    fill(page.renderRoot, 'offline_days', '5');
    await save(page.renderRoot, 'form.panel');
    expect(sent('PUT /events/1/refund-policy')).toEqual([]);
    expect(sent('PUT /events/1/payment-terms')).toEqual([{ ...TERMS, offline_days: 5 }]);
  });

  it('keep what somebody else changed meanwhile, and show it', async () => {
    await open();
    serve('refund-policy', { ...POLICY, keeps_fees: true, until_minutes: 60 });
    fill(page.renderRoot, 'percent', '80');
    await save(page.renderRoot, 'form.panel');
    expect(sent('PUT /events/1/refund-policy')).toEqual([{ ...POLICY, percent: 80, keeps_fees: true, until_minutes: 60 }]);
    expect(page.renderRoot.querySelector<HTMLInputElement>('[name=until_minutes]')?.value).toBe('1');
  });

  it('keep what is typed while they are saved', async () => {
    await open();
    let answer = (): void => {};
    server.routes.set('PUT /events/1/payment-terms', (body) => new Promise((resolve) => (answer = () => resolve(accepted(body)))));
    fill(page.renderRoot, 'offline_days', '5');
    await save(page.renderRoot, 'form.panel');
    fill(page.renderRoot, 'percent', '80');
    fill(page.renderRoot, 'instructions', 'Name the');
    answer();
    await settle();
    const shown = (name: string): string | undefined => page.renderRoot.querySelector<HTMLInputElement>(`[name=${name}]`)?.value;
    expect(['offline_days', 'percent', 'instructions'].map(shown)).toEqual(['5', '80', 'Name the']);
  });

  it('that cannot be read are asked for again by hand, as the rules are', async () => {
    for (const what of ['vouchers', 'refund-policy']) server.routes.set(`GET /events/1/${what}`, () => refused(500, 'INTERNAL'));
    await open();
    expect(textOf(page).split(COMMON.en.failedTitle)).toHaveLength(3);
    serve('refund-policy', POLICY);
    [...page.renderRoot.querySelectorAll<HTMLElement>('.message button')].at(-1)?.click();
    await settle();
    expect(page.renderRoot.querySelector('[name=percent]')).not.toBeNull();
  });
});
