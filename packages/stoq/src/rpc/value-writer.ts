import { strict as assert } from 'node:assert';
import { stoqError } from '../errors.ts';
import type { RpcValue } from './contract.ts';
import { BIGINT_BYTES_MAX, HEAD, isReservedKey, MAJOR, VALUE_DEPTH_MAX, VALUES_MAX } from './value.ts';

const INITIAL_BYTES = 256;
const HEAD_BYTES_MAX = 9;
const UINT32_SPAN = 0x1_0000_0000;

/**
 * CBOR of a value, one form for each: text keys in the order of RFC 8949, section 4.2.1, shortest heads, `bigint` always as
 * a bignum and `number` never, so that what arrives has the type that was sent; numbers that are no safe integers as
 * float64. Properties that are `undefined` are left out. The result starts with `headroom` bytes for the caller to fill.
 * Throws `stoq.codec_limit` above `bytesMax` and `stoq.codec_malformed` for what is no value.
 */
export function encodeValue(value: unknown, bytesMax: number, headroom: number = 0): Uint8Array {
  const writer = new ValueWriter(bytesMax, headroom);
  writer.write(value as RpcValue, 0);
  return writer.finish();
}

class ValueWriter {
  readonly #end: number;
  readonly #bytesMax: number;
  #buffer: Buffer;
  #at: number;
  #count = 0;

  constructor(bytesMax: number, headroom: number) {
    this.#bytesMax = bytesMax;
    this.#end = bytesMax + headroom;
    this.#buffer = Buffer.allocUnsafe(INITIAL_BYTES + headroom);
    this.#at = headroom;
  }

  finish(): Uint8Array {
    return new Uint8Array(this.#buffer.buffer, this.#buffer.byteOffset, this.#at);
  }

  write(value: RpcValue, depth: number): void {
    this.#count += 1;
    if (this.#count > VALUES_MAX) throw stoqError('stoq.codec_limit', { valuesMax: VALUES_MAX });
    if (typeof value === 'string') this.#text(value);
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'boolean') this.#byte(value ? HEAD.true : HEAD.false);
    else if (value === null) this.#byte(HEAD.null);
    else if (typeof value === 'bigint') this.#bigint(value);
    else if (value instanceof Uint8Array) this.#bytes(value);
    else if (typeof value !== 'object') throw stoqError('stoq.codec_malformed', { type: typeof value });
    else this.#container(value, depth + 1);
  }

  #container(value: readonly RpcValue[] | { readonly [key: string]: RpcValue }, depth: number): void {
    if (depth > VALUE_DEPTH_MAX) throw stoqError('stoq.codec_limit', { depthMax: VALUE_DEPTH_MAX });
    if (isArray(value)) {
      this.#head(MAJOR.array, value.length);
      for (const element of value) this.write(element, depth);
      return;
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) throw stoqError('stoq.codec_malformed', { type: 'class instance' });
    const keys = Object.keys(value).filter((key) => value[key] !== undefined);
    if (keys.length > 1) keys.sort(compareKeys);
    this.#head(MAJOR.map, keys.length);
    for (const key of keys) {
      if (isReservedKey(key)) throw stoqError('stoq.codec_malformed', { reason: 'reserved key' });
      this.#text(key);
      this.write(value[key] as RpcValue, depth);
    }
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value)) {
      if (value >= 0) this.#head(MAJOR.uint, value);
      else this.#head(MAJOR.negative, -1 - value);
      return;
    }
    if (!Number.isFinite(value)) throw stoqError('stoq.codec_malformed', { reason: 'not a finite number' });
    this.#reserve(HEAD_BYTES_MAX);
    this.#buffer[this.#at] = HEAD.float64;
    this.#buffer.writeDoubleBE(value, this.#at + 1);
    this.#at += HEAD_BYTES_MAX;
  }

  #bigint(value: bigint): void {
    const magnitude = value >= 0n ? value : -1n - value;
    const hex = magnitude === 0n ? '' : magnitude.toString(16);
    const length = (hex.length + 1) >> 1;
    if (length > BIGINT_BYTES_MAX) throw stoqError('stoq.codec_limit', { bigintBytesMax: BIGINT_BYTES_MAX });
    this.#byte(value >= 0n ? HEAD.positiveBignum : HEAD.negativeBignum);
    this.#bytes(Buffer.from(hex.padStart(length * 2, '0'), 'hex'));
  }

  #bytes(value: Uint8Array): void {
    this.#head(MAJOR.bytes, value.length);
    this.#reserve(value.length);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
  }

  #text(value: string): void {
    if (!value.isWellFormed()) throw stoqError('stoq.codec_malformed', { reason: 'lone surrogate' });
    const length = Buffer.byteLength(value);
    this.#head(MAJOR.text, length);
    this.#reserve(length);
    this.#buffer.write(value, this.#at);
    this.#at += length;
  }

  #head(major: number, argument: number): void {
    this.#reserve(HEAD_BYTES_MAX);
    const buffer = this.#buffer;
    const type = major << 5;
    if (argument < 24) {
      buffer[this.#at] = type | argument;
      this.#at += 1;
    } else if (argument < 0x100) {
      buffer[this.#at] = type | 24;
      buffer[this.#at + 1] = argument;
      this.#at += 2;
    } else if (argument < 0x1_0000) {
      buffer[this.#at] = type | 25;
      buffer.writeUInt16BE(argument, this.#at + 1);
      this.#at += 3;
    } else if (argument < UINT32_SPAN) {
      buffer[this.#at] = type | 26;
      buffer.writeUInt32BE(argument, this.#at + 1);
      this.#at += 5;
    } else {
      buffer[this.#at] = type | 27;
      buffer.writeUInt32BE(Math.floor(argument / UINT32_SPAN), this.#at + 1);
      buffer.writeUInt32BE(argument % UINT32_SPAN, this.#at + 5);
      this.#at += HEAD_BYTES_MAX;
    }
    this.#assertWithin(0);
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#at] = value;
    this.#at += 1;
    this.#assertWithin(0);
  }

  #assertWithin(more: number): void {
    if (this.#at + more > this.#end) throw stoqError('stoq.codec_limit', { bytesMax: this.#bytesMax });
  }

  #reserve(length: number): void {
    // Heads are reserved at their longest; what they really take is checked once written.
    if (length > HEAD_BYTES_MAX) this.#assertWithin(length);
    const needed = this.#at + length;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#at);
    this.#buffer = grown;
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
