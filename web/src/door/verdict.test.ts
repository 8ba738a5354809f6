import { expect, it } from 'vitest';
import type { KeptScan } from './journal.ts';
import { codeOf } from './verdict.ts';

it('a scan is called by the code that was shown, and by none where nothing was', () => {
  const scan: KeptScan = { nonce: 'of-a-test', event_id: 1, shown: { code: 'TKT-1' }, gate: null, scanned_at: '2031-06-01T18:00:00Z', state: 'done' };
  expect(codeOf(scan)).toBe('TKT-1');
  expect(codeOf({ ...scan, code: 'TKT-2' })).toBe('TKT-2');
  expect(codeOf({ ...scan, shown: { code: '' } })).toBe(undefined);
  expect(codeOf({ ...scan, shown: { payload: 'SC1:' } })).toBe(undefined);
});
