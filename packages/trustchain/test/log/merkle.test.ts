import { describe, expect, test } from 'vitest';
import { EMPTY_ROOT, leafHash, verifyConsistency, verifyInclusion } from '../../src/log/merkle.ts';
import { consistencyRanges, inclusionRanges, joinHashes, nodesOf, type Range } from '../../src/log/ranges.ts';
import { EMPTY_TREE, growTree, partialWidth, rootOf, tileLevels } from '../../src/log/tree.ts';
import { bytesOf, hexOf } from '../hex.ts';

// RFC 6962 reference leaves and the roots of their first n.
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map(bytesOf);
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

/** The tree hash straight from the definition (RFC 6962, 2.1), independent of tiles. */
function treeHash(hashes: readonly Uint8Array[], { begin, end }: Range): Uint8Array {
  return joinHashes(
    nodesOf({ begin, end }).map(({ level, index }) => {
      let row = hashes.slice(index * 2 ** level, (index + 1) * 2 ** level);
      while (row.length > 1) row = row.flatMap((hash, i) => (i % 2 === 0 ? [joinHashes([hash, row[i + 1] as Uint8Array])] : []));
      return row[0] as Uint8Array;
    }),
  );
}

const hashes = Array.from({ length: 64 }, (_, i) => leafHash(Uint8Array.of(i)));
const rootAt = (size: number): Uint8Array => (size === 0 ? EMPTY_ROOT : treeHash(hashes, { begin: 0, end: size }));
const flip = (hash: Uint8Array): Uint8Array => hash.map((byte, i) => (i === 7 ? byte ^ 1 : byte));

describe('RFC 6962 vectors', () => {
  test.each(ROOTS.map((root, size) => [size, root] as const))('root of %i leaves', (size, root) => {
    const { tree } = growTree(EMPTY_TREE, LEAVES.slice(0, size).map(leafHash));
    expect(hexOf(rootOf(tree))).toBe(root);
  });

  test('inclusion path of leaf 5 in 8', () => {
    const leaves = LEAVES.map(leafHash);
    expect(inclusionRanges(5, 8).map((range) => hexOf(treeHash(leaves, range)))).toEqual([
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      ROOTS[4],
    ]);
  });

  test('consistency path from 6 to 8', () => {
    const leaves = LEAVES.map(leafHash);
    expect(consistencyRanges(6, 8).map((range) => hexOf(treeHash(leaves, range)))).toEqual([
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      ROOTS[4],
    ]);
  });
});

describe('inclusion', () => {
  test('every entry of every tree up to 64 verifies, and nothing near it', () => {
    for (let size = 1; size <= 64; size++) {
      const root = rootAt(size);
      for (let index = 0; index < size; index++) {
        const leaf = hashes[index] as Uint8Array;
        const proof = inclusionRanges(index, size).map((range) => treeHash(hashes, range));
        expect(verifyInclusion(leaf, index, size, proof, root)).toBe(true);
        const wrong = [
          verifyInclusion(flip(leaf), index, size, proof, root),
          verifyInclusion(leaf, index, size, proof, flip(root)),
          verifyInclusion(leaf, index, size, [...proof, root], root),
          verifyInclusion(leaf, index + 1, size, proof, root),
          ...proof.map((_, i) => verifyInclusion(leaf, index, size, proof.with(i, flip(proof[i] as Uint8Array)), root)),
          ...(proof.length > 0 ? [verifyInclusion(leaf, index, size, proof.slice(0, -1), root)] : []),
        ];
        expect(wrong).not.toContain(true);
      }
    }
  });

  test.each([
    ['an index outside', 3, 3],
    ['a negative index', -1, 3],
    ['a fraction', 0.5, 3],
    ['no entries', 0, 0],
    ['a size beyond safe integers', 0, 2 ** 53],
  ])('%s is refused', (_, index, size) => {
    expect(verifyInclusion(hashes[0] as Uint8Array, index, size, [], hashes[0] as Uint8Array)).toBe(false);
  });
});

describe('consistency', () => {
  test('every pair of sizes up to 64 verifies, and nothing near it', () => {
    for (let newSize = 0; newSize <= 64; newSize++) {
      for (let oldSize = 0; oldSize <= newSize; oldSize++) {
        const [oldRoot, newRoot] = [rootAt(oldSize), rootAt(newSize)];
        const proof = consistencyRanges(oldSize, newSize).map((range) => treeHash(hashes, range));
        expect(verifyConsistency(oldSize, oldRoot, newSize, newRoot, proof)).toBe(true);
        const wrong = [
          verifyConsistency(oldSize, flip(oldRoot), newSize, newRoot, proof),
          verifyConsistency(oldSize, oldRoot, newSize, newRoot, [...proof, oldRoot]),
          ...(oldSize > 0 ? [verifyConsistency(oldSize, oldRoot, newSize, flip(newRoot), proof)] : []),
          ...proof.map((_, i) => verifyConsistency(oldSize, oldRoot, newSize, newRoot, proof.with(i, flip(proof[i] as Uint8Array)))),
          ...(proof.length > 0 ? [verifyConsistency(oldSize, oldRoot, newSize, newRoot, proof.slice(0, -1))] : []),
        ];
        expect(wrong).not.toContain(true);
      }
    }
  });

  test('a larger old tree is refused', () => {
    expect(verifyConsistency(3, rootAt(3), 2, rootAt(2), [])).toBe(false);
  });
});

describe('tree', () => {
  test.each([1, 7, 255, 256, 257, 1000])('grows to the same root in steps of %i', (step) => {
    const leaves = Array.from({ length: 2000 }, (_, i) => leafHash(Uint8Array.of(i & 255, i >> 8)));
    const whole = growTree(EMPTY_TREE, leaves).tree;
    let tree = EMPTY_TREE;
    for (let at = 0; at < leaves.length; at += step) tree = growTree(tree, leaves.slice(at, at + step)).tree;
    expect(hexOf(rootOf(tree))).toBe(hexOf(rootOf(whole)));
    expect(hexOf(rootOf(tree))).toBe(hexOf(treeHash(leaves, { begin: 0, end: leaves.length })));
  });

  // C2SP tlog-tiles, partial tiles: the worked examples.
  test('tiles of 70,000 and of 256 entries are those of the specification', () => {
    const names = (size: number): string[] => {
      const leaves = Array.from({ length: size }, (_, i) => leafHash(Uint8Array.of(i & 255, (i >> 8) & 255, i >> 16)));
      return growTree(EMPTY_TREE, leaves).tiles.map(({ level, index, width }) => `${level}/${index}/${width}`);
    };
    const large = names(70_000);
    expect(large.filter((name) => name.startsWith('0/') && name.endsWith('/256'))).toHaveLength(273);
    expect(large.filter((name) => !(name.startsWith('0/') && name.endsWith('/256')))).toEqual(['0/273/112', '1/0/256', '1/1/17', '2/0/1']);
    expect(names(256)).toEqual(['0/0/256', '1/0/1']);
    expect([0, 1, 2].map((level) => partialWidth(level, 70_000))).toEqual([112, 17, 1]);
    expect(tileLevels(70_000)).toBe(3);
  });
});
