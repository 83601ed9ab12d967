import { type Contract, defineContract, HASH_BYTES, ALGORITHMS, type MethodSpec } from '@hypermesh/stoq';
import { z } from 'zod';
import { PATH_LENGTH, type ProofAnswer, SAMPLE_COUNT } from './answer.ts';
import { CHUNK_BYTES, CHUNK_COUNT } from './plot.ts';

export interface ChallengeRequest {
  readonly window: number;
}

/** The random number that chooses the chunks; the time for the answer runs from here. */
export interface ChallengeResponse {
  readonly random: Uint8Array;
}

export interface AnswerResponse {
  /** ML-DSA-44 signature of the member's witness key over the statement. */
  readonly signature: Uint8Array;
}

export type ProofMethods = {
  readonly challenge: MethodSpec<ChallengeRequest, ChallengeResponse>;
  readonly answer: MethodSpec<ProofAnswer, AnswerResponse>;
};

// The sampled chunks with their paths, and an envelope.
const ANSWER_BYTES_MAX: number = SAMPLE_COUNT * (CHUNK_BYTES + 1_024) + 4_096;

const bytesOf = (length: number): z.ZodType<Uint8Array> =>
  z.instanceof(Uint8Array).refine((value) => value.length === length, `must have ${length} bytes`);
const hash = bytesOf(HASH_BYTES);

const answer: z.ZodType<ProofAnswer> = z.strictObject({
  statement: hash,
  nonce: z.int().min(0),
  clock: z.int().min(0),
  chunks: z
    .array(
      z.strictObject({
        index: z
          .int()
          .min(0)
          .max(CHUNK_COUNT - 1),
        chunk: bytesOf(CHUNK_BYTES),
        path: z.array(hash).length(PATH_LENGTH),
      }),
    )
    .length(SAMPLE_COUNT),
});

/** Proof of State: served by every validator, called by every node once a challenge window. */
export const proofContract: Contract<ProofMethods> = defineContract({
  name: 'proof',
  version: 1,
  methods: {
    challenge: {
      kind: 'unary',
      request: z.strictObject({ window: z.int().min(1) }),
      response: z.strictObject({ random: hash }),
      roles: ['node', 'validator'],
      idempotent: true,
      requestBytesMax: 1_024,
      responseBytesMax: 1_024,
      deadlineMs: 10_000,
    },
    answer: {
      kind: 'unary',
      request: answer,
      response: z.strictObject({ signature: bytesOf(ALGORITHMS['ml-dsa-44'].signatureBytesMax) }),
      roles: ['node', 'validator'],
      // A challenge is answered once.
      idempotent: false,
      requestBytesMax: ANSWER_BYTES_MAX,
      responseBytesMax: 8 * 1_024,
      deadlineMs: 10_000,
    },
  },
});
