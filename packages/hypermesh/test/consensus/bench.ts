import { HASH_BYTES, hashLabelled, type Signature } from '@hypermesh/stoq';
import { createTestSignatures, type TestSignatures } from '@hypermesh/testkit';
import { type Block, blockIdOf, type ChainBlock, chainBlockOf, genesisBlock, genesisCertificate } from '../../src/consensus/block.ts';
import { bitmapOf, type QuorumCertificate, type TimeoutCertificate } from '../../src/consensus/certificate.ts';
import type { Consensus, ConsensusConfig, RestoredConsensus } from '../../src/consensus/consensus.ts';
import { createConsensus } from '../../src/consensus/core.ts';
import type { ConsensusEffect, ConsensusEvent } from '../../src/consensus/events.ts';
import type { ConsensusMessage } from '../../src/consensus/messages.ts';
import { proposalMessage, timeoutMessage, voteMessage } from '../../src/consensus/statements.ts';
import { createValidatorSet, type ValidatorSet } from '../../src/consensus/validator-set.ts';

export type Message<K extends ConsensusMessage['kind']> = Extract<ConsensusMessage, { kind: K }>;

export const MESH_ID: Uint8Array = new Uint8Array(32).fill(7);
export const GENESIS_TIME = 1_700_000_000_000;
export const GENESIS_ROOT: Uint8Array = new Uint8Array(HASH_BYTES).fill(9);

export function digestOf(name: string): Uint8Array {
  return hashLabelled('hypermesh/test-batch/1', Buffer.from(name));
}

export function rootOf(height: number): Uint8Array {
  return height === 0 ? GENESIS_ROOT : hashLabelled('hypermesh/test-root/1', Buffer.from(String(height)));
}

export interface BenchOptions {
  readonly count?: number;
  readonly self?: number;
  readonly restored?: (bench: Bench) => Partial<RestoredConsensus>;
}

/** One core under test, the keys of all validators, and builders of everything that they could send. */
export class Bench {
  readonly validators: ValidatorSet;
  readonly signatures: TestSignatures;
  readonly genesis: ChainBlock;
  readonly genesisQc: QuorumCertificate;
  readonly config: ConsensusConfig;
  now: number = GENESIS_TIME + 10_000;
  core: Consensus;

  constructor({ count = 4, self = 0, restored }: BenchOptions = {}) {
    this.signatures = createTestSignatures(count);
    this.validators = createValidatorSet(this.signatures.keys.map((voteKey) => ({ voteKey })));
    this.genesis = genesisBlock({ meshId: MESH_ID, validatorCount: count, time: GENESIS_TIME, rootOfRoots: GENESIS_ROOT });
    this.genesisQc = genesisCertificate(this.genesis);
    this.config = {
      meshId: MESH_ID,
      epoch: 0,
      validators: this.validators,
      self,
      genesis: this.genesis,
      roundTimeoutMsBase: 100,
      roundTimeoutMsMax: 1_000,
    };
    this.core = this.create(restored?.(this) ?? {});
  }

  create(restored: Partial<RestoredConsensus>): Consensus {
    const fresh = { safety: null, committed: this.genesis, committedQc: this.genesisQc, uncommitted: [] };
    return createConsensus(this.config, { verify: this.signatures.verify }, { ...fresh, ...restored });
  }

  /** Effects of the event without signing. */
  raw(event: ConsensusEvent): ConsensusEffect[] {
    return this.core.handle(event, this.now);
  }

  /** Effects of the event and of all signatures that it asks for. */
  do(event: ConsensusEvent): ConsensusEffect[] {
    const done: ConsensusEffect[] = [];
    const queue = this.raw(event);
    for (let effect = queue.shift(); effect !== undefined; effect = queue.shift()) {
      done.push(effect);
      if (effect.kind !== 'sign') continue;
      queue.push(...this.raw({ kind: 'signed', request: effect.request, signature: this.sign(this.config.self, effect.message) }));
    }
    return done;
  }

  receive(from: number, message: ConsensusMessage): ConsensusEffect[] {
    return this.do({ kind: 'message', from, message });
  }

  store(...names: string[]): ConsensusEffect[] {
    return this.do({ kind: 'batches-stored', digests: names.map(digestOf) });
  }

