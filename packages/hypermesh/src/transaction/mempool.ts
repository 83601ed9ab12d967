import { hypermeshError } from '../errors.ts';
import { BATCH_BYTES_MAX, BATCH_TRANSACTIONS_MAX } from './batch.ts';
import type { DecodedTransaction } from './transaction.ts';

// Some twenty seconds of full blocks; 2 KiB each.
export const MEMPOOL_TRANSACTIONS_MAX: number = 20_000;
// Large transactions must not take the memory that the count assumes for small ones.
export const MEMPOOL_BYTES_MAX: number = 64 * 1024 * 1024;
// An eighth of the whole, so that a single busy owner leaves room for others.
export const OWNER_TRANSACTIONS_MAX: number = MEMPOOL_TRANSACTIONS_MAX / 8;
export const OWNER_BYTES_MAX: number = MEMPOOL_BYTES_MAX / 8;

interface Account {
  readonly name: string;
  /** By sequence. */
  readonly entries: Map<number, DecodedTransaction>;
  bytes: number;
  executed: number;
  /** Every sequence from `executed` up to this one, exclusive, is in a batch. */
  next: number;
}

/**
 * Transactions that are accepted and not executed. Batches take from the owners in turn, and of each owner in the order of
 * sequences without a gap; what is in a batch stays here until it is executed, in case the batch never is.
 */
export class Mempool {
  readonly #accounts = new Map<string, Account>();
  #transactions = 0;
  #bytes = 0;

  get size(): number {
    return this.#transactions;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Takes a verified transaction; `executed` is the last executed sequence of its owner. False when it is here already.
   * Throws `hypermesh.transaction_sequence` or `hypermesh.mempool_full`.
   */
  add(transaction: DecodedTransaction, executed: number): boolean {
    const { owner, sequence } = transaction.body;
    const account = this.#account(owner, executed);
    const known = account.entries.get(sequence);
    if (known !== undefined && Buffer.compare(known.id, transaction.id) === 0) return false;
    if (known !== undefined || sequence <= executed || sequence > executed + OWNER_TRANSACTIONS_MAX) {
      this.#forgetEmpty(account);
      throw hypermeshError('hypermesh.transaction_sequence', { sequence, executed });
    }
    const length = transaction.encoded.length;
    if (this.#isFull(account, length)) {
      this.#forgetEmpty(account);
      throw hypermeshError('hypermesh.mempool_full', { transactions: this.#transactions, bytes: this.#bytes });
    }
    account.entries.set(sequence, transaction);
    account.bytes += length;
    this.#transactions++;
    this.#bytes += length;
    return true;
  }

  /** The sequence that the owner's next transaction takes. */
  nextSequence(owner: Uint8Array, executed: number): number {
    const account = this.#accounts.get(nameOf(owner));
    let sequence = executed + 1;
    while (account?.entries.has(sequence)) sequence++;
    return sequence;
  }

  /** The next batch, or an empty one when nothing is ready. */
  takeBatch(): DecodedTransaction[] {
    const batch: DecodedTransaction[] = [];
    let bytes = 0;
    let turn = [...this.#accounts.values()];
    while (turn.length > 0 && batch.length < BATCH_TRANSACTIONS_MAX) {
      const again: Account[] = [];
      for (const account of turn) {
        const entry = account.entries.get(account.next);
        if (entry === undefined || batch.length === BATCH_TRANSACTIONS_MAX) continue;
        if (bytes + entry.encoded.length > BATCH_BYTES_MAX) continue;
        bytes += entry.encoded.length;
        account.next++;
        batch.push(entry);
        again.push(account);
      }
      turn = again;
    }
    for (const { name } of turn) this.#moveLast(name);
    return batch;
  }

  /** After a block: `executed` is the owner's last executed sequence now. */
  settle(owner: Uint8Array, executed: number): void {
    const account = this.#accounts.get(nameOf(owner));
    if (account === undefined) return;
    for (let sequence = account.executed + 1; sequence <= executed; sequence++) this.#remove(account, sequence);
    account.executed = Math.max(account.executed, executed);
    account.next = Math.max(account.next, executed + 1);
    this.#forgetEmpty(account);
  }

  /** The transaction was ordered without effect, as when an earlier one was still missing: it and those after it are batched again. */
  release(transaction: DecodedTransaction): void {
    const { owner, sequence } = transaction.body;
    const account = this.#accounts.get(nameOf(owner));
    if (account?.entries.has(sequence)) account.next = Math.min(account.next, sequence);
  }

  /** Drops a transaction that can no longer be executed. */
  drop(transaction: DecodedTransaction): void {
    const account = this.#accounts.get(nameOf(transaction.body.owner));
    if (account === undefined) return;
    this.#remove(account, transaction.body.sequence);
    this.#forgetEmpty(account);
  }

  #isFull(account: Account, bytes: number): boolean {
    return (
      this.#transactions >= MEMPOOL_TRANSACTIONS_MAX ||
      this.#bytes + bytes > MEMPOOL_BYTES_MAX ||
      account.entries.size >= OWNER_TRANSACTIONS_MAX ||
      account.bytes + bytes > OWNER_BYTES_MAX
    );
  }

  #account(owner: Uint8Array, executed: number): Account {
    const name = nameOf(owner);
    const known = this.#accounts.get(name);
    if (known !== undefined) return known;
    const account = { name, entries: new Map<number, DecodedTransaction>(), bytes: 0, executed, next: executed + 1 };
    this.#accounts.set(name, account);
    return account;
  }

  #remove(account: Account, sequence: number): void {
    const entry = account.entries.get(sequence);
    if (entry === undefined) return;
    account.entries.delete(sequence);
    account.bytes -= entry.encoded.length;
    this.#transactions--;
    this.#bytes -= entry.encoded.length;
  }

  #forgetEmpty(account: Account): void {
    if (account.entries.size === 0) this.#accounts.delete(account.name);
  }

  /** Whoever was served last comes last in the next batch. */
  #moveLast(name: string): void {
    const account = this.#accounts.get(name);
    if (account === undefined) return;
    this.#accounts.delete(name);
    this.#accounts.set(name, account);
  }
}

function nameOf(owner: Uint8Array): string {
  return Buffer.from(owner.buffer, owner.byteOffset, owner.length).toString('latin1');
}
