import { stoqError } from '../errors.ts';
import type { SessionStream } from '../session/session.ts';
import { atEndOfTurn } from '../session/turn.ts';
import type { CallStream } from './call-stream.ts';
import {
  assertAllowed,
  CALL_NUMBER_BYTES,
  FRAME,
  type Frame,
  FRAME_HEAD_BYTES,
  type FrameLimits,
  RESET,
  RESET_BYTES,
  writeFrameHead,
} from './frames.ts';

// Calls on one stream: as many as a session has streams.
export const MUX_CALLS_MAX: number = 1024;
// A larger message would make the others wait, and has a stream of its own.
export const MUX_MESSAGE_BYTES_MAX: number = 64 * 1024;
// Calls of one turn share a record.
const BATCH_BYTES_MAX = 64 * 1024;

/** Frames of one call that wait for the credit of the peer. */
export class Outgoing {
  readonly #sent: PromiseWithResolvers<void> = Promise.withResolvers();
  #bytes: Uint8Array;
  #isTaken = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.sent.catch(() => {}); // the reading side of the stream fails too
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** Resolves when they no longer wait; rejects with the failure of the stream. */
  get sent(): Promise<void> {
    return this.#sent.promise;
  }

  /** False if they are on their way already. */
  replace(bytes: Uint8Array): boolean {
    if (!this.#isTaken) this.#bytes = bytes;
    return !this.#isTaken;
  }

  take(): Uint8Array {
    this.#isTaken = true;
    this.#sent.resolve();
    return this.#bytes;
  }

  fail(failure: Error): void {
    this.#isTaken = true;
    this.#sent.reject(failure);
  }
}

/** Frames of many calls on their way to one stream. */
export class MuxWriter {
  readonly #stream: SessionStream;
  readonly #pending: Outgoing[] = [];
  #isWriting = false;
  #failure: Error | undefined;

  constructor(stream: SessionStream) {
    this.#stream = stream;
  }

  send(bytes: Uint8Array): Outgoing {
    const outgoing = new Outgoing(bytes);
    if (this.#failure !== undefined) {
      outgoing.fail(this.#failure);
      return outgoing;
    }
    this.#pending.push(outgoing);
    if (!this.#isWriting) {
      this.#isWriting = true;
      atEndOfTurn(() => void this.#drain());
    }
    return outgoing;
  }

  /** The stream has failed: what waits is dropped, and so is what comes. */
  fail(failure: Error): void {
    this.#failure = failure;
    for (const outgoing of this.#pending.splice(0)) outgoing.fail(failure);
  }

  async #drain(): Promise<void> {
    try {
      while (this.#pending.length > 0) await this.#stream.write(this.#nextBatch());
    } catch {
      // What cannot be written cannot be answered: the reading side hears of it.
      this.#stream.reset(RESET.protocol);
    } finally {
      this.#isWriting = false;
    }
  }

  #nextBatch(): Uint8Array {
    let count = 0;
    let bytes = 0;
    for (const { length } of this.#pending) {
      if (count > 0 && bytes + length > BATCH_BYTES_MAX) break;
      count++;
      bytes += length;
    }
    const batch = this.#pending.splice(0, count).map((outgoing) => outgoing.take());
    return batch.length === 1 ? (batch[0] as Uint8Array) : Buffer.concat(batch, bytes);
  }
}

/** One call on a shared stream: what both sides have in common. */
export abstract class MuxCall implements CallStream {
  readonly isShared = true;
  readonly number: number;
  readonly #writer: MuxWriter;
  readonly #arrived: Frame[] = [];
  readonly #ended: PromiseWithResolvers<void> = Promise.withResolvers();
  #waiting: { readonly limits: FrameLimits; readonly frame: PromiseWithResolvers<Frame> } | undefined;
  #failure: Error | undefined;

  constructor(number: number, writer: MuxWriter) {
    this.number = number;
    this.#writer = writer;
    this.#ended.promise.catch(() => {}); // a call that was refused early does not ask
  }

  async next(limits: FrameLimits): Promise<Frame> {
    if (this.#failure !== undefined) throw this.#failure;
    const frame = this.#arrived.shift();
    if (frame !== undefined) return allowed(frame, limits);
    this.#waiting = { limits, frame: Promise.withResolvers() };
    return this.#waiting.frame.promise;
  }

  abstract write(...frames: Uint8Array[]): Promise<void>;

  /** The last frame of each side is known as such. */
  async finish(): Promise<void> {}

  end(): Promise<void> {
    return this.#ended.promise;
  }

  abstract reset(code: number): void;

  get failure(): Error | undefined {
    return this.#failure;
  }

  /** A frame of the peer. */
  deliver(frame: Frame): void {
    const waiting = this.#waiting;
    if (waiting === undefined) {
      this.#arrived.push(frame);
      return;
    }
    this.#waiting = undefined;
    try {
      waiting.frame.resolve(allowed(frame, waiting.limits));
    } catch (error) {
      waiting.frame.reject(error);
    }
  }

  /** The peer gave the call up, or the stream has failed. */
  fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#waiting?.frame.reject(error);
    this.#ended.reject(error);
  }

  protected send(...frames: readonly Uint8Array[]): Outgoing {
    return this.#writer.send(numbered(this.number, frames));
  }

  /** Nothing more comes from the peer. */
  protected ended(): void {
    this.#ended.resolve();
  }
}

function allowed(frame: Frame, limits: FrameLimits): Frame {
  assertAllowed(frame.type, frame.payload.length, limits);
  return frame;
}

/** Frames of one call, each with the call's number in front. */
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

export function resetFrame(code: number): Uint8Array {
  const frame = Buffer.alloc(FRAME_HEAD_BYTES + RESET_BYTES);
  frame.writeUInt16BE(code, FRAME_HEAD_BYTES);
  return writeFrameHead(frame, FRAME.reset);
}

/** What a call fails with when the peer gives it up. */
export function resetError({ payload }: Frame): Error {
  if (payload.length !== RESET_BYTES) throw stoqError('stoq.rpc_malformed', { reason: 'reset frame' });
  return stoqError('stoq.stream_reset', { code: ((payload[0] as number) << 8) | (payload[1] as number), by: 'peer' });
}
