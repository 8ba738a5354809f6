// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SeatcastClient } from '../../sdk/index.ts';
import { FakeServer } from '../../../test/support/fake-server.ts';
import { drawn, mount, textOf } from '../../../test/support/mount.ts';
import type { SeatcastPresence } from './seatcast-presence.ts';
import './seatcast-presence.ts';

let server: FakeServer;
let client: SeatcastClient;
let element: SeatcastPresence;

beforeEach(async () => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  client = server.client();
  element = await mount(server, client, 'seatcast-presence', { event: '1' });
});
afterEach(() => {
  document.body.replaceChildren();
  client.close();
  vi.useRealTimers();
});

async function says(people: Record<string, number>): Promise<string> {
  server.people(1, people);
  await drawn(server, element, 1_000);
  return textOf(element).replace(/ ([:,])/g, '$1');
}

describe('the people who are here', () => {
  it.each([
    [{}, ''],
    [{ viewing: 1 }, '1 other here'],
    [{ viewing: 1_200 }, '1,200 others here'],
    [{ viewing: 9, ticket_selection: 2, payment: 1 }, '12 others here 3 booking: 2 choosing tickets, 1 checking out'],
    [{ viewing: 9, payment: 3 }, '12 others here 3 checking out'],
    [{ viewing: 9, attendee_details: 3 }, '12 others here 3 booking'],
  ])('%j is said as «%s»', async (people, words) => {
    expect(await says(people as Record<string, number>)).toBe(words);
  });

  it('is told in the past when it is stale, and not at all without a link', async () => {
    await says({ viewing: 3 });
    server.loseDatabase();
    await drawn(server, element);
    expect(textOf(element)).toBe('3 others here a moment ago');
    server.cut();
    await element.updateComplete;
    expect(textOf(element)).toBe('');
  });
});
