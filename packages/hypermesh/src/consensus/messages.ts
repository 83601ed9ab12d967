import { bytes, type Codec, HASH_BYTES, list, optional, type Signature, signatureCodec, struct, uint, union } from '@hypermesh/stoq';
import { VALIDATOR_COUNT_MAX } from '@hypermesh/trustchain';
import { type Block, blockCodec } from './block.ts';
import { quorumCertificateCodec, type QuorumCertificate, timeoutCertificateCodec, type TimeoutCertificate } from './certificate.ts';
import { ANNOUNCED_DIGESTS_MAX } from './constants.ts';
import { type Vote, voteCodec } from './statements.ts';

export interface Proposal {
  readonly block: Block;
  /** Of the proposal statement, by the proposer. */
  readonly signature: Signature;
  /** Of the round before, when the block's parent is older than that. */
  readonly tc: TimeoutCertificate | null;
}

export interface SignedVote {
  readonly vote: Vote;
  readonly signature: Signature;
}

export interface SignedTimeout {
  readonly round: number;
  readonly highQc: QuorumCertificate;
  /** Of the round before, when `highQc` is older than that: what brought the sender into the round. */
  readonly tc: TimeoutCertificate | null;
  readonly voter: number;
  /** Of the time-out with the round of `highQc`. */
  readonly signature: Signature;
}

/** What a validator knows about progress, for one that lags. */
export interface Certificates {
  readonly highQc: QuorumCertificate;
  readonly tc: TimeoutCertificate | null;
}

/** Digests that the sender has stored and nobody has ordered. */
export interface Announcement {
  readonly digests: readonly Uint8Array[];
}

/** What validators send each other; senders are authenticated by the session. */
export type ConsensusMessage =
  | ({ readonly kind: 'proposal' } & Proposal)
  | ({ readonly kind: 'vote' } & SignedVote)
  | ({ readonly kind: 'timeout' } & SignedTimeout)
  | ({ readonly kind: 'certificates' } & Certificates)
  | ({ readonly kind: 'announcement' } & Announcement);

const tc = optional(timeoutCertificateCodec);

export const consensusMessageCodec: Codec<ConsensusMessage> = union({
  proposal: struct({ block: blockCodec, signature: signatureCodec, tc }),
  vote: struct({ vote: voteCodec, signature: signatureCodec }),
  timeout: struct({
    round: uint(),
    highQc: quorumCertificateCodec,
    tc,
    voter: uint(VALIDATOR_COUNT_MAX - 1),
    signature: signatureCodec,
  }),
  certificates: struct({ highQc: quorumCertificateCodec, tc }),
  announcement: struct({ digests: list(bytes(HASH_BYTES), ANNOUNCED_DIGESTS_MAX) }),
});
