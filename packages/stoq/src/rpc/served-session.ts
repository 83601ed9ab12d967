import { type CodedError, stoqError } from '../errors.ts';
import type { Session, SessionStream } from '../session/session.ts';
import { type CallStream, DirectStream } from './call-stream.ts';
import { FrameReader, RESET } from './frames.ts';
import { ServerMux } from './mux-server.ts';
import { ServerCall, type ServerScope } from './server-call.ts';

// A caller opens one, and another after that has broken, of which this side may not have heard yet.
export const MUX_STREAMS_PER_SESSION_MAX: number = 4;

/** The calls that the peer makes on one session. */
export class ServedSession {
  readonly #session: Session;
  readonly #scope: ServerScope;
  readonly #track: (call: ServerCall) => () => void;
  readonly #calls = new Set<ServerCall>();
  #sharedStreams = 0;

  /** `track` is told of each call that is under way, and what it returns is called when the call is over. */
  constructor(session: Session, scope: ServerScope, track: (call: ServerCall) => () => void) {
    this.#session = session;
    this.#scope = scope;
    this.#track = track;
  }

  /** Until the session ends; never rejects. */
  async run(): Promise<void> {
    void this.#session.ended.then(({ code }) => {
      for (const call of this.#calls) call.abandon(stoqError('stoq.session_closed', { code }));
    });
    for (;;) {
      const stream = await this.#session.acceptStream().catch(() => null);
      if (stream === null) return;
      void this.#welcome(stream);
    }
  }

  async #welcome(stream: SessionStream): Promise<void> {
    const reader = new FrameReader(stream);
    if ((await this.#answer(new DirectStream(stream, reader))) === 'mux') await this.#share(stream, reader);
  }

  async #answer(stream: CallStream): Promise<'call' | 'mux'> {
    const call = new ServerCall(stream, this.#session, this.#scope);
    this.#calls.add(call);
    const done = this.#track(call);
    const kind = await call.run();
    this.#calls.delete(call);
    done();
    return kind;
  }

  async #share(stream: SessionStream, reader: FrameReader): Promise<void> {
    if (this.#sharedStreams >= MUX_STREAMS_PER_SESSION_MAX) {
      this.#report(stoqError('stoq.rpc_overload', { muxStreamsMax: MUX_STREAMS_PER_SESSION_MAX }));
      stream.reset(RESET.protocol);
      return;
    }
    this.#sharedStreams += 1;
    const end = await new ServerMux(stream, reader, (call) => void this.#answer(call)).run();
    this.#sharedStreams -= 1;
    if (stoqError.is(end, 'stoq.rpc_malformed') || stoqError.is(end, 'stoq.rpc_too_large')) this.#report(end);
  }

  /** A shared stream that breaks the protocol counts as a call that names no method. */
  #report(cause: CodedError): void {
    const { peer } = this.#session;
    const { code } = cause;
    this.#scope.observer?.called({
      side: 'server',
      method: 'unknown',
      code,
      durationMs: 0,
      peer,
      requestBytes: 0,
      responseBytes: 0,
      cause,
    });
  }
}
