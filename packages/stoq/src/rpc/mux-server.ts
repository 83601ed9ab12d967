import { strict as assert } from 'node:assert';
import { type CodedError, stoqError } from '../errors.ts';
import type { SessionStream } from '../session/session.ts';
import type { CallStream } from './call-stream.ts';
import { decodeReset, encodeReset, FRAME, type Frame, type FrameReader, numbered, RESET, RESET_BYTES } from './frames.ts';
import { failureOfAll, MUX_CALLS_MAX, MUX_MESSAGE_BYTES_MAX, MuxCall, peerReset } from './mux-call.ts';
import { MuxWriter, type Outgoing } from './mux-writer.ts';
import { HEADER_BYTES_MAX } from './wire.ts';

const LIMITS = { [FRAME.header]: HEADER_BYTES_MAX, [FRAME.request]: MUX_MESSAGE_BYTES_MAX, [FRAME.reset]: RESET_BYTES };
// What has arrived is taken without a pause: so many frames take some milliseconds, then others have their turn.
const FRAMES_PER_TURN = 64;

/** The answering end of a shared stream, behind its `mux` frame. `begin` is called for each call. */
export class ServerMux {
  readonly #stream: SessionStream;
  readonly #reader: FrameReader;
  readonly #begin: (call: CallStream) => void;
  readonly #writer: MuxWriter;
  readonly #calls = new Map<number, ServerMuxCall>();

  constructor(stream: SessionStream, reader: FrameReader, begin: (call: CallStream) => void) {
    this.#stream = stream;
    this.#reader = reader;
    this.#begin = begin;
    this.#writer = new MuxWriter(stream);
  }

  /** Until the stream ends; answers why, never rejects. */
  async run(): Promise<CodedError> {
    try {
      for (let frames = 1; ; frames++) {
        const number = await this.#reader.callNumber();
        const frame = number === null ? null : await this.#reader.next(LIMITS);
        if (number === null || frame === null) throw stoqError('stoq.rpc_malformed', { reason: 'a shared stream ended' });
        this.#take(number, frame);
        if (frames % FRAMES_PER_TURN === 0) await new Promise(setImmediate);
      }
    } catch (cause) {
      const failure = failureOfAll(cause);
      this.#writer.fail(failure);
      this.#stream.reset(RESET.protocol);
      for (const call of this.#calls.values()) call.fail(failure);
      return cause as CodedError;
    }
  }

  #take(number: number, frame: Frame): void {
    if (number >= MUX_CALLS_MAX) throw stoqError('stoq.rpc_malformed', { reason: 'call number' });
    const known = this.#calls.get(number);
    if (known !== undefined) return known.received(frame);
    if (frame.type === FRAME.reset) {
      // It was answered while its caller gave it up.
      decodeReset(frame.payload);
      return;
    }
    if (frame.type !== FRAME.header) throw stoqError('stoq.rpc_malformed', { reason: 'call number' });
    const call = new ServerMuxCall(number, this.#writer, () => this.#calls.delete(number));
    this.#calls.set(number, call);
    call.deliver(frame);
    this.#begin(call);
  }
}

/**
 * A number is free again once the request has come and the answer is on its way: its caller may take it when it has that.
 * A caller that sends no request loses the number.
 */
class ServerMuxCall extends MuxCall {
  readonly #number: number;
  readonly #writer: MuxWriter;
  readonly #over: () => void;
  readonly #written: PromiseWithResolvers<void> = Promise.withResolvers();
  #answer: Outgoing | undefined;
  #isRequested = false;
  #isTaken = false;

  constructor(number: number, writer: MuxWriter, over: () => void) {
    super();
    this.#number = number;
    this.#writer = writer;
    this.#over = over;
    this.#written.promise.catch(() => {}); // nobody waits for a reset
  }

  /** The only one. An answer that waits for its reader keeps the call under way, and its deadline. */
  async write(...frames: Uint8Array[]): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.#send(frames);
    await this.#written.promise;
  }

  /** In place of an answer, also of one that still waits. */
  reset(code: number): void {
    const frame = encodeReset(code);
    if (this.#answer === undefined) this.#send([frame]);
    else this.#answer.bytes = numbered(this.#number, [frame]);
    this.#written.reject(stoqError('stoq.stream_reset', { code, by: 'local' }));
    this.settle();
  }

  /** A frame behind the header. */
  received(frame: Frame): void {
    if (frame.type === FRAME.reset) return this.fail(peerReset(frame));
    if (this.#isRequested || frame.type !== FRAME.request) throw stoqError('stoq.rpc_malformed', { reason: 'unexpected frame' });
    this.#isRequested = true;
    if (this.#answer === undefined) this.deliver(frame);
    this.#leaveWhenOver();
  }

  #send(frames: readonly Uint8Array[]): void {
    assert(this.#answer === undefined, 'one answer');
    this.drop();
    this.#answer = this.#writer.send(numbered(this.#number, frames), () => {
      this.#isTaken = true;
      this.#leaveWhenOver();
    });
    this.#answer.sent.promise.then(
      () => {
        this.#written.resolve();
        this.settle();
      },
      (error: Error) => this.#written.reject(error),
    );
  }

  #leaveWhenOver(): void {
    if (this.#isRequested && this.#isTaken) this.#over();
  }
}
