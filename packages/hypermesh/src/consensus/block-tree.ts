import { strict as assert } from 'node:assert';
import { type Block, type ChainBlock, chainBlockOf } from './block.ts';
import { byteKey } from './byte-key.ts';
import type { QuorumCertificate } from './certificate.ts';
import { UNCOMMITTED_BLOCKS_MAX } from './constants.ts';

/** The newest committed block and every known block that extends it. */
export class BlockTree {
  #root: ChainBlock;
  // Parents come before their children: a child is added after its parent, and pruning keeps the order.
  readonly #nodes = new Map<string, Node>();

  constructor(root: ChainBlock) {
    this.#root = root;
    this.#nodes.set(byteKey(root.id), { chain: root, isCertified: true });
  }

  get root(): ChainBlock {
    return this.#root;
  }

  get(id: Uint8Array): ChainBlock | undefined {
    return this.#nodes.get(byteKey(id))?.chain;
  }

  parentOf(chain: ChainBlock): ChainBlock | undefined {
    return this.get(chain.block.parent.blockId);
  }

  /** Null when the parent is not known, or was passed by a commit. */
  add(block: Block, id: Uint8Array): ChainBlock | null {
    const parent = this.get(block.parent.blockId);
    if (parent === undefined) return null;
    const chain = chainBlockOf(block, id, parent);
    this.#nodes.set(byteKey(id), { chain, isCertified: false });
    return chain;
  }

  /** Whether the block is known and was not certified before. */
  certify(qc: QuorumCertificate): boolean {
    const node = this.#nodes.get(byteKey(qc.blockId));
    if (node === undefined || node.isCertified) return false;
    node.isCertified = true;
    return true;
  }

  /** From above `afterHeight`, but not below the root, up to the block, ascending. */
  pathTo(chain: ChainBlock, afterHeight: number): ChainBlock[] {
    const path: ChainBlock[] = [];
    let at: ChainBlock | undefined = chain;
    while (at !== undefined && at.height > Math.max(afterHeight, this.#root.height)) {
      path.push(at);
      at = this.parentOf(at);
    }
    return path.toReversed();
  }

  /** Makes a block above the root the new root, drops what does not extend it, and returns what is committed, ascending. */
  commitTo(chain: ChainBlock): ChainBlock[] {
    const committed = this.pathTo(chain, this.#root.height);
    assert(committed.length > 0, 'a commit goes up');
    this.#root = chain;
    const rootKey = byteKey(chain.id);
    for (const [key, node] of this.#nodes) {
      if (key === rootKey) continue;
      const extendsRoot = node.chain.height > chain.height && this.#nodes.has(byteKey(node.chain.block.parent.blockId));
      if (!extendsRoot) this.#nodes.delete(key);
    }
    return committed;
  }

  /** Keeps memory bounded while nothing commits: blocks without a certificate go first-come, first-dropped. */
  trim(): void {
    let excess = this.#nodes.size - UNCOMMITTED_BLOCKS_MAX;
    for (const [key, { isCertified, chain }] of this.#nodes) {
      if (excess <= 0) return;
      if (isCertified || this.#hasChild(chain)) continue;
      this.#nodes.delete(key);
      excess--;
    }
  }

  #hasChild({ id }: ChainBlock): boolean {
    const key = byteKey(id);
    for (const { chain } of this.#nodes.values()) if (byteKey(chain.block.parent.blockId) === key) return true;
    return false;
  }
}

interface Node {
  readonly chain: ChainBlock;
  isCertified: boolean;
}
