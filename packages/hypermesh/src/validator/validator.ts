import { type Clock, CodedError, type Crypto, type Entropy, equalBytes, type Host, type PeerTarget, type Signer } from '@hypermesh/stoq';
import type { Logger, Metrics, Startable } from '@hypermesh/stoq/host';
import { type Genesis, meshIdOf, type ValidatorEntry } from '@hypermesh/trustchain';
import { type MeshStatus, meshContract, type ReceiptAnswer } from '../api.ts';
import { ROUND_TIMEOUT_MS_BASE, ROUND_TIMEOUT_MS_MAX } from '../consensus/constants.ts';
import { createConsensus } from '../consensus/core.ts';
import { createValidatorSet, type ValidatorSet } from '../consensus/validator-set.ts';
import { hypermeshError } from '../errors.ts';
import type { AccountRules } from '../executor/accounts.ts';
import type { ExecutedBlock } from '../executor/executor.ts';
import type { LogReader } from '../executor/log-reader.ts';
import type { Machine, StateReader } from '../machine/machine.ts';
import { consensusContract } from './consensus-contract.ts';
import { meshHandlers } from './mesh-service.ts';
import { Receipts } from './receipts.ts';
import { ValidatorLog } from './validator-log.ts';
import { createValidatorMetrics, type ValidatorMetrics } from './validator-metrics.ts';
import { statusOf } from './validator-status.ts';
import { openValidatorStores, type ValidatorStores } from './validator-stores.ts';

export interface ValidatorComponents {
  /** Serves `consensus/1` and `mesh/1`; started by the caller, after the validator. */
  readonly host: Pick<Host, 'serve' | 'connect'>;
  readonly crypto: Pick<Crypto, 'verify' | 'verifyHybrid'>;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Those of genesis, in any order. */
  readonly machines: readonly Machine[];
  readonly accounts: AccountRules;
  /** The only signer of this vote key anywhere. */
  readonly voteSigner: Signer;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  /** The validator has stopped for good: a machine or disk failed, or its state differs from the certified one. */
  readonly alarm: (error: CodedError) => void;
}

export interface ValidatorConfig {
  /** Owned by this validator. */
  readonly directory: string;
  readonly genesis: Genesis;
  readonly nodeId: Uint8Array;
  readonly roundTimeoutMsBase?: number;
  readonly roundTimeoutMsMax?: number;
}

/** One validator of the mesh: orders, executes, and answers from the result. */
export interface Validator extends LogReader, Startable {
  status(): MeshStatus;
  /** Takes an encoded transaction and answers its id, as `mesh/1.submit` does. */
  submit(transaction: Uint8Array): Promise<Uint8Array>;
  /** Waits for the certified receipt. Throws `hypermesh.not_committed` when the signal aborts first. */
  receipt(transactionId: Uint8Array, options: { readonly signal: AbortSignal }): Promise<ReceiptAnswer>;
}

/** Throws `hypermesh.not_validator` when genesis lists no validator of that id with that vote key. */
export function createValidator(components: ValidatorComponents, config: ValidatorConfig): Validator {
  return new MeshValidator(components, config);
}

interface Running {
  readonly stores: ValidatorStores;
  readonly log: ValidatorLog;
}

class MeshValidator implements Validator {
  readonly #components: ValidatorComponents;
  readonly #config: ValidatorConfig;
  readonly #set: ValidatorSet;
  readonly #self: number;
  readonly #metrics: ValidatorMetrics | undefined;
  readonly #listeners = new Set<(block: ExecutedBlock) => void>();
  #running: Running | undefined;
  #halted = '';

