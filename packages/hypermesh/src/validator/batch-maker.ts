import type { Clock } from '@hypermesh/stoq';
import { BATCH_BYTES_MAX } from '../transaction/batch.ts';
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
// While an earlier batch waits for its block, further ones would wait as well: fewer and larger ones cost less disk and network.
// About a round under load, so that a block carries about one batch of each validator.
export const BATCH_DELAY_BUSY_MS: number = 100;
// Batches of this validator that no committed block carries. More would only wait; the mempool bounds what comes after.
export const OWN_BATCHES_MAX: number = 64;

/** Turns the mempool into batches of this validator. */
export class BatchMaker {
  readonly #components: BatchMakerComponents;
  readonly #own = new Set<string>();
  #timer: { readonly isBusy: boolean; readonly cancel: () => void } | undefined;
  #making: Promise<void> | undefined;
  #stopped = false;
  #isPoked = false;

  constructor(components: BatchMakerComponents) {
    this.#components = components;
  }

  /** The mempool may have something ready. */
  poke(): void {
    this.#isPoked = true;
    if (this.#stopped || this.#making !== undefined) return;
    const isBusy = this.#own.size > 0;
    if (this.#timer !== undefined && (isBusy || !this.#timer.isBusy)) return;
    this.#timer?.cancel();
    const cancel = this.#components.clock.after(isBusy ? BATCH_DELAY_BUSY_MS : BATCH_DELAY_MS, () => this.#begin());
    this.#timer = { isBusy, cancel };
  }

  /** A committed block carries the batch. */
  ordered(digest: Uint8Array): void {
    if (this.#own.delete(keyOf(digest))) this.poke();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#making;
  }

  #begin(): void {
    this.#timer = undefined;
    this.#isPoked = false;
    this.#making = this.#make()
      .catch(this.#components.failed)
      .finally(() => {
        this.#making = undefined;
        if (this.#isPoked) this.poke();
      });
  }

  async #make(): Promise<void> {
    const { mempool, vault, made } = this.#components;
    for (let isFull = true; isFull && !this.#stopped && this.#own.size < OWN_BATCHES_MAX;) {
      const transactions = mempool.takeBatch();
      if (transactions.length === 0) return;
      const batch = await vault.storeOwn(transactions);
      this.#own.add(keyOf(batch.digest));
      made(batch);
      // A batch that could have held more has taken all that was ready.
      isFull = batch.encoded.length > BATCH_BYTES_MAX / 2;
    }
  }
}

function keyOf(digest: Uint8Array): string {
  return Buffer.from(digest).toString('latin1');
}
