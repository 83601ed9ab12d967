import { bytes, bytesUpTo, type Codec, encode, equalBytes, hashLabelled, list, struct, text, uint } from '@hypermesh/stoq';
import { type InclusionProof, INCLUSION_HASHES_MAX, verifyInclusion } from '../state/append-only-tree.ts';
import { rootOfRoots, type StateRoots, stateRootsCodec } from '../state/root-of-roots.ts';
import { OPERATION_COUNT_MAX } from './transaction.ts';

/** What became of an ordered transaction. */
export interface Receipt {
  readonly transactionId: Uint8Array;
  /** Height of the block that ordered it. */
  readonly height: number;
  /** Place among the receipts of the block. */
  readonly index: number;
  /** Empty when it was applied, otherwise the code of the error that undid it. */
  readonly code: string;
  /** One for each operation; none when it was undone. */
  readonly results: readonly Uint8Array[];
}

/** Path from a receipt to the root that a quorum certificate covers. */
export interface ReceiptProof {
  readonly inclusion: InclusionProof;
  readonly roots: StateRoots;
}

// A result is an id or a small record; the receipt commits to all of it.
export const RESULT_BYTES_MAX: number = 64 * 1024;
// A receipt travels in one response beside its proof.
export const RESULTS_BYTES_MAX: number = 1024 * 1024;
const CODE_CHARS_MAX = 96;

export const receiptCodec: Codec<Receipt> = struct({
  transactionId: bytes(32),
  height: uint(),
  index: uint(),
  code: text(CODE_CHARS_MAX),
  results: list(bytesUpTo(RESULT_BYTES_MAX), OPERATION_COUNT_MAX),
});

export const receiptProofCodec: Codec<ReceiptProof> = struct({
  inclusion: struct({ index: uint(), size: uint(), hashes: list(bytes(32), INCLUSION_HASHES_MAX) }),
  roots: stateRootsCodec,
});

/** Leaf of the receipt tree. */
export function receiptHash(encodedReceipt: Uint8Array): Uint8Array {
  return hashLabelled('hypermesh/receipt/1', encodedReceipt);
}

/** Whether the state with that root of roots holds the receipt. */
export function verifyReceipt(receipt: Receipt, proof: ReceiptProof, root: Uint8Array): boolean {
  const { inclusion, roots } = proof;
  return (
    equalBytes(rootOfRoots(roots), root) &&
    inclusion.size === roots.receipts.size &&
    verifyInclusion(receiptHash(encode(receiptCodec, receipt)), inclusion, roots.receipts.root)
  );
}
