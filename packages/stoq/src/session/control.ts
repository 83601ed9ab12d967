import { stoqError } from '../errors.ts';
import { CODE_CHARS_MAX, isCode } from './alert.ts';

/** What the two sessions tell each other on the control stream. Integers are big-endian. */
export type ControlFrame =
  | { readonly type: 'ping' | 'pong'; readonly token: number }
  /** Bytes that the receiver of the frame may send on the stream in all; says what was read, too. */
  | { readonly type: 'stream-credit'; readonly stream: number; readonly limit: number }
  | { readonly type: 'session-credit'; readonly limit: number }
  /** Streams that the receiver of the frame may open in all. */
  | { readonly type: 'streams'; readonly limit: number }
  /** The authenticated end of the stream has been read. */
  | { readonly type: 'end-read'; readonly stream: number }
  /** `sent`: bytes that the sender of the frame has sent on the stream in all. */
  | { readonly type: 'reset'; readonly stream: number; readonly code: number; readonly sent: number }
  /** The sender opens no more streams and waits for what it sent to be read. */
  | { readonly type: 'go-away' }
  | { readonly type: 'close'; readonly code: string };

type FrameType = ControlFrame['type'];

const IDS: Readonly<Record<FrameType, number>> = {
  ping: 1,
  pong: 2,
  'stream-credit': 3,
  'session-credit': 4,
  streams: 5,
  'end-read': 6,
  reset: 7,
  'go-away': 8,
  close: 9,
};
const TYPES: ReadonlyMap<number, FrameType> = new Map((Object.keys(IDS) as FrameType[]).map((type) => [IDS[type], type]));

export function encodeControl(frame: ControlFrame): Uint8Array {
  const writer = new FrameWriter(IDS[frame.type]);
  switch (frame.type) {
    case 'ping':
    case 'pong':
      return writer.uint(frame.token, 4).done();
    case 'stream-credit':
      return writer.uint(frame.stream, 4).uint(frame.limit, 8).done();
    case 'session-credit':
      return writer.uint(frame.limit, 8).done();
    case 'streams':
      return writer.uint(frame.limit, 4).done();
    case 'end-read':
      return writer.uint(frame.stream, 4).done();
    case 'reset':
      return writer.uint(frame.stream, 4).uint(frame.code, 2).uint(frame.sent, 8).done();
    case 'go-away':
      return writer.done();
    case 'close':
      return writer.code(frame.code).done();
  }
}

/** All frames of a control record. Throws `stoq.record_malformed`. */
export function decodeControl(payload: Uint8Array): ControlFrame[] {
  const reader = new FrameReader(payload);
  const frames: ControlFrame[] = [];
  while (!reader.atEnd()) frames.push(decodeFrame(reader));
  return frames;
}

function decodeFrame(reader: FrameReader): ControlFrame {
  const id = reader.uint(1);
  const type = TYPES.get(id);
  switch (type) {
    case undefined:
      throw stoqError('stoq.record_malformed', { controlFrame: id });
    case 'ping':
    case 'pong':
      return { type, token: reader.uint(4) };
    case 'stream-credit':
      return { type, stream: reader.uint(4), limit: reader.uint(8) };
    case 'session-credit':
      return { type, limit: reader.uint(8) };
    case 'streams':
      return { type, limit: reader.uint(4) };
    case 'end-read':
      return { type, stream: reader.uint(4) };
    case 'reset':
      return { type, stream: reader.uint(4), code: reader.uint(2), sent: reader.uint(8) };
    case 'go-away':
      return { type };
    case 'close':
      return { type, code: reader.code() };
  }
}

class FrameWriter {
  readonly #bytes: number[];

  constructor(id: number) {
    this.#bytes = [id];
  }

  uint(value: number, bytes: number): this {
    for (let shift = bytes - 1; shift >= 0; shift--) this.#bytes.push(Math.floor(value / 256 ** shift) % 256);
    return this;
  }

  code(text: string): this {
    this.#bytes.push(text.length, ...Buffer.from(text, 'ascii'));
    return this;
  }

  done(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

class FrameReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  uint(bytes: number): number {
    let value = 0;
    for (const byte of this.#take(bytes)) value = value * 256 + byte;
    if (!Number.isSafeInteger(value)) throw stoqError('stoq.record_malformed', { reason: 'integer' });
    return value;
  }

  code(): string {
    const length = this.uint(1);
    const text = Buffer.from(this.#take(length)).toString('latin1');
    if (length > CODE_CHARS_MAX || !(text === 'closed' || isCode(text))) throw stoqError('stoq.record_malformed', { reason: 'code' });
    return text;
  }

  #take(bytes: number): Uint8Array {
    if (this.#at + bytes > this.#bytes.length) throw stoqError('stoq.record_malformed', { reason: 'short control frame' });
    this.#at += bytes;
    return this.#bytes.subarray(this.#at - bytes, this.#at);
  }
}
