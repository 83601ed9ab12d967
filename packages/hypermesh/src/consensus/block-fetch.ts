import { type Block, blockIdOf } from './block.ts';
import { byteKey } from './byte-key.ts';
import type { QuorumCertificate } from './certificate.ts';

export interface IdentifiedBlock {
  readonly block: Block;
  readonly id: Uint8Array;
}

/** Which missing block was asked for, and from which height on. */
export class BlockFetch {
  #target: string | null = null;
  #afterHeight = 0;

  /** Height after which to ask for the chain to the missing block; null when that was asked already. */
  request({ blockId }: QuorumCertificate, committedHeight: number): number | null {
    const target = byteKey(blockId);
    if (this.#target === target) return null;
    this.#target = target;
    this.#afterHeight = Math.max(this.#afterHeight, committedHeight);
    return this.#afterHeight;
  }

  /** The chain up to that height is here now: the next request goes on from there. */
  progress(height: number): void {
    this.#afterHeight = height;
    this.#target = null;
  }

  /** No answer came, or a useless one: ask again from the committed block on. */
  restart(): void {
    this.#afterHeight = 0;
    this.#target = null;
  }
}

/** The blocks with their ids when each is the parent of the next one; otherwise null. */
export function linkedChain(blocks: readonly Block[]): readonly IdentifiedBlock[] | null {
  const chain = blocks.map((block) => ({ block, id: blockIdOf(block) }));
  const isLinked = chain.every(({ block }, index) => {
    const before = chain[index - 1];
    return before === undefined || (byteKey(block.parent.blockId) === byteKey(before.id) && block.parent.round === before.block.round);
  });
  return isLinked ? chain : null;
}
