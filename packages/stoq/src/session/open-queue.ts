import { stoqError } from '../errors.ts';

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Own streams against the peer's limit, which counts all that were ever opened; further calls wait in order. */
export class OpenQueue {
  readonly #waiting = new Set<Waiter>();
  readonly #waitingMax: number;
  #limit: number;
  #admitted = 0;
  #count = 0;
  #closed: Error | undefined;

  constructor(limit: number, waitingMax: number) {
    this.#limit = limit;
    this.#waitingMax = waitingMax;
  }

  /** Streams opened so far. */
  get count(): number {
    return this.#count;
  }

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  /** Waits for a place. Throws `stoq.stream_limit` when too many wait, the signal's reason, or that of `close`. */
  async admit(signal: AbortSignal | undefined): Promise<void> {
    if (this.#closed !== undefined) throw this.#closed;
    if (this.#admitted < this.#limit) {
      this.#admitted++;
      return;
    }
    if (this.#waiting.size >= this.#waitingMax) throw stoqError('stoq.stream_limit', { waiting: this.#waiting.size });
    const turn = Promise.withResolvers<void>();
    this.#waiting.add(turn);
    const giveUp = (): void => {
      this.#waiting.delete(turn);
      turn.reject(signal?.reason as Error);
    };
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      await turn.promise;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  /** The admitted stream exists: its index. */
  used(): number {
    return this.#count++;
  }

  /** The admitted stream came to nothing. */
  giveBack(): void {
    this.#admitted--;
    this.#wake();
  }

  raise(limit: number): void {
    this.#limit = Math.max(this.#limit, limit);
    this.#wake();
  }

  close(reason: Error): void {
    this.#closed ??= reason;
    for (const waiter of this.#waiting) waiter.reject(reason);
    this.#waiting.clear();
  }

  #wake(): void {
    for (const waiter of this.#waiting) {
      if (this.#admitted >= this.#limit) return;
      this.#admitted++;
      this.#waiting.delete(waiter);
      waiter.resolve();
    }
  }
}
