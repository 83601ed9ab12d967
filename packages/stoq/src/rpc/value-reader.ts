import { isUtf8 } from 'node:buffer';
import { stoqError } from '../errors.ts';
import type { RpcValue } from './contract.ts';
import { BIGINT_BYTES_MAX, HEAD, isReservedKey, MAJOR, VALUE_DEPTH_MAX, VALUES_MAX } from './value.ts';

// From here on a byte string is a view of the message; shorter ones are copied, so that an id does not keep a message alive.
const VIEW_BYTES_MIN = 16 * 1024;
const UINT32_SPAN = 0x1_0000_0000;

/** The inverse of `encodeValue`: accepts only the form that it makes. Throws `stoq.codec_malformed` or `stoq.codec_limit`. */
export function decodeValue(bytes: Uint8Array): RpcValue {
  const reader = new ValueReader(bytes);
  const value = reader.read(0);
  reader.end();
  return value;
}

function malformed(reason: string): never {
  throw stoqError('stoq.codec_malformed', { reason });
}

class ValueReader {
  readonly #buffer: Buffer;
  #at = 0;
  #count = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  end(): void {
    if (this.#at !== this.#buffer.length) malformed('trailing bytes');
  }

  read(depth: number): RpcValue {
    this.#count += 1;
    if (this.#count > VALUES_MAX) throw stoqError('stoq.codec_limit', { valuesMax: VALUES_MAX });
    const head = this.#byte();
    const major = head >> 5;
    if (major > MAJOR.map) return this.#special(head);
    const argument = this.#argument(head & 31);
    switch (major) {
      case MAJOR.uint:
        return this.#safe(argument);
      case MAJOR.negative:
        return -1 - this.#safe(argument, Number.MAX_SAFE_INTEGER - 1);
      case MAJOR.bytes:
        return this.#byteString(argument);
      case MAJOR.text:
        return this.#text(argument);
      case MAJOR.array:
        return this.#array(argument, depth + 1);
      default:
        return this.#map(argument, depth + 1);
    }
  }

  #special(head: number): RpcValue {
    switch (head) {
      case HEAD.false:
        return false;
      case HEAD.true:
        return true;
      case HEAD.null:
        return null;
      case HEAD.float64:
        return this.#float();
      case HEAD.positiveBignum:
        return this.#magnitude();
      case HEAD.negativeBignum:
        return -1n - this.#magnitude();
      default:
        return malformed('not a kind of value in use');
    }
  }

  #safe(argument: number, max: number = Number.MAX_SAFE_INTEGER): number {
    return argument <= max ? argument : malformed('integer beyond the safe range');
  }

  #float(): number {
    const at = this.#take(8);
    const value = this.#buffer.readDoubleBE(at);
    if (!Number.isFinite(value) || Number.isSafeInteger(value)) malformed('not the form of the number');
    return value;
  }

  #magnitude(): bigint {
    const head = this.#byte();
    if (head >> 5 !== MAJOR.bytes) malformed('bignum without bytes');
    const length = this.#argument(head & 31);
    if (length > BIGINT_BYTES_MAX) throw stoqError('stoq.codec_limit', { bigintBytesMax: BIGINT_BYTES_MAX });
    const at = this.#take(length);
    if (length === 0) return 0n;
    if (this.#buffer[at] === 0) malformed('bignum with leading zeros');
    return BigInt(`0x${this.#buffer.toString('hex', at, at + length)}`);
  }

  #byteString(length: number): Uint8Array {
    const at = this.#take(length);
    const view = new Uint8Array(this.#buffer.buffer, this.#buffer.byteOffset + at, length);
    return length >= VIEW_BYTES_MIN ? view : new Uint8Array(view);
  }

  #text(length: number): string {
    const at = this.#take(length);
    if (!isUtf8(this.#buffer.subarray(at, at + length))) malformed('text is not UTF-8');
    return this.#buffer.toString('utf8', at, at + length);
  }

  #array(length: number, depth: number): RpcValue {
    this.#admit(length, depth);
    const elements: RpcValue[] = [];
    for (let index = 0; index < length; index++) elements.push(this.read(depth));
    return elements;
  }

  #map(length: number, depth: number): RpcValue {
    this.#admit(length, depth);
    const object: Record<string, RpcValue> = {};
    let previousFrom = 0;
    let previousTo = 0;
    for (let index = 0; index < length; index++) {
      const from = this.#at;
      const head = this.#byte();
      if (head >> 5 !== MAJOR.text) malformed('a key is not text');
      const key = this.#text(this.#argument(head & 31));
      if (isReservedKey(key)) malformed('reserved key');
      const to = this.#at;
      if (index > 0 && this.#buffer.compare(this.#buffer, previousFrom, previousTo, from, to) <= 0) malformed('keys out of order');
      previousFrom = from;
      previousTo = to;
      object[key] = this.read(depth);
    }
    return object;
  }

  /** Each element takes a byte at least, so that a head cannot announce more than there is. */
  #admit(length: number, depth: number): void {
    if (depth > VALUE_DEPTH_MAX) throw stoqError('stoq.codec_limit', { depthMax: VALUE_DEPTH_MAX });
    if (length > this.#buffer.length - this.#at) malformed('truncated');
  }

  /** The argument of a head in its shortest form. */
  #argument(info: number): number {
    if (info < 24) return info;
    const buffer = this.#buffer;
    if (info === 24) return this.#shortest(this.#byte(), 24);
    if (info === 25) return this.#shortest(buffer.readUInt16BE(this.#take(2)), 0x100);
    if (info === 26) return this.#shortest(buffer.readUInt32BE(this.#take(4)), 0x1_0000);
    if (info !== 27) return malformed('indefinite length');
    const at = this.#take(8);
    return this.#shortest(buffer.readUInt32BE(at) * UINT32_SPAN + buffer.readUInt32BE(at + 4), UINT32_SPAN);
  }

  #shortest(argument: number, min: number): number {
    return argument >= min ? argument : malformed('a head is not in its shortest form');
  }

  #byte(): number {
    return this.#buffer[this.#take(1)] as number;
  }

  #take(length: number): number {
    const at = this.#at;
    if (length > this.#buffer.length - at) malformed('truncated');
    this.#at = at + length;
    return at;
  }
}
