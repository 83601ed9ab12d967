import { CodedError } from '@hypermesh/stoq';
import type { DecodedBatch } from './decoded-batch.ts';
import type { DecodedTransaction } from './transaction.ts';

// Signatures verified before other work has its turn: about 2 ms.
export const VERIFIED_AT_ONCE: number = 8;

/** Verifies ahead of execution, which finds the verdicts; `verify` throws a coded error for what execution will void. */
export async function verifyInTurns(batch: DecodedBatch, verify: (transaction: DecodedTransaction) => void): Promise<void> {
  for (const [at, transaction] of batch.entries()) {
    if (at % VERIFIED_AT_ONCE === 0) await new Promise(setImmediate);
    if (transaction === null) continue;
    try {
      verify(transaction);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
    }
  }
}
