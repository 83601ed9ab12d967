import { type Codec, optional, struct, uint } from '@hypermesh/stoq';
import { quorumCertificateCodec, type QuorumCertificate, timeoutCertificateCodec, type TimeoutCertificate } from './certificate.ts';

/** What must be durable before a signature leaves: the vote key is useless without it. */
export interface SafetyState {
  readonly epoch: number;
  /** No vote is given in this round or an earlier one; a time-out of a round counts as one. */
  readonly lastVotedRound: number;
  readonly lastProposedRound: number;
  readonly highQc: QuorumCertificate;
  /** What brought the validator into its round, when that was not `highQc`. */
  readonly tc: TimeoutCertificate | null;
}

export const safetyStateCodec: Codec<SafetyState> = struct({
  epoch: uint(),
  lastVotedRound: uint(),
  lastProposedRound: uint(),
  highQc: quorumCertificateCodec,
  tc: optional(timeoutCertificateCodec),
});
