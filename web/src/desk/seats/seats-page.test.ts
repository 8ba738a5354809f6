// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deskClientOf } from '../../../test/support/desk-page.ts';
import { accepted, FakeServer } from '../../../test/support/fake-server.ts';
import type { EventDetails, SeatMapGeometry } from '../../sdk/index.ts';
import type { DeskClient } from '../desk-client.ts';
import { SeatsPage } from './seats-page.ts';
// Fetched when it is needed, which takes real time the first time.
import '../../sdk/seat-runs.ts';

const FREE = 0;
const BLOCKED = 3;

let server: FakeServer;
let client: DeskClient;
let page: SeatsPage;
let answers: ((layout: number) => void)[];

const event = (layout: number): EventDetails => ({ id: 1, title: 'Event 1', status: 'active', layout, starts_at: '2038-06-01T18:00:00Z', currency: 'EUR', ticket_types: [] }) as unknown as EventDetails;

function map(layout: number, ids: number[]): SeatMapGeometry {
  const all = <T>(value: T): T[] => ids.map(() => value);
  return { layout, sections: [{ id: 1, name: 'Hall' }], seats: { id: ids, section: all(0), row: all('A'), number: ids.map(String), ticket_type_id: all(7), x: ids, y: all(0) } };
}
/** The second map has the seats in another order. */
const MAPS: Record<number, SeatMapGeometry> = { 1: map(1, [101, 102, 103]), 2: map(2, [103, 102, 101]) };

beforeEach(async () => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  server.event(1).seats = [FREE, BLOCKED, BLOCKED];
  answers = [];
  client = deskClientOf(server);
  server.routes.set('GET /events/1/ticket-types', () => accepted([]));
  server.routes.set('GET /events/1/seatmap', () => accepted(MAPS[page.event.layout]));
  server.routes.set('PATCH /events/1/seats', () => accepted({}));
  page = new SeatsPage();
  page.event = event(1);
  document.body.append(page);
  await settle();
});
afterEach(() => {
  document.body.replaceChildren();
  client.close();
  vi.useRealTimers();
});

async function settle(): Promise<void> {
  await server.settle(100);
  await page.updateComplete;
}

/** Asks to block all seats of the map. */
async function ask(): Promise<void> {
  page.renderRoot.querySelector<HTMLFormElement>('form.whole-one')?.requestSubmit();
  await settle();
}

async function confirm(): Promise<void> {
  page.renderRoot.querySelector<HTMLElement>('desk-dialog .primary')?.click();
  await settle();
}

const blocked = (): unknown[] => server.requests.filter(({ method }) => method === 'PATCH').map(({ body }) => body);

describe('seats that are to be blocked', () => {
  it('are those that were asked about', async () => {
    await ask();
    await confirm();
    expect(blocked()).toEqual([{ seat_ids: [101], blocked: true }]);
  });

  it('are none when the map is replaced behind the question, which goes', async () => {
    await ask();
    expect(page.question).toBeDefined();
    server.redraw(1, 2, [BLOCKED, BLOCKED, FREE]);
    page.event = event(2);
    await settle();
    expect(page.question).toBeUndefined();
    await confirm();
    expect(blocked()).toEqual([]);
  });

  it('are not asked about while places and statuses are of different maps', async () => {
    server.redraw(1, 2, [BLOCKED, BLOCKED, FREE]);
    await settle();
    await ask();
    expect(page.question).toBeUndefined();
  });

  it('are shown at last where their places could not be had at once', async () => {
    server.routes.set('GET /events/1/seatmap', () => new Response('later', { status: 503 }));
    server.redraw(1, 2, [BLOCKED, BLOCKED, FREE]);
    page.event = event(2);
    await server.settle(60_000);
    expect(page.geometry?.layout).toBe(1);
    server.routes.set('GET /events/1/seatmap', () => accepted(MAPS[2]));
    await server.settle(60_000);
    await page.updateComplete;
    expect(page.geometry?.layout).toBe(2);
    await ask();
    await confirm();
    expect(blocked()).toEqual([{ seat_ids: [101], blocked: true }]);
  });

  it('keep their map when the answer about an older one comes late', async () => {
    server.routes.set('GET /events/1/seatmap', () => new Promise((resolve) => answers.push((layout) => resolve(accepted(MAPS[layout])))));
    page.event = event(2);
    await settle();
    page.event = event(1);
    await settle();
    answers[1]?.(1);
    await settle();
    answers[0]?.(2);
    await settle();
    expect(page.geometry?.layout).toBe(1);
  });
});
