import type { Crypto } from '@hypermesh/stoq';
import type { ChainBlock } from './block.ts';
import type { QuorumCertificate } from './certificate.ts';
import type { ConsensusEffect, ConsensusEvent, ConsensusStatus } from './events.ts';
import type { SafetyState } from './safety-state.ts';
import type { ValidatorSet } from './validator-set.ts';

/**
 * Jolteon (Gelashvili et al., "Jolteon and Ditto", 2021) for one validator: synchronous, with no clock, randomness, disk
 * or socket. The same events at the same times give the same effects.
 */
export interface Consensus {
  /** `now`: this validator's wall clock, milliseconds since the epoch. Never throws for anything that a peer sent. */
  handle(event: ConsensusEvent, now: number): ConsensusEffect[];
  status(): ConsensusStatus;
  /**
   * Blocks from `afterHeight` (exclusive) up to `blockId` in ascending order, as far as they are above the committed height,
   * for the answer to a peer's `fetch-blocks`. Null when the block is not known here.
   */
  chainTo(blockId: Uint8Array, afterHeight: number): readonly ChainBlock[] | null;
}

export interface ConsensusConfig {
  readonly meshId: Uint8Array;
  readonly epoch: number;
  readonly validators: ValidatorSet;
  /** Index of this validator. */
  readonly self: number;
  readonly genesis: ChainBlock;
  readonly roundTimeoutMsBase: number;
  readonly roundTimeoutMsMax: number;
}

export interface ConsensusComponents {
  readonly verify: Crypto['verify'];
}

/** What the shell read from disk. A validator that has just joined starts from `safety: null` and the genesis block. */
export interface RestoredConsensus {
  readonly safety: SafetyState | null;
  /** Newest committed block. */
  readonly committed: ChainBlock;
  /** Certifies `committed`: `proof.child.parent` of its commit, at first the genesis certificate. */
  readonly committedQc: QuorumCertificate;
  /** Blocks that were persisted above it, in any order. */
  readonly uncommitted: readonly ChainBlock[];
}
