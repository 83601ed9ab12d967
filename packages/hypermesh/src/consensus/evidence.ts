import { bytes, type Codec, type Crypto, oneOf, type Signature, signatureCodec, struct, uint } from '@hypermesh/stoq';
import { VALIDATOR_COUNT_MAX } from '@hypermesh/trustchain';
import { byteKey } from './byte-key.ts';
import { proposalMessage, voteMessage } from './statements.ts';
import type { ValidatorSet } from './validator-set.ts';

/** Two signed statements of one validator in one slot: proof of its fault for anybody who holds the validator set. */
export interface Evidence {
  readonly offence: 'double-vote' | 'double-proposal';
  readonly meshId: Uint8Array;
  readonly epoch: number;
  readonly round: number;
  readonly validator: number;
  /** In the order of the block ids. */
  readonly first: SignedBlockId;
  readonly second: SignedBlockId;
}

export interface SignedBlockId {
  readonly blockId: Uint8Array;
  readonly signature: Signature;
}

const signedBlockIdCodec: Codec<SignedBlockId> = struct({ blockId: bytes(32), signature: signatureCodec });

export const evidenceCodec: Codec<Evidence> = struct({
  offence: oneOf('double-vote', 'double-proposal'),
  meshId: bytes(32),
  epoch: uint(),
  round: uint(),
  validator: uint(VALIDATOR_COUNT_MAX - 1),
  first: signedBlockIdCodec,
  second: signedBlockIdCodec,
});

export type Slot = Pick<Evidence, 'offence' | 'meshId' | 'epoch' | 'round' | 'validator'>;

/** Evidence in its one form, whichever statement came first. */
export function evidenceOf(slot: Slot, one: SignedBlockId, other: SignedBlockId): Evidence {
  const { offence, meshId, epoch, round, validator } = slot;
  const inOrder = Buffer.compare(one.blockId, other.blockId) < 0;
  return { offence, meshId, epoch, round, validator, first: inOrder ? one : other, second: inOrder ? other : one };
}

/** Whether both statements are the validator's and contradict each other. */
export function verifyEvidence(evidence: Evidence, validators: ValidatorSet, verify: Crypto['verify']): boolean {
  const key = validators.voteKeys[evidence.validator];
  if (key === undefined || byteKey(evidence.first.blockId) >= byteKey(evidence.second.blockId)) return false;
  return [evidence.first, evidence.second].every(({ blockId, signature }) => verify(key, statementMessage(evidence, blockId), signature));
}

function statementMessage({ offence, meshId, epoch, round, validator }: Slot, blockId: Uint8Array): Uint8Array {
  const slot = { meshId, epoch, round, blockId };
  return offence === 'double-vote' ? voteMessage({ ...slot, voter: validator }) : proposalMessage({ ...slot, proposer: validator });
}
