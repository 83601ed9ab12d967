import { strict as assert } from 'node:assert';
import { awaitWithPatience } from '../carrier/patience.ts';
import type { Clock } from '../clock.ts';
import { CodedError, hasCode, stoqError } from '../errors.ts';
import type { PeerIdentity } from '../session/identity.ts';
import { type CallStream, DirectStream } from './call-stream.ts';
import type { MethodSpec } from './contract.ts';
import { FRAME, RESET } from './frames.ts';
import { Interrupt } from './interrupt.ts';
import { MUX_MESSAGE_BYTES_MAX } from './mux-call.ts';
import { sharedCallsOf } from './mux-client.ts';
import type { RpcObserver } from './observer.ts';
import type { CallOptions } from './service.ts';
import type { SessionLease, SessionSource } from './session-source.ts';
import { decodeValue } from './value-reader.ts';
import { DEADLINE_MS_MAX, decodeError, encodeHeader, encodeValueFrame, ERROR_BYTES_MAX, PeerError } from './wire.ts';

// After its answer a server has nothing left to send but the end of the stream.
const LINGER_MS = 10_000;
const SESSION_LOSS_FORM = /^stoq\.(session|record|carrier)_|^stoq\.flow_violation$/;

/** One method of a client. */
export interface ClientMethod {
  readonly wireName: string;
  readonly spec: MethodSpec;
  readonly source: SessionSource;
  readonly clock: Clock;
  readonly observer?: RpcObserver | undefined;
}

interface Exchange {
  readonly lease: SessionLease;
  readonly stream: CallStream;
  /** The request is within the peer's credit. */
  written: boolean;
}

