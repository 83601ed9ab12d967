import { describe, expect, it } from 'vitest';
import { type Block, blockIdOf } from '../../src/consensus/block.ts';
import type { TimeoutCertificate } from '../../src/consensus/certificate.ts';
import { BLOCK_TIME_SKEW_MS_MAX } from '../../src/consensus/constants.ts';
import { type Evidence, verifyEvidence } from '../../src/consensus/evidence.ts';
import type { Proposal } from '../../src/consensus/messages.ts';
import { Bench, digestOf, GENESIS_ROOT, only, reasons, rootOf, sent } from './bench.ts';

describe('a proposal of the first round', () => {
  it('gets a vote for the next leader, after the vote and the block are durable', () => {
    const bench = new Bench({ self: 0 });
    const block = bench.block(1, bench.genesis);
    const effects = bench.propose(block);
    const votes = sent(effects, 'vote');
    expect(votes).toEqual([
      { kind: 'send', to: 2, message: expect.objectContaining({ vote: expect.objectContaining({ round: 1, voter: 0 }) }) },
    ]);
    const persist = only(effects, 'persist').at(-1);
    expect(persist).toMatchObject({ safety: { lastVotedRound: 1 }, block: { block, height: 1 } });
    expect(effects.indexOf(persist!)).toBeLessThan(effects.indexOf(only(effects, 'sign')[0]!));
  });

  it('is voted for once, however often it comes', () => {
    const bench = new Bench({ self: 0 });
    const block = bench.block(1, bench.genesis);
    bench.propose(block);
    expect(bench.propose(block)).toEqual([]);
  });

  it.each<[string, string, Partial<Block>]>([
    ['another mesh', 'mesh', { meshId: digestOf('mesh') }],
    ['another epoch', 'epoch', { epoch: 1 }],
    ['a round that is not above its parent', 'round', { round: 0 }],
    ['another leader', 'leader', { proposer: 2 }],
    ['a digest twice', 'batches', { batches: [digestOf('a'), digestOf('a')] }],
  ])('is refused with %s', (_, reason, changes) => {
    const bench = new Bench({ self: 0 });
    const effects = bench.propose(bench.block(1, bench.genesis, changes));
    expect(reasons(effects)).toEqual([`proposal_invalid: ${reason}`]);
    expect(sent(effects, 'vote')).toEqual([]);
  });

  it.each<[string, (bench: Bench) => Partial<Proposal>, string]>([
    ['a signature of somebody else', (bench) => ({ signature: bench.vote(1, 1, digestOf('x')).signature }), 'proposal_invalid: signature'],
    ['a time-out certificate that it does not need', (bench) => ({ tc: bench.tc(1) }), 'proposal_invalid: tc'],
  ])('is refused with %s', (_, changes, reason) => {
    const bench = new Bench({ self: 0 });
    const proposal = { ...bench.proposal(bench.block(1, bench.genesis)), ...changes(bench) };
    expect(reasons(bench.receive(1, proposal))).toEqual([reason]);
  });

  it('is refused with a parent certificate that does not verify', () => {
    const bench = new Bench({ self: 1 });
    const first = bench.child(bench.genesis);
    const block = bench.block(2, bench.qc(first, [0, 1]));
    expect(reasons(bench.propose(block))).toEqual(['certificate_invalid: signatures']);
    expect(bench.core.status().round).toBe(1);
  });
});

describe('the block time', () => {
  it.each([
    { shift: BLOCK_TIME_SKEW_MS_MAX, votes: 1 },
    { shift: -BLOCK_TIME_SKEW_MS_MAX, votes: 1 },
    { shift: BLOCK_TIME_SKEW_MS_MAX + 1, votes: 0 },
    { shift: -BLOCK_TIME_SKEW_MS_MAX - 1, votes: 0 },
  ])('may differ from the clock: $shift ms give $votes votes', ({ shift, votes }) => {
    const bench = new Bench({ self: 0 });
    const effects = bench.propose(bench.block(1, bench.genesis, { time: bench.now + shift }));
    expect(sent(effects, 'vote')).toHaveLength(votes);
    expect(reasons(effects)).toEqual(votes === 1 ? [] : ['proposal_invalid: clock']);
  });

  it.each([
    { after: 0, votes: 0 },
    { after: 1, votes: 1 },
  ])('is later than that of the parent: $after ms after it give $votes votes', ({ after, votes }) => {
    const bench = new Bench({ self: 0 });
    const first = bench.child(bench.genesis, { time: bench.now });
    bench.propose(first.block);
    const effects = bench.propose(bench.block(2, first, { time: bench.now + after }));
    expect(sent(effects, 'vote')).toHaveLength(votes);
    expect(reasons(effects)).toEqual(votes === 1 ? [] : ['proposal_invalid: time']);
  });
});

