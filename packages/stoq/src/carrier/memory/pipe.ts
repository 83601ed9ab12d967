import { strict as assert } from 'node:assert';
import { stoqError } from '../../errors.ts';

/** Calls `deliver` when the bytes reach the other end; may be at once. */
export type Schedule = (bytes: number, deliver: () => void) => void;

export interface PipeParts {
  /** Bytes written and not yet read, at most. */
  readonly windowBytes: number;
  readonly forwards: Schedule;
  readonly backwards: Schedule;
  /** Called once, when the first thing reaches the reader. */
  readonly onArrival: () => void;
}

type Event = { readonly kind: 'data'; readonly bytes: Uint8Array } | { readonly kind: 'end' } | { readonly kind: 'reset' };

interface PendingWrite {
  readonly bytes: Uint8Array;
  offset: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface PendingRead {
  readonly bytesMax: number;
  readonly resolve: (bytes: Uint8Array | null) => void;
  readonly reject: (error: Error) => void;
}

/** One direction of a stream, both ends of it. */
export class Pipe {
  readonly #parts: PipeParts;
  readonly #underWay: Event[] = [];
  readonly #unread: Uint8Array[] = [];
  #creditBytes: number;
  #pendingWrite: PendingWrite | undefined;
  #pendingRead: PendingRead | undefined;
  #writerFailure: Error | undefined;
  #readerFailure: Error | undefined;
  #finished = false;
  #ended = false;
  #arrived = false;

  constructor(parts: PipeParts) {
    this.#parts = parts;
    this.#creditBytes = parts.windowBytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#writerFailure !== undefined) throw this.#writerFailure;
    if (this.#finished) throw stoqError('stoq.carrier_closed', { reason: 'finished' });
    assert(this.#pendingWrite === undefined, 'one write at a time');
    await new Promise<void>((resolve, reject) => {
      this.#pendingWrite = { bytes, offset: 0, resolve, reject };
      this.#pumpWrite();
    });
  }

  /** Nothing follows. Throws what a write would, so that nobody takes a lost end for one that was sent. */
  finish(): void {
    if (this.#writerFailure !== undefined) throw this.#writerFailure;
    if (this.#finished) return;
    this.#finished = true;
    this.#send({ kind: 'end' });
  }

  /** The writer gives up: what is unread is lost. */
  reset(): void {
    if (this.#writerFailure !== undefined) return;
    this.failWriter(stoqError('stoq.carrier_closed', { reason: 'aborted' }));
    this.#send({ kind: 'reset' });
  }

  async read(bytesMax: number): Promise<Uint8Array | null> {
    assert(bytesMax > 0, 'a read asks for at least one byte');
    if (this.#readerFailure !== undefined) throw this.#readerFailure;
    assert(this.#pendingRead === undefined, 'one read at a time');
    return new Promise<Uint8Array | null>((resolve, reject) => {
      this.#pendingRead = { bytesMax, resolve, reject };
      this.#pumpRead();
    });
  }

  /** The reader gives up. */
  stop(): void {
    if (this.#readerFailure !== undefined || this.#endWasRead()) return;
    this.failReader(stoqError('stoq.carrier_closed', { reason: 'aborted' }));
    this.#parts.backwards(0, () => this.failWriter(stoqError('stoq.carrier_reset')));
  }

  /** The connection has ended at the writer's side, or the reader has given up. */
  failWriter(error: Error): void {
    this.#writerFailure ??= error;
    this.#pendingWrite?.reject(this.#writerFailure);
    this.#pendingWrite = undefined;
  }

  /** The connection has ended at the reader's side, or the writer has given up. */
  failReader(error: Error): void {
    if (this.#readerFailure !== undefined) return;
    this.#readerFailure = error;
    this.#unread.length = 0;
    this.#pendingRead?.reject(error);
    this.#pendingRead = undefined;
  }

  /** Nothing can go wrong for the reader any more. */
  #endWasRead(): boolean {
    return this.#ended && this.#unread.length === 0;
  }

  #send(event: Event): void {
    this.#underWay.push(event);
    // Whatever the delays, one direction of one stream keeps its order: each delivery takes the oldest event.
    const bytes = event.kind === 'data' ? event.bytes.length : 0;
    this.#parts.forwards(bytes, () => this.#arrive(this.#underWay.shift() as Event));
  }

  #arrive(event: Event): void {
    if (this.#readerFailure !== undefined || this.#endWasRead()) return;
    if (event.kind === 'data') this.#unread.push(event.bytes);
    if (event.kind === 'end') this.#ended = true;
    if (event.kind === 'reset') this.failReader(stoqError('stoq.carrier_reset'));
    if (!this.#arrived) {
      this.#arrived = true;
      this.#parts.onArrival();
    }
    this.#pumpRead();
  }

  #pumpWrite(): void {
    const write = this.#pendingWrite;
    if (write === undefined) return;
    const take = Math.min(this.#creditBytes, write.bytes.length - write.offset);
    if (take > 0) {
      this.#creditBytes -= take;
      const bytes = write.bytes.slice(write.offset, write.offset + take);
      write.offset += take;
      this.#send({ kind: 'data', bytes });
    }
    if (write.offset < write.bytes.length || this.#pendingWrite !== write) return;
    this.#pendingWrite = undefined;
    write.resolve();
  }

  #pumpRead(): void {
    const read = this.#pendingRead;
    if (read === undefined) return;
    const first = this.#unread.shift();
    if (first === undefined && !this.#ended) return;
    this.#pendingRead = undefined;
    if (first === undefined) {
      read.resolve(null);
      return;
    }
    if (first.length > read.bytesMax) this.#unread.unshift(first.subarray(read.bytesMax));
    const bytes = first.subarray(0, read.bytesMax);
    this.#creditBytes += bytes.length;
    read.resolve(bytes);
    this.#pumpWrite();
  }
}
