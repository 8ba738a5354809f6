import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { notificationOf, renew, tabOf } from './push.ts';

const message = (more: object): string =>
  JSON.stringify({ title: 'Tickets are back', body: 'Opera', url: '/events/7', tag: 'seatcast-1', lang: 'en', dir: 'ltr', ...more });

describe('a message', () => {
  it('is shown as it was written, and replaces its double', () => {
    const { title, options } = notificationOf(message({}), new Date());
    expect(title).toBe('Tickets are back');
    expect(options).toMatchObject({ body: 'Opera', tag: 'seatcast-1', lang: 'en', dir: 'ltr', data: { url: '/events/7' } });
  });

  it('says a time as clocks here do, with its day where that is another', () => {
    const now = new Date(2026, 7, 1, 19, 0);
    const said = (until: Date, lang: string): string => notificationOf(message({ body: 'until {time}.', until: until.toISOString(), lang }), now).options.body ?? '';
    expect(said(new Date(2026, 7, 1, 20, 15), 'en')).toMatch(/^until 0?8:15\sPM\.$/);
    expect(said(new Date(2026, 7, 2, 8, 5), 'en')).toMatch(/^until Sun, Aug 2, 0?8:05\sAM\.$/);
    expect(said(new Date(2026, 7, 1, 20, 15), 'fa')).toContain('۲۰:۱۵');
    expect(said(new Date(2026, 7, 1, 20, 15), 'th')).toContain('20:15');
  });

  it('that cannot be read, or leads elsewhere, is shown as ours and leads to the shop', () => {
    for (const text of [undefined, '', 'null', '{}', message({ url: 'https://elsewhere.example' }), message({ url: '//elsewhere.example' }), message({ title: 7 })]) {
      const { title, options } = notificationOf(text, new Date());
      expect([title, options.data.url]).toEqual(['Seatcast', '/']);
    }
  });
});

it('a tab that shows the page is used, whatever follows its path', () => {
  const tabs = [{ url: 'https://tickets.example/' }, { url: 'https://tickets.example/events/7?from=mail#top' }];
  expect(tabOf(tabs, '/events/7')).toBe(tabs[1]);
  expect(tabOf(tabs, '/events/70')).toBeUndefined();
});

describe('another subscription in place of the old one', () => {
  const subscription = (name: string): PushSubscription =>
    ({ options: { userVisibleOnly: true, applicationServerKey: `key of ${name}` }, toJSON: () => ({ endpoint: `https://push.example/${name}`, keys: { p256dh: `p of ${name}`, auth: `secret of ${name}` } }) }) as unknown as PushSubscription;
  const [before, after] = [subscription('before'), subscription('after')];
  const sent = { auth: 'secret of before', endpoint: 'https://push.example/after', keys: { p256dh: 'p of after', auth: 'secret of after' } };
  const asked = vi.fn<(path: string, request: { method: string; body: string }) => Promise<{ status: number }>>();
  const subscribe = vi.fn(() => Promise.resolve(after));
  const bodies = (): unknown[] => asked.mock.calls.map(([path, { method, body }]) => [method, path, JSON.parse(body)]);

  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('fetch', asked.mockReset().mockResolvedValue({ status: 200 }));
    subscribe.mockClear();
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it('is told to the server, with the secret of the old one', async () => {
    await renew({ oldSubscription: before, newSubscription: after }, subscribe);
    expect(bodies()).toEqual([['POST', '/api/v1/push/subscriptions/renew', sent]]);
    expect(subscribe).not.toHaveBeenCalled();
  });

  it('is asked for where the browser made none, for the same key', async () => {
    await renew({ oldSubscription: before, newSubscription: null }, subscribe);
    expect(subscribe).toHaveBeenCalledExactlyOnceWith(before.options);
    expect(bodies()).toEqual([['POST', '/api/v1/push/subscriptions/renew', sent]]);
  });

  it('is left to the page where the browser does not say which it had', async () => {
    for (const moved of [{}, { oldSubscription: null, newSubscription: after }]) await renew(moved, subscribe);
    expect([asked.mock.calls.length, subscribe.mock.calls.length]).toEqual([0, 0]);
  });

  it('is told again while the server does not answer, and once where it says no', async () => {
    asked.mockRejectedValueOnce(new TypeError('no network')).mockResolvedValueOnce({ status: 503 }).mockResolvedValueOnce({ status: 429 });
    const done = renew({ oldSubscription: before, newSubscription: after }, subscribe);
    await vi.advanceTimersByTimeAsync(36_000);
    await done;
    expect(bodies()).toEqual(Array(4).fill(['POST', '/api/v1/push/subscriptions/renew', sent]));
    asked.mockReset().mockResolvedValue({ status: 404 });
    await renew({ oldSubscription: before, newSubscription: after }, subscribe);
    expect(asked).toHaveBeenCalledOnce();
  });
});
