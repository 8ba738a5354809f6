import { expect, it } from 'vitest';
import { pageToGoBackTo } from './back.ts';

it('goes back to pages of this server, and to nothing else', () => {
  const back = (address: string): string | undefined => pageToGoBackTo(`?back=${encodeURIComponent(address)}`);
  for (const page of ['/events/42', '/bookings', '/events?city=Ghent', '/']) expect(back(page)).toBe(page);
  const elsewhere = ['//elsewhere.example', '/\\elsewhere.example', 'https://elsewhere.example/events/42', 'javascript:alert(1)', 'events/42', '/nowhere', '/\t/elsewhere.example'];
  for (const address of elsewhere) expect(back(address)).toBeUndefined();
  expect(pageToGoBackTo('')).toBeUndefined();
});
