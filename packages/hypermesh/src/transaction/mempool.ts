import { equalBytes } from '@hypermesh/stoq';
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
// Keys cost nothing, so that all who are no members yet have the share of one owner together.
export const STRANGERS_TRANSACTIONS_MAX: number = MEMPOOL_TRANSACTIONS_MAX / 8;
export const STRANGERS_BYTES_MAX: number = MEMPOOL_BYTES_MAX / 8;

/** How many transactions, and of how many bytes. */
interface Load {
  transactions: number;
  bytes: number;
}

interface Account {
  readonly name: string;
  /** By sequence. */
  readonly entries: Map<number, DecodedTransaction>;
  readonly load: Load;
  executed: number;
  /** Every sequence from `executed` up to this one, exclusive, is in a batch. */
  next: number;
}

/**
 * Transactions that are accepted and not executed. Batches take from the owners in turn, and of each owner in the order of
 * sequences without a gap; what is in a batch stays here until it is executed, in case the batch never is. What waits behind a
 * gap gives way when there is no room: it may wait for ever.
 */
export class Mempool {
  readonly #accounts = new Map<string, Account>();
  readonly #load: Load = { transactions: 0, bytes: 0 };
  readonly #strangers: Load = { transactions: 0, bytes: 0 };

  get size(): number {
    return this.#load.transactions;
  }

  get bytes(): number {
    return this.#load.bytes;
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
    const sequenceMax = executed + (isStranger(transaction) ? 1 : OWNER_TRANSACTIONS_MAX);
    if (known !== undefined || sequence <= executed || sequence > sequenceMax) {
      this.#forgetEmpty(account);
      throw hypermeshError('hypermesh.transaction_sequence', { sequence, executed });
    }
    if (!this.#hasRoom(account, transaction)) {
      this.#forgetEmpty(account);
      throw hypermeshError('hypermesh.mempool_full', { ...this.#load });
    }
    account.entries.set(sequence, transaction);
    this.#count(account, transaction, 1);
    return true;
  }

  /**
   * Whether exactly these bytes are here, hence verified. The id alone would not say so: it does not cover the signature, and
   * owner and sequence do not cover the operations.
   */
  has({ body, encoded }: DecodedTransaction): boolean {
    const known = this.#accounts.get(nameOf(body.owner))?.entries.get(body.sequence);
    return known !== undefined && equalBytes(known.encoded, encoded);
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
    const served = new Set<Account>();
    for (let turn = [...this.#accounts.values()]; turn.length > 0;) {
      const again: Account[] = [];
      for (const account of turn) {
        const entry = account.entries.get(account.next);
        if (entry === undefined || batch.length === BATCH_TRANSACTIONS_MAX) continue;
        if (bytes + entry.encoded.length > BATCH_BYTES_MAX) continue;
        bytes += entry.encoded.length;
        account.next++;
        batch.push(entry);
        served.add(account);
        again.push(account);
      }
      turn = again;
    }
    for (const account of served) this.#moveLast(account);
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

  #hasRoom(account: Account, transaction: DecodedTransaction): boolean {
    const bytes = transaction.encoded.length;
    if (!fits(account.load, bytes, OWNER_TRANSACTIONS_MAX, OWNER_BYTES_MAX)) return false;
    if (isStranger(transaction) && !fits(this.#strangers, bytes, STRANGERS_TRANSACTIONS_MAX, STRANGERS_BYTES_MAX)) return false;
    for (const other of this.#accounts.values()) {
      if (fits(this.#load, bytes, MEMPOOL_TRANSACTIONS_MAX, MEMPOOL_BYTES_MAX)) return true;
      if (other !== account) this.#dropBehindGap(other);
    }
    return fits(this.#load, bytes, MEMPOOL_TRANSACTIONS_MAX, MEMPOOL_BYTES_MAX);
  }

  #dropBehindGap(account: Account): void {
    let gap = account.next;
    while (account.entries.has(gap)) gap++;
    for (const sequence of account.entries.keys()) if (sequence > gap) this.#remove(account, sequence);
    this.#forgetEmpty(account);
  }

  #account(owner: Uint8Array, executed: number): Account {
    const name = nameOf(owner);
    const known = this.#accounts.get(name);
    if (known !== undefined) return known;
    const account: Account = { name, entries: new Map(), load: { transactions: 0, bytes: 0 }, executed, next: executed + 1 };
    this.#accounts.set(name, account);
    return account;
  }

  #remove(account: Account, sequence: number): void {
    const entry = account.entries.get(sequence);
    if (entry === undefined) return;
    account.entries.delete(sequence);
    this.#count(account, entry, -1);
  }

  #count(account: Account, transaction: DecodedTransaction, change: 1 | -1): void {
    for (const load of [account.load, this.#load, ...(isStranger(transaction) ? [this.#strangers] : [])]) {
      load.transactions += change;
      load.bytes += change * transaction.encoded.length;
    }
  }

  #forgetEmpty(account: Account): void {
    if (account.entries.size === 0) this.#accounts.delete(account.name);
  }

  /** Whoever was served last comes last in the next batch. */
  #moveLast(account: Account): void {
    this.#accounts.delete(account.name);
    this.#accounts.set(account.name, account);
  }
}

/** A transaction carries its owner's key only while the owner is no member. */
function isStranger({ body }: DecodedTransaction): boolean {
  return body.key !== null;
}

function fits(load: Load, bytes: number, transactionsMax: number, bytesMax: number): boolean {
  return load.transactions < transactionsMax && load.bytes + bytes <= bytesMax;
}

function nameOf(owner: Uint8Array): string {
  return Buffer.from(owner.buffer, owner.byteOffset, owner.length).toString('latin1');
}
