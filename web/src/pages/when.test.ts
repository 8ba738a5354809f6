import { describe, expect, it } from 'vitest';
import { daysOf, type When } from './when.ts';

/** Days as `2030-01-05`, of the first and the last. */
function days(when: When, now: string, language: 'en' | 'fa' = 'en', dates = { from: '', to: '' }): string[] {
  const found = daysOf(when, new Date(now), language, dates);
  if (!found) return [];
  const name = (day: Date): string => `${day.getFullYear()}-${String(day.getMonth() + 1).padStart(2, '0')}-${String(day.getDate()).padStart(2, '0')}`;
  return [name(found.from), found.to ? name(new Date(found.to.getTime() - 1)) : ''];
}

describe('the days of the list', () => {
  it.each([
    ['today', '2030-01-02T10:00', ['2030-01-02', '2030-01-02']],
    ['month', '2030-01-31T23:59', ['2030-01-31', '2030-03-01']],
    // A Wednesday, a Saturday, a Sunday.
    ['weekend', '2030-01-02T10:00', ['2030-01-05', '2030-01-06']],
    ['weekend', '2030-01-05T10:00', ['2030-01-05', '2030-01-06']],
    ['weekend', '2030-01-06T23:00', ['2030-01-05', '2030-01-06']],
    ['any', '2030-01-02T10:00', []],
  ] as const)('%s on %s', (when, now, expected) => expect(days(when, now)).toEqual(expected));

  it('have the weekend of the language', () => {
    expect(days('weekend', '2030-01-02T10:00', 'fa')).toEqual(['2030-01-03', '2030-01-04']);
    expect(days('weekend', '2030-01-05T10:00', 'fa')).toEqual(['2030-01-10', '2030-01-11']);
  });

  it('are those that were chosen, the last one whole', () => {
    expect(days('dates', '2030-01-02T10:00', 'en', { from: '2030-02-01', to: '2030-02-03' })).toEqual(['2030-02-01', '2030-02-03']);
    expect(days('dates', '2030-01-02T10:00', 'en', { from: '', to: '' })).toEqual(['2030-01-02', '']);
  });
});
