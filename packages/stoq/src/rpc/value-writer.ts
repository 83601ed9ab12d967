import { strict as assert } from 'node:assert';
import { CborWriter } from '../codec/cbor-writer.ts';
import { HEAD, MAJOR } from '../codec/head.ts';
import { stoqError } from '../errors.ts';
import type { RpcValue } from './contract.ts';
import { BIGINT_BYTES_MAX, isReservedKey, VALUE_DEPTH_MAX, VALUES_MAX } from './value.ts';

/**
 * CBOR of a value, one form for each: text keys in the order of RFC 8949, section 4.2.1, shortest heads, `bigint` always as
 * a bignum and `number` never, so that what arrives has the type that was sent; numbers that are no safe integers as
 * float64. Properties that are `undefined` are left out. The result starts with `headroom` bytes for the caller to fill.
 * Throws `stoq.codec_limit` above `bytesMax` and `stoq.codec_malformed` for what is no value.
 */
export function encodeValue(value: unknown, bytesMax: number, headroom: number = 0): Uint8Array {
  const cbor = new CborWriter({ bytesMax, headroom });
  new ValueWriter(cbor).write(value as RpcValue, 0);
  return cbor.finish();
}

class ValueWriter {
  readonly #cbor: CborWriter;
  #count = 0;

  constructor(cbor: CborWriter) {
    this.#cbor = cbor;
  }

  write(value: RpcValue, depth: number): void {
    this.#count += 1;
    if (this.#count > VALUES_MAX) throw stoqError('stoq.codec_limit', { valuesMax: VALUES_MAX });
    const cbor = this.#cbor;
    if (typeof value === 'string') cbor.text(value);
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'boolean') cbor.byte(value ? HEAD.true : HEAD.false);
    else if (value === null) cbor.byte(HEAD.null);
    else if (typeof value === 'bigint') this.#bigint(value);
    else if (value instanceof Uint8Array) cbor.bytes(value);
    else if (typeof value !== 'object') throw stoqError('stoq.codec_malformed', { type: typeof value });
    else this.#container(value, depth + 1);
  }

  #container(value: readonly RpcValue[] | { readonly [key: string]: RpcValue }, depth: number): void {
    if (depth > VALUE_DEPTH_MAX) throw stoqError('stoq.codec_limit', { depthMax: VALUE_DEPTH_MAX });
    if (isArray(value)) {
      this.#cbor.head(MAJOR.array, value.length);
      for (const element of value) this.write(element, depth);
      return;
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) throw stoqError('stoq.codec_malformed', { type: 'class instance' });
    const keys = Object.keys(value).filter((key) => value[key] !== undefined);
    if (keys.length > 1) keys.sort(compareKeys);
    this.#cbor.head(MAJOR.map, keys.length);
    for (const key of keys) {
      if (isReservedKey(key)) throw stoqError('stoq.codec_malformed', { reason: 'reserved key' });
      this.#cbor.text(key);
      this.write(value[key] as RpcValue, depth);
    }
  }

  #number(value: number): void {
    if (!Number.isFinite(value)) throw stoqError('stoq.codec_malformed', { reason: 'not a finite number' });
    if (!Number.isSafeInteger(value)) this.#cbor.float(value);
    else if (value >= 0) this.#cbor.head(MAJOR.uint, value);
    else this.#cbor.head(MAJOR.negative, -1 - value);
  }

  #bigint(value: bigint): void {
    const magnitude = value >= 0n ? value : -1n - value;
    const hex = magnitude === 0n ? '' : magnitude.toString(16);
    const length = (hex.length + 1) >> 1;
    if (length > BIGINT_BYTES_MAX) throw stoqError('stoq.codec_limit', { bigintBytesMax: BIGINT_BYTES_MAX });
    this.#cbor.byte(value >= 0n ? HEAD.positiveBignum : HEAD.negativeBignum);
    this.#cbor.bytes(Buffer.from(hex.padStart(length * 2, '0'), 'hex'));
  }
}

// `Array.isArray` does not narrow readonly arrays.
function isArray(value: unknown): value is readonly RpcValue[] {
  return Array.isArray(value);
}

/** Bytewise order of the encoded keys: the shorter first, as its head is smaller; never equal. */
function compareKeys(a: string, b: string): number {
  const aBytes = Buffer.byteLength(a);
  const bBytes = Buffer.byteLength(b);
  if (aBytes !== bBytes) return aBytes - bBytes;
  assert(a !== b, 'keys of one object differ');
  if (aBytes === a.length && bBytes === b.length) return a < b ? -1 : 1;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
