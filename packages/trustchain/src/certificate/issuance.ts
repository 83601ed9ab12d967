import { AsnConvert } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier, type Extension, Extensions, TBSCertificate, Validity, Version } from '@peculiar/asn1-x509';
import type { Crypto, HybridPublicKey, Signer } from '@hypermesh/stoq';
import {
  OID_ALT_SIGNATURE_ALGORITHM,
  OID_ALT_SIGNATURE_VALUE,
  OID_ED25519,
  OID_FALCON_1024,
  OID_MESH_IDENTITY,
  OID_SUBJECT_ALT_NAME,
  OID_SUBJECT_ALT_PUBLIC_KEY_INFO,
} from '../constants.ts';
import { trustError } from '../errors.ts';
import { type AlternativeNames, encodeAlternativeNames } from './alternative-names.ts';
import { type Certificate, parseCertificate, parseCertificateBody } from './certificate.ts';
import { nameOf } from './distinguished-name.ts';
import { bufferOf, encodeAlgorithm, encodeOctetBits, encodeSigned, encodeSubjectKey, extension, subjectKeyInfo } from './encoding.ts';
import { encodeMeshIdentity, type MeshIdentity } from './mesh-identity.ts';
import { encodeAuthorityKeyId, encodeSubjectKeyId, keyIdOf, lint, OID, type ProfileName, PROFILES } from './profile.ts';
import { verifyCertificateSignature } from './signature.ts';

/** Both legs of an issuer, apart: in a certificate they sign different bytes. */
export interface SigningPair {
  readonly classical: Signer<'ed25519'>;
  readonly postQuantum: Signer<'falcon1024'>;
}

export interface CertificateTemplate {
  readonly profile: ProfileName;
  readonly serial: Uint8Array;
  readonly issuerName: string;
  readonly commonName: string;
  /** Milliseconds since the epoch; cut to whole seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly key: HybridPublicKey;
  readonly identity: MeshIdentity;
  readonly alternativeNames: AlternativeNames | null;
}

/**
 * Builds the certificate, holds it to its profile, and only then signs: FALCON over the body without its own
 * signature, Ed25519 over everything. The result is parsed, linted and verified again before it leaves.
 * Throws `trustchain.profile_violated`, `trustchain.name_refused`, `trustchain.signature_failed`.
 */
export async function signCertificate(template: CertificateTemplate, issuer: SigningPair, crypto: Crypto): Promise<Certificate> {
  const issuerKey = publicKeyOf(issuer);
  const extensions = extensionsOf(template, issuerKey);
  const draft = parseCertificateBody(buildBody(template, extensions));
  lint(draft, template.profile, issuerKey);

  const alternative = await issuer.postQuantum.sign(draft.alternativeSigned);
  extensions.push(extension(OID_ALT_SIGNATURE_VALUE, false, encodeOctetBits(alternative.bytes)));
  const signed = buildBody(template, extensions);
  const classical = await issuer.classical.sign(signed);

  const certificate = parseCertificate(encodeSigned(signed, classical.bytes));
  lint(certificate, template.profile, issuerKey);
  verifyCertificateSignature(certificate, issuerKey, crypto);
  return certificate;
}

export function publicKeyOf(pair: SigningPair): HybridPublicKey {
  return { classical: pair.classical.publicKey, postQuantum: pair.postQuantum.publicKey };
}

function buildBody(template: CertificateTemplate, extensions: readonly Extension[]): Uint8Array {
  if (Number.isNaN(template.notAfter - template.notBefore)) throw trustError('trustchain.config_invalid', { field: 'validity' });
  const tbs = new TBSCertificate({
    version: Version.v3,
    serialNumber: bufferOf(template.serial),
    signature: new AlgorithmIdentifier({ algorithm: OID_ED25519 }),
    issuer: nameOf(template.issuerName),
    validity: new Validity({ notBefore: wholeSeconds(template.notBefore), notAfter: wholeSeconds(template.notAfter) }),
    subject: nameOf(template.commonName),
    subjectPublicKeyInfo: subjectKeyInfo(OID_ED25519, template.key.classical.bytes),
    extensions: new Extensions([...extensions]),
  });
  return new Uint8Array(AsnConvert.serialize(tbs));
}

function extensionsOf(template: CertificateTemplate, issuerKey: HybridPublicKey): Extension[] {
  const profile = PROFILES[template.profile];
  const { key, identity, alternativeNames } = template;
  const extensions = [
    extension(OID.basicConstraints, true, Buffer.from(profile.basicConstraints, 'hex')),
    extension(OID.keyUsage, true, Buffer.from(profile.keyUsage, 'hex')),
    extension(OID.subjectKeyIdentifier, false, encodeSubjectKeyId(keyIdOf(key))),
    extension(OID.authorityKeyIdentifier, false, encodeAuthorityKeyId(keyIdOf(issuerKey))),
    extension(OID_MESH_IDENTITY, false, encodeMeshIdentity(identity)),
    extension(OID_SUBJECT_ALT_PUBLIC_KEY_INFO, false, encodeSubjectKey(OID_FALCON_1024, key.postQuantum.bytes)),
    extension(OID_ALT_SIGNATURE_ALGORITHM, false, encodeAlgorithm(OID_FALCON_1024)),
  ];
  if (profile.extendedKeyUsage !== null) {
    extensions.push(extension(OID.extendedKeyUsage, false, Buffer.from(profile.extendedKeyUsage, 'hex')));
  }
  if (alternativeNames !== null) extensions.push(extension(OID_SUBJECT_ALT_NAME, false, encodeAlternativeNames(alternativeNames)));
  return extensions;
}

function wholeSeconds(at: number): Date {
  return new Date(Math.floor(at / 1000) * 1000);
}
