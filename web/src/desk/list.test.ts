// @vitest-environment happy-dom
import { LitElement } from 'lit';
import { afterEach, expect, it, vi } from 'vitest';
import { textOf } from '../../test/support/mount.ts';
import { Unreachable } from '../sdk/index.ts';
import { List } from './list.ts';
import { explain } from '../elements/internal/refusals.ts';
import './toasts.ts';

class Host extends LitElement {}
customElements.define('list-host', Host);

afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
});

it('says so when more rows cannot be read, and keeps those that are shown', async () => {
  vi.useFakeTimers();
  document.documentElement.lang = 'en';
  const toasts = document.createElement('desk-toasts');
  document.body.append(toasts);
  const lost = new Unreachable('no connection');
  const list = new List<number>(new Host(), {
    page: async (next) => {
      if (next) throw lost;
      return { rows: [1], total: 2, next: 'more' };
    },
  });
  await list.load();
  await list.load(true);
  await vi.advanceTimersByTimeAsync(0);
  expect(list.rows).toEqual([1]);
  expect(textOf(toasts)).toBe(explain('en', lost));
});
