import type { RestoredConsensus, ValidatorSet } from '@hypermesh/mesh';
import type { Crypto } from '@hypermesh/stoq';

export const PLANTS = ['vote-twice-after-restart', 'wrong-quorum', 'unchecked-qc'] as const;

/** A bug put in on purpose: a campaign that does not find it proves nothing about the real core. */
export type Plant = (typeof PLANTS)[number];

/** The quorum of 2f+1, which is one only when n = 3f+1. */
export function plantedSet(plant: Plant | null, validators: ValidatorSet): ValidatorSet {
  return plant === 'wrong-quorum' ? { ...validators, quorum: 2 * validators.faultyMax + 1 } : validators;
}

/** Takes every vote for genuine, and with it every certificate. */
export function plantedVerify(plant: Plant | null, verify: Crypto['verify']): Crypto['verify'] {
  if (plant !== 'unchecked-qc') return verify;
  return (key, message, signature) => isVote(message) || verify(key, message, signature);
}

/** A log that forgets which rounds were voted in. */
export function plantedRestore(plant: Plant | null, restored: RestoredConsensus): RestoredConsensus {
  if (plant !== 'vote-twice-after-restart' || restored.safety === null) return restored;
  return { ...restored, safety: { ...restored.safety, lastVotedRound: 0 } };
}

const VOTE_LABEL = Buffer.from('hypermesh/vote/1\0');

function isVote(message: Uint8Array): boolean {
  return VOTE_LABEL.equals(message.subarray(0, VOTE_LABEL.length));
}
