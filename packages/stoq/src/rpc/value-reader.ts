import { CborReader } from '../codec/cbor-reader.ts';
import { HEAD, MAJOR } from '../codec/head.ts';
import { stoqError } from '../errors.ts';
import type { RpcValue } from './contract.ts';
import { BIGINT_BYTES_MAX, isReservedKey, VALUE_DEPTH_MAX, VALUES_MAX } from './value.ts';

// From here on a byte string is a view of the message; shorter ones are copied, so that an id does not keep a message alive.
const VIEW_BYTES_MIN = 16 * 1024;

/** The inverse of `encodeValue`: accepts only the form that it makes. Throws `stoq.codec_malformed` or `stoq.codec_limit`. */
export function decodeValue(bytes: Uint8Array): RpcValue {
  const cbor = new CborReader(bytes);
  const value = new ValueReader(cbor).read(0);
  cbor.end();
  return value;
}

function malformed(reason: string): never {
  throw stoqError('stoq.codec_malformed', { reason });
}

class ValueReader {
  readonly #cbor: CborReader;
  #count = 0;

  constructor(cbor: CborReader) {
    this.#cbor = cbor;
  }

  read(depth: number): RpcValue {
    this.#count += 1;
    if (this.#count > VALUES_MAX) throw stoqError('stoq.codec_limit', { valuesMax: VALUES_MAX });
    const major = this.#cbor.peek() >> 5;
    const argument = major <= MAJOR.map ? this.#cbor.argumentOf(major) : undefined;
    if (argument === undefined) return this.#special();
    switch (major) {
      case MAJOR.uint:
        return safe(argument);
      case MAJOR.negative:
        return -1 - safe(argument, Number.MAX_SAFE_INTEGER - 1);
      case MAJOR.bytes:
        return argument >= VIEW_BYTES_MIN ? this.#cbor.view(argument) : this.#cbor.copy(argument);
      case MAJOR.text:
        return this.#cbor.text(argument);
      case MAJOR.array:
        return this.#array(argument, depth + 1);
      default:
        return this.#map(argument, depth + 1);
    }
  }

  #special(): RpcValue {
    switch (this.#cbor.byte()) {
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

  #float(): number {
    const value = this.#cbor.float();
    if (!Number.isFinite(value) || Number.isSafeInteger(value)) malformed('not the form of the number');
    return value;
  }

  #magnitude(): bigint {
    const length = this.#cbor.argumentOf(MAJOR.bytes) ?? malformed('bignum without bytes');
    if (length > BIGINT_BYTES_MAX) throw stoqError('stoq.codec_limit', { bigintBytesMax: BIGINT_BYTES_MAX });
    if (length === 0) return 0n;
    if (this.#cbor.peek() === 0) malformed('bignum with leading zeros');
    return BigInt(`0x${this.#cbor.hex(length)}`);
  }

  #array(length: number, depth: number): RpcValue {
    this.#admit(length, depth);
    const elements: RpcValue[] = [];
    for (let index = 0; index < length; index++) elements.push(this.read(depth));
    return elements;
  }

  #map(length: number, depth: number): RpcValue {
    this.#admit(length, depth);
    const cbor = this.#cbor;
    const object: Record<string, RpcValue> = {};
    let previousFrom = 0;
    let previousTo = 0;
    for (let index = 0; index < length; index++) {
      const from = cbor.at;
      const key = cbor.text(cbor.argumentOf(MAJOR.text) ?? malformed('a key is not text'));
      if (isReservedKey(key)) malformed('reserved key');
      const to = cbor.at;
      if (index > 0 && cbor.compare(previousFrom, previousTo, from, to) >= 0) malformed('keys out of order');
      previousFrom = from;
      previousTo = to;
      object[key] = this.read(depth);
    }
    return object;
  }

  /** Each element takes a byte at least, so that a head cannot announce more than there is. */
  #admit(length: number, depth: number): void {
    if (depth > VALUE_DEPTH_MAX) throw stoqError('stoq.codec_limit', { depthMax: VALUE_DEPTH_MAX });
    if (length > this.#cbor.remaining) malformed('truncated');
  }
}

function safe(argument: number, max: number = Number.MAX_SAFE_INTEGER): number {
  return argument <= max ? argument : malformed('integer beyond the safe range');
}
