import { type Clock, type Crypto, equalBytes, type PeerIdentity } from '@hypermesh/stoq';
import type { Issuer } from '../ca/issuer.ts';
import { type CertificateRequest, parseRequest } from '../certificate/request.ts';
import { RENEW_EXPIRED_MS_MAX } from '../constants.ts';
import { trustError } from '../errors.ts';
import { assertApproved, type IssuancePolicy } from '../policy/policy.ts';
import type { IssuanceKind } from '../policy/question.ts';
import type { RevocationView } from '../revocation/revocation.ts';
import type { Register, RegisteredCertificate } from '../service/register.ts';
import type { Challenges, IssuedChallenge } from './challenges.ts';
import type { Invitations } from './invitations.ts';
import { tokenHashOf } from './join-token.ts';
import { assertGranted, type Grant, type NameHolder } from './name-policy.ts';
import { type PossessionProof, verifyPossession } from './possession.ts';

export interface EnrolmentComponents {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly meshId: Uint8Array;
  /** Zone of the DNS names, without dots around it. */
  readonly zone: string;
  readonly issuer: Issuer;
  readonly invitations: Invitations;
  readonly challenges: Challenges;
  readonly register: Register;
  /** The policy of the present phase. */
  readonly policy: () => IssuancePolicy;
  readonly revocations: Pick<RevocationView, 'find'>;
  readonly holderOf: NameHolder;
}

export interface Submission {
  readonly challenge: Uint8Array;
  /** PKCS#10 DER. */
  readonly request: Uint8Array;
  readonly proof: PossessionProof;
}

/** The certificate authority's rules: who gets which certificate, and in which order it becomes durable. */
export interface Enrolment {
  challenge(request: Uint8Array, caller: PeerIdentity): IssuedChallenge;
  /** The bundle of the new identity. Throws the code of the first rule that the submission breaks. */
  enrol(submission: Submission, secret: Uint8Array, caller: PeerIdentity, options: { signal: AbortSignal }): Promise<Uint8Array>;
  /** The next bundle of an identity that has one, for the roles and names that it has or fewer. */
  renew(submission: Submission, caller: PeerIdentity, options: { signal: AbortSignal }): Promise<Uint8Array>;
}

export function createEnrolment(components: EnrolmentComponents): Enrolment {
  const { challenges, invitations, meshId, register } = components;
  // Two submissions of one request, e.g. a retry after a lost connection, are one issuance.
  const underWay = new Map<string, Promise<Uint8Array>>();

  const once = (request: CertificateRequest, issue: () => Promise<Uint8Array>): Promise<Uint8Array> => {
    const key = Buffer.from(request.digest).toString('hex');
    const known = underWay.get(key);
    if (known !== undefined) return known;
    const issuing = issue().finally(() => underWay.delete(key));
    underWay.set(key, issuing);
    return issuing;
  };

  const accept = (submission: Submission, tokenHash: Uint8Array | null): CertificateRequest => {
    const request = requestOf(submission.request, meshId);
    const { challenge } = submission;
    const secret = challenges.take(challenge, request.digest);
    const statement = { meshId, challenge, requestDigest: request.digest, tokenHash };
    verifyPossession(statement, submission.proof, request, secret, components.crypto);
    return request;
  };

  return {
    challenge(der, caller) {
      const request = requestOf(der, meshId);
      assertCaller(request, caller);
      return challenges.issue(request.digest, request.identity.kemKey);
    },

    async enrol(submission, secret, caller, options) {
      const tokenHash = tokenHashOf(meshId, secret);
      const request = accept(submission, tokenHash);
      assertCaller(request, caller);
      const invitation = await invitations.find(tokenHash, request.digest);
      await assertUncompromised(request, components);
      return once(request, async () => {
        await judge(components, { request, grant: invitation, kind: 'enrol', tokenHash }, options);
        await invitations.spend(tokenHash, request.digest);
        return issueAndIndex(components, request, options);
      });
    },

    async renew(submission, caller, options) {
      const request = accept(submission, null);
      assertCaller(request, caller);
      const current = await register.byNode(request.identity.nodeId);
      assertRenewable(current, components);
      return once(request, async () => {
        await judge(components, { request, grant: current, kind: 'renew', tokenHash: null }, options);
        return issueAndIndex(components, request, options);
      });
    },
  };
}

interface Case {
  readonly request: CertificateRequest;
  readonly grant: Grant;
  readonly kind: IssuanceKind;
  readonly tokenHash: Uint8Array | null;
}

async function judge(
  components: EnrolmentComponents,
  { request, grant, kind, tokenHash }: Case,
  options: { signal: AbortSignal },
): Promise<void> {
  const { clock, holderOf, meshId, policy, zone } = components;
  await assertGranted(request, grant, zone, holderOf);
  const verdict = await policy().decide(
    {
      meshId,
      kind,
      requestHash: request.digest,
      nodeId: request.identity.nodeId,
      roles: request.identity.roles,
      names: request.alternativeNames.names,
      tokenHash,
      askedAt: clock.now(),
    },
    options,
  );
  assertApproved(verdict);
}

async function issueAndIndex(
  components: EnrolmentComponents,
  request: CertificateRequest,
  options: { signal: AbortSignal },
): Promise<Uint8Array> {
  const bundle = await components.issuer.issue(request, options);
  await components.register.follow();
  return bundle;
}

function requestOf(der: Uint8Array, meshId: Uint8Array): CertificateRequest {
  const request = parseRequest(der);
  if (Buffer.compare(request.identity.meshId, meshId) !== 0) throw trustError('trustchain.mesh_mismatch');
  return request;
}

/**
 * The session is the requester's own: nobody enrols or renews for somebody else. Both legs stay the same, because
 * rotating an identity key takes an ordered statement.
 */
function assertCaller(request: CertificateRequest, caller: PeerIdentity): void {
  const { classical, postQuantum } = caller.key;
  if (!equalBytes(request.key.classical.bytes, classical.bytes) || !equalBytes(request.key.postQuantum.bytes, postQuantum.bytes)) {
    throw trustError('trustchain.possession_failed', { key: 'session' });
  }
}

/** An invitation does not make a key trustworthy that was reported as compromised. */
async function assertUncompromised(request: CertificateRequest, { register, revocations }: EnrolmentComponents): Promise<void> {
  const last = await register.byNode(request.identity.nodeId);
  const revocation = last === null ? null : revocations.find(last.serial);
  if (revocation?.reason === 'key-compromise') throw trustError('trustchain.certificate_revoked', { serial: revocation.serial });
}

function assertRenewable(
  current: RegisteredCertificate | null,
  { clock, revocations }: EnrolmentComponents,
): asserts current is RegisteredCertificate {
  if (current === null) throw trustError('trustchain.enrolment_refused', { reason: 'nothing to renew' });
  if (revocations.find(current.serial) !== null) throw trustError('trustchain.certificate_revoked', { serial: current.serial });
  if (current.notAfter + RENEW_EXPIRED_MS_MAX < clock.now()) {
    throw trustError('trustchain.certificate_expired', { notAfter: current.notAfter, renewableMs: RENEW_EXPIRED_MS_MAX });
  }
}
