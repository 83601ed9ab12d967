import { blake3Text, equalBytes, HASH_BYTES, hashLabelledText, hashOfText, labelled, textOfHash } from '@hypermesh/stoq';
import { comparePaths, pathBit, sharesPrefix } from './tree-path.ts';

/**
 * A sparse Merkle tree over the hashes of the keys, in compact form: a subtree of one leaf is that leaf, so the root depends on
 * the content only. Nodes never change; an update shares what it does not touch, so earlier roots stay readable. Hashes in it are texts as
 * of `blake3Text`, because a state has several for each key.
 */
export type TreeNode = Leaf | Branch;

interface Leaf {
  readonly kind: 'leaf';
  readonly hash: string;
  readonly path: string;
  readonly valueHash: string;
}

interface Branch {
  readonly kind: 'branch';
  readonly hash: string;
  readonly left: TreeNode | null;
  readonly right: TreeNode | null;
}

export interface StateChange {
  /** The key in Latin-1 form: a state has it only once. */
  readonly name: string;
  /** Null deletes. */
  readonly value: Uint8Array | null;
}

/** From the root to the place of a key: the hashes beside the path, and what stands there. */
export interface TreeProof {
  readonly siblings: readonly Uint8Array[];
  /** The leaf at the end of the path: the key's own, or another one, which shows that the key is absent. Null: nothing. */
  readonly leaf: { readonly path: Uint8Array; readonly valueHash: Uint8Array } | null;
}

/** Hash of the empty tree. */
export const EMPTY_HASH: Uint8Array = new Uint8Array(HASH_BYTES);

const EMPTY_TEXT = textOfHash(EMPTY_HASH);
const PATH_BITS = HASH_BYTES * 8;
const LEAF_LABEL = 'hypermesh/state-leaf/1';
const BRANCH_LABEL = 'hypermesh/state-branch/1';

export function rootHash(root: TreeNode | null): Uint8Array {
  return hashOfText(rootText(root));
}

/** The tree after the changes. A key may occur once. */
export function updateTree(root: TreeNode | null, changes: readonly StateChange[]): TreeNode | null {
  if (changes.length === 0) return root;
  const steps = changes.map(({ name, value }) => stepOf(name, value));
  steps.sort((a, b) => comparePaths(a.path, b.path));
  return apply(root, steps, 0, steps.length, 0);
}

export function proveKey(root: TreeNode | null, key: Uint8Array): TreeProof {
  const path = pathOf(key);
  const siblings: Uint8Array[] = [];
  let node = root;
  for (let depth = 0; node?.kind === 'branch'; depth++) {
    const right = pathBit(path, depth) === 1;
    siblings.push(rootHash(right ? node.left : node.right));
    node = right ? node.right : node.left;
  }
  return { siblings, leaf: node === null ? null : { path: hashOfText(node.path), valueHash: hashOfText(node.valueHash) } };
}

/** Whether the tree with that root maps the key to the value, or to nothing when the value is null. */
export function verifyTreeProof(root: Uint8Array, key: Uint8Array, value: Uint8Array | null, proof: TreeProof): boolean {
  const { leaf, siblings } = proof;
  if (siblings.length > PATH_BITS || !siblings.every(isHash)) return false;
  if (leaf !== null && !(isHash(leaf.path) && isHash(leaf.valueHash))) return false;
  const path = pathOf(key);
  const leafPath = leaf === null ? null : textOfHash(leaf.path);
  const own = leafPath === path;
  if (own !== (value !== null)) return false;
  const valueHash = leaf === null ? null : textOfHash(leaf.valueHash);
  if (own && valueHash !== valueHashOf(value as Uint8Array)) return false;
  if (leafPath !== null && !own && !sharesPrefix(leafPath, path, siblings.length)) return false;
  let hash = leafPath === null || valueHash === null ? EMPTY_TEXT : leafHash(leafPath, valueHash);
  for (let depth = siblings.length - 1; depth >= 0; depth--) {
    const sibling = textOfHash(siblings[depth] as Uint8Array);
    hash = pathBit(path, depth) === 1 ? branchHash(sibling, hash) : branchHash(hash, sibling);
  }
  return equalBytes(hashOfText(hash), root);
}

