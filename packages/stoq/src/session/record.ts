import { createCipheriv, createDecipheriv } from 'node:crypto';
import { AEAD_TAG_BYTES } from '../crypto/aead.ts';
import { stoqError } from '../errors.ts';
import { FRAME_HEAD_BYTES, type Frame, writeFrameHead } from './frame.ts';
import { nextTraffic, type TrafficKeys } from './key-schedule.ts';

/** Types of records; they do not meet those of handshake messages. */
export const RECORD = {
  data: 0x10,
  /** The authenticated end of one direction; empty. */
  end: 0x11,
  /** What follows is under the next generation of keys; empty. */
  rekey: 0x12,
  /** Control frames, on the control stream only. */
  control: 0x13,
} as const;

export const RECORD_OVERHEAD_BYTES: number = FRAME_HEAD_BYTES + AEAD_TAG_BYTES;

const CIPHER = 'aes-256-gcm';
const OPTIONS: { readonly authTagLength: number } = { authTagLength: AEAD_TAG_BYTES };
// Smaller ones are not worth the call.
const RELEASED_BYTES_MIN: number = 16 * 1024;
const NONE: Uint8Array = new Uint8Array();

/**
 * Keys and counter of one direction. The nonce is the counter over the keys' own offset (RFC 8446, section 5.3); the
 * head, type and length, is authenticated with the payload.
 */
class Direction {
  protected keys: TrafficKeys;
  readonly #nonce: Uint8Array = new Uint8Array(12);
  #sequence = 0;

  constructor(keys: TrafficKeys) {
    this.keys = keys;
  }

  protected nextNonce(): Uint8Array {
    const nonce = this.#nonce;
    nonce.set(this.keys.iv);
    let rest = this.#sequence++;
    for (let index = 11; rest > 0; index--) {
      nonce[index] = (nonce[index] as number) ^ (rest & 0xff);
      rest = Math.floor(rest / 256);
    }
    return nonce;
  }

  protected advance(): void {
    this.keys = nextTraffic(this.keys);
    this.#sequence = 0;
  }
}

export interface RekeyPolicy {
  readonly rekeyBytes: number;
  readonly rekeyRecords: number;
  readonly rekeyIntervalMs: number;
}

/** Seals the records of one direction, and changes its keys by volume and time. */
export class RecordSealer extends Direction {
  readonly #policy: RekeyPolicy;
  readonly #allocate: (length: number) => Uint8Array;
  #bytes = 0;
  #records = 0;
  #since: number;

  /** `allocate` may give bytes of any content. */
  constructor(
    keys: TrafficKeys,
    policy: RekeyPolicy,
    nowMs: number,
    allocate: (length: number) => Uint8Array = (length) => Buffer.allocUnsafeSlow(length),
  ) {
    super(keys);
    this.#policy = policy;
    this.#allocate = allocate;
    this.#since = nowMs;
  }

  /**
   * The records of `payload`, cut at `recordBytesMax`, behind `prefix` in one buffer. One with an empty payload is
   * written for an empty `payload`.
   */
  seal(type: number, payload: Uint8Array, recordBytesMax: number, nowMs: number, prefix: Uint8Array = NONE): Uint8Array {
    const count = Math.max(1, Math.ceil(payload.length / recordBytesMax));
    const rekey = this.#rekeyDue(nowMs);
    const rekeyBytes = rekey ? RECORD_OVERHEAD_BYTES : 0;
    // Every byte is written below.
    const out = this.#allocate(prefix.length + rekeyBytes + payload.length + count * RECORD_OVERHEAD_BYTES);
    out.set(prefix);
    let at = prefix.length;
    if (rekey) {
      at = this.sealInto(out, at, RECORD.rekey, NONE);
      this.advance();
      this.#bytes = 0;
      this.#records = 0;
      this.#since = nowMs;
    }
    for (let index = 0; index < count; index++) {
      at = this.sealInto(out, at, type, payload.subarray(index * recordBytesMax, (index + 1) * recordBytesMax));
    }
    this.#bytes += payload.length;
    this.#records += count;
    return out;
  }

  /** Writes one record at `at` and answers where the next one goes. */
  sealInto(out: Uint8Array, at: number, type: number, payload: Uint8Array): number {
    writeFrameHead(out, at, type, payload.length + AEAD_TAG_BYTES);
    const start = at + FRAME_HEAD_BYTES;
    const cipher = createCipheriv(CIPHER, this.keys.key, this.nextNonce(), OPTIONS);
    cipher.setAAD(out.subarray(at, start));
    const ciphertext = cipher.update(payload);
    out.set(ciphertext, start);
    release(ciphertext);
    cipher.final();
    out.set(cipher.getAuthTag(), start + payload.length);
    return start + payload.length + AEAD_TAG_BYTES;
  }

  #rekeyDue(nowMs: number): boolean {
    return (
      this.#bytes >= this.#policy.rekeyBytes ||
      this.#records >= this.#policy.rekeyRecords ||
      (this.#records > 0 && nowMs - this.#since >= this.#policy.rekeyIntervalMs)
    );
  }
}

/** Frees a copy at once: left to the garbage collector, those of a gigabyte cost it a hundred full collections. */
function release(bytes: Buffer): void {
  const { buffer } = bytes;
  if (bytes.length >= RELEASED_BYTES_MIN && buffer.byteLength === bytes.length) (buffer as ArrayBuffer).transfer(0);
}

/** Opens the records of one direction. */
export class RecordOpener extends Direction {
  /** The payload. Throws `stoq.record_forged`; nothing of an unauthentic record is returned. */
  open(frame: Frame): Uint8Array {
    const end = frame.body.length - AEAD_TAG_BYTES;
    if (end < 0) throw stoqError('stoq.record_forged');
    const decipher = createDecipheriv(CIPHER, this.keys.key, this.nextNonce(), OPTIONS);
    decipher.setAAD(frame.head);
    decipher.setAuthTag(frame.body.subarray(end));
    const payload = decipher.update(frame.body.subarray(0, end));
    try {
      decipher.final();
    } catch {
      payload.fill(0);
      throw stoqError('stoq.record_forged');
    }
    return new Uint8Array(payload.buffer, payload.byteOffset, payload.length);
  }

  /** After a `rekey` record. */
  rekey(): void {
    this.advance();
  }
}
