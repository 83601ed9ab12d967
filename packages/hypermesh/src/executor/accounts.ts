import { equalBytes, type HybridPublicKey } from '@hypermesh/stoq';
import { nodeIdOf } from '@hypermesh/trustchain';
import { hypermeshError } from '../errors.ts';
import type { StateReader } from '../machine/machine.ts';
import { nameOf } from '../state/machine-state.ts';
import type { SignatureVerifier } from '../transaction/signature-verifier.ts';
import type { DecodedTransaction, TransactionBody } from '../transaction/transaction.ts';

/** Whose signature a transaction needs, read from the state of the machine that keeps the members. */
export interface AccountRules {
  /** Name of that machine. */
  readonly machine: string;
  /** Undefined for accounts that are no members. */
  keyOf(state: StateReader, owner: Uint8Array): HybridPublicKey | undefined;
  /** Whether somebody who is no member may order this, under the key that the transaction carries. */
  admitsStranger(body: TransactionBody): boolean;
}

/** Judges owners and signatures against the members as of one height. */
export class AccountView {
  readonly #rules: AccountRules;
  readonly #state: StateReader;
  readonly #signatures: SignatureVerifier;
  readonly #keys = new Map<string, HybridPublicKey | undefined>();

  constructor(rules: AccountRules, state: StateReader, signatures: SignatureVerifier) {
    this.#rules = rules;
    this.#state = state;
    this.#signatures = signatures;
  }

  /** Throws `hypermesh.transaction_owner` or `hypermesh.transaction_signature`. */
  assertSigned(transaction: DecodedTransaction): void {
    const key = this.#keyFor(transaction.body);
    if (!this.#signatures.verify(transaction, key)) throw hypermeshError('hypermesh.transaction_signature');
  }

  #keyFor(body: TransactionBody): HybridPublicKey {
    const member = this.#memberKey(body.owner);
    if (member !== undefined) {
      if (body.key !== null) throw hypermeshError('hypermesh.transaction_owner', { reason: 'a member carries no key' });
      return member;
    }
    const { key } = body;
    if (key === null || !equalBytes(nodeIdOf(key.postQuantum), body.owner) || !this.#rules.admitsStranger(body)) {
      throw hypermeshError('hypermesh.transaction_owner');
    }
    return key;
  }

  #memberKey(owner: Uint8Array): HybridPublicKey | undefined {
    const name = nameOf(owner);
    if (!this.#keys.has(name)) this.#keys.set(name, this.#rules.keyOf(this.#state, owner));
    return this.#keys.get(name);
  }
}