describe('the parent after a time-out', () => {
  const cases: [string, (bench: Bench) => TimeoutCertificate | null, string | null][] = [
    ['a certificate of the round before whose signers saw nothing newer', (bench) => bench.tc(2, 1), null],
    ['no certificate', () => null, 'proposal_invalid: tc'],
    ['a certificate of an earlier round', (bench) => bench.tc(1, 0), 'proposal_invalid: tc'],
    ['a certificate of which one signer saw something newer', (bench) => bench.tc(4, [0, 2, 0]), 'proposal_invalid: parent'],
  ];

  it.each(cases)('is judged by %s', (_, tcOf, reason) => {
    const bench = new Bench({ self: 1 });
    const first = bench.child(bench.genesis);
    bench.propose(first.block);
    const tc = tcOf(bench);
    const round = reason === 'proposal_invalid: parent' ? 5 : 3;
    const effects = bench.propose(bench.block(round, first, { time: bench.now + 1 }), tc);
    expect(reasons(effects)).toEqual(reason === null ? [] : [reason]);
    expect(sent(effects, 'vote')).toHaveLength(reason === null ? 1 : 0);
  });

  it('is refused with a certificate that does not verify', () => {
    const bench = new Bench({ self: 0 });
    const tc = { ...bench.tc(2, 0), highQcRounds: [0, 0, 1] };
    const first = bench.child(bench.genesis);
    expect(reasons(bench.propose(bench.block(3, first, { time: bench.now + 1 }), tc))).toEqual(['certificate_invalid: signatures']);
  });
});

describe('batches', () => {
  it('are stored here before the vote', () => {
    const bench = new Bench({ self: 0 });
    const effects = bench.propose(bench.block(1, bench.genesis, { batches: [digestOf('a'), digestOf('b')] }));
    expect(sent(effects, 'vote')).toEqual([]);
    expect(only(effects, 'fetch-batches')).toEqual([{ kind: 'fetch-batches', digests: [digestOf('a'), digestOf('b')], from: [1, 2, 3] }]);
    expect(sent(bench.store('a'), 'vote')).toEqual([]);
    expect(sent(bench.store('b'), 'vote')).toHaveLength(1);
  });

  it('that an executed block carries count as stored', () => {
    const bench = new Bench({ self: 0 });
    bench.propose(bench.block(1, bench.genesis, { batches: [digestOf('a')] }));
    expect(sent(bench.do({ kind: 'batches-ordered', digests: [digestOf('a')] }), 'vote')).toHaveLength(1);
    expect(bench.core.status().pendingDigests).toBe(0);
  });

  it('are of no use once the round is given up', () => {
    const bench = new Bench({ self: 0 });
    bench.store('work');
    bench.propose(bench.block(1, bench.genesis, { batches: [digestOf('a')] }));
    expect(sent(bench.do({ kind: 'timer-expired', round: 1 }), 'timeout')).toHaveLength(1);
    expect(sent(bench.store('a'), 'vote')).toEqual([]);
  });
});

