import {
  bytes,
  bytesUpTo,
  type Codec,
  CodedError,
  decode,
  encode,
  hashLabelled,
  type HybridPublicKey,
  hybridPublicKeyCodec,
  type HybridSignature,
  hybridSignatureCodec,
  type HybridSigner,
  labelled,
  list,
  optional,
  struct,
  text,
  uint,
} from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';

/** What the owner signs. Exactly once by (owner, sequence). */
export interface TransactionBody {
  readonly meshId: Uint8Array;
  /** Account that signs: the node id of its FALCON key. */
  readonly owner: Uint8Array;
  /** One more than that of the owner's previous transaction; the first is 1. */
  readonly sequence: number;
  readonly machine: string;
  /** All or nothing; encoded as the machine defines. */
  readonly operations: readonly Uint8Array[];
  /** The owner's key, only while it is no member of the mesh yet. */
  readonly key: HybridPublicKey | null;
}

export interface Transaction {
  readonly body: TransactionBody;
  readonly signature: HybridSignature;
}

// One hybrid signature costs the client 6-9 ms; a thousand operations make that negligible, and a block stays bounded.
export const OPERATION_COUNT_MAX: number = 1_000;
// The largest operations carry a certificate bundle (768 KiB) or a package entry with its log proof.
export const TRANSACTION_BYTES_MAX: number = 1024 * 1024;
const MACHINE_NAME_CHARS_MAX = 64;

const bodyCodec: Codec<TransactionBody> = struct({
  meshId: bytes(32),
  owner: bytes(32),
  sequence: uint(),
  machine: text(MACHINE_NAME_CHARS_MAX),
  operations: list(bytesUpTo(TRANSACTION_BYTES_MAX), OPERATION_COUNT_MAX),
  key: optional(hybridPublicKeyCodec),
});

const transactionCodec: Codec<Transaction> = struct({ body: bodyCodec, signature: hybridSignatureCodec });

/** A transaction as it came, with what everybody needs of it. */
export interface DecodedTransaction extends Transaction {
  readonly id: Uint8Array;
  readonly encoded: Uint8Array;
  /** What both signatures are over. */
  readonly signedBytes: Uint8Array;
}

/** Throws `hypermesh.transaction_limit` for too many operations or bytes. */
export async function signTransaction(body: TransactionBody, signer: HybridSigner): Promise<DecodedTransaction> {
  if (body.operations.length === 0 || body.operations.length > OPERATION_COUNT_MAX) {
    throw hypermeshError('hypermesh.transaction_limit', { operations: body.operations.length, operationsMax: OPERATION_COUNT_MAX });
  }
  const encodedBody = encode(bodyCodec, body);
  const signedBytes = labelled('hypermesh/transaction/1', encodedBody);
  const signature = await signer.sign(signedBytes);
  const encoded = encode(transactionCodec, { body, signature });
  if (encoded.length > TRANSACTION_BYTES_MAX) {
    throw hypermeshError('hypermesh.transaction_limit', { bytes: encoded.length, bytesMax: TRANSACTION_BYTES_MAX });
  }
  return { body, signature, id: transactionIdOf(encodedBody), encoded, signedBytes };
}

/** Strict and canonical. Throws `hypermesh.transaction_malformed` or `hypermesh.transaction_limit`. */
export function decodeTransaction(encoded: Uint8Array): DecodedTransaction {
  if (encoded.length > TRANSACTION_BYTES_MAX) {
    throw hypermeshError('hypermesh.transaction_limit', { bytes: encoded.length, bytesMax: TRANSACTION_BYTES_MAX });
  }
  const transaction = decodeStrictly(encoded);
  const { body, signature } = transaction;
  if (body.sequence === 0 || body.operations.length === 0) {
    throw hypermeshError('hypermesh.transaction_malformed', { reason: 'no operation or no sequence' });
  }
  const encodedBody = encode(bodyCodec, body);
  return { body, signature, id: transactionIdOf(encodedBody), encoded, signedBytes: labelled('hypermesh/transaction/1', encodedBody) };
}

function decodeStrictly(encoded: Uint8Array): Transaction {
  try {
    return decode(transactionCodec, encoded, TRANSACTION_BYTES_MAX);
  } catch (cause) {
    if (!(cause instanceof CodedError)) throw cause;
    const code = cause.code === 'stoq.codec_limit' ? 'hypermesh.transaction_limit' : 'hypermesh.transaction_malformed';
    throw hypermeshError(code, { reason: cause.message }, { cause });
  }
}

function transactionIdOf(encodedBody: Uint8Array): Uint8Array {
  return hashLabelled('hypermesh/transaction-id/1', encodedBody);
}
