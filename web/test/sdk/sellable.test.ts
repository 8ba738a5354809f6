import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { sellable, type Source } from '../../src/sdk/sellable.ts';

interface Case {
  why: string;
  left: number;
  types: Source[];
  sellable: number;
}

const cases = JSON.parse(
  readFileSync(new URL('../../../tests/wire/sellable.json', import.meta.url), 'utf8'),
) as Case[];

describe('what can be sold of an event', () => {
  it.each(cases)('$why', ({ left, types, sellable: expected }) => {
    expect(sellable(left, types)).toBe(expected);
  });
});
