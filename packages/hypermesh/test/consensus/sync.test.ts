import { describe, expect, it } from 'vitest';
import type { ChainBlock } from '../../src/consensus/block.ts';
import { FETCHED_BLOCKS_MAX } from '../../src/consensus/constants.ts';
import { Bench, digestOf, only, reasons, sent } from './bench.ts';

function chainOf(bench: Bench, length: number): ChainBlock[] {
  const chain: ChainBlock[] = [];
  for (let round = 1; round <= length; round++) chain.push(bench.child(chain.at(-1) ?? bench.genesis));
  return chain;
}

const blocksOf = (chain: readonly ChainBlock[]) => chain.map(({ block }) => block);
const heightsOf = (effects: Parameters<typeof only>[0]) =>
  only(effects, 'commit').flatMap(({ blocks }) => blocks.map(({ height }) => height));

describe('the 2-chain rule', () => {
  it('commits the parent of a certified block when their rounds are consecutive', () => {
    const bench = new Bench({ self: 0 });
    const [first, second, third] = chainOf(bench, 3);
    expect(heightsOf(bench.propose(first!.block))).toEqual([]);
    expect(heightsOf(bench.propose(second!.block))).toEqual([]);
    const effects = bench.propose(third!.block);
    expect(heightsOf(effects)).toEqual([1]);
    expect(only(effects, 'commit')[0]?.proof).toEqual({ child: second!.block, qc: third!.block.parent });
  });

  it('does not commit over a gap, and catches up after it', () => {
    const bench = new Bench({ self: 1 });
    const [first] = chainOf(bench, 1);
    bench.propose(first!.block);
    const third = bench.child(first!, { round: 3, proposer: 3 });
    bench.propose(third.block, bench.tc(2, 1));
    const fourth = bench.child(third);
    const fifth = bench.child(fourth);
    expect(heightsOf(bench.propose(fourth.block))).toEqual([]);
    expect(heightsOf(bench.propose(fifth.block))).toEqual([1, 2]);
  });

  it('drops what does not extend the committed block', () => {
    const bench = new Bench({ self: 1 });
    const [first, second, third] = chainOf(bench, 3);
    const fork = bench.child(bench.genesis, { round: 2, proposer: 2, time: bench.now + 5 });
    bench.receive(2, bench.proposal(fork.block, bench.tc(1)));
    expect(bench.core.chainTo(fork.id, 0)).toHaveLength(1);
    bench.propose(first!.block);
    bench.do({ kind: 'blocks', from: 0, blocks: blocksOf([second!, third!]) });
    expect(bench.core.status().committedHeight).toBe(1);
    expect(bench.core.chainTo(fork.id, 0)).toBeNull();
    expect(bench.core.chainTo(second!.id, 0)?.map(({ height }) => height)).toEqual([2]);
  });
});

describe('a missing parent', () => {
  it('is fetched from those who certified it; the proposal waits and then gets its vote', () => {
    const bench = new Bench({ self: 0 });
    const [first, second] = chainOf(bench, 2);
    const effects = bench.propose(second!.block);
    expect(only(effects, 'fetch-blocks')).toEqual([{ kind: 'fetch-blocks', blockId: first!.id, afterHeight: 0, from: [1, 2, 3] }]);
    expect(sent(effects, 'vote')).toEqual([]);
    expect(sent(bench.do({ kind: 'blocks', from: 1, blocks: blocksOf([first!]) }), 'vote')).toHaveLength(1);
  });

  it('is asked for once until the timer runs out', () => {
    const bench = new Bench({ self: 0 });
    const [first] = chainOf(bench, 1);
    const certificates = { kind: 'certificates', highQc: bench.qc(first!), tc: null } as const;
    expect(only(bench.receive(1, certificates), 'fetch-blocks')).toHaveLength(1);
    expect(only(bench.receive(2, certificates), 'fetch-blocks')).toEqual([]);
    expect(only(bench.do({ kind: 'timer-expired', round: 2 }), 'fetch-blocks')).toHaveLength(1);
  });

  it('far away is fetched in parts, each from where the last one ended', () => {
    const bench = new Bench({ self: 0 });
    const chain = chainOf(bench, FETCHED_BLOCKS_MAX + 10);
    const [request] = only(bench.receive(1, { kind: 'certificates', highQc: bench.qc(chain.at(-1)!), tc: null }), 'fetch-blocks');
    expect(request?.afterHeight).toBe(0);
    const effects = bench.do({ kind: 'blocks', from: 1, blocks: blocksOf(chain.slice(0, FETCHED_BLOCKS_MAX)) });
    // The last block of a part is not certified by it.
    expect(heightsOf(effects)).toHaveLength(FETCHED_BLOCKS_MAX - 3);
    expect(only(effects, 'fetch-blocks')).toMatchObject([{ afterHeight: FETCHED_BLOCKS_MAX - 1 }]);
    bench.do({ kind: 'blocks', from: 1, blocks: blocksOf(chain.slice(FETCHED_BLOCKS_MAX - 1)) });
    expect(bench.core.status().committedHeight).toBe(chain.length - 1);
  });

  it('comes back as an answer that overlaps with what is here', () => {
    const bench = new Bench({ self: 0 });
    const chain = chainOf(bench, 5);
    for (const { block } of chain.slice(0, 3)) bench.propose(block);
    bench.receive(1, { kind: 'certificates', highQc: bench.qc(chain[4]!), tc: null });
    bench.do({ kind: 'blocks', from: 1, blocks: blocksOf(chain) });
    expect(bench.core.status().committedHeight).toBe(4);
  });
});

