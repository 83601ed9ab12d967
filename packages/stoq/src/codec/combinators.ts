import { strict as assert } from 'node:assert';
import { stoqError } from '../errors.ts';
import type { CborReader } from './cbor-reader.ts';
import { type Codec, encode } from './codec.ts';
import { HEAD, MAJOR } from './head.ts';

// A character of one UTF-16 unit takes up to three bytes of UTF-8.
const UTF8_BYTES_PER_UNIT_MAX = 3;

/** `at`: offset behind the head of what was read. */
function refuse(expected: string, reader?: CborReader): never {
  throw stoqError('stoq.codec_malformed', { expected, at: reader?.at });
}

function overLimit(limit: number, reader?: CborReader): never {
  throw stoqError('stoq.codec_limit', { limit, at: reader?.at });
}

function isBytes(object: unknown): object is Uint8Array {
  return object instanceof Uint8Array;
}

/** A byte string of exactly `length` bytes. */
export function bytes(length: number): Codec<Uint8Array> {
  return {
    write: (writer, object) => (isBytes(object) && object.length === length ? writer.bytes(object) : refuse(`${length} bytes`)),
    read: (reader) => (reader.argumentOf(MAJOR.bytes) === length ? reader.copy(length) : refuse(`${length} bytes`, reader)),
  };
}

/** A byte string of at most `lengthMax` bytes. */
export function bytesUpTo(lengthMax: number): Codec<Uint8Array> {
  return {
    write(writer, object) {
      if (!isBytes(object)) refuse('bytes');
      return object.length <= lengthMax ? writer.bytes(object) : overLimit(lengthMax);
    },
    read(reader) {
      const length = reader.argumentOf(MAJOR.bytes) ?? refuse('bytes', reader);
      return length <= lengthMax ? reader.copy(length) : overLimit(lengthMax, reader);
    },
  };
}

/** A text string of at most `lengthMax` UTF-16 units. */
export function text(lengthMax: number): Codec<string> {
  return {
    write: (writer, object) => (object.length <= lengthMax ? writer.text(object) : overLimit(lengthMax)),
    read: (reader) => readText(reader, lengthMax),
  };
}

function readText(reader: CborReader, lengthMax: number): string {
  const length = reader.argumentOf(MAJOR.text) ?? refuse('text', reader);
  if (length > lengthMax * UTF8_BYTES_PER_UNIT_MAX) return overLimit(lengthMax, reader);
  const read = reader.text(length);
  return read.length <= lengthMax ? read : overLimit(lengthMax, reader);
}

/** An integer from 0 to `max`, by default the largest safe integer. */
export function uint(max: number = Number.MAX_SAFE_INTEGER): Codec<number> {
  const isValid = (value: number): boolean => Number.isSafeInteger(value) && value >= 0 && value <= max && !Object.is(value, -0);
  return {
    write: (writer, object) => (isValid(object) ? writer.head(MAJOR.uint, object) : refuse(`integer 0..${max}`)),
    read(reader) {
      const value = reader.argumentOf(MAJOR.uint);
      return value !== undefined && value <= max ? value : refuse(`integer 0..${max}`, reader);
    },
  };
}

/** A signed integer in [-(2^(bits-1)), 2^(bits-1)), as bigint; at most 64 bits. */
export function bigInt(bits: number): Codec<bigint> {
  return wideInteger(-(1n << BigInt(bits - 1)), 1n << BigInt(bits - 1), `${bits}-bit integer`);
}

/** An unsigned integer in [0, 2^bits), as bigint; at most 64 bits. */
export function bigUint(bits: number): Codec<bigint> {
  return wideInteger(0n, 1n << BigInt(bits), `unsigned ${bits}-bit integer`);
}

const WIDE_LOW = -(1n << 63n);
const WIDE_HIGH = 1n << 64n;

function wideInteger(low: bigint, high: bigint, expected: string): Codec<bigint> {
  assert(low >= WIDE_LOW && high <= WIDE_HIGH, 'at most 64 bits');
  const within = (value: bigint): boolean => typeof value === 'bigint' && value >= low && value < high;
  return {
    write: (writer, object) => (within(object) ? writer.integer(object) : refuse(expected)),
    read(reader) {
      const value = reader.integer();
      return value !== undefined && within(value) ? value : refuse(expected, reader);
    },
  };
}

const word = bigUint(64);
const DOUBLE_HIGH = WIDE_HIGH * WIDE_HIGH;

/** An unsigned integer in [0, 2^128), as bigint: the pair of its high and its low 64 bits. For sums that only grow. */
export const uint128: Codec<bigint> = {
  write(writer, object) {
    if (typeof object !== 'bigint' || object < 0n || object >= DOUBLE_HIGH) refuse('unsigned 128-bit integer');
    const isWord = object < WIDE_HIGH;
    writer.head(MAJOR.array, 2);
    word.write(writer, isWord ? 0n : object / WIDE_HIGH);
    word.write(writer, isWord ? object : object % WIDE_HIGH);
  },
  read(reader) {
    if (reader.argumentOf(MAJOR.array) !== 2) return refuse('unsigned 128-bit integer', reader);
    const high = word.read(reader);
    const low = word.read(reader);
    return high === 0n ? low : high * WIDE_HIGH + low;
  },
};

