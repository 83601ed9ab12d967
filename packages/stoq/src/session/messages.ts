import { type Codec, decode, encode } from '../codec/codec.ts';
import { bool, bytes, bytesUpTo, list, oneOf, struct, text, uint } from '../codec/combinators.ts';
import { hybridSignatureCodec } from '../crypto/key-codecs.ts';
import { ML_KEM_1024_CIPHERTEXT_BYTES } from '../crypto/kem.ts';
import { ALGORITHMS } from '../crypto/algorithms.ts';
import type { HybridSignature } from '../crypto/keys.ts';
import { stoqError } from '../errors.ts';
import type { IdentityKind } from './identity.ts';
import { type Parameter, parametersCodec } from './parameters.ts';

/** Types of handshake messages; those up to `alert` travel, the others exist in the transcript only. */
export const MESSAGE = {
  clientHello: 1,
  serverHello: 2,
  serverProof: 3,
  clientProof: 4,
  accept: 5,
  alert: 6,
  binding: 0x80,
  identity: 0x81,
  signature: 0x82,
  finished: 0x83,
} as const;

export type TravellingMessage = 'clientHello' | 'serverHello' | 'serverProof' | 'clientProof' | 'accept' | 'alert';

export const STOQ_VERSION = 1;
/** X25519 + ML-KEM-1024, HKDF-SHA-512, AES-256-GCM, Ed25519 + FALCON-1024. The floor: nothing weaker has an id. */
export const SUITE_HYBRID_1 = 1;
export const RANDOM_BYTES = 32;
export const FINISHED_BYTES = 64;
// A leaf, intermediates, a log proof, cosignatures of every validator and years of key rotations; most have 20 KiB.
export const IDENTITY_BYTES_MAX: number = 768 * 1024;
const TAG_BYTES = 16;

/** Bytes of a message's body as it travels; checked before a body is read. */
export const MESSAGE_BYTES_MAX: Readonly<Record<TravellingMessage, number>> = {
  // ML-KEM key 1568, two hashes' worth of randomness, 32 parameters at most.
  clientHello: 16 * 1024,
  serverHello: 16 * 1024,
  serverProof: IDENTITY_BYTES_MAX + 4 * 1024,
  clientProof: IDENTITY_BYTES_MAX + 4 * 1024,
  accept: 1 + TAG_BYTES,
  alert: 128 + TAG_BYTES,
};

export interface ClientHello {
  readonly versions: readonly number[];
  readonly suites: readonly number[];
  readonly parameters: readonly Parameter[];
  readonly random: Uint8Array;
  readonly x25519: Uint8Array;
  readonly kem: Uint8Array;
}

export interface ServerHello {
  readonly version: number;
  readonly suite: number;
  readonly parameters: readonly Parameter[];
  readonly random: Uint8Array;
  readonly x25519: Uint8Array;
  readonly ciphertext: Uint8Array;
}

export interface IdentityMessage {
  readonly kind: IdentityKind;
  readonly bundle: Uint8Array;
}

export interface ProofMessage {
  readonly identity: IdentityMessage;
  readonly signature: HybridSignature;
  readonly finished: Uint8Array;
}

export interface AlertMessage {
  readonly code: string;
  readonly retryable: boolean;
}

const NUMBER_MAX = 0xffff;
const OFFERS_MAX = 16;
const CODE_CHARS_MAX = 64;

export const clientHelloCodec: Codec<ClientHello> = struct({
  versions: list(uint(NUMBER_MAX), OFFERS_MAX),
  suites: list(uint(NUMBER_MAX), OFFERS_MAX),
  parameters: parametersCodec,
  random: bytes(RANDOM_BYTES),
  x25519: bytes(ALGORITHMS.x25519.publicKeyBytes),
  kem: bytes(ALGORITHMS['ml-kem-1024'].publicKeyBytes),
});

export const serverHelloCodec: Codec<ServerHello> = struct({
  version: uint(NUMBER_MAX),
  suite: uint(NUMBER_MAX),
  parameters: parametersCodec,
  random: bytes(RANDOM_BYTES),
  x25519: bytes(ALGORITHMS.x25519.publicKeyBytes),
  ciphertext: bytes(ML_KEM_1024_CIPHERTEXT_BYTES),
});

export const identityCodec: Codec<IdentityMessage> = struct({
  kind: oneOf('bundle', 'set-entry', 'raw-key', 'pinned'),
  bundle: bytesUpTo(IDENTITY_BYTES_MAX),
});

export const proofCodec: Codec<ProofMessage> = struct({
  identity: identityCodec,
  signature: hybridSignatureCodec,
  finished: bytes(FINISHED_BYTES),
});

export const alertCodec: Codec<AlertMessage> = struct({ code: text(CODE_CHARS_MAX), retryable: bool });

/** A message's body, or `stoq.handshake_malformed` whatever is wrong with it. */
export function decodeMessage<T>(codec: Codec<T>, body: Uint8Array): T {
  try {
    return decode(codec, body);
  } catch (cause) {
    throw stoqError('stoq.handshake_malformed', {}, { cause });
  }
}

export { encode as encodeMessage };
