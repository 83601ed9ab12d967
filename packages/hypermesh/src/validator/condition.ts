/** Something that waiters look at again whenever it changed. */
export class Condition {
  readonly #wakers = new Set<() => void>();

  notify(): void {
    for (const wake of [...this.#wakers]) wake();
  }

  /** Resolves with the first answer that is not undefined, asked now and after each change. Rejects with the signal's reason. */
  async until<T>(answer: () => T | undefined, signal: AbortSignal): Promise<T> {
    for (;;) {
      signal.throwIfAborted();
      const value = answer();
      if (value !== undefined) return value;
      await this.#change(signal);
    }
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#wakers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#wakers.add(wake);
      signal.addEventListener('abort', wake);
    });
  }
}
