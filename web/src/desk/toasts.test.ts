// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { textOf } from '../../test/support/mount.ts';
import { Refusal } from '../sdk/index.ts';
import { faultsIn, inWords } from './fields.ts';
import { because } from './said.ts';
import { complain, say, type DeskToasts } from './toasts.ts';
import { WORDS } from './words.ts';

let toasts: DeskToasts;
beforeEach(() => {
  vi.useFakeTimers();
  document.documentElement.lang = 'en';
  toasts = document.createElement('desk-toasts') as DeskToasts;
  document.body.append(toasts);
});
afterEach(() => {
  vi.runOnlyPendingTimers();
  vi.useRealTimers();
  document.body.replaceChildren();
});

async function shown(): Promise<string> {
  await vi.advanceTimersByTimeAsync(0);
  await toasts.updateComplete;
  return textOf(toasts);
}

describe('words in the corner', () => {
  it('follow the language that is chosen while they are shown', async () => {
    say((language) => WORDS[language].saved);
    complain(because(new Refusal(409, 'said by the server', { code: 'INVALID_TRANSITION' })));
    expect(await shown()).toBe(`${WORDS.en.saved} This booking has ended already.`);
    for (const language of ['fa', 'th'] as const) {
      document.documentElement.lang = language;
      expect(await shown()).toContain(WORDS[language].saved);
      expect(await shown()).not.toMatch(/This booking|Saved/);
    }
  });

  it('stand there once, however often they are said, and go by themselves', async () => {
    for (let times = 0; times < 3; times += 1) say((language) => WORDS[language].saved);
    say((language) => WORDS[language].removed);
    expect(await shown()).toBe(`${WORDS.en.saved} ${WORDS.en.removed}`);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await shown()).toBe('');
  });
});

it('faults of fields are put into words where they are shown; those that only the server knows are its own', () => {
  const own = { title: (language: 'en' | 'th' | 'fa'): string => WORDS[language].saved };
  expect([inWords(own, 'en'), inWords(own, 'fa')]).toEqual([{ title: WORDS.en.saved }, { title: WORDS.fa.saved }]);
  const refused = new Refusal(422, 'wrong', { code: 'VALIDATION_FAILED', errors: [{ field: 'title', code: 'TOO_LONG', message: 'is too long' }] });
  expect(inWords(faultsIn(refused)!, 'th')).toEqual({ title: 'is too long' });
  expect(faultsIn(new Refusal(409, 'no', { code: 'NO' }))).toBeUndefined();
});
