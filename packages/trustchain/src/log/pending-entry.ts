import { trustError } from '../errors.ts';
import { leafHash } from './merkle.ts';

/** Proof that an entry is in the log, under a published checkpoint. */
export interface LogReceipt {
  readonly index: number;
  /** Size of the tree of the checkpoint. */
  readonly size: number;
  readonly proof: readonly Uint8Array[];
  readonly checkpoint: Uint8Array;
}

/** An entry on its way into the log; everybody who submits the same bytes meanwhile waits for the same receipt. */
export interface PendingEntry {
  readonly entry: Uint8Array;
  readonly hash: Uint8Array;
  readonly receipt: Promise<LogReceipt>;
  resolve(receipt: LogReceipt): void;
  reject(error: unknown): void;
}

export function createPendingEntry(entry: Uint8Array): PendingEntry {
  const { promise, resolve, reject } = Promise.withResolvers<LogReceipt>();
  // Nobody may be waiting any more: a caller that gave up, or an entry recovered from disk.
  promise.catch(() => undefined);
  return { entry, hash: leafHash(entry), receipt: promise, resolve, reject };
}

/** Waits for the promise or the signal, whichever comes first. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  if (signal.aborted) {
    // Nobody waits for it any more, whatever becomes of it.
    promise.catch(() => undefined);
    throw signal.reason;
  }
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

// Ten batches: whoever comes later would wait several seconds and should hear so at once.
export const QUEUED_ENTRIES_MAX: number = 10_240;
export const QUEUED_BYTES_MAX: number = 64 * 1024 * 1024;

/** Pending entries by content. Throws `trustchain.log_overload` when full. */
export class PendingEntries {
  readonly #byHash: Map<string, PendingEntry> = new Map();
  #bytes = 0;

  find(hash: Uint8Array): PendingEntry | undefined {
    return this.#byHash.get(keyOf(hash));
  }

  add(pending: PendingEntry): void {
    const bytes = this.#bytes + pending.entry.length;
    if (this.#byHash.size >= QUEUED_ENTRIES_MAX || bytes > QUEUED_BYTES_MAX) {
      throw trustError('trustchain.log_overload', { entries: this.#byHash.size, bytes });
    }
    this.#byHash.set(keyOf(pending.hash), pending);
    this.#bytes = bytes;
  }

  remove(pending: PendingEntry): void {
    const key = keyOf(pending.hash);
    if (this.#byHash.get(key) !== pending) return;
    this.#byHash.delete(key);
    this.#bytes -= pending.entry.length;
  }
}

function keyOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString('base64');
}