  constructor(components: ValidatorComponents, config: ValidatorConfig) {
    const { validators } = config.genesis;
    this.#components = components;
    this.#config = config;
    this.#set = createValidatorSet(validators);
    this.#self = validators.findIndex(({ nodeId }) => equalBytes(nodeId, config.nodeId));
    const voteKey = validators[this.#self]?.voteKey;
    if (voteKey === undefined || !equalBytes(voteKey.bytes, components.voteSigner.publicKey.bytes))
      throw hypermeshError('hypermesh.not_validator');
    this.#metrics = components.metrics && createValidatorMetrics(components.metrics, this.#observed());
    this.#serve();
  }

  get height(): number {
    return this.#log().executor.height;
  }

  get root(): Uint8Array {
    return this.#log().executor.root;
  }

  get time(): number {
    return this.#log().executor.time;
  }

  state(machine: string): StateReader {
    return this.#log().executor.state(machine);
  }

  query(machine: string, method: string, argument: Uint8Array): Uint8Array {
    return this.#log().executor.query(machine, method, argument);
  }

  sequenceOf(owner: Uint8Array): number {
    return this.#log().executor.sequenceOf(owner);
  }

  onBlock(listener: (block: ExecutedBlock) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  status(): MeshStatus {
    const names = this.#config.genesis.validators.map(({ name }) => name);
    return statusOf({ log: this.#log(), set: this.#set, names, self: this.#self, halted: this.#halted });
  }

  async submit(transaction: Uint8Array): Promise<Uint8Array> {
    return this.#log().submit(transaction);
  }

  async receipt(transactionId: Uint8Array, { signal }: { readonly signal: AbortSignal }): Promise<ReceiptAnswer> {
    return this.#log().receipts.wait(transactionId, signal);
  }

  async start(): Promise<void> {
    const { directory, genesis } = this.#config;
    const stores = await openValidatorStores(directory, genesis, this.#components);
    let log: ValidatorLog | undefined;
    try {
      log = await this.#createLog(stores);
      this.#running = { stores, log };
      await log.start();
    } catch (error) {
      this.#running = undefined;
      await log?.stop();
      await stores.close();
      throw error;
    }
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    await running.log.stop();
    await running.stores.close();
  }

  async #createLog(stores: ValidatorStores): Promise<ValidatorLog> {
    const { clock, logger, voteSigner, crypto, host } = this.#components;
    const { genesis, roundTimeoutMsBase = ROUND_TIMEOUT_MS_BASE, roundTimeoutMsMax = ROUND_TIMEOUT_MS_MAX } = this.#config;
    const consensus = createConsensus(
      {
        meshId: meshIdOf(genesis),
        epoch: 0,
        validators: this.#set,
        self: this.#self,
        genesis: stores.genesis,
        roundTimeoutMsBase,
        roundTimeoutMsMax,
      },
      crypto,
      stores.restored,
    );
    return new ValidatorLog({
      clock,
      logger,
      voteSigner,
      stores,
      consensus,
      receipts: await Receipts.open(stores.executor, stores.blocks),
      metrics: this.#metrics,
      validators: genesis.validators,
      self: this.#self,
      clientOf: (validator) => host.connect(consensusContract, targetOf(validator)),
      executed: (block) => {
        for (const listener of this.#listeners) listener(block);
      },
      halted: (error) => this.#halt(error),
    });
  }

  #halt(error: unknown): void {
    const { logger, alarm } = this.#components;
    const coded = error instanceof CodedError ? error : hypermeshError('hypermesh.validator_halted', {}, { cause: error });
    this.#halted = coded.code;
    logger.fatal({ err: coded, code: coded.code }, 'the validator has stopped');
    alarm(coded);
  }

  #log(): ValidatorLog {
    if (this.#running === undefined) throw hypermeshError('hypermesh.not_running');
    return this.#running.log;
  }

  #serve(): void {
    const { host, clock } = this.#components;
    const { validators } = this.#config.genesis;
    const log = (): ValidatorLog => this.#log();
    const service = (): ValidatorLog['service'] => this.#log().service;
    host.serve(consensusContract, {
      hello: async (request, context) => service().handlers.hello(request, context),
      message: async (request, context) => service().handlers.message(request, context),
      storeBatch: async (request, context) => service().handlers.storeBatch(request, context),
      batch: async (request, context) => service().handlers.batch(request, context),
      blocks: async (request, context) => service().handlers.blocks(request, context),
    });
    host.serve(meshContract, meshHandlers({ log, status: () => this.status(), halted: () => this.#halted !== '', clock, validators }));
  }

  #observed(): Parameters<typeof createValidatorMetrics>[1] {
    const read = (of: (log: ValidatorLog) => number) => (): number => (this.#running === undefined ? 0 : of(this.#running.log));
    return {
      committedHeight: read(({ shell }) => shell.status().committedHeight),
      executedHeight: read(({ executor }) => executor.height),
      certifiedHeight: read(({ receipts }) => receipts.certifiedHeight),
      round: read(({ shell }) => shell.status().round),
      mempoolTransactions: read(({ mempool }) => mempool.size),
      waitingSubmissions: read(({ submissions }) => submissions.size),
    };
  }
}

function targetOf({ addresses, nodeId }: ValidatorEntry): PeerTarget {
  return { addresses, id: nodeId, expect: 'set-entry', as: 'set-entry' };
}
