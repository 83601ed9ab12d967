import { type Contract, defineContract, type MethodSpec } from '@hypermesh/stoq';
import { z } from 'zod';
import { ENCODED_BATCH_BYTES_MAX } from './transaction/batch.ts';
import { RESULTS_BYTES_MAX } from './transaction/receipt.ts';
import { TRANSACTION_BYTES_MAX } from './transaction/transaction.ts';

/** A receipt with all that a holder of genesis needs to believe it; each field is the encoding of its codec. */
export interface ReceiptAnswer {
  readonly receipt: Uint8Array;
  readonly proof: Uint8Array;
  /** Certified block whose root the proof leads to. */
  readonly certified: Uint8Array;
}

export interface QueryRequest {
  readonly machine: string;
  readonly method: string;
  readonly argument: Uint8Array;
  /** The callee answers when it has executed this height, so that a caller never sees less than it saw before. */
  readonly minHeight: number;
}

export interface QueryAnswer {
  readonly result: Uint8Array;
  /** Executed height that the answer is of. */
  readonly height: number;
}

export interface AccountAnswer {
  /** Last executed sequence; 0 before the first. */
  readonly executed: number;
  /** What the next transaction takes, those that wait here counted. */
  readonly next: number;
}

export interface MeshStatus {
  readonly name: string;
  readonly epoch: number;
  readonly round: number;
  readonly leader: string;
  readonly committedHeight: number;
  readonly executedHeight: number;
  /** Root of roots after the executed height. */
  readonly root: Uint8Array;
  /** Newest height whose root a quorum vouches for. */
  readonly certifiedHeight: number;
  /** Agreed time of the newest executed block, milliseconds since the epoch. */
  readonly time: number;
  /** Nothing is left to order or to certify. */
  readonly quiet: boolean;
  readonly transactions: number;
  /** Names of the validators that this one does not reach, or whose votes a stalled round lacks. */
  readonly silent: readonly string[];
  /** Why nothing can be ordered at present; empty otherwise. */
  readonly stalled: string;
  /** Code of the error that stopped this validator; empty while it runs. */
  readonly halted: string;
}

export interface ValidatorInfo {
  readonly name: string;
  readonly nodeId: Uint8Array;
  readonly addresses: readonly string[];
  readonly voteAlgorithm: string;
}

/**
 * What `follow` streams. `final`: blocks in a row, oldest first, and the proof that the last is final. Then, one by one, the
 * batches of these blocks in their order. `idle`: nothing new, only a sign of life.
 */
export type FollowItem =
  | { readonly kind: 'final'; readonly blocks: readonly Uint8Array[]; readonly proof: Uint8Array }
  | { readonly kind: 'batch'; readonly batch: Uint8Array }
  | { readonly kind: 'idle' };

export type MeshMethods = {
  /** Takes a transaction into the mempool; known ones are accepted again. */
  readonly submit: MethodSpec<{ readonly transaction: Uint8Array }, { readonly id: Uint8Array }>;
  /**
   * As `submit`, for many in the order in which they are to be taken; those from the first refused one on are not, and submitting
   * that one alone says why.
   */
  readonly submitAll: MethodSpec<{ readonly transactions: readonly Uint8Array[] }, { readonly taken: number }>;
  /** Waits for the certified receipt at most `waitMs`, then throws `hypermesh.not_committed`. */
  readonly receipt: MethodSpec<{ readonly id: Uint8Array; readonly waitMs: number }, ReceiptAnswer>;
  readonly query: MethodSpec<QueryRequest, QueryAnswer>;
  readonly account: MethodSpec<{ readonly owner: Uint8Array }, AccountAnswer>;
  readonly status: MethodSpec<Record<never, never>, MeshStatus>;
  readonly validators: MethodSpec<Record<never, never>, { readonly validators: readonly ValidatorInfo[] }>;
  readonly follow: { readonly kind: 'server-stream' } & MethodSpec<{ readonly afterHeight: number }, FollowItem>;
};

// Verified in some 20 ms, with other work in between; calls wait for each other.
export const SUBMITTED_TRANSACTIONS_MAX: number = 64;
// A caller that waits longer asks again, perhaps another validator.
export const RECEIPT_WAIT_MS_MAX: number = 30_000;
// Longer than the longest wait, so that `not_committed` arrives rather than a deadline.
const RECEIPT_DEADLINE_MS = RECEIPT_WAIT_MS_MAX + 5_000;
// A quiet mesh commits nothing; a follower hears from its validator this often.
export const FOLLOW_IDLE_MS: number = 10_000;
const FOLLOW_DEADLINE_MS = 3 * FOLLOW_IDLE_MS;
// Answers to queries are lists that a person or a scheduler reads, not data.
export const QUERY_BYTES_MAX: number = 4 * 1024 * 1024;
const ARGUMENT_BYTES_MAX = 64 * 1024;
const NAME_CHARS_MAX = 64;
// A proof of 53 hashes, the roots of 16 machines, and a block with two certificates of 100 validators.
const PROOF_BYTES_MAX = 1024 * 1024;
// 1,024 uncommitted blocks, as many as consensus keeps, of a mesh of four; of a hundred validators, what a minute orders.
export const FINAL_BYTES_MAX: number = 12 * 1024 * 1024;
const FINAL_BLOCKS_MAX = 1_024;
const ENVELOPE_BYTES = 4 * 1024;
const VALIDATORS_BYTES_MAX = 256 * 1024;

