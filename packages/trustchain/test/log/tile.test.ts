import { describe, expect, test } from 'vitest';
import { CodedError } from '@hypermesh/stoq';
import { leafHash, nodeHash } from '../../src/log/merkle.ts';
import {
  decodeEntries,
  encodeEntries,
  ENTRY_BYTES_MAX,
  formatTilePath,
  parseTilePath,
  TILE_WIDTH,
  TileHashes,
} from '../../src/log/tile.ts';
import { decodeRevocationUpdate } from '../../src/revocation/update.ts';
import { decodeKeyClaim, decodeSetEntryClaim, encodeSetEntryClaim } from '../../src/verification/identity-message.ts';
import { decodePolicyHistory, encodePolicyHistory } from '../../src/witness/policy.ts';
import { entryOf } from './fixtures.ts';

const refusal = (suffix: string) => expect.objectContaining({ code: `trustchain.${suffix}` });

describe('paths', () => {
  test.each([
    [0, 0, 256, 'tile/0/000'],
    [0, 273, 112, 'tile/0/273.p/112'],
    [1, 1_234_067, 256, 'tile/1/x001/x234/067'],
    ['entries', 1000, 1, 'tile/entries/x001/000.p/1'],
    [6, 0, 255, 'tile/6/000.p/255'],
  ] as const)('tile %s/%i of width %i is %s', (level, index, width, path) => {
    expect(formatTilePath({ level, index, width })).toBe(path);
    expect(parseTilePath(path)).toEqual({ level, index, width });
  });

  test.each([
    'tile/0/x000/001',
    'tile/0/1',
    'tile/0/0001',
    'tile/0/001/002',
    'tile/-1/000',
    'tile/0/000.p/',
    'tile/0/000.p/007',
    'tile/data/000',
  ])('%s is refused', (path) => {
    expect(() => parseTilePath(path)).toThrow(refusal('log_range'));
  });

  test('beyond the safe integers are refused', () => {
    expect(() => parseTilePath(`tile/0/${'x999/'.repeat(6)}999`)).toThrow(refusal('log_range'));
  });
});

describe('entry bundles', () => {
  test('round-trip, from nothing to the largest entry', () => {
    const entries = [new Uint8Array(0), Uint8Array.of(1), new Uint8Array(ENTRY_BYTES_MAX).fill(7)];
    expect(decodeEntries(encodeEntries(entries))).toEqual(entries);
    expect(decodeEntries(encodeEntries([]))).toEqual([]);
    expect(Buffer.from(encodeEntries([Uint8Array.of(0xaa, 0xbb)])).toString('hex')).toBe('0002aabb');
  });

  test('that are cut anywhere but between entries are refused', () => {
    const bytes = encodeEntries([entryOf(1, 5), entryOf(2, 5)]);
    for (let length = 1; length < bytes.length; length++) {
      if (length === 7) expect(decodeEntries(bytes.subarray(0, length))).toHaveLength(1);
      else expect(() => decodeEntries(bytes.subarray(0, length))).toThrow(refusal('entry_malformed'));
    }
  });
});

test('a full tile hashes to its entry in the tile above', () => {
  const leaves = Array.from({ length: TILE_WIDTH }, (_, i) => leafHash(entryOf(i)));
  let row = leaves;
  while (row.length > 1) row = row.flatMap((hash, i) => (i % 2 === 0 ? [nodeHash(hash, row[i + 1] as Uint8Array)] : []));
  const tile = new TileHashes(Uint8Array.from(Buffer.concat(leaves)));
  expect(tile.root()).toEqual(row[0]);
  expect(tile.node(1, 3)).toEqual(nodeHash(leaves[6] as Uint8Array, leaves[7] as Uint8Array));
});

test('bytes at random are refused by every decoder with a code of this package', () => {
  let state = 99;
  const random = (below: number): number => (state = (state * 1103515245 + 12345) % 2147483648) % below;
  const seeds = [encodeSetEntryClaim({ meshId: new Uint8Array(32), name: 'x' }), encodePolicyHistory([]), new Uint8Array(40).fill(0x84)];
  const decoders = [decodeEntries, decodeKeyClaim, decodeSetEntryClaim, decodePolicyHistory, decodeRevocationUpdate];
  let refused = 0;
  for (let round = 0; round < 3000; round++) {
    const bytes = Uint8Array.from(seeds[random(seeds.length)] as Uint8Array);
    for (let i = 0; i <= random(4); i++) bytes[random(bytes.length)] = random(256);
    for (const decodeBytes of decoders) {
      try {
        decodeBytes(bytes.subarray(0, random(bytes.length + 1)));
      } catch (error) {
        expect(error).toBeInstanceOf(CodedError);
        expect((error as CodedError).code).toMatch(/^trustchain\./);
        refused++;
      }
    }
  }
  expect(refused).toBeGreaterThan(3000);
});
