// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deskClientOf } from '../../../test/support/desk-page.ts';
import { accepted, FakeServer, refused } from '../../../test/support/fake-server.ts';
import type { EventDetails } from '../../sdk/index.ts';
import type { DeskClient } from '../desk-client.ts';
import { DashboardPage } from './dashboard-page.ts';

const EVENT = { id: 1, organizer_id: 3, title: 'Event 1', status: 'active', layout: 0, currency: 'EUR', timezone: 'UTC', ticket_types: [] } as unknown as EventDetails;
/** Longer than from one look to the next. */
const LOOK_MS = 61_000;

let server: FakeServer;
let client: DeskClient;
let page: DashboardPage;

beforeEach(async () => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  client = deskClientOf(server);
  for (const figures of ['analytics', 'funnel']) server.routes.set(`GET /events/1/${figures}`, () => refused(404, 'EVENT_NOT_FOUND'));
  server.routes.set('GET /payments', () => {
    const isOwn = server.requests.at(-1)?.path.includes('event_id=1&') ?? false;
    return accepted([{}], { 'x-total-count': isOwn ? '7' : '900' });
  });
  page = new DashboardPage();
  page.event = EVENT;
  document.body.append(page);
  await server.settle(100);
});
afterEach(() => {
  document.body.replaceChildren();
  client.close();
  vi.useRealTimers();
});

describe('payments of the event that wait for a person', () => {
  it('are counted by the server, of all that wait', () => {
    expect(page.reviews).toBe(7);
  });

  it('are not forgotten when they cannot be read once', async () => {
    server.routes.set('GET /payments', () => refused(500, 'INTERNAL'));
    await server.settle(LOOK_MS);
    expect(page.reviews).toBe(7);
  });
});
