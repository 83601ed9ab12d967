import { stoqError } from '../errors.ts';
import type { Session, SessionStream } from '../session/session.ts';
import type { CallStream } from './call-stream.ts';
import { encodeReset, FRAME, FRAME_HEAD_BYTES, type Frame, FrameReader, numbered, RESET, RESET_BYTES, writeFrameHead } from './frames.ts';
import { failureOfAll, MUX_CALLS_MAX, MUX_MESSAGE_BYTES_MAX, MuxCall, peerReset } from './mux-call.ts';
import { MuxWriter, type Outgoing } from './mux-writer.ts';
import { ERROR_BYTES_MAX } from './wire.ts';

const LIMITS = { [FRAME.value]: MUX_MESSAGE_BYTES_MAX, [FRAME.error]: ERROR_BYTES_MAX, [FRAME.reset]: RESET_BYTES };

/** Small calls of this side on one session, which share a stream. */
export interface SharedCalls {
  /** A place for one more call; null while all are taken. Throws as `Session.openStream` does. */
  open(): Promise<CallStream | null>;
}

// One for each session, whoever calls on it: the peer takes few shared streams.
const SHARED = new WeakMap<Session, SharedCalls>();

export function sharedCallsOf(session: Session): SharedCalls {
  let shared = SHARED.get(session);
  if (shared === undefined) {
    shared = createSharedCalls(session);
    SHARED.set(session, shared);
  }
  return shared;
}

/** Opens the stream with the first call, and another if that one breaks. */
function createSharedCalls(session: Session): SharedCalls {
  let current: Promise<ClientMux> | undefined;

  const openMux = async (): Promise<ClientMux> => {
    const mux = new ClientMux(await session.openStream());
    void mux.run();
    return mux;
  };

  return {
    async open() {
      for (;;) {
        if (session.isClosing) throw stoqError('stoq.session_closed');
        const opening = (current ??= openMux());
        const mux = await opening.catch((error: unknown) => {
          if (current === opening) current = undefined;
          throw error;
        });
        if (!mux.isOver) return mux.open();
        if (current === opening) current = undefined;
      }
    },
  };
}

/** The caller's end of a shared stream. */
class ClientMux {
  readonly #stream: SessionStream;
  readonly #writer: MuxWriter;
  readonly #calls = new Map<number, ClientMuxCall>();
  /** Numbers of calls that are over. */
  readonly #free: number[] = [];
  #numbers = 0;
  #isOver = false;

  constructor(stream: SessionStream) {
    this.#stream = stream;
    this.#writer = new MuxWriter(stream);
    this.#writer.send(writeFrameHead(new Uint8Array(FRAME_HEAD_BYTES), FRAME.mux));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  open(): CallStream | null {
    const number = this.#free.pop() ?? (this.#numbers < MUX_CALLS_MAX ? this.#numbers++ : undefined);
    if (number === undefined) return null;
    const call = new ClientMuxCall(number, this.#writer, () => this.#release(number));
    this.#calls.set(number, call);
    return call;
  }

  /** Hands answers to their calls until the stream ends; never rejects. */
  async run(): Promise<void> {
    const reader = new FrameReader(this.#stream);
    try {
      for (;;) {
        const number = await reader.callNumber();
        const frame = number === null ? null : await reader.next(LIMITS);
        if (number === null || frame === null) throw stoqError('stoq.rpc_malformed', { reason: 'a shared stream ended' });
        this.#answered(number, frame);
      }
    } catch (cause) {
      this.#isOver = true;
      const failure = failureOfAll(cause);
      this.#writer.fail(failure);
      this.#stream.reset(RESET.protocol);
      for (const call of this.#calls.values()) call.fail(failure);
    }
  }

  #answered(number: number, frame: Frame): void {
    const call = this.#calls.get(number);
    if (call === undefined) throw stoqError('stoq.rpc_malformed', { reason: 'an answer to no call' });
    call.answered(frame);
    this.#release(number);
  }

  #release(number: number): void {
    this.#calls.delete(number);
    this.#free.push(number);
  }
}

class ClientMuxCall extends MuxCall {
  readonly #number: number;
  readonly #writer: MuxWriter;
  readonly #release: () => void;
  #request: Outgoing | undefined;
  #isOver = false;

  constructor(number: number, writer: MuxWriter, release: () => void) {
    super();
    this.#number = number;
    this.#writer = writer;
    this.#release = release;
  }

  async write(...frames: Uint8Array[]): Promise<void> {
    this.#request = this.#writer.send(numbered(this.#number, frames));
    await this.#request.sent.promise;
  }

  /** A number whose call the server may know of stays taken until the server has said its last word. */
  reset(code: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#request === undefined || this.#writer.withdraw(this.#request)) this.#release();
    else this.#writer.send(numbered(this.#number, [encodeReset(code)]));
  }

  /** Its only frame. */
  answered(frame: Frame): void {
    if (frame.type === FRAME.reset) this.fail(peerReset(frame));
    else if (!this.#isOver) this.deliver(frame);
    this.#isOver = true;
    this.settle();
  }
}
