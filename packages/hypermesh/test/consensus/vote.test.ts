import { decode, encode } from '@hypermesh/stoq';
import { describe, expect, it } from 'vitest';
import { VOTE_ROUNDS_AHEAD_MAX } from '../../src/consensus/constants.ts';
import { type Evidence, evidenceCodec, verifyEvidence } from '../../src/consensus/evidence.ts';
import type { ConsensusMessage } from '../../src/consensus/messages.ts';
import { Bench, digestOf, only, reasons, sent } from './bench.ts';

/** Validator 2 collects the votes of round 1. */
function collector() {
  const bench = new Bench({ self: 2 });
  const first = bench.child(bench.genesis, { batches: [digestOf('a')] });
  bench.store('a');
  return { bench, first };
}

describe('votes', () => {
  it('of a quorum make a certificate, which the next proposal carries', () => {
    const { bench, first } = collector();
    bench.propose(first.block); // its own vote
    expect(bench.receive(0, bench.vote(0, 1, first.id))).toEqual([]);
    const effects = bench.receive(3, bench.vote(3, 1, first.id));
    expect(only(effects, 'certified')).toMatchObject([{ block: { height: 1 }, qc: { round: 1 } }]);
    const [proposal] = sent(effects, 'proposal');
    expect(proposal?.to).toBe('all');
    expect(proposal?.message.block).toMatchObject({ round: 2, proposer: 2, batches: [], parent: { round: 1, blockId: first.id } });
  });

  it('count when they come before the proposal', () => {
    const { bench, first } = collector();
    for (const voter of [0, 1]) bench.receive(voter, bench.vote(voter, 1, first.id));
    const effects = bench.receive(3, bench.vote(3, 1, first.id));
    expect(bench.core.status()).toMatchObject({ round: 2, highQcRound: 1 });
    expect(only(effects, 'fetch-blocks')).toMatchObject([{ blockId: first.id, afterHeight: 0, from: [0, 1, 3] }]);
  });

  it('count once a voter', () => {
    const { bench, first } = collector();
    for (const voter of [0, 0, 0, 1, 1]) bench.receive(voter, bench.vote(voter, 1, first.id));
    expect(bench.core.status().round).toBe(1);
  });

  it('for different blocks do not add up', () => {
    const { bench, first } = collector();
    bench.receive(0, bench.vote(0, 1, first.id));
    bench.receive(1, bench.vote(1, 1, digestOf('other')));
    bench.receive(3, bench.vote(3, 1, digestOf('another')));
    expect(bench.core.status().round).toBe(1);
  });

  it('that are forged are found when a quorum is there, and do not count', () => {
    const { bench, first } = collector();
    const forged = { ...bench.vote(0, 1, first.id), signature: bench.vote(1, 1, first.id).signature };
    expect(bench.receive(0, forged)).toEqual([]);
    bench.receive(1, bench.vote(1, 1, first.id));
    expect(reasons(bench.receive(3, bench.vote(3, 1, first.id)))).toEqual(['vote_invalid: signature']);
    expect(bench.core.status().round).toBe(1);
    bench.receive(0, bench.vote(0, 1, first.id));
    expect(bench.core.status().round).toBe(2);
  });

  it.each<[string, string, (bench: Bench) => [number, ConsensusMessage]]>([
    ['in the name of another', 'slot', (bench) => [3, bench.vote(1, 1, digestOf('x'))]],
    ['of a round that another collects', 'slot', (bench) => [1, bench.vote(1, 2, digestOf('x'))]],
    ['far ahead', 'round', (bench) => [1, bench.vote(1, VOTE_ROUNDS_AHEAD_MAX + 5, digestOf('x'))]],
    [
      'of another mesh',
      'slot',
      (bench) => {
        const message = bench.vote(1, 1, digestOf('x'));
        return [1, { ...message, vote: { ...message.vote, meshId: digestOf('mesh') } }];
      },
    ],
    [
      'of another epoch',
      'slot',
      (bench) => {
        const message = bench.vote(1, 1, digestOf('x'));
        return [1, { ...message, vote: { ...message.vote, epoch: 9 } }];
      },
    ],
  ])('%s are refused', (_, reason, messageOf) => {
    const { bench } = collector();
    expect(reasons(bench.receive(...messageOf(bench)))).toEqual([`vote_invalid: ${reason}`]);
  });

  it('of rounds long over are dropped silently', () => {
    const { bench, first } = collector();
    bench.receive(0, { kind: 'certificates', highQc: bench.genesisQc, tc: bench.tc(6) });
    expect(bench.receive(1, bench.vote(1, 1, first.id))).toEqual([]);
  });
});

describe('two votes of one slot', () => {
  it('are evidence, once, also after the certificate', () => {
    const { bench, first } = collector();
    for (const voter of [0, 1, 3]) bench.receive(voter, bench.vote(voter, 1, first.id));
    const [effect] = only(bench.receive(3, bench.vote(3, 1, digestOf('other'))), 'evidence');
    expect(effect?.evidence).toMatchObject({ offence: 'double-vote', validator: 3, round: 1 });
    expect(verifyEvidence(effect!.evidence, bench.validators, bench.signatures.verify)).toBe(true);
    expect(bench.receive(3, bench.vote(3, 1, digestOf('other')))).toEqual([]);
  });

  it('are none when the second is forged, and the first keeps its slot', () => {
    const { bench, first } = collector();
    bench.receive(0, bench.vote(0, 1, first.id));
    bench.receive(0, { ...bench.vote(0, 1, digestOf('other')), signature: bench.vote(0, 1, first.id).signature });
    for (const voter of [1, 3]) bench.receive(voter, bench.vote(voter, 1, first.id));
    expect(bench.core.status().round).toBe(2);
  });

  it('are none when the first is forged, and the second takes its slot', () => {
    const { bench, first } = collector();
    bench.receive(0, { ...bench.vote(0, 1, digestOf('other')), signature: bench.vote(0, 1, first.id).signature });
    expect(bench.receive(0, bench.vote(0, 1, first.id))).toEqual([]);
    for (const voter of [1, 3]) bench.receive(voter, bench.vote(voter, 1, first.id));
    expect(bench.core.status().round).toBe(2);
  });
});

describe('verifyEvidence', () => {
  const { bench, first } = collector();
  bench.receive(3, bench.vote(3, 1, first.id));
  const { evidence } = only(bench.receive(3, bench.vote(3, 1, digestOf('other'))), 'evidence')[0]!;
  const { validators, signatures } = bench;

  it.each<[string, Partial<Evidence>]>([
    ['another validator', { validator: 1 }],
    ['a validator beyond the set', { validator: 9 }],
    ['another round', { round: 2 }],
    ['another offence', { offence: 'double-proposal' }],
    ['the same statement twice', { second: evidence.first }],
    ['the statements in the other order', { first: evidence.second, second: evidence.first }],
  ])('refuses %s', (_, changes) => {
    expect(verifyEvidence({ ...evidence, ...changes }, validators, signatures.verify)).toBe(false);
  });

  it('accepts it after a round trip', () => {
    const copy = decode(evidenceCodec, encode(evidenceCodec, evidence));
    expect(verifyEvidence(copy, validators, signatures.verify)).toBe(true);
  });
});
