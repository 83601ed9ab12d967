/**
 * Ends whatever one call waits for. One wait at a time: the reaction is replaced, where racing against a promise that
 * outlives the call's steps would collect one for each value of a stream.
 */
export class Interrupt {
  readonly #controller = new AbortController();
  #reject: ((reason: Error) => void) | undefined;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The first reason, if any. */
  get reason(): Error | undefined {
    return this.signal.aborted ? (this.signal.reason as Error) : undefined;
  }

  raise(reason: Error): void {
    if (this.signal.aborted) return;
    this.#controller.abort(reason);
    this.#reject?.(reason);
  }

  wait<T>(waiting: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      waiting.then(resolve, reject);
      this.#reject = reject;
      if (this.reason !== undefined) reject(this.reason);
    });
  }
}
