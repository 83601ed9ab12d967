import { strict as assert } from 'node:assert';
import { stoqError } from '../errors.ts';
import type { SessionStream } from '../session/session.ts';
import type { CallStream } from './call-stream.ts';
import { FRAME, type Frame, type FrameReader, RESET, RESET_BYTES } from './frames.ts';
import { MUX_CALLS_MAX, MUX_MESSAGE_BYTES_MAX, MuxCall, MuxWriter, numbered, resetError, resetFrame } from './mux-stream.ts';
import { HEADER_BYTES_MAX } from './wire.ts';

const LIMITS = { [FRAME.header]: HEADER_BYTES_MAX, [FRAME.request]: MUX_MESSAGE_BYTES_MAX, [FRAME.reset]: RESET_BYTES };

/** The answering end of a shared stream: `begin` is called for each call. Resolves when the stream has ended; never rejects. */
export async function serveMux(stream: SessionStream, reader: FrameReader, begin: (call: CallStream) => void): Promise<void> {
  const writer = new MuxWriter(stream, () => stream.reset(RESET.protocol));
  const calls = new Map<number, ServerMuxCall>();
  let failure: Error;
  try {
    await reader.next({ [FRAME.mux]: 0 });
    for (;;) {
      const number = await reader.callNumber();
      const frame = number === null ? null : await reader.next(LIMITS);
      if (number === null || frame === null) throw stoqError('stoq.rpc_malformed', { reason: 'a shared stream ended' });
      let call = calls.get(number);
      if (call === undefined) {
        // It was answered while its caller gave it up.
        if (frame.type === FRAME.reset) continue;
        if (frame.type !== FRAME.header || number >= MUX_CALLS_MAX) throw stoqError('stoq.rpc_malformed', { reason: 'call number' });
        call = new ServerMuxCall(number, writer, () => calls.delete(number));
        calls.set(number, call);
        call.deliver(frame);
        begin(call);
      } else call.received(frame);
    }
  } catch (error) {
    failure = error as Error;
  }
  writer.stop();
  stream.reset(RESET.protocol);
  for (const call of calls.values()) call.fail(failure);
}

/** A number is free again once the request has come and the answer is on its way: its caller may take it when it has that. */
class ServerMuxCall extends MuxCall {
  readonly #over: () => void;
  #isRequested = false;
  #isAnswered = false;
  #isSent = false;

  constructor(number: number, writer: MuxWriter, over: () => void) {
    super(number, writer);
    this.#over = over;
  }

  async write(...frames: Uint8Array[]): Promise<void> {
    assert(frames.length === 1 && !this.#isAnswered, 'one answer');
    this.#answer(frames[0] as Uint8Array);
  }

  reset(code: number): void {
    if (!this.#isAnswered) this.#answer(resetFrame(code));
  }

  /** A frame behind the header. */
  received(frame: Frame): void {
    if (frame.type === FRAME.reset) return this.fail(resetError(frame));
    if (this.#isRequested || frame.type !== FRAME.request) throw stoqError('stoq.rpc_malformed', { reason: 'unexpected frame' });
    this.#isRequested = true;
    this.deliver(frame);
    this.#leaveWhenOver();
  }

  #answer(frame: Uint8Array): void {
    this.#isAnswered = true;
    this.ended();
    this.writer.send(numbered(this.number, [frame]), () => {
      this.#isSent = true;
      this.#leaveWhenOver();
    });
  }

  #leaveWhenOver(): void {
    if (this.#isRequested && this.#isSent) this.#over();
  }
}
