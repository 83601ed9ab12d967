/**
 * The one registry of algorithm ids. An id travels with every key and signature; numbers are never reused.
 * `falcon1024` is FALCON-1024 as submitted to NIST round 3, signatures in compressed form.
 */
export const ALGORITHMS: Readonly<Record<Algorithm, AlgorithmSpec>> = {
  ed25519: { id: 1, use: 'sign', publicKeyBytes: 32, secretKeyBytes: 32, signatureBytesMax: 64 },
  falcon1024: { id: 2, use: 'sign', publicKeyBytes: 1793, secretKeyBytes: 2305, signatureBytesMax: 1462 },
  'ml-dsa-44': { id: 3, use: 'sign', publicKeyBytes: 1312, secretKeyBytes: 32, signatureBytesMax: 2420 },
  'ml-dsa-65': { id: 4, use: 'sign', publicKeyBytes: 1952, secretKeyBytes: 32, signatureBytesMax: 3309 },
  'ml-kem-1024': { id: 5, use: 'kem', publicKeyBytes: 1568, secretKeyBytes: 64, signatureBytesMax: 0 },
  x25519: { id: 6, use: 'kem', publicKeyBytes: 32, secretKeyBytes: 32, signatureBytesMax: 0 },
};

export interface AlgorithmSpec {
  readonly id: number;
  readonly use: 'sign' | 'kem';
  /** Encoded public key, bytes (raw, not SPKI). */
  readonly publicKeyBytes: number;
  /** Secret key as the keystore holds it, bytes: seeds where the algorithm has one, FALCON's expanded key. */
  readonly secretKeyBytes: number;
  readonly signatureBytesMax: number;
}

export type Algorithm = SignatureAlgorithm | KemAlgorithm;
export type SignatureAlgorithm = 'ed25519' | 'falcon1024' | 'ml-dsa-44' | 'ml-dsa-65';
export type KemAlgorithm = 'ml-kem-1024' | 'x25519';
