// A full batch, 256 KiB in records of 64 KiB, and its overhead, or a little more in smaller records.
const BUFFER_BYTES: number = 264 * 1024;
// Smaller ones come cheaply from the allocator; large ones cost a page fault for each 4 KiB.
const REUSED_BYTES_MIN: number = 128 * 1024;
// One on its way to the carrier, one being sealed.
const SPARE_MAX = 2;

/** Memory for sealed batches of one session, used again once the carrier has taken them. */
export class BatchBuffers {
  readonly #spare: ArrayBuffer[] = [];

  /** Uninitialised. */
  take(length: number): Uint8Array {
    if (length < REUSED_BYTES_MIN || length > BUFFER_BYTES) return Buffer.allocUnsafeSlow(length);
    return new Uint8Array(this.#spare.pop() ?? new ArrayBuffer(BUFFER_BYTES), 0, length);
  }

  /** The carrier's write has resolved; nobody else holds the bytes. */
  give(bytes: Uint8Array): void {
    const { buffer } = bytes;
    if (buffer.byteLength === BUFFER_BYTES && buffer instanceof ArrayBuffer && this.#spare.length < SPARE_MAX) this.#spare.push(buffer);
  }
}