  sign(signer: number, message: Uint8Array): Signature {
    return this.signatures.sign(signer, message);
  }

  /** A block that an honest leader of the round could propose on the parent. */
  block(round: number, parent: ChainBlock | QuorumCertificate, changes: Partial<Block> = {}): Block {
    const qc = 'signatures' in parent ? parent : this.qc(parent);
    return {
      meshId: MESH_ID,
      epoch: 0,
      round,
      parent: qc,
      time: this.now,
      batches: [],
      reconfiguration: null,
      executedHeight: 0,
      rootOfRoots: GENESIS_ROOT,
      proposer: this.validators.leaderOf(round),
      ...changes,
    };
  }

  child(parent: ChainBlock, changes: Partial<Block> = {}): ChainBlock {
    const block = this.block(parent.block.round + 1, parent, { time: Math.max(this.now, parent.block.time + 1), ...changes });
    return chainBlockOf(block, blockIdOf(block), parent);
  }

  proposal(block: Block, tc: TimeoutCertificate | null = null): Message<'proposal'> {
    const { meshId, epoch, round, proposer } = block;
    const statement = proposalMessage({ meshId, epoch, round, blockId: blockIdOf(block), proposer });
    return { kind: 'proposal', block, signature: this.sign(proposer, statement), tc };
  }

  propose(block: Block, tc: TimeoutCertificate | null = null): ConsensusEffect[] {
    const from = block.proposer === this.config.self ? this.others()[0]! : block.proposer;
    return this.receive(from, this.proposal(block, tc));
  }

  vote(voter: number, round: number, blockId: Uint8Array): Message<'vote'> {
    const vote = { meshId: MESH_ID, epoch: 0, round, blockId, voter };
    return { kind: 'vote', vote, signature: this.sign(voter, voteMessage(vote)) };
  }

  /** Of the first Q validators. */
  qc(chain: ChainBlock, voters: readonly number[] = this.quorum()): QuorumCertificate {
    if (chain.height === 0) return this.genesisQc;
    const { round } = chain.block;
    const signatures = voters.map((voter) => this.vote(voter, round, chain.id).signature);
    return { round, blockId: chain.id, bitmap: bitmapOf(voters, this.validators.size), signatures };
  }

  timeout(voter: number, round: number, highQc: QuorumCertificate, tc: TimeoutCertificate | null = null): Message<'timeout'> {
    const message = timeoutMessage({ meshId: MESH_ID, epoch: 0, round, highQcRound: highQc.round });
    return { kind: 'timeout', round, highQc, tc, voter, signature: this.sign(voter, message) };
  }

  /** All signers report the same highest round, unless they are given one by one. */
  tc(round: number, highQcRounds: number | readonly number[] = 0): TimeoutCertificate {
    const voters = this.quorum();
    const rounds = voters.map((_, index) => (typeof highQcRounds === 'number' ? highQcRounds : highQcRounds[index]!));
    const signatures = voters.map((voter, index) =>
      this.sign(voter, timeoutMessage({ meshId: MESH_ID, epoch: 0, round, highQcRound: rounds[index]! })),
    );
    return { round, bitmap: bitmapOf(voters, this.validators.size), highQcRounds: rounds, signatures };
  }

  quorum(): number[] {
    return Array.from({ length: this.validators.quorum }, (_, index) => index);
  }

  others(): number[] {
    return Array.from({ length: this.validators.size }, (_, index) => index).filter((index) => index !== this.config.self);
  }
}

export function only<K extends ConsensusEffect['kind']>(
  effects: readonly ConsensusEffect[],
  kind: K,
): Extract<ConsensusEffect, { kind: K }>[] {
  return effects.filter((effect): effect is Extract<ConsensusEffect, { kind: K }> => effect.kind === kind);
}

export function sent<K extends ConsensusMessage['kind']>(
  effects: readonly ConsensusEffect[],
  kind: K,
): { to: number | 'all'; message: Extract<ConsensusMessage, { kind: K }> }[] {
  return only(effects, 'send').filter((effect): effect is never => effect.message.kind === kind);
}

export function reasons(effects: readonly ConsensusEffect[]): string[] {
  return only(effects, 'rejected').map(({ code, reason }) => `${code.replace('hypermesh.', '')}: ${reason}`);
}
