import { describe, expect, it } from 'vitest';
import { BlockTree } from '../../src/consensus/block-tree.ts';
import { ORDERED_DIGESTS_MAX, PENDING_DIGESTS_MAX, UNCOMMITTED_BLOCKS_MAX } from '../../src/consensus/constants.ts';
import { ExecutedRoots } from '../../src/consensus/executed-roots.ts';
import { PendingDigests } from '../../src/consensus/pending-digests.ts';
import { ProposalLog } from '../../src/consensus/proposal-log.ts';
import { RecentKeys } from '../../src/consensus/recent-keys.ts';
import { Bench, digestOf, MESH_ID, rootOf } from './bench.ts';

const bench = new Bench();

function numbered(index: number): Uint8Array {
  const digest = new Uint8Array(32);
  new DataView(digest.buffer).setUint32(0, index);
  return digest;
}

describe('memory is bounded:', () => {
  it('uncommitted blocks without a certificate make room, certified ones stay', () => {
    const tree = new BlockTree(bench.genesis);
    const add = (round: number) => {
      const block = bench.block(round, bench.genesis);
      const id = numbered(round);
      tree.add(block, id);
      tree.trim();
      return id;
    };
    const first = add(1);
    const certified = add(2);
    expect(tree.certify({ ...bench.genesisQc, blockId: certified })).toBe(true);
    expect(tree.certify({ ...bench.genesisQc, blockId: certified })).toBe(false);
    for (let round = 3; round <= UNCOMMITTED_BLOCKS_MAX + 5; round++) add(round);
    expect(tree.get(first)).toBeUndefined();
    expect(tree.get(certified)).toBeDefined();
    expect(tree.get(numbered(UNCOMMITTED_BLOCKS_MAX + 5))).toBeDefined();
  });

  it('pending digests', () => {
    const pending = new PendingDigests();
    for (let index = 0; index <= PENDING_DIGESTS_MAX; index++) pending.add(numbered(index));
    expect(pending.size).toBe(PENDING_DIGESTS_MAX);
    expect(pending.isStored(numbered(PENDING_DIGESTS_MAX))).toBe(false);
  });

  it('ordered digests', () => {
    const pending = new PendingDigests();
    pending.order(Array.from({ length: ORDERED_DIGESTS_MAX + 1 }, (_, index) => numbered(index)));
    expect([0, 1, ORDERED_DIGESTS_MAX].map((index) => pending.isStored(numbered(index)))).toEqual([false, true, true]);
  });

  it('recent keys', () => {
    const keys = new RecentKeys(2);
    for (const key of ['a', 'b', 'b', 'c']) keys.add(key);
    expect(['a', 'b', 'c'].map((key) => keys.has(key))).toEqual([false, true, true]);
  });

  it('proposals of rounds that are over', () => {
    const log = new ProposalLog();
    const statement = { meshId: MESH_ID, epoch: 0, round: 1, blockId: digestOf('a'), proposer: 1 };
    const signed = { blockId: digestOf('a'), signature: bench.vote(1, 1, digestOf('a')).signature };
    expect(log.add(statement, signed)).toBe('first');
    log.advance(17);
    expect(log.add(statement, signed)).toBe('repeated');
    log.advance(18);
    expect(log.isKnown(1, digestOf('a'))).toBe(false);
  });
});

describe('ExecutedRoots', () => {
  const chainAt = (executedHeight: number, root: Uint8Array) => bench.child(bench.genesis, { executedHeight, rootOfRoots: root });

  it('compares certified claims once the height is executed', () => {
    const roots = new ExecutedRoots(0, rootOf(0));
    roots.claim(chainAt(2, rootOf(2)));
    roots.claim(chainAt(2, rootOf(9)));
    expect(roots.execute(1, rootOf(1))).toBeNull();
    expect(roots.execute(2, rootOf(2))).toBeNull();
    roots.claim(chainAt(3, rootOf(9)));
    expect(roots.execute(3, rootOf(3))?.block.rootOfRoots).toEqual(rootOf(9));
  });

  it('knows which heights it cannot compare any more', () => {
    const roots = new ExecutedRoots(0, rootOf(0));
    roots.execute(5, rootOf(5));
    expect([0, 4, 5, 6].map((height) => roots.isForgotten(chainAt(height, rootOf(height))))).toEqual([false, true, false, false]);
    expect(roots.contradiction(chainAt(5, rootOf(6)))).toEqual(rootOf(5));
    expect(roots.contradiction(chainAt(6, rootOf(6)))).toBeNull();
  });
});
