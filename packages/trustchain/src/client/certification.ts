import type { HybridSignature, Role } from '@hypermesh/stoq';
import { createRequest, parseRequest } from '../certificate/request.ts';
import { type JoinToken, tokenHashOf } from '../enrolment/join-token.ts';
import { provePossession } from '../enrolment/possession.ts';
import type { MemberKeys } from './member-keys.ts';
import type { TrustClient } from './trust-client.ts';

/** What the certificate is to say. */
export interface CertificationRequest {
  readonly meshId: Uint8Array;
  readonly keys: MemberKeys;
  readonly roles: readonly Role[];
  readonly names: readonly string[];
}

/**
 * Enrols by a join token: the session is of kind `raw-key` (or `set-entry`) with the same keys. Answers an encoded bundle
 * that is not verified yet. Repeating it after a failure is safe: the same keys make the same request.
 */
export async function enrol(
  client: Pick<TrustClient, 'enroll.challenge' | 'enroll.submit'>,
  request: Omit<CertificationRequest, 'roles' | 'names'>,
  token: JoinToken,
  options: { readonly signal: AbortSignal },
): Promise<Uint8Array> {
  const { secret, roles, names } = token;
  const submission = await prepare(client, { ...request, roles, names }, secret, options);
  const { bundle } = await client['enroll.submit']({ ...submission, secret }, options);
  return bundle;
}

/** Renews in a session of the present identity, which may have expired up to 30 days ago. */
export async function renew(
  client: Pick<TrustClient, 'enroll.challenge' | 'renew'>,
  request: CertificationRequest,
  options: { readonly signal: AbortSignal },
): Promise<Uint8Array> {
  const { bundle } = await client.renew(await prepare(client, request, null, options), options);
  return bundle;
}

interface Submission {
  readonly challenge: Uint8Array;
  readonly request: Uint8Array;
  readonly proof: { readonly signature: HybridSignature; readonly kemProof: Uint8Array };
}

async function prepare(
  client: Pick<TrustClient, 'enroll.challenge'>,
  { meshId, keys, roles, names }: CertificationRequest,
  secret: Uint8Array | null,
  options: { readonly signal: AbortSignal },
): Promise<Submission> {
  const request = await createRequest(keys.pair, { meshId, kemKey: keys.kem.publicKey, roles, names });
  const { challenge, ciphertext } = await client['enroll.challenge']({ request, secret }, options);
  const tokenHash = secret === null ? null : tokenHashOf(meshId, secret);
  const statement = { meshId, challenge, requestDigest: parseRequest(request).digest, tokenHash };
  const proof = await provePossession(statement, ciphertext, { signer: keys.signer, kem: keys.kem.secretKey });
  return { challenge, request, proof };
}
