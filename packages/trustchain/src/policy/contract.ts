import { ALGORITHMS, type Contract, defineContract, type MethodSpec } from '@hypermesh/stoq';
import { z } from 'zod';
import { QUESTION_BYTES_MAX, type SignedVerdict, VERDICT_CODE_CHARS_MAX } from './question.ts';

export type IssuancePolicyMethods = {
  /** `question`: an encoded `IssuanceQuestion`. */
  readonly decide: MethodSpec<{ readonly question: Uint8Array }, SignedVerdict>;
};

// A validator answers from its state; a verdict that takes longer blocks an enrolment.
const DECIDE_DEADLINE_MS = 5_000;
const ENVELOPE_BYTES = 256;
const SIGNATURE_BYTES: number = ALGORITHMS['ml-dsa-44'].signatureBytesMax;

/** Served by validators to trustchaind, between set entries of genesis. */
export const issuancePolicyContract: Contract<IssuancePolicyMethods> = defineContract({
  name: 'issuance-policy',
  version: 1,
  methods: {
    decide: {
      kind: 'unary',
      request: z.strictObject({ question: z.instanceof(Uint8Array).refine((bytes) => bytes.length <= QUESTION_BYTES_MAX, 'too large') }),
      response: z.strictObject({
        decision: z.enum(['approved', 'refused', 'pending']),
        code: z.string().max(VERDICT_CODE_CHARS_MAX),
        signature: z.instanceof(Uint8Array).refine((bytes) => bytes.length === SIGNATURE_BYTES, 'wrong length'),
      }),
      roles: 'any',
      kinds: ['set-entry'],
      idempotent: true,
      requestBytesMax: QUESTION_BYTES_MAX + ENVELOPE_BYTES,
      responseBytesMax: SIGNATURE_BYTES + VERDICT_CODE_CHARS_MAX + ENVELOPE_BYTES,
      deadlineMs: DECIDE_DEADLINE_MS,
    },
  },
});
