import {
  bytesUpTo,
  type Codec,
  type Crypto,
  encode,
  type HybridSignature,
  hybridSignatureCodec,
  labelled,
  list,
  struct,
  uint,
} from '@hypermesh/stoq';
import { CHECKPOINT_BYTES_MAX } from '../constants.ts';
import { decodeAs } from '../decoding.ts';
import { trustError } from '../errors.ts';
import type { LogKeys, LogSigners } from '../note/log-signature.ts';
import { REVOCATION_BYTES_MAX } from './revocation.ts';

/** Says which state of the revocation log is current, and for how long. */
export interface RevocationHead {
  /** Milliseconds since the epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** Checkpoint of the revocation log, cosigned as the policy demands. */
  readonly checkpoint: Uint8Array;
}

/** All entries of the log from index `from` to the size of the checkpoint: a snapshot if `from` is 0, else a delta. */
export interface RevocationUpdate {
  readonly from: number;
  /** Encoded revocations. */
  readonly entries: readonly Uint8Array[];
  readonly head: RevocationHead;
  /** Both keys of the revocation log over the head. */
  readonly signature: HybridSignature;
}

// A verifier that cannot reach TrustChain for a night and a day still works; see the alert that rings long before.
export const REVOCATION_LIFETIME_MS: number = 36 * 3_600_000;
// Revocations are rare where certificates end after a day; 40,000 entries are a snapshot of about 3.3 MiB.
export const REVOCATION_COUNT_MAX: number = 40_000;
export const REVOCATION_UPDATE_BYTES_MAX: number = 4 * 1024 * 1024;

const LABEL = 'hypermesh/revocation-head/1';

const headCodec: Codec<RevocationHead> = struct({
  thisUpdate: uint(),
  nextUpdate: uint(),
  checkpoint: bytesUpTo(CHECKPOINT_BYTES_MAX),
});

const updateCodec: Codec<RevocationUpdate> = struct({
  from: uint(),
  entries: list(bytesUpTo(REVOCATION_BYTES_MAX), REVOCATION_COUNT_MAX),
  head: headCodec,
  signature: hybridSignatureCodec,
});

export function encodeRevocationUpdate(update: RevocationUpdate): Uint8Array {
  return encode(updateCodec, update);
}

/** Throws `trustchain.revocation_malformed`. Verifies no signature. */
export function decodeRevocationUpdate(encoded: Uint8Array): RevocationUpdate {
  return decodeAs(updateCodec, encoded, REVOCATION_UPDATE_BYTES_MAX, 'trustchain.revocation_malformed');
}

export async function signRevocationHead(head: RevocationHead, signers: LogSigners): Promise<HybridSignature> {
  const message = labelled(LABEL, encode(headCodec, head));
  const [classical, postQuantum] = await Promise.all([signers.classical.sign(message), signers.postQuantum.sign(message)]);
  return { classical, postQuantum };
}

/** Throws `trustchain.signature_failed`. */
export function verifyRevocationHead({ head, signature }: RevocationUpdate, keys: LogKeys, crypto: Crypto): void {
  const message = labelled(LABEL, encode(headCodec, head));
  if (!crypto.verifyHybrid(keys, message, signature)) throw trustError('trustchain.signature_failed', { object: 'revocation head' });
}
