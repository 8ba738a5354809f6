import { expect, it } from 'vitest';
import { momentWords, money, sum } from './format.ts';

it('what is taken off has a minus, not a hyphen', () => {
  expect([sum('en', { amount: -1_600, currency: 'EUR' }), money('th', { amount: -50, currency: 'THB' })]).toEqual(['−€16.00', '−฿0.50']);
});

it('a moment of another year says which', () => {
  const now = new Date(2030, 10, 30, 12);
  const words = (...at: [number, number, number, number]): string => momentWords('en', new Date(...at).toISOString(), now);
  expect([words(2030, 10, 30, 9), words(2030, 10, 3, 9), words(2031, 10, 3, 9)]).toEqual(['09:00', '3 Nov, 09:00', '3 Nov 2031, 09:00']);
});
