import {
  bytes,
  type Codec,
  type Crypto,
  decode,
  encode,
  hasCode,
  labelled,
  list,
  oneOf,
  optional,
  type PublicKey,
  type Role,
  type Signer,
  struct,
  text,
  uint,
} from '@hypermesh/stoq';
import { DNS_NAME_CHARS_MAX, ROLE_COUNT_MAX, SAN_COUNT_MAX } from '../constants.ts';
import { trustError } from '../errors.ts';

/** What the certificate authority asks before it signs or revokes. */
export interface IssuanceQuestion {
  readonly meshId: Uint8Array;
  readonly kind: IssuanceKind;
  /** `CertificateRequest.digest`; for a revocation the hash of the serial. */
  readonly requestHash: Uint8Array;
  /** Whose certificate it is. */
  readonly nodeId: Uint8Array;
  /** Node id of whoever asks: the same, or the operator that wants the certificate revoked. */
  readonly requester: Uint8Array;
  readonly roles: readonly Role[];
  /** DNS names and IPv6 addresses that the certificate will carry. */
  readonly names: readonly string[];
  /** Hash of the join token; null for a renewal or revocation. */
  readonly tokenHash: Uint8Array | null;
  /** Milliseconds since the epoch: old approvals must not serve new requests. */
  readonly askedAt: number;
}

export type IssuanceKind = 'enrol' | 'renew' | 'revoke';

export interface IssuanceVerdict {
  readonly decision: IssuanceDecision;
  /** Why, as a code: `ok`, or what stands against it. */
  readonly code: string;
}

export type IssuanceDecision = 'approved' | 'refused' | 'pending';

/** A verdict under the ML-DSA-44 witness key of one validator. */
export interface SignedVerdict extends IssuanceVerdict {
  readonly signature: Uint8Array;
}

const LABEL = 'hypermesh/issuance-verdict/1';
const ID_BYTES = 32;
// Codes are words such as `member_unknown`.
export const VERDICT_CODE_CHARS_MAX: number = 64;
// 100 names of 253 characters and the fixed fields.
export const QUESTION_BYTES_MAX: number = 32 * 1024;

export const ROLES: readonly Role[] = ['node', 'operator', 'owner', 'service', 'validator', 'viewer'];
export const rolesCodec: Codec<readonly Role[]> = list(oneOf(...ROLES), ROLE_COUNT_MAX);
export const namesCodec: Codec<readonly string[]> = list(text(DNS_NAME_CHARS_MAX), SAN_COUNT_MAX);

const questionCodec: Codec<IssuanceQuestion> = struct({
  meshId: bytes(ID_BYTES),
  kind: oneOf('enrol', 'renew', 'revoke'),
  requestHash: bytes(ID_BYTES),
  nodeId: bytes(ID_BYTES),
  requester: bytes(ID_BYTES),
  roles: rolesCodec,
  names: namesCodec,
  tokenHash: optional(bytes(ID_BYTES)),
  askedAt: uint(),
});

const statementCodec = struct({
  question: questionCodec,
  decision: oneOf('approved', 'refused', 'pending'),
  code: text(VERDICT_CODE_CHARS_MAX),
});

export function encodeQuestion(question: IssuanceQuestion): Uint8Array {
  return encode(questionCodec, question);
}

/** Throws `trustchain.question_malformed`. */
export function decodeQuestion(encoded: Uint8Array): IssuanceQuestion {
  try {
    return decode(questionCodec, encoded, QUESTION_BYTES_MAX);
  } catch (cause) {
    if (!hasCode(cause, 'stoq.codec_malformed') && !hasCode(cause, 'stoq.codec_limit')) throw cause;
    throw trustError('trustchain.question_malformed', { reason: cause.message }, { cause });
  }
}

/** Signs what a validator decided; the signature binds question, decision and code. */
export async function signVerdict(
  question: IssuanceQuestion,
  verdict: IssuanceVerdict,
  signer: Signer<'ml-dsa-44'>,
): Promise<SignedVerdict> {
  const { decision, code } = verdict;
  const { bytes: signature } = await signer.sign(messageOf(question, verdict));
  return { decision, code, signature };
}

export function verifyVerdict(question: IssuanceQuestion, verdict: SignedVerdict, key: PublicKey<'ml-dsa-44'>, crypto: Crypto): boolean {
  return crypto.verify(key, messageOf(question, verdict), { algorithm: 'ml-dsa-44', bytes: verdict.signature });
}

function messageOf(question: IssuanceQuestion, { decision, code }: IssuanceVerdict): Uint8Array {
  return labelled(LABEL, encode(statementCodec, { question, decision, code }));
}
