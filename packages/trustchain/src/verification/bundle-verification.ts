import { type Crypto, equalBytes, type HybridPublicKey, type PublicKey, type Role, sha256 } from '@hypermesh/stoq';
import { assertIntermediate } from '../ca/authority.ts';
import { type Bundle, decodeBundle } from '../certificate/bundle.ts';
import { type Certificate, parseCertificate } from '../certificate/certificate.ts';
import { encodeAuthorityKeyId, keyIdOf, lint, OID } from '../certificate/profile.ts';
import { verifyCertificateSignature } from '../certificate/signature.ts';
import { CLOCK_SKEW_MS_MAX, RENEW_EXPIRED_MS_MAX } from '../constants.ts';
import { trustError } from '../errors.ts';
import { BoundedCache } from '../log/bounded-cache.ts';
import { type RevocationView, voids } from '../revocation/revocation.ts';
import { type CheckpointCache, createCheckpointCache, verifyLogProof } from './checkpoint-verification.ts';
import type { Trust } from './trust.ts';

/** Who a bundle proves its holder to be. */
export interface Identity {
  readonly nodeId: Uint8Array;
  readonly meshId: Uint8Array;
  readonly key: HybridPublicKey;
  readonly kemKey: PublicKey<'ml-kem-1024'>;
  readonly roles: readonly Role[];
  /** DNS names and IPv6 addresses of the certificate. */
  readonly names: readonly string[];
  readonly serial: string;
  /** Serials of the leaf and its issuer: revoking one of them revokes the identity. */
  readonly revocationIds: readonly string[];
  /** Milliseconds since the epoch, both inclusive. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly logIndex: number;
  /** True if the leaf has expired and the holder may only renew it. */
  readonly expired: boolean;
}

export interface BundleVerification {
  /** The time of judgement: now, or the agreed time of the block that ordered a durable signature. */
  readonly at: number;
  readonly trust: Trust;
  readonly revocation: RevocationView;
  readonly crypto: Crypto;
  /** Witness policies of this version and on are accepted; by default the newest alone. 0 accepts bundles of phase 0. */
  readonly policyVersionMin?: number;
  /** Accepts a leaf expired up to 30 days ago, and a stale revocation view, for a session that may only renew. */
  readonly renewal?: boolean;
  readonly cache?: VerificationCache;
}

/** Signatures that have verified once; times and revocations are judged anew each time. */
export interface VerificationCache {
  readonly certificates: BoundedCache<Certificate>;
  readonly checkpoints: CheckpointCache;
}

// Parsed certificates of 20 KiB each; more peers than this verify a little slower.
const CACHED_CERTIFICATES_MAX = 1024;

export function createVerificationCache(): VerificationCache {
  return { certificates: new BoundedCache(CACHED_CERTIFICATES_MAX), checkpoints: createCheckpointCache() };
}

/**
 * Judges a certificate bundle without network. Throws, each for its own reason: `trustchain.bundle_malformed`,
 * `certificate_malformed`, `signature_stripped`, `algorithm_refused`, `profile_violated`, `node_id_mismatch`, `chain_untrusted`,
 * `signature_failed`, `mesh_mismatch`, `certificate_not_yet_valid`, `certificate_expired`, `certificate_unlogged`, `checkpoint_malformed`,
 * `checkpoint_unsigned`, `witness_quorum_missing`, `revocation_stale`, `certificate_revoked`, `unsupported`.
 */
export function verifyBundle(bundle: Bundle | Uint8Array, verification: BundleVerification): Identity {
  const {
    leaf: der,
    intermediates,
    logIndex,
    inclusionProof,
    checkpoint,
    rotations,
  } = bundle instanceof Uint8Array ? decodeBundle(bundle) : bundle;
  if (rotations.length > 0) throw trustError('trustchain.unsupported', { feature: 'key rotation statements' });
  const { trust, at, revocation, renewal = false } = verification;
  const issuer = verifyIssuer(intermediates, verification);
  const leaf = verifyLeaf(der, issuer, verification);
  assertValid(issuer, at, 0);
  assertValid(leaf, at, renewal ? RENEW_EXPIRED_MS_MAX : 0);
  assertLogged(der, { index: logIndex, proof: inclusionProof, checkpoint }, verification);
  assertUnrevoked([leaf, issuer], at, revocation, renewal);
  const { nodeId, kemKey, roles } = leaf.identity;
  return {
    nodeId,
    meshId: trust.meshId,
    key: leaf.key,
    kemKey: kemKey as PublicKey<'ml-kem-1024'>,
    roles,
    names: leaf.alternativeNames?.names ?? [],
    serial: leaf.serial,
    revocationIds: [leaf.serial, issuer.serial],
    notBefore: leaf.notBefore,
    notAfter: leaf.notAfter,
    logIndex,
    expired: at > leaf.notAfter + CLOCK_SKEW_MS_MAX,
  };
}

