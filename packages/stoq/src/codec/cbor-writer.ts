import { plainBytes } from '../crypto/bytes.ts';
import { stoqError } from '../errors.ts';
import { HEAD, MAJOR, UINT32_SPAN } from './head.ts';

const INITIAL_BYTES = 512;
const HEAD_BYTES_MAX = 9;
// Short texts are written here: below this length a call into the runtime costs more.
const SHORT_TEXT_CHARS_MAX = 48;
const ASCII_MAX = 0x7f;

export interface CborWriterOptions {
  /** `stoq.codec_limit` beyond. */
  readonly bytesMax?: number;
  /** Bytes in front that the caller fills; they do not count. */
  readonly headroom?: number;
}

/** Items of canonical CBOR (RFC 8949, section 4.2.1: shortest heads, definite lengths), one after the other. */
export class CborWriter {
  readonly #bytesMax: number;
  readonly #headroom: number;
  #buffer: Buffer;
  /** The memory of the buffer, as what is quick to copy and to fill. */
  #bytes: Uint8Array;
  #at: number;

  constructor({ bytesMax = Number.MAX_SAFE_INTEGER, headroom = 0 }: CborWriterOptions = {}) {
    this.#bytesMax = bytesMax;
    this.#headroom = headroom;
    this.#buffer = Buffer.allocUnsafe(INITIAL_BYTES + headroom);
    this.#bytes = plainBytes(this.#buffer);
    this.#at = headroom;
  }

  get capacity(): number {
    return this.#buffer.length;
  }

  /** Everything written, in the memory of the writer, which is not used again. */
  finish(): Uint8Array {
    return new Uint8Array(this.#buffer.buffer, this.#buffer.byteOffset, this.#at);
  }

  /** What `use` makes of everything written, which it sees in the memory of the writer; then the writer starts anew, as with `take`. */
  lend<Result>(use: (written: Uint8Array) => Result): Result {
    const length = this.#at;
    try {
      return use(this.#bytes.subarray(0, length));
    } finally {
      this.#restart(length);
    }
  }

  /** A copy of everything written; the writer starts anew, and its memory holds nothing of it, as it may be a secret. */
  take(): Uint8Array {
    const length = this.#at;
    const copy = this.#bytes.slice(0, length);
    this.#restart(length);
    return copy;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#at] = value;
    this.#at += 1;
  }

  null(): void {
    this.byte(HEAD.null);
  }

  /** The caller asserts a safe integer that is not negative. */
  head(major: number, argument: number): void {
    const type = major << 5;
    if (argument < 24) return this.byte(type | argument);
    const length = argument < 0x100 ? 2 : argument < 0x1_0000 ? 3 : argument < UINT32_SPAN ? 5 : HEAD_BYTES_MAX;
    this.#reserve(length);
    const buffer = this.#buffer;
    const at = this.#at;
    this.#at = at + length;
    if (length === 2) {
      buffer[at] = type | 24;
      buffer[at + 1] = argument;
    } else if (length === 3) {
      buffer[at] = type | 25;
      buffer.writeUInt16BE(argument, at + 1);
    } else if (length === 5) {
      buffer[at] = type | 26;
      buffer.writeUInt32BE(argument, at + 1);
    } else {
      buffer[at] = type | 27;
      buffer.writeUInt32BE(Math.floor(argument / UINT32_SPAN), at + 1);
      buffer.writeUInt32BE(argument % UINT32_SPAN, at + 5);
    }
  }

  /** An integer of major type 0 or 1. The caller asserts that it is in [-2^64, 2^64). */
  integer(value: bigint): void {
    const major = value < 0n ? MAJOR.negative : MAJOR.uint;
    const argument = value < 0n ? -1n - value : value;
    if (argument <= Number.MAX_SAFE_INTEGER) return this.head(major, Number(argument));
    this.#reserve(HEAD_BYTES_MAX);
    this.#buffer[this.#at] = (major << 5) | 27;
    this.#buffer.writeBigUInt64BE(argument, this.#at + 1);
    this.#at += HEAD_BYTES_MAX;
  }

  float(value: number): void {
    this.#reserve(HEAD_BYTES_MAX);
    this.#buffer[this.#at] = HEAD.float64;
    this.#buffer.writeDoubleBE(value, this.#at + 1);
    this.#at += HEAD_BYTES_MAX;
  }

  bytes(value: Uint8Array): void {
    this.head(MAJOR.bytes, value.length);
    this.#reserve(value.length);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
  }

  /** Throws `stoq.codec_malformed` for a lone surrogate, which UTF-8 does not have. */
  text(value: string): void {
    if (value.length <= SHORT_TEXT_CHARS_MAX && this.#ascii(value)) return;
    if (!value.isWellFormed()) throw stoqError('stoq.codec_malformed', { reason: 'lone surrogate' });
    const length = Buffer.byteLength(value);
    this.head(MAJOR.text, length);
    this.#reserve(length);
    this.#buffer.write(value, this.#at);
    this.#at += length;
  }

  /** False, and nothing written, when there is another character. */
  #ascii(value: string): boolean {
    const before = this.#at;
    this.head(MAJOR.text, value.length);
    this.#reserve(value.length);
    const at = this.#at;
    for (let index = 0; index < value.length; index++) {
      const unit = value.charCodeAt(index);
      if (unit > ASCII_MAX) {
        this.#at = before;
        return false;
      }
      this.#buffer[at + index] = unit;
    }
    this.#at = at + value.length;
    return true;
  }

  #restart(length: number): void {
    this.#bytes.fill(0, 0, length);
    this.#at = this.#headroom;
  }

  #reserve(length: number): void {
    const needed = this.#at + length;
    if (needed - this.#headroom > this.#bytesMax) throw stoqError('stoq.codec_limit', { bytesMax: this.#bytesMax });
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#at);
    this.#buffer.fill(0, 0, this.#at);
    this.#buffer = grown;
    this.#bytes = plainBytes(grown);
  }
}
