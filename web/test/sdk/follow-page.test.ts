import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { followPage } from '../../src/sdk/follow-page.ts';
import type { LiveClient } from '../../src/sdk/live-client.ts';

let ended: AbortController;
let nudge: () => void;

beforeEach(() => {
  ended = new AbortController();
  nudge = vi.fn();
});
afterEach(() => {
  ended.abort();
  vi.unstubAllGlobals();
});

it.each([
  ['online', 'visible', 1],
  ['online', 'hidden', 1],
  ['visibilitychange', 'visible', 1],
  ['visibilitychange', 'hidden', 0],
])('%s of a page that is %s: %i attempts at once', (type, visibilityState, times) => {
  const page = new EventTarget();
  vi.stubGlobal('document', { visibilityState });
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
  followPage({ nudge } as LiveClient, ended.signal);
  page.dispatchEvent(new Event(type));
  expect(nudge).toHaveBeenCalledTimes(times);
});
