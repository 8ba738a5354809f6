import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { failureWords, reasonWords } from './reasons.ts';

/** Every reason that the server has as a constant. */
function written(file: string, ...names: string[]): string[] {
  const text = readFileSync(new URL(`../../../src/${file}`, import.meta.url), 'utf8');
  return names.map((name) => {
    const found = new RegExp(`const ${name}: &str =\\s*"([^"]+)"`).exec(text)?.[1];
    expect(found, `${name} in ${file}`).toBeDefined();
    return found ?? '';
  });
}

it('has words in each language for the reasons that the server writes', () => {
  const reasons = [
    ...written('ticketing/transition.rs', 'SEATS_WITHDRAWN', 'PAYMENT_CANCELED'),
    ...written('store/refunds.rs', 'PAID_TOO_LATE', 'BOOKING_CANCELLED', 'EVENT_CANCELLED', 'TICKETS_GIVEN_BACK', 'DECIDED'),
    ...written('store/movements.rs', 'REFUNDED_ELSEWHERE'),
  ];
  for (const reason of reasons) {
    expect(reasonWords('th', reason), reason).toMatch(/^[^a-z]+$/);
    expect(reasonWords('fa', reason), reason).toMatch(/^[^a-z]+$/);
    expect(reasonWords('en', reason), reason).not.toBe(reason);
  }
});

it('has words in each language for the codes of jobs and mails', () => {
  const text = readFileSync(new URL('../../../src/store/jobs.rs', import.meta.url), 'utf8');
  const codes = [...text.matchAll(/ {4}pub const [A-Z_]+: &str = "([A-Z_]+)";/g)].map(([, code]) => code!);
  expect(codes.length).toBeGreaterThan(9);
  for (const code of codes) {
    for (const language of ['th', 'fa'] as const) expect(failureWords(language, { code }), code).toMatch(/^[^A-Za-z]+$/);
    expect(failureWords('en', { code, detail: '550 no such user' }), code).toMatch(/^[^_]+: 550 no such user$/);
  }
  expect(failureWords('en', {})).toBe('');
});

it('leaves what people and providers say as it is', () => {
  expect(reasonWords('fa', 'The singer is ill')).toBe('The singer is ill');
  expect(reasonWords('th', 'a refund failed: not so much was taken')).toBe('การคืนเงินไม่สำเร็จ: ไม่ได้ตัดเงินมากเท่านั้น');
  expect(reasonWords('en', 'a refund failed: no such charge: ch_1')).toBe('A refund failed: no such charge: ch_1');
  expect(reasonWords('fa', 'MAIL_REFUSED: 550 5.1.1 No such user')).toBe('سرور ایمیل ایمیل را رد کرد: \u2066550 5.1.1 No such user\u2069');
  expect(reasonWords('en', 'constructor')).toBe('constructor');
});
