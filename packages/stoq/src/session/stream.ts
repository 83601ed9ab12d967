import { strict as assert } from 'node:assert';
import type { CarrierStream } from '../carrier/carrier.ts';
import type { Clock } from '../clock.ts';
import { AEAD_TAG_BYTES } from '../crypto/aead.ts';
import { type CodedError, stoqError } from '../errors.ts';
import type { BatchBuffers } from './batch-buffers.ts';
import type { ControlFrame } from './control.ts';
import { ReceiveCredit, SendCredit } from './credit.ts';
import type { FrameSource } from './frame.ts';
import { Outbox } from './outbox.ts';
import { RECORD, type RecordOpener, type RecordSealer } from './record.ts';
import type { SessionStream } from './session.ts';

/** What a stream needs of its session. */
export interface StreamHost {
  readonly sendCredit: SendCredit;
  readonly receiveCredit: ReceiveCredit;
  /** Of the peer. */
  readonly recordBytesMax: number;
  readonly buffers: BatchBuffers;
  readonly clock: Pick<Clock, 'monotonic' | 'after'>;
  /** Wakes the stream's writer, once, when the session's send credit has grown. */
  whenCredited(stream: LiveStream): void;
  send(frame: ControlFrame, urgency: 'now' | 'soon'): void;
  /** Bytes were read: announces session and stream credit when due. */
  credited(stream: LiveStream): void;
  /** A record left that the peer acknowledges. */
  sent(): void;
  /** An authentic record arrived. */
  heard(): void;
  /** Ends the session. */
  fail(error: unknown): void;
  /** Neither direction is in use any more. */
  retire(stream: LiveStream): void;
}

export interface StreamParts {
  readonly id: number;
  readonly carrier: CarrierStream;
  readonly source: FrameSource;
  readonly sealer: RecordSealer;
  readonly opener: RecordOpener;
  /** What the peer allows on a stream, and what this side allows. */
  readonly sendWindowBytes: number;
  readonly receiveWindowBytes: number;
  /** Of this side. */
  readonly recordBytesMax: number;
  /** Goes in front of the first record: the id, on the opener's side. */
  readonly preamble: Uint8Array | null;
}

export const RESET_CODE_MAX = 0xffff;
// Sealed in one go and written in one call of the carrier.
const BATCH_BYTES: number = 256 * 1024;
// The reason of a broken carrier stream, a reset or the session's end, travels on the control stream.
const REASON_TIMEOUT_MS = 5_000;
const NONE: Uint8Array = new Uint8Array();

export class LiveStream implements SessionStream {
  readonly id: number;
  readonly sendCredit: SendCredit;
  readonly receiveCredit: ReceiveCredit;
  readonly #parts: StreamParts;
  readonly #host: StreamHost;
  readonly #outbox: Outbox;
  readonly #failed: PromiseWithResolvers<void> = Promise.withResolvers();
  #preamble: Uint8Array | null;
  #failure: CodedError | undefined;
  #wakeWriter: (() => void) | undefined;
  #cancelReasonTimer: (() => void) | undefined;
  #writing = false;
  #reading = false;
  #finished = false;
  #carrierFinished = false;
  #ended = false;
  #endRead = false;
  #readBytes = 0;
  #resetSent = false;
  #retired = false;

