import { strict as assert } from 'node:assert';
import { createHasher, hashLabelled, keyedHash } from '../crypto/hashes.ts';

// The unit of verification: small enough to check a range cheaply, large enough that hashing runs at full speed.
export const BLOB_LEAF_BYTES: number = 64 * 1024;

const NODE_KEY = hashLabelled('stoq/blob-node/1', new Uint8Array());
const ROOT_KEY = hashLabelled('stoq/blob-root/1', new Uint8Array());

/** Computes the address of a blob piece by piece. */
export interface BlobHasher {
  update(bytes: Uint8Array): BlobHasher;
  /** 32 bytes; the hasher takes no more afterwards. */
  digest(): Uint8Array;
}

/**
 * The address of a blob: BLAKE3 leaves of 64 KiB, inner nodes in keyed mode, a tree of the shape of RFC 6962, section 2.1,
 * and the length in the root. An empty blob has one empty leaf.
 */
export function createBlobHasher(): BlobHasher {
  const leaf = createHasher();
  const subtrees: Subtree[] = [];
  let leafBytes = 0;
  let length = 0;
  let ended = false;

  const closeLeaf = (): void => {
    let node: Subtree = { leaves: 1, hash: leaf.digest() };
    leaf.reset();
    leafBytes = 0;
    for (let left = subtrees.at(-1); left?.leaves === node.leaves; left = subtrees.at(-1)) {
      subtrees.pop();
      node = join(left, node);
    }
    subtrees.push(node);
  };

  const hasher: BlobHasher = {
    update(bytes) {
      assert(!ended, 'the digest has been taken');
      for (let at = 0; at < bytes.length;) {
        // A full leaf closes only when more follows, so that the last one is never empty beside others.
        if (leafBytes === BLOB_LEAF_BYTES) closeLeaf();
        const part = bytes.subarray(at, at + BLOB_LEAF_BYTES - leafBytes);
        leaf.update(part);
        leafBytes += part.length;
        at += part.length;
      }
      length += bytes.length;
      return hasher;
    },
    digest() {
      assert(!ended, 'the digest has been taken');
      ended = true;
      closeLeaf();
      const tree = subtrees.reduceRight((right, left) => join(left, right));
      return keyedHash(ROOT_KEY, lengthBytes(length), tree.hash);
    },
  };
  return hasher;
}

/** The address of a blob in memory, 32 bytes. */
export function blobDigest(bytes: Uint8Array): Uint8Array {
  return createBlobHasher().update(bytes).digest();
}

interface Subtree {
  readonly leaves: number;
  readonly hash: Uint8Array;
}

function join(left: Subtree, right: Subtree): Subtree {
  return { leaves: left.leaves + right.leaves, hash: keyedHash(NODE_KEY, left.hash, right.hash) };
}

function lengthBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length));
  return bytes;
}
