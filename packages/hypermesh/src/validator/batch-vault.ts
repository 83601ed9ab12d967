import { encode, equalBytes, uint } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
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

// Decoded transactions that wait for their execution: some 5 KiB each. Others are decoded from disk again.
const CACHED_TRANSACTIONS_MAX = 20_000;
/** Batches between their arrival and their execution: durable, decoded once, signatures verified once and ahead of time. */
export class BatchVault {
  readonly #components: BatchVaultComponents;
  readonly #decoded = new Map<string, DecodedBatch>();
  readonly #verifying = new Map<string, Promise<void>>();
  #cachedTransactions = 0;

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

  /**
   * Takes a batch that a peer sent; durable when it resolves. Throws `hypermesh.batch_malformed`, also when it is not the one
   * that was asked for.
   */
  async store(encoded: Uint8Array, { expected, ordered = false }: { expected?: Uint8Array; ordered?: boolean } = {}): Promise<StoredBatch> {
    const digest = batchDigest(encoded);
    if (expected !== undefined && !equalBytes(digest, expected)) throw hypermeshError('hypermesh.batch_malformed', { reason: 'digest' });
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
    const key = keyOf(digest);
    this.#cachedTransactions -= this.#decoded.get(key)?.length ?? 0;
    this.#decoded.delete(key);
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
    this.#decoded.set(keyOf(digest), transactions);
    this.#cachedTransactions += transactions.length;
    for (const [key, oldest] of this.#decoded) {
      if (this.#cachedTransactions <= CACHED_TRANSACTIONS_MAX) return;
      this.#cachedTransactions -= oldest.length;
      this.#decoded.delete(key);
    }
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

function keyOf(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.length).toString('latin1');
}
