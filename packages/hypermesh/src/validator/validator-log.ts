import { CodedError } from '@hypermesh/stoq';
import type { ValidatorEntry } from '@hypermesh/trustchain';
import type { ChainBlock } from '../consensus/block.ts';
import type { Consensus } from '../consensus/consensus.ts';
import { hypermeshError } from '../errors.ts';
import type { ExecutedBlock, Executor } from '../executor/executor.ts';
import { Mempool } from '../transaction/mempool.ts';
import { type DecodedTransaction, decodeTransaction } from '../transaction/transaction.ts';
import { BatchMaker } from './batch-maker.ts';
import { BatchVault } from './batch-vault.ts';
import type { BlockStore, FinalBlocks } from './block-store.ts';
import { Condition } from './condition.ts';
import { ConsensusService } from './consensus-service.ts';
import { ConsensusShell, type OutwardEffect } from './consensus-shell.ts';
import { ExecutionPipeline } from './execution-pipeline.ts';
import { PeerFetch } from './peer-fetch.ts';
import { PeerLink } from './peer-link.ts';
import type { Receipts } from './receipts.ts';
import { SubmissionQueue } from './submission-queue.ts';
import type { ValidatorComponents } from './validator.ts';
import type { ValidatorMetrics } from './validator-metrics.ts';
import type { ValidatorStores } from './validator-stores.ts';

export interface ValidatorLogComponents extends Pick<ValidatorComponents, 'clock' | 'logger' | 'voteSigner'> {
  readonly stores: ValidatorStores;
  readonly consensus: Consensus;
  readonly receipts: Receipts;
  readonly metrics: ValidatorMetrics | undefined;
  readonly validators: readonly ValidatorEntry[];
  readonly self: number;
  readonly clientOf: (validator: ValidatorEntry) => ConstructorParameters<typeof PeerLink>[2]['client'];
  readonly executed: (block: ExecutedBlock) => void;
  /** It has stopped for good. */
  readonly halted: (error: unknown) => void;
}

// As many as blocks lag behind execution in a mesh that catches up; reading them takes milliseconds.
const RECENT_ROOTS_MAX = 256;

/** One validator at work: consensus, batches, execution and receipts, from start to stop. */
export class ValidatorLog {
  readonly shell: ConsensusShell;
  readonly service: ConsensusService;
  readonly receipts: Receipts;
  readonly executor: Executor;
  readonly blocks: BlockStore;
  readonly mempool: Mempool = new Mempool();
  /** Of calls of many; `submit` as each of them. */
  readonly submissions: SubmissionQueue;
  readonly vault: BatchVault;
  readonly links: readonly PeerLink[];
  /** Something was executed or certified, or the validator stops. */
  readonly progressed: Condition = new Condition();
  readonly #components: ValidatorLogComponents;
  readonly #maker: BatchMaker;
  readonly #fetch: PeerFetch;
  readonly #pipeline: ExecutionPipeline;
  #isStopped = false;

  constructor(components: ValidatorLogComponents) {
    const { stores, consensus, validators, self, clock, voteSigner, receipts } = components;
    const { executor, blocks, safety } = stores;
    const failed = (error: unknown): void => this.#halt(error);
    this.#components = components;
    this.executor = executor;
    this.blocks = blocks;
    this.receipts = receipts;
    this.submissions = new SubmissionQueue({
      submit: async (encoded) => {
        // Who waited when the validator stopped goes on with another.
        if (this.#isStopped) throw hypermeshError('hypermesh.not_running');
        return this.submit(encoded);
      },
      overflowed: () => components.metrics?.submissionsRefused.add({}),
    });
    this.links = validators.flatMap((validator, index) => (index === self ? [] : [this.#link(validator, index)]));
    this.vault = new BatchVault({ store: blocks, verify: (transaction) => executor.assertAdmissible(transaction) });
    this.#fetch = new PeerFetch({ links: this.links, vault: this.vault, clock });
    this.#maker = new BatchMaker({ mempool: this.mempool, vault: this.vault, clock, failed, made: (batch) => this.#made(batch) });
    this.#pipeline = new ExecutionPipeline({
      blocks,
      executor,
      failed,
      load: (digest, signal) => this.#fetch.load(digest, signal),
      stored: (final) => this.#stored(final),
      executed: (block, result) => this.#executed(block, result),
    });
    this.shell = new ConsensusShell({
      consensus,
      clock,
      voteSigner,
      safety,
      links: this.links,
      failed,
      perform: (effect) => this.#perform(effect),
    });
    const { vault, links, shell } = this;
    const dispatch = shell.dispatch.bind(shell);
    const stored = (digest: Uint8Array): Promise<void> => this.#announce(digest);
    this.service = new ConsensusService({ validators, self, consensus, blocks, vault, links, dispatch, stored });
  }

  async start(): Promise<void> {
    const { restored } = this.#components.stores;
    const digests = await this.blocks.unordered();
    this.shell.dispatch({ kind: 'started' });
    if (digests.length > 0) this.shell.dispatch({ kind: 'batches-stored', digests });
    await this.#tellRecentRoots();
    this.#pipeline.start(restored.committed.height);
    for (const link of this.links) link.start();
  }

  /** What was executed before the last stop: others may state a height that is older than the newest one here. */
  async #tellRecentRoots(): Promise<void> {
    const { height: newest } = this.executor;
    for (let height = Math.max(1, newest - RECENT_ROOTS_MAX + 1); height <= newest; height++) {
      this.shell.dispatch({ kind: 'executed', height, rootOfRoots: await this.executor.rootAt(height) });
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.shell.stop();
    for (const link of this.links) link.stop();
    await this.#maker.stop();
    await this.#pipeline.stop();
    this.progressed.notify();
  }

  /**
   * Takes a transaction into the mempool and answers its id; one that is known or executed is accepted again, and its signatures,
   * which cost most, are not verified again. Throws what is wrong with it, `hypermesh.transaction_sequence` or `hypermesh.mempool_full`.
   */
  async submit(encoded: Uint8Array): Promise<Uint8Array> {
    const transaction = decodeTransaction(encoded);
    const { executor, mempool } = this;
    const executed = executor.sequenceOf(transaction.body.owner);
    if (transaction.body.sequence <= executed && (await executor.receipt(transaction.id)) !== undefined) return transaction.id;
    if (mempool.has(transaction)) return transaction.id;
    executor.assertAdmissible(transaction);
    if (mempool.add(transaction, executed)) this.#maker.poke();
    return transaction.id;
  }

  /** The batch is durable here. */
  async #announce(digest: Uint8Array): Promise<void> {
    const kind = (await this.blocks.isOrdered(digest)) ? 'batches-ordered' : 'batches-stored';
    this.shell.dispatch({ kind, digests: [digest] });
  }

  #link(validator: ValidatorEntry, index: number): PeerLink {
    const { clientOf, clock } = this.#components;
    const connected = (): void => this.shell.dispatch({ kind: 'connected', peer: index });
    return new PeerLink(index, validator.name, { client: clientOf(validator), clock, connected });
  }

