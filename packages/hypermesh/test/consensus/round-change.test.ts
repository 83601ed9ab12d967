import { describe, expect, it } from 'vitest';
import type { ConsensusMessage, SignedTimeout } from '../../src/consensus/messages.ts';
import { Bench, digestOf, only, reasons, sent } from './bench.ts';

/** Validator 0 has work in round 1, whose leader, 1, is silent. */
function waiting(count = 4): Bench {
  const bench = new Bench({ self: 0, count });
  bench.do({ kind: 'started' });
  bench.store('a');
  return bench;
}

function timeouts(bench: Bench, round: number, voters: readonly number[]) {
  return voters.flatMap((voter) =>
    bench.receive(voter, bench.timeout(voter, round, bench.genesisQc, round === 1 ? null : bench.tc(round - 1))),
  );
}

describe('the timer', () => {
  it('starts with the first work and not before', () => {
    const bench = new Bench({ self: 0 });
    expect(only(bench.do({ kind: 'started' }), 'set-timer')).toEqual([]);
    expect(only(bench.store('a'), 'set-timer')).toEqual([{ kind: 'set-timer', round: 1, delayMs: 100 }]);
    expect(only(bench.store('b'), 'set-timer')).toEqual([]);
  });

  it('that was replaced is ignored', () => {
    const bench = waiting();
    expect(bench.do({ kind: 'timer-expired', round: 2 })).toEqual([]);
  });

  it('doubles within a round up to the maximum', () => {
    const bench = waiting();
    const delays = [1, 2, 3, 4, 5].map(() => only(bench.do({ kind: 'timer-expired', round: 1 }), 'set-timer')[0]?.delayMs);
    expect(delays).toEqual([200, 400, 800, 1000, 1000]);
  });

  it.each([
    { round: 2, delayMs: 100 },
    { round: 3, delayMs: 200 },
    { round: 4, delayMs: 400 },
    { round: 60, delayMs: 1000 },
  ])('in round $round after f failed rounds waits $delayMs ms', ({ round, delayMs }) => {
    const bench = waiting();
    const effects = bench.receive(1, { kind: 'certificates', highQc: bench.genesisQc, tc: bench.tc(round - 1) });
    expect(only(effects, 'set-timer')).toEqual([{ kind: 'set-timer', round, delayMs }]);
  });
});

