import {
  type Contract,
  defineContract,
  type HybridSignature,
  type IdentityKind,
  type MethodSpec,
  ML_KEM_1024_CIPHERTEXT_BYTES,
  type Role,
} from '@hypermesh/stoq';
import { z } from 'zod';
import {
  BUNDLE_BYTES_MAX,
  CERTIFICATE_BYTES_MAX,
  CHECKPOINT_BYTES_MAX,
  DNS_NAME_CHARS_MAX,
  INTERMEDIATE_COUNT_MAX,
  PROOF_HASHES_MAX,
  ROLE_COUNT_MAX,
  SAN_COUNT_MAX,
  SERIAL_BYTES,
  VALIDATOR_COUNT_MAX,
} from './constants.ts';
import { JOIN_SECRET_BYTES, JOIN_TOKEN_CHARS_MAX } from './enrolment/join-token.ts';
import { GENESIS_BYTES_MAX } from './genesis/genesis.ts';
import { INVITATION_LIFETIME_MS_MAX } from './enrolment/invitations.ts';
import { ENTRY_BYTES_MAX } from './log/tile.ts';
import { SIGNED_ANSWER_BYTES_MAX } from './names/answer.ts';
import { RECORD_CHARS_MAX, RECORD_COUNT_MAX, RECORD_TYPES, type RecordType, TTL_SECONDS_MAX } from './names/record.ts';
import { ROLES } from './policy/question.ts';
import { REASON_CODES, type RevocationReason } from './revocation/revocation.ts';
import { REVOCATION_UPDATE_BYTES_MAX } from './revocation/update.ts';

export type LogName = 'certificates' | 'packages' | 'revocations';

export type CertificateState = 'valid' | 'expired' | 'revoked';

/** An answered challenge with the request that it was made for. */
export interface SubmissionMessage {
  readonly challenge: Uint8Array;
  /** PKCS#10 DER. */
  readonly request: Uint8Array;
  readonly proof: { readonly signature: HybridSignature; readonly kemProof: Uint8Array };
}

export interface LogReceiptMessage {
  readonly index: number;
  /** Size of the tree of the checkpoint. */
  readonly size: number;
  readonly proof: readonly Uint8Array[];
  /** Signed note. */
  readonly checkpoint: Uint8Array;
}

