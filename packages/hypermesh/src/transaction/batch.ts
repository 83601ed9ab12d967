import { bytesUpTo, type Codec, CodedError, decode, encode, hashLabelled, list } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import { TRANSACTION_BYTES_MAX } from './transaction.ts';

/** Encoded transactions that travel together; blocks order their digests. */
export type Batch = readonly Uint8Array[];

// Two signatures alone take 1.5 KiB, so that the bytes limit a batch first; this bounds what a decoder makes of garbage.
export const BATCH_TRANSACTIONS_MAX: number = 2_000;
// The largest transaction fits; some five hundred ordinary ones fill it. Smaller batches reach the peers sooner.
export const BATCH_BYTES_MAX: number = TRANSACTION_BYTES_MAX;
// Heads of the array and its elements.
const FRAMING_BYTES_MAX = 16 + 5 * BATCH_TRANSACTIONS_MAX;
export const ENCODED_BATCH_BYTES_MAX: number = BATCH_BYTES_MAX + FRAMING_BYTES_MAX;

const batchCodec: Codec<Batch> = list(bytesUpTo(TRANSACTION_BYTES_MAX), BATCH_TRANSACTIONS_MAX);

export function encodeBatch(batch: Batch): Uint8Array {
  return encode(batchCodec, batch);
}

/** Throws `hypermesh.batch_malformed`. What the transactions say is judged at execution. */
export function decodeBatch(encoded: Uint8Array): Batch {
  try {
    return decode(batchCodec, encoded, ENCODED_BATCH_BYTES_MAX);
  } catch (cause) {
    if (!(cause instanceof CodedError)) throw cause;
    throw hypermeshError('hypermesh.batch_malformed', { reason: cause.message }, { cause });
  }
}

export function batchDigest(encoded: Uint8Array): Uint8Array {
  return hashLabelled('hypermesh/batch/1', encoded);
}
