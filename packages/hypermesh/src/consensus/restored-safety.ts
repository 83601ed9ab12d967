import { hypermeshError } from '../errors.ts';
import type { QuorumCertificate } from './certificate.ts';
import type { ConsensusConfig, RestoredConsensus } from './consensus.ts';
import type { SafetyState } from './safety-state.ts';

/** Throws `hypermesh.safety_lost` rather than let a vote key contradict what it may have signed before. */
export function restoredSafety(
  config: ConsensusConfig,
  { safety, committed }: RestoredConsensus,
  genesisQc: QuorumCertificate,
): SafetyState {
  if (safety === null) {
    if (committed.height > 0) throw hypermeshError('hypermesh.safety_lost', { committedHeight: committed.height });
    return { epoch: config.epoch, lastVotedRound: 0, lastProposedRound: 0, highQc: genesisQc, tc: null };
  }
  if (safety.epoch !== config.epoch) throw hypermeshError('hypermesh.safety_lost', { epoch: safety.epoch });
  return safety;
}
