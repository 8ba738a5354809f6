import { routeOf } from './router.ts';

/** The page of this server that the account page leads back to; undefined where its address names none. */
export function pageToGoBackTo(search: string): string | undefined {
  const back = new URLSearchParams(search).get('back');
  // `//elsewhere.example` would be an address of another site.
  if (!back || !/^\/(?![/\\])/.test(back)) return undefined;
  return routeOf(back.replace(/[?#].*/s, '')).page === 'missing' ? undefined : back;
}
