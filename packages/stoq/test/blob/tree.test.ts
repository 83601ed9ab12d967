import { blake3 } from '@noble/hashes/blake3.js';
import { describe, expect, it } from 'vitest';
import { BLOB_LEAF_BYTES, blobDigest, createBlobHasher, hashLabelled } from '@hypermesh/stoq';

const L = BLOB_LEAF_BYTES;
const NODE_KEY = hashLabelled('stoq/blob-node/1', new Uint8Array());
const ROOT_KEY = hashLabelled('stoq/blob-root/1', new Uint8Array());

/** The tree by its definition (RFC 6962, section 2.1), top down and with another implementation of BLAKE3. */
function definedDigest(bytes: Uint8Array): Uint8Array {
  const leaves: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += L) leaves.push(blake3(bytes.subarray(at, at + L)));
  if (leaves.length === 0) leaves.push(blake3(new Uint8Array()));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(bytes.length));
  return blake3(Buffer.concat([length, definedTree(leaves)]), { key: ROOT_KEY });
}

function definedTree(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 1) return leaves[0] as Uint8Array;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return blake3(Buffer.concat([definedTree(leaves.slice(0, split)), definedTree(leaves.slice(split))]), { key: NODE_KEY });
}

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8) + (index >> 16) * 7) & 0xff);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

describe('blob tree', () => {
  const sizes = [0, 1, L - 1, L, L + 1, 2 * L, 2 * L + 1, 3 * L, 4 * L - 1, 5 * L, 6 * L + 7, 7 * L, 8 * L, 8 * L + 1];

  it.each(sizes)('has the shape of its definition at %i bytes', (size) => {
    const bytes = pattern(size);
    expect(hex(blobDigest(bytes))).toBe(hex(definedDigest(bytes)));
  });

  it.each([1, 7, 1000, L - 1, L, L + 1, 3 * L])('is the same in pieces of %i bytes', (pieceBytes) => {
    const bytes = pattern(pieceBytes < 1000 ? L + 3 : 5 * L + 3);
    const hasher = createBlobHasher().update(new Uint8Array());
    for (let at = 0; at < bytes.length; at += pieceBytes) hasher.update(bytes.subarray(at, at + pieceBytes));
    expect(hex(hasher.update(new Uint8Array()).digest())).toBe(hex(blobDigest(bytes)));
  });

  it('tells apart what differs in length only', () => {
    const digests = [0, 1, 2, L - 1, L, L + 1, 2 * L].map((length) => hex(blobDigest(new Uint8Array(length))));
    expect(new Set(digests).size).toBe(digests.length);
  });

  it('tells a blob apart from the hashes of its own tree', () => {
    const bytes = pattern(2 * L);
    const [left, right] = [blake3(bytes.subarray(0, L)), blake3(bytes.subarray(L))];
    expect(hex(blobDigest(Buffer.concat([left, right])))).not.toBe(hex(blobDigest(bytes)));
    expect(hex(blobDigest(blake3(pattern(5))))).not.toBe(hex(blobDigest(pattern(5))));
  });

  it('changes with every leaf and with their order', () => {
    const bytes = pattern(4 * L);
    const swapped = Uint8Array.from([...bytes.subarray(L, 2 * L), ...bytes.subarray(0, L), ...bytes.subarray(2 * L)]);
    const seen = new Set([hex(blobDigest(bytes)), hex(blobDigest(swapped))]);
    for (let leaf = 0; leaf < 4; leaf++) {
      const altered = bytes.slice();
      altered[leaf * L + 5] = (altered[leaf * L + 5] as number) ^ 1;
      seen.add(hex(blobDigest(altered)));
    }
    expect(seen.size).toBe(6);
  });

  it('is fixed', () => {
    expect(hex(blobDigest(new Uint8Array()))).toBe('0bf3ca4d08d3ab9a426446d1dbb03409152d837d5154040ef5356a2444e7e789');
    expect(hex(blobDigest(pattern(3 * L + 1)))).toBe('345b6cacc988bc09602be0dc588d06b3027b3d97b697628a6249c5738320a916');
  });

  it('ends with its digest', () => {
    const hasher = createBlobHasher();
    hasher.digest();
    expect(() => hasher.digest()).toThrow('the digest has been taken');
    expect(() => hasher.update(Uint8Array.of(1))).toThrow('the digest has been taken');
  });
});
