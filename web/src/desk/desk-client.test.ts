// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { accepted, FakeServer, refused, tokenOf } from '../../test/support/fake-server.ts';
import { Unreachable } from '../sdk/index.ts';
import { given } from '../sdk/rest.ts';
import { pageSession } from '../pages/session.ts';
import { DeskClient } from './desk-client.ts';

const PATH = '/bookings/1/refunds';
const WISH = { amount: { amount: 2_000, currency: 'EUR' } };
let server: FakeServer;
let client: DeskClient;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  client = new DeskClient({ url: 'http://fake', transport: server.transport, fetch: server.fetch });
});
afterEach(() => {
  client.close();
  vi.useRealTimers();
});

const keys = (): (string | null)[] => server.requests.map(({ headers }) => headers.get('idempotency-key'));

/** Asks, and waits until it is answered or given up. */
async function ask(body: object = WISH): Promise<unknown> {
  const asked = client.doOnce(PATH, body).then(given).catch((error: unknown) => error);
  await server.settle(60_000);
  return asked;
}

it('something that is made keeps its key when the session ends between two tries: the server may have heard the first', async () => {
  client.close();
  client = new DeskClient({ url: 'http://fake', transport: server.transport, fetch: server.fetch, token: tokenOf(3), refreshToken: async () => `${tokenOf(3)}again` });
  server.routes.set('POST /events/1/fees', () => new Response('lost', { status: 502 }));
  const made = client.make('/events/1/fees', WISH).catch((error: unknown) => error);
  await server.settle(10);
  server.routes.set('POST /events/1/fees', () => refused(401, 'INVALID_TOKEN'));
  await server.settle(60_000);
  await made;
  expect(new Set(keys()).size).toBe(1);
});

it('a session that ended is renewed by REST alone, and not once more by those who ask', async () => {
  const another = vi.spyOn(pageSession(), 'another').mockResolvedValue('new');
  server.routes.set('GET /events/1/fees', () => refused(401, 'INVALID_TOKEN'));
  const read = client.read('/events/1/fees').catch((error: unknown) => error);
  await server.settle(10);
  expect(await read).toMatchObject({ status: 401 });
  expect([another.mock.calls.length, server.requests.length]).toEqual([0, 1]);
});

describe('a body', () => {
  async function sent(body: object): Promise<{ headers: Headers; body: unknown }> {
    let heard: RequestInit | undefined;
    const sender = new DeskClient({ url: 'http://fake', transport: server.transport, fetch: async (_url, init) => ((heard = init), accepted({})) });
    vi.useRealTimers();
    await sender.put('/events/1/seatmap', body);
    sender.close();
    const headers = new Headers(heard?.headers);
    if (headers.get('content-encoding') !== 'gzip') return { headers, body: JSON.parse(String(heard?.body)) };
    const plain = new Blob([heard?.body as ArrayBuffer]).stream().pipeThrough(new DecompressionStream('gzip'));
    return { headers, body: await new Response(plain).json() };
  }

  it('that is large, as a seat map is, goes in gzip', async () => {
    const map = { sections: Array.from({ length: 10_000 }, (_, place) => ({ name: `Block ${place}` })) };
    const { headers, body } = await sent(map);
    expect([headers.get('content-encoding'), headers.get('content-type')]).toEqual(['gzip', 'application/json']);
    expect(body).toEqual(map);
  });

  it('that is small goes as it is', async () => {
    const { headers, body } = await sent({ sections: [] });
    expect(headers.get('content-encoding')).toBeNull();
    expect(body).toEqual({ sections: [] });
  });
});

describe('a wish that nobody answered', () => {
  it('is sent with its key when it is made again: the server may have heard it', async () => {
    server.routes.set(`POST ${PATH}`, () => new Response('lost', { status: 502 }));
    expect(await ask()).toBeInstanceOf(Unreachable);
    server.routes.set(`POST ${PATH}`, () => refused(409, 'IDEMPOTENCY_IN_FLIGHT'));
    expect(await ask()).toBeInstanceOf(Unreachable);
    expect(client.isUnanswered(PATH, WISH)).toBe(true);
    server.routes.set(`POST ${PATH}`, () => accepted(WISH));
    expect(await ask()).toEqual(WISH);
    expect(new Set(keys()).size).toBe(1);
    expect(client.isUnanswered(PATH, WISH)).toBe(false);
  });

  it('shares its key with no other one, and with none after its answer', async () => {
    server.routes.set(`POST ${PATH}`, () => new Response('lost', { status: 502 }));
    await ask();
    await ask({ amount: { amount: 2_001, currency: 'EUR' } });
    server.routes.set(`POST ${PATH}`, () => refused(409, 'REFUND_TOO_HIGH'));
    await ask();
    server.routes.set(`POST ${PATH}`, () => accepted(WISH));
    await ask();
    await ask();
    expect(new Set(keys()).size).toBe(4);
  });
});
