import { decapsulate as nativeDecapsulate, diffieHellman, encapsulate as nativeEncapsulate, type KeyObject } from 'node:crypto';
import { stoqError } from '../errors.ts';
import { plainBytes } from './bytes.ts';
import type { PublicKey, SecretKey } from './keys.ts';
import { importPublicKey, importSecretKey } from './native-keys.ts';

export const ML_KEM_1024_CIPHERTEXT_BYTES: number = 1568;

export interface Encapsulation {
  /** 32 bytes. */
  readonly secret: Uint8Array;
  /** 1568 bytes. */
  readonly ciphertext: Uint8Array;
}

/** ML-KEM-1024 (FIPS 203). Throws `stoq.key_malformed` for a key that fails the modulus check. */
export function encapsulate(key: PublicKey<'ml-kem-1024'>): Encapsulation {
  const publicKey = importPublicKey(key);
  try {
    const { sharedKey, ciphertext } = nativeEncapsulate(publicKey);
    return { secret: plainBytes(sharedKey), ciphertext: plainBytes(ciphertext) };
  } catch (cause) {
    throw stoqError('stoq.key_malformed', { algorithm: key.algorithm }, { cause });
  }
}

/**
 * ML-KEM-1024 (FIPS 203). A well-formed ciphertext made for another key gives an unrelated secret (implicit
 * rejection), so only a later MAC shows it. Throws `stoq.key_malformed` for a wrong length.
 */
export function decapsulate(key: SecretKey<'ml-kem-1024'>, ciphertext: Uint8Array): Uint8Array {
  if (ciphertext.length !== ML_KEM_1024_CIPHERTEXT_BYTES) {
    throw stoqError('stoq.key_malformed', { algorithm: key.algorithm, ciphertextBytes: ciphertext.length });
  }
  return plainBytes(nativeDecapsulate(importSecretKey(key), ciphertext));
}

/** X25519 (RFC 7748), 32 bytes. Throws `stoq.key_malformed` when the result is all zero (section 6.1). */
export function x25519SharedSecret(key: SecretKey<'x25519'>, peer: PublicKey<'x25519'>): Uint8Array {
  const shared = agree(importSecretKey(key), importPublicKey(peer));
  if (shared.every((byte) => byte === 0)) throw stoqError('stoq.key_malformed', { algorithm: 'x25519', order: 'low' });
  return shared;
}

function agree(privateKey: KeyObject, publicKey: KeyObject): Uint8Array {
  try {
    return plainBytes(diffieHellman({ privateKey, publicKey }));
  } catch (cause) {
    throw stoqError('stoq.key_malformed', { algorithm: 'x25519', order: 'low' }, { cause });
  }
}
