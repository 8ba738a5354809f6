// @vitest-environment happy-dom
import type { LitElement } from 'lit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deskClientOf } from '../../../test/support/desk-page.ts';
import { accepted, FakeServer, refused } from '../../../test/support/fake-server.ts';
import type { DeskClient } from '../desk-client.ts';
import { PeoplePage } from './people-page.ts';
import { ReviewPage } from './review-page.ts';

const MEMBERS = [
  { user_id: 3, name: 'Jonas', email: null, role: 'owner', since: '2026-01-01T00:00:00Z' },
  { user_id: 4, name: 'Mia', email: null, role: 'scanner', since: '2026-01-01T00:00:00Z' },
];
const PAYMENT = { id: 'p1', booking_id: 'b1', reference: 'BK1', event_id: 1, provider: 'test', state: 'captured', amount: { amount: 100, currency: 'EUR' }, refunded: { amount: 0, currency: 'EUR' }, reasons: [], reason_count: 1, decisions: ['accept'], created_at: '2026-01-01T00:00:00Z' };

let server: FakeServer;
let client: DeskClient;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  client = deskClientOf(server);
  for (const list of ['invitations', 'api-keys']) server.routes.set(`GET /organizations/3/${list}`, () => accepted([]));
  server.routes.set('GET /organizations/3/members', () => accepted(MEMBERS));
  server.routes.set('GET /payments', () => accepted([PAYMENT]));
  server.routes.set('GET /jobs', () => accepted([]));
});
afterEach(() => {
  document.body.replaceChildren();
  client.close();
  vi.useRealTimers();
});

async function settle(page: LitElement): Promise<void> {
  await server.settle(100);
  await page.updateComplete;
}

async function open<T extends LitElement>(page: T): Promise<T> {
  document.body.append(page);
  await settle(page);
  return page;
}

it('a role that the server refused to change is shown as it was', async () => {
  server.routes.set('PUT /organizations/3/members/4', () => refused(409, 'LAST_OWNER'));
  const page = await open(new PeoplePage());
  const role = page.renderRoot.querySelector<HTMLSelectElement>('td select');
  expect(role?.value).toBe('scanner');
  role!.value = 'owner';
  role!.dispatchEvent(new Event('change'));
  await settle(page);
  expect(role?.value).toBe('scanner');
});

describe('a decision about a payment whose dialog is closed meanwhile', () => {
  async function decideAndClose(answer: Response): Promise<ReviewPage> {
    let say: (response: Response) => void = () => {};
    server.routes.set('POST /payments/p1/review', () => new Promise((resolve) => (say = resolve)));
    const page = await open(new ReviewPage());
    page.renderRoot.querySelector<HTMLElement>('td .primary')?.click();
    await settle(page);
    page.renderRoot.querySelector<HTMLFormElement>('#decide')?.requestSubmit();
    await settle(page);
    expect(page.busy).toBe(true);
    page.asks = undefined;
    say(answer);
    await settle(page);
    return page;
  }

  it('ends the same way when there are reasons that nobody has read', async () => {
    const page = await decideAndClose(refused(409, 'REASONS_UNREAD'));
    expect([page.busy, page.asks]).toEqual([false, undefined]);
  });

  it('ends the same way when it is done', async () => {
    const page = await decideAndClose(accepted({}));
    expect([page.busy, page.asks]).toEqual([false, undefined]);
  });
});
