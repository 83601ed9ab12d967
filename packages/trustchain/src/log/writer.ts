import { setImmediate } from 'node:timers/promises';
import type { Clock } from '@hypermesh/stoq';
import { trustError } from '../errors.ts';
import { type Batch, commit, type CommitComponents, type LogState, sweep } from './commit.ts';
import { createPendingEntry, type LogReceipt, PendingEntries, type PendingEntry } from './pending-entry.ts';
import { BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, type StagedBatch } from './staged-batch.ts';

// A batch that could not be finished (no quorum of witnesses, a full disk) is tried again after this.
const RETRY_MS = 1000;

/** A batch and who waits for it. */
class OpenBatch implements Batch {
  pending: readonly PendingEntry[];
  staged: boolean;

  constructor(pending: readonly PendingEntry[], staged: boolean) {
    this.pending = pending;
    this.staged = staged;
  }

  get entries(): readonly Uint8Array[] {
    return this.pending.map(({ entry }) => entry);
  }

  get hashes(): readonly Uint8Array[] {
    return this.pending.map(({ hash }) => hash);
  }
}

interface Refresh {
  resolve(): void;
  reject(error: unknown): void;
}

/** The one writer of a log: commits what is queued, a batch at a time. */
export class LogWriter {
  state: LogState;
  readonly pending: PendingEntries = new PendingEntries();
  readonly #components: CommitComponents;
  readonly #clock: Clock;
  readonly #closing: AbortController = new AbortController();
  #queue: PendingEntry[] = [];
  #refreshes: Refresh[] = [];
  /** A batch that is staged on disk but not published yet. */
  #staged: OpenBatch | null = null;
  #running: Promise<void> | null = null;
  #cancelRetry: () => void = () => undefined;

  constructor(state: LogState, components: CommitComponents, clock: Clock) {
    this.state = state;
    this.#components = components;
    this.#clock = clock;
  }

  enqueue(pending: PendingEntry): void {
    this.#queue.push(pending);
    this.#wake();
  }

  settle(pending: PendingEntry, outcome: LogReceipt | { readonly error: unknown }): void {
    this.pending.remove(pending);
    if ('error' in outcome) pending.reject(outcome.error);
    else pending.resolve(outcome);
  }

  /** Publishes a new checkpoint, of the same size if nothing is queued. */
  refresh(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#refreshes.push({ resolve, reject });
    this.#wake();
    return promise;
  }

  /** Takes up a batch that was staged before a crash; settles after the first attempt, whatever its outcome. */
  async recover(batch: StagedBatch): Promise<void> {
    const pending = batch.entries.map((entry) => createPendingEntry(entry));
    for (const entry of pending) this.pending.add(entry);
    this.#staged = new OpenBatch(pending, true);
    this.#wake();
    await this.#running;
  }

  /** Finishes nothing more; whoever waits hears `trustchain.log_closed`. */
  async close(): Promise<void> {
    this.#closing.abort(trustError('trustchain.log_closed'));
    this.#cancelRetry();
    await this.#running;
    this.#failWaiting(trustError('trustchain.log_closed'));
  }

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  #wake(): void {
    if (this.#running !== null || this.closed) return;
    this.#cancelRetry();
    this.#running = this.#run().finally(() => {
      this.#running = null;
      if (this.#staged === null && (this.#queue.length > 0 || this.#refreshes.length > 0)) this.#wake();
    });
  }

  async #run(): Promise<void> {
    // Whoever submits in this turn of the event loop shares the first batch.
    await setImmediate();
    while (!this.closed && (this.#staged !== null || this.#queue.length > 0 || this.#refreshes.length > 0)) {
      const batch = this.#staged ?? this.#takeBatch();
      const refreshes = this.#refreshes;
      this.#refreshes = [];
      try {
        if (!batch.staged) await this.#settleKnown(batch);
        if (batch.pending.length > 0 || refreshes.length > 0) await this.#commit(batch);
        for (const refresh of refreshes) refresh.resolve();
      } catch (error) {
        for (const refresh of refreshes) refresh.reject(error);
        this.#fail(batch, error);
        if (batch.staged) return;
      }
    }
  }

  async #commit(batch: OpenBatch): Promise<void> {
    const before = this.state;
    const after = await commit(before, batch, this.#components, this.#closing.signal);
    this.state = after;
    this.#staged = null;
    await Promise.all(
      batch.pending.map(async (pending, i) => {
        try {
          this.settle(pending, await receiptOf(after, before.tree.size + i, this.#components));
        } catch (error) {
          this.settle(pending, { error });
        }
      }),
    );
    try {
      await sweep(before.tree.size, after.tree.size, this.#components.files);
    } catch {
      // Only space is lost until the log is opened again: what was swept is never read.
    }
  }

  /** Entries that are in the log get their first index, and leave the batch. */
  async #settleKnown(batch: OpenBatch): Promise<void> {
    const known = await this.#components.index.findHashes(batch.hashes);
    const fresh: PendingEntry[] = [];
    for (const [i, pending] of batch.pending.entries()) {
      const index = known[i] ?? null;
      if (index === null) fresh.push(pending);
      else this.settle(pending, await receiptOf(this.state, index, this.#components));
    }
    batch.pending = fresh;
  }

  #takeBatch(): OpenBatch {
    let count = 0;
    let bytes = 0;
    for (const { entry } of this.#queue) {
      bytes += entry.length;
      if (count === BATCH_ENTRIES_MAX || bytes > BATCH_BYTES_MAX) break;
      count++;
    }
    return new OpenBatch(this.#queue.splice(0, count), false);
  }

  /** Callers hear of the failure; entries that are staged stay, so that a second submission waits for the same commit. */
  #fail(batch: OpenBatch, error: unknown): void {
    for (const pending of batch.pending) this.settle(pending, { error });
    if (!batch.staged) return;
    batch.pending = batch.entries.map((entry) => createPendingEntry(entry));
    for (const pending of batch.pending) this.pending.add(pending);
    this.#staged = batch;
    this.#failQueued(error);
    if (!this.closed) this.#cancelRetry = this.#clock.after(RETRY_MS, () => this.#wake());
  }

  #failQueued(error: unknown): void {
    for (const pending of this.#queue.splice(0)) this.settle(pending, { error });
  }

  #failWaiting(error: unknown): void {
    this.#failQueued(error);
    for (const pending of this.#staged?.pending ?? []) this.settle(pending, { error });
    for (const refresh of this.#refreshes.splice(0)) refresh.reject(error);
  }
}

/** The receipt of a published entry. */
export async function receiptOf(state: LogState, index: number, { store }: Pick<CommitComponents, 'store'>): Promise<LogReceipt> {
  const size = state.tree.size;
  const proof = await store.inclusionProof(state.tree, index, size);
  return { index, size, proof, checkpoint: state.checkpoint };
}
