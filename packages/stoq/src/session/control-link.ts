import type { CarrierStream } from '../carrier/carrier.ts';
import type { Clock } from '../clock.ts';
import { AEAD_TAG_BYTES } from '../crypto/aead.ts';
import { stoqError } from '../errors.ts';
import { type ControlFrame, decodeControl, encodeControl } from './control.ts';
import type { FrameSource } from './frame.ts';
import { RECORD_BYTES_MAX, RECORD_BYTES_MIN } from './limits.ts';
import { Outbox } from './outbox.ts';
import { RECORD, type RecordOpener, type RecordSealer } from './record.ts';

export interface ControlParts {
  readonly stream: CarrierStream;
  readonly source: FrameSource;
  readonly sealer: RecordSealer;
  readonly opener: RecordOpener;
  readonly clock: Clock;
  readonly onFrame: (frame: ControlFrame) => void;
  readonly onHeard: () => void;
  /** The control stream is unusable; at most once. */
  readonly onFailure: (error: unknown) => void;
}

// Acknowledgements wait this long for company, unless as many are waiting.
const SOON_MS = 20;
const SOON_FRAMES_MAX = 16;
// Frames answer events that are limited themselves; a peer that asks and never reads is cut off.
const UNSENT_BYTES_MAX: number = 1024 * 1024;
const NONE: Uint8Array = new Uint8Array();

/** The control stream after the handshake. */
export class ControlLink {
  readonly #parts: ControlParts;
  readonly #outbox: Outbox;
  #batch: Uint8Array[] = [];
  #batchBytes = 0;
  #scheduled = false;
  #cancelSoon: (() => void) | undefined;
  #closed = false;

  constructor(parts: ControlParts) {
    this.#parts = parts;
    this.#outbox = new Outbox(parts.stream, () => this.#onOutboxChange());
  }

  send(frame: ControlFrame, urgency: 'now' | 'soon'): void {
    if (this.#closed) return;
    const bytes = encodeControl(frame);
    if (this.#batchBytes + bytes.length > RECORD_BYTES_MIN) this.flush();
    this.#batch.push(bytes);
    this.#batchBytes += bytes.length;
    if (urgency === 'soon' && this.#batch.length < SOON_FRAMES_MAX) {
      this.#cancelSoon ??= this.#parts.clock.after(SOON_MS, () => this.flush());
    } else if (!this.#scheduled) {
      this.#scheduled = true;
      queueMicrotask(() => this.flush());
    }
  }

  /** The last frame, and the authenticated end. */
  close(frame: ControlFrame): void {
    if (this.#closed) return;
    this.send(frame, 'now');
    this.flush();
    this.#closed = true;
    this.#outbox.push(this.#seal(RECORD.end, NONE));
  }

  /** Nothing is sent any more. */
  stop(): void {
    this.#closed = true;
    this.#cancelSoon?.();
  }

  /** Reads until the stream fails or the peer has closed. */
  async run(): Promise<void> {
    try {
      while (await this.#next());
    } catch (error) {
      this.#parts.onFailure(error);
    }
  }

  async #next(): Promise<boolean> {
    const { source, opener } = this.#parts;
    const frame = source.take(admit);
    if (frame === null) {
      if (await source.fill()) return true;
      throw stoqError('stoq.record_forged', { reason: 'truncated', stream: 0 });
    }
    const payload = opener.open(frame);
    this.#parts.onHeard();
    if (frame.type === RECORD.end) return false;
    if (frame.type === RECORD.rekey) opener.rekey();
    else for (const control of decodeControl(payload)) this.#parts.onFrame(control);
    return true;
  }

  /** Sends what waits for company. */
  flush(): void {
    this.#scheduled = false;
    this.#cancelSoon?.();
    this.#cancelSoon = undefined;
    if (this.#batch.length === 0 || this.#closed) return;
    const payload = Buffer.concat(this.#batch, this.#batchBytes);
    this.#batch = [];
    this.#batchBytes = 0;
    this.#outbox.push(this.#seal(RECORD.control, payload));
    if (this.#outbox.pendingBytes > UNSENT_BYTES_MAX) {
      this.#parts.onFailure(stoqError('stoq.flow_violation', { reason: 'control frames unread', bytes: this.#outbox.pendingBytes }));
    }
  }

  #seal(type: number, payload: Uint8Array): Uint8Array {
    return this.#parts.sealer.seal(type, payload, RECORD_BYTES_MIN, this.#parts.clock.monotonic());
  }

  #onOutboxChange(): void {
    if (this.#outbox.failure !== undefined && !this.#closed) {
      this.#closed = true;
      this.#parts.onFailure(this.#outbox.failure);
    }
  }
}

function admit(type: number, length: number): void {
  const known = type === RECORD.control || type === RECORD.rekey || type === RECORD.end;
  if (known && length >= AEAD_TAG_BYTES && length <= RECORD_BYTES_MAX + AEAD_TAG_BYTES) return;
  throw stoqError('stoq.record_forged', { type, bytes: length, stream: 0 });
}
