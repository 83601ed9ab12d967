import type { SessionStream } from '../session/session.ts';
import { type Frame, type FrameLimits, FrameReader } from './frames.ts';

/** The frames of one call, whatever carries them. One `next` and one `write` at a time. */
export interface CallStream {
  /** It carries one value, and none above `valueBytesMax`, because others share it. */
  readonly isUnary: boolean;
  readonly valueBytesMax: number;
  /** The peer's next frame, or null at its end; see `FrameReader.next`. */
  next(limits: FrameLimits): Promise<Frame | null>;
  /** Resolves when the frames are on their way; rejects when the call is given up before. */
  write(...frames: Uint8Array[]): Promise<void>;
  /** Ends this side's direction. */
  finish(): Promise<void>;
  /** Resolves when nothing of the call is to come or to go any more; see `FrameReader.end`. Throws if the peer gives the call up. */
  end(bytesMax: number): Promise<void>;
  /** Gives the call up; the peer sees `code`. */
  reset(code: number): void;
}

// Up to here frames share one record; above, joining them would cost a copy.
const JOINED_BYTES_MAX = 32 * 1024;

/** A stream of the session for one call alone. */
export class DirectStream implements CallStream {
  readonly isUnary = false;
  readonly valueBytesMax: number = Number.POSITIVE_INFINITY;
  readonly #stream: SessionStream;
  readonly #reader: FrameReader;

  constructor(stream: SessionStream, reader: FrameReader = new FrameReader(stream)) {
    this.#stream = stream;
    this.#reader = reader;
  }

  next(limits: FrameLimits): Promise<Frame | null> {
    return this.#reader.next(limits);
  }

  async write(...frames: Uint8Array[]): Promise<void> {
    const bytes = frames.reduce((sum, { length }) => sum + length, 0);
    if (frames.length > 1 && bytes <= JOINED_BYTES_MAX) await this.#stream.write(Buffer.concat(frames, bytes));
    else for (const frame of frames) await this.#stream.write(frame);
  }

  finish(): Promise<void> {
    return this.#stream.finish();
  }

  end(bytesMax: number): Promise<void> {
    return this.#reader.end(bytesMax);
  }

  reset(code: number): void {
    this.#stream.reset(code);
  }
}
