import type { Crypto, Entropy, HybridPublicKey } from '@hypermesh/stoq';
import { type Certificate, parseCertificate } from '../certificate/certificate.ts';
import { publicKeyOf, signCertificate, type SigningPair } from '../certificate/issuance.ts';
import { keyIdOf, lint } from '../certificate/profile.ts';
import { verifyCertificateSignature } from '../certificate/signature.ts';
import { INTERMEDIATE_LIFETIME_MS_MAX, ROOT_LIFETIME_MS_MAX, SERIAL_BYTES } from '../constants.ts';
import { trustError } from '../errors.ts';
import { nodeIdOf } from '../genesis/ids.ts';

export interface AuthorityComponents {
  readonly crypto: Crypto;
  readonly entropy: Entropy;
}

export interface RootRequest {
  readonly commonName: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly lifetimeMs?: number;
}

export interface IntermediateRequest {
  readonly commonName: string;
  readonly meshId: Uint8Array;
  readonly notBefore: number;
  readonly lifetimeMs?: number;
}

/** A self-signed root without a mesh id: genesis holds it, and the mesh id is the hash of genesis. */
export async function createRoot(keys: SigningPair, request: RootRequest, components: AuthorityComponents): Promise<Certificate> {
  const key = publicKeyOf(keys);
  return signCertificate(
    {
      profile: 'root',
      serial: newSerial(components.entropy),
      issuerName: request.commonName,
      commonName: request.commonName,
      notBefore: request.notBefore,
      notAfter: request.notBefore + (request.lifetimeMs ?? ROOT_LIFETIME_MS_MAX),
      key,
      identity: { nodeId: nodeIdOf(key.postQuantum), meshId: null, kemKey: null, roles: [] },
      alternativeNames: null,
    },
    keys,
    components.crypto,
  );
}

/** An issuing certificate for one mesh, with pathLenConstraint 0; it never outlives its root. */
export async function createIntermediate(
  root: { readonly certificate: Uint8Array; readonly keys: SigningPair },
  subject: HybridPublicKey,
  request: IntermediateRequest,
  components: AuthorityComponents,
): Promise<Certificate> {
  const parent = parseCertificate(root.certificate);
  lint(parent, 'root', parent.key);
  assertIssuerKeys(parent, root.keys);
  const end = request.notBefore + (request.lifetimeMs ?? INTERMEDIATE_LIFETIME_MS_MAX);
  return signCertificate(
    {
      profile: 'intermediate',
      serial: newSerial(components.entropy),
      issuerName: parent.commonName,
      commonName: request.commonName,
      notBefore: request.notBefore,
      notAfter: Math.min(end, parent.notAfter),
      key: subject,
      identity: { nodeId: nodeIdOf(subject.postQuantum), meshId: request.meshId, kemKey: null, roles: [] },
      alternativeNames: null,
    },
    root.keys,
    components.crypto,
  );
}

/** Refuses keys that are not those of the certificate. Throws `trustchain.config_invalid`. */
export function assertIssuerKeys(certificate: Certificate, keys: SigningPair): void {
  if (Buffer.compare(keyIdOf(certificate.key), keyIdOf(publicKeyOf(keys))) !== 0) {
    throw trustError('trustchain.config_invalid', { reason: 'the keys are not those of the issuing certificate' });
  }
}

/** Refuses an intermediate that the root has not signed for this mesh. Throws the code of the fault. */
export function assertIntermediate(intermediate: Certificate, root: Certificate, meshId: Uint8Array, crypto: Crypto): void {
  lint(intermediate, 'intermediate', root.key);
  verifyCertificateSignature(intermediate, root.key, crypto);
  if (Buffer.compare(intermediate.identity.meshId as Uint8Array, meshId) !== 0) throw trustError('trustchain.mesh_mismatch');
}

/** RFC 5280, 4.1.2.2: positive, 20 octets; 158 of the bits are random. */
export function newSerial(entropy: Entropy): Uint8Array {
  const serial = entropy.bytes(SERIAL_BYTES);
  serial[0] = ((serial[0] as number) & 0x3f) | 0x40;
  return serial;
}