const bytes = (lengthMax: number): z.ZodType<Uint8Array> =>
  z.instanceof(Uint8Array).refine((value) => value.length <= lengthMax, `must have at most ${lengthMax} bytes`);
const hash: z.ZodType<Uint8Array> = z.instanceof(Uint8Array).refine((value) => value.length === 32, 'must have 32 bytes');
const name = z.string().max(NAME_CHARS_MAX);
const count = z.int().min(0);
const nothing = z.strictObject({});

const status: z.ZodType<MeshStatus> = z.strictObject({
  name,
  epoch: count,
  round: count,
  leader: name,
  committedHeight: count,
  executedHeight: count,
  root: hash,
  certifiedHeight: count,
  time: count,
  quiet: z.boolean(),
  transactions: count,
  silent: z.array(name),
  stalled: z.string(),
  halted: z.string(),
});

const followItem: z.ZodType<FollowItem> = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('final'),
    blocks: z.array(bytes(FINAL_BYTES_MAX)).min(1).max(FINAL_BLOCKS_MAX),
    proof: bytes(PROOF_BYTES_MAX),
  }),
  z.strictObject({ kind: z.literal('batch'), batch: bytes(ENCODED_BATCH_BYTES_MAX) }),
  z.strictObject({ kind: z.literal('idle') }),
]);

/** Served by every validator to all members of the mesh. */
export const meshContract: Contract<MeshMethods> = defineContract({
  name: 'mesh',
  version: 1,
  methods: {
    submit: {
      kind: 'unary',
      request: z.strictObject({ transaction: bytes(TRANSACTION_BYTES_MAX) }),
      response: z.strictObject({ id: hash }),
      roles: 'any',
      idempotent: true,
      requestBytesMax: TRANSACTION_BYTES_MAX + ENVELOPE_BYTES,
      responseBytesMax: ENVELOPE_BYTES,
      deadlineMs: 10_000,
    },
    submitAll: {
      kind: 'unary',
      request: z.strictObject({ transactions: z.array(bytes(TRANSACTION_BYTES_MAX)).min(1).max(SUBMITTED_TRANSACTIONS_MAX) }),
      response: z.strictObject({ taken: count.max(SUBMITTED_TRANSACTIONS_MAX) }),
      roles: 'any',
      idempotent: true,
      requestBytesMax: TRANSACTION_BYTES_MAX + ENVELOPE_BYTES,
      responseBytesMax: ENVELOPE_BYTES,
      deadlineMs: 10_000,
    },
    receipt: {
      kind: 'unary',
      request: z.strictObject({ id: hash, waitMs: count.max(RECEIPT_WAIT_MS_MAX) }),
      response: z.strictObject({
        receipt: bytes(RESULTS_BYTES_MAX + ENVELOPE_BYTES),
        proof: bytes(PROOF_BYTES_MAX),
        certified: bytes(PROOF_BYTES_MAX),
      }),
      roles: 'any',
      idempotent: true,
      requestBytesMax: ENVELOPE_BYTES,
      responseBytesMax: RESULTS_BYTES_MAX + 2 * PROOF_BYTES_MAX + ENVELOPE_BYTES,
      deadlineMs: RECEIPT_DEADLINE_MS,
    },
    query: {
      kind: 'unary',
      request: z.strictObject({ machine: name, method: name, argument: bytes(ARGUMENT_BYTES_MAX), minHeight: count }),
      response: z.strictObject({ result: bytes(QUERY_BYTES_MAX), height: count }),
      roles: 'any',
      idempotent: true,
      requestBytesMax: ARGUMENT_BYTES_MAX + ENVELOPE_BYTES,
      responseBytesMax: QUERY_BYTES_MAX + ENVELOPE_BYTES,
      deadlineMs: 10_000,
    },
    account: {
      kind: 'unary',
      request: z.strictObject({ owner: hash }),
      response: z.strictObject({ executed: count, next: count }),
      roles: 'any',
      idempotent: true,
      requestBytesMax: ENVELOPE_BYTES,
      responseBytesMax: ENVELOPE_BYTES,
      deadlineMs: 5_000,
    },
    status: {
      kind: 'unary',
      request: nothing,
      response: status,
      roles: 'any',
      idempotent: true,
      requestBytesMax: ENVELOPE_BYTES,
      responseBytesMax: VALIDATORS_BYTES_MAX,
      deadlineMs: 5_000,
    },
    validators: {
      kind: 'unary',
      request: nothing,
      response: z.strictObject({
        validators: z.array(z.strictObject({ name, nodeId: hash, addresses: z.array(z.string()), voteAlgorithm: name })),
      }),
      roles: 'any',
      idempotent: true,
      requestBytesMax: ENVELOPE_BYTES,
      responseBytesMax: VALIDATORS_BYTES_MAX,
      deadlineMs: 5_000,
    },
    follow: {
      kind: 'server-stream',
      request: z.strictObject({ afterHeight: count }),
      response: followItem,
      roles: 'any',
      idempotent: true,
      requestBytesMax: ENVELOPE_BYTES,
      responseBytesMax: FINAL_BYTES_MAX + PROOF_BYTES_MAX,
      deadlineMs: FOLLOW_DEADLINE_MS,
    },
  },
});
