import { stoqError } from '../errors.ts';
import type { CallStream } from './call-stream.ts';
import { assertAllowed, decodeReset, type Frame, type FrameLimits, RESET } from './frames.ts';

// Calls on one stream: as many as a session has streams.
export const MUX_CALLS_MAX: number = 1024;
// A larger message has a stream of its own: those behind it would wait, for 13 ms at 10 Mbit/s.
export const MUX_MESSAGE_BYTES_MAX: number = 16 * 1024;

/** One call on a shared stream: what both sides have in common. */
export abstract class MuxCall implements CallStream {
  readonly isUnary = true;
  readonly valueBytesMax: number = MUX_MESSAGE_BYTES_MAX;
  readonly #settled: PromiseWithResolvers<void> = Promise.withResolvers();
  #arrived: Frame[] = [];
  #waiting: { readonly limits: FrameLimits; readonly frame: PromiseWithResolvers<Frame> } | undefined;
  #failure: Error | undefined;

  constructor() {
    this.#settled.promise.catch(() => {}); // a call that was refused early does not ask
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
    return this.#settled.promise;
  }

  abstract reset(code: number): void;

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
    this.#arrived = [];
    this.#waiting?.frame.reject(error);
    this.#settled.reject(error);
  }

  protected get failure(): Error | undefined {
    return this.#failure;
  }

  protected settle(): void {
    this.#settled.resolve();
  }

  /** Nobody will ask for what has arrived. */
  protected drop(): void {
    this.#arrived = [];
  }
}

function allowed(frame: Frame, limits: FrameLimits): Frame {
  assertAllowed(frame.type, frame.payload.length, limits);
  return frame;
}

/** What a call fails with when the peer gives it up. */
export function peerReset({ payload }: Frame): Error {
  return stoqError('stoq.stream_reset', { code: decodeReset(payload), by: 'peer' });
}

/** What the calls of a shared stream fail with: what one of them did wrong is not said of the others. */
export function failureOfAll(cause: unknown): Error {
  const isBreach = stoqError.is(cause, 'stoq.rpc_malformed') || stoqError.is(cause, 'stoq.rpc_too_large');
  return isBreach ? stoqError('stoq.stream_reset', { code: RESET.protocol, by: 'local' }, { cause }) : (cause as Error);
}
