import { describe, expect, it } from 'vitest';
import { BATCHES_PER_BLOCK_MAX, BLOCK_TIME_SKEW_MS_MAX } from '../../src/consensus/constants.ts';
import { Bench, digestOf, only, rootOf, sent } from './bench.ts';

describe('a leader', () => {
  it('proposes nothing without work', () => {
    const bench = new Bench({ self: 1 });
    expect(bench.do({ kind: 'started' }).map(({ kind }) => kind)).toEqual(['persist']);
    expect(bench.core.status().quiescent).toBe(true);
  });

  it('proposes what is stored, durably before it signs, and votes for it', () => {
    const bench = new Bench({ self: 1 });
    const effects = bench.store('a', 'b');
    const kinds = effects.map(({ kind }) => kind);
    expect(kinds).toEqual(['persist', 'sign', 'set-timer', 'send', 'persist', 'sign', 'send']);
    expect(only(effects, 'persist')[0]).toMatchObject({ safety: { lastProposedRound: 1, lastVotedRound: 0 }, block: { height: 1 } });
    const block = sent(effects, 'proposal')[0]?.message.block;
    expect(block).toMatchObject({ round: 1, proposer: 1, time: bench.now, batches: [digestOf('a'), digestOf('b')], executedHeight: 0 });
    expect(sent(effects, 'vote')).toMatchObject([{ to: 2, message: { vote: { round: 1, voter: 1 } } }]);
  });

  it('proposes once a round', () => {
    const bench = new Bench({ self: 1 });
    bench.store('a');
    expect(sent(bench.store('b'), 'proposal')).toEqual([]);
  });

  it('takes no more than a block holds', () => {
    const bench = new Bench({ self: 1 });
    const names = Array.from({ length: BATCHES_PER_BLOCK_MAX + 3 }, (_, index) => String(index));
    expect(sent(bench.store(...names), 'proposal')[0]?.message.block.batches).toHaveLength(BATCHES_PER_BLOCK_MAX);
  });

  it('proposes later than the parent, and waits when that is too far ahead of its clock', () => {
    for (const isTooFar of [false, true]) {
      const bench = new Bench({ self: 2 });
      const first = bench.child(bench.genesis, { time: bench.now + BLOCK_TIME_SKEW_MS_MAX });
      bench.store('a');
      bench.propose(first.block);
      if (!isTooFar) bench.now += 1;
      const effects = bench.receive(0, { kind: 'certificates', highQc: bench.qc(first), tc: null });
      expect(sent(effects, 'proposal').map(({ message }) => message.block.time)).toEqual(isTooFar ? [] : [first.block.time + 1]);
    }
  });

  it('carries the time-out certificate of the round before', () => {
    const bench = new Bench({ self: 2 });
    bench.store('a');
    const effects = bench.receive(0, { kind: 'certificates', highQc: bench.genesisQc, tc: bench.tc(1) });
    expect(sent(effects, 'proposal')).toMatchObject([{ message: { block: { round: 2, parent: { round: 0 } }, tc: { round: 1 } } }]);
  });

  it('drops a proposal that is signed after its round', () => {
    const bench = new Bench({ self: 1 });
    const [request] = only(bench.raw({ kind: 'batches-stored', digests: [digestOf('a')] }), 'sign');
    bench.receive(0, { kind: 'certificates', highQc: bench.genesisQc, tc: bench.tc(1) });
    expect(bench.do({ kind: 'signed', request: request!.request, signature: bench.sign(1, request!.message) })).toEqual([]);
  });

  it('sends its proposal again to a validator that connects', () => {
    const bench = new Bench({ self: 1 });
    bench.store('a');
    expect(sent(bench.do({ kind: 'connected', peer: 3 }), 'proposal')).toMatchObject([{ to: 3, message: { block: { round: 1 } } }]);
  });
});

