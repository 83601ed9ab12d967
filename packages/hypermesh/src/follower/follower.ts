import { join } from 'node:path';
import { mkdir } from 'node:fs/promises';
import { type Client, type Clock, CodedError, type Crypto, equalBytes, type Host, type IdentityKind, pause } from '@hypermesh/stoq';
import type { Logger, Startable } from '@hypermesh/stoq/host';
import type { Genesis } from '@hypermesh/trustchain';
import { type MeshMethods, meshContract } from '../api.ts';
import { validatorTargets } from '../client/validator-targets.ts';
import { createValidatorSet } from '../consensus/validator-set.ts';
import { hypermeshError } from '../errors.ts';
import type { AccountRules } from '../executor/accounts.ts';
import type { ExecutedBlock, Executor } from '../executor/executor.ts';
import type { LogReader } from '../executor/log-reader.ts';
import type { Machine, StateReader } from '../machine/machine.ts';
import { StateStore } from '../state/state-store.ts';
import { verifyInTurns } from '../transaction/verification-turns.ts';
import { genesisOf, openExecutor } from '../validator/validator-stores.ts';
import { FollowAssembler, type FollowedBlock } from './follow-assembler.ts';
import { LogVerifier } from './log-verifier.ts';

export interface FollowerComponents {
  readonly host: Pick<Host, 'connect'>;
  readonly crypto: Pick<Crypto, 'verify' | 'verifyHybrid'>;
  readonly clock: Clock;
  /** Those of genesis, in any order: a follower executes every machine, as validators do. */
  readonly machines: readonly Machine[];
  readonly accounts: AccountRules;
  readonly logger: Logger;
  /** It has stopped for good: its state differs from the certified one, or a machine or the disk failed. */
  readonly alarm: (error: CodedError) => void;
}

export interface FollowerConfig {
  /** Owned by this follower. */
  readonly directory: string;
  readonly genesis: Genesis;
  /** The kind of identity to show to validators. */
  readonly as: IdentityKind;
}

export interface FollowerStatus {
  readonly height: number;
  /** Name of the validator that is followed; empty while none answers. */
  readonly following: string;
  /** Code of the error that stopped it; empty while it runs. */
  readonly halted: string;
}

/** Re-executes the log of any validator that answers, verifying every step, and answers from the result. */
export interface Follower extends LogReader, Startable {
  status(): FollowerStatus;
}

export function createFollower(components: FollowerComponents, config: FollowerConfig): Follower {
  return new LogFollower(components, config);
}

// A validator that restarts is followed again within this; one that is away costs an attempt in the longest time.
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;
// A status is a small answer that a validator has at hand.
const STATUS_MS_MAX = 2_000;
// As many as consensus keeps: a proposer lags less.
const KEPT_ROOTS_MAX = 1_024;

interface Running {
  readonly executor: Executor;
  readonly genesisId: Uint8Array;
  readonly loop: Promise<void>;
}

class LogFollower implements Follower {
  readonly #components: FollowerComponents;
  readonly #config: FollowerConfig;
  readonly #verifier: LogVerifier;
  readonly #clients: readonly Client<MeshMethods>[];
  readonly #faultyMax: number;
  readonly #listeners = new Set<(block: ExecutedBlock) => void>();
  readonly #stopping = new AbortController();
  readonly #roots = new Map<number, Uint8Array>();
  #running: Running | undefined;
  #following = '';
  #halted = '';

  constructor(components: FollowerComponents, config: FollowerConfig) {
    this.#components = components;
    this.#config = config;
    this.#verifier = new LogVerifier(config.genesis, components.crypto);
    this.#faultyMax = createValidatorSet(config.genesis.validators).faultyMax;
    this.#clients = validatorTargets(config.genesis, config.as).map((target) => components.host.connect(meshContract, target));
  }

  get height(): number {
    return this.#executor().height;
  }

  get root(): Uint8Array {
    return this.#executor().root;
  }

  get time(): number {
    return this.#executor().time;
  }

  state(machine: string): StateReader {
    return this.#executor().state(machine);
  }

  query(machine: string, method: string, argument: Uint8Array): Uint8Array {
    return this.#executor().query(machine, method, argument);
  }

  sequenceOf(owner: Uint8Array): number {
    return this.#executor().sequenceOf(owner);
  }

