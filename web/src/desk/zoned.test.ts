import { describe, expect, it } from 'vitest';
import { amountOf, amountText, basisPointsOf, decimalOf, numberText, percentText, wholeOf } from './amounts.ts';
import { readEvent } from './event-form/event-fields.ts';
import type { Typed } from './fields.ts';
import { fromWall, momentOf, toWall } from './zoned.ts';

describe('the clock on a venue’s wall', () => {
  it.each([
    ['2027-06-01T20:00', 'Europe/Berlin', '2027-06-01T18:00:00.000Z'],
    ['2027-01-01T20:00', 'Europe/Berlin', '2027-01-01T19:00:00.000Z'],
    ['2027-01-01T20:00', 'Asia/Tehran', '2027-01-01T16:30:00.000Z'],
    ['2027-01-01T00:15', 'America/St_Johns', '2027-01-01T03:45:00.000Z'],
    ['2027-01-01T20:00', 'UTC', '2027-01-01T20:00:00.000Z'],
    // The hour before and the hour after clocks are put forward, and the day on which they are put back.
    ['2027-03-28T01:59', 'Europe/Berlin', '2027-03-28T00:59:00.000Z'],
    ['2027-03-28T03:00', 'Europe/Berlin', '2027-03-28T01:00:00.000Z'],
    ['2027-10-31T12:00', 'Europe/Berlin', '2027-10-31T11:00:00.000Z'],
  ])('%s in %s is %s, and back', (wall, zone, moment) => {
    expect(fromWall(wall, zone)).toBe(moment);
    expect(toWall(moment, zone)).toBe(wall);
  });

  it('shows minutes of moments that have seconds, and nothing for none', () => {
    expect(toWall('2027-06-01T18:00:59.123456Z', 'UTC')).toBe('2027-06-01T18:00');
    expect(toWall(null, 'UTC')).toBe('');
    expect(fromWall('', 'UTC')).toBeUndefined();
  });
});

describe('a field that was filled with a moment', () => {
  const text = (moment: string): string => toWall(moment, 'Europe/Berlin');

  it('means that moment while nobody changes its text: its seconds, and its hour where two have one name', () => {
    // On this morning clocks are put back from 3 to 2.
    for (const moment of ['2027-06-01T21:59:59Z', '2027-10-31T00:30:00Z', '2027-10-31T01:30:00Z']) {
      expect(momentOf(text(moment), 'Europe/Berlin', moment)).toBe(moment);
    }
    expect(momentOf('2027-06-01T20:00', 'Europe/Berlin', '2027-06-01T21:59:59Z')).toBe('2027-06-01T18:00:00.000Z');
    expect(momentOf('', 'Europe/Berlin', '2027-06-01T21:59:59Z')).toBeUndefined();
  });

  it('of an event stays as it is when something else is saved, and moves with another time zone', () => {
    const before = { timezone: 'Europe/Berlin', starts_at: '2027-10-31T00:30:00Z', ends_at: '2027-10-31T01:30:59Z', doors_at: null };
    const read = (timezone: string) => {
      const fields: Record<string, string> = { timezone, starts_at: text(before.starts_at), ends_at: text(before.ends_at) };
      return readEvent({ text: (name: string) => fields[name] ?? '', is: () => false } as unknown as Typed, before).values;
    };
    expect(read('Europe/Berlin')).toMatchObject({ starts_at: before.starts_at, ends_at: before.ends_at });
    expect(read('UTC')).toMatchObject({ starts_at: '2027-10-31T02:30:00.000Z' });
  });
});

describe('amounts as people type them', () => {
  it.each([
    ['45', 'EUR', 4_500],
    ['45.5', 'EUR', 4_550],
    ['45,50', 'EUR', 4_550],
    ['۴۵٫۵', 'EUR', 4_550],
    ['๔๕.๐๐', 'THB', 4_500],
    ['1 200', 'EUR', 120_000],
    ['500', 'JPY', 500],
    ['1.250', 'KWD', 1_250],
    ['5000', 'HUF', 500_000],
    ['1.250', 'IQD', 1_250],
    ['5000', 'MGA', 5_000],
    ['0', 'EUR', 0],
    ['500.5', 'JPY', undefined],
    ['45.005', 'EUR', undefined],
    ['1,000', 'EUR', undefined],
    ['2.500', 'EUR', undefined],
    ['1,000', 'JPY', undefined],
    ['1.000', 'JPY', undefined],
    ['1,250', 'KWD', undefined],
    ['۱٫۲۵۰', 'KWD', 1_250],
    ['', 'EUR', undefined],
    ['a lot', 'EUR', undefined],
  ])('%j %s is %s minor units', (text, currency, amount) => {
    expect(amountOf(text, currency)).toBe(amount);
  });

  it('are shown as they may be typed', () => {
    expect(amountText(4_550, 'EUR')).toBe('45.50');
    expect(amountText(500, 'JPY')).toBe('500');
    expect([numberText('fa', amountText(4_550, 'EUR')), numberText('th', 12), numberText('en', '')]).toEqual(['۴۵٫۵۰', '12', '']);
    expect(['۷٫۵', '7,5', '0.33', '0.125', 'x'].map(decimalOf)).toEqual([7.5, 7.5, 0.33, 0.125, undefined]);
    expect([basisPointsOf('7.5'), percentText(750), wholeOf('۱۲'), wholeOf('1.5')]).toEqual([750, '7.5', 12, undefined]);
  });

  it('are refused rather than read a thousand times too small where a sign may group thousands', () => {
    expect(['5,000', '5.000', '۵٬۰۰۰'].map(wholeOf)).toEqual([undefined, undefined, undefined]);
    expect(['1,000', '1.000', '12,500'].map(decimalOf)).toEqual([undefined, undefined, undefined]);
    expect(basisPointsOf('1,000')).toBeUndefined();
  });
});