describe('after the last batch', () => {
  /** Validator 2 leads round 6; blocks of rounds 3 and 4 order a batch, which 5 has yet to certify the execution of. */
  function ordered() {
    const bench = new Bench({ self: 2 });
    bench.store('a');
    let parent = bench.genesis;
    const blocks = [1, 2, 3, 4].map((round) => {
      parent = bench.child(parent, { batches: round === 3 ? [digestOf('a')] : [] });
      return parent;
    });
    for (const { block } of blocks) bench.propose(block);
    return { bench, blocks, tip: parent };
  }

  it('empty blocks follow until it is committed and its execution certified; then the last certificate goes to all', () => {
    const { bench, tip } = ordered();
    bench.do({ kind: 'executed', height: 1, rootOfRoots: rootOf(1) });
    bench.do({ kind: 'executed', height: 2, rootOfRoots: rootOf(2) });
    const fifth = bench.child(tip, { executedHeight: 2, rootOfRoots: rootOf(2) });
    expect(only(bench.propose(fifth.block), 'commit').flatMap(({ blocks }) => blocks.map(({ height }) => height))).toEqual([3]);
    expect(bench.core.status()).toMatchObject({ committedHeight: 3, pendingDigests: 0, quiescent: false });

    // The leader of round 6 waits for the execution before it proposes.
    const certificate = { kind: 'certificates', highQc: bench.qc(fifth), tc: null } as const;
    expect(sent(bench.receive(0, certificate), 'proposal')).toEqual([]);
    const proposed = bench.do({ kind: 'executed', height: 3, rootOfRoots: rootOf(3) });
    const [sixth] = sent(proposed, 'proposal');
    expect(sixth?.message.block).toMatchObject({ round: 6, batches: [], executedHeight: 3, rootOfRoots: rootOf(3) });

    const chain = bench.core.chainTo(only(proposed, 'persist')[0]!.block!.id, 0)!.at(-1)!;
    const last = bench.receive(0, { kind: 'certificates', highQc: bench.qc(chain), tc: null });
    expect(only(last, 'stop-timer')).toHaveLength(1);
    expect(bench.core.status().quiescent).toBe(true);
    expect(sent(last, 'proposal')).toEqual([]);
  });

  it('the collector publishes the certificate that no proposal will carry, once', () => {
    const bench = new Bench({ self: 2 });
    const first = bench.child(bench.genesis);
    bench.propose(first.block);
    bench.receive(0, bench.vote(0, 1, first.id));
    const effects = bench.receive(1, bench.vote(1, 1, first.id));
    expect(sent(effects, 'certificates')).toMatchObject([{ to: 'all', message: { highQc: { round: 1 }, tc: null } }]);
    expect(sent(bench.receive(3, bench.vote(3, 1, first.id)), 'certificates')).toEqual([]);
  });

  it('a digest that was ordered is not work again', () => {
    const { bench, tip } = ordered();
    bench.propose(bench.child(tip).block);
    bench.store('a');
    expect(bench.core.status().pendingDigests).toBe(0);
  });

  it('new work wakes it up', () => {
    const bench = new Bench({ self: 0 });
    expect(only(bench.store('a'), 'set-timer')).toHaveLength(1);
    expect(bench.core.status().quiescent).toBe(false);
  });
});

describe('what a leader states as executed', () => {
  /** Validator 1 leads round 5; blocks 1 to 4 are there and 1 to 3 are executed. */
  function leading(roundOfFourth: number) {
    const bench = new Bench({ self: 1 });
    const first = bench.child(bench.genesis);
    const second = bench.child(first);
    const third = bench.child(second, { executedHeight: 1, rootOfRoots: rootOf(1) });
    const fourth = bench.child(third, { round: roundOfFourth, executedHeight: 1, rootOfRoots: rootOf(1), proposer: roundOfFourth % 4 });
    for (const { block } of [first, second, third]) bench.propose(block);
    bench.propose(fourth.block, roundOfFourth === 4 ? null : bench.tc(roundOfFourth - 1, 3));
    for (const height of [1, 2, 3]) bench.do({ kind: 'executed', height, rootOfRoots: rootOf(height) });
    bench.store('a');
    return { bench, fourth };
  }
  const stated = (effects: Parameters<typeof only>[0]) => sent(effects, 'proposal').map(({ message }) => message.block.executedHeight);

  it('is the newest that the chain proves final', () => {
    const { bench, fourth } = leading(4);
    expect(stated(bench.receive(0, { kind: 'certificates', highQc: bench.qc(fourth), tc: null }))).toEqual([3]);
  });

  // With one of four validators dead, only two blocks in a row are certified: a height that waited for a third would never be.
  it('is that also right after a failed round', () => {
    const { bench, fourth } = leading(4);
    const effects = bench.receive(0, { kind: 'certificates', highQc: bench.qc(fourth), tc: bench.tc(8, 4) });
    expect(bench.core.status().round).toBe(9);
    expect(stated(effects)).toEqual([3]);
  });

  it('is what was final before, when the parent came after a failed round', () => {
    const { bench, fourth } = leading(8);
    expect(stated(bench.receive(0, { kind: 'certificates', highQc: bench.qc(fourth), tc: null }))).toEqual([2]);
  });
});

describe('a mesh of one', () => {
  it('orders alone', () => {
    const bench = new Bench({ self: 0, count: 1 });
    bench.do({ kind: 'started' });
    const effects = bench.store('a');
    expect(only(effects, 'commit').flatMap(({ blocks }) => blocks.map(({ height }) => height))).toEqual([1]);
    const done = bench.do({ kind: 'executed', height: 1, rootOfRoots: rootOf(1) });
    expect(only(done, 'certified').at(-1)).toMatchObject({ block: { workHeight: 1, block: { executedHeight: 1 } } });
    expect(bench.core.status()).toMatchObject({ quiescent: true });
  });
});
