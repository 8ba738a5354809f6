import { afterEach, expect, it, vi } from 'vitest';
import { Unreachable, type SeatcastClient } from '../../src/sdk/index.ts';
import { accepted, FakeServer } from '../support/fake-server.ts';

const PARTS = ['../../src/sdk/files.ts', '../../src/sdk/seat-runs.ts'];

afterEach(() => {
  for (const part of PARTS) vi.doUnmock(part);
});

it.each<[string, (client: SeatcastClient) => Promise<unknown>]>([
  ['a file', (client) => client.ticketsPdf({ id: 'b-1' })],
  ['a seat map', (client) => client.seatMap(1, 1)],
])('%s whose reader cannot be loaded is out of reach, as it is without a network', async (_what, read) => {
  for (const part of PARTS) {
    vi.doMock(part, () => {
      throw new TypeError('Failed to fetch dynamically imported module');
    });
  }
  const server = new FakeServer();
  server.routes.set('GET /events/1/seatmap', () => accepted({}));
  const client = server.client();
  await expect(read(client)).rejects.toBeInstanceOf(Unreachable);
  client.close();
});
