import { bytes, bytesUpTo, type Codec, list, type Signature, signatureCodec, struct, uint } from '@hypermesh/stoq';
import { VALIDATOR_COUNT_MAX } from '@hypermesh/trustchain';

/** Q votes for one block of one round. */
export interface QuorumCertificate {
  readonly round: number;
  readonly blockId: Uint8Array;
  /** Bit i (least significant first within a byte) is set when validator i signed. */
  readonly bitmap: Uint8Array;
  /** In voter order. */
  readonly signatures: readonly Signature[];
}

/** Q time-outs of one round. */
export interface TimeoutCertificate {
  readonly round: number;
  readonly bitmap: Uint8Array;
  /** Round of the highest quorum certificate of each signer, in voter order. */
  readonly highQcRounds: readonly number[];
  readonly signatures: readonly Signature[];
}

const BITMAP_BYTES_MAX = Math.ceil(VALIDATOR_COUNT_MAX / 8);
const bitmap = bytesUpTo(BITMAP_BYTES_MAX);
const signatures = list(signatureCodec, VALIDATOR_COUNT_MAX);

export const quorumCertificateCodec: Codec<QuorumCertificate> = struct({ round: uint(), blockId: bytes(32), bitmap, signatures });

export const timeoutCertificateCodec: Codec<TimeoutCertificate> = struct({
  round: uint(),
  bitmap,
  highQcRounds: list(uint(), VALIDATOR_COUNT_MAX),
  signatures,
});

/** The bitmap of the voters, which are in ascending order. */
export function bitmapOf(voters: readonly number[], size: number): Uint8Array {
  const result = new Uint8Array(Math.ceil(size / 8));
  for (const voter of voters) result[voter >> 3] = (result[voter >> 3] as number) | (1 << (voter & 7));
  return result;
}

/** The voters in ascending order; null for a bitmap of another length or with bits beyond the set. */
export function votersOf(bitmapBytes: Uint8Array, size: number): number[] | null {
  if (bitmapBytes.length !== Math.ceil(size / 8)) return null;
  const voters: number[] = [];
  for (let index = 0; index < bitmapBytes.length * 8; index++) {
    if (((bitmapBytes[index >> 3] as number) & (1 << (index & 7))) === 0) continue;
    if (index >= size) return null;
    voters.push(index);
  }
  return voters;
}

/** Highest certificate round among the signers: a block after this time-out must extend at least that round. */
export function highestRoundOf(certificate: TimeoutCertificate): number {
  return Math.max(...certificate.highQcRounds);
}
