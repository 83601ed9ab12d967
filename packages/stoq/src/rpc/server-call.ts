import type { Clock } from '../clock.ts';
import { type CodedError, hasCode, stoqError } from '../errors.ts';
import type { Session } from '../session/session.ts';
import type { CallStream } from './call-stream.ts';
import { FRAME, type Frame, type FrameLimits, RESET } from './frames.ts';
import { Interrupt } from './interrupt.ts';
import type { RpcObserver } from './observer.ts';
import { refusalOf, type ServedMethod } from './registry.ts';
import type { CallContext } from './service.ts';
import { decodeValue } from './value-reader.ts';
import { decodeHeader, encodeError, encodeValueFrame, HEADER_BYTES_MAX, isTravelling } from './wire.ts';

// A caller writes header and request at once, so the header is there with the stream.
const HEADER_DEADLINE_MS = 10_000;
// What a refused caller may still have under way, and how long it may take to notice.
const DISCARD_BYTES_MAX = 1024 * 1024;
const LINGER_MS = 10_000;

/** What a call needs of the server that runs it. */
export interface ServerScope {
  readonly clock: Clock;
  readonly observer: RpcObserver | undefined;
  find(wireName: string): ServedMethod | undefined;
  /** Takes one of the slots for concurrent calls or throws `stoq.rpc_overload` or `stoq.rpc_stopping`; returns its release. */
  admit(): () => void;
}

/** One call of a peer, from the header to the end of both directions. */
export class ServerCall {
  readonly #stream: CallStream;
  readonly #session: Session;
  readonly #scope: ServerScope;
  readonly #interrupt = new Interrupt();
  /** The call is of a method that answers with a stream. */
  streaming = false;
  #cancelTimer: () => void = () => {};
  #method = 'unknown';
  #requestBytes = 0;
  #responseBytes = 0;
  /** A write is under way, so that no error can be written. */
  #writing = false;
  /** The peer reset the stream or the session has ended. */
  #gone = false;
  /** Settles when the caller has ended its direction; set once the request is read. */
  #ended: Promise<void> | undefined;
  /** Settles when the handler has, however the call ended. */
  #running: Promise<unknown> = Promise.resolve();

  constructor(stream: CallStream, session: Session, scope: ServerScope) {
    this.#stream = stream;
    this.#session = session;
    this.#scope = scope;
  }

  /** `mux`: the stream turned out to carry many calls, of which none was read yet. Never rejects. */
  async run(): Promise<'call' | 'mux'> {
    const started = this.#scope.clock.monotonic();
    let failure: unknown;
    this.#arm(HEADER_DEADLINE_MS);
    try {
      const first = await this.#read({ [FRAME.header]: HEADER_BYTES_MAX, [FRAME.mux]: 0 });
      if (first.type === FRAME.mux) {
        this.#cancelTimer();
        return 'mux';
      }
      await this.#answer(first);
      void this.#stream.finish().catch(() => {});
    } catch (error) {
      failure = error;
      await this.#refuse(error);
    }
    this.#report(failure, started);
    this.#arm(LINGER_MS, () => this.#stream.reset(RESET.protocol));
    await this.#linger();
    this.#cancelTimer();
    return 'call';
  }

  /** Ends the call early: the handler sees `reason` on its signal. */
  abort(reason: Error): void {
    this.#interrupt.raise(reason);
  }

  /** As `abort`, when nothing can be sent any more. */
  abandon(reason: Error): void {
    this.#gone = true;
    this.abort(reason);
  }

  async #answer({ payload }: Frame): Promise<void> {
    const header = decodeHeader(payload);
    const method = this.#scope.find(header.method);
    if (method === undefined) throw stoqError('stoq.rpc_unknown_method', { method: header.method });
    this.#method = method.wireName;
    const refusal = refusalOf(method.spec, this.#session.peer);
    if (refusal !== null) throw refusal;
    this.streaming = method.spec.kind === 'server-stream';
    if (this.streaming && this.#stream.isUnary) throw stoqError('stoq.rpc_malformed', { reason: 'values need a stream of their own' });
    const release = this.#scope.admit();
    try {
      this.#arm(header.deadlineMs);
      const request = await this.#request(method);
      const context: CallContext = {
        peer: this.#session.peer,
        remoteAddress: this.#session.remoteAddress,
        signal: this.#interrupt.signal,
      };
      if (this.streaming) await this.#values(method, request, context, header.deadlineMs);
      else await this.#unary(method, request, context);
    } finally {
      // A handler that ignores its signal keeps its slot: the limit is on work, not on callers who wait.
      void this.#running.then(release, release);
    }
  }

  async #read(limits: FrameLimits): Promise<Frame> {
    const frame = await this.#interrupt.wait(this.#stream.next(limits));
    if (frame === null) throw stoqError('stoq.rpc_malformed', { reason: 'ended without a call' });
    return frame;
  }