export const bool: Codec<boolean> = {
  write: (writer, object) => writer.byte(object === true ? HEAD.true : object === false ? HEAD.false : refuse('boolean')),
  read(reader) {
    const head = reader.byte();
    return head === HEAD.true || (head === HEAD.false ? false : refuse('boolean', reader));
  },
};

/** One of a closed set of words. */
export function oneOf<const Word extends string>(...words: readonly Word[]): Codec<Word> {
  const lengthMax = Math.max(...words.map((word) => word.length));
  return {
    write: (writer, object) => (words.includes(object) ? writer.text(object) : refuse(words.join('|'))),
    read(reader) {
      const read = readText(reader, lengthMax);
      return words.find((word) => word === read) ?? refuse(words.join('|'), reader);
    },
  };
}

/** The object or null. */
export function optional<T>(codec: Codec<T>): Codec<T | null> {
  return {
    write: (writer, object) => (object === null ? writer.null() : codec.write(writer, object)),
    read: (reader) => (reader.isNull() ? null : codec.read(reader)),
  };
}

/** An array of at most `countMax` elements. */
export function list<T>(codec: Codec<T>, countMax: number): Codec<readonly T[]> {
  return {
    write(writer, object) {
      if (!Array.isArray(object)) refuse('array');
      if (object.length > countMax) overLimit(countMax);
      writer.head(MAJOR.array, object.length);
      for (const element of object) codec.write(writer, element);
    },
    read(reader) {
      const count = reader.argumentOf(MAJOR.array) ?? refuse('array', reader);
      if (count > countMax) overLimit(countMax, reader);
      const elements: T[] = [];
      for (let index = 0; index < count; index++) elements.push(codec.read(reader));
      return elements;
    },
  };
}

type Fields = Readonly<Record<string, Codec<never>>> | Readonly<Record<string, Codec<unknown>>>;
type StructOf<F> = { readonly [K in keyof F]: F[K] extends Codec<infer T> ? T : never };

/** A positional array: the fields in the order in which they are declared. */
export function struct<const F extends Fields>(fields: F): Codec<StructOf<F>> {
  const names = Object.keys(fields);
  const codecs = Object.values(fields) as Codec<unknown>[];
  return {
    write(writer, object) {
      writer.head(MAJOR.array, names.length);
      for (let index = 0; index < names.length; index++) {
        (codecs[index] as Codec<unknown>).write(writer, (object as Record<string, unknown>)[names[index] as string]);
      }
    },
    read(reader) {
      if (reader.argumentOf(MAJOR.array) !== names.length) return refuse(`array of ${names.length}`, reader);
      const object: Record<string, unknown> = {};
      for (let index = 0; index < names.length; index++) object[names[index] as string] = (codecs[index] as Codec<unknown>).read(reader);
      return object as StructOf<F>;
    },
  };
}

type Variants = Readonly<Record<string, Codec<never>>> | Readonly<Record<string, Codec<unknown>>>;
type UnionOf<V> = { [K in keyof V]: { readonly kind: K } & (V[K] extends Codec<infer T> ? T : never) }[keyof V];

/** A tagged union: `[kind, body]`, where the object is the body with `kind` added. Bodies are structs. */
export function union<const V extends Variants>(variants: V): Codec<UnionOf<V>> {
  const codecs = new Map(Object.entries(variants) as [string, Codec<object>][]);
  const kindLengthMax = Math.max(...[...codecs.keys()].map((kind) => kind.length));
  return {
    write(writer, object) {
      const { kind } = object as { kind: string };
      const codec = codecs.get(kind) ?? refuse('a known kind');
      writer.head(MAJOR.array, 2);
      writer.text(kind);
      codec.write(writer, object);
    },
    read(reader) {
      if (reader.argumentOf(MAJOR.array) !== 2) return refuse('[kind, body]', reader);
      const kind = readText(reader, kindLengthMax);
      const codec = codecs.get(kind) ?? refuse('a known kind', reader);
      const body = codec.read(reader);
      if (Object.hasOwn(body, 'kind')) refuse('a body without a kind', reader);
      return { kind, ...body } as UnionOf<V>;
    },
  };
}

/** A codec of another type through a pair of pure functions; `to` may throw a coded error. */
export function mapped<T, U>(codec: Codec<T>, to: (inner: T) => U, from: (outer: U) => T): Codec<U> {
  return {
    write: (writer, object) => codec.write(writer, from(object)),
    read(reader) {
      const { at } = reader;
      const outer = to(codec.read(reader));
      // Two forms of one object would let the same content have two hashes.
      if (Buffer.compare(encode(codec, from(outer)), reader.since(at)) !== 0) refuse('the form that encoding gives', reader);
      return outer;
    },
  };
}
