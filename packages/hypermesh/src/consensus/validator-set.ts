import { strict as assert } from 'node:assert';
import type { PublicKey, SignatureAlgorithm } from '@hypermesh/stoq';
import type { ValidatorEntry } from '@hypermesh/trustchain';

/** The validators of one epoch, by index. */
export interface ValidatorSet {
  readonly size: number;
  /** Validators that may be faulty in any way: f = floor((n-1)/3). */
  readonly faultyMax: number;
  /** Q = ceil((n+f+1)/2): two quorums share an honest validator, and n-f validators are one. */
  readonly quorum: number;
  readonly voteKeys: readonly PublicKey<SignatureAlgorithm>[];
  leaderOf(round: number): number;
}

/** The set of the genesis document; leaders take turns. */
export function createValidatorSet(validators: readonly Pick<ValidatorEntry, 'voteKey'>[]): ValidatorSet {
  const size = validators.length;
  assert(size > 0, 'a validator set is not empty');
  const faultyMax = Math.floor((size - 1) / 3);
  return {
    size,
    faultyMax,
    quorum: Math.ceil((size + faultyMax + 1) / 2),
    // Genesis refuses vote keys that cannot sign.
    voteKeys: validators.map(({ voteKey }) => voteKey as PublicKey<SignatureAlgorithm>),
    leaderOf: (round) => round % size,
  };
}
