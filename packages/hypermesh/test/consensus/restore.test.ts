import { describe, expect, it } from 'vitest';
import { Bench, digestOf, only, rootOf, sent } from './bench.ts';

describe('a restart', () => {
  it('makes the first safety state durable before anything else', () => {
    const bench = new Bench();
    expect(only(bench.do({ kind: 'started' }), 'persist')).toMatchObject([
      { safety: { lastVotedRound: 0, lastProposedRound: 0 }, block: null },
    ]);
  });

  it('never votes again in the round of the last vote, nor below', () => {
    const before = new Bench({ self: 0 });
    const effects = before.propose(before.block(1, before.genesis));
    const { safety } = only(effects, 'persist').at(-1)!;
    const after = new Bench({ self: 0, restored: () => ({ safety }) });
    after.do({ kind: 'started' });
    expect(sent(after.propose(after.block(1, after.genesis, { time: after.now + 1 })), 'vote')).toEqual([]);
    const second = after.child(after.child(after.genesis));
    after.do({ kind: 'blocks', from: 1, blocks: [after.child(after.genesis).block] });
    expect(second.block.round).toBe(2);
  });

  it('never votes in a round that it gave up', () => {
    const before = new Bench({ self: 0 });
    before.store('a');
    const { safety } = only(before.do({ kind: 'timer-expired', round: 1 }), 'persist')[0]!;
    const after = new Bench({ self: 0, restored: () => ({ safety }) });
    after.do({ kind: 'started' });
    expect(sent(after.propose(after.block(1, after.genesis)), 'vote')).toEqual([]);
  });

  it('never proposes again in the round of the last proposal', () => {
    const before = new Bench({ self: 1 });
    const { safety } = only(before.store('a'), 'persist')[0]!;
    const after = new Bench({ self: 1, restored: () => ({ safety }) });
    after.do({ kind: 'started' });
    expect(sent(after.store('b'), 'proposal')).toEqual([]);
  });

  it('takes up the round of the certificates', () => {
    const before = new Bench({ self: 0 });
    before.receive(1, { kind: 'certificates', highQc: before.genesisQc, tc: before.tc(6) });
    before.store('a');
    const { safety } = only(before.do({ kind: 'timer-expired', round: 7 }), 'persist')[0]!;
    const after = new Bench({ self: 0, restored: () => ({ safety }) });
    after.do({ kind: 'started' });
    expect(after.core.status().round).toBe(7);
  });

  it('takes the certificate of the committed block when the safety state is older', () => {
    const bench = new Bench({
      self: 0,
      restored: (fresh) => {
        const committed = fresh.child(fresh.child(fresh.genesis));
        const safety = { epoch: 0, lastVotedRound: 0, lastProposedRound: 0, highQc: fresh.genesisQc, tc: null };
        return { safety, committed, committedQc: fresh.qc(committed) };
      },
    });
    bench.do({ kind: 'started' });
    expect(bench.core.status()).toMatchObject({ round: 3, highQcRound: 2, committedHeight: 2 });
  });

  it('commits again what the persisted blocks prove', () => {
    const bench = new Bench({
      self: 0,
      restored: (fresh) => {
        const first = fresh.child(fresh.genesis, { batches: [digestOf('a')] });
        const second = fresh.child(first);
        const safety = { epoch: 0, lastVotedRound: 2, lastProposedRound: 0, highQc: fresh.qc(second), tc: null };
        return { safety, uncommitted: [second, first] };
      },
    });
    const effects = bench.do({ kind: 'started' });
    expect(only(effects, 'commit').flatMap(({ blocks }) => blocks.map(({ height }) => height))).toEqual([1]);
    bench.do({ kind: 'executed', height: 1, rootOfRoots: rootOf(1) });
    expect(bench.core.status()).toMatchObject({ committedHeight: 1, executedHeight: 1, round: 3 });
  });

  it.each([
    ['missing', () => null],
    ['of another epoch', (fresh: Bench) => ({ epoch: 4, lastVotedRound: 1, lastProposedRound: 0, highQc: fresh.genesisQc, tc: null })],
  ])('is refused with a safety state that is %s', (_, safetyOf) => {
    const restored = (fresh: Bench) => {
      const committed = fresh.child(fresh.genesis);
      return { safety: safetyOf(fresh), committed, committedQc: fresh.qc(committed) };
    };
    expect(() => new Bench({ restored })).toThrow(expect.objectContaining({ code: 'hypermesh.safety_lost' }));
  });
});

it('takes messages of other validators only', () => {
  const bench = new Bench({ self: 0 });
  const message = { kind: 'announcement', digests: [] } as const;
  for (const from of [0, 4, -1]) expect(() => bench.receive(from, message)).toThrow('another validator');
});
