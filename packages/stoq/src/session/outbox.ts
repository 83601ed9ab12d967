import type { CarrierStream } from '../carrier/carrier.ts';

// One batch is on its way to the carrier while the next is sealed.
const HIGH_WATER_BYTES: number = 256 * 1024;
// Small records travel in one write of the carrier; joining large ones would cost more than it saves.
const JOINED_BYTES_MAX: number = 64 * 1024;

/**
 * Sealed bytes on their way to a carrier stream. Small ones wait for the end of the current turn of the event loop, so
 * that a request and the end record behind it leave together.
 */
export class Outbox {
  readonly #stream: CarrierStream;
  readonly #pending: Uint8Array[] = [];
  readonly #onChange: () => void;
  readonly #recycle: (bytes: Uint8Array) => void;
  #pendingBytes = 0;
  #scheduled = false;
  #flushing = false;
  #failure: unknown;

  /** `onChange`: bytes were taken by the carrier, or it failed. `recycle`: the carrier is done with them. */
  constructor(stream: CarrierStream, onChange: () => void, recycle: (bytes: Uint8Array) => void = () => {}) {
    this.#stream = stream;
    this.#onChange = onChange;
    this.#recycle = recycle;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** What the carrier threw, if it did. */
  get failure(): unknown {
    return this.#failure;
  }

  get isFull(): boolean {
    return this.#pendingBytes >= HIGH_WATER_BYTES;
  }

  get isIdle(): boolean {
    return this.#pendingBytes === 0 && !this.#flushing;
  }

  push(bytes: Uint8Array): void {
    if (this.#failure !== undefined) return;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#flushing || this.#scheduled) return;
    if (this.#pendingBytes >= JOINED_BYTES_MAX) {
      void this.#flush();
      return;
    }
    this.#scheduled = true;
    // After the microtasks of this turn, in which the writer's continuation may add more.
    queueMicrotask(() => process.nextTick(() => void this.#flush()));
  }

  async #flush(): Promise<void> {
    this.#scheduled = false;
    if (this.#flushing) return;
    this.#flushing = true;
    try {
      while (this.#pending.length > 0 && this.#failure === undefined) {
        const batch = this.#nextBatch();
        this.#pendingBytes -= batch.length;
        const written = this.#stream.write(batch);
        this.#onChange();
        await written;
        this.#recycle(batch);
      }
    } catch (failure) {
      this.#failure = failure;
      this.#pending.length = 0;
      this.#pendingBytes = 0;
    } finally {
      this.#flushing = false;
      this.#onChange();
    }
  }

  #nextBatch(): Uint8Array {
    let count = 0;
    let bytes = 0;
    for (const piece of this.#pending) {
      if (count > 0 && bytes + piece.length > JOINED_BYTES_MAX) break;
      count++;
      bytes += piece.length;
    }
    const pieces = this.#pending.splice(0, count);
    return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces, bytes);
  }
}
