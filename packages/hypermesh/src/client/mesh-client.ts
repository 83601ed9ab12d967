import {
  type Client,
  type Clock,
  CodedError,
  type Crypto,
  hasCode,
  type Host,
  type HybridPublicKey,
  type HybridSigner,
  type PeerTarget,
} from '@hypermesh/stoq';
import { type Genesis, meshIdOf } from '@hypermesh/trustchain';
import { type AccountAnswer, meshContract, type MeshMethods, type MeshStatus, type QueryAnswer, RECEIPT_WAIT_MS_MAX } from '../api.ts';
import { createValidatorSet, type ValidatorSet } from '../consensus/validator-set.ts';
import { hypermeshError } from '../errors.ts';
import { LogVerifier } from '../follower/log-verifier.ts';
import type { Receipt } from '../transaction/receipt.ts';
import { type DecodedTransaction, signTransaction } from '../transaction/transaction.ts';
import { FailOver, mayRetry } from './fail-over.ts';
import { groupFrom } from './submission-groups.ts';
import { verifiedReceipt } from './verified-receipt.ts';

export interface MeshClientComponents {
  readonly host: Pick<Host, 'connect'>;
  readonly crypto: Pick<Crypto, 'verify'>;
  readonly clock: Clock;
}

export interface MeshClientConfig {
  /** What receipts are judged by. */
  readonly genesis: Genesis;
  /** Validators to call, e.g. `validatorTargets(genesis, 'bundle')`. */
  readonly targets: readonly PeerTarget[];
}

/** Who signs. */
export interface MeshAccount {
  readonly owner: Uint8Array;
  readonly signer: HybridSigner;
}

export interface TransactOptions {
  /** Ends the wait; the transaction may still be committed afterwards. */
  readonly signal: AbortSignal;
  /** The account's key, while it is no member yet. */
  readonly key?: HybridPublicKey;
}