export interface CertificateStatus {
  readonly serial: string;
  readonly state: CertificateState;
  readonly logIndex: number;
  readonly nodeId: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

/** What a verifier trusts, beyond what it pins itself. */
export interface TrustRoots {
  readonly roots: readonly Uint8Array[];
  readonly intermediates: readonly Uint8Array[];
  /** 0 bootstrap; from 1 on verifiers demand cosignatures, and trustchaind verdicts, of a quorum of validators. */
  readonly phase: number;
  /** Encoded signed witness policies in order, at most 16; an empty list if there is none after the caller's. */
  readonly witnessPolicies: Uint8Array;
}

export interface RevocationMessage {
  readonly serial: string;
  readonly reason: RevocationReason;
  /** Milliseconds since the epoch from which the key is held to be compromised; null if not known. */
  readonly invalidityDate: number | null;
}

interface UpdateMessage {
  readonly update: Uint8Array;
}

type Nothing = Readonly<Record<string, never>>;
type OfLog<T = unknown> = { readonly log: LogName } & T;

export type TrustchainMethods = {
  /** The genesis document; whoever knows the mesh id can check it. */
  readonly 'enroll.genesis': MethodSpec<Nothing, { readonly genesis: Uint8Array }>;
  /** With the secret of a join token to enrol; null to renew. */
  readonly 'enroll.challenge': MethodSpec<
    { readonly request: Uint8Array; readonly secret: Uint8Array | null },
    { readonly challenge: Uint8Array; readonly ciphertext: Uint8Array; readonly lifetimeMs: number }
  >;
  readonly 'enroll.submit': MethodSpec<SubmissionMessage & { readonly secret: Uint8Array }, { readonly bundle: Uint8Array }>;
  readonly renew: MethodSpec<SubmissionMessage, { readonly bundle: Uint8Array }>;
  /** Of an own certificate by its key holder; of another one by an operator, from phase 1 on with a quorum verdict. */
  readonly revoke: MethodSpec<RevocationMessage, LogReceiptMessage>;
  readonly status: MethodSpec<{ readonly serial: string }, CertificateStatus>;
  /** A fresh proof and checkpoint; without a serial for the caller's newest certificate. */
  readonly bundle: MethodSpec<{ readonly serial: string | null }, { readonly bundle: Uint8Array }>;
  /** What verifiers trust; of the witness policies the next few after the version that the caller holds (0 for none). */
  readonly roots: MethodSpec<{ readonly afterPolicy: number }, TrustRoots>;
  readonly 'log.checkpoint': MethodSpec<OfLog, { readonly checkpoint: Uint8Array }>;
  /** A tile by its C2SP path, `tile/0/000` or `tile/entries/000.p/7`. */
  readonly 'log.tile': MethodSpec<OfLog<{ readonly path: string }>, { readonly tile: Uint8Array }>;
  /** Entries `start` to `end`, without `end`; at most 100. */
  readonly 'log.entries': MethodSpec<OfLog<{ readonly start: number; readonly end: number }>, { readonly entries: readonly Uint8Array[] }>;
  /** To the package log only; certificates and revocations enter by their own methods. */
  readonly 'log.add': MethodSpec<{ readonly entry: Uint8Array }, LogReceiptMessage>;
  readonly 'log.proof': MethodSpec<OfLog<{ readonly index: number }>, LogReceiptMessage>;
  readonly 'log.consistency': MethodSpec<OfLog<{ readonly from: number; readonly to: number }>, { readonly hashes: readonly Uint8Array[] }>;
  /** All revocations and their signed head, an encoded `RevocationUpdate`. */
  readonly 'revocation.snapshot': MethodSpec<Nothing, UpdateMessage>;
  /** Revocations from that index on, and the newest head. */
  readonly 'revocation.delta': MethodSpec<{ readonly from: number }, UpdateMessage>;
  /** A delta at once and after each new head; the next one begins where the last one ended. */
  readonly 'revocation.watch': MethodSpec<{ readonly from: number }, UpdateMessage> & { readonly kind: 'server-stream' };
  /** An encoded signed answer, positive or negative. */
  readonly 'names.resolve': MethodSpec<{ readonly name: string; readonly type: RecordType }, { readonly answer: Uint8Array }>;
  /** Replaces the record set; an empty one withdraws it. Answers the version in force: a lower one is not applied. */
  readonly 'names.publish': MethodSpec<
    {
      readonly name: string;
      readonly type: RecordType;
      readonly ttlSeconds: number;
      readonly records: readonly string[];
      readonly version: number;
    },
    { readonly version: number }
  >;
  readonly 'admin.invite': MethodSpec<
    { readonly roles: readonly Role[]; readonly names: readonly string[]; readonly lifetimeMs: number },
    { readonly token: string; readonly expiresAt: number }
  >;
};

// Keys, flags and small integers around the payload of a message.
const ENVELOPE_BYTES = 1_024;
const SMALL_BYTES_MAX = 4 * 1_024;
export const LOG_ENTRIES_PER_ANSWER_MAX: number = 100;
// 256 entries of 64 KiB, less than the largest encoded object.
const TILE_BYTES_MAX: number = 15 * 1024 * 1024;
const ENTRIES_BYTES_MAX: number = LOG_ENTRIES_PER_ANSWER_MAX * (ENTRY_BYTES_MAX + 8);
// C2SP path of a tile of a tree of 2^53 entries.
const TILE_PATH_CHARS_MAX = 64;
export const POLICIES_PER_ANSWER_MAX: number = 16;
// 100 validators, each with an ML-DSA-44 key and signature of together below 4 KiB.
const POLICIES_BYTES_MAX: number = POLICIES_PER_ANSWER_MAX * VALIDATOR_COUNT_MAX * 4 * 1024;
// Four roots and their intermediates, besides the policies.
const ROOTS_BYTES_MAX: number = (4 + INTERMEDIATE_COUNT_MAX) * CERTIFICATE_BYTES_MAX + POLICIES_BYTES_MAX;
const HYBRID_SIGNATURE_BYTES_MAX = 2 * 1024;
const SUBMISSION_BYTES_MAX: number = CERTIFICATE_BYTES_MAX + HYBRID_SIGNATURE_BYTES_MAX + ENVELOPE_BYTES;
const RECEIPT_BYTES_MAX: number = CHECKPOINT_BYTES_MAX + PROOF_HASHES_MAX * 40 + ENVELOPE_BYTES;

const READ_DEADLINE_MS = 10_000;
// Verdicts of validators, FALCON signatures, a checkpoint and its cosignatures.
const ISSUE_DEADLINE_MS = 30_000;
// Between two snapshots on a watch: one a minute, and one may be late.
const WATCH_DEADLINE_MS = 150_000;

const bytesUpTo = (lengthMax: number): z.ZodType<Uint8Array> =>
  z.instanceof(Uint8Array).refine((bytes) => bytes.length <= lengthMax, `must have at most ${lengthMax} bytes`);
const bytesOf = (length: number): z.ZodType<Uint8Array> =>
  z.instanceof(Uint8Array).refine((bytes) => bytes.length === length, `must have ${length} bytes`);
const index = z.int().min(0);
const hash = bytesOf(32);
const hashes = z.array(hash).max(PROOF_HASHES_MAX);
const serial = z.string().regex(new RegExp(`^[0-9a-f]{${SERIAL_BYTES * 2}}$`, 'u'));
const REASONS = Object.keys(REASON_CODES) as RevocationReason[];
const log = z.enum(['certificates', 'packages', 'revocations']);
const dnsName = z.string().min(1).max(DNS_NAME_CHARS_MAX);
const recordType = z.enum(RECORD_TYPES);
const nothing = z.strictObject({}) as z.ZodType<Nothing>;
const bundle = z.strictObject({ bundle: bytesUpTo(BUNDLE_BYTES_MAX) });
const submission = {
  challenge: hash,
  request: bytesUpTo(CERTIFICATE_BYTES_MAX),
  proof: z.strictObject({
    signature: z.strictObject({
      classical: z.strictObject({ algorithm: z.literal('ed25519'), bytes: bytesUpTo(HYBRID_SIGNATURE_BYTES_MAX) }),
      postQuantum: z.strictObject({ algorithm: z.literal('falcon1024'), bytes: bytesUpTo(HYBRID_SIGNATURE_BYTES_MAX) }),
    }),
    kemProof: hash,
  }),
} as const;
const receipt = z.strictObject({ index, size: index, proof: hashes, checkpoint: bytesUpTo(CHECKPOINT_BYTES_MAX) });

const MEMBERS: readonly IdentityKind[] = ['bundle', 'set-entry'];
const NEWCOMERS: readonly IdentityKind[] = ['raw-key', 'pinned', 'set-entry', 'bundle'];

type Limits = { readonly requestBytesMax?: number; readonly responseBytesMax: number; readonly deadlineMs?: number };
type Access = Pick<MethodSpec, 'roles' | 'restricted' | 'idempotent'> & { readonly kinds?: readonly IdentityKind[] };

/** Any member, as often as it likes. */
const READ: Access = { roles: 'any', kinds: MEMBERS, idempotent: true };
/** Also in a session that may only renew, because what it reads is what makes it whole again. */
const RECOVERY: Access = { roles: 'any', kinds: MEMBERS, restricted: true, idempotent: true };
/** Also without any certificate. */
const FIRST_CONTACT: Access = { roles: 'any', kinds: NEWCOMERS, restricted: true, idempotent: true };

function method<Request, Response>(
  access: Access,
  request: z.ZodType<Request>,
  response: z.ZodType<Response>,
  limits: Limits,
): MethodSpec<Request, Response> {
  const { requestBytesMax = SMALL_BYTES_MAX, responseBytesMax, deadlineMs = READ_DEADLINE_MS } = limits;
  return { kind: 'unary', request, response, ...access, requestBytesMax, responseBytesMax, deadlineMs };
}

const enrolmentMethods = {
  'enroll.genesis': method(FIRST_CONTACT, nothing, z.strictObject({ genesis: bytesUpTo(GENESIS_BYTES_MAX) }), {
    responseBytesMax: GENESIS_BYTES_MAX + ENVELOPE_BYTES,
  }),
  'enroll.challenge': method(
    { ...FIRST_CONTACT, idempotent: false },
    z.strictObject({ request: bytesUpTo(CERTIFICATE_BYTES_MAX), secret: bytesOf(JOIN_SECRET_BYTES).nullable() }),
    z.strictObject({ challenge: hash, ciphertext: bytesOf(ML_KEM_1024_CIPHERTEXT_BYTES), lifetimeMs: index }),
    { requestBytesMax: SUBMISSION_BYTES_MAX, responseBytesMax: SMALL_BYTES_MAX },
  ),
  'enroll.submit': method(
    { ...FIRST_CONTACT, idempotent: false },
    z.strictObject({ ...submission, secret: bytesOf(JOIN_SECRET_BYTES) }),
    bundle,
    { requestBytesMax: SUBMISSION_BYTES_MAX, responseBytesMax: BUNDLE_BYTES_MAX + ENVELOPE_BYTES, deadlineMs: ISSUE_DEADLINE_MS },
  ),
  renew: method({ ...RECOVERY, idempotent: false }, z.strictObject(submission), bundle, {
    requestBytesMax: SUBMISSION_BYTES_MAX,
    responseBytesMax: BUNDLE_BYTES_MAX + ENVELOPE_BYTES,
    deadlineMs: ISSUE_DEADLINE_MS,
  }),
  bundle: method(FIRST_CONTACT, z.strictObject({ serial: serial.nullable() }), bundle, {
    responseBytesMax: BUNDLE_BYTES_MAX + ENVELOPE_BYTES,
    deadlineMs: ISSUE_DEADLINE_MS,
  }),
  roots: method(
    FIRST_CONTACT,
    z.strictObject({ afterPolicy: index }),
    z.strictObject({
      roots: z.array(bytesUpTo(CERTIFICATE_BYTES_MAX)),
      intermediates: z.array(bytesUpTo(CERTIFICATE_BYTES_MAX)).max(INTERMEDIATE_COUNT_MAX),
      phase: index,
      witnessPolicies: bytesUpTo(POLICIES_BYTES_MAX),
    }),
    { responseBytesMax: ROOTS_BYTES_MAX },
  ),
  'admin.invite': method(
    { roles: ['operator'], kinds: MEMBERS, idempotent: false },
    z.strictObject({
      roles: z.array(z.enum(ROLES)).min(1).max(ROLE_COUNT_MAX),
      names: z.array(dnsName).max(SAN_COUNT_MAX),
      lifetimeMs: z.int().min(1).max(INVITATION_LIFETIME_MS_MAX),
    }),
    z.strictObject({ token: z.string().max(JOIN_TOKEN_CHARS_MAX), expiresAt: index }),
    { requestBytesMax: SAN_COUNT_MAX * (DNS_NAME_CHARS_MAX + 8) + ENVELOPE_BYTES, responseBytesMax: JOIN_TOKEN_CHARS_MAX + ENVELOPE_BYTES },
  ),
} as const;

const logMethods = {
  'log.checkpoint': method(READ, z.strictObject({ log }), z.strictObject({ checkpoint: bytesUpTo(CHECKPOINT_BYTES_MAX) }), {
    responseBytesMax: CHECKPOINT_BYTES_MAX + ENVELOPE_BYTES,
  }),
  'log.tile': method(
    READ,
    z.strictObject({ log, path: z.string().max(TILE_PATH_CHARS_MAX) }),
    z.strictObject({ tile: bytesUpTo(TILE_BYTES_MAX) }),
    { responseBytesMax: TILE_BYTES_MAX + ENVELOPE_BYTES },
  ),
  'log.entries': method(
    READ,
    z.strictObject({ log, start: index, end: index }),
    z.strictObject({ entries: z.array(bytesUpTo(ENTRY_BYTES_MAX)).max(LOG_ENTRIES_PER_ANSWER_MAX) }),
    { responseBytesMax: ENTRIES_BYTES_MAX + ENVELOPE_BYTES },
  ),
  'log.add': method({ roles: 'any', kinds: ['bundle'], idempotent: true }, z.strictObject({ entry: bytesUpTo(ENTRY_BYTES_MAX) }), receipt, {
    requestBytesMax: ENTRY_BYTES_MAX + ENVELOPE_BYTES,
    responseBytesMax: RECEIPT_BYTES_MAX,
    deadlineMs: ISSUE_DEADLINE_MS,
  }),
  'log.proof': method(READ, z.strictObject({ log, index }), receipt, { responseBytesMax: RECEIPT_BYTES_MAX }),
  'log.consistency': method(READ, z.strictObject({ log, from: index, to: index }), z.strictObject({ hashes }), {
    responseBytesMax: PROOF_HASHES_MAX * 40 + ENVELOPE_BYTES,
  }),
} as const;

const update = z.strictObject({ update: bytesUpTo(REVOCATION_UPDATE_BYTES_MAX) });
const updateLimits: Limits = { responseBytesMax: REVOCATION_UPDATE_BYTES_MAX + ENVELOPE_BYTES };
const fromIndex = z.strictObject({ from: index });

const revocationMethods = {
  revoke: method(
    { ...RECOVERY, idempotent: true },
    z.strictObject({ serial, reason: z.enum(REASONS), invalidityDate: index.nullable() }),
    receipt,
    { responseBytesMax: RECEIPT_BYTES_MAX, deadlineMs: ISSUE_DEADLINE_MS },
  ),
  status: method(
    READ,
    z.strictObject({ serial }),
    z.strictObject({ serial, state: z.enum(['valid', 'expired', 'revoked']), logIndex: index, nodeId: hash, notAfter: index }),
    { responseBytesMax: SMALL_BYTES_MAX },
  ),
  'revocation.snapshot': method(FIRST_CONTACT, nothing, update, updateLimits),
  'revocation.delta': method(RECOVERY, fromIndex, update, updateLimits),
  'revocation.watch': { ...method(RECOVERY, fromIndex, update, { ...updateLimits, deadlineMs: WATCH_DEADLINE_MS }), kind: 'server-stream' },
} as const;

const nameMethods = {
  'names.resolve': method(
    READ,
    z.strictObject({ name: dnsName, type: recordType }),
    z.strictObject({ answer: bytesUpTo(SIGNED_ANSWER_BYTES_MAX) }),
    { responseBytesMax: SIGNED_ANSWER_BYTES_MAX + ENVELOPE_BYTES },
  ),
  'names.publish': method(
    { roles: ['node', 'service', 'validator', 'operator'], kinds: MEMBERS, idempotent: true },
    z.strictObject({
      name: dnsName,
      type: recordType,
      ttlSeconds: z.int().min(0).max(TTL_SECONDS_MAX),
      records: z.array(z.string().max(RECORD_CHARS_MAX)).max(RECORD_COUNT_MAX),
      version: index,
    }),
    z.strictObject({ version: index }),
    { requestBytesMax: RECORD_COUNT_MAX * (RECORD_CHARS_MAX + 8) + ENVELOPE_BYTES, responseBytesMax: SMALL_BYTES_MAX },
  ),
} as const;

/** Served by trustchaind. */
export const trustchainContract: Contract<TrustchainMethods> = defineContract({
  name: 'trustchain',
  version: 1,
  methods: { ...enrolmentMethods, ...logMethods, ...revocationMethods, ...nameMethods } as TrustchainMethods,
});
