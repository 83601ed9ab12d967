import { bytes, bytesUpTo, type Codec, decode, encode, hasCode, list, struct, uint } from '@hypermesh/stoq';
import {
  BUNDLE_BYTES_MAX,
  CERTIFICATE_BYTES_MAX,
  CHECKPOINT_BYTES_MAX,
  INTERMEDIATE_COUNT_MAX,
  PROOF_HASHES_MAX,
  ROTATION_BYTES_MAX,
  ROTATION_COUNT_MAX,
} from '../constants.ts';
import { trustError } from '../errors.ts';

/** All that an offline verifier needs besides its own root, log and witness keys. */
export interface Bundle {
  /** Leaf certificate, DER. Its log entry is these bytes. */
  readonly leaf: Uint8Array;
  /** DER, the issuer of the leaf first; the root is the verifier's own. */
  readonly intermediates: readonly Uint8Array[];
  /** Index of the leaf's entry in the certificate log. */
  readonly logIndex: number;
  /** RFC 6962 audit path from the entry to the root of the checkpoint, leaf side first; 32 bytes each. */
  readonly inclusionProof: readonly Uint8Array[];
  /** Signed note with the log's Ed25519 and FALCON signatures and the cosignatures of witnesses. */
  readonly checkpoint: Uint8Array;
  /** Statements by which the identity key was rotated, oldest first, each in its own encoding. */
  readonly rotations: readonly Uint8Array[];
}

const HASH_BYTES = 32;

/** Final format of a certificate bundle: a positional array in canonical CBOR. */
export const bundleCodec: Codec<Bundle> = struct({
  leaf: bytesUpTo(CERTIFICATE_BYTES_MAX),
  intermediates: list(bytesUpTo(CERTIFICATE_BYTES_MAX), INTERMEDIATE_COUNT_MAX),
  logIndex: uint(),
  inclusionProof: list(bytes(HASH_BYTES), PROOF_HASHES_MAX),
  checkpoint: bytesUpTo(CHECKPOINT_BYTES_MAX),
  rotations: list(bytesUpTo(ROTATION_BYTES_MAX), ROTATION_COUNT_MAX),
});

export function encodeBundle(bundle: Bundle): Uint8Array {
  return encode(bundleCodec, bundle);
}

/** Throws `trustchain.bundle_malformed` with the codec's error as cause. */
export function decodeBundle(encoded: Uint8Array): Bundle {
  try {
    return decode(bundleCodec, encoded, BUNDLE_BYTES_MAX);
  } catch (cause) {
    if (!hasCode(cause, 'stoq.codec_malformed') && !hasCode(cause, 'stoq.codec_limit')) throw cause;
    throw trustError('trustchain.bundle_malformed', { reason: cause.message }, { cause });
  }
}
