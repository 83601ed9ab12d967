import { ALGORITHMS, type Contract, defineContract, type MethodSpec } from '@hypermesh/stoq';
import { z } from 'zod';
import { CHECKPOINT_BYTES_MAX, PROOF_HASHES_MAX, VALIDATOR_COUNT_MAX } from '../constants.ts';

/** C2SP tlog-witness, add-checkpoint, as a message. */
export interface CosignMessage {
  readonly origin: string;
  /** Size of the last checkpoint that the witness cosigned. */
  readonly oldSize: number;
  readonly consistencyProof: readonly Uint8Array[];
  /** Signed note of the log. */
  readonly checkpoint: Uint8Array;
}

export interface PolicyAnswer {
  /** Encoded `WitnessPolicy`. */
  readonly policy: Uint8Array;
  /** Name of the witness. */
  readonly name: string;
  /** ML-DSA-44 signature over the policy. */
  readonly signature: Uint8Array;
}

export type WitnessMethods = {
  /** Answers one signature line (UTF-8). Refuses with `trustchain.witness_refused`; for a wrong old size its data holds `size`. */
  readonly cosign: MethodSpec<CosignMessage, { readonly cosignature: Uint8Array }>;
  /** This validator's signature over the witness policy of that version; `trustchain.policy_pending` while there is none. */
  readonly policy: MethodSpec<{ readonly version: number }, PolicyAnswer>;
};

const HASH_BYTES = 32;
const ORIGIN_CHARS_MAX = 64;
const NAME_CHARS_MAX = 64;
const ENVELOPE_BYTES = 1024;
// A name, a key id and an ML-DSA-44 signature in base64.
const COSIGNATURE_LINE_BYTES_MAX = 4 * 1024;
const POLICY_BYTES_MAX: number = VALIDATOR_COUNT_MAX * (ALGORITHMS['ml-dsa-44'].publicKeyBytes + NAME_CHARS_MAX + 16) + ENVELOPE_BYTES;
// One fsync and one signature; the log waits for the fastest quorum.
const COSIGN_DEADLINE_MS = 5_000;

const bytesUpTo = (lengthMax: number): z.ZodType<Uint8Array> =>
  z.instanceof(Uint8Array).refine((bytes) => bytes.length <= lengthMax, `must have at most ${lengthMax} bytes`);
const hash: z.ZodType<Uint8Array> = z
  .instanceof(Uint8Array)
  .refine((bytes) => bytes.length === HASH_BYTES, `must have ${HASH_BYTES} bytes`);
const size = z.int().min(0);

/** Served by validators to trustchaind, between set entries. */
export const witnessContract: Contract<WitnessMethods> = defineContract({
  name: 'witness',
  version: 1,
  methods: {
    cosign: {
      kind: 'unary',
      request: z.strictObject({
        origin: z.string().min(1).max(ORIGIN_CHARS_MAX),
        oldSize: size,
        consistencyProof: z.array(hash).max(PROOF_HASHES_MAX),
        checkpoint: bytesUpTo(CHECKPOINT_BYTES_MAX),
      }),
      response: z.strictObject({ cosignature: bytesUpTo(COSIGNATURE_LINE_BYTES_MAX) }),
      roles: 'any',
      kinds: ['set-entry'],
      idempotent: true,
      requestBytesMax: CHECKPOINT_BYTES_MAX + PROOF_HASHES_MAX * (HASH_BYTES + 8) + ENVELOPE_BYTES,
      responseBytesMax: COSIGNATURE_LINE_BYTES_MAX + ENVELOPE_BYTES,
      deadlineMs: COSIGN_DEADLINE_MS,
    },
    policy: {
      kind: 'unary',
      request: z.strictObject({ version: size }),
      response: z.strictObject({
        policy: bytesUpTo(POLICY_BYTES_MAX),
        name: z.string().min(1).max(NAME_CHARS_MAX),
        signature: bytesUpTo(ALGORITHMS['ml-dsa-44'].signatureBytesMax),
      }),
      roles: 'any',
      kinds: ['set-entry'],
      idempotent: true,
      requestBytesMax: ENVELOPE_BYTES,
      responseBytesMax: POLICY_BYTES_MAX + ALGORITHMS['ml-dsa-44'].signatureBytesMax + ENVELOPE_BYTES,
      deadlineMs: COSIGN_DEADLINE_MS,
    },
  },
});