interface Step {
  readonly path: string;
  /** Null deletes. */
  readonly leaf: Leaf | null;
}

function stepOf(name: string, value: Uint8Array | null): Step {
  const path = pathOf(Buffer.from(name, 'latin1'));
  return { path, leaf: value === null ? null : leafOf(path, valueHashOf(value)) };
}

function isHash(bytes: Uint8Array): boolean {
  return bytes.length === HASH_BYTES;
}

/** Applies steps `[low, high)`, all of which lie below `node` at that depth. */
function apply(node: TreeNode | null, steps: readonly Step[], low: number, high: number, depth: number): TreeNode | null {
  if (low === high) return node;
  if (node?.kind === 'branch') {
    const middle = splitAt(steps, low, high, depth);
    return join(apply(node.left, steps, low, middle, depth + 1), apply(node.right, steps, middle, high, depth + 1));
  }
  const leaves: Leaf[] = [];
  let kept = node;
  for (let index = low; index < high; index++) {
    const { path, leaf } = steps[index] as Step;
    const order = kept === null ? -1 : comparePaths(path, kept.path);
    if (kept !== null && order > 0) leaves.push(kept);
    if (order >= 0) kept = null;
    if (leaf !== null) leaves.push(leaf);
  }
  if (kept !== null) leaves.push(kept);
  return build(leaves, 0, leaves.length, depth);
}

function build(leaves: readonly Leaf[], low: number, high: number, depth: number): TreeNode | null {
  if (high - low <= 1) return leaves[low] !== undefined && low < high ? leaves[low] : null;
  const middle = splitAt(leaves, low, high, depth);
  return join(build(leaves, low, middle, depth + 1), build(leaves, middle, high, depth + 1));
}

function join(left: TreeNode | null, right: TreeNode | null): TreeNode | null {
  if (left === null && right?.kind !== 'branch') return right;
  if (right === null && left?.kind !== 'branch') return left;
  return { kind: 'branch', hash: branchHash(rootText(left), rootText(right)), left, right };
}

/** Index of the first element of `[low, high)` whose path turns right at that depth. */
function splitAt(sorted: readonly { readonly path: string }[], low: number, high: number, depth: number): number {
  let from = low;
  let to = high;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (pathBit((sorted[middle] as { path: string }).path, depth) === 0) from = middle + 1;
    else to = middle;
  }
  return from;
}

function leafOf(path: string, valueHash: string): Leaf {
  return { kind: 'leaf', hash: leafHash(path, valueHash), path, valueHash };
}

function pathOf(key: Uint8Array): string {
  return hashLabelledText('hypermesh/state-key/1', key);
}

function valueHashOf(value: Uint8Array): string {
  return hashLabelledText('hypermesh/state-value/1', value);
}

function rootText(root: TreeNode | null): string {
  return root === null ? EMPTY_TEXT : root.hash;
}

const leafHash: PairHash = pairHash(LEAF_LABEL);
const branchHash: PairHash = pairHash(BRANCH_LABEL);

type PairHash = (first: string, second: string) => string;

/** `hashLabelledText` of two hashes, without a new buffer for each. */
function pairHash(label: string): PairHash {
  const scratch = Buffer.from(labelled(label, new Uint8Array(2 * HASH_BYTES)));
  const left = scratch.subarray(-2 * HASH_BYTES, -HASH_BYTES);
  const right = scratch.subarray(-HASH_BYTES);
  return (first, second) => {
    left.write(first, 'base64url');
    right.write(second, 'base64url');
    return blake3Text(scratch);
  };
}
