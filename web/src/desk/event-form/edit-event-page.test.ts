// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { deskClientOf } from '../../../test/support/desk-page.ts';
import { accepted, FakeServer } from '../../../test/support/fake-server.ts';
import type { EventDetails } from '../../sdk/index.ts';
import type { DeskClient } from '../desk-client.ts';
import { EditEventPage } from './edit-event-page.ts';

const EVENT = { id: 1, title: 'First', venue: 'Hall', description: '', category: 'music', country: null, timezone: 'Europe/Berlin', starts_at: '2038-06-01T18:00:00Z', image_url: null, currency: 'EUR', capacity: 30, membership_required: false, max_per_booking: 10, hold_minutes: 15, offer_minutes: 720, organizer_id: 3, layout: 0, status: 'active', revision: 1, ticket_types: [] } as unknown as EventDetails;
let server: FakeServer;
let client: DeskClient;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  client = deskClientOf(server);
});
afterEach(() => {
  document.body.replaceChildren();
  client.close();
  vi.useRealTimers();
});

it('keeps what is typed while the event is saved', async () => {
  let answer = (): void => {};
  server.routes.set('PATCH /events/1', (body) => new Promise((resolve) => (answer = () => resolve(accepted({ ...EVENT, ...(body as object), revision: 2 })))));
  const page = new EditEventPage();
  page.event = EVENT;
  document.body.append(page);
  const settle = async (): Promise<void> => {
    await server.settle(100);
    await page.updateComplete;
  };
  await settle();
  const field = (name: string): HTMLInputElement => page.renderRoot.querySelector<HTMLInputElement>(`form.panel [name=${name}]`)!;
  field('title').value = 'Second';
  page.renderRoot.querySelector<HTMLFormElement>('form.panel')?.requestSubmit();
  await settle();
  field('venue').value = 'Barn';
  answer();
  await settle();
  expect([page.base.title, field('title').value, field('venue').value]).toEqual(['Second', 'Second', 'Barn']);
});