/** The intermediate under one of the roots. A leaf issued by a root itself has no place in the profiles. */
function verifyIssuer(intermediates: readonly Uint8Array[], { trust, crypto, cache }: BundleVerification): Certificate {
  const [der, ...more] = intermediates;
  if (der === undefined) throw trustError('trustchain.chain_untrusted', { reason: 'no intermediate' });
  if (more.length > 0) throw trustError('trustchain.unsupported', { feature: 'cross-certificates' });
  return remember(cache, 'intermediate', der, () => {
    const intermediate = parseCertificate(der);
    const root = trust.roots.find((candidate) => isIssuer(candidate, intermediate));
    if (root === undefined) throw trustError('trustchain.chain_untrusted', { subject: intermediate.commonName });
    assertIntermediate(intermediate, root, trust.meshId, crypto);
    // Within its root's time, so that judging its own time is enough.
    if (intermediate.notBefore < root.notBefore || intermediate.notAfter > root.notAfter) {
      throw trustError('trustchain.chain_untrusted', { subject: intermediate.commonName, reason: 'outlives its root' });
    }
    return intermediate;
  });
}

function verifyLeaf(der: Uint8Array, issuer: Certificate, { trust, crypto, cache }: BundleVerification): Certificate {
  return remember(cache, issuer.serial, der, () => {
    const leaf = parseCertificate(der);
    if (!isIssuer(issuer, leaf)) throw trustError('trustchain.chain_untrusted', { subject: leaf.commonName });
    lint(leaf, 'leaf', issuer.key);
    verifyCertificateSignature(leaf, issuer.key, crypto);
    if (leaf.identity.meshId === null || !equalBytes(leaf.identity.meshId, trust.meshId)) throw trustError('trustchain.mesh_mismatch');
    return leaf;
  });
}

/** RFC 5280, 6.1.3: the names chain, and the key that the certificate names is the issuer's. */
function isIssuer(issuer: Certificate, certificate: Certificate): boolean {
  const authorityKeyId = certificate.extensions.get(OID.authorityKeyIdentifier)?.value;
  return (
    Buffer.compare(issuer.subject, certificate.issuer) === 0 &&
    authorityKeyId !== undefined &&
    equalBytes(authorityKeyId, encodeAuthorityKeyId(keyIdOf(issuer.key)))
  );
}

function assertValid(certificate: Certificate, at: number, graceMs: number): void {
  const { notBefore, notAfter, commonName: subject, serial } = certificate;
  if (at < notBefore - CLOCK_SKEW_MS_MAX) throw trustError('trustchain.certificate_not_yet_valid', { subject, serial, notBefore });
  if (at > notAfter + CLOCK_SKEW_MS_MAX + graceMs) throw trustError('trustchain.certificate_expired', { subject, serial, notAfter });
}

function assertLogged(
  der: Uint8Array,
  proof: { readonly index: number; readonly proof: readonly Uint8Array[]; readonly checkpoint: Uint8Array },
  { trust, crypto, policyVersionMin, cache }: BundleVerification,
): void {
  const options = {
    trust,
    crypto,
    ...(policyVersionMin === undefined ? {} : { policyVersionMin }),
    ...(cache === undefined ? {} : { cache: cache.checkpoints }),
  };
  try {
    verifyLogProof(der, proof, 'certificates', options);
  } catch (cause) {
    if (!trustError.is(cause, 'trustchain.proof_failed')) throw cause;
    throw trustError('trustchain.certificate_unlogged', { index: proof.index }, { cause });
  }
}

function assertUnrevoked(certificates: readonly Certificate[], at: number, view: RevocationView, mayBeStale: boolean): void {
  const nextUpdate = view.nextUpdate();
  if (!mayBeStale && (nextUpdate === null || at > nextUpdate)) throw trustError('trustchain.revocation_stale', { at, nextUpdate });
  for (const { serial } of certificates) {
    const revocation = view.find(serial);
    if (revocation !== null && voids(revocation, at)) {
      throw trustError('trustchain.certificate_revoked', { serial, reason: revocation.reason, time: revocation.time });
    }
  }
}

function remember(cache: VerificationCache | undefined, issuer: string, der: Uint8Array, verify: () => Certificate): Certificate {
  if (cache === undefined) return verify();
  const key = `${issuer} ${Buffer.from(sha256(der)).toString('base64')}`;
  const known = cache.certificates.get(key);
  if (known !== undefined) return known;
  const certificate = verify();
  cache.certificates.set(key, certificate);
  return certificate;
}
