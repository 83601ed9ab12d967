import type { Signature } from '@hypermesh/stoq';
import type { HypermeshErrorCode } from '../errors.ts';
import type { Block, ChainBlock } from './block.ts';
import type { QuorumCertificate, TimeoutCertificate } from './certificate.ts';
import type { Evidence } from './evidence.ts';
import type { ConsensusMessage } from './messages.ts';
import type { SafetyState } from './safety-state.ts';
import type { Timeout, Vote } from './statements.ts';

/** All that can happen to the consensus core. */
export type ConsensusEvent =
  /** Once, before any other: takes up the round that was restored. */
  | { readonly kind: 'started' }
  /** From another validator; `from` is the index that its session proves. */
  | { readonly kind: 'message'; readonly from: number; readonly message: ConsensusMessage }
  /** A session with the validator is up again: it may have missed messages. */
  | { readonly kind: 'connected'; readonly peer: number }
  /** The batches are durable here and no executed block carries them: new ones, fetched ones, after a restart all. */
  | { readonly kind: 'batches-stored'; readonly digests: readonly Uint8Array[] }
  /** The batches are durable here, and an executed block carries them: they were asked for, or came late. */
  | { readonly kind: 'batches-ordered'; readonly digests: readonly Uint8Array[] }
  /** Answer to `fetch-blocks`: a chain in ascending order. */
  | { readonly kind: 'blocks'; readonly from: number; readonly blocks: readonly Block[] }
  /**
   * The block at that height and all before it were executed. After a restart, for recent heights in ascending order: a vote for
   * a block that states a new height needs its root, and a leader that executes slowly states an older one.
   */
  | { readonly kind: 'executed'; readonly height: number; readonly rootOfRoots: Uint8Array }
  /** Answer to `sign`. */
  | { readonly kind: 'signed'; readonly request: SignRequest; readonly signature: Signature }
  | { readonly kind: 'timer-expired'; readonly round: number };

/** What is to be signed by the vote key. */
export type SignRequest =
  | { readonly kind: 'proposal'; readonly block: Block; readonly blockId: Uint8Array; readonly tc: TimeoutCertificate | null }
  | { readonly kind: 'vote'; readonly vote: Vote }
  | {
      readonly kind: 'timeout';
      readonly timeout: Timeout;
      readonly highQc: QuorumCertificate;
      readonly tc: TimeoutCertificate | null;
    };

/**
 * What the shell does, in this order: an effect starts only after every `persist` before it is durable, also those of
 * earlier events. Nothing else waits.
 */
export type ConsensusEffect =
  /** Write atomically and durably. `block` is the one that the next signature vouches for. */
  | { readonly kind: 'persist'; readonly safety: SafetyState; readonly block: ChainBlock | null }
  /** Sign `message` (already labelled) with the vote key, then give `signed` with the same request. */
  | { readonly kind: 'sign'; readonly request: SignRequest; readonly message: Uint8Array }
  /** To one validator, or to all others. Messages may be lost. */
  | { readonly kind: 'send'; readonly to: number | 'all'; readonly message: ConsensusMessage }
  /** There is one timer: setting it again replaces it. */
  | { readonly kind: 'set-timer'; readonly round: number; readonly delayMs: number }
  | { readonly kind: 'stop-timer' }
  /** Get the chain above `afterHeight` (exclusive) up to `blockId` from one of `from`, then give `blocks`. May fail. */
  | { readonly kind: 'fetch-blocks'; readonly blockId: Uint8Array; readonly afterHeight: number; readonly from: readonly number[] }
  /** Store those batches that are not here yet, then give `batches-stored` or `batches-ordered` for all. May fail. */
  | { readonly kind: 'fetch-batches'; readonly digests: readonly Uint8Array[]; readonly from: readonly number[] }
  /** The same for batches that no block carries yet, which `from` says it has; as many as one validator may have stored here. */
  | { readonly kind: 'fetch-announced'; readonly digests: readonly Uint8Array[]; readonly from: number }
  /** A quorum vouches for the block, its batches and the root it states. At most once for a block in one run. */
  | { readonly kind: 'certified'; readonly block: ChainBlock; readonly qc: QuorumCertificate }
  /** Final, in ascending order without a gap. After a restart commits may repeat above the restored height. */
  | { readonly kind: 'commit'; readonly blocks: readonly ChainBlock[]; readonly proof: CommitProof }
  | { readonly kind: 'evidence'; readonly evidence: Evidence }
  /** The execution here differs from the one that `block` states; `certified` when a quorum vouches for it. */
  | {
      readonly kind: 'alarm';
      readonly code: 'hypermesh.state_mismatch';
      readonly block: ChainBlock;
      readonly rootOfRoots: Uint8Array;
      readonly certified: boolean;
    }
  /** A message was dropped: for metrics. */
  | { readonly kind: 'rejected'; readonly from: number; readonly code: HypermeshErrorCode; readonly reason: string }
  /** The round got no quorum of votes and no quorum of time-outs; `silent` gave no time-out. Repeated until `resumed`. */
  | { readonly kind: 'stalled'; readonly round: number; readonly silent: readonly number[] }
  | { readonly kind: 'resumed'; readonly round: number };

/**
 * Shows to anybody with the validator set that the last block of a commit is final: `child` extends it in the very next
 * round, and `qc` certifies `child`.
 */
export interface CommitProof {
  readonly child: Block;
  readonly qc: QuorumCertificate;
}

export interface ConsensusStatus {
  readonly epoch: number;
  readonly round: number;
  readonly leader: number;
  readonly committedHeight: number;
  readonly committedRound: number;
  readonly highQcRound: number;
  readonly executedHeight: number;
  readonly pendingDigests: number;
  /** Nothing is left to order or to certify: no messages, no timer. */
  readonly quiescent: boolean;
  /** When the mesh stalls: the validators whose time-outs of this round are missing. Empty otherwise. */
  readonly silent: readonly number[];
}