describe('a time-out', () => {
  it('is durable before it is signed, goes to all, and announces the work', () => {
    const bench = waiting();
    const effects = bench.do({ kind: 'timer-expired', round: 1 });
    expect(effects.map(({ kind }) => kind)).toEqual(['persist', 'sign', 'send', 'set-timer', 'send']);
    expect(only(effects, 'persist')).toMatchObject([{ safety: { lastVotedRound: 1 }, block: null }]);
    expect(sent(effects, 'timeout')).toMatchObject([{ to: 'all', message: { round: 1, voter: 0, tc: null } }]);
    expect(sent(effects, 'announcement')).toMatchObject([{ to: 'all', message: { digests: [digestOf('a')] } }]);
  });

  it('ends voting in the round', () => {
    const bench = waiting();
    bench.do({ kind: 'timer-expired', round: 1 });
    expect(sent(bench.propose(bench.block(1, bench.genesis)), 'vote')).toEqual([]);
  });

  it('is signed once and sent again when the timer runs out again', () => {
    const bench = waiting();
    bench.do({ kind: 'timer-expired', round: 1 });
    const again = bench.do({ kind: 'timer-expired', round: 1 });
    expect(only(again, 'sign')).toEqual([]);
    expect(sent(again, 'timeout')).toHaveLength(1);
  });

  it('whose signature comes after the round is dropped', () => {
    const bench = waiting();
    const [request] = only(bench.raw({ kind: 'timer-expired', round: 1 }), 'sign');
    bench.receive(1, { kind: 'certificates', highQc: bench.genesisQc, tc: bench.tc(1) });
    const signature = bench.sign(0, request!.message);
    expect(sent(bench.do({ kind: 'signed', request: request!.request, signature }), 'timeout')).toEqual([]);
  });

  it('of f + 1 others makes a validator without work join', () => {
    const bench = new Bench({ self: 0 });
    expect(sent(timeouts(bench, 1, [1]), 'timeout')).toEqual([]);
    expect(sent(timeouts(bench, 1, [2]), 'timeout')).toHaveLength(1);
  });

  it('of a quorum starts the next round', () => {
    const bench = waiting();
    bench.do({ kind: 'timer-expired', round: 1 });
    timeouts(bench, 1, [1, 1, 1]);
    expect(bench.core.status().round).toBe(1);
    timeouts(bench, 1, [2]);
    expect(bench.core.status()).toMatchObject({ round: 2, highQcRound: 0 });
  });

  it('of a later round brings its certificates', () => {
    const bench = waiting();
    const effects = timeouts(bench, 7, [2]);
    expect(bench.core.status().round).toBe(7);
    expect(reasons(effects)).toEqual([]);
  });

  it('of an earlier round is answered with what its sender lacks', () => {
    const bench = waiting();
    bench.receive(1, { kind: 'certificates', highQc: bench.genesisQc, tc: bench.tc(4) });
    expect(sent(timeouts(bench, 2, [3]), 'certificates')).toMatchObject([{ to: 3, message: { highQc: { round: 0 }, tc: { round: 4 } } }]);
  });

  it('with an older certificate is answered with the newer one', () => {
    const bench = waiting();
    const first = bench.child(bench.genesis);
    bench.propose(first.block);
    bench.receive(1, { kind: 'certificates', highQc: bench.qc(first), tc: bench.tc(2) });
    expect(sent(timeouts(bench, 3, [3]), 'certificates')).toMatchObject([{ to: 3, message: { highQc: { round: 1 }, tc: { round: 2 } } }]);
  });

  const changes: [string, string, (bench: Bench) => Partial<SignedTimeout>][] = [
    ['in the name of another', 'vote_invalid: timeout', () => ({ voter: 2 })],
    [
      'with the signature of another',
      'vote_invalid: signature',
      (bench) => ({ signature: bench.timeout(2, 1, bench.genesisQc).signature }),
    ],
    ['without what brought it into its round', 'vote_invalid: timeout', () => ({ round: 2 })],
    ['with the certificate of another round', 'vote_invalid: timeout', (bench) => ({ round: 5, tc: bench.tc(3) })],
    ['with a certificate that it does not need', 'vote_invalid: timeout', (bench) => ({ tc: bench.tc(1) })],
    ['with a certificate of its own round', 'vote_invalid: timeout', (bench) => ({ highQc: bench.qc(bench.child(bench.genesis)) })],
  ];

  it.each(changes)('%s is refused', (_, reason, changesOf) => {
    const bench = waiting();
    const message: ConsensusMessage = { ...bench.timeout(1, 1, bench.genesisQc), ...changesOf(bench) };
    expect(reasons(bench.receive(1, message))).toEqual([reason]);
  });

  it('with certificates that do not verify is refused', () => {
    const bench = waiting();
    const highQc = bench.qc(bench.child(bench.genesis), [0, 1]);
    expect(reasons(bench.receive(1, bench.timeout(1, 2, highQc)))).toEqual(['certificate_invalid: signatures']);
    expect(bench.core.status().round).toBe(1);
  });
});

describe('without a quorum', () => {
  it('the mesh stalls, says who is silent, and resumes when one returns', () => {
    const bench = waiting();
    expect(only(bench.do({ kind: 'timer-expired', round: 1 }), 'stalled')).toEqual([]);
    expect(bench.core.status().silent).toEqual([]);
    timeouts(bench, 1, [3]);
    expect(only(bench.do({ kind: 'timer-expired', round: 1 }), 'stalled')).toEqual([{ kind: 'stalled', round: 1, silent: [1, 2] }]);
    expect(bench.core.status().silent).toEqual([1, 2]);
    const effects = timeouts(bench, 1, [2]);
    expect(only(effects, 'resumed')).toEqual([{ kind: 'resumed', round: 2 }]);
    expect(bench.core.status()).toMatchObject({ round: 2, silent: [] });
  });
});

describe('an announcement', () => {
  it('of unknown digests fetches their batches from the sender', () => {
    const bench = new Bench({ self: 0 });
    bench.store('a');
    const effects = bench.receive(2, { kind: 'announcement', digests: [digestOf('a'), digestOf('b')] });
    expect(only(effects, 'fetch-announced')).toEqual([{ kind: 'fetch-announced', digests: [digestOf('b')], from: 2 }]);
    expect(only(bench.receive(2, { kind: 'announcement', digests: [digestOf('a')] }), 'fetch-announced')).toEqual([]);
  });
});

describe('a validator that connects', () => {
  it('is told the certificates, the time-out and the work', () => {
    const bench = waiting();
    bench.receive(1, { kind: 'certificates', highQc: bench.qc(bench.child(bench.genesis)), tc: null });
    bench.do({ kind: 'timer-expired', round: 2 });
    const effects = bench.do({ kind: 'connected', peer: 3 });
    expect(only(effects, 'send').map(({ to, message }) => [to, message.kind])).toEqual([
      [3, 'certificates'],
      [3, 'timeout'],
      [3, 'announcement'],
    ]);
  });

  it('is told nothing by a validator that has nothing', () => {
    expect(new Bench({ self: 0 }).do({ kind: 'connected', peer: 3 })).toEqual([]);
  });
});
