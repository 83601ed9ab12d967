import type { DecodedTransaction } from '../transaction/transaction.ts';

/** Transactions of one block that came before an earlier one of their owner: one for each owner and sequence. */
export class EarlyTransactions {
  readonly #held = new Map<string, DecodedTransaction>();

  /** False when there is one with that sequence already. */
  hold(transaction: DecodedTransaction): boolean {
    const key = keyOf(transaction.body.owner, transaction.body.sequence);
    if (this.#held.has(key)) return false;
    this.#held.set(key, transaction);
    return true;
  }

  take(owner: Uint8Array, sequence: number): DecodedTransaction | undefined {
    if (this.#held.size === 0) return undefined;
    const key = keyOf(owner, sequence);
    const transaction = this.#held.get(key);
    this.#held.delete(key);
    return transaction;
  }

  /** In the order in which they came. */
  left(): readonly DecodedTransaction[] {
    return [...this.#held.values()];
  }
}

function keyOf(owner: Uint8Array, sequence: number): string {
  return `${Buffer.from(owner).toString('latin1')}${sequence}`;
}