  async #request(method: ServedMethod): Promise<unknown> {
    const { payload } = await this.#read({ [FRAME.request]: method.spec.requestBytesMax });
    this.#requestBytes = payload.length;
    this.#ended = this.#stream.end(0).catch((error: unknown) => this.#interrupted(error));
    const parsed = method.spec.request.safeParse(decodeRequest(payload));
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw stoqError('stoq.rpc_bad_request', { path: issue?.path.map(String).join('.'), reason: issue?.code });
  }

  async #unary(method: ServedMethod, request: unknown, context: CallContext): Promise<void> {
    const running = (async () => method.handler(request, context) as Promise<unknown>)();
    this.#running = running;
    await this.#send(await this.#interrupt.wait(running), method.spec.responseBytesMax);
  }

  async #values(method: ServedMethod, request: unknown, context: CallContext, gapMs: number): Promise<void> {
    const values = (method.handler(request, context) as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    let next = values.next();
    try {
      for (;;) {
        const result = await this.#interrupt.wait(next);
        if (result.done === true) return;
        this.#arm(gapMs);
        await this.#send(result.value, method.spec.responseBytesMax);
        this.#arm(gapMs);
        next = values.next();
      }
    } finally {
      this.#running = Promise.allSettled([next, values.return?.()]);
    }
  }

  async #send(value: unknown, bytesMax: number): Promise<void> {
    const frame = encodeValueFrame(FRAME.value, value, Math.min(bytesMax, this.#stream.valueBytesMax));
    this.#responseBytes += frame.length;
    this.#writing = true;
    await this.#interrupt.wait(this.#stream.write(frame));
    this.#writing = false;
  }

  async #refuse(error: unknown): Promise<void> {
    if (this.#gone || this.#writing) {
      this.#stream.reset(hasCode(error, 'stoq.rpc_deadline') ? RESET.deadline : RESET.cancelled);
      return;
    }
    try {
      this.#arm(LINGER_MS, () => this.#stream.reset(RESET.protocol));
      await this.#stream.write(encodeError(isTravelling(error) ? error : stoqError('stoq.rpc_internal')));
      await this.#stream.finish();
    } catch {
      this.#stream.reset(RESET.protocol);
    }
  }

  /** Reads on until the caller has ended its direction too, so that a reset does not overtake the answer. */
  async #linger(): Promise<void> {
    if (this.#gone) return;
    try {
      await (this.#ended ?? this.#stream.end(DISCARD_BYTES_MAX));
    } catch {
      this.#stream.reset(RESET.protocol);
    }
  }

  /** The caller's direction failed while its call ran. */
  #interrupted(error: unknown): void {
    if (hasCode(error, 'stoq.rpc_malformed')) return this.abort(error);
    if (!hasCode(error, 'stoq.stream_reset')) return this.abandon(error as Error);
    const deadline = error.data['code'] === RESET.deadline;
    this.abandon(stoqError(deadline ? 'stoq.rpc_deadline' : 'stoq.rpc_cancelled', {}, { cause: error }));
  }

  #report(failure: unknown, started: number): void {
    const code = failure === undefined ? 'ok' : isTravelling(failure) ? failure.code : 'stoq.rpc_internal';
    this.#scope.observer?.called({
      side: 'server',
      method: this.#method,
      code,
      durationMs: this.#scope.clock.monotonic() - started,
      peer: this.#session.peer,
      requestBytes: this.#requestBytes,
      responseBytes: this.#responseBytes,
      ...(failure === undefined ? {} : { cause: failure }),
    });
  }

  #arm(delayMs: number, expired: () => void = () => this.abort(stoqError('stoq.rpc_deadline', { deadlineMs: delayMs }))): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#scope.clock.after(delayMs, expired);
  }
}

function decodeRequest(payload: Uint8Array): unknown {
  try {
    return decodeValue(payload);
  } catch (cause) {
    throw stoqError('stoq.rpc_bad_request', { reason: (cause as CodedError).code }, { cause });
  }
}
