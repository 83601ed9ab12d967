import { strict as assert } from 'node:assert';
import { equalBytes } from '../crypto/bytes.ts';
import { hmacSha512, labelled } from '../crypto/hashes.ts';
import { hybridSignatureCodec } from '../crypto/key-codecs.ts';
import type { Crypto, HybridSignature } from '../crypto/keys.ts';
import { stoqError } from '../errors.ts';
import type { IdentityKind, IdentityVerifier, LocalIdentity, PeerIdentity } from './identity.ts';
import type { HandshakeSecrets } from './key-schedule.ts';
import {
  decodeMessage,
  encodeMessage,
  IDENTITY_BYTES_MAX,
  identityCodec,
  type IdentityMessage,
  MESSAGE,
  type ProofMessage,
  proofCodec,
} from './messages.ts';
import type { Transcript } from './transcript.ts';

export type SessionRole = 'client' | 'server';

const SIGNATURE_LABEL = 'stoq/handshake-proof/1';

/**
 * Body of a side's proof: its identity, both signatures over role and transcript up to the identity, and the MAC over
 * all of it. Adds them to the transcript.
 */
export async function makeProof(
  role: SessionRole,
  identity: LocalIdentity,
  transcript: Transcript,
  secrets: HandshakeSecrets,
): Promise<Uint8Array> {
  const signer = identity.signer();
  const message: IdentityMessage = { kind: identity.kind, bundle: identity.bundle() };
  assert(message.bundle.length <= IDENTITY_BYTES_MAX, 'an identity above the limit of the handshake');
  transcript.add(MESSAGE.identity, encodeMessage(identityCodec, message));
  const signature = await signer.sign(signedInput(role, transcript));
  return encodeMessage(proofCodec, { identity: message, signature, finished: closeProof(role, signature, transcript, secrets) });
}

export interface ProofCheck {
  readonly crypto: Crypto;
  readonly verifier: IdentityVerifier;
  /** The only kind that is accepted, where there is one. */
  readonly expect?: IdentityKind | undefined;
  /** The only id that is accepted, where there is one. */
  readonly expectId?: Uint8Array | undefined;
}

/** The identity that the peer has proven. Throws `stoq.handshake_*`, `stoq.identity_refused` or the verifier's error. */
export async function checkProof(
  role: SessionRole,
  body: Uint8Array,
  transcript: Transcript,
  secrets: HandshakeSecrets,
  check: ProofCheck,
): Promise<PeerIdentity> {
  const proof: ProofMessage = decodeMessage(proofCodec, body);
  const { kind, bundle } = proof.identity;
  transcript.add(MESSAGE.identity, encodeMessage(identityCodec, proof.identity));
  const signed = signedInput(role, transcript);
  // The MAC first: it costs least, and only who took part in the key exchange can make it.
  if (!equalBytes(closeProof(role, proof.signature, transcript, secrets), proof.finished)) {
    throw stoqError('stoq.handshake_forged', { reason: 'finished' });
  }
  if (check.expect !== undefined && kind !== check.expect) throw stoqError('stoq.identity_refused', { kind, expected: check.expect });
  const peer = await check.verifier.verify({ kind, bundle, role });
  if (!check.crypto.verifyHybrid(peer.key, signed, proof.signature)) throw stoqError('stoq.handshake_forged', { reason: 'signature' });
  if (peer.kind !== kind) throw stoqError('stoq.identity_refused', { kind: peer.kind, claimed: kind });
  if (check.expectId !== undefined && !equalBytes(check.expectId, peer.id)) throw stoqError('stoq.identity_refused', { reason: 'id' });
  return peer;
}

function signedInput(role: SessionRole, transcript: Transcript): Uint8Array {
  const hash = transcript.digest();
  const input = new Uint8Array(1 + hash.length);
  input[0] = role === 'client' ? 0 : 1;
  input.set(hash, 1);
  return labelled(SIGNATURE_LABEL, input);
}

/** Adds signature and MAC to the transcript; answers the MAC, which covers everything before it. */
function closeProof(role: SessionRole, signature: HybridSignature, transcript: Transcript, secrets: HandshakeSecrets): Uint8Array {
  transcript.add(MESSAGE.signature, encodeMessage(hybridSignatureCodec, signature));
  const finished = hmacSha512(role === 'client' ? secrets.clientFinished : secrets.serverFinished, transcript.digest());
  transcript.add(MESSAGE.finished, finished);
  return finished;
}
