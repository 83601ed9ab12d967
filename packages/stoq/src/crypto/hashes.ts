import { strict as assert } from 'node:assert';
import { createHash, createHmac } from 'node:crypto';
import { Blake3Hasher, blake3 as blake3Native } from '@napi-rs/blake-hash';
import { plainBytes } from './bytes.ts';

export const HASH_BYTES: number = 32;
const KEY_BYTES = 32;
// A label names project, object and version; longer ones are a mistake.
const LABEL_CHARS_MAX = 64;
const LABEL_FORM = /^[\x21-\x7e]+$/;

/** BLAKE3-256. */
export function blake3(bytes: Uint8Array): Uint8Array {
  return plainBytes(blake3Native(bytes));
}

/** An incremental BLAKE3-256. `reset` returns to the initial state (and key) without a new allocation. */
export interface Hasher {
  update(bytes: Uint8Array): Hasher;
  /** 32 bytes; the state stays, so more bytes may follow. */
  digest(): Uint8Array;
  reset(): Hasher;
}

export function createHasher(): Hasher {
  return wrap(new Blake3Hasher());
}

/** BLAKE3-256 in keyed mode; the key has 32 bytes. */
export function createKeyedHasher(key: Uint8Array): Hasher {
  assert(key.length === KEY_BYTES, 'a BLAKE3 key has 32 bytes');
  return wrap(Blake3Hasher.newKeyed(Buffer.from(key.buffer, key.byteOffset, key.length)));
}

/** Keyed BLAKE3-256 of the concatenation of the parts. */
export function keyedHash(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const hasher = createKeyedHasher(key);
  for (const part of parts) hasher.update(part);
  return hasher.digest();
}

/** The input of every hash and signature: `ASCII label || 0x00 || bytes`. */
export function labelled(label: string, bytes: Uint8Array): Uint8Array {
  assertLabel(label);
  const input = new Uint8Array(label.length + 1 + bytes.length);
  for (let index = 0; index < label.length; index++) input[index] = label.charCodeAt(index);
  input.set(bytes, label.length + 1);
  return input;
}

/** BLAKE3-256 of `labelled(label, bytes)`. */
export function hashLabelled(label: string, bytes: Uint8Array): Uint8Array {
  return blake3(labelled(label, bytes));
}

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return nativeHash('sha256', parts);
}

export function sha512(...parts: readonly Uint8Array[]): Uint8Array {
  return nativeHash('sha512', parts);
}

/** HMAC-SHA-512 (RFC 2104), 64 bytes. */
export function hmacSha512(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac('sha512', key);
  for (const part of parts) mac.update(part);
  return plainBytes(mac.digest());
}

function wrap(inner: Blake3Hasher): Hasher {
  const hasher: Hasher = {
    update(bytes) {
      inner.update(bytes);
      return hasher;
    },
    digest: () => plainBytes(inner.digestBuffer()),
    reset() {
      inner.reset();
      return hasher;
    },
  };
  return hasher;
}

function nativeHash(name: 'sha256' | 'sha512', parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash(name);
  for (const part of parts) hash.update(part);
  return plainBytes(hash.digest());
}

function assertLabel(label: string): void {
  assert(label.length <= LABEL_CHARS_MAX && LABEL_FORM.test(label), 'a label is printable ASCII of at most 64 characters');
}
