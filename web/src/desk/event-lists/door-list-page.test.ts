// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { deskClientOf } from '../../../test/support/desk-page.ts';
import { accepted, FakeServer, refused } from '../../../test/support/fake-server.ts';
import { SHOWN_AGAIN_MS } from '../../door/rest.ts';
import type { EventDetails } from '../../sdk/index.ts';
import type { DeskClient } from '../desk-client.ts';
import { DoorListPage } from './door-list-page.ts';

const EVENT = { id: 1, organizer_id: 3 } as unknown as EventDetails;
const GUEST = { ticket_id: 7, code: 'A-7', reference: 'BK1', ticket_type: 'Seat', seat: null, name: 'Ada', checked_in_at: null, gate: null };
let server: FakeServer;
let client: DeskClient;
let page: DoorListPage;
let status: 'valid' | 'used';

beforeEach(async () => {
  vi.useFakeTimers();
  server = new FakeServer();
  client = deskClientOf(server);
  status = 'valid';
  server.routes.set('GET /events/1/attendees', () => accepted([{ ...GUEST, status, checkin_id: status === 'used' ? 4 : null }]));
  server.routes.set('GET /events/1/checkins', () => accepted([]));
  server.routes.set('POST /checkins/4/undo', () => accepted(((status = 'valid'), null)));
  lose();
  page = new DoorListPage();
  page.event = EVENT;
  document.body.append(page);
  await settle();
});
afterEach(() => {
  document.body.replaceChildren();
  client.close();
  vi.useRealTimers();
});

/** Answers about check-ins get lost; whether the server heard of them is up to the test. */
function lose(): void {
  server.routes.set('POST /checkins', () => refused(503, 'AWAY'));
}

async function settle(): Promise<void> {
  await server.settle(100);
  await page.updateComplete;
}

/** The one button of the row: «Let in», or «Undo». */
async function press(): Promise<void> {
  page.renderRoot.querySelector<HTMLElement>('td button')?.click();
  await settle();
}

const nonces = (): unknown[] => server.requests.filter(({ method, path }) => `${method} ${path}` === 'POST /checkins').map(({ body }) => (body as { nonce: string }).nonce);

it('«Let in» that is pressed again after a lost answer is the same check-in, for a while', async () => {
  await press();
  await press();
  expect(nonces()).toHaveLength(2);
  expect(new Set(nonces()).size).toBe(1);
  vi.setSystemTime(Date.now() + SHOWN_AGAIN_MS);
  await press();
  expect(new Set(nonces()).size).toBe(2);
});

it('«Let in» after «Undo» lets in anew, where the answer about the first time was lost', async () => {
  await press();
  // The server heard of it.
  status = 'used';
  page.renderRoot.querySelector<HTMLFormElement>('form.search')?.requestSubmit();
  await settle();
  await press();
  expect(status).toBe('valid');
  await press();
  expect(new Set(nonces()).size).toBe(2);
});
