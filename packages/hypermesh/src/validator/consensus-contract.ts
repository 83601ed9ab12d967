import { type Contract, defineContract, type MethodSpec } from '@hypermesh/stoq';
import { z } from 'zod';
import { CONSENSUS_MESSAGE_BYTES_MAX, FETCHED_BLOCKS_MAX } from '../consensus/constants.ts';
import { ENCODED_BATCH_BYTES_MAX } from '../transaction/batch.ts';

export type ConsensusMethods = {
  /** Says that the caller is up, perhaps after having been away. */
  readonly hello: MethodSpec<Record<never, never>, Record<never, never>>;
  /** One consensus message, encoded by its codec. */
  readonly message: MethodSpec<{ readonly message: Uint8Array }, Record<never, never>>;
  /** Answered once the batch is on the disk of the callee. */
  readonly storeBatch: MethodSpec<{ readonly batch: Uint8Array }, Record<never, never>>;
  readonly batch: MethodSpec<{ readonly digest: Uint8Array }, { readonly batch: Uint8Array }>;
  /** Blocks above a height, ascending, as far as they lead to the block or are final. */
  readonly blocks: MethodSpec<{ readonly blockId: Uint8Array; readonly afterHeight: number }, { readonly blocks: readonly Uint8Array[] }>;
};

const ENVELOPE_BYTES = 4 * 1024;
// A block has one certificate: half of the largest message.
const BLOCK_BYTES_MAX = CONSENSUS_MESSAGE_BYTES_MAX / 2;
// The callee answers with fewer blocks where these would not fit.
export const BLOCKS_BYTES_MAX: number = 8 * 1024 * 1024;

const bytes = (lengthMax: number): z.ZodType<Uint8Array> =>
  z.instanceof(Uint8Array).refine((value) => value.length <= lengthMax, `must have at most ${lengthMax} bytes`);
const hash: z.ZodType<Uint8Array> = z.instanceof(Uint8Array).refine((value) => value.length === 32, 'must have 32 bytes');
const nothing = z.strictObject({});

const common = { kind: 'unary', roles: ['validator'], kinds: ['set-entry'], idempotent: true } as const;

/** Served by validators to validators. */
export const consensusContract: Contract<ConsensusMethods> = defineContract({
  name: 'consensus',
  version: 1,
  methods: {
    hello: {
      ...common,
      request: nothing,
      response: nothing,
      requestBytesMax: ENVELOPE_BYTES,
      responseBytesMax: ENVELOPE_BYTES,
      deadlineMs: 2_000,
    },
    message: {
      ...common,
      request: z.strictObject({ message: bytes(CONSENSUS_MESSAGE_BYTES_MAX) }),
      response: nothing,
      requestBytesMax: CONSENSUS_MESSAGE_BYTES_MAX + ENVELOPE_BYTES,
      responseBytesMax: ENVELOPE_BYTES,
      deadlineMs: 5_000,
    },
    storeBatch: {
      ...common,
      request: z.strictObject({ batch: bytes(ENCODED_BATCH_BYTES_MAX) }),
      response: nothing,
      requestBytesMax: ENCODED_BATCH_BYTES_MAX + ENVELOPE_BYTES,
      responseBytesMax: ENVELOPE_BYTES,
      deadlineMs: 10_000,
    },
    batch: {
      ...common,
      request: z.strictObject({ digest: hash }),
      response: z.strictObject({ batch: bytes(ENCODED_BATCH_BYTES_MAX) }),
      requestBytesMax: ENVELOPE_BYTES,
      responseBytesMax: ENCODED_BATCH_BYTES_MAX + ENVELOPE_BYTES,
      deadlineMs: 10_000,
    },
    blocks: {
      ...common,
      request: z.strictObject({ blockId: hash, afterHeight: z.int().min(0) }),
      response: z.strictObject({ blocks: z.array(bytes(BLOCK_BYTES_MAX)).max(FETCHED_BLOCKS_MAX) }),
      requestBytesMax: ENVELOPE_BYTES,
      responseBytesMax: BLOCKS_BYTES_MAX + ENVELOPE_BYTES,
      deadlineMs: 10_000,
    },
  },
});
