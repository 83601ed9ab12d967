import { stoqError } from '../errors.ts';
import type { SessionStream } from '../session/session.ts';

/**
 * What travels on the stream of a call: a type byte, the length of the payload as u32 (big-endian), the payload.
 * The caller sends one header and one request; the server sends values, or an error as the last frame.
 *
 * A stream that begins with an empty `mux` frame carries many unary calls: the number of its call (u16) precedes each frame,
 * and a `reset` frame, which holds a code (u16), gives one call up. The server's frame, whichever it is, ends the call.
 */
export const FRAME = { header: 1, request: 2, value: 3, error: 4, mux: 5, reset: 6 } as const;
export type FrameType = (typeof FRAME)[keyof typeof FRAME];
/** Bytes of payload by type; a type that is not listed must not come. */
export type FrameLimits = Partial<Record<FrameType, number>>;

export const FRAME_HEAD_BYTES = 5;
const CALL_NUMBER_BYTES = 2;
export const RESET_BYTES = 2;

/** Codes of `SessionStream.reset` and of `reset` frames: why a side gave the call up. */
export const RESET = { cancelled: 1, deadline: 2, protocol: 3 } as const;

export interface Frame {
  readonly type: FrameType;
  readonly payload: Uint8Array;
}

/** Fills the first bytes of `frame`, which the payload follows. */
export function writeFrameHead(frame: Uint8Array, type: FrameType): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset, FRAME_HEAD_BYTES);
  view.setUint8(0, type);
  view.setUint32(1, frame.length - FRAME_HEAD_BYTES);
  return frame;
}

/** Cuts a stream into frames. One `next` at a time. */
export class FrameReader {
  readonly #stream: SessionStream;
  #reading: Promise<unknown> = Promise.resolve();
  #pending: Uint8Array = new Uint8Array(0);

  constructor(stream: SessionStream) {
    this.#stream = stream;
  }

  /**
   * The next frame, or null at the authenticated end. Throws `stoq.rpc_too_large` before anything of an oversized payload is
   * kept, `stoq.rpc_malformed` for a type that `limits` does not list and for a truncated frame.
   */
  next(limits: FrameLimits): Promise<Frame | null> {
    const frame = this.#next(limits);
    this.#reading = frame;
    return frame;
  }

  /**
   * Resolves at the authenticated end, discarding at most `bytesMax` bytes before it; then throws `stoq.rpc_malformed`.
   * A `next` whose caller has stopped waiting goes first.
   */
  async end(bytesMax: number): Promise<void> {
    await this.#reading.catch(() => {});
    let discarded = this.#pending.length;
    this.#pending = new Uint8Array(0);
    while (discarded <= bytesMax) {
      const chunk = await this.#stream.read();
      if (chunk === null) return;
      discarded += chunk.length;
    }
    throw stoqError('stoq.rpc_malformed', { reason: 'bytes after the last frame' });
  }

  /** The number in front of the next frame of a mux stream, or null at the authenticated end. */
  async callNumber(): Promise<number | null> {
    const bytes = await this.#take(CALL_NUMBER_BYTES);
    return bytes === null ? null : uint16(bytes);
  }

  async #next(limits: FrameLimits): Promise<Frame | null> {
    const head = await this.#take(FRAME_HEAD_BYTES);
    if (head === null) return null;
    const type = head[0] as FrameType;
    const length = new DataView(head.buffer, head.byteOffset).getUint32(1);
    assertAllowed(type, length, limits);
    const payload = await this.#take(length);
    if (payload === null) throw stoqError('stoq.rpc_malformed', { reason: 'truncated frame' });
    return { type, payload };
  }

  /** Exactly `length` bytes, or null if the stream ends before the first; memory grows only with what arrives. */
  async #take(length: number): Promise<Uint8Array | null> {
    if (this.#pending.length >= length) return this.#split(length);
    const chunks = this.#pending.length > 0 ? [this.#pending] : [];
    let available = this.#pending.length;
    while (available < length) {
      const chunk = await this.#stream.read();
      if (chunk === null) {
        if (available === 0) return null;
        throw stoqError('stoq.rpc_malformed', { reason: 'truncated frame' });
      }
      if (chunk.length === 0) continue;
      chunks.push(chunk);
      available += chunk.length;
    }
    this.#pending = chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks, available);
    return this.#split(length);
  }

  #split(length: number): Uint8Array {
    const taken = this.#pending.subarray(0, length);
    this.#pending = this.#pending.subarray(length);
    return taken;
  }
}

/** Frames of one call of a mux stream, each with the number of the call in front. */
export function numbered(number: number, frames: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(frames.reduce((sum, { length }) => sum + CALL_NUMBER_BYTES + length, 0));
  let at = 0;
  for (const frame of frames) {
    at = bytes.writeUInt16BE(number, at);
    bytes.set(frame, at);
    at += frame.length;
  }
  return bytes;
}

export function encodeReset(code: number): Uint8Array {
  const frame = Buffer.alloc(FRAME_HEAD_BYTES + RESET_BYTES);
  frame.writeUInt16BE(code, FRAME_HEAD_BYTES);
  return writeFrameHead(frame, FRAME.reset);
}

export function decodeReset(payload: Uint8Array): number {
  if (payload.length !== RESET_BYTES) throw stoqError('stoq.rpc_malformed', { reason: 'reset frame' });
  return uint16(payload);
}

/** Throws `stoq.rpc_malformed` or `stoq.rpc_too_large`. */
export function assertAllowed(type: FrameType, length: number, limits: FrameLimits): void {
  const bytesMax = limits[type];
  if (bytesMax === undefined) throw stoqError('stoq.rpc_malformed', { reason: 'unexpected frame' });
  if (length > bytesMax) throw stoqError('stoq.rpc_too_large', { bytes: length, bytesMax });
}

function uint16(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint16(0);
}
