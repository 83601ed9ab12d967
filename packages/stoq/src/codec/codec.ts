import { decode as cborDecode, encode as cborEncode, rfc8949EncodeOptions } from 'cborg';
import { stoqError } from '../errors.ts';

/** What canonical CBOR carries here: no maps, floats, tags or undefined. */
export type CborValue = number | bigint | string | boolean | null | Uint8Array | readonly CborValue[];

/** A two-way mapping between a typed object and its positional CBOR form. */
export interface Codec<T> {
  toValue(object: T): CborValue;
  /** Throws `stoq.codec_malformed` or `stoq.codec_limit`; `path` names the place in the message. */
  fromValue(value: CborValue, path: string): T;
}

export type Decoded<C> = C extends Codec<infer T> ? T : never;

// One object on the wire or on disk; blobs and batches are framed outside CBOR or cut below this.
export const ENCODED_BYTES_MAX: number = 16 * 1024 * 1024;
// The deepest object of the formats (certificate bundle inside a transaction inside a batch) is 8 deep.
export const ENCODED_DEPTH_MAX: number = 16;

/** Canonical CBOR (RFC 8949, section 4.2.1: shortest heads, definite lengths) of the object. */
export function encode<T>(codec: Codec<T>, object: T): Uint8Array {
  return cborEncode(codec.toValue(object), rfc8949EncodeOptions);
}

/** Accepts bytes only if encoding the result again gives the same bytes. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array, bytesMax: number = ENCODED_BYTES_MAX): T {
  if (bytes.length > bytesMax) throw stoqError('stoq.codec_limit', { bytes: bytes.length, bytesMax });
  assertDepth(bytes);
  let value: CborValue;
  try {
    value = cborDecode(bytes, {
      strict: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowInfinity: false,
      allowNaN: false,
      rejectDuplicateMapKeys: true,
    }) as CborValue;
  } catch (cause) {
    throw stoqError('stoq.codec_malformed', { reason: 'not strict CBOR' }, { cause });
  }
  const object = codec.fromValue(value, '$');
  const again = encode(codec, object);
  if (Buffer.compare(again, bytes) !== 0) throw stoqError('stoq.codec_malformed', { reason: 'not canonical' });
  return object;
}

/** Walks the CBOR heads without building anything, so that hostile nesting cannot exhaust the stack. */
function assertDepth(bytes: Uint8Array): void {
  const remaining: number[] = [];
  let at = 0;
  while (at < bytes.length) {
    const head = bytes[at] as number;
    const major = head >> 5;
    const info = head & 31;
    const extra = info < 24 ? 0 : info <= 27 ? 1 << (info - 24) : -1;
    if (extra < 0 || at + 1 + extra > bytes.length) throw stoqError('stoq.codec_malformed', { reason: 'bad head' });
    let length = info;
    if (extra > 0) {
      length = 0;
      for (let i = 0; i < extra; i++) length = length * 256 + (bytes[at + 1 + i] as number);
    }
    at += 1 + extra;
    if (major === 2 || major === 3) at += length;
    if (major === 5 || major === 6) throw stoqError('stoq.codec_malformed', { reason: 'maps and tags are not used' });
    if (major === 4 && length > 0) {
      remaining.push(length);
      if (remaining.length > ENCODED_DEPTH_MAX) throw stoqError('stoq.codec_limit', { depthMax: ENCODED_DEPTH_MAX });
      continue;
    }
    while (remaining.length > 0) {
      const left = (remaining.pop() as number) - 1;
      if (left > 0) {
        remaining.push(left);
        break;
      }
    }
  }
}
