import { stoqError } from '../errors.ts';
import type { CborValue, Codec } from './codec.ts';

function refuse(path: string, expected: string): never {
  throw stoqError('stoq.codec_malformed', { path, expected });
}

function overLimit(path: string, limit: number): never {
  throw stoqError('stoq.codec_limit', { path, limit });
}

/** A byte string of exactly `length` bytes. */
export function bytes(length: number): Codec<Uint8Array> {
  return {
    toValue: (object) => (object.length === length ? object : refuse('encode', `${length} bytes`)),
    fromValue: (value, path) => (value instanceof Uint8Array && value.length === length ? value : refuse(path, `${length} bytes`)),
  };
}

/** A byte string of at most `lengthMax` bytes. */
export function bytesUpTo(lengthMax: number): Codec<Uint8Array> {
  return {
    toValue: (object) => (object.length <= lengthMax ? object : overLimit('encode', lengthMax)),
    fromValue(value, path) {
      if (!(value instanceof Uint8Array)) return refuse(path, 'bytes');
      return value.length <= lengthMax ? value : overLimit(path, lengthMax);
    },
  };
}

/** A text string of at most `lengthMax` UTF-16 units. */
export function text(lengthMax: number): Codec<string> {
  return {
    toValue: (object) => (object.length <= lengthMax ? object : overLimit('encode', lengthMax)),
    fromValue(value, path) {
      if (typeof value !== 'string') return refuse(path, 'text');
      return value.length <= lengthMax ? value : overLimit(path, lengthMax);
    },
  };
}

/** An integer from 0 to `max`, by default the largest safe integer. */
export function uint(max: number = Number.MAX_SAFE_INTEGER): Codec<number> {
  const valid = (value: CborValue): value is number =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= max && !Object.is(value, -0);
  return {
    toValue: (object) => (valid(object) ? object : refuse('encode', `integer 0..${max}`)),
    fromValue: (value, path) => (valid(value) ? value : refuse(path, `integer 0..${max}`)),
  };
}

/** A signed integer in [-(2^(bits-1)), 2^(bits-1)), as bigint; at most 64 bits. */
export function bigInt(bits: number): Codec<bigint> {
  const low = -(1n << BigInt(bits - 1));
  const high = 1n << BigInt(bits - 1);
  return wideInteger((n) => n >= low && n < high, `${bits}-bit integer`);
}

/** An unsigned integer in [0, 2^bits), as bigint; at most 64 bits. */
export function bigUint(bits: number): Codec<bigint> {
  const high = 1n << BigInt(bits);
  return wideInteger((n) => n >= 0n && n < high, `unsigned ${bits}-bit integer`);
}

function wideInteger(within: (n: bigint) => boolean, expected: string): Codec<bigint> {
  return {
    toValue: (object) => (within(object) ? object : refuse('encode', expected)),
    fromValue(value, path) {
      if (typeof value !== 'bigint' && !(typeof value === 'number' && Number.isSafeInteger(value))) {
        return refuse(path, expected);
      }
      const wide = BigInt(value);
      return within(wide) ? wide : refuse(path, expected);
    },
  };
}

export const bool: Codec<boolean> = {
  toValue: (object) => object,
  fromValue: (value, path) => (typeof value === 'boolean' ? value : refuse(path, 'boolean')),
};

/** One of a closed set of words. */
export function oneOf<const Word extends string>(...words: readonly Word[]): Codec<Word> {
  return {
    toValue: (object) => object,
    fromValue(value, path) {
      const word = words.find((candidate) => candidate === value);
      return word ?? refuse(path, words.join('|'));
    },
  };
}

/** The object or null. */
export function optional<T>(codec: Codec<T>): Codec<T | null> {
  return {
    toValue: (object) => (object === null ? null : codec.toValue(object)),
    fromValue: (value, path) => (value === null ? null : codec.fromValue(value, path)),
  };
}

/** An array of at most `countMax` elements. */
export function list<T>(codec: Codec<T>, countMax: number): Codec<readonly T[]> {
  return {
    toValue: (object) => (object.length <= countMax ? object.map((element) => codec.toValue(element)) : overLimit('encode', countMax)),
    fromValue(value, path) {
      if (!Array.isArray(value)) return refuse(path, 'array');
      if (value.length > countMax) return overLimit(path, countMax);
      return value.map((element: CborValue, index) => codec.fromValue(element, `${path}[${index}]`));
    },
  };
}

type Fields = Readonly<Record<string, Codec<never>>> | Readonly<Record<string, Codec<unknown>>>;
type StructOf<F> = { readonly [K in keyof F]: F[K] extends Codec<infer T> ? T : never };

/** A positional array: the fields in the order in which they are declared. */
export function struct<const F extends Fields>(fields: F): Codec<StructOf<F>> {
  const entries = Object.entries(fields) as [string, Codec<unknown>][];
  return {
    toValue: (object) => entries.map(([name, codec]) => codec.toValue((object as Record<string, unknown>)[name])),
    fromValue(value, path) {
      if (!Array.isArray(value) || value.length !== entries.length) return refuse(path, `array of ${entries.length}`);
      const object: Record<string, unknown> = {};
      entries.forEach(([name, codec], index) => {
        object[name] = codec.fromValue(value[index] as CborValue, `${path}.${name}`);
      });
      return object as StructOf<F>;
    },
  };
}

type Variants = Readonly<Record<string, Codec<never>>> | Readonly<Record<string, Codec<unknown>>>;
type UnionOf<V> = { [K in keyof V]: { readonly kind: K } & (V[K] extends Codec<infer T> ? T : never) }[keyof V];

/** A tagged union: `[kind, body]`, where the object is the body with `kind` added. Bodies are structs. */
export function union<const V extends Variants>(variants: V): Codec<UnionOf<V>> {
  return {
    toValue(object) {
      const kind = (object as { kind: string }).kind;
      const codec = (variants as Record<string, Codec<unknown>>)[kind] ?? refuse('encode', 'a known kind');
      return [kind, codec.toValue(object)];
    },
    fromValue(value, path) {
      if (!Array.isArray(value) || value.length !== 2 || typeof value[0] !== 'string') return refuse(path, '[kind, body]');
      if (!Object.hasOwn(variants, value[0])) return refuse(path, 'a known kind');
      const codec = (variants as Record<string, Codec<unknown>>)[value[0]] as Codec<object>;
      return { kind: value[0], ...codec.fromValue(value[1] as CborValue, `${path}.${value[0]}`) } as UnionOf<V>;
    },
  };
}

/** A codec of another type through a pair of pure functions; `to` may throw a coded error. */
export function mapped<T, U>(codec: Codec<T>, to: (inner: T) => U, from: (outer: U) => T): Codec<U> {
  return {
    toValue: (object) => codec.toValue(from(object)),
    fromValue: (value, path) => to(codec.fromValue(value, path)),
  };
}
