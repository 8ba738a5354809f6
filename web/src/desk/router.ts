/** Finds the page of an address, and follows links between pages. */
import { PAGES, type PageRow } from './pages.ts';
import { hasUnsaved } from './unsaved.ts';

export interface Found {
  row: PageRow;
  parameters: Record<string, string>;
}

/** Numbers of events and ids of bookings. */
const PARAMETER = '([0-9a-zA-Z-]{1,64})';
/** Addresses that lead to others. */
const ALIASES: readonly (readonly [RegExp, string])[] = [
  [/^\/desk\/events\/?$/, '/desk'],
  [/^\/events\/(\d{1,15})\/replay$/, '/desk/events/$1/replay'],
];

const ROWS = PAGES.map((row) => ({ row, pattern: new RegExp(`^${row.path.replace(/\{\w+\}/g, PARAMETER)}$`) }));

export function pageOf(path: string): Found | undefined {
  for (const { row, pattern } of ROWS) {
    const values = pattern.exec(path)?.slice(1);
    if (!values) continue;
    const names = [...row.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
    return { row, parameters: Object.fromEntries(names.map((name, place) => [name, values[place] ?? ''])) };
  }
  return undefined;
}

/** The address of a page. */
export function addressOf(row: PageRow, parameters: Readonly<Record<string, string>>): string {
  return row.path.replace(/\{(\w+)\}/g, (_whole, name: string) => parameters[name] ?? '');
}

const arrivals = new EventTarget();

/** Calls back with each address that the reader goes to within the desk; `mayLeave` is asked before, where a form is not saved. */
export function followLinks(root: EventTarget, arrived: () => void, mayLeave: () => Promise<boolean>): void {
  takeAlias();
  let here = location.href;
  root.addEventListener('click', (event) => {
    const click = event as MouseEvent;
    const link = linkOf(click);
    if (!link || click.button !== 0 || click.metaKey || click.ctrlKey || click.shiftKey || click.altKey) return;
    if (click.defaultPrevented || link.origin !== location.origin || !isOfDesk(link.pathname)) return;
    click.preventDefault();
    const { href } = link;
    if (hasUnsaved()) void mayLeave().then((may) => may && go(href));
    else go(href);
  });
  globalThis.addEventListener('popstate', () => {
    const there = location.href;
    if (!hasUnsaved()) {
      here = there;
      return arrived();
    }
    // The browser has gone already: back to the page that is still shown, until somebody has said.
    history.pushState(null, '', here);
    void mayLeave().then((may) => may && go(there));
  });
  arrivals.addEventListener('arrived', () => {
    here = location.href;
    arrived();
  });
}

/** Goes to a page of the desk. */
export function go(address: string): void {
  if (new URL(address, location.href).href !== location.href) history.pushState(null, '', address);
  takeAlias();
  scrollTo(0, 0);
  arrivals.dispatchEvent(new Event('arrived'));
}

function takeAlias(): void {
  for (const [pattern, address] of ALIASES) {
    if (pattern.test(location.pathname)) history.replaceState(null, '', location.pathname.replace(pattern, address) + location.search);
  }
}

function isOfDesk(path: string): boolean {
  return path === '/desk' || path.startsWith('/desk/');
}

/** Links inside shadow roots are seen through the event's path only. */
function linkOf(event: MouseEvent): HTMLAnchorElement | undefined {
  return event
    .composedPath()
    .find((node): node is HTMLAnchorElement => node instanceof HTMLAnchorElement && node.target === '' && !node.hasAttribute('download') && node.href !== '');
}