/** One call by this side, from the request to the end of its stream. */
export class ClientCall {
  readonly #method: ClientMethod;
  readonly #request: unknown;
  readonly #deadlineMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #interrupt = new Interrupt();
  readonly #started: number;
  readonly #cancel = (): void => {
    this.#interrupt.raise(stoqError('stoq.rpc_cancelled', {}, { cause: this.#signal?.reason }));
  };
  #cancelTimer: () => void = () => {};
  #peer: PeerIdentity | null = null;
  #requestBytes = 0;
  #responseBytes = 0;
  #retried = false;

  constructor(method: ClientMethod, request: unknown, options: CallOptions) {
    this.#method = method;
    this.#request = request;
    this.#deadlineMs = options.deadlineMs ?? method.spec.deadlineMs;
    assert(this.#deadlineMs > 0 && this.#deadlineMs <= DEADLINE_MS_MAX, `a deadline of 1..${DEADLINE_MS_MAX} ms`);
    this.#signal = options.signal;
    this.#started = method.clock.monotonic();
  }

  async unary(): Promise<unknown> {
    let failure: unknown;
    this.#begin();
    try {
      this.#arm();
      return await this.#answer();
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      this.#end(failure);
    }
  }

  /** The values of a stream; nothing is sent before the first is asked for. Leaving the loop cancels the call. */
  async *values(): AsyncGenerator<unknown, void, undefined> {
    let exchange: Exchange | undefined;
    let failure: unknown = stoqError('stoq.rpc_cancelled');
    this.#begin();
    try {
      this.#arm();
      exchange = await this.#open();
      for (;;) {
        const value = await this.#next(exchange);
        this.#cancelTimer();
        if (value === null) break;
        yield value.value;
        this.#arm();
      }
      failure = undefined;
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      this.#end(failure);
      if (exchange !== undefined) {
        if (failure === undefined) this.#settle(exchange);
        else this.#giveUp(exchange, failure);
      }
    }
  }

  async #answer(): Promise<unknown> {
    for (;;) {
      const exchange = await this.#open();
      try {
        const value = await this.#next(exchange);
        if (value === null) throw stoqError('stoq.rpc_malformed', { reason: 'ended without an answer' });
        this.#settle(exchange);
        return value.value;
      } catch (error) {
        this.#giveUp(exchange, error);
        if (!this.#mayRetry(exchange.lease, error) || !this.#method.spec.idempotent) throw error;
      }
    }
  }

  /** A session, a stream on it, and the request on its way. */
  async #open(): Promise<Exchange> {
    const request = this.#encoded();
    const { signal } = this.#interrupt;
    signal.throwIfAborted();
    for (;;) {
      const lease = await this.#obtain(this.#method.source.acquire({ signal }), (late) => late.release());
      this.#peer = lease.session.peer;
      try {
        const stream = await this.#obtain(this.#stream(lease, request.length), (late) => late.reset(RESET.cancelled));
        return this.#send(lease, stream, request);
      } catch (error) {
        lease.release();
        // Nothing of the call has left this side, so that any call may be tried again.
        if (!this.#mayRetry(lease, error)) throw error;
      }
    }
  }

  /** Small calls share a stream, while it has room. */
  async #stream({ session }: SessionLease, requestBytes: number): Promise<CallStream> {
    const { kind, responseBytesMax } = this.#method.spec;
    const isSmall = kind === 'unary' && Math.max(requestBytes, responseBytesMax) <= MUX_MESSAGE_BYTES_MAX;
    const shared = isSmall ? await sharedCallsOf(session).open() : null;
    return shared ?? new DirectStream(await session.openStream({ signal: this.#interrupt.signal }));
  }

  /** What is being opened, unless the call is interrupted first: then it is discarded when it comes. */
  async #obtain<T>(opening: Promise<T>, discard: (late: T) => void): Promise<T> {
    try {
      return await awaitWithPatience(opening, { signal: this.#interrupt.signal, discard });
    } catch (error) {
      throw this.#interrupt.reason ?? error;
    }
  }

  #encoded(): Uint8Array {
    try {
      const frame = encodeValueFrame(FRAME.request, this.#request, this.#method.spec.requestBytesMax);
      this.#requestBytes = frame.length;
      return frame;
    } catch (cause) {
      if (!hasCode(cause, 'stoq.codec_malformed')) throw cause;
      throw stoqError('stoq.rpc_bad_request', cause.data, { cause });
    }
  }

  #send(lease: SessionLease, stream: CallStream, request: Uint8Array): Exchange {
    const exchange: Exchange = { lease, stream, written: false };
    const header = encodeHeader({ method: this.#method.wireName, deadlineMs: this.#remainingMs() });
    stream.write(header, request).then(
      () => (exchange.written = true),
      () => {}, // the read fails too, or brings the error that made the server stop reading
    );
    return exchange;
  }

  /** The next value, or null at the end of the stream; wrapped, as a value may be null. */
  async #next({ stream }: Exchange): Promise<{ readonly value: unknown } | null> {
    const { spec } = this.#method;
    const limits = { [FRAME.value]: spec.responseBytesMax, [FRAME.error]: ERROR_BYTES_MAX };
    const frame = await this.#interruptible(stream.next(limits));
    if (frame === null) return null;
    this.#responseBytes += frame.payload.length;
    if (frame.type === FRAME.error) throw decodeError(frame.payload);
    const parsed = spec.response.safeParse(decodeResponse(frame.payload));
    if (parsed.success) return { value: parsed.data };
    const issue = parsed.error.issues[0];
    throw stoqError('stoq.rpc_bad_response', { path: issue?.path.map(String).join('.'), reason: issue?.code });
  }

  async #interruptible<T>(waiting: Promise<T>): Promise<T> {
    try {
      return await this.#interrupt.wait(waiting);
    } catch (error) {
      if (this.#interrupt.reason !== undefined) throw this.#interrupt.reason;
      if (hasCode(error, 'stoq.stream_reset') && error.data['code'] === RESET.deadline)
        throw stoqError('stoq.rpc_deadline', {}, { cause: error });
      throw error;
    }
  }

  /** True once, if the call failed because its session has died. */
  #mayRetry(lease: SessionLease, error: unknown): boolean {
    if (!isSessionLoss(error)) return false;
    this.#method.source.discard(lease.session);
    const first = !this.#retried;
    this.#retried = true;
    return first;
  }

  /** After the last frame: ends this direction and waits in the background for the end of the other. */
  #settle({ lease, stream, written }: Exchange): void {
    lease.release();
    if (!written) return stream.reset(RESET.cancelled);
    const reset = (): void => stream.reset(RESET.protocol);
    const cancel = this.#method.clock.after(LINGER_MS, reset);
    stream.finish().catch(() => {});
    stream.end(0).catch(reset).finally(cancel);
  }

  /** After a failure; an error of the peer is its last frame. */
  #giveUp(exchange: Exchange, error: unknown): void {
    if (error instanceof PeerError) return this.#settle(exchange);
    exchange.lease.release();
    exchange.stream.reset(hasCode(error, 'stoq.rpc_deadline') ? RESET.deadline : RESET.cancelled);
  }

  #begin(): void {
    if (this.#signal?.aborted === true) this.#cancel();
    else this.#signal?.addEventListener('abort', this.#cancel, { once: true });
  }

  #end(failure: unknown): void {
    this.#cancelTimer();
    this.#signal?.removeEventListener('abort', this.#cancel);
    this.#method.observer?.called({
      side: 'client',
      method: this.#method.wireName,
      code: failure === undefined ? 'ok' : failure instanceof CodedError ? failure.code : 'stoq.rpc_internal',
      durationMs: this.#method.clock.monotonic() - this.#started,
      peer: this.#peer,
      requestBytes: this.#requestBytes,
      responseBytes: this.#responseBytes,
      ...(failure === undefined ? {} : { cause: failure }),
    });
  }

  #arm(): void {
    this.#cancelTimer = this.#method.clock.after(this.#deadlineMs, () => {
      this.#interrupt.raise(stoqError('stoq.rpc_deadline', { deadlineMs: this.#deadlineMs }));
    });
  }

  /** What is left for the server of a unary call; the gap of a stream starts anew with each wait. */
  #remainingMs(): number {
    if (this.#method.spec.kind !== 'unary') return Math.ceil(this.#deadlineMs);
    return Math.max(1, Math.ceil(this.#deadlineMs - (this.#method.clock.monotonic() - this.#started)));
  }
}

function isSessionLoss(error: unknown): boolean {
  return error instanceof CodedError && !(error instanceof PeerError) && SESSION_LOSS_FORM.test(error.code);
}

function decodeResponse(payload: Uint8Array): unknown {
  try {
    return decodeValue(payload);
  } catch (cause) {
    throw stoqError('stoq.rpc_bad_response', { reason: (cause as CodedError).code }, { cause });
  }
}
