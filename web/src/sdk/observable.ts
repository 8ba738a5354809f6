/**
 * A value that changes, in the shapes in which programs take one: `subscribe`, as RxJS, Angular's `async` pipe and Svelte's
 * stores call it; `for await`; and the interoperability point of observables, by which `from(live)` of RxJS makes one of its own.
 */
export interface Observer<T> {
  next?(value: T): void;
  error?(error: unknown): void;
  complete?(): void;
}

export interface Unsubscribable {
  unsubscribe(): void;
}

/** RxJS and others look for this where `Symbol.observable` is not defined. */
const INTEROP = '@@observable';

export class Live<T> implements AsyncIterable<T> {
  readonly #watch: (next: (value: T) => void) => () => void;

  /** `watch` calls its listener now, if there is a value, and at every change, until the returned function is called. */
  constructor(watch: (next: (value: T) => void) => () => void) {
    this.#watch = watch;
    const { observable } = Symbol as { observable?: symbol };
    if (observable) Object.defineProperty(this, observable, { value: () => this });
  }

  /** Tells the value now and at every change. It never ends by itself, and never fails: what is not known is not told. */
  subscribe(observer: ((value: T) => void) | Observer<T>): Unsubscribable {
    const next = typeof observer === 'function' ? observer : (value: T): void => observer.next?.(value);
    let open = true;
    let stop: (() => void) | undefined;
    const end = (): void => {
      open = false;
      stop?.();
      stop = undefined;
    };
    stop = this.#watch((value) => {
      if (open) next(value);
    });
    // An observer may end it with the very first value, before there was anything to stop.
    if (!open) end();
    return { unsubscribe: end };
  }

  /** The same for RxJS and others. */
  [INTEROP](): this {
    return this;
  }

  /** A reader that is slow is given the newest value, not all that it missed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    let waiting: (() => void) | undefined;
    let latest: { value: T } | undefined;
    const subscription = this.subscribe((value) => {
      latest = { value };
      waiting?.();
    });
    try {
      for (;;) {
        if (!latest) await new Promise<void>((resolve) => (waiting = resolve));
        const found: { value: T } | undefined = latest;
        latest = undefined;
        if (found) yield found.value;
      }
    } finally {
      subscription.unsubscribe();
    }
  }

  /** Another value made of each; told only when it is another than before. */
  map<U>(change: (value: T) => U, isSame: (one: U, other: U) => boolean = Object.is): Live<U> {
    return new Live<U>((next) => {
      let before: { value: U } | undefined;
      return this.#watch((value) => {
        const changed = change(value);
        if (before && isSame(before.value, changed)) return;
        before = { value: changed };
        next(changed);
      });
    });
  }
}
