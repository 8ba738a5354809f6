import { expect, it } from 'vitest';
import { momentWords, money, sum } from './format.ts';

it('what is taken off has a minus, not a hyphen', () => {
  expect([sum('en', { amount: -1_600, currency: 'EUR' }), money('th', { amount: -50, currency: 'THB' })]).toEqual(['−€16.00', '−฿0.50']);
});

it('amounts have the digits that the server counts in, whatever the browser knows', () => {
  const shown = (amount: number, currency: string) => sum('en', { amount, currency }).replace(/\u00a0/g, ' ');
  expect(shown(500_000, 'HUF')).toBe('HUF 5,000.00');
  expect(shown(4_500, 'IQD')).toBe('IQD 4.500');
  expect(shown(5_000, 'MGA')).toBe('MGA 5,000');
  expect(shown(500, 'JPY')).toBe('JP¥500');
});

it('a moment of another year says which', () => {
  const now = new Date(2030, 10, 30, 12);
  const words = (...at: [number, number, number, number]): string => momentWords('en', new Date(...at).toISOString(), now);
  expect([words(2030, 10, 30, 9), words(2030, 10, 3, 9), words(2031, 10, 3, 9)]).toEqual(['09:00', '3 Nov, 09:00', '3 Nov 2031, 09:00']);
});
