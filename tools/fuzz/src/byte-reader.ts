import type { SessionStream } from '@hypermesh/stoq';

/** What a peer sends on a stream, in pieces of any length. */
export class ByteReader {
  readonly #stream: SessionStream;
  #pending: Buffer = Buffer.alloc(0);

  constructor(stream: SessionStream) {
    this.#stream = stream;
  }

  /** The next `length` bytes, or fewer at the end. Throws as `SessionStream.read` does. */
  async take(length: number): Promise<Buffer> {
    const chunks = [this.#pending];
    let available = this.#pending.length;
    while (available < length) {
      const chunk = await this.#stream.read();
      if (chunk === null) break;
      chunks.push(Buffer.from(chunk));
      available += chunk.length;
    }
    const bytes = chunks.length === 1 ? this.#pending : Buffer.concat(chunks, available);
    this.#pending = bytes.subarray(length);
    return bytes.subarray(0, length);
  }
}
