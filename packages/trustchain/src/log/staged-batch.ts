import { bytesUpTo, type Codec, decode, encode, equalBytes, list, sha256, struct, uint } from '@hypermesh/stoq';
import { trustError } from '../errors.ts';
import { ENTRY_BYTES_MAX } from './tile.ts';

/** Entries of one commit, durable before anybody outside can see a tree that holds them. */
export interface StagedBatch {
  /** Size of the tree that they extend. */
  readonly start: number;
  readonly entries: readonly Uint8Array[];
}

// A commit of this many certificates takes about a second with its fsyncs and signatures.
export const BATCH_ENTRIES_MAX: number = 1024;
// What is staged is written twice; certificates of 6 KiB fill a batch by count first.
export const BATCH_BYTES_MAX: number = 8 * 1024 * 1024;

const CHECKSUM_BYTES = 32;

const codec: Codec<StagedBatch> = struct({
  start: uint(),
  entries: list(bytesUpTo(ENTRY_BYTES_MAX), BATCH_ENTRIES_MAX),
});

/** SHA-256 of the body, then the body. */
export function encodeStaged(batch: StagedBatch): Uint8Array {
  const body = encode(codec, batch);
  return Uint8Array.from(Buffer.concat([sha256(body), body]));
}

/** Throws `trustchain.log_corrupt`: a staged batch that is lost may have been cosigned. */
export function decodeStaged(bytes: Uint8Array): StagedBatch {
  const body = bytes.subarray(CHECKSUM_BYTES);
  if (!equalBytes(sha256(body), bytes.subarray(0, CHECKSUM_BYTES))) {
    throw trustError('trustchain.log_corrupt', { file: 'staged', reason: 'checksum' });
  }
  return decode(codec, body);
}
