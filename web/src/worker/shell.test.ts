import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { networkFirst, wayOf } from './shell.ts';

const ORIGIN = 'https://tickets.example';
const way = (path: string, mode: RequestMode = 'cors', method = 'GET'): string => wayOf({ url: new URL(path, ORIGIN).href, mode, method }, ORIGIN);

describe('what the service worker answers', () => {
  it('is the files that are named by their content, and the pages', () => {
    expect(way('/assets/page-12ab.js')).toBe('kept');
    for (const page of ['/', '/events/42', '/bookings', '/events?q=jazz']) expect(way(page, 'navigate')).toBe('network-first');
  });

  it('is nothing of the API, of other pages, of other servers, and no write', () => {
    for (const path of ['/api/v1/events', '/api/v1/availability?event_ids=1', '/embed/seatcast.js', '/events/42', '/sw.js']) expect(way(path)).toBe('not-ours');
    for (const path of ['/desk', '/desk/events/7', '/checkin', '/docs', '/dev', '/dev/outbox', '/pay/demo/1', '/openapi.json', '/api']) expect(way(path, 'navigate')).toBe('not-ours');
    expect(way('https://elsewhere.example/assets/a.js')).toBe('not-ours');
    expect(way('/bookings', 'navigate', 'POST')).toBe('not-ours');
  });
});

describe('a navigation', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const shell = new Response('shell');
  const kept = (): Promise<Response> => Promise.resolve(shell);
  const never = new Promise<Response>(() => {});

  it('is the network\'s, if that says no as well', async () => {
    const missing = new Response('nothing here', { status: 404 });
    expect(await networkFirst(Promise.resolve(missing), kept, 5_000)).toBe(missing);
  });

  it('is the kept page without network, at once', async () => {
    expect(await networkFirst(Promise.reject(new TypeError('failed')), kept, 5_000)).toBe(shell);
  });

  it('is the kept page where the network takes too long', async () => {
    const answer = networkFirst(never, kept, 5_000);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await answer).toBe(shell);
  });

  it('waits for the network where nothing is kept, and fails as it does', async () => {
    await expect(networkFirst(Promise.reject(new TypeError('failed')), () => Promise.resolve(undefined), 5_000)).rejects.toThrow('failed');
  });
});
