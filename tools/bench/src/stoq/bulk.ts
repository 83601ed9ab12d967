import { createHash, randomBytes } from 'node:crypto';
import { benchError } from '../errors.ts';
import type { Received } from './protocol.ts';

/** What a stream of the carrier and one of a session have in common. */
interface Sink {
  write(bytes: Uint8Array): Promise<void>;
  finish(): Promise<void>;
}

export interface BulkLoad {
  readonly bytes: number;
  readonly writeBytes: number;
  /** Sends the load through a stream. */
  send(sink: Sink): Promise<void>;
  /** Goodput of what arrived, in Gbit/s; throws `bench.data_wrong` when it is not what was sent. */
  goodput(received: Received): number;
}

const BITS_PER_BYTE = 8;
const GIGABIT_PER_MS = 1e6;

/** `writes` writes of `writeBytes` random bytes each. */
export function createBulkLoad(writes: number, writeBytes: number): BulkLoad {
  const piece = Uint8Array.from(randomBytes(writeBytes));
  const hash = createHash('sha256');
  for (let i = 0; i < writes; i++) hash.update(piece);
  const sha256 = hash.digest('hex');
  const bytes = writes * writeBytes;
  return {
    bytes,
    writeBytes,
    async send(sink) {
      for (let i = 0; i < writes; i++) await sink.write(piece);
      await sink.finish();
    },
    goodput(received) {
      if (received.bytes !== bytes || received.sha256 !== sha256) {
        throw benchError('bench.data_wrong', { bytes: received.bytes, expected: bytes });
      }
      return (bytes * BITS_PER_BYTE) / received.durationMs / GIGABIT_PER_MS;
    },
  };
}