describe('the executed root', () => {
  function committed(self: number): { bench: Bench; third: Block } {
    const bench = new Bench({ self });
    const first = bench.child(bench.genesis);
    const second = bench.child(first);
    bench.propose(first.block);
    bench.propose(second.block);
    const third = bench.block(3, second, { time: second.block.time + 1, executedHeight: 1, rootOfRoots: rootOf(1) });
    return { bench, third };
  }

  it('is compared before the vote', () => {
    const { bench, third } = committed(1);
    const waiting = bench.propose(third);
    expect(only(waiting, 'commit')).toHaveLength(1);
    expect(sent(waiting, 'vote')).toEqual([]);
    const { vote } = sent(bench.do({ kind: 'executed', height: 1, rootOfRoots: rootOf(1) }), 'vote')[0]?.message ?? {};
    expect(vote).toMatchObject({ round: 3 });
  });

  it('that differs gets no vote and an alarm', () => {
    const { bench, third } = committed(1);
    bench.propose(third);
    const late = bench.do({ kind: 'executed', height: 1, rootOfRoots: rootOf(2) });
    expect(only(late, 'alarm')).toMatchObject([{ code: 'hypermesh.state_mismatch', certified: false, rootOfRoots: rootOf(2) }]);
    expect(reasons(late)).toEqual(['proposal_invalid: root-of-roots']);
    expect(sent(late, 'vote')).toEqual([]);
  });

  it('that a quorum certified against the one computed here gives an alarm, whichever comes first', () => {
    for (const isExecutedFirst of [true, false]) {
      const { bench, third } = committed(1);
      const execute = () => bench.do({ kind: 'executed', height: 1, rootOfRoots: rootOf(2) });
      const chain = { id: blockIdOf(third), height: 3, workHeight: 0, coveredHeight: 1, finalHeight: 1, block: third };
      const certify = () => {
        bench.propose(third);
        return bench.receive(0, { kind: 'certificates', highQc: bench.qc(chain), tc: null });
      };
      const effects = isExecutedFirst ? [...execute(), ...certify()] : [...certify(), ...execute()];
      expect(only(effects, 'alarm').some(({ certified }) => certified)).toBe(true);
    }
  });

  it.each<[string, Partial<Block>, string | null]>([
    ['repeats that of the parent', { executedHeight: 1, rootOfRoots: rootOf(1) }, null],
    ['is another one for the height of the parent', { executedHeight: 1, rootOfRoots: rootOf(9) }, 'proposal_invalid: executed-height'],
    ['is of a lower height', { executedHeight: 0, rootOfRoots: GENESIS_ROOT }, 'proposal_invalid: executed-height'],
    ['is of a height that the chain does not prove final', { executedHeight: 3 }, 'proposal_invalid: executed-height'],
  ])('that %s is judged without executing', (_, changes, reason) => {
    const bench = new Bench({ self: 0 });
    const first = bench.child(bench.genesis);
    const second = bench.child(first);
    const third = bench.child(second, { executedHeight: 1, rootOfRoots: rootOf(1) });
    for (const { block } of [first, second, third]) bench.propose(block);
    const effects = bench.propose(bench.block(4, third, { time: third.block.time + 1, ...changes }));
    expect(reasons(effects)).toEqual(reason === null ? [] : [reason]);
    expect(sent(effects, 'vote')).toHaveLength(reason === null ? 1 : 0);
  });

  it('of a height that is not known any more gets no vote', () => {
    const { bench, third } = committed(1);
    bench.do({ kind: 'executed', height: 2, rootOfRoots: rootOf(2) });
    expect(reasons(bench.propose(third))).toEqual(['proposal_invalid: root-forgotten']);
  });
});

describe('two proposals of one round', () => {
  it('are evidence against the leader, once, and only the first gets a vote', () => {
    const bench = new Bench({ self: 0 });
    const variants = [0, 1, 2].map((shift) => bench.block(1, bench.genesis, { time: bench.now + shift }));
    const [first, second, third] = variants.map((block) => bench.propose(block));
    expect(sent(first!, 'vote')).toHaveLength(1);
    const [{ evidence }] = only(second!, 'evidence') as unknown as [{ evidence: Evidence }];
    expect(evidence).toMatchObject({ offence: 'double-proposal', validator: 1, round: 1 });
    expect(verifyEvidence(evidence, bench.validators, bench.signatures.verify)).toBe(true);
    expect(sent(second!, 'vote')).toEqual([]);
    expect(only(third!, 'evidence')).toEqual([]);
  });
});
