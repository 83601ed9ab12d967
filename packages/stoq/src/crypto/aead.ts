import { strict as assert } from 'node:assert';
import { createCipheriv, createDecipheriv, hkdfSync, type KeyObject } from 'node:crypto';

export const AEAD_KEY_BYTES: number = 32;
export const AEAD_NONCE_BYTES: number = 12;
export const AEAD_TAG_BYTES: number = 16;
// RFC 5869, section 2.3: at most 255 blocks of the hash.
const HKDF_BYTES_MAX = 255 * 64;

export interface SealInput {
  readonly key: Uint8Array;
  /** Never used twice under one key. */
  readonly nonce: Uint8Array;
  readonly plaintext: Uint8Array;
  readonly associatedData: Uint8Array;
  /** Bytes left free in front of the result, e.g. for a record header; by default none. */
  readonly headBytes?: number;
}

export interface OpenInput {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  /** Ciphertext followed by the tag. */
  readonly sealed: Uint8Array;
  readonly associatedData: Uint8Array;
}

/** AES-256-GCM (NIST SP 800-38D): `headBytes` zeros, ciphertext, 16-byte tag. */
export function sealAead(input: SealInput): Uint8Array {
  assertSizes(input);
  const headBytes = input.headBytes ?? 0;
  const cipher = createCipheriv('aes-256-gcm', input.key, input.nonce, { authTagLength: AEAD_TAG_BYTES });
  cipher.setAAD(input.associatedData);
  const ciphertext = cipher.update(input.plaintext);
  cipher.final();
  const out = new Uint8Array(headBytes + ciphertext.length + AEAD_TAG_BYTES);
  out.set(ciphertext, headBytes);
  out.set(cipher.getAuthTag(), headBytes + ciphertext.length);
  return out;
}

/** The plaintext, or null when the sealed bytes are not authentic; never partial plaintext. */
export function openAead(input: OpenInput): Uint8Array | null {
  assertSizes(input);
  const end = input.sealed.length - AEAD_TAG_BYTES;
  if (end < 0) return null;
  const decipher = createDecipheriv('aes-256-gcm', input.key, input.nonce, { authTagLength: AEAD_TAG_BYTES });
  decipher.setAAD(input.associatedData);
  decipher.setAuthTag(input.sealed.subarray(end));
  const plaintext = decipher.update(input.sealed.subarray(0, end));
  try {
    decipher.final();
  } catch {
    plaintext.fill(0);
    return null;
  }
  return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length);
}

/** HKDF-SHA-512 (RFC 5869), extract and expand; at most 16,320 bytes. A secret used often is quicker as a `KeyObject`. */
export function hkdf(secret: Uint8Array | KeyObject, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  assert(Number.isInteger(length) && length > 0 && length <= HKDF_BYTES_MAX, 'HKDF-SHA-512 gives 1 to 16320 bytes');
  return new Uint8Array(hkdfSync('sha512', secret, salt, info, length));
}

function assertSizes(input: { readonly key: Uint8Array; readonly nonce: Uint8Array }): void {
  assert(input.key.length === AEAD_KEY_BYTES, 'an AES-256 key has 32 bytes');
  assert(input.nonce.length === AEAD_NONCE_BYTES, 'a GCM nonce has 12 bytes');
}
