import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { actionWords, objectWords } from './actions.ts';

/** Routes of docs/access.md that change something and admit more than buyers: those whose use the audit trail may show. */
function routes(): string[] {
  const text = readFileSync(new URL('../../../../docs/access.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| `((?:POST|PUT|PATCH|DELETE) )\/api\/v1(\S+)` \| (.+) \|$/gm)];
  const isOfStaff = /managers|owner|staff|admin|finance|box_office|scanner/;
  return rows.filter(([, , , admits = '']) => isOfStaff.test(admits)).map(([, method = '', path = '']) => method + path);
}

it('has words in each language for everything that people with rights do', () => {
  const all = routes();
  expect(all.length).toBeGreaterThan(40);
  for (const route of all) {
    expect(actionWords('en', route), route).toMatch(/^[A-Z]/);
    expect(actionWords('th', route), route).toMatch(/[฀-๿]/);
    expect(actionWords('fa', route), route).toMatch(/[؀-ۿ]/);
  }
  expect(actionWords('en', 'constructor')).toBeUndefined();
});

it('names what something was done to in each language', () => {
  expect(objectWords('en', 'event')).toBe('Event');
  expect(objectWords('fa', 'api-key')).toBe('کلید API');
  expect(objectWords('th', 'constructor')).toBeUndefined();
});
