import { CodedError } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import { VERIFIED_AT_ONCE } from '../transaction/verification-turns.ts';

// At half a millisecond each, and as much again for what else a busy validator does, the last of them is verified after four seconds:
// well before its caller gives up.
export const SUBMISSIONS_TRANSACTIONS_MAX: number = 4_096;
// Half of what the mempool may hold: calls of large transactions must not take the memory that the count assumes for small ones.
export const SUBMISSIONS_BYTES_MAX: number = 32 * 1024 * 1024;
// A client has one call at a time; four of them, or two of the largest, leave room for fifteen other callers as busy.
export const CALLER_SUBMISSIONS_TRANSACTIONS_MAX: number = SUBMISSIONS_TRANSACTIONS_MAX / 16;
export const CALLER_SUBMISSIONS_BYTES_MAX: number = SUBMISSIONS_BYTES_MAX / 16;

// Decoding and hashing a MiB takes as long as a turn of small transactions: a turn ends with the transaction that reaches this.
export const TURN_BYTES_MAX: number = 64 * 1024;

/** How many transactions, and of how many bytes. */
interface Load {
  transactions: number;
  bytes: number;
}

interface Call {
  readonly transactions: readonly Uint8Array[];
  readonly bytes: number;
  readonly signal: AbortSignal;
  taken: number;
  readonly resolve: (taken: number) => void;
  readonly reject: (error: unknown) => void;
}

interface Caller {
  readonly calls: Call[];
  readonly load: Load;
}

export interface SubmissionQueueComponents {
  /** Verifies a transaction and takes it; throws a coded error for one that it refuses. */
  readonly submit: (encoded: Uint8Array) => Promise<unknown>;
  /** A call found no room. */
  readonly overflowed?: () => void;
}

/**
 * Calls of many transactions wait here for their signatures to be verified: so many in a turn of the event loop altogether, not so
 * many for each call. Callers are served in turn, the calls of one in the order in which they came.
 */
export class SubmissionQueue {
  readonly #components: SubmissionQueueComponents;
  readonly #callers = new Map<string, Caller>();
  readonly #load: Load = { transactions: 0, bytes: 0 };
  #isRunning = false;

  constructor(components: SubmissionQueueComponents) {
    this.#components = components;
  }

  /** Transactions of all calls that have not ended. */
  get size(): number {
    return this.#load.transactions;
  }

  /**
   * Submits one after the other, up to the first that is refused or until the signal aborts; answers how many were taken. Throws
   * `hypermesh.submissions_full`, and what `submit` throws that is no refusal.
   */
  add(caller: Uint8Array, transactions: readonly Uint8Array[], signal: AbortSignal): Promise<number> {
    const name = Buffer.from(caller).toString('latin1');
    const bytes = transactions.reduce((sum, { length }) => sum + length, 0);
    const waiting = this.#callers.get(name) ?? { calls: [], load: { transactions: 0, bytes: 0 } };
    const added: Load = { transactions: transactions.length, bytes };
    if (
      !fits(waiting.load, added, CALLER_SUBMISSIONS_TRANSACTIONS_MAX, CALLER_SUBMISSIONS_BYTES_MAX) ||
      !fits(this.#load, added, SUBMISSIONS_TRANSACTIONS_MAX, SUBMISSIONS_BYTES_MAX)
    ) {
      this.#components.overflowed?.();
      return Promise.reject(hypermeshError('hypermesh.submissions_full', { ...this.#load }));
    }
    return new Promise((resolve, reject) => {
      waiting.calls.push({ transactions, bytes, signal, taken: 0, resolve, reject });
      this.#callers.set(name, waiting);
      this.#count(waiting, added, 1);
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#callers.size > 0) {
      await new Promise(setImmediate);
      for (let [count, bytes] = [0, 0]; count < VERIFIED_AT_ONCE && bytes < TURN_BYTES_MAX; count++) bytes += await this.#serveNext();
    }
    this.#isRunning = false;
  }

  /** One transaction of whoever has waited longest; answers its bytes. */
  async #serveNext(): Promise<number> {
    const [next] = this.#callers;
    if (next === undefined) return 0;
    const [name, caller] = next;
    const call = caller.calls[0] as Call;
    const bytes = call.transactions[call.taken]?.length ?? 0;
    const settle = await this.#advance(call);
    if (settle !== undefined) {
      caller.calls.shift();
      this.#count(caller, { transactions: call.transactions.length, bytes: call.bytes }, -1);
      settle();
    }
    this.#callers.delete(name);
    if (caller.calls.length > 0) this.#callers.set(name, caller);
    return bytes;
  }

  /** Answers how the call ends, undefined while it goes on. Never rejects. */
  async #advance(call: Call): Promise<(() => void) | undefined> {
    const { transactions, signal, resolve, reject } = call;
    if (call.taken < transactions.length && !signal.aborted) {
      try {
        await this.#components.submit(transactions[call.taken] as Uint8Array);
      } catch (error) {
        return error instanceof CodedError ? () => resolve(call.taken) : () => reject(error);
      }
      call.taken++;
      if (call.taken < transactions.length) return undefined;
    }
    return () => resolve(call.taken);
  }

  #count({ load }: Caller, { transactions, bytes }: Load, change: 1 | -1): void {
    for (const counted of [load, this.#load]) {
      counted.transactions += change * transactions;
      counted.bytes += change * bytes;
    }
  }
}

function fits(load: Load, added: Load, transactionsMax: number, bytesMax: number): boolean {
  return load.transactions + added.transactions <= transactionsMax && load.bytes + added.bytes <= bytesMax;
}
