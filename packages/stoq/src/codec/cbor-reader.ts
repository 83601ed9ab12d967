import { isUtf8 } from 'node:buffer';
import { plainBytes } from '../crypto/bytes.ts';
import { stoqError } from '../errors.ts';
import { HEAD, MAJOR, UINT32_SPAN } from './head.ts';

const ASCII_MAX = 0x7f;
// Short texts are tried as ASCII, character by character: below this length a call into the runtime costs more.
const SHORT_TEXT_BYTES_MAX = 192;
// The high word of a safe integer is below this.
const SAFE_HIGH_SPAN = 2 ** 21;

/** Reads items of CBOR one after the other, each only in the form that `CborWriter` gives it. Throws `stoq.codec_malformed`. */
export class CborReader {
  readonly #bytes: Uint8Array;
  /** The same memory as a `Buffer`, made when it is first needed: many objects have neither texts nor wide numbers. */
  #asBuffer: Buffer | undefined;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = plainBytes(bytes);
  }

  /** Offset of the next item. */
  get at(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  end(): void {
    if (this.remaining > 0) malformed('trailing bytes');
  }

  /** The first byte of the next item, which is not taken; -1 at the end. */
  peek(): number {
    return this.#bytes[this.#at] ?? -1;
  }

  byte(): number {
    return this.#bytes[this.skip(1)] as number;
  }

  /** Whether the next item is null, which is taken then. */
  isNull(): boolean {
    if (this.peek() !== HEAD.null) return false;
    this.#at += 1;
    return true;
  }

  /** The argument of a head of that major type; undefined, and nothing taken, when the next item is of another. */
  argumentOf(major: number): number | undefined {
    return this.peek() >> 5 === major ? this.#argument(this.byte() & 31) : undefined;
  }

  /** An integer of major type 0 or 1; undefined, and nothing taken, when the next item is something else. */
  integer(): bigint | undefined {
    const head = this.peek();
    const major = head >> 5;
    if (major !== MAJOR.uint && major !== MAJOR.negative) return undefined;
    this.byte();
    const argument = (head & 31) === 27 ? this.#wideArgument() : BigInt(this.#argument(head & 31));
    return major === MAJOR.uint ? argument : -1n - argument;
  }

  float(): number {
    return this.#buffer.readDoubleBE(this.skip(8));
  }

  /** The next bytes in the memory of the message. */
  view(length: number): Uint8Array {
    const at = this.skip(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** A copy of the next bytes, which does not keep the message alive. */
  copy(length: number): Uint8Array {
    const at = this.skip(length);
    return this.#bytes.slice(at, at + length);
  }

  /** What was read from that offset on, in the memory of the message. */
  since(at: number): Uint8Array {
    return this.#buffer.subarray(at, this.#at);
  }

  hex(length: number): string {
    const at = this.skip(length);
    return this.#buffer.toString('hex', at, at + length);
  }

  /** The next bytes as UTF-8. */
  text(length: number): string {
    const at = this.skip(length);
    const end = at + length;
    if (length <= SHORT_TEXT_BYTES_MAX && this.#isAscii(at, end)) return this.#buffer.toString('latin1', at, end);
    if (!isUtf8(this.#buffer.subarray(at, end))) malformed('text is not UTF-8');
    return this.#buffer.toString('utf8', at, end);
  }

  compare(from: number, to: number, otherFrom: number, otherTo: number): number {
    return this.#buffer.compare(this.#buffer, otherFrom, otherTo, from, to);
  }

  /** Passes over the next bytes; their offset. */
  skip(length: number): number {
    const at = this.#at;
    if (length > this.#bytes.length - at) malformed('truncated');
    this.#at = at + length;
    return at;
  }

  #isAscii(from: number, to: number): boolean {
    for (let at = from; at < to; at++) if ((this.#bytes[at] as number) > ASCII_MAX) return false;
    return true;
  }

  get #buffer(): Buffer {
    const { buffer, byteOffset, length } = this.#bytes;
    return (this.#asBuffer ??= Buffer.from(buffer, byteOffset, length));
  }

  #uint16(at: number): number {
    return ((this.#bytes[at] as number) << 8) | (this.#bytes[at + 1] as number);
  }

  #uint32(at: number): number {
    return this.#uint16(at) * 0x1_0000 + this.#uint16(at + 2);
  }

  /** The argument of a head in its shortest form. */
  #argument(info: number): number {
    if (info < 24) return info;
    if (info === 24) return shortest(this.byte(), 24);
    if (info === 25) return shortest(this.#uint16(this.skip(2)), 0x100);
    if (info === 26) return shortest(this.#uint32(this.skip(4)), 0x1_0000);
    if (info !== 27) return malformed('indefinite length');
    const at = this.skip(8);
    return shortest(this.#uint32(at) * UINT32_SPAN + this.#uint32(at + 4), UINT32_SPAN);
  }

  #wideArgument(): bigint {
    const at = this.skip(8);
    const high = this.#uint32(at);
    if (high === 0) malformed('a head is not in its shortest form');
    // One bigint instead of the four that the whole word takes.
    return high < SAFE_HIGH_SPAN ? BigInt(high * UINT32_SPAN + this.#uint32(at + 4)) : this.#buffer.readBigUInt64BE(at);
  }
}

function shortest(argument: number, min: number): number {
  return argument >= min ? argument : malformed('a head is not in its shortest form');
}

function malformed(reason: string): never {
  throw stoqError('stoq.codec_malformed', { reason });
}
