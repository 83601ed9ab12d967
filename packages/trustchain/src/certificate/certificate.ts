import { ALGORITHMS, type HybridPublicKey, type HybridSignature } from '@hypermesh/stoq';
import {
  CERTIFICATE_BYTES_MAX,
  OID_ALT_SIGNATURE_ALGORITHM,
  OID_ALT_SIGNATURE_VALUE,
  OID_ED25519,
  OID_FALCON_1024,
  OID_MESH_IDENTITY,
  OID_SUBJECT_ALT_NAME,
} from '../constants.ts';
import { trustError } from '../errors.ts';
import { type AlternativeNames, decodeAlternativeNames } from './alternative-names.ts';
import {
  childrenOf,
  cursorOf,
  type DerElement,
  malformed,
  readDer,
  readObjectId,
  readOctetBits,
  readSequence,
  readSmallInteger,
  readTime,
  readUnsigned,
  TAG,
  wrapDer,
} from './der.ts';
import { readCommonName } from './distinguished-name.ts';
import {
  algorithmOf,
  alternativeKeyOf,
  type CertificateExtension,
  extensionElementsOf,
  extensionsOf,
  requireAlgorithm,
  subjectKeyOf,
} from './extensions.ts';
import { decodeMeshIdentity, type MeshIdentity } from './mesh-identity.ts';

