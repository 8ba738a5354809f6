import { expect, it } from 'vitest';
import { Refusal } from '../../sdk/index.ts';
import { explain } from './refusals.ts';
import './refusal-words.ts';

const wrong = (field: string, message: string): Refusal => new Refusal(422, 'Wrong', { code: 'VALIDATION_FAILED', errors: [{ field, code: 'WRONG', message }] });

it('a fault of a field names the field, as the form does', () => {
  expect(explain('en', wrong('contact.email', 'must be an e-mail address'))).toBe('E-mail: must be an e-mail address');
  expect(explain('fa', wrong('password', 'باید دست‌کم ۸ نویسه داشته باشد'))).toBe('گذرواژه: باید دست‌کم ۸ نویسه داشته باشد');
  expect(explain('en', wrong('items', 'must not be empty'))).toBe('must not be empty');
});

it('somebody who holds too much is told what to do, and somebody who has enough is not', () => {
  const exceeded = (of: string): string => explain('en', new Refusal(429, 'Too many', { code: 'HOLDS_EXCEEDED', max: 4, of }));
  expect(exceeded('pending_bookings')).toContain('Pay for it or cancel it first.');
  expect(exceeded('tickets')).toBe('You have as many tickets of this event as one person may have.');
});
