import { afterEach, describe, expect, it, vi } from 'vitest';
import { eachOfTickets, fileOf } from '../../src/sdk/files.ts';
import { Refusal, Unreachable, type SeatcastClient, type Ticket } from '../../src/sdk/index.ts';
import { Rest } from '../../src/sdk/rest.ts';
import { accepted, FakeServer, refused } from '../support/fake-server.ts';

const PARTS = ['../../src/sdk/files.ts', '../../src/sdk/seat-runs.ts'];

afterEach(() => {
  vi.useRealTimers();
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

describe('tickets to print', () => {
  const tickets = (count: number, status: Ticket['status'] = 'valid'): Ticket[] => Array.from({ length: count }, (_, at) => ({ code: `TKT-${at}`, status })) as Ticket[];
  const print = async (of: Ticket[], last = Infinity): Promise<string[]> => {
    const names: string[] = [];
    const part = (at: number): Promise<Blob> => (at > last ? Promise.reject(new Refusal(404, 'none', { code: 'TICKET_NOT_FOUND' })) : Promise.resolve(new Blob([])));
    await eachOfTickets({ reference: 'BK-1', tickets: of }, part, (_file, name) => void names.push(name));
    return names;
  };

  it('are one file up to a thousand, and all of them in as many as they take', async () => {
    expect(await print(tickets(1_000))).toEqual(['tickets-BK-1.pdf']);
    expect(await print([...tickets(1_001), ...tickets(3_000, 'void')])).toEqual(['tickets-BK-1-1-of-2.pdf', 'tickets-BK-1-2-of-2.pdf']);
  });

  it('end where there are no more, as of those that somebody else used, and fail where there are none', async () => {
    expect(await print(tickets(1_001, 'used'), 1)).toEqual(['tickets-BK-1-1-of-2.pdf']);
    await expect(print(tickets(1), 0)).rejects.toMatchObject({ code: 'TICKET_NOT_FOUND' });
  });
});

describe('a file', () => {
  const PIECES = 6;

  /** Sends a piece in each pause, and then ends or says no more. Its stream breaks with the request's signal, as that of `fetch`. */
  function slow(pauseMs: number, ends: boolean): typeof fetch {
    return async (_input, init) =>
      new Response(
        new ReadableStream<Uint8Array>({
          start(controller) {
            for (let at = 1; at <= PIECES; at += 1) setTimeout(() => controller.enqueue(new Uint8Array(10)), at * pauseMs);
            if (ends) setTimeout(() => controller.close(), PIECES * pauseMs + 1);
            init?.signal?.addEventListener('abort', () => controller.error(init.signal?.reason));
          },
        }),
        { headers: { 'content-type': 'text/csv' } },
      );
  }

  async function read(fetch: typeof globalThis.fetch): Promise<unknown> {
    vi.useFakeTimers();
    vi.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => {
      const timeout = new AbortController();
      setTimeout(() => timeout.abort(new Error('timeout')), ms);
      return timeout.signal;
    });
    const read = fileOf(new Rest({ url: 'http://fake', fetch, identity: () => ({}) }), '/events/1/export').catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(600_000);
    return read;
  }

  it('may take long while it comes', async () => {
    const file = (await read(slow(20_000, true))) as Blob;
    expect([file.size, file.type]).toEqual([PIECES * 10, 'text/csv']);
  });

  it('that stops coming is out of reach', async () => {
    expect(await read(slow(1_000, false))).toBeInstanceOf(Unreachable);
  });

  it('that was refused is a refusal', async () => {
    expect(await read(async () => refused(403, 'FORBIDDEN'))).toBeInstanceOf(Refusal);
  });
});