  onBlock(listener: (block: ExecutedBlock) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  status(): FollowerStatus {
    return { height: this.height, following: this.#following, halted: this.#halted };
  }

  async start(): Promise<void> {
    const { directory, genesis } = this.#config;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const store = await StateStore.open(join(directory, 'state'));
    try {
      const executor = await openExecutor(store, genesis, this.#components);
      const { id } = await genesisOf(executor, genesis);
      this.#running = { executor, genesisId: id, loop: Promise.resolve().then(() => this.#run(executor, id)) };
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#stopping.abort();
    this.#running = undefined;
    await running?.loop;
    await running?.executor.close();
  }

  #executor(): Executor {
    if (this.#running === undefined) throw hypermeshError('hypermesh.not_running');
    return this.#running.executor;
  }

  /** One validator after the other, for as long as each answers honestly. */
  async #run(executor: Executor, genesisId: Uint8Array): Promise<void> {
    const { genesis } = this.#config;
    const { signal } = this.#stopping;
    let delayMs = RETRY_MS_MIN;
    for (let turn = 0; !signal.aborted; turn = (turn + 1) % this.#clients.length) {
      const before = executor.height;
      const name = genesis.validators[turn]?.name as string;
      try {
        await this.#follow(turn, name, executor, genesisId);
      } catch (error) {
        if (error instanceof Halt) return this.#halt(error.reason);
        if (!signal.aborted)
          this.#components.logger.debug({ code: (error as CodedError).code, validator: name }, 'a validator is not followed');
      }
      this.#following = '';
      delayMs = executor.height > before ? RETRY_MS_MIN : Math.min(RETRY_MS_MAX, delayMs * 2);
      await pause(this.#components.clock, delayMs, signal);
    }
  }

  async #follow(turn: number, name: string, executor: Executor, genesisId: Uint8Array): Promise<void> {
    const { signal } = this.#stopping;
    const client = this.#clients[turn] as Client<MeshMethods>;
    const assembler = new FollowAssembler(this.#verifier, executor.height === 0 ? genesisId : executor.blockId);
    for await (const item of client.follow({ afterHeight: executor.height }, { signal })) {
      this.#following = name;
      for (const block of assembler.take(item)) await this.#execute(executor, block);
      if (item.kind === 'idle') await this.#assertNewest(turn, executor.height);
      signal.throwIfAborted();
    }
  }

  /**
   * A validator with nothing new may be cut off, behind, or hold blocks back. Of one more others than may be faulty, one that is
   * further is reason enough to look elsewhere. Throws `hypermesh.block_unknown`.
   */
  async #assertNewest(turn: number, height: number): Promise<void> {
    const others = [...this.#clients.slice(turn + 1), ...this.#clients.slice(0, turn)].slice(0, this.#faultyMax + 1);
    const options = { signal: this.#stopping.signal, deadlineMs: STATUS_MS_MAX };
    const answers = await Promise.allSettled(others.map((client) => client.status({}, options)));
    const certified = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.certifiedHeight : 0));
    if (Math.max(0, ...certified) > height) throw hypermeshError('hypermesh.block_unknown', { height: height + 1 });
  }

  async #execute(executor: Executor, { id, block, batches }: FollowedBlock): Promise<void> {
    try {
      await this.#compare(executor, block.executedHeight, block.rootOfRoots);
      for (const batch of batches) await verifyInTurns(batch, (transaction) => executor.assertAdmissible(transaction));
      const result = await executor.execute({ height: executor.height + 1, id, time: block.time, batches });
      this.#roots.set(result.height, result.root);
      this.#roots.delete(result.height - KEPT_ROOTS_MAX);
      for (const listener of this.#listeners) listener(result);
    } catch (error) {
      throw new Halt(error);
    }
  }

  /** The block is final, so a quorum has executed that height with that root. */
  async #compare(executor: Executor, height: number, certified: Uint8Array): Promise<void> {
    const own = this.#roots.get(height) ?? (await executor.rootAt(height));
    if (!equalBytes(own, certified)) throw hypermeshError('hypermesh.state_mismatch', { height });
  }

  #halt(error: unknown): void {
    const { logger, alarm } = this.#components;
    const coded = error instanceof CodedError ? error : hypermeshError('hypermesh.follower_halted', {}, { cause: error });
    this.#halted = coded.code;
    logger.fatal({ err: coded, code: coded.code }, 'the follower has stopped');
    alarm(coded);
  }
}

/** What went wrong here, rather than with the validator that is followed. */
class Halt {
  readonly reason: unknown;

  constructor(reason: unknown) {
    this.reason = reason;
  }
}
