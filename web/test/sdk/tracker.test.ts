import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ABANDONED, STEPS, type Interaction, type SeatcastClient } from '../../src/sdk/index.ts';
import { TRACKER } from '../../src/sdk/tracker.ts';
import { accepted, FakeServer, refused, tokenOf } from '../support/fake-server.ts';

let server: FakeServer;
let client: SeatcastClient;
let taken: Interaction[][];

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  taken = [];
  server.routes.set('POST /interactions', (body) => {
    const { interactions } = body as { interactions: Interaction[] };
    taken.push(interactions);
    return accepted({ accepted: interactions.length }, {}, 202);
  });
  client = server.client();
});
afterEach(() => {
  client.close();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const actions = (): string[] => taken.flat().map(({ action }) => action);

describe('reports of what visitors do', () => {
  it('are sent every five seconds', async () => {
    client.track('ticket_selected', { event_id: 1, ticket_type_id: 7 });
    client.track('form_field_changed', { field: 'email' });
    await server.settle(4_999);
    expect(taken).toEqual([]);
    await server.settle(1);
    expect(taken).toHaveLength(1);
    expect(taken[0]?.[0]).toMatchObject({ action: 'ticket_selected', event_id: 1, data: { event_id: 1, ticket_type_id: 7 } });
    await server.settle(60_000);
    expect(taken).toHaveLength(1);
  });

  it('are sent at once when fifty wait, two hundred at most', async () => {
    for (let nth = 0; nth < 49; nth += 1) client.track(`a${nth}`);
    await server.settle();
    expect(taken).toEqual([]);
    client.track('a49');
    await server.settle();
    expect(actions()).toEqual(Array.from({ length: 50 }, (_, nth) => `a${nth}`));
  });

  it('are kept while the server is away, and sent in their order', async () => {
    server.fetchFails();
    client.track('first');
    await server.settle(5_000);
    client.track('second');
    await server.settle(20_000);
    server.fetchFails(false);
    await server.settle(5_000);
    expect(actions()).toEqual(['first', 'second']);
  });

  it('are bounded while it stays away', async () => {
    server.fetchFails();
    for (let nth = 0; nth < TRACKER.keptMax + 100; nth += 1) client.track(`a${nth}`);
    await server.settle(60_000);
    server.fetchFails(false);
    await server.settle(60_000);
    expect(actions()).toHaveLength(TRACKER.keptMax);
    expect(actions().at(-1)).toBe(`a${TRACKER.keptMax + 99}`);
    expect(Math.max(...taken.map(({ length }) => length))).toBe(TRACKER.batchMax);
  });

  it('that are refused are not sent again, and stop no others', async () => {
    const take = server.routes.get('POST /interactions')!;
    server.routes.set('POST /interactions', () => refused(422, 'VALIDATION_FAILED'));
    client.track('wrong');
    await server.settle(5_000);
    server.routes.set('POST /interactions', take);
    client.track('right');
    await server.settle(5_000);
    expect(actions()).toEqual(['right']);
  });

  it.each([
    ['https://shop.example/paid?payment_intent=pi_1&payment_intent_client_secret=pi_1_secret_2&redirect_status=succeeded', 'https://shop.example/paid'],
    ['https://shop.example/events/1?utm_source=mail&q=x&utm_campaign=May#link=secret', 'https://shop.example/events/1?utm_source=mail&utm_campaign=May'],
    ['about:srcdoc', 'about:srcdoc'],
  ])('name the page, and nothing in its address that may be secret: %s', async (href, told) => {
    vi.stubGlobal('location', { href });
    client.track('seen');
    await server.settle(5_000);
    expect(taken.flat()[0]?.page_url).toBe(told);
  });

  it('say session, user, page and agent by themselves', async () => {
    vi.stubGlobal('location', { href: 'https://shop.example/events/1' });
    vi.stubGlobal('navigator', { userAgent: 'Tests/1' });
    client.setToken(tokenOf(3));
    client.track('one');
    client.track('two', { text: 'x'.repeat(5_000) });
    await server.settle(5_000);
    const [one, two] = taken.flat();
    expect(one).toMatchObject({ user_id: 3, page_url: 'https://shop.example/events/1', user_agent: 'Tests/1' });
    expect(one?.session_id).toMatch(/^[0-9a-f]{32}$/);
    expect(two?.session_id).toBe(one?.session_id);
    expect(two?.data).toEqual({ too_large: true });
  });
});

describe('a page that ends', () => {
  let page: EventTarget;
  let beacons: { url: string; body: Blob }[];

  beforeEach(() => {
    page = new EventTarget();
    beacons = [];
    vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
    vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page));
    vi.stubGlobal('navigator', { userAgent: 'Tests/1', sendBeacon: (url: string, body: Blob) => beacons.push({ url, body }) > 0 });
  });

  const sent = async (): Promise<Interaction[]> => {
    const bodies = await Promise.all(beacons.map(({ body }) => body.text()));
    return bodies.flatMap((body) => (JSON.parse(body) as { interactions: Interaction[] }).interactions);
  };

  it('sends what waits as a beacon, once', async () => {
    client.track('last');
    page.dispatchEvent(new Event('pagehide'));
    expect(beacons[0]?.url).toBe('http://fake/api/v1/interactions');
    expect(beacons[0]?.body.type).toBe('text/plain');
    expect((await sent()).map(({ action }) => action)).toEqual(['last']);
    await server.settle(10_000);
    expect(taken).toEqual([]);
  });

  it('tells of a buyer who leaves in a step, not of one who looked', async () => {
    client.watch('event:1', () => {});
    client.setStep(1, STEPS.viewing);
    client.track('looked');
    page.dispatchEvent(new Event('pagehide'));
    expect((await sent()).map(({ action }) => action)).toEqual(['looked']);
    client.setStep(1, STEPS.choosing);
    page.dispatchEvent(new Event('pagehide'));
    expect((await sent()).at(-1)).toMatchObject({ action: ABANDONED, event_id: 1, data: { event_id: 1, step: STEPS.choosing } });
  });
});
