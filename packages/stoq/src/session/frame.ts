import type { CarrierStream } from '../carrier/carrier.ts';

/** `type u8 | length u24`, in front of every handshake message and record. */
export const FRAME_HEAD_BYTES = 4;

// Four records of full size: what the quic carrier gives at once.
const READ_BYTES: number = 256 * 1024 + 4 * 64;

export interface Frame {
  readonly type: number;
  readonly head: Uint8Array;
  readonly body: Uint8Array;
}

export function writeFrameHead(out: Uint8Array, at: number, type: number, length: number): void {
  out[at] = type;
  out[at + 1] = length >> 16;
  out[at + 2] = length >> 8;
  out[at + 3] = length;
}

/** The frames of one direction of a carrier stream. Holds at most one read beyond the frame being assembled. */
export class FrameSource {
  readonly #stream: Pick<CarrierStream, 'read'>;
  readonly #chunks: Uint8Array[] = [];
  #bufferedBytes = 0;

  constructor(stream: Pick<CarrierStream, 'read'>) {
    this.#stream = stream;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Reads once from the carrier; false at its end. */
  async fill(): Promise<boolean> {
    const chunk = await this.#stream.read(READ_BYTES);
    if (chunk === null) return false;
    if (chunk.length > 0) this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
    return true;
  }

  /** Type of the next frame, or null while its head is not there. */
  peekType(): number | null {
    return this.#bufferedBytes < FRAME_HEAD_BYTES ? null : (this.#byteAt(0) as number);
  }

  /**
   * The next frame, or null while it is incomplete. `admit` sees type and length as soon as the head is there and
   * throws for what must not be buffered.
   */
  take(admit: (type: number, length: number) => void): Frame | null {
    if (this.#bufferedBytes < FRAME_HEAD_BYTES) return null;
    const type = this.#byteAt(0);
    const length = (this.#byteAt(1) << 16) | (this.#byteAt(2) << 8) | this.#byteAt(3);
    admit(type, length);
    if (this.#bufferedBytes < FRAME_HEAD_BYTES + length) return null;
    const bytes = this.takeBytes(FRAME_HEAD_BYTES + length) as Uint8Array;
    return { type, head: bytes.subarray(0, FRAME_HEAD_BYTES), body: bytes.subarray(FRAME_HEAD_BYTES) };
  }

  /** Exactly `count` bytes, without a copy where they arrived together; null while they are not there. */
  takeBytes(count: number): Uint8Array | null {
    if (this.#bufferedBytes < count) return null;
    this.#bufferedBytes -= count;
    const first = this.#chunks[0] as Uint8Array;
    if (first.length === count) {
      this.#chunks.shift();
      return first;
    }
    if (first.length > count) {
      this.#chunks[0] = first.subarray(count);
      return first.subarray(0, count);
    }
    return this.#assemble(count);
  }

  #assemble(count: number): Uint8Array {
    const out = new Uint8Array(count);
    let at = 0;
    while (at < count) {
      const chunk = this.#chunks[0] as Uint8Array;
      const part = chunk.subarray(0, count - at);
      out.set(part, at);
      at += part.length;
      if (part.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part.length);
    }
    return out;
  }

  #byteAt(offset: number): number {
    let at = offset;
    for (const chunk of this.#chunks) {
      if (at < chunk.length) return chunk[at] as number;
      at -= chunk.length;
    }
    return 0;
  }
}
