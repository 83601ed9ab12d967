import type { SessionStream } from '../session/session.ts';
import { RESET } from './frames.ts';

// Calls of one turn share a record.
const BATCH_BYTES_MAX = 64 * 1024;

/** Frames of one call that wait for those in front of them. */
export interface Outgoing {
  bytes: Uint8Array;
  /** They can no longer be replaced or withdrawn. */
  readonly taken: () => void;
  /** Resolves when they are within the peer's credit; rejects with the failure of the stream. */
  readonly sent: PromiseWithResolvers<void>;
}

/** Frames of many calls on their way to one stream, first come, first served. */
export class MuxWriter {
  readonly #stream: SessionStream;
  readonly #waiting = new Set<Outgoing>();
  #isWriting = false;
  #failure: Error | undefined;

  constructor(stream: SessionStream) {
    this.#stream = stream;
  }

  send(bytes: Uint8Array, taken: () => void = () => {}): Outgoing {
    const outgoing: Outgoing = { bytes, taken, sent: Promise.withResolvers() };
    outgoing.sent.promise.catch(() => {}); // whoever reads the stream hears of it
    if (this.#failure !== undefined) {
      outgoing.sent.reject(this.#failure);
      return outgoing;
    }
    this.#waiting.add(outgoing);
    if (!this.#isWriting) {
      this.#isWriting = true;
      queueMicrotask(() => void this.#drain());
    }
    return outgoing;
  }

  /** False if they are on their way already. */
  withdraw(outgoing: Outgoing): boolean {
    return this.#waiting.delete(outgoing);
  }

  /** The stream has failed: what waits is dropped, and so is what comes. */
  fail(failure: Error): void {
    this.#failure = failure;
    for (const { sent } of this.#waiting) sent.reject(failure);
    this.#waiting.clear();
  }

  async #drain(): Promise<void> {
    while (this.#waiting.size > 0) {
      const batch = this.#takeBatch();
      try {
        await this.#stream.write(joined(batch));
        for (const { sent } of batch) sent.resolve();
      } catch (error) {
        for (const { sent } of batch) sent.reject(error);
        // What cannot be written cannot be answered.
        this.#stream.reset(RESET.protocol);
      }
    }
    this.#isWriting = false;
  }

  #takeBatch(): readonly Outgoing[] {
    const batch: Outgoing[] = [];
    let bytes = 0;
    for (const outgoing of this.#waiting) {
      bytes += outgoing.bytes.length;
      if (batch.length > 0 && bytes > BATCH_BYTES_MAX) break;
      batch.push(outgoing);
      this.#waiting.delete(outgoing);
      outgoing.taken();
    }
    return batch;
  }
}

function joined(batch: readonly Outgoing[]): Uint8Array {
  return batch.length === 1 ? (batch[0] as Outgoing).bytes : Buffer.concat(batch.map(({ bytes }) => bytes));
}
