import { type Clock, type Crypto, equalBytes, type PeerIdentity } from '@hypermesh/stoq';
import type { Issuer } from '../ca/issuer.ts';
import { type CertificateRequest, parseRequest } from '../certificate/request.ts';
import { RENEW_EXPIRED_MS_MAX } from '../constants.ts';
import { trustError } from '../errors.ts';
import type { Genesis } from '../genesis/genesis.ts';
import { type KeyedTurns, turnOfNode } from '../log/keyed-turns.ts';
import { assertApproved, type IssuancePolicy } from '../policy/policy.ts';
import type { IssuanceKind } from '../policy/question.ts';
import type { RevocationLog } from '../revocation/revocation-log.ts';
import type { Register, RegisteredCertificate } from '../service/register.ts';
import type { Challenges, IssuedChallenge } from './challenges.ts';
import type { Invitations } from './invitations.ts';
import { tokenHashOf } from './join-token.ts';
import { assertGranted, type NameHolder } from './name-policy.ts';
import { type PossessionProof, verifyPossession } from './possession.ts';

// Two serve in ordinary operation; each is one entry of the revocation log when the node is revoked.
export const CURRENT_CERTIFICATES_MAX: number = 1_024;

export interface EnrolmentComponents {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly meshId: Uint8Array;
  /** Zone of the DNS names, without dots around it. */
  readonly zone: string;
  readonly issuer: Issuer;
  readonly invitations: Invitations;
  /** Two pools, so that newcomers do not stand in the way of members. */
  readonly challenges: Readonly<Record<Exclude<IssuanceKind, 'revoke'>, Challenges>>;
  readonly register: Register;
  /** The policy of the present phase. */
  readonly policy: () => IssuancePolicy;
  readonly revocations: Pick<RevocationLog, 'find' | 'ofNode'>;
  readonly holderOf: NameHolder;
  /** Owners of keys that are theirs before any certificate is. */
  readonly validators: Genesis['validators'];
  /** Of the certificates of a node and of a name: one at a time is issued or revoked. */
  readonly turns: KeyedTurns;
}

export interface Submission {
  readonly challenge: Uint8Array;
  /** PKCS#10 DER. */
  readonly request: Uint8Array;
  readonly proof: PossessionProof;
}

/** The certificate authority's rules: who gets which certificate, and in which order it becomes durable. */
export interface Enrolment {
  /** For the holder of a token, or without a secret for a node that has had a certificate: nobody else takes up memory. */
  challenge(request: Uint8Array, secret: Uint8Array | null, caller: PeerIdentity): Promise<IssuedChallenge>;
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
    const key = hex(request.digest);
    const known = underWay.get(key);
    if (known !== undefined) return known;
    const issuing = issue().finally(() => underWay.delete(key));
    underWay.set(key, issuing);
    return issuing;
  };

  const accept = (kind: keyof typeof challenges, submission: Submission, tokenHash: Uint8Array | null): CertificateRequest => {
    const request = requestOf(submission.request, meshId);
    const { challenge } = submission;
    const secret = challenges[kind].take(challenge, request.digest);
    const statement = { meshId, challenge, requestDigest: request.digest, tokenHash };
    verifyPossession(statement, submission.proof, request, secret, components.crypto);
    return request;
  };

  return {
    async challenge(der, secret, caller) {
      const request = requestOf(der, meshId);
      assertCaller(request, caller);
      const { digest, identity } = request;
      if (secret !== null) {
        const tokenHash = tokenHashOf(meshId, secret);
        await invitations.find(tokenHash, digest);
        return challenges.enrol.issue(hex(tokenHash), digest, identity.kemKey);
      }
      if ((await register.byNode(identity.nodeId)) === null) throw nothingToRenew();
      return challenges.renew.issue(hex(identity.nodeId), digest, identity.kemKey);
    },

    async enrol(submission, secret, caller, options) {
      const tokenHash = tokenHashOf(meshId, secret);
      const request = accept('enrol', submission, tokenHash);
      assertCaller(request, caller);
      const invitation = await invitations.find(tokenHash, request.digest);
      const check = async (): Promise<void> => {
        await assertSameKeys(request, components);
        assertUncompromised(request.identity.nodeId, components);
        await assertGranted(request, invitation, components.zone, components.holderOf);
      };
      const spend = (): Promise<void> => invitations.spend(tokenHash, request.digest);
      return once(request, () => certify(components, { request, kind: 'enrol', tokenHash, check, spend }, options));
    },

    async renew(submission, caller, options) {
      const request = accept('renew', submission, null);
      assertCaller(request, caller);
      const check = async (): Promise<void> => {
        await assertSameKeys(request, components);
        const current = await renewable(request.identity.nodeId, components);
        await assertGranted(request, current, components.zone, components.holderOf);
      };
      return once(request, () => certify(components, { request, kind: 'renew', tokenHash: null, check, spend: null }, options));
    },
  };
}

