import { ALGORITHMS } from './algorithms.ts';

// Header byte of a detached signature: 0x30 (compressed) + log2 of the degree (1024 = 2^10).
const HEADER_COMPRESSED_1024 = 0x3a;
const NONCE_BYTES = 40;
// Each of the 1024 coefficients takes at least 9 bits.
const SIGNATURE_BYTES_MIN = 1 + NONCE_BYTES + (1024 * 9) / 8;

/**
 * Whether the bytes have the one accepted form of a FALCON-1024 signature: compressed, without padding.
 * The last coefficient ends in a 1 bit, followed by fewer than eight zero bits, so the last byte of the compressed
 * form is never zero and that of the zero-padded form, which other verifiers accept as well, always is.
 */
export function isCompressedFalcon(signature: Uint8Array): boolean {
  return (
    signature.length >= SIGNATURE_BYTES_MIN &&
    signature.length <= ALGORITHMS.falcon1024.signatureBytesMax &&
    signature[0] === HEADER_COMPRESSED_1024 &&
    signature[signature.length - 1] !== 0
  );
}
