import { equalBytes } from '@hypermesh/stoq';
import type { Block, ChainBlock } from './block.ts';
import { Candidate } from './candidate.ts';
import { BLOCK_TIME_SKEW_MS_MAX } from './constants.ts';
import { type Context, othersOf } from './context.ts';
import { voteMessage } from './statements.ts';

/** Decides whether this validator votes for the proposal of its round. */
export class Voting {
  readonly #context: Context;
  #candidate: Candidate | null = null;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Called when the proposal arrives, so that waiting for batches does not make its time stale. */
  consider(block: Block, id: Uint8Array, now: number): void {
    const { pacemaker, safety } = this.#context;
    if (block.round !== pacemaker.round || !safety.mayVote(block.round)) return;
    if (Math.abs(block.time - now) > BLOCK_TIME_SKEW_MS_MAX) this.#refuse(block.proposer, 'clock');
    else this.#candidate = new Candidate(id, block.proposer);
  }

  stored(digest: Uint8Array): void {
    this.#candidate?.stored(digest);
  }

  /** Forgets the proposal of the round that ended. */
  reset(): void {
    this.#candidate = null;
  }

  retry(): void {
    this.#candidate?.retry();
  }

  /** Votes as soon as the block, its ancestors, its batches and the execution that it states are here, if ever. */
  vote(): void {
    const { chain, pacemaker, safety, emit, config } = this.#context;
    const candidate = this.#candidate;
    if (candidate === null) return;
    if (!safety.mayVote(pacemaker.round)) return this.reset();
    const proposed = chain.get(candidate.id);
    if (proposed === undefined) return;
    const parent = chain.parentOf(proposed);
    if (parent === undefined) return;
    const fault = this.#faultOf(proposed, parent);
    if (fault !== null) return this.#refuse(candidate.proposer, fault);
    // A quorum vouches for a root that is new as well, so it is compared before the vote.
    if (proposed.block.executedHeight > Math.max(parent.block.executedHeight, chain.roots.height)) return;
    const missing = candidate.missing(proposed.block.batches, chain.pending);
    if (missing.length > 0) {
      if (candidate.request()) emit({ kind: 'fetch-batches', digests: missing, from: othersOf(this.#context, [candidate.proposer]) });
      return;
    }
    this.reset();
    const { round } = proposed.block;
    emit({ kind: 'persist', safety: safety.vote(round, chain.highQc, pacemaker.justification(chain.highQc)), block: proposed });
    const vote = { meshId: config.meshId, epoch: config.epoch, round, blockId: proposed.id, voter: config.self };
    emit({ kind: 'sign', request: { kind: 'vote', vote }, message: voteMessage(vote) });
  }

  #faultOf(proposed: ChainBlock, parent: ChainBlock): string | null {
    const { chain, emit } = this.#context;
    if (proposed.block.time <= parent.block.time) return 'time';
    if (executionFault(proposed, parent)) return 'executed-height';
    if (proposed.block.executedHeight === parent.block.executedHeight) return null;
    if (chain.roots.isForgotten(proposed)) return 'root-forgotten';
    const rootOfRoots = chain.roots.contradiction(proposed);
    if (rootOfRoots === null) return null;
    emit({ kind: 'alarm', code: 'hypermesh.state_mismatch', block: proposed, rootOfRoots, certified: false });
    return 'root-of-roots';
  }

  #refuse(from: number, reason: string): void {
    this.reset();
    this.#context.emit({ kind: 'rejected', from, code: 'hypermesh.proposal_invalid', reason });
  }
}

/** A block repeats what its parent states as executed, or states a height above that, which its ancestors prove final. */
function executionFault({ block, finalHeight }: ChainBlock, parent: ChainBlock): boolean {
  const { executedHeight, rootOfRoots } = parent.block;
  if (block.executedHeight === executedHeight) return !equalBytes(block.rootOfRoots, rootOfRoots);
  return block.executedHeight < executedHeight || block.executedHeight > finalHeight;
}
