import { ALGORITHMS } from '@hypermesh/stoq';
import { OID_FALCON_1024, OID_SUBJECT_ALT_PUBLIC_KEY_INFO } from '../constants.ts';
import { trustError } from '../errors.ts';
import { childrenOf, cursorOf, type DerElement, malformed, readDer, readObjectId, readOctetBits, readTrue, TAG } from './der.ts';

export interface CertificateExtension {
  readonly critical: boolean;
  /** DER of the value. */
  readonly value: Uint8Array;
}

// Eleven are defined for the profiles and for certificates of outside clients.
const EXTENSION_COUNT_MAX = 24;

/** The elements of a `SEQUENCE OF Extension`. */
export function extensionElementsOf(list: DerElement): DerElement[] {
  const elements = childrenOf(list, 'extensions');
  if (elements.length > EXTENSION_COUNT_MAX) malformed('extensions', 'too many');
  return elements;
}

/** By object id; an id given twice is refused. */
export function extensionsOf(elements: readonly DerElement[]): Map<string, CertificateExtension> {
  const extensions = new Map<string, CertificateExtension>();
  for (const element of elements) {
    const fields = cursorOf(element, 'extension');
    const id = readObjectId(fields.take(TAG.objectId, 'id'), 'extension.id');
    const flag = fields.takeIf(TAG.boolean);
    const critical = flag !== null && readTrue(flag, `extension.${id}`);
    const value = fields.take(TAG.octetString, 'value').body;
    fields.end();
    if (extensions.has(id)) malformed(`extension.${id}`, 'given twice');
    extensions.set(id, { critical, value });
  }
  return extensions;
}

/** The FALCON key. Throws `trustchain.signature_stripped` when it is not there. */
export function alternativeKeyOf(extensions: ReadonlyMap<string, CertificateExtension>): Uint8Array {
  const extension = extensions.get(OID_SUBJECT_ALT_PUBLIC_KEY_INFO);
  if (extension === undefined) throw trustError('trustchain.signature_stripped', { missing: 'subjectAltPublicKeyInfo' });
  return subjectKeyOf(readDer(extension.value, 'subjectAltPublicKeyInfo'), OID_FALCON_1024, 'falcon1024');
}

/** Reads a SubjectPublicKeyInfo of one algorithm without parameters; the raw key. */
export function subjectKeyOf(element: DerElement, oid: string, algorithm: 'ed25519' | 'falcon1024'): Uint8Array {
  const path = `publicKey.${algorithm}`;
  const fields = cursorOf(element, path);
  requireAlgorithm(algorithmOf(fields.take(TAG.sequence, 'algorithm'), path), oid, path);
  const bytes = readOctetBits(fields.take(TAG.bitString, 'key'), path);
  fields.end();
  if (bytes.length !== ALGORITHMS[algorithm].publicKeyBytes) malformed(path, 'wrong key length');
  return bytes;
}

/** RFC 8410, 3: the parameters are absent for every algorithm of this profile. */
export function algorithmOf(element: DerElement, path: string): string {
  const fields = cursorOf(element, path);
  const oid = readObjectId(fields.take(TAG.objectId, 'oid'), path);
  fields.end();
  return oid;
}

export function requireAlgorithm(oid: string, expected: string, path: string): void {
  if (oid !== expected) throw trustError('trustchain.algorithm_refused', { path, oid });
}
