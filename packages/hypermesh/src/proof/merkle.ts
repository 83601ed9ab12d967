import { strict as assert } from 'node:assert';
import { equalBytes, HASH_BYTES, hashLabelled } from '@hypermesh/stoq';

const LEAF = 'hypermesh/plot-leaf/1';
const NODE = 'hypermesh/plot-node/1';

/** A tree over a power of two of chunks. */
export class MerkleTree {
  /** From the leaves to the root. */
  readonly #levels: readonly (readonly Uint8Array[])[];

  constructor(chunks: readonly Uint8Array[]) {
    assert(chunks.length > 0 && Number.isInteger(Math.log2(chunks.length)), 'a power of two of chunks');
    const levels: Uint8Array[][] = [chunks.map((chunk) => hashLabelled(LEAF, chunk))];
    for (let level = levels[0] as Uint8Array[]; level.length > 1; level = levels.at(-1) as Uint8Array[]) {
      levels.push(level.filter((_, at) => at % 2 === 0).map((left, at) => parent(left, level[2 * at + 1] as Uint8Array)));
    }
    this.#levels = levels;
  }

  get root(): Uint8Array {
    return this.#levels.at(-1)?.[0] as Uint8Array;
  }

  /** Siblings from the leaf to the root. */
  path(index: number): readonly Uint8Array[] {
    return this.#levels.slice(0, -1).map((level, height) => level[(index >> height) ^ 1] as Uint8Array);
  }
}

/** Whether the chunk lies at that place under the root of a tree with `height` levels of siblings. */
export function isInTree(
  root: Uint8Array,
  height: number,
  leaf: { readonly index: number; readonly chunk: Uint8Array; readonly path: readonly Uint8Array[] },
): boolean {
  const { index, chunk, path } = leaf;
  if (path.length !== height || index < 0 || index >= 2 ** height) return false;
  const reached = path.reduce(
    (hash, sibling, level) => ((index >> level) & 1 ? parent(sibling, hash) : parent(hash, sibling)),
    hashLabelled(LEAF, chunk),
  );
  return equalBytes(reached, root);
}

function parent(left: Uint8Array, right: Uint8Array): Uint8Array {
  const both = new Uint8Array(2 * HASH_BYTES);
  both.set(left);
  both.set(right, HASH_BYTES);
  return hashLabelled(NODE, both);
}
