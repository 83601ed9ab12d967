import { type Block, type ChainBlock, finalHeightAbove } from './block.ts';
import { BlockTree } from './block-tree.ts';
import { byteKey } from './byte-key.ts';
import type { QuorumCertificate } from './certificate.ts';
import type { RestoredConsensus } from './consensus.ts';
import { BATCHES_PER_BLOCK_MAX, ORPHAN_BLOCKS_MAX } from './constants.ts';
import type { ConsensusEffect } from './events.ts';
import { ExecutedRoots } from './executed-roots.ts';
import { PendingDigests } from './pending-digests.ts';

/** What the next block extends and carries. */
export interface NextBlock {
  readonly parent: ChainBlock;
  readonly batches: readonly Uint8Array[];
  readonly executedHeight: number;
  readonly rootOfRoots: Uint8Array;
}

/** Blocks, what is certified and committed of them, and what is left to do. All certificates that enter were verified. */
export class Chain {
  readonly pending: PendingDigests = new PendingDigests();
  readonly roots: ExecutedRoots;
  readonly #tree: BlockTree;
  readonly #emit: (effect: ConsensusEffect) => void;
  /** Blocks that wait for their parent, oldest first. */
  readonly #orphans = new Map<string, Orphan>();
  #highQc: QuorumCertificate;

  constructor(restored: RestoredConsensus, genesis: ChainBlock, emit: (effect: ConsensusEffect) => void) {
    this.#tree = new BlockTree(restored.committed);
    this.#highQc = restored.committedQc;
    this.roots = new ExecutedRoots(genesis.height, genesis.block.rootOfRoots);
    this.#emit = emit;
  }

  get committed(): ChainBlock {
    return this.#tree.root;
  }

  get highQc(): QuorumCertificate {
    return this.#highQc;
  }

  get(id: Uint8Array): ChainBlock | undefined {
    return this.#tree.get(id);
  }

  parentOf(chain: ChainBlock): ChainBlock | undefined {
    return this.#tree.parentOf(chain);
  }

  chainTo(id: Uint8Array, afterHeight: number): readonly ChainBlock[] | null {
    const chain = this.#tree.get(id);
    return chain === undefined ? null : this.#tree.pathTo(chain, afterHeight);
  }

  /** Adds the block, or keeps it until its parent is here. A block that a commit has passed is dropped. */
  insert(block: Block, id: Uint8Array): void {
    if (this.#tree.get(id) !== undefined) return;
    const chain = this.#tree.add(block, id);
    if (chain === null) {
      if (block.parent.round > this.committed.block.round) this.#keepOrphan({ block, id });
      return;
    }
    this.#tree.trim();
    this.certify(block.parent);
    if (byteKey(this.#highQc.blockId) === byteKey(id)) this.certify(this.#highQc);
    for (const [key, orphan] of this.#orphans) {
      if (byteKey(orphan.block.parent.blockId) !== byteKey(id)) continue;
      this.#orphans.delete(key);
      this.insert(orphan.block, orphan.id);
    }
  }

  certify(qc: QuorumCertificate): void {
    if (qc.round > this.#highQc.round) this.#highQc = qc;
    const chain = this.#tree.get(qc.blockId);
    if (chain === undefined || !this.#tree.certify(qc)) return;
    this.#emit({ kind: 'certified', block: chain, qc });
    const rootOfRoots = this.roots.contradiction(chain);
    if (rootOfRoots === null) this.roots.claim(chain);
    else this.#emit({ kind: 'alarm', code: 'hypermesh.state_mismatch', block: chain, rootOfRoots, certified: true });
    this.#commitBelow(chain, qc);
  }

  execute(height: number, rootOfRoots: Uint8Array): void {
    const claim = this.roots.execute(height, rootOfRoots);
    if (claim !== null) this.#emit({ kind: 'alarm', code: 'hypermesh.state_mismatch', block: claim, rootOfRoots, certified: true });
  }

  /** The certificate of a block that is needed and not here. */
  missing(): QuorumCertificate | null {
    if (this.#tree.get(this.#highQc.blockId) === undefined) return this.#highQc;
    for (const { block } of this.#orphans.values()) return block.parent;
    return null;
  }

  /** Whether something is left to order, or a quorum has yet to vouch for the execution of what was ordered. */
  hasWork(): boolean {
    const tip = this.#tree.get(this.#highQc.blockId);
    return tip === undefined || !isCovered(tip) || this.pending.size > 0;
  }

  /** Null while there is nothing to propose, or while the execution that the block would state is under way. */
  next(): NextBlock | null {
    const parent = this.#tree.get(this.#highQc.blockId);
    if (parent === undefined) return null;
    const finalHeight = finalHeightAbove(parent);
    const batches = this.pending.next(BATCHES_PER_BLOCK_MAX, this.#tree.pathTo(parent, this.committed.height));
    const isExecuting = parent.workHeight <= finalHeight && this.roots.height < parent.workHeight;
    if (batches.length === 0 && (isCovered(parent) || isExecuting)) return null;
    const { executedHeight, rootOfRoots } = parent.block;
    return { parent, batches, executedHeight, rootOfRoots, ...this.#raised(executedHeight, finalHeight) };
  }

  /** The newest execution that is known here, final there and above the height. */
  #raised(executedHeight: number, finalHeight: number): Pick<NextBlock, 'executedHeight' | 'rootOfRoots'> | null {
    const height = Math.min(this.roots.height, finalHeight);
    const rootOfRoots = this.roots.get(height);
    return rootOfRoots === undefined || height <= executedHeight ? null : { executedHeight: height, rootOfRoots };
  }

  /** The 2-chain rule: a certified block commits its parent when their rounds are consecutive. */
  #commitBelow(child: ChainBlock, qc: QuorumCertificate): void {
    const parent = this.#tree.parentOf(child);
    if (parent === undefined || parent.height <= this.committed.height || child.block.round !== parent.block.round + 1) return;
    const blocks = this.#tree.commitTo(parent);
    for (const { block } of blocks) this.pending.order(block.batches);
    for (const [key, { block }] of this.#orphans) if (block.parent.round <= parent.block.round) this.#orphans.delete(key);
    this.#emit({ kind: 'commit', blocks, proof: { child: child.block, qc } });
  }

  #keepOrphan(orphan: Orphan): void {
    this.#orphans.set(byteKey(orphan.id), orphan);
    if (this.#orphans.size <= ORPHAN_BLOCKS_MAX) return;
    for (const oldest of this.#orphans.keys()) {
      this.#orphans.delete(oldest);
      return;
    }
  }
}

/** Whether the execution of all batches up to the block is stated by it. */
function isCovered({ block, workHeight }: ChainBlock): boolean {
  return block.executedHeight >= workHeight;
}

interface Orphan {
  readonly block: Block;
  readonly id: Uint8Array;
}