  #made({ digest, encoded }: { readonly digest: Uint8Array; readonly encoded: Uint8Array }): void {
    for (const link of this.links) link.storeBatch(encoded);
    this.shell.dispatch({ kind: 'batches-stored', digests: [digest] });
  }

  #perform(effect: OutwardEffect): void {
    const { logger, metrics, validators } = this.#components;
    switch (effect.kind) {
      case 'commit':
        return this.#pipeline.push(effect);
      case 'certified':
        this.progressed.notify();
        return this.#background(this.receipts.certify(effect.block.block, effect.qc));
      case 'fetch-blocks':
        return this.#background(this.#fetchBlocks(effect));
      case 'fetch-batches':
        return this.#background(this.#fetch.batches(effect.digests, effect.from, (digest) => this.#announce(digest)));
      case 'fetch-announced':
        return this.#background(this.#fetchAnnounced(effect));
      case 'evidence': {
        const { offence, round, validator } = effect.evidence;
        metrics?.evidence.add({});
        return logger.error({ offence, round, validator: validators[validator]?.name }, 'a validator contradicts itself');
      }
      case 'alarm':
        if (effect.certified) return this.#halt(hypermeshError(effect.code, { height: effect.block.block.executedHeight }));
        return logger.warn({ code: effect.code, height: effect.block.block.executedHeight }, 'a proposal states another root');
      case 'rejected':
        metrics?.rejected.add({});
        return logger.debug({ from: effect.from, code: effect.code, reason: effect.reason }, 'a message was dropped');
      case 'stalled':
        return logger.warn({ round: effect.round, silent: effect.silent.map((index) => validators[index]?.name) }, 'no quorum answers');
      case 'resumed':
        return logger.info({ round: effect.round }, 'a quorum answers again');
    }
  }

  async #fetchBlocks({ blockId, afterHeight, from }: Extract<OutwardEffect, { kind: 'fetch-blocks' }>): Promise<void> {
    const answer = await this.#fetch.blocks(blockId, afterHeight, from);
    if (answer !== undefined) this.shell.dispatch({ kind: 'blocks', ...answer });
  }

  async #fetchAnnounced({ digests, from }: Extract<OutwardEffect, { kind: 'fetch-announced' }>): Promise<void> {
    const admitted = digests.filter((digest) => this.service.admits(digest, from));
    await this.#fetch.announced(admitted, from, (digest) => this.#announce(digest));
    for (const digest of admitted) if (!(await this.vault.has(digest))) this.service.forget(digest);
  }

  #stored({ blocks }: FinalBlocks): void {
    this.#components.stores.safety.forget((blocks.at(-1) as ChainBlock).height);
    for (const { block } of blocks) {
      this.service.ordered(block.batches);
      for (const digest of block.batches) this.#maker.ordered(digest);
    }
  }

  #executed({ block }: ChainBlock, result: ExecutedBlock): void {
    const { metrics, executed } = this.#components;
    for (const digest of block.batches) this.vault.release(digest);
    for (const transaction of result.executed) this.#settle(transaction);
    for (const transaction of result.voided) this.#reconsider(transaction);
    if (result.executed.length + result.voided.length > 0) this.#maker.poke();
    for (const { code } of result.receipts) metrics?.transactions.add({ outcome: code === '' ? 'applied' : 'refused' });
    metrics?.transactions.add({ outcome: 'void' }, result.voided.length);
    this.receipts.executed(result);
    this.shell.dispatch({ kind: 'executed', height: result.height, rootOfRoots: result.root });
    executed(result);
    this.progressed.notify();
  }

  #settle({ body }: DecodedTransaction): void {
    this.mempool.settle(body.owner, this.executor.sequenceOf(body.owner));
  }

  /** Ordered before an earlier transaction of its owner: it goes into a later batch, unless it can never be executed. */
  #reconsider(transaction: DecodedTransaction): void {
    this.#settle(transaction);
    try {
      this.executor.assertAdmissible(transaction);
      this.mempool.release(transaction);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.mempool.drop(transaction);
    }
  }

  /** What fails here is this validator's own disk; once it stops, nothing fails any more. */
  #background(task: Promise<void>): void {
    task.catch((error: unknown) => this.#halt(error));
  }

  #halt(error: unknown): void {
    if (this.#isStopped) return;
    void this.stop();
    this.#components.halted(error);
  }
}
