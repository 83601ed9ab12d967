import { decode, equalBytes } from '@hypermesh/stoq';
import type { ReceiptAnswer } from '../api.ts';
import { hypermeshError } from '../errors.ts';
import type { LogVerifier } from '../follower/log-verifier.ts';
import { type Receipt, receiptCodec, receiptProofCodec, verifyReceipt } from '../transaction/receipt.ts';
import { certifiedBlockCodec } from '../validator/block-store.ts';

/**
 * The receipt of that transaction, believed because a quorum of the validators of genesis vouches for it. Throws
 * `hypermesh.certificate_invalid`, `hypermesh.receipt_invalid` or what decoding throws.
 */
export function verifiedReceipt(transactionId: Uint8Array, answer: ReceiptAnswer, verifier: LogVerifier): Receipt {
  const receipt = decode(receiptCodec, answer.receipt);
  const certified = decode(certifiedBlockCodec, answer.certified);
  verifier.assertCertified(certified);
  const isProved =
    equalBytes(receipt.transactionId, transactionId) &&
    receipt.height <= certified.block.executedHeight &&
    verifyReceipt(receipt, decode(receiptProofCodec, answer.proof), certified.block.rootOfRoots);
  if (!isProved) throw hypermeshError('hypermesh.receipt_invalid');
  return receipt;
}
