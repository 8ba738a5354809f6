import { afterEach, expect, it, vi } from 'vitest';
import type { LiveClient } from '../../sdk/live-client.ts';
import { FOLLOW_AGAIN_MS, followLater, serverOf } from './shared-client.ts';

afterEach(() => {
  vi.doUnmock('../../sdk/follow-page.ts');
  vi.useRealTimers();
});

it.each([
  ['https://tickets.example.org/embed/seatcast.js', 'https://tickets.example.org'],
  ['https://tickets.example.org/assets/elements-1a2b.js?x=1', 'https://tickets.example.org'],
  ['https://example.org/tickets/assets/elements-1a2b.js', 'https://example.org/tickets'],
  ['https://example.org/a/b/embed/seatcast.js', 'https://example.org/a/b'],
  ['http://127.0.0.1:5173/src/elements/internal/shared-client.ts', 'http://127.0.0.1:5173'],
])('finds the server of %s', (script, server) => {
  expect(serverOf(script)).toBe(server);
});

it('follows the page as soon as the script for it can be loaded', async () => {
  vi.useFakeTimers();
  const follow = '../../sdk/follow-page.ts';
  const asked = vi.fn();
  vi.doMock(follow, () => {
    asked();
    throw new TypeError('Failed to fetch dynamically imported module');
  });
  const client = {} as LiveClient;
  followLater(client);
  await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1));
  expect(asked).toHaveBeenCalledOnce();
  const followPage = vi.fn();
  vi.doMock(follow, () => ({ followPage }));
  await vi.advanceTimersByTimeAsync(FOLLOW_AGAIN_MS);
  await vi.waitFor(() => expect(followPage).toHaveBeenCalledExactlyOnceWith(client));
  expect(vi.getTimerCount()).toBe(0);
});
