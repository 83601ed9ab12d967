import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { stoqError } from '../errors.ts';
import { ALGORITHMS, type Algorithm } from './algorithms.ts';
import type { KeyPair, PublicKey, SecretKey } from './keys.ts';

/** Algorithms of which `node:crypto` holds the keys, each made from a seed. */
export type NativeAlgorithm = Exclude<Algorithm, 'falcon1024'>;

// DER in front of the raw key. SubjectPublicKeyInfo and PKCS#8: RFC 8410 (Ed25519, X25519), RFC 9881 (ML-DSA) and
// RFC 9935 (ML-KEM), the last two with the private key in its seed form, `[0] IMPLICIT OCTET STRING`.
const PREFIX: Readonly<Record<NativeAlgorithm, { readonly spki: string; readonly pkcs8: string }>> = {
  ed25519: { spki: '302a300506032b6570032100', pkcs8: '302e020100300506032b657004220420' },
  x25519: { spki: '302a300506032b656e032100', pkcs8: '302e020100300506032b656e04220420' },
  'ml-dsa-44': {
    spki: '30820532300b06096086480165030403110382052100',
    pkcs8: '3034020100300b060960864801650304031104228020',
  },
  'ml-dsa-65': {
    spki: '308207b2300b0609608648016503040312038207a100',
    pkcs8: '3034020100300b060960864801650304031204228020',
  },
  'ml-kem-1024': {
    spki: '30820632300b06096086480165030404030382062100',
    pkcs8: '3054020100300b060960864801650304040304428040',
  },
};

/** Throws `stoq.key_malformed`. */
export function importPublicKey(key: PublicKey<NativeAlgorithm>): KeyObject {
  assertKeyLength(key, ALGORITHMS[key.algorithm].publicKeyBytes);
  const der = Buffer.concat([Buffer.from(PREFIX[key.algorithm].spki, 'hex'), key.bytes]);
  try {
    return createPublicKey({ key: der, format: 'der', type: 'spki' });
  } catch (cause) {
    throw stoqError('stoq.key_malformed', { algorithm: key.algorithm }, { cause });
  }
}

/** Throws `stoq.key_malformed`. */
export function importSecretKey(key: SecretKey<NativeAlgorithm>): KeyObject {
  assertKeyLength(key, ALGORITHMS[key.algorithm].secretKeyBytes);
  const der = Buffer.concat([Buffer.from(PREFIX[key.algorithm].pkcs8, 'hex'), key.bytes]);
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } catch (cause) {
    throw stoqError('stoq.key_malformed', { algorithm: key.algorithm }, { cause });
  } finally {
    der.fill(0);
  }
}

/** The key pair of a seed of `secretKeyBytes`; the same seed gives the same pair. */
export function seededKeyPair<A extends NativeAlgorithm>(algorithm: A, seed: Uint8Array): KeyPair<A> {
  const secretKey: SecretKey<A> = { algorithm, bytes: Uint8Array.from(seed) };
  return { publicKey: { algorithm, bytes: exportPublicKey(algorithm, importSecretKey(secretKey)) }, secretKey };
}

/** Raw public key of a private or public key object. */
export function exportPublicKey(algorithm: NativeAlgorithm, key: KeyObject): Uint8Array {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const der = publicKey.export({ format: 'der', type: 'spki' });
  return Uint8Array.from(der.subarray(PREFIX[algorithm].spki.length / 2));
}

export function assertKeyLength(key: PublicKey | SecretKey, expected: number): void {
  if (key.bytes.length !== expected) {
    throw stoqError('stoq.key_malformed', { algorithm: key.algorithm, bytes: key.bytes.length, expected });
  }
}
