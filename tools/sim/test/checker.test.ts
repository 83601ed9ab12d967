import {
  type Block,
  type ChainBlock,
  createValidatorSet,
  type Evidence,
  genesisBlock,
  type SafetyState,
  type SignRequest,
} from '@hypermesh/mesh';
import { createTestSignatures } from '@hypermesh/testkit';
import { describe, expect, it } from 'vitest';
import { Checker } from '../src/checker.ts';
import { Simulation } from '../src/simulation.ts';

const signatures = createTestSignatures(4);
const validators = createValidatorSet(signatures.keys.map((voteKey) => ({ voteKey })));
const genesis = genesisBlock({ meshId: new Uint8Array(32), validatorCount: 4, time: 0, rootOfRoots: new Uint8Array(32) });
const digest = new Uint8Array(32).fill(5);
const durable: SafetyState = { epoch: 0, lastVotedRound: 9, lastProposedRound: 9, highQc: genesis.block.parent, tc: null };

function checked(): { simulation: Simulation; checker: Checker } {
  const simulation = new Simulation(1, false);
  const { verify } = signatures;
  return { simulation, checker: new Checker(simulation, { validators, verify, adversaries: new Set([3]) }) };
}

function chainAt(height: number, idByte: number, changes: Partial<Block> = {}): ChainBlock {
  return { ...genesis, height, id: new Uint8Array(32).fill(idByte), block: { ...genesis.block, ...changes } };
}

function voteFor(idByte: number): SignRequest {
  return { kind: 'vote', vote: { meshId: digest, epoch: 0, round: 4, blockId: new Uint8Array(32).fill(idByte), voter: 0 } };
}

describe('the checker', () => {
  const all = (): number => 4;
  const timeout: SignRequest = {
    kind: 'timeout',
    timeout: { meshId: digest, epoch: 0, round: 4, highQcRound: 0 },
    highQc: genesis.block.parent,
    tc: null,
  };
  const evidence: Evidence = {
    offence: 'double-vote',
    meshId: digest,
    epoch: 0,
    round: 1,
    validator: 3,
    first: { blockId: digest, signature: signatures.sign(3, digest) },
    second: { blockId: digest, signature: signatures.sign(3, digest) },
  };

  it.each<[string, RegExp, (checker: Checker) => void]>([
    [
      'two blocks at one height',
      /^agreement/,
      (checker) => {
        checker.commit(0, chainAt(1, 1), 0, all);
        checker.commit(1, chainAt(1, 2), 0, all);
      },
    ],
    [
      'a block that is not later than its parent',
      /^time/,
      (checker) => {
        checker.commit(0, chainAt(1, 1, { time: 7 }), 0, all);
        checker.commit(0, chainAt(2, 2, { time: 7 }), 1, all);
      },
    ],
    ['a height that is skipped', /^order/, (checker) => checker.commit(0, chainAt(2, 1), 0, all)],
    ['a digest that nobody submitted', /^validity/, (checker) => checker.commit(0, chainAt(1, 1, { batches: [digest] }), 0, all)],
    [
      'a batch that too few hold',
      /^durability/,
      (checker) => {
        checker.submit(digest);
        checker.commit(0, chainAt(1, 1, { batches: [digest] }), 0, () => 1);
      },
    ],
    [
      'two votes in one round',
      /^contradiction/,
      (checker) => {
        checker.sign(0, voteFor(1), durable);
        checker.sign(0, voteFor(2), durable);
      },
    ],
    [
      'a vote after the time-out',
      /^vote/,
      (checker) => {
        checker.sign(0, timeout, durable);
        checker.sign(0, voteFor(1), durable);
      },
    ],
    ['a vote that is not durable', /^durability/, (checker) => checker.sign(0, voteFor(1), { ...durable, lastVotedRound: 3 })],
    ['a vote without a safety state', /^durability/, (checker) => checker.sign(0, voteFor(1), null)],
    ['evidence that does not verify', /^evidence/, (checker) => checker.evidence(evidence)],
    [
      'a certified alarm',
      /^alarm/,
      (checker) => {
        const block = chainAt(1, 1, { proposer: 3 });
        checker.alarm(0, { kind: 'alarm', code: 'hypermesh.state_mismatch', block, rootOfRoots: digest, certified: true });
      },
    ],
    [
      'a rejection of what an honest validator sent',
      /^rejection/,
      (checker) => checker.rejected(0, { kind: 'rejected', from: 1, code: 'hypermesh.certificate_invalid', reason: 'signatures' }),
    ],
  ])('reports %s', (_, words, act) => {
    const { simulation, checker } = checked();
    act(checker);
    expect(simulation.violation).toMatch(words);
  });

  it('reports nothing about the same again, other rounds and adversaries', () => {
    const { simulation, checker } = checked();
    checker.submit(digest);
    for (const validator of [0, 1]) checker.commit(validator, chainAt(1, 1, { batches: [digest] }), 0, () => 2);
    for (let again = 0; again < 2; again++) checker.sign(0, voteFor(1), durable);
    checker.sign(1, voteFor(2), durable);
    checker.rejected(0, { kind: 'rejected', from: 3, code: 'hypermesh.vote_invalid', reason: 'signature' });
    checker.rejected(0, { kind: 'rejected', from: 1, code: 'hypermesh.proposal_invalid', reason: 'clock' });
    expect(simulation.violation).toBeNull();
    expect(checker.height).toBe(1);
  });
});
