import { type Crypto, equalBytes, type HybridPublicKey } from '@hypermesh/stoq';
import type { DecodedTransaction } from './transaction.ts';

interface Verdict {
  readonly key: HybridPublicKey;
  readonly valid: boolean;
}

/** Verifies each decoded transaction once in the life of its object, however often admission and execution ask. */
export class SignatureVerifier {
  readonly #crypto: Pick<Crypto, 'verifyHybrid'>;
  readonly #verdicts = new WeakMap<DecodedTransaction, Verdict>();

  constructor(crypto: Pick<Crypto, 'verifyHybrid'>) {
    this.#crypto = crypto;
  }

  verify(transaction: DecodedTransaction, key: HybridPublicKey): boolean {
    const known = this.#verdicts.get(transaction);
    if (known !== undefined && sameKey(known.key, key)) return known.valid;
    const valid = this.#crypto.verifyHybrid(key, transaction.signedBytes, transaction.signature);
    this.#verdicts.set(transaction, { key, valid });
    return valid;
  }
}

function sameKey(a: HybridPublicKey, b: HybridPublicKey): boolean {
  return a === b || (equalBytes(a.classical.bytes, b.classical.bytes) && equalBytes(a.postQuantum.bytes, b.postQuantum.bytes));
}
