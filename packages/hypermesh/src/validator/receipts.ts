import { encode } from '@hypermesh/stoq';
import type { ReceiptAnswer } from '../api.ts';
import type { QuorumCertificate } from '../consensus/certificate.ts';
import type { Block } from '../consensus/block.ts';
import { hypermeshError } from '../errors.ts';
import type { ExecutedBlock, Executor } from '../executor/executor.ts';
import { type Receipt, receiptCodec, receiptProofCodec } from '../transaction/receipt.ts';
import { type BlockStore, type CertifiedBlock, certifiedBlockCodec } from './block-store.ts';
import { Condition } from './condition.ts';

/** Receipts with their way to the newest root that a quorum vouches for. */
export class Receipts {
  readonly #executor: Executor;
  readonly #store: BlockStore;
  readonly #changed = new Condition();
  /** By transaction: who waits for its execution. */
  readonly #waiting = new Map<string, Set<() => void>>();
  #certified: CertifiedBlock | undefined;

  private constructor(executor: Executor, store: BlockStore, certified: CertifiedBlock | undefined) {
    this.#executor = executor;
    this.#store = store;
    this.#certified = certified;
  }

  static async open(executor: Executor, store: BlockStore): Promise<Receipts> {
    return new Receipts(executor, store, await store.certified());
  }

  /** Newest height whose root a quorum vouches for. */
  get certifiedHeight(): number {
    return this.#certified?.block.executedHeight ?? 0;
  }

  async certify(block: Block, qc: QuorumCertificate): Promise<void> {
    if (block.executedHeight <= this.certifiedHeight) return;
    this.#certified = { block, qc };
    this.#changed.notify();
    await this.#store.putCertified(this.#certified);
  }

  executed({ receipts }: ExecutedBlock): void {
    for (const { transactionId } of receipts) for (const found of this.#waiting.get(keyOf(transactionId)) ?? []) found();
    this.#changed.notify();
  }

  /** Waits until the transaction is executed and certified. Throws `hypermesh.not_committed` when the signal aborts first. */
  async wait(transactionId: Uint8Array, signal: AbortSignal): Promise<ReceiptAnswer> {
    try {
      await this.#execution(transactionId, signal);
      const receipt = (await this.#executor.receipt(transactionId)) as Receipt;
      const certified = await this.#changed.until(() => this.#certifiedFrom(receipt.height), signal);
      const proof = await this.#executor.proveReceipt(transactionId, certified.block.executedHeight);
      return {
        receipt: encode(receiptCodec, receipt),
        proof: encode(receiptProofCodec, proof),
        certified: encode(certifiedBlockCodec, certified),
      };
    } catch (error) {
      if (signal.aborted) throw hypermeshError('hypermesh.not_committed', {}, { cause: error });
      throw error;
    }
  }

  /** A certificate may be ahead of the execution here. */
  #certifiedFrom(height: number): CertifiedBlock | undefined {
    return this.certifiedHeight >= height && this.certifiedHeight <= this.#executor.height ? this.#certified : undefined;
  }

  /** Resolves once the receipt is stored. */
  async #execution(transactionId: Uint8Array, signal: AbortSignal): Promise<void> {
    const key = keyOf(transactionId);
    let isFound = false;
    const changed = new Condition();
    const found = (): void => {
      isFound = true;
      changed.notify();
    };
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting.add(found));
    try {
      if ((await this.#executor.receipt(transactionId)) !== undefined) return;
      await changed.until(() => (isFound ? true : undefined), signal);
    } finally {
      waiting.delete(found);
      if (waiting.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key);
    }
  }
}

function keyOf(transactionId: Uint8Array): string {
  return Buffer.from(transactionId).toString('latin1');
}
