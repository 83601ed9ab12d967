import { type Crypto, sha256 } from '@hypermesh/stoq';
import { trustError } from '../errors.ts';
import type { GenesisLogs } from '../genesis/genesis.ts';
import { BoundedCache } from '../log/bounded-cache.ts';
import { leafHash, verifyInclusion } from '../log/merkle.ts';
import { parseCheckpoint, type SignedCheckpoint } from '../note/checkpoint.ts';
import { cosignerKeyId, verifyCosignature } from '../note/cosignature.ts';
import { verifyLogSignatures } from '../note/log-signature.ts';
import { findSignature } from '../note/note.ts';
import type { WitnessPolicy } from '../witness/policy.ts';
import type { Trust } from './trust.ts';

export interface CheckpointVerification {
  readonly trust: Trust;
  readonly crypto: Crypto;
  /** Witness policies of this version and on are accepted; by default the newest alone. 0 accepts checkpoints of phase 0. */
  readonly policyVersionMin?: number;
  readonly cache?: CheckpointCache;
}

export interface LogProof {
  readonly index: number;
  readonly proof: readonly Uint8Array[];
  readonly checkpoint: Uint8Array;
}

/** Checkpoints whose signatures have verified, by content, log and policy. */
export type CheckpointCache = BoundedCache<SignedCheckpoint>;

// All nodes of a mesh hold bundles under the checkpoints of one day's renewals.
const CACHED_CHECKPOINTS_MAX = 1024;

export function createCheckpointCache(): CheckpointCache {
  return new BoundedCache(CACHED_CHECKPOINTS_MAX);
}

/**
 * A checkpoint that both keys of the log have signed and a quorum of witnesses has cosigned.
 * Throws `trustchain.checkpoint_malformed`, `trustchain.checkpoint_unsigned`, `trustchain.witness_quorum_missing`.
 */
export function verifyCheckpoint(bytes: Uint8Array, log: keyof GenesisLogs, verification: CheckpointVerification): SignedCheckpoint {
  const { trust, crypto, cache, policyVersionMin = trust.policy().version } = verification;
  const key = `${log} ${policyVersionMin} ${trust.policy().version} ${Buffer.from(sha256(bytes)).toString('base64')}`;
  const known = cache?.get(key);
  if (known !== undefined) return known;
  const checkpoint = parseCheckpoint(bytes);
  const keys = trust.logs[log];
  if (checkpoint.origin !== keys.origin) {
    throw trustError('trustchain.checkpoint_unsigned', { origin: keys.origin, reason: 'another log' });
  }
  verifyLogSignatures(checkpoint.note, keys, crypto);
  assertQuorum(checkpoint, trust.policiesFrom(policyVersionMin), crypto);
  cache?.set(key, checkpoint);
  return checkpoint;
}

/** Throws what `verifyCheckpoint` throws, and `trustchain.proof_failed`. */
export function verifyLogProof(
  entry: Uint8Array,
  { index, proof, checkpoint }: LogProof,
  log: keyof GenesisLogs,
  verification: CheckpointVerification,
): SignedCheckpoint {
  const head = verifyCheckpoint(checkpoint, log, verification);
  if (!verifyInclusion(leafHash(entry), index, head.size, proof, head.root)) {
    throw trustError('trustchain.proof_failed', { origin: head.origin, index, size: head.size });
  }
  return head;
}

/** Whether one of the policies is satisfied. Throws `trustchain.witness_quorum_missing`. */
function assertQuorum(checkpoint: SignedCheckpoint, policies: readonly WitnessPolicy[], crypto: Crypto): void {
  let best = 0;
  for (const policy of policies.toReversed()) {
    if (policy.version === 0) return;
    const cosigners = policy.witnesses.filter((witness) => {
      const signature = findSignature(checkpoint.note, witness.name, cosignerKeyId(witness));
      return signature !== null && verifyCosignature(checkpoint, witness, signature, crypto);
    });
    if (cosigners.length >= policy.threshold) return;
    best = Math.max(best, cosigners.length);
  }
  const newest = policies.at(-1);
  throw trustError('trustchain.witness_quorum_missing', { version: newest?.version, threshold: newest?.threshold, cosignatures: best });
}
