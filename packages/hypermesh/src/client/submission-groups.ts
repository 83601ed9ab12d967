import { SUBMITTED_TRANSACTIONS_MAX } from '../api.ts';
import { TRANSACTION_BYTES_MAX } from '../transaction/transaction.ts';

/** The encoded transactions from that place on, as many as one call takes: at least one. */
export function groupFrom(transactions: readonly { readonly encoded: Uint8Array }[], from: number): readonly Uint8Array[] {
  const group: Uint8Array[] = [];
  let bytes = 0;
  for (const { encoded } of transactions.slice(from, from + SUBMITTED_TRANSACTIONS_MAX)) {
    bytes += encoded.length;
    if (group.length > 0 && bytes > TRANSACTION_BYTES_MAX) break;
    group.push(encoded);
  }
  return group;
}
