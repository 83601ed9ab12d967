import { blake3, equalBytes, HASH_BYTES, hashLabelled, labelled } from '@hypermesh/stoq';

/** Reads the hash of a complete subtree: `level` 0 are leaves, `index` counts the subtrees of that level from the left. */
export type NodeReader = (level: number, index: number) => Promise<Uint8Array>;

export interface TreeHead {
  readonly size: number;
  readonly root: Uint8Array;
}

export interface InclusionProof {
  readonly index: number;
  readonly size: number;
  /** Siblings from the leaf upwards. */
  readonly hashes: readonly Uint8Array[];
}

export interface CompleteNode {
  readonly level: number;
  readonly index: number;
  readonly hash: Uint8Array;
}

// A tree of 2^53 leaves, the largest safe integer.
export const INCLUSION_HASHES_MAX: number = 53;

const EMPTY_ROOT: Uint8Array = hashLabelled('hypermesh/receipt-empty/1', new Uint8Array());
const branchScratch: Uint8Array = labelled('hypermesh/receipt-branch/1', new Uint8Array(2 * HASH_BYTES));
const branchAt: number = branchScratch.length - 2 * HASH_BYTES;

/** An append-only Merkle tree in the shape of RFC 6962, section 2.1; only its right edge is held. Values are immutable. */
export class AppendOnlyTree {
  readonly size: number;
  /** Roots of the complete subtrees that the size is made of, the largest first. */
  readonly edge: readonly Uint8Array[];

  constructor(size: number = 0, edge: readonly Uint8Array[] = []) {
    this.size = size;
    this.edge = edge;
  }

  get head(): TreeHead {
    return { size: this.size, root: foldEdge(this.edge) };
  }

  /** The tree with the leaves added, and the subtrees that became complete by them, leaves included. */
  append(leaves: readonly Uint8Array[]): { readonly tree: AppendOnlyTree; readonly completed: readonly CompleteNode[] } {
    const edge = [...this.edge];
    const completed: CompleteNode[] = [];
    let size = this.size;
    for (const leaf of leaves) {
      let index = size;
      let level = 0;
      let hash = leaf;
      completed.push({ level, index, hash });
      for (; index % 2 === 1; level++) {
        hash = branchHash(edge.pop() as Uint8Array, hash);
        index = (index - 1) / 2;
        completed.push({ level: level + 1, index, hash });
      }
      edge.push(hash);
      size++;
    }
    return { tree: new AppendOnlyTree(size, edge), completed };
  }
}

/** The subtrees whose roots form the edge of a tree of that size, the largest first. */
export function edgeOf(size: number): readonly { readonly level: number; readonly index: number }[] {
  const nodes: { level: number; index: number }[] = [];
  let start = 0;
  for (let level = INCLUSION_HASHES_MAX - 1; level >= 0; level--) {
    const width = 2 ** level;
    if (Math.floor(size / width) % 2 === 0) continue;
    nodes.push({ level, index: start / width });
    start += width;
  }
  return nodes;
}

/** RFC 6962, section 2.1.1, from stored complete subtrees. The caller asserts `index < size`. */
export async function proveInclusion(read: NodeReader, index: number, size: number): Promise<InclusionProof> {
  const hashes: Uint8Array[] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + largestPowerBelow(end - start);
    if (index < middle) {
      hashes.push(await rangeHash(read, middle, end));
      end = middle;
    } else {
      hashes.push(await rangeHash(read, start, middle));
      start = middle;
    }
  }
  return { index, size, hashes: hashes.reverse() };
}

export function verifyInclusion(leaf: Uint8Array, proof: InclusionProof, root: Uint8Array): boolean {
  let { index, size } = proof;
  if (index >= size) return false;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of proof.hashes) {
    if (last === 0) return false;
    if (index % 2 === 1 || index === last) {
      hash = branchHash(sibling, hash);
      while (index % 2 === 0 && index !== 0) {
        index /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      hash = branchHash(hash, sibling);
    }
    index = Math.floor(index / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && equalBytes(hash, root);
}

async function rangeHash(read: NodeReader, start: number, end: number): Promise<Uint8Array> {
  const hashes: Uint8Array[] = [];
  for (const { level, index } of edgeOf(end - start)) {
    // `start` is a multiple of the width of every subtree of the range.
    hashes.push(await read(level, start / 2 ** level + index));
  }
  return foldEdge(hashes);
}

function foldEdge(edge: readonly Uint8Array[]): Uint8Array {
  return edge.length === 0 ? EMPTY_ROOT : edge.reduceRight((right, left) => branchHash(left, right));
}

function largestPowerBelow(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

function branchHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  branchScratch.set(left, branchAt);
  branchScratch.set(right, branchAt + HASH_BYTES);
  return blake3(branchScratch);
}
