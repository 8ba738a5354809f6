/** The page's routes. The server answers exactly these with the page; see `src/web.rs`. */
export type Route =
  | { page: 'events' }
  | { page: 'event'; id: number }
  | { page: 'bookings' }
  /** One booking, by its id or reference. */
  | { page: 'booking'; name: string }
  | { page: 'account' }
  | { page: 'missing' };

/** Where a booking has a page of its own. */
export const BOOKING_PAGE = '/bookings/{reference}';

/** Where people sign in, and the address that they come back to. */
export const SIGN_IN_PAGE = '/account?back={page}';

export function routeOf(path: string): Route {
  if (path === '/' || path === '/events') return { page: 'events' };
  if (path === '/bookings') return { page: 'bookings' };
  if (path === '/account') return { page: 'account' };
  const booking = /^\/bookings\/(bk-?\w{6}|[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})$/i.exec(path);
  if (booking) return { page: 'booking', name: booking[1] ?? '' };
  const event = /^\/events\/(\d{1,15})$/.exec(path);
  return event ? { page: 'event', id: Number(event[1]) } : { page: 'missing' };
}

/** Where the reader was on this page, if they came back to it. */
export function placeBefore(): number {
  return (history.state as { scrollY?: number } | null)?.scrollY ?? 0;
}

const OPEN = 'seatcast-open';

/** Opens one of our pages as a link to it would. */
export function openPage(from: Element, path: string): void {
  from.dispatchEvent(new CustomEvent(OPEN, { detail: path, bubbles: true, composed: true }));
}

/** Follows links to own routes without loading the page anew; calls back with each new route. */
export function followLinks(root: EventTarget, arrived: (route: Route) => void): void {
  // The page that comes back is drawn before its place is looked for.
  history.scrollRestoration = 'manual';
  root.addEventListener('click', (event) => {
    const click = event as MouseEvent;
    const link = linkOf(click);
    if (!link || click.button !== 0 || click.metaKey || click.ctrlKey || click.shiftKey || click.altKey) return;
    const route = routeOf(link.pathname);
    if (click.defaultPrevented || link.origin !== location.origin || route.page === 'missing') return;
    click.preventDefault();
    go(link.href);
  });
  const go = (address: string): void => {
    if (address !== location.href) {
      // The way back leads to this place of the page.
      history.replaceState({ ...(history.state as object | null), scrollY }, '');
      history.pushState(null, '', address);
    }
    scrollTo(0, 0);
    arrived(routeOf(location.pathname));
  };
  root.addEventListener(OPEN, (event) => go(new URL((event as CustomEvent<string>).detail, location.href).href));
  globalThis.addEventListener('popstate', () => arrived(routeOf(location.pathname)));
}

/** Links inside shadow roots are seen through the event's path only. */
function linkOf(event: MouseEvent): HTMLAnchorElement | undefined {
  return event
    .composedPath()
    .find((node): node is HTMLAnchorElement => node instanceof HTMLAnchorElement && node.target === '' && node.href !== '');
}
