import { bytes, type Codec, decode, encode, equalBytes, hashLabelled, hasCode, list, type Role, struct, text, uint } from '@hypermesh/stoq';
import { trustError } from '../errors.ts';
import { namesCodec, rolesCodec } from '../policy/question.ts';

/** What a newcomer needs to reach a mesh, to recognise it, and to be admitted once. */
export interface JoinToken {
  readonly meshId: Uint8Array;
  /** SHA-256 of the root certificate. */
  readonly rootFingerprint: Uint8Array;
  /** `keyClaimId` of the session pair of trustchaind: what the first session checks, before genesis is at hand. */
  readonly serverId: Uint8Array;
  /** `host:port` of trustchaind. */
  readonly addresses: readonly string[];
  /** One-time secret, 32 random bytes. */
  readonly secret: Uint8Array;
  /** What the newcomer is invited to ask for; the invitation that trustchaind holds decides. */
  readonly roles: readonly Role[];
  readonly names: readonly string[];
}

export const JOIN_SECRET_BYTES: number = 32;
const PREFIX = 'join1.';
const VERSION = 1;
const ID_BYTES = 32;
const CHECKSUM_BYTES = 4;
// Carriers times address families, with room; as in genesis.
const ADDRESS_COUNT_MAX = 8;
const ADDRESS_CHARS_MAX = 128;
// Four ids, eight addresses and 100 names of 253 characters, in base64url.
export const JOIN_TOKEN_CHARS_MAX: number = 40 * 1024;

const tokenCodec: Codec<JoinToken & { readonly version: number }> = struct({
  version: uint(VERSION),
  meshId: bytes(ID_BYTES),
  rootFingerprint: bytes(ID_BYTES),
  serverId: bytes(ID_BYTES),
  addresses: list(text(ADDRESS_CHARS_MAX), ADDRESS_COUNT_MAX),
  secret: bytes(JOIN_SECRET_BYTES),
  roles: rolesCodec,
  names: namesCodec,
});

/** One line of text that a person can paste; a checksum catches what was cut off. */
export function formatJoinToken(token: JoinToken): string {
  const body = encode(tokenCodec, { version: VERSION, ...token });
  return PREFIX + Buffer.concat([body, checksumOf(body)]).toString('base64url');
}

/** Throws `trustchain.token_invalid`. The error does not hold the token. */
export function parseJoinToken(line: string): JoinToken {
  const trimmed = line.trim();
  if (!trimmed.startsWith(PREFIX) || trimmed.length > JOIN_TOKEN_CHARS_MAX) refuse('not a join token');
  const packed = Buffer.from(trimmed.slice(PREFIX.length), 'base64url');
  if (PREFIX + packed.toString('base64url') !== trimmed) refuse('not base64url');
  const body = Uint8Array.from(packed.subarray(0, -CHECKSUM_BYTES));
  if (!equalBytes(packed.subarray(-CHECKSUM_BYTES), checksumOf(body))) refuse('checksum');
  try {
    const { version, ...token } = decode(tokenCodec, body);
    if (version !== VERSION) refuse('version');
    return token;
  } catch (cause) {
    if (!hasCode(cause, 'stoq.codec_malformed') && !hasCode(cause, 'stoq.codec_limit')) throw cause;
    return refuse('malformed');
  }
}

/** What is stored and told to validators in place of the secret. */
export function tokenHashOf(meshId: Uint8Array, secret: Uint8Array): Uint8Array {
  return hashLabelled('hypermesh/join-token/1', Buffer.concat([meshId, secret]));
}

function checksumOf(body: Uint8Array): Uint8Array {
  return hashLabelled('hypermesh/join-token-checksum/1', body).subarray(0, CHECKSUM_BYTES);
}

function refuse(reason: string): never {
  throw trustError('trustchain.token_invalid', { reason });
}