/** Orders transactions and asks for state, through whichever validator answers. */
export interface MeshClient {
  /**
   * Signs the operations as the account's next transaction, submits it and waits for its receipt, which is verified. Throws
   * an error with the code of the receipt when the machine refused it, `hypermesh.quorum_lost` or `hypermesh.not_committed`
   * when the signal aborts first, and `hypermesh.transaction_sequence` when another client of the account was faster.
   */
  transact(account: MeshAccount, machine: string, operations: readonly Uint8Array[], options: TransactOptions): Promise<Receipt>;
  /** Submits a transaction that was signed elsewhere, any number of times, and waits as `transact` does. */
  settle(transaction: Pick<DecodedTransaction, 'id' | 'encoded'>, options: { readonly signal: AbortSignal }): Promise<Receipt>;
  /**
   * Submits transactions that were signed elsewhere, many in a call, in their order and any number of times, and waits for no
   * receipt: where they are of one account, that of the last one says that all are executed. Throws why the first refused one
   * was; those before it are taken.
   */
  submitAll(transactions: readonly Pick<DecodedTransaction, 'encoded'>[], options: { readonly signal: AbortSignal }): Promise<void>;
  /** The word of one validator, of no earlier height than what this client was told before. */
  query(machine: string, method: string, argument: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<QueryAnswer>;
  account(owner: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<AccountAnswer>;
  status(options?: { readonly signal?: AbortSignal }): Promise<MeshStatus>;
}

export function createMeshClient(components: MeshClientComponents, config: MeshClientConfig): MeshClient {
  return new ValidatorsClient(components, config);
}

// How long a client waits for the reason after a wait has ended without a receipt.
const REASON_MS = 2_000;
// One call; the wait goes on with another validator after that.
const RECEIPT_WAIT_MS: number = Math.min(5_000, RECEIPT_WAIT_MS_MAX);
// Clients that share an account race for its next sequence; more rounds than this is a fault of theirs.
const SEQUENCE_ATTEMPTS_MAX = 5;
// Each is handed in again before the next one; a client with more of them begins anew with what the validators say.
const OPEN_TRANSACTIONS_MAX = 64;

class ValidatorsClient implements MeshClient {
  readonly #meshId: Uint8Array;
  readonly #set: ValidatorSet;
  readonly #verifier: LogVerifier;
  readonly #validators: FailOver;
  /** By account: settles when its last transaction has been submitted. Sequences are taken one after the other. */
  readonly #turns = new Map<string, Promise<void>>();
  readonly #sequences = new Map<string, number>();
  /** By account: what was accepted and has no receipt that this client knows of. */
  readonly #open = new Map<string, readonly DecodedTransaction[]>();
  /** Highest height that an answer was of. */
  #seenHeight = 0;

  constructor({ host, crypto, clock }: MeshClientComponents, { genesis, targets }: MeshClientConfig) {
    this.#meshId = meshIdOf(genesis);
    this.#set = createValidatorSet(genesis.validators);
    this.#verifier = new LogVerifier(genesis, crypto);
    this.#validators = new FailOver(
      targets.map((target) => host.connect(meshContract, target)),
      clock,
    );
  }

  async transact(account: MeshAccount, machine: string, operations: readonly Uint8Array[], options: TransactOptions): Promise<Receipt> {
    const receipt = await this.#explained(options.signal, async () => {
      const transaction = await this.#inTurn(account.owner, () => this.#submitNext(account, machine, operations, options));
      try {
        const settled = await this.#settled(transaction, options.signal);
        this.#closeUpTo(transaction.body);
        return settled;
      } catch (error) {
        this.#leaveOpen(nameOf(account.owner), transaction);
        throw error;
      }
    });
    return applied(receipt);
  }

  async settle(transaction: Pick<DecodedTransaction, 'id' | 'encoded'>, { signal }: { readonly signal: AbortSignal }): Promise<Receipt> {
    const receipt = await this.#explained(signal, async () => {
      await this.#submit(transaction, signal);
      return this.#settled(transaction, signal);
    });
    return applied(receipt);
  }

  async submitAll(
    transactions: readonly Pick<DecodedTransaction, 'encoded'>[],
    { signal }: { readonly signal: AbortSignal },
  ): Promise<void> {
    for (let at = 0; at < transactions.length;) {
      const group = groupFrom(transactions, at);
      const { taken } = await this.#validators.until((client) => client.submitAll({ transactions: group }, { signal }), signal);
      at += Math.min(taken, group.length);
      const refused = taken < group.length ? transactions[at++] : undefined;
      // Alone, it comes back with the reason.
      if (refused !== undefined) await this.#submit(refused, signal);
    }
  }

  async query(
    machine: string,
    method: string,
    argument: Uint8Array,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<QueryAnswer> {
    const request = { machine, method, argument, minHeight: this.#seenHeight };
    const answer = await this.#validators.once((client) => client.query(request, options));
    this.#seenHeight = Math.max(this.#seenHeight, answer.height);
    return answer;
  }

  async account(owner: Uint8Array, options: { readonly signal?: AbortSignal } = {}): Promise<AccountAnswer> {
    return this.#validators.once((client) => client.account({ owner }, options));
  }

  async status(options: { readonly signal?: AbortSignal } = {}): Promise<MeshStatus> {
    return this.#validators.once((client) => client.status({}, options));
  }

  async #inTurn<T>(owner: Uint8Array, task: () => Promise<T>): Promise<T> {
    const name = nameOf(owner);
    const before = this.#turns.get(name) ?? Promise.resolve();
    const running = before.then(task);
    const turn = running.then(
      () => {},
      () => {},
    );
    this.#turns.set(name, turn);
    return running;
  }

  async #submitNext(
    { owner, signer }: MeshAccount,
    machine: string,
    operations: readonly Uint8Array[],
    { signal, key }: TransactOptions,
  ): Promise<DecodedTransaction> {
    const name = nameOf(owner);
    for (let attempt = 1; ; attempt++) {
      await this.#submitOpen(name, signal);
      const sequence = this.#sequences.get(name) ?? (await this.#nextSequence(owner, signal));
      const body = { meshId: this.#meshId, owner, sequence, machine, operations, key: key ?? null };
      const transaction = await signTransaction(body, signer);
      try {
        await this.#submit(transaction, signal);
        this.#sequences.set(name, sequence + 1);
        return transaction;
      } catch (error) {
        this.#sequences.delete(name);
        // Nobody has taken it, so that it may be signed again under another sequence.
        if (!hasCode(error, 'hypermesh.transaction_sequence') || attempt === SEQUENCE_ATTEMPTS_MAX) throw error;
        await this.#validators.pause(signal);
      }
    }
  }

  /**
   * Whoever took them may have lost them, and what follows on a sequence that nobody executes waits for ever: they are handed in
   * again first, as often as it takes.
   */
  async #submitOpen(name: string, signal: AbortSignal): Promise<void> {
    try {
      await this.submitAll(this.#open.get(name) ?? [], { signal });
    } catch (error) {
      if (!hasCode(error, 'hypermesh.transaction_sequence')) throw error;
      // Another transaction of the account was there before.
      this.#open.delete(name);
      this.#sequences.delete(name);
    }
  }

  #leaveOpen(name: string, transaction: DecodedTransaction): void {
    const open = [...(this.#open.get(name) ?? []), transaction].sort((one, other) => one.body.sequence - other.body.sequence);
    if (open.length <= OPEN_TRANSACTIONS_MAX) return void this.#open.set(name, open);
    this.#open.delete(name);
    this.#sequences.delete(name);
  }

  /** Sequences are executed in order, without gaps. */
  #closeUpTo({ owner, sequence }: DecodedTransaction['body']): void {
    const name = nameOf(owner);
    const left = (this.#open.get(name) ?? []).filter(({ body }) => body.sequence > sequence);
    if (left.length === 0) this.#open.delete(name);
    else this.#open.set(name, left);
  }

  /**
   * A validator may lag or lie: of a quorum's answers, the highest that more validators than may be faulty have reached. A
   * sequence that is too low is refused, one that is too high waits for ever.
   */
  async #nextSequence(owner: Uint8Array, signal: AbortSignal): Promise<number> {
    const { quorum, faultyMax } = this.#set;
    const ask = (client: Client<MeshMethods>): Promise<AccountAnswer> => client.account({ owner }, { signal });
    const answers = await this.#validators.several(ask, quorum);
    const sequences = answers.map(({ next }) => next).sort((a, b) => b - a);
    return sequences[faultyMax] ?? sequences.at(-1) ?? (await this.#validators.until(ask, signal)).next;
  }

  async #submit({ encoded }: Pick<DecodedTransaction, 'encoded'>, signal: AbortSignal): Promise<void> {
    await this.#validators.until((client) => client.submit({ transaction: encoded }, { signal }), signal);
  }

  async #settled({ id, encoded }: Pick<DecodedTransaction, 'id' | 'encoded'>, signal: AbortSignal): Promise<Receipt> {
    for (;;) {
      try {
        const receipt = await this.#validators.until((client) => this.#receipt(client, id, signal), signal, isReceiptElsewhere);
        this.#seenHeight = Math.max(this.#seenHeight, receipt.height);
        return receipt;
      } catch (error) {
        if (signal.aborted || !hasCode(error, 'hypermesh.not_committed')) throw error;
      }
      // Its batch may have died with the validator that took it.
      this.#validators.next();
      await this.#submit({ encoded }, signal);
    }
  }

  /** Whatever fails once the signal has aborted failed because of it. */
  async #explained<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (error) {
      throw signal.aborted ? await this.#reason(error) : error;
    }
  }

  async #receipt(client: Client<MeshMethods>, id: Uint8Array, signal: AbortSignal): Promise<Receipt> {
    return verifiedReceipt(id, await client.receipt({ id, waitMs: RECEIPT_WAIT_MS }, { signal }), this.#verifier);
  }

  /** Why nothing came, in the words of a validator. */
  async #reason(cause: unknown): Promise<CodedError> {
    const status = await this.#validators.once((client) => client.status({}, { deadlineMs: REASON_MS })).catch(() => undefined);
    if (status === undefined || status.stalled === '') return hypermeshError('hypermesh.not_committed', {}, { cause });
    return hypermeshError('hypermesh.quorum_lost', { reason: status.stalled }, { cause });
  }
}

/** Throws for a transaction that the machine has undone, under the code of the machine. */
function applied(receipt: Receipt): Receipt {
  const { code, height } = receipt;
  if (code !== '') throw new CodedError(code, { message: 'The mesh refused the transaction', retryable: false }, { height });
  return receipt;
}

function isReceiptElsewhere(error: unknown): boolean {
  if (hasCode(error, 'hypermesh.not_committed')) return false;
  // A validator that shows a bad receipt is faulty: another one is asked.
  return mayRetry(error) || hasCode(error, 'hypermesh.receipt_invalid') || hasCode(error, 'hypermesh.certificate_invalid');
}

function nameOf(owner: Uint8Array): string {
  return Buffer.from(owner).toString('latin1');
}
