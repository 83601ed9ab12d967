import {
  bytes,
  type Crypto,
  decapsulate,
  encode,
  equalBytes,
  type HybridSignature,
  type HybridSigner,
  keyedHash,
  labelled,
  optional,
  type SecretKey,
  struct,
} from '@hypermesh/stoq';
import type { CertificateRequest } from '../certificate/request.ts';
import { verifyRequestSignature } from '../certificate/request.ts';
import { trustError } from '../errors.ts';

/** What a proof of possession is about: one request, under one challenge, with one token. */
export interface PossessionStatement {
  readonly meshId: Uint8Array;
  readonly challenge: Uint8Array;
  /** `CertificateRequest.digest`. */
  readonly requestDigest: Uint8Array;
  /** Null for a renewal. */
  readonly tokenHash: Uint8Array | null;
}

/** Proof of every key of the request. */
export interface PossessionProof {
  /** By the Ed25519 and FALCON keys over the statement. */
  readonly signature: HybridSignature;
  /** Keyed hash of the statement under the secret that only the ML-KEM key decapsulates. */
  readonly kemProof: Uint8Array;
}

const ID_BYTES = 32;
const statementCodec = struct({
  meshId: bytes(ID_BYTES),
  challenge: bytes(ID_BYTES),
  requestDigest: bytes(ID_BYTES),
  tokenHash: optional(bytes(ID_BYTES)),
});

/** The requester's side. `ciphertext` comes with the challenge. */
export async function provePossession(
  statement: PossessionStatement,
  ciphertext: Uint8Array,
  keys: { readonly signer: HybridSigner; readonly kem: SecretKey<'ml-kem-1024'> },
): Promise<PossessionProof> {
  const secret = decapsulate(keys.kem, ciphertext);
  try {
    return { signature: await keys.signer.sign(signedBytes(statement)), kemProof: keyedHash(secret, kemBytes(statement)) };
  } finally {
    secret.fill(0);
  }
}

/** The authority's side: all three keys and the request's own signature. Throws `trustchain.possession_failed` with the key. */
export function verifyPossession(
  statement: PossessionStatement,
  proof: PossessionProof,
  request: CertificateRequest,
  secret: Uint8Array,
  crypto: Crypto,
): void {
  verifyRequestSignature(request, crypto);
  const message = signedBytes(statement);
  if (!crypto.verify(request.key.classical, message, proof.signature.classical)) refuse('ed25519');
  if (!crypto.verify(request.key.postQuantum, message, proof.signature.postQuantum)) refuse('falcon1024');
  if (!equalBytes(proof.kemProof, keyedHash(secret, kemBytes(statement)))) refuse('ml-kem-1024');
}

function signedBytes(statement: PossessionStatement): Uint8Array {
  return labelled('hypermesh/possession/1', encode(statementCodec, statement));
}

function kemBytes(statement: PossessionStatement): Uint8Array {
  return labelled('hypermesh/possession-kem/1', encode(statementCodec, statement));
}

function refuse(key: string): never {
  throw trustError('trustchain.possession_failed', { key });
}
