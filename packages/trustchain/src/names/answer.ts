import {
  bytes,
  bytesUpTo,
  type Codec,
  type Crypto,
  decode,
  encode,
  hasCode,
  type HybridPublicKey,
  type HybridSignature,
  hybridSignatureCodec,
  type HybridSigner,
  labelled,
  list,
  struct,
  uint,
  union,
} from '@hypermesh/stoq';
import { CLOCK_SKEW_MS_MAX } from '../constants.ts';
import { trustError } from '../errors.ts';
import {
  assertRecords,
  nameCodec,
  type RecordSet,
  recordSetCodec,
  type RecordType,
  RECORD_TYPES,
  recordTypeCodec,
  TTL_SECONDS_MAX,
} from './record.ts';

/** That nothing exists between two names, nor at the first one but the types listed (as NSEC, RFC 4034, section 4). */
export interface Denial {
  /** An existing name; empty for the beginning of the zone. */
  readonly from: string;
  /** The next existing name; empty for the end of the zone. */
  readonly to: string;
  /** Types that exist at `from`. */
  readonly types: readonly RecordType[];
  readonly ttlSeconds: number;
}

export interface VerifiedAnswer {
  readonly answer: Answer;
  /** Milliseconds since the epoch: the end of the signature or of the time to live, whichever is first. */
  readonly expiresAt: number;
}

export type Answer = ({ readonly kind: 'records' } & RecordSet) | ({ readonly kind: 'denial' } & Denial);

export interface Question {
  readonly name: string;
  readonly type: RecordType;
}

/** Whose answers hold, and where. */
export interface ZoneTrust {
  readonly meshId: Uint8Array;
  readonly zone: string;
  /** The session pair of trustchaind. */
  readonly key: HybridPublicKey;
}

const LABEL = 'hypermesh/name-answer/1';
// A withdrawn record dies with its signature, however long somebody replays it.
export const ANSWER_LIFETIME_MS: number = 3_600_000;
// Two names of 253 characters, 32 records of 255, ids and times.
const BODY_BYTES_MAX = 12 * 1024;
export const SIGNED_ANSWER_BYTES_MAX: number = BODY_BYTES_MAX + 2 * 1024;

interface AnswerBody {
  readonly meshId: Uint8Array;
  readonly zone: string;
  /** Milliseconds since the epoch. */
  readonly signedAt: number;
  readonly answer: Answer;
}

const answerCodec: Codec<Answer> = union({
  records: recordSetCodec,
  denial: struct({ from: nameCodec, to: nameCodec, types: list(recordTypeCodec, RECORD_TYPES.length), ttlSeconds: uint(TTL_SECONDS_MAX) }),
}) as Codec<Answer>;
const bodyCodec: Codec<AnswerBody> = struct({ meshId: bytes(32), zone: nameCodec, signedAt: uint(), answer: answerCodec });
const signedCodec: Codec<{ readonly body: Uint8Array; readonly signature: HybridSignature }> = struct({
  body: bytesUpTo(BODY_BYTES_MAX),
  signature: hybridSignatureCodec,
});

/** Signs with both legs; good for `ANSWER_LIFETIME_MS`. */
export async function signAnswer(answer: Answer, trust: Omit<ZoneTrust, 'key'>, signer: HybridSigner, now: number): Promise<Uint8Array> {
  const body = encode(bodyCodec, { meshId: trust.meshId, zone: trust.zone, signedAt: now, answer });
  return encode(signedCodec, { body, signature: await signer.sign(labelled(LABEL, body)) });
}

/**
 * What a signed answer says about the question: it must be signed by the zone, current, and about that name and type.
 * Throws `trustchain.zone_invalid`.
 */
export function verifyAnswer(encoded: Uint8Array, question: Question, trust: ZoneTrust, now: number, crypto: Crypto): VerifiedAnswer {
  const { body, signature } = strictly(() => decode(signedCodec, encoded, SIGNED_ANSWER_BYTES_MAX));
  if (!crypto.verifyHybrid(trust.key, labelled(LABEL, body), signature)) refuse('signature');
  const { meshId, zone, signedAt, answer } = strictly(() => decode(bodyCodec, body, BODY_BYTES_MAX));
  if (Buffer.compare(meshId, trust.meshId) !== 0 || zone !== trust.zone) refuse('zone');
  if (signedAt > now + CLOCK_SKEW_MS_MAX) refuse('not yet valid');
  if (signedAt + ANSWER_LIFETIME_MS <= now) refuse('expired');
  if (!isAbout(answer, question)) refuse('another question');
  if (answer.kind === 'records') assertRecords(answer);
  return { answer, expiresAt: Math.min(signedAt + ANSWER_LIFETIME_MS, now + answer.ttlSeconds * 1000) };
}

/** Whether the answer settles the question. Names are compared as text: the order of the zone. */
export function isAbout(answer: Answer, { name, type }: Question): boolean {
  if (answer.kind === 'records') return answer.name === name && answer.type === type;
  if (answer.from === name) return !answer.types.includes(type);
  return answer.from < name && (answer.to === '' || name < answer.to);
}

function strictly<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!['stoq.codec_malformed', 'stoq.codec_limit', 'stoq.key_malformed'].some((code) => hasCode(cause, code))) throw cause;
    throw trustError('trustchain.zone_invalid', { reason: 'malformed' }, { cause });
  }
}

function refuse(reason: string): never {
  throw trustError('trustchain.zone_invalid', { reason });
}