/** The part of a certificate that is signed, decoded. */
export interface CertificateBody {
  /** DER of TBSCertificate: what Ed25519 signs. */
  readonly signed: Uint8Array;
  /**
   * What FALCON signs: TBSCertificate without its `signature` field and without the altSignatureValue extension
   * (ITU-T X.509 (2019), 7.2.2), re-assembled from the original bytes.
   */
  readonly alternativeSigned: Uint8Array;
  /** Lower-case hex of the serial's octets. */
  readonly serial: string;
  /** DER of the names, for comparison octet by octet. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly commonName: string;
  /** Milliseconds since the epoch, both inclusive. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly key: HybridPublicKey;
  readonly identity: MeshIdentity;
  readonly alternativeNames: AlternativeNames | null;
  readonly extensions: ReadonlyMap<string, CertificateExtension>;
}

export interface Certificate extends CertificateBody {
  readonly der: Uint8Array;
  readonly signature: HybridSignature;
}

/**
 * Decodes a hybrid certificate. Throws `trustchain.certificate_malformed`, `trustchain.signature_stripped` where a
 * part of the FALCON leg is missing, `trustchain.algorithm_refused`, or `trustchain.name_refused`.
 */
export function parseCertificate(bytes: Uint8Array): Certificate {
  if (bytes.length > CERTIFICATE_BYTES_MAX) malformed('certificate', 'too large');
  // A private plain copy: views into it stay valid, and every library takes a Uint8Array.
  const der = Uint8Array.from(bytes);
  const fields = readSequence(der, 'certificate');
  const signed = fields.take(TAG.sequence, 'tbsCertificate').raw;
  const algorithm = algorithmOf(fields.take(TAG.sequence, 'signatureAlgorithm'), 'signatureAlgorithm');
  const classical = readOctetBits(fields.take(TAG.bitString, 'signatureValue'), 'signatureValue');
  fields.end();
  requireAlgorithm(algorithm, OID_ED25519, 'signatureAlgorithm');
  if (classical.length !== ALGORITHMS.ed25519.signatureBytesMax) malformed('signatureValue', 'wrong length');
  const body = parseCertificateBody(signed);
  const postQuantum = alternativeSignatureOf(body.extensions);
  const signature: HybridSignature = {
    classical: { algorithm: 'ed25519', bytes: classical },
    postQuantum: { algorithm: 'falcon1024', bytes: postQuantum },
  };
  return { ...body, der, signature };
}

/** Decodes a TBSCertificate that may not be signed yet: altSignatureValue may be absent. */
export function parseCertificateBody(signed: Uint8Array): CertificateBody {
  const tbs = readSequence(signed, 'tbs');
  const version = cursorOf(tbs.take(TAG.contextConstructed(0), 'version'), 'tbs.version');
  if (readSmallInteger(version.take(TAG.integer, 'value'), 'tbs.version') !== 2) malformed('tbs.version', 'not v3');
  version.end();
  const serial = tbs.take(TAG.integer, 'serialNumber');
  requireAlgorithm(algorithmOf(tbs.take(TAG.sequence, 'signature'), 'tbs.signature'), OID_ED25519, 'tbs.signature');
  const issuer = tbs.take(TAG.sequence, 'issuer').raw;
  const validity = validityOf(tbs.take(TAG.sequence, 'validity'));
  const subject = tbs.take(TAG.sequence, 'subject').raw;
  const classical = subjectKeyOf(tbs.take(TAG.sequence, 'subjectPublicKeyInfo'), OID_ED25519, 'ed25519');
  const explicit = cursorOf(tbs.take(TAG.contextConstructed(3), 'extensions'), 'tbs.extensions');
  const extensionElements = extensionElementsOf(explicit.take(TAG.sequence, 'list'));
  explicit.end();
  tbs.end();
  const extensions = extensionsOf(extensionElements);
  const postQuantum = alternativeKeyOf(extensions);
  const identity = extensions.get(OID_MESH_IDENTITY) ?? malformed('extensions', 'no mesh identity');
  const names = extensions.get(OID_SUBJECT_ALT_NAME);
  readCommonName(issuer, 'tbs.issuer');
  return {
    signed,
    alternativeSigned: alternativeSignedOf(signed, extensionElements),
    serial: Buffer.from(readUnsigned(serial, 'tbs.serialNumber')).toString('hex'),
    issuer,
    subject,
    commonName: readCommonName(subject, 'tbs.subject'),
    ...validity,
    key: {
      classical: { algorithm: 'ed25519', bytes: classical },
      postQuantum: { algorithm: 'falcon1024', bytes: postQuantum },
    },
    identity: decodeMeshIdentity(identity.value),
    alternativeNames: names === undefined ? null : decodeAlternativeNames(names.value),
    extensions,
  };
}

function validityOf(element: DerElement): { notBefore: number; notAfter: number } {
  const [first, last, ...rest] = childrenOf(element, 'tbs.validity');
  if (first === undefined || last === undefined || rest.length > 0) return malformed('tbs.validity', 'expected two times');
  const notBefore = readTime(first, 'tbs.notBefore');
  const notAfter = readTime(last, 'tbs.notAfter');
  if (notAfter < notBefore) malformed('tbs.validity', 'ends before it begins');
  return { notBefore, notAfter };
}

function alternativeSignedOf(signed: Uint8Array, extensionElements: readonly DerElement[]): Uint8Array {
  const kept = extensionElements.filter((element) => {
    const id = cursorOf(element, 'extension').take(TAG.objectId, 'id');
    return readObjectId(id, 'extension.id') !== OID_ALT_SIGNATURE_VALUE;
  });
  const extensions = wrapDer(TAG.contextConstructed(3), [
    wrapDer(
      TAG.sequence,
      kept.map((element) => element.raw),
    ),
  ]);
  // version, serialNumber, [signature], issuer, validity, subject, subjectPublicKeyInfo, [extensions]
  const fields = childrenOf(readDer(signed, 'tbs'), 'tbs');
  const covered = fields.filter((_, index) => index !== 2 && index !== fields.length - 1).map((field) => field.raw);
  return wrapDer(TAG.sequence, [...covered, extensions]);
}

function alternativeSignatureOf(extensions: ReadonlyMap<string, CertificateExtension>): Uint8Array {
  const algorithm = extensions.get(OID_ALT_SIGNATURE_ALGORITHM);
  const value = extensions.get(OID_ALT_SIGNATURE_VALUE);
  if (algorithm === undefined) throw trustError('trustchain.signature_stripped', { missing: 'altSignatureAlgorithm' });
  if (value === undefined) throw trustError('trustchain.signature_stripped', { missing: 'altSignatureValue' });
  const path = 'altSignatureAlgorithm';
  requireAlgorithm(algorithmOf(readDer(algorithm.value, path), path), OID_FALCON_1024, path);
  const bytes = readOctetBits(readDer(value.value, 'altSignatureValue'), 'altSignatureValue');
  if (bytes.length > ALGORITHMS.falcon1024.signatureBytesMax) malformed('altSignatureValue', 'too long');
  return bytes;
}
