import { encode, uint } from '@hypermesh/stoq';
import { batchDigest, encodeBatch } from '../transaction/batch.ts';
import { type DecodedBatch, decodeTransactions } from '../transaction/decoded-batch.ts';
import type { DecodedTransaction } from '../transaction/transaction.ts';
import { verifyInTurns } from '../transaction/verification-turns.ts';
import type { BlockStore } from './block-store.ts';

export interface BatchVaultComponents {
  readonly store: BlockStore;
  /** Throws a coded error for a transaction that execution will void. */
  readonly verify: (transaction: DecodedTransaction) => void;
}

export interface StoredBatch {
  readonly digest: Uint8Array;
  readonly encoded: Uint8Array;
}

// Encoded bytes of the decoded batches that wait for their execution; decoded they take some three times that. Others are decoded
// from disk again.
const CACHED_BYTES_MAX = 48 * 1024 * 1024;

/** Batches between their arrival and their execution: durable, decoded once, signatures verified once and ahead of time. */
export class BatchVault {
  readonly #components: BatchVaultComponents;
  readonly #decoded = new Map<string, DecodedBatch>();
  readonly #verifying = new Map<string, Promise<void>>();
  #cachedBytes = 0;

  constructor(components: BatchVaultComponents) {
    this.#components = components;
  }

  /** Takes verified transactions as a batch of this validator's own, one that was never ordered; durable when it resolves. */
  async storeOwn(transactions: readonly DecodedTransaction[]): Promise<StoredBatch> {
    const { digest, encoded } = await this.#freshBatch(transactions.map((transaction) => transaction.encoded));
    this.#keep(digest, transactions);
    await this.#components.store.putBatch(digest, encoded);
    return { digest, encoded };
  }

  /** Takes a batch that a peer sent; durable when it resolves. Throws `hypermesh.batch_malformed`. */
  async store(encoded: Uint8Array, { ordered = false }: { ordered?: boolean } = {}): Promise<StoredBatch> {
    const digest = batchDigest(encoded);
    const transactions = decodeTransactions(encoded);
    if (!(await this.has(digest))) {
      this.#keep(digest, transactions);
      this.#verify(digest, transactions);
      await this.#components.store.putBatch(digest, encoded, { ordered });
    }
    return { digest, encoded };
  }

  async has(digest: Uint8Array): Promise<boolean> {
    return this.#components.store.hasBatch(digest);
  }

  async encoded(digest: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#components.store.batch(digest);
  }

  /** The batch with its signatures verified; undefined when it is not here. */
  async load(digest: Uint8Array): Promise<DecodedBatch | undefined> {
    let transactions = this.#decoded.get(keyOf(digest));
    if (transactions === undefined) {
      const encoded = await this.encoded(digest);
      if (encoded === undefined) return undefined;
      transactions = decodeTransactions(encoded);
      this.#keep(digest, transactions);
      this.#verify(digest, transactions);
    }
    await this.#verifying.get(keyOf(digest));
    return transactions;
  }

  /** The batch was executed. */
  release(digest: Uint8Array): void {
    this.#forget(keyOf(digest));
  }

  /**
   * A digest is ordered once. Transactions that were ordered without effect and come together again need another one: an entry
   * that is no transaction, which execution passes over, makes it.
   */
  async #freshBatch(transactions: readonly Uint8Array[]): Promise<StoredBatch> {
    for (let repetition = 0; ; repetition++) {
      const encoded = encodeBatch(repetition === 0 ? transactions : [...transactions, encode(uint(), repetition)]);
      const digest = batchDigest(encoded);
      if (!(await this.#components.store.isOrdered(digest))) return { digest, encoded };
    }
  }

  #keep(digest: Uint8Array, transactions: DecodedBatch): void {
    const key = keyOf(digest);
    this.#forget(key);
    this.#decoded.set(key, transactions);
    this.#cachedBytes += bytesOf(transactions);
    for (const oldest of this.#decoded.keys()) {
      if (this.#cachedBytes <= CACHED_BYTES_MAX) return;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    const transactions = this.#decoded.get(key);
    if (transactions === undefined) return;
    this.#decoded.delete(key);
    this.#cachedBytes -= bytesOf(transactions);
  }

  #verify(digest: Uint8Array, transactions: DecodedBatch): void {
    const key = keyOf(digest);
    if (this.#verifying.has(key)) return;
    const verifying = verifyInTurns(transactions, this.#components.verify).finally(() => this.#verifying.delete(key));
    this.#verifying.set(key, verifying);
    // Whoever loads the batch meets the failure.
    verifying.catch(() => {});
  }
}

function bytesOf(transactions: DecodedBatch): number {
  return transactions.reduce((sum, transaction) => sum + (transaction?.encoded.length ?? 0), 0);
}

function keyOf(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.length).toString('latin1');
}
