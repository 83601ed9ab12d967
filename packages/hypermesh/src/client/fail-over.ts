import { type Client, type Clock, CodedError, pause } from '@hypermesh/stoq';
import type { MeshMethods } from '../api.ts';
import { hypermeshError } from '../errors.ts';

// Between two rounds through all validators.
const PAUSE_MS = 250;

/** Calls validators in turn, beginning with the one that answered last. */
export class FailOver {
  readonly #clients: readonly Client<MeshMethods>[];
  readonly #clock: Clock;
  #current = 0;

  constructor(clients: readonly Client<MeshMethods>[], clock: Clock) {
    this.#clients = clients;
    this.#clock = clock;
  }

  /** Each validator once. An error that is not retryable is the answer, unless `isRetryable` says otherwise. */
  async once<T>(call: (client: Client<MeshMethods>) => Promise<T>, isRetryable: (error: unknown) => boolean = mayRetry): Promise<T> {
    let failure: unknown = hypermeshError('hypermesh.not_running');
    for (let tried = 0; tried < this.#clients.length; tried++) {
      try {
        return await call(this.#clients[this.#current] as Client<MeshMethods>);
      } catch (error) {
        if (!isRetryable(error)) throw error;
        failure = error;
        this.next();
      }
    }
    throw failure;
  }

  /** The first answers of that many different validators, or of as many as answer. */
  async several<T>(call: (client: Client<MeshMethods>) => Promise<T>, countMax: number): Promise<T[]> {
    const answers: T[] = [];
    await new Promise<void>((resolve) => {
      let left = this.#clients.length;
      const settle = (): void => {
        left--;
        if (left === 0 || answers.length >= countMax) resolve();
      };
      for (const client of this.#clients) call(client).then((answer) => (answers.push(answer), settle()), settle);
    });
    return answers;
  }

  /** All validators again and again until the signal aborts; then throws what failed last. */
  async until<T>(
    call: (client: Client<MeshMethods>) => Promise<T>,
    signal: AbortSignal,
    isRetryable: (error: unknown) => boolean = mayRetry,
  ): Promise<T> {
    for (;;) {
      try {
        return await this.once(call, (error) => !signal.aborted && isRetryable(error));
      } catch (error) {
        if (signal.aborted || !isRetryable(error)) throw error;
        await this.pause(signal);
      }
    }
  }

  /** Prefers another validator from now on. */
  next(): void {
    this.#current = (this.#current + 1) % this.#clients.length;
  }

  /** Gives the mesh time to make progress. */
  pause(signal: AbortSignal): Promise<void> {
    return pause(this.#clock, PAUSE_MS, signal);
  }
}

export function mayRetry(error: unknown): boolean {
  return error instanceof CodedError && error.retryable;
}
