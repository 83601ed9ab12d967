import { strict as assert } from 'node:assert';
import { nodeHash } from './merkle.ts';

/** Entries `begin` to `end - 1` of a log. */
export interface Range {
  readonly begin: number;
  readonly end: number;
}

/** A complete subtree: entries `index * 2^level` to `(index + 1) * 2^level - 1`. */
export interface TreeNode {
  readonly level: number;
  readonly index: number;
}

/** The ranges whose tree hashes make up the audit path of an entry, leaf side first (RFC 6962, 2.1.1). */
export function inclusionRanges(index: number, size: number): readonly Range[] {
  assert(index >= 0 && index < size, 'the entry is in the tree');
  const path: Range[] = [];
  let begin = 0;
  let end = size;
  while (end - begin > 1) {
    const middle = begin + splitOf(end - begin);
    if (index < middle) {
      path.push({ begin: middle, end });
      end = middle;
    } else {
      path.push({ begin, end: middle });
      begin = middle;
    }
  }
  return path.reverse();
}

/** The ranges of the consistency proof between two sizes (RFC 6962, 2.1.2); none from size 0 or between equal sizes. */
export function consistencyRanges(oldSize: number, newSize: number): readonly Range[] {
  assert(oldSize >= 0 && oldSize <= newSize, 'the old tree is not larger');
  if (oldSize === 0 || oldSize === newSize) return [];
  const path: Range[] = [];
  let begin = 0;
  let end = newSize;
  // Whether the old tree is a subtree that the verifier knows already.
  let known = true;
  while (oldSize !== end) {
    const middle = begin + splitOf(end - begin);
    if (oldSize <= middle) {
      path.push({ begin: middle, end });
      end = middle;
    } else {
      path.push({ begin, end: middle });
      begin = middle;
      known = false;
    }
  }
  if (!known) path.push({ begin, end });
  return path.reverse();
}

/** The complete subtrees that make up a range of a proof, left to right. */
export function nodesOf({ begin, end }: Range): readonly TreeNode[] {
  const nodes: TreeNode[] = [];
  for (let at = begin; at < end;) {
    let level = 0;
    let width = 1;
    while (width * 2 <= end - at) {
      width *= 2;
      level++;
    }
    assert(at % width === 0, 'a range of a proof starts at a multiple of its largest subtree');
    nodes.push({ level, index: at / width });
    at += width;
  }
  return nodes;
}

/** The tree hash of adjacent subtrees of falling size. */
export function joinHashes(hashes: readonly Uint8Array[]): Uint8Array {
  assert(hashes.length > 0, 'a range is not empty');
  return hashes.reduceRight((right, left) => nodeHash(left, right));
}

/** The largest power of two below `count`, at least 1 (RFC 6962, 2.1). */
function splitOf(count: number): number {
  let split = 1;
  while (split * 2 < count) split *= 2;
  return split;
}
