import { strict as assert } from 'node:assert';
import { createHash, createHmac } from 'node:crypto';
import { Blake3Hasher, blake3UrlSafeBase64 } from '@napi-rs/blake-hash';
import { plainBytes } from './bytes.ts';

export const HASH_BYTES: number = 32;
const KEY_BYTES = 32;
// A label names project, object and version; longer ones are a mistake.
const LABEL_CHARS_MAX = 64;
const LABEL_FORM = /^[\x21-\x7e]+$/;

// Up to this length, what is hashed with a label is laid out behind it in memory that is there: keys and records are shorter.
const LAID_OUT_BYTES_MAX = 4096;
const layout = new Uint8Array(LAID_OUT_BYTES_MAX);
/** The first bytes of the layout, by their number: a view costs more than what it shows. */
const layoutViews = Array.from<Uint8Array | undefined>({ length: LAID_OUT_BYTES_MAX + 1 });
const digestScratch = Buffer.alloc(HASH_BYTES);

/** BLAKE3-256. */
export function blake3(bytes: Uint8Array): Uint8Array {
  return hashOfText(blake3Text(bytes));
}

/** BLAKE3-256 in padded base64url, 44 characters: for those who keep many, a third of the memory of an array of 32 bytes. */
export function blake3Text(bytes: Uint8Array): string {
  return blake3UrlSafeBase64(bytes);
}

/** The 32 bytes of what `blake3Text` and `hashLabelledText` give. */
export function hashOfText(text: string): Uint8Array {
  assert(digestScratch.write(text, 'base64url') === HASH_BYTES, 'the text of a hash');
  return new Uint8Array(digestScratch);
}

/** The inverse of `hashOfText`. */
export function textOfHash(hash: Uint8Array): string {
  assert(hash.length === HASH_BYTES, 'a hash has 32 bytes');
  digestScratch.set(hash);
  return `${digestScratch.toString('base64url')}=`;
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
  const prefix = prefixOf(label);
  const input = new Uint8Array(prefix.length + bytes.length);
  input.set(prefix);
  input.set(bytes, prefix.length);
  return input;
}

/** BLAKE3-256 of `labelled(label, bytes)`. */
export function hashLabelled(label: string, bytes: Uint8Array): Uint8Array {
  return hashOfText(hashLabelledText(label, bytes));
}

/** As `hashLabelled`, in the form of `blake3Text`. */
export function hashLabelledText(label: string, bytes: Uint8Array): string {
  const prefix = prefixOf(label);
  assert(bytes instanceof Uint8Array, 'what is hashed are bytes');
  const length = prefix.length + bytes.length;
  if (length > LAID_OUT_BYTES_MAX) return blake3Text(labelled(label, bytes));
  layout.set(prefix);
  layout.set(bytes, prefix.length);
  const text = blake3Text((layoutViews[length] ??= layout.subarray(0, length)));
  // It may be a secret.
  layout.fill(0, prefix.length, length);
  return text;
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

// Labels are words of the source, some dozens.
const prefixes = new Map<string, Uint8Array>();

function prefixOf(label: string): Uint8Array {
  const known = prefixes.get(label);
  if (known !== undefined) return known;
  assert(label.length <= LABEL_CHARS_MAX && LABEL_FORM.test(label), 'a label is printable ASCII of at most 64 characters');
  const prefix = Buffer.from(`${label}\u0000`, 'latin1');
  prefixes.set(label, prefix);
  return prefix;
}
