import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { TEST_CARDS } from './cards.ts';

it('the page lists the cards that the demo\'s provider knows', () => {
  const source = readFileSync(new URL('../../../src/payments/demo.rs', import.meta.url), 'utf8');
  const known = [...source.matchAll(/\("((?:\d{4} ){3}\d{4})", CardSays::/g)].map(([, number]) => number);
  expect(known.length).toBeGreaterThan(0);
  expect(TEST_CARDS.map(({ number }) => number)).toEqual(known);
});
