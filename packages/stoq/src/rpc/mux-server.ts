import { strict as assert } from 'node:assert';
import { stoqError } from '../errors.ts';
import type { SessionStream } from '../session/session.ts';
import type { CallStream } from './call-stream.ts';
import { FRAME, type Frame, type FrameReader, RESET, RESET_BYTES } from './frames.ts';
import { MUX_CALLS_MAX, MUX_MESSAGE_BYTES_MAX, MuxCall, MuxWriter, numbered, type Outgoing, resetError, resetFrame } from './mux-stream.ts';
import { HEADER_BYTES_MAX } from './wire.ts';

const LIMITS = { [FRAME.header]: HEADER_BYTES_MAX, [FRAME.request]: MUX_MESSAGE_BYTES_MAX, [FRAME.reset]: RESET_BYTES };

/** The answering end of a shared stream: `begin` is called for each call. Resolves when the stream has ended; never rejects. */
export async function serveMux(stream: SessionStream, reader: FrameReader, begin: (call: CallStream) => void): Promise<void> {
  const writer = new MuxWriter(stream);
  const calls = new Map<number, ServerMuxCall>();

  const take = (number: number, frame: Frame): void => {
    if (number >= MUX_CALLS_MAX) throw stoqError('stoq.rpc_malformed', { reason: 'call number' });
    const known = calls.get(number);
    if (known !== undefined) return known.received(frame);
    if (frame.type === FRAME.reset) return void resetError(frame); // it was answered while its caller gave it up
    if (frame.type !== FRAME.header) throw stoqError('stoq.rpc_malformed', { reason: 'call number' });
    const call = new ServerMuxCall(number, writer, () => calls.delete(number));
    calls.set(number, call);
    call.deliver(frame);
    begin(call);
  };

  try {
    await reader.next({ [FRAME.mux]: 0 });
    for (;;) {
      const number = await reader.callNumber();
      const frame = number === null ? null : await reader.next(LIMITS);
      if (number === null || frame === null) throw stoqError('stoq.rpc_malformed', { reason: 'a shared stream ended' });
      take(number, frame);
    }
  } catch (cause) {
    // What one call did wrong is not said of the others.
    const isBreach = stoqError.is(cause, 'stoq.rpc_malformed') || stoqError.is(cause, 'stoq.rpc_too_large');
    const failure = isBreach ? stoqError('stoq.stream_reset', { code: RESET.protocol, by: 'local' }, { cause }) : (cause as Error);
    writer.fail(failure);
    stream.reset(RESET.protocol);
    for (const call of calls.values()) call.fail(failure);
  }
}

/** A number is free again once the request has come and the answer is on its way: its caller may take it when it has that. */
class ServerMuxCall extends MuxCall {
  readonly #over: () => void;
  #answer: Outgoing | undefined;
  #isRequested = false;
  #isSent = false;

  constructor(number: number, writer: MuxWriter, over: () => void) {
    super(number, writer);
    this.#over = over;
  }

  /** The only one. An answer that waits for its reader keeps the call under way, and its deadline. */
  async write(...frames: Uint8Array[]): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    await this.#end(...frames);
  }

  /** In place of an answer, also of one that still waits. */
  reset(code: number): void {
    const frame = resetFrame(code);
    if (this.#answer === undefined) void this.#end(frame).catch(() => {}); // whoever reads the stream knows
    else this.#answer.replace(numbered(this.number, [frame]));
  }

  /** A frame behind the header. */
  received(frame: Frame): void {
    if (frame.type === FRAME.reset) return this.fail(resetError(frame));
    if (this.#isRequested || frame.type !== FRAME.request) throw stoqError('stoq.rpc_malformed', { reason: 'unexpected frame' });
    this.#isRequested = true;
    this.deliver(frame);
    this.#leaveWhenOver();
  }

  async #end(...frames: Uint8Array[]): Promise<void> {
    assert(this.#answer === undefined, 'one answer');
    this.#answer = this.send(...frames);
    await this.#answer.sent;
    this.#isSent = true;
    this.ended();
    this.#leaveWhenOver();
  }

  #leaveWhenOver(): void {
    if (this.#isRequested && this.#isSent) this.#over();
  }
}
