import { equalBytes } from '@hypermesh/stoq';
import type { ChainBlock } from './block.ts';
import { EXECUTED_ROOTS_MAX } from './constants.ts';

/** Roots that this validator computed, and roots that a quorum vouched for before it got there. */
export class ExecutedRoots {
  readonly #roots = new Map<number, Uint8Array>();
  readonly #claims = new Map<number, ChainBlock>();
  #height: number;

  constructor(height: number, rootOfRoots: Uint8Array) {
    this.#height = height;
    this.#roots.set(height, rootOfRoots);
  }

  get height(): number {
    return this.#height;
  }

  get(height: number): Uint8Array | undefined {
    return this.#roots.get(height);
  }

  /** Returns the certified block that states another root for this height. */
  execute(height: number, rootOfRoots: Uint8Array): ChainBlock | null {
    this.#roots.set(height, rootOfRoots);
    this.#height = Math.max(this.#height, height);
    this.#roots.delete(this.#height - EXECUTED_ROOTS_MAX);
    const claim = this.#claims.get(height);
    for (const claimed of this.#claims.keys()) if (claimed <= this.#height) this.#claims.delete(claimed);
    return claim === undefined || equalBytes(claim.block.rootOfRoots, rootOfRoots) ? null : claim;
  }

  /** The root computed here when the block states another one; null when they agree or this height is not known here. */
  contradiction({ block }: ChainBlock): Uint8Array | null {
    const own = this.#roots.get(block.executedHeight);
    return own === undefined || equalBytes(own, block.rootOfRoots) ? null : own;
  }

  /** Executed once, but too long ago, or before the restart, to be compared. */
  isForgotten({ block }: ChainBlock): boolean {
    return block.executedHeight <= this.#height && !this.#roots.has(block.executedHeight);
  }

  /** Remembers what a certified block states about a height that is not executed yet. */
  claim(chain: ChainBlock): void {
    const { executedHeight } = chain.block;
    if (executedHeight <= this.#height || this.#claims.has(executedHeight) || this.#claims.size >= EXECUTED_ROOTS_MAX) return;
    this.#claims.set(executedHeight, chain);
  }
}
