import { stoqError } from '../errors.ts';
import { CborReader } from './cbor-reader.ts';
import { CborWriter } from './cbor-writer.ts';

/** A two-way mapping between a typed object and its positional form in canonical CBOR. */
export interface Codec<T> {
  /** Throws `stoq.codec_malformed` or `stoq.codec_limit` for what `read` would refuse. */
  write(writer: CborWriter, object: T): void;
  /** Accepts only what `write` gives. Throws `stoq.codec_malformed` or `stoq.codec_limit`. */
  read(reader: CborReader): T;
}

export type Decoded<C> = C extends Codec<infer T> ? T : never;

// One object on the wire or on disk; blobs and batches are framed outside CBOR or cut below this.
export const ENCODED_BYTES_MAX: number = 16 * 1024 * 1024;
// A writer that has grown further goes with its object.
const KEPT_BYTES_MAX = 64 * 1024;

let idle: CborWriter | undefined;

/** Canonical CBOR (RFC 8949, section 4.2.1: shortest heads, definite lengths) of the object. */
export function encode<T>(codec: Codec<T>, object: T): Uint8Array {
  const writer = written(codec, object);
  const encoded = writer.take();
  keep(writer);
  return encoded;
}

/** What `use` makes of the encoding, whose memory is lent to it: it is of another content as soon as `use` returns. */
export function withEncoding<T, Result>(codec: Codec<T>, object: T, use: (encoded: Uint8Array) => Result): Result {
  const writer = written(codec, object);
  const result = writer.lend(use);
  keep(writer);
  return result;
}

function written<T>(codec: Codec<T>, object: T): CborWriter {
  // A codec that encodes something on its way finds none here and makes another.
  const writer = idle ?? new CborWriter();
  idle = undefined;
  codec.write(writer, object);
  return writer;
}

function keep(writer: CborWriter): void {
  if (writer.capacity <= KEPT_BYTES_MAX) idle = writer;
}

/** Accepts bytes only if encoding the result again gives the same bytes. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array, bytesMax: number = ENCODED_BYTES_MAX): T {
  if (bytes.length > bytesMax) throw stoqError('stoq.codec_limit', { bytes: bytes.length, bytesMax });
  const reader = new CborReader(bytes);
  const object = codec.read(reader);
  reader.end();
  return object;
}
