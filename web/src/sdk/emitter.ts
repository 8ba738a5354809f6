/** Listeners of one kind of message. A listener that throws does not stop the others. */
export class Emitter<T> {
  #listeners = new Set<(value: T) => void>();

  /** Adds a listener and returns the function that removes it. */
  on(listener: (value: T) => void): () => void {
    // The wrapper makes two registrations of one function two listeners.
    const entry = (value: T): void => listener(value);
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  emit(value: T): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(value);
      } catch (error) {
        // Reported as an uncaught error would be, but after the others were served.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