interface Case {
  readonly request: CertificateRequest;
  readonly kind: IssuanceKind;
  readonly tokenHash: Uint8Array | null;
  /** Throws the code of the first rule that stands against the certificate at this moment. */
  readonly check: () => Promise<void>;
  /** Uses up the permission that serves once; null where there is none. */
  readonly spend: (() => Promise<void>) | null;
}

async function certify(
  components: EnrolmentComponents,
  { request, kind, tokenHash, check, spend }: Case,
  options: { signal: AbortSignal },
): Promise<Uint8Array> {
  const { clock, issuer, meshId, policy, register, turns } = components;
  const { nodeId, roles } = request.identity;
  const { names } = request.alternativeNames;
  await check();
  const question = { meshId, kind, requestHash: request.digest, nodeId, requester: nodeId, roles, names, tokenHash, askedAt: clock.now() };
  assertApproved(await policy().decide(question, options));
  return turns.run([turnOfNode(nodeId), ...names.map((name) => `name ${name}`)], async () => {
    // While the validators judged, the node may have been revoked and the name given away.
    await check();
    await assertFewCurrent(nodeId, components);
    await spend?.();
    const bundle = await issuer.issue(request, options);
    await register.follow();
    return bundle;
  });
}

function requestOf(der: Uint8Array, meshId: Uint8Array): CertificateRequest {
  const request = parseRequest(der);
  if (Buffer.compare(request.identity.meshId, meshId) !== 0) throw trustError('trustchain.mesh_mismatch');
  return request;
}

/** The session is the requester's own: nobody enrols or renews for somebody else. */
function assertCaller(request: CertificateRequest, caller: PeerIdentity): void {
  const { classical, postQuantum } = caller.key;
  if (!equalBytes(request.key.classical.bytes, classical.bytes) || !equalBytes(request.key.postQuantum.bytes, postQuantum.bytes)) {
    throw trustError('trustchain.possession_failed', { key: 'session' });
  }
}

/** A node id is the hash of the FALCON key; the Ed25519 key beside it is that of genesis or of the node's earlier certificates. */
async function assertSameKeys({ identity, key }: CertificateRequest, { register, validators }: EnrolmentComponents): Promise<void> {
  const founder = validators.find(({ nodeId }) => equalBytes(nodeId, identity.nodeId));
  const known = founder?.sessionKey.classical.bytes ?? (await register.byNode(identity.nodeId))?.classicalKey;
  if (known !== undefined && !equalBytes(known, key.classical.bytes)) {
    throw trustError('trustchain.unsupported', { feature: 'rotation of an identity key' });
  }
}

/** Neither an invitation nor an older certificate makes a key trustworthy that was reported as compromised. */
function assertUncompromised(nodeId: Uint8Array, { revocations }: EnrolmentComponents): void {
  const found = revocations.ofNode(nodeId).find(({ reason }) => reason === 'key-compromise');
  if (found !== undefined) throw trustError('trustchain.certificate_revoked', { serial: found.serial });
}

/**
 * The newest certificate, unless it, or the node since, was revoked: a revocation that is not `superseded` is about the
 * node, whichever of its certificates it names, and only a later invitation admits the node again.
 */
async function renewable(nodeId: Uint8Array, components: EnrolmentComponents): Promise<RegisteredCertificate> {
  const { clock, register, revocations } = components;
  const current = await register.byNode(nodeId);
  if (current === null) throw nothingToRenew();
  assertUncompromised(nodeId, components);
  const ended = revocations.ofNode(nodeId).find(({ reason, time }) => reason !== 'superseded' && time >= current.notBefore);
  const revocation = revocations.find(current.serial) ?? ended;
  if (revocation !== undefined) throw trustError('trustchain.certificate_revoked', { serial: revocation.serial });
  if (current.notAfter + RENEW_EXPIRED_MS_MAX < clock.now()) {
    throw trustError('trustchain.certificate_expired', { notAfter: current.notAfter, renewableMs: RENEW_EXPIRED_MS_MAX });
  }
  return current;
}

async function assertFewCurrent(nodeId: Uint8Array, { clock, register }: EnrolmentComponents): Promise<void> {
  const now = clock.now();
  const current = await register.currentOf(nodeId, now);
  if (current.length < CURRENT_CERTIFICATES_MAX) return;
  throw trustError('trustchain.rate_limited', { retryAfterMs: Math.min(...current.map(({ notAfter }) => notAfter)) - now + 1 });
}

function nothingToRenew(): Error {
  return trustError('trustchain.enrolment_refused', { reason: 'nothing to renew' });
}

function hex(id: Uint8Array): string {
  return Buffer.from(id).toString('hex');
}
