import type { Clock } from '@hypermesh/stoq';
import type { Mempool } from '../transaction/mempool.ts';
import type { BatchVault, StoredBatch } from './batch-vault.ts';

export interface BatchMakerComponents {
  readonly mempool: Mempool;
  readonly vault: BatchVault;
  readonly clock: Clock;
  /** The batch is durable here: it may be ordered, and travels to the peers. */
  readonly made: (batch: StoredBatch) => void;
  readonly failed: (error: unknown) => void;
}

// Lets transactions of one moment share a batch, well below the time that a round takes.
export const BATCH_DELAY_MS: number = 5;
// Batches of this validator that no committed block carries. More would only wait; the mempool bounds what comes after.
export const OWN_BATCHES_MAX: number = 64;

/** Turns the mempool into batches of this validator. */
export class BatchMaker {
  readonly #components: BatchMakerComponents;
  readonly #own = new Set<string>();
  #cancelTimer: (() => void) | undefined;
  #making: Promise<void> | undefined;
  #stopped = false;

  constructor(components: BatchMakerComponents) {
    this.#components = components;
  }

  /** The mempool may have something ready. */
  poke(): void {
    if (this.#stopped || this.#cancelTimer !== undefined || this.#making !== undefined) return;
    this.#cancelTimer = this.#components.clock.after(BATCH_DELAY_MS, () => {
      this.#cancelTimer = undefined;
      this.#making = this.#make()
        .catch(this.#components.failed)
        .finally(() => {
          this.#making = undefined;
        });
    });
  }

  /** A committed block carries the batch. */
  ordered(digest: Uint8Array): void {
    if (this.#own.delete(keyOf(digest))) this.poke();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    await this.#making;
  }

  async #make(): Promise<void> {
    const { mempool, vault, made } = this.#components;
    while (!this.#stopped && this.#own.size < OWN_BATCHES_MAX) {
      const transactions = mempool.takeBatch();
      if (transactions.length === 0) return;
      const batch = await vault.storeOwn(transactions);
      this.#own.add(keyOf(batch.digest));
      made(batch);
    }
  }
}

function keyOf(digest: Uint8Array): string {
  return Buffer.from(digest).toString('latin1');
}
