import { equalBytes } from '@hypermesh/stoq';
import type { Block } from './block.ts';
import { byteKey } from './byte-key.ts';
import { highestRoundOf } from './certificate.ts';
import type { Proposal } from './messages.ts';
import type { ValidatorSet } from './validator-set.ts';

export interface BlockContext {
  readonly meshId: Uint8Array;
  readonly epoch: number;
  readonly validators: ValidatorSet;
}

/** What is wrong with the block by itself; null when nothing is. */
export function blockFault(block: Block, { meshId, epoch, validators }: BlockContext): string | null {
  if (!equalBytes(block.meshId, meshId)) return 'mesh';
  if (block.epoch !== epoch) return 'epoch';
  if (block.round <= block.parent.round) return 'round';
  if (block.proposer !== validators.leaderOf(block.round)) return 'leader';
  if (new Set(block.batches.map(byteKey)).size !== block.batches.length) return 'batches';
  return null;
}

/**
 * Jolteon's rule for a safe parent: it was certified in the round before, or a time-out certificate of the round before
 * shows that no quorum could commit anything newer.
 */
export function parentFault({ block, tc }: Pick<Proposal, 'block' | 'tc'>): string | null {
  if (block.parent.round === block.round - 1) return tc === null ? null : 'tc';
  if (tc === null || tc.round !== block.round - 1) return 'tc';
  return block.parent.round >= highestRoundOf(tc) ? null : 'parent';
}