describe('an answer', () => {
  const bench = new Bench({ self: 0 });
  const chain = chainOf(bench, 4);
  const foreign = bench.child(chain[2]!, { epoch: 3 });

  it.each([
    ['without blocks', []],
    ['in descending order', blocksOf(chain).toReversed()],
    ['with a gap', blocksOf([chain[0]!, chain[2]!])],
    ['of another epoch', blocksOf([...chain.slice(0, 3), foreign])],
    ['that is too long', blocksOf(chainOf(bench, FETCHED_BLOCKS_MAX + 1))],
  ])('%s is refused', (_, blocks) => {
    expect(reasons(new Bench({ self: 0 }).do({ kind: 'blocks', from: 1, blocks }))).toEqual(['block_malformed: chain']);
  });

  it('whose last certificate does not verify is refused', () => {
    const fresh = new Bench({ self: 0 });
    const forged = fresh.child(chain[0]!, { parent: fresh.qc(chain[0]!, [0, 1]) });
    expect(reasons(fresh.do({ kind: 'blocks', from: 1, blocks: blocksOf([chain[0]!, forged]) }))).toEqual([
      'certificate_invalid: signatures',
    ]);
  });

  it('that hangs in the air changes nothing', () => {
    const fresh = new Bench({ self: 0 });
    fresh.do({ kind: 'blocks', from: 1, blocks: blocksOf(chain.slice(2)) });
    expect(fresh.core.chainTo(chain[2]!.id, 0)).toBeNull();
    expect(fresh.core.status().committedHeight).toBe(0);
  });

  it('proves only what its successors certify', () => {
    const fresh = new Bench({ self: 0 });
    fresh.do({ kind: 'blocks', from: 1, blocks: blocksOf(chain) });
    expect(fresh.core.chainTo(chain[2]!.id, 0)).not.toBeNull();
    expect(fresh.core.chainTo(chain[3]!.id, 0)).toBeNull();
  });
});

describe('certificates', () => {
  it('bring a validator into their round', () => {
    const bench = new Bench({ self: 0 });
    const first = bench.child(bench.genesis);
    bench.receive(1, { kind: 'certificates', highQc: bench.qc(first), tc: bench.tc(5, 1) });
    expect(bench.core.status()).toMatchObject({ round: 6, highQcRound: 1 });
  });

  it('that do not verify change nothing', () => {
    const bench = new Bench({ self: 0 });
    const forged = { ...bench.tc(5), round: 6 };
    expect(reasons(bench.receive(1, { kind: 'certificates', highQc: bench.genesisQc, tc: forged }))).toEqual([
      'certificate_invalid: signatures',
    ]);
    expect(bench.core.status().round).toBe(1);
  });
});

describe('chainTo', () => {
  it('knows nothing of unknown blocks', () => {
    expect(new Bench().core.chainTo(digestOf('x'), 0)).toBeNull();
  });
});