  constructor(parts: StreamParts, host: StreamHost) {
    this.id = parts.id;
    this.#parts = parts;
    this.#host = host;
    this.#preamble = parts.preamble;
    this.sendCredit = new SendCredit(parts.sendWindowBytes);
    this.receiveCredit = new ReceiveCredit(parts.receiveWindowBytes);
    this.#outbox = new Outbox(
      parts.carrier,
      () => this.#onOutboxChange(),
      (bytes) => host.buffers.give(bytes),
    );
  }

  /** Whether the peer has read all that was sent, or never will. */
  get isDelivered(): boolean {
    if (this.#failure !== undefined) return true;
    return !this.#writing && this.#readBytes >= this.sendCredit.used && (this.#endRead || !this.#finished);
  }

  async write(bytes: Uint8Array): Promise<void> {
    assert(!this.#writing, 'one write at a time');
    this.#throwIfFailed();
    if (this.#finished) throw stoqError('stoq.stream_reset', { reason: 'finished', stream: this.id });
    this.#writing = true;
    try {
      for (let at = 0; at < bytes.length;) {
        this.#throwIfFailed();
        const room = this.#room(bytes.length - at);
        if (room === 0) {
          await this.#writable();
          continue;
        }
        this.sendCredit.use(room);
        this.#host.sendCredit.use(room);
        this.#push(RECORD.data, bytes.subarray(at, at + room));
        at += room;
      }
    } finally {
      this.#writing = false;
    }
  }

  async finish(): Promise<void> {
    assert(!this.#writing, 'one write at a time');
    this.#throwIfFailed();
    if (this.#finished) return;
    this.#finished = true;
    this.#push(RECORD.end, NONE);
  }

  async read(): Promise<Uint8Array | null> {
    assert(!this.#reading, 'one read at a time');
    this.#reading = true;
    try {
      for (;;) {
        this.#throwIfFailed();
        if (this.#ended) return null;
        const payload = this.#nextPayload();
        if (payload !== null) return payload;
        if (!this.#ended) await this.#fill();
      }
    } finally {
      this.#reading = false;
    }
  }

  reset(code: number): void {
    assert(Number.isInteger(code) && code >= 0 && code <= RESET_CODE_MAX, 'a reset code is an integer from 0 to 65535');
    if (this.#failure !== undefined || (this.#finished && this.#ended)) return;
    this.#sendReset(code);
    this.fail(stoqError('stoq.stream_reset', { code, by: 'local' }));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (let chunk = await this.read(); chunk !== null; chunk = await this.read()) yield chunk;
    } finally {
      if (!this.#ended) this.reset(0);
    }
  }

  /** Both directions fail with `error` from now on. */
  fail(error: CodedError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#cancelReasonTimer?.();
    this.#parts.carrier.abort();
    this.#failed.resolve();
    this.#wakeWriter?.();
  }

  wakeWriter(): void {
    this.#wakeWriter?.();
  }

  /** The peer has read up to `limit` less its window. */
  onCredit(limit: number): void {
    this.sendCredit.raise(limit);
    this.#readBytes = Math.max(this.#readBytes, limit - this.#parts.sendWindowBytes);
    this.#wakeWriter?.();
  }

  onEndRead(): void {
    if (!this.#finished) throw stoqError('stoq.record_malformed', { reason: 'an end that was not sent', stream: this.id });
    this.#endRead = true;
    this.#readBytes = this.sendCredit.used;
    this.#retireWhenDone();
  }

  /** The peer gives the stream up, or answers that this side did. */
  onReset(code: number, sent: number): void {
    const lost = sent - this.receiveCredit.received;
    if (lost < 0 || (this.#ended && lost > 0)) throw stoqError('stoq.record_malformed', { reason: 'sent', stream: this.id });
    this.receiveCredit.take(lost);
    this.#host.receiveCredit.take(lost);
    if (!this.#resetSent) this.#sendReset(code);
    this.fail(stoqError('stoq.stream_reset', { code, by: 'peer' }));
    this.#host.credited(this);
    this.#retire();
  }

  /** Whether credit may be announced for it. */
  get isReceiving(): boolean {
    return !this.#ended && this.#failure === undefined;
  }

  #sendReset(code: number): void {
    this.#resetSent = true;
    this.#host.send({ type: 'reset', stream: this.id, code, sent: this.sendCredit.used }, 'now');
  }

  #room(wanted: number): number {
    if (this.#outbox.isFull || this.#outbox.failure !== undefined) return 0;
    return Math.min(wanted, BATCH_BYTES, this.sendCredit.left, this.#host.sendCredit.left);
  }

  async #writable(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wakeWriter = resolve;
      if (this.#host.sendCredit.left === 0) this.#host.whenCredited(this);
    });
    this.#wakeWriter = undefined;
  }

  #push(type: number, payload: Uint8Array): void {
    const preamble = this.#preamble ?? NONE;
    this.#preamble = null;
    this.#outbox.push(this.#parts.sealer.seal(type, payload, this.#host.recordBytesMax, this.#host.clock.monotonic(), preamble));
    this.#host.sent();
  }

  #onOutboxChange(): void {
    if (this.#outbox.failure !== undefined) this.#awaitReason();
    else if (this.#finished && !this.#carrierFinished && this.#outbox.isIdle) {
      this.#carrierFinished = true;
      this.#parts.carrier.finish().catch(() => this.#awaitReason());
    }
    if (!this.#outbox.isFull) this.#wakeWriter?.();
  }

  /** The next payload that is there completely; handles what is not data. */
  #nextPayload(): Uint8Array | null {
    try {
      for (;;) {
        const frame = this.#parts.source.take((type, length) => this.#admit(type, length));
        if (frame === null) return null;
        const payload = this.#parts.opener.open(frame);
        this.#host.heard();
        if (frame.type === RECORD.data) return this.#onData(payload);
        if (payload.length > 0) throw stoqError('stoq.record_malformed', { reason: 'payload', type: frame.type });
        if (frame.type === RECORD.end) {
          this.#onEnd();
          return null;
        }
        this.#parts.opener.rekey();
      }
    } catch (error) {
      this.#host.fail(error);
      throw error;
    }
  }

  #onData(payload: Uint8Array): Uint8Array {
    if (payload.length === 0) throw stoqError('stoq.record_malformed', { reason: 'empty data' });
    this.receiveCredit.take(payload.length);
    this.#host.receiveCredit.take(payload.length);
    // An end that came along is acknowledged now: the reader may know the length and never ask again.
    if (this.#parts.source.peekType() === RECORD.end) this.#nextPayload();
    this.#host.credited(this);
    return payload;
  }

  #onEnd(): void {
    this.#ended = true;
    this.#host.send({ type: 'end-read', stream: this.id }, 'soon');
    this.#expectCarrierEnd().catch((error: unknown) => this.#host.fail(error));
    this.#retireWhenDone();
  }

  /** Only a reader that sees its end frees a carrier stream. Bytes behind the end record are an error. */
  async #expectCarrierEnd(): Promise<void> {
    const trailing = this.#parts.source.bufferedBytes > 0 || (await this.#parts.source.fill().catch(() => false));
    if (trailing) throw stoqError('stoq.record_forged', { reason: 'bytes behind the end', stream: this.id });
  }

  /** The head is not authentic yet: an honest peer's is always admitted. */
  #admit(type: number, length: number): void {
    const known = type === RECORD.data || type === RECORD.end || type === RECORD.rekey;
    if (known && length >= AEAD_TAG_BYTES && length <= this.#parts.recordBytesMax + AEAD_TAG_BYTES) return;
    throw stoqError('stoq.record_forged', { type, bytes: length });
  }

  async #fill(): Promise<void> {
    if (this.#preamble !== null) {
      this.#outbox.push(this.#preamble);
      this.#preamble = null;
    }
    let more: boolean;
    try {
      more = await this.#parts.source.fill();
    } catch {
      this.#awaitReason();
      await this.#failed.promise;
      return;
    }
    if (more || this.#failure !== undefined) return;
    const error = stoqError('stoq.record_forged', { reason: 'truncated', stream: this.id });
    this.#host.fail(error);
    throw error;
  }

  /** The carrier broke the stream: why is on its way, or the carrier is at fault. */
  #awaitReason(): void {
    if (this.#failure !== undefined || this.#cancelReasonTimer !== undefined || this.#retired) return;
    this.#cancelReasonTimer = this.#host.clock.after(REASON_TIMEOUT_MS, () => {
      this.#host.fail(stoqError('stoq.record_malformed', { reason: 'stream cut', stream: this.id }));
    });
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #retireWhenDone(): void {
    if (this.#endRead && this.#ended) this.#retire();
  }

  #retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#cancelReasonTimer?.();
    this.#host.retire(this);
  }
}
