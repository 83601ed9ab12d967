import { createTestSignatures } from '@hypermesh/testkit';
import { describe, expect, it } from 'vitest';
import { createValidatorSet } from '../../src/consensus/validator-set.ts';

const setOf = (size: number) => createValidatorSet(createTestSignatures(size).keys.map((voteKey) => ({ voteKey })));

describe('createValidatorSet', () => {
  it.each([
    { size: 1, faultyMax: 0, quorum: 1 },
    { size: 2, faultyMax: 0, quorum: 2 },
    { size: 3, faultyMax: 0, quorum: 2 },
    { size: 4, faultyMax: 1, quorum: 3 },
    { size: 5, faultyMax: 1, quorum: 4 },
    { size: 6, faultyMax: 1, quorum: 4 },
    { size: 7, faultyMax: 2, quorum: 5 },
    { size: 10, faultyMax: 3, quorum: 7 },
    { size: 20, faultyMax: 6, quorum: 14 },
    { size: 21, faultyMax: 6, quorum: 14 },
    { size: 22, faultyMax: 7, quorum: 15 },
    { size: 50, faultyMax: 16, quorum: 34 },
    { size: 100, faultyMax: 33, quorum: 67 },
  ])('n = $size: f = $faultyMax, Q = $quorum', ({ size, faultyMax, quorum }) => {
    expect(setOf(size)).toMatchObject({ size, faultyMax, quorum });
  });

  it('lets two quorums share an honest validator, and the honest ones be a quorum', () => {
    for (let size = 1; size <= 100; size++) {
      const { faultyMax, quorum } = setOf(size);
      expect(2 * quorum - size).toBeGreaterThan(faultyMax);
      expect(quorum).toBeLessThanOrEqual(size - faultyMax);
    }
  });

  it('makes every validator leader in turn', () => {
    const validators = setOf(4);
    expect([1, 2, 3, 4, 5].map((round) => validators.leaderOf(round))).toEqual([1, 2, 3, 0, 1]);
  });

  it('refuses an empty set', () => {
    expect(() => setOf(0)).toThrow('not empty');
  });
});
