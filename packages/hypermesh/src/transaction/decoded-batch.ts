import { CodedError } from '@hypermesh/stoq';
import { decodeBatch } from './batch.ts';
import { type DecodedTransaction, decodeTransaction } from './transaction.ts';

/** A batch as execution sees it: null where the bytes are no transaction. */
export type DecodedBatch = readonly (DecodedTransaction | null)[];

/** Throws `hypermesh.batch_malformed` only for the batch itself: one bad transaction must not void its neighbours. */
export function decodeTransactions(encodedBatch: Uint8Array): DecodedBatch {
  return decodeBatch(encodedBatch).map((encoded) => {
    try {
      return decodeTransaction(encoded);
    } catch (error) {
      if (error instanceof CodedError) return null;
      throw error;
    }
  });
}
