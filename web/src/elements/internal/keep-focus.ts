import type { ReactiveElement } from 'lit';

/** Gives an element a `FocusKeeper`, which is loaded after the first sight: nobody has pressed anything until then. */
export function keepFocus(host: ReactiveElement): void {
  // Without it the focus is where the browser puts it.
  void import('./focus-keeper.ts').then(({ FocusKeeper }) => new FocusKeeper(host)).catch(() => undefined);
}
