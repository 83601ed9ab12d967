import { bytes, type Codec, encode, mapped, optional, struct, uint } from '@hypermesh/stoq';
import { CLOCK_SKEW_MS_MAX, SERIAL_BYTES } from '../constants.ts';
import { decodeAs } from '../decoding.ts';
import { trustError } from '../errors.ts';

/** CRLReason of RFC 5280, 5.3.1, as far as this profile knows them. */
export type RevocationReason =
  | 'unspecified'
  | 'key-compromise'
  | 'ca-compromise'
  | 'affiliation-changed'
  | 'superseded'
  | 'cessation-of-operation'
  | 'privilege-withdrawn';

/** One entry of the revocation log. */
export interface Revocation {
  /** Lower-case hex of the 20 octets, as in `Certificate.serial`. */
  readonly serial: string;
  readonly reason: RevocationReason;
  /** Milliseconds since the epoch from which the key is held to be compromised; null if not known. */
  readonly invalidityDate: number | null;
  /** When it was revoked. */
  readonly time: number;
  /** Node id of whoever revoked it. */
  readonly revoker: Uint8Array;
}

/** What a verifier knows about revocations. */
export interface RevocationView {
  /** The first revocation of that serial, or null. */
  find(serial: string): Revocation | null;
  /** Milliseconds since the epoch until which the view may be relied on; null if there is none yet. */
  nextUpdate(): number | null;
}

const NODE_ID_BYTES = 32;
// Serial, revoker and two times take 78 bytes.
export const REVOCATION_BYTES_MAX: number = 128;
/** Numbers of RFC 5280. */
export const REASON_CODES: Readonly<Record<RevocationReason, number>> = {
  unspecified: 0,
  'key-compromise': 1,
  'ca-compromise': 2,
  'affiliation-changed': 3,
  superseded: 4,
  'cessation-of-operation': 5,
  'privilege-withdrawn': 9,
};

const REASONS = Object.keys(REASON_CODES) as RevocationReason[];
const REASON_CODE_MAX = 10;

const serialCodec: Codec<string> = mapped(
  bytes(SERIAL_BYTES),
  (octets) => Buffer.from(octets).toString('hex'),
  (serial) => Uint8Array.from(Buffer.from(serial, 'hex')),
);

const reasonCodec: Codec<RevocationReason> = mapped(
  uint(REASON_CODE_MAX),
  (code) => reasonOf(code),
  (reason) => REASON_CODES[reason],
);

const revocationCodec: Codec<Revocation> = struct({
  serial: serialCodec,
  reason: reasonCodec,
  invalidityDate: optional(uint()),
  time: uint(),
  revoker: bytes(NODE_ID_BYTES),
});

/** The reason of that number. Throws `trustchain.revocation_malformed`. */
export function reasonOf(code: number): RevocationReason {
  const reason = REASONS.find((word) => REASON_CODES[word] === code);
  if (reason === undefined) throw trustError('trustchain.revocation_malformed', { reasonCode: code });
  return reason;
}

export function encodeRevocation(revocation: Revocation): Uint8Array {
  return encode(revocationCodec, revocation);
}

/** Throws `trustchain.revocation_malformed`. */
export function decodeRevocation(encoded: Uint8Array): Revocation {
  return decodeAs(revocationCodec, encoded, REVOCATION_BYTES_MAX, 'trustchain.revocation_malformed');
}

/** Whether a signature made at `at` is void: revoked by then, or made with a key that was compromised by then. */
export function voids(revocation: Revocation, at: number): boolean {
  if (revocation.time <= at + CLOCK_SKEW_MS_MAX) return true;
  return revocation.reason === 'key-compromise' && revocation.invalidityDate !== null && revocation.invalidityDate <= at;
}
