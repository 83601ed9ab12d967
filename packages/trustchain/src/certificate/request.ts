import { AsnConvert } from '@peculiar/asn1-schema';
import { Extensions } from '@peculiar/asn1-x509';
import { ALGORITHMS, type Crypto, hashLabelled, type HybridPublicKey, type Signature } from '@hypermesh/stoq';
import {
  CERTIFICATE_BYTES_MAX,
  COMMON_NAME_CHARS_MAX,
  OID_ED25519,
  OID_EXTENSION_REQUEST,
  OID_FALCON_1024,
  OID_MESH_IDENTITY,
  OID_SUBJECT_ALT_NAME,
  OID_SUBJECT_ALT_PUBLIC_KEY_INFO,
} from '../constants.ts';
import { trustError } from '../errors.ts';
import { nodeIdOf, nodeNameOf, nodeUriOf } from '../genesis/ids.ts';
import { type AlternativeNames, decodeAlternativeNames, encodeAlternativeNames } from './alternative-names.ts';
import { cursorOf, malformed, readObjectId, readOctetBits, readSequence, readSmallInteger, TAG, wrapDer } from './der.ts';
import { encodeName, readCommonName } from './distinguished-name.ts';
import { encodeObjectId, encodeSigned, encodeSubjectKey, extension } from './encoding.ts';
import { algorithmOf, alternativeKeyOf, extensionElementsOf, extensionsOf, requireAlgorithm, subjectKeyOf } from './extensions.ts';
import { publicKeyOf, type SigningPair } from './issuance.ts';
import { decodeMeshIdentity, encodeMeshIdentity, type MeshIdentity } from './mesh-identity.ts';

/** A PKCS#10 request (RFC 2986) that names all three keys of a node. */
export interface CertificateRequest {
  readonly der: Uint8Array;
  /** BLAKE3 under `hypermesh/csr/1`: what a policy's verdict is bound to. */
  readonly digest: Uint8Array;
  readonly signed: Uint8Array;
  readonly signature: Signature<'ed25519'>;
  readonly commonName: string;
  readonly key: HybridPublicKey;
  readonly identity: MeshIdentity & RequestedIdentity;
  readonly alternativeNames: AlternativeNames;
}

type RequestedIdentity = { readonly [K in 'meshId' | 'kemKey']: NonNullable<MeshIdentity[K]> };

export interface RequestFields {
  readonly meshId: Uint8Array;
  readonly kemKey: NonNullable<MeshIdentity['kemKey']>;
  readonly roles: MeshIdentity['roles'];
  /** DNS names and IPv6 addresses; the first DNS name becomes the common name where it fits. */
  readonly names: readonly string[];
}

const REQUEST_VERSION = 0;

/** The same keys and fields give the same bytes, so that a repeated request is recognised. */
export async function createRequest(keys: SigningPair, fields: RequestFields): Promise<Uint8Array> {
  const key = publicKeyOf(keys);
  const nodeId = nodeIdOf(key.postQuantum);
  const identity = { nodeId, meshId: fields.meshId, kemKey: fields.kemKey, roles: fields.roles };
  const names = { uris: [nodeUriOf(nodeId)], names: fields.names };
  const extensions = new Extensions([
    extension(OID_SUBJECT_ALT_NAME, false, encodeAlternativeNames(names)),
    extension(OID_MESH_IDENTITY, false, encodeMeshIdentity(identity)),
    extension(OID_SUBJECT_ALT_PUBLIC_KEY_INFO, false, encodeSubjectKey(OID_FALCON_1024, key.postQuantum.bytes)),
  ]);
  const values = wrapDer(TAG.set, [new Uint8Array(AsnConvert.serialize(extensions))]);
  const attribute = wrapDer(TAG.sequence, [encodeObjectId(OID_EXTENSION_REQUEST), values]);
  const signed = wrapDer(TAG.sequence, [
    wrapDer(TAG.integer, [Uint8Array.of(REQUEST_VERSION)]),
    encodeName(commonNameOf(nodeId, fields.names)),
    encodeSubjectKey(OID_ED25519, key.classical.bytes),
    wrapDer(TAG.contextConstructed(0), [attribute]),
  ]);
  return encodeSigned(signed, (await keys.classical.sign(signed)).bytes);
}

/** Throws the codes of `parseCertificate`, and `trustchain.node_id_mismatch`. No signature is verified here. */
export function parseRequest(bytes: Uint8Array): CertificateRequest {
  if (bytes.length > CERTIFICATE_BYTES_MAX) malformed('request', 'too large');
  const der = Uint8Array.from(bytes);
  const outer = readSequence(der, 'request');
  const info = outer.take(TAG.sequence, 'info');
  requireAlgorithm(algorithmOf(outer.take(TAG.sequence, 'algorithm'), 'request.algorithm'), OID_ED25519, 'request.algorithm');
  const signature = readOctetBits(outer.take(TAG.bitString, 'signature'), 'request.signature');
  outer.end();
  if (signature.length !== ALGORITHMS.ed25519.signatureBytesMax) malformed('request.signature', 'wrong length');

  const fields = cursorOf(info, 'request.info');
  if (readSmallInteger(fields.take(TAG.integer, 'version'), 'request.version') !== REQUEST_VERSION) malformed('request.version', 'unknown');
  const commonName = readCommonName(fields.take(TAG.sequence, 'subject').raw, 'request.subject');
  const classical = subjectKeyOf(fields.take(TAG.sequence, 'key'), OID_ED25519, 'ed25519');
  const attributes = cursorOf(fields.take(TAG.contextConstructed(0), 'attributes'), 'request.attributes');
  fields.end();
  const attribute = cursorOf(attributes.take(TAG.sequence, 'extensionRequest'), 'request.attribute');
  attributes.end();
  if (readObjectId(attribute.take(TAG.objectId, 'type'), 'request.attribute') !== OID_EXTENSION_REQUEST) {
    malformed('request.attribute', 'expected extensionRequest');
  }
  const values = cursorOf(attribute.take(TAG.set, 'values'), 'request.attribute');
  attribute.end();
  const extensions = extensionsOf(extensionElementsOf(values.take(TAG.sequence, 'extensions')));
  values.end();

  const postQuantum = alternativeKeyOf(extensions);
  const identity = extensions.get(OID_MESH_IDENTITY) ?? malformed('request.extensions', 'no mesh identity');
  const names = extensions.get(OID_SUBJECT_ALT_NAME) ?? malformed('request.extensions', 'no alternative names');
  const request = {
    der,
    digest: hashLabelled('hypermesh/csr/1', der),
    signed: info.raw,
    signature: { algorithm: 'ed25519', bytes: signature } as const,
    commonName,
    key: {
      classical: { algorithm: 'ed25519', bytes: classical } as const,
      postQuantum: { algorithm: 'falcon1024', bytes: postQuantum } as const,
    },
    identity: requested(decodeMeshIdentity(identity.value)),
    alternativeNames: decodeAlternativeNames(names.value),
  };
  assertNode(request);
  return request;
}

/** The Ed25519 leg of the proof of possession. Throws `trustchain.possession_failed`. */
export function verifyRequestSignature(request: CertificateRequest, crypto: Crypto): void {
  if (!crypto.verify(request.key.classical, request.signed, request.signature)) {
    throw trustError('trustchain.possession_failed', { key: 'ed25519' });
  }
}

function commonNameOf(nodeId: Uint8Array, names: readonly string[]): string {
  const fitting = names.find((name) => !name.includes(':') && name.length <= COMMON_NAME_CHARS_MAX);
  return fitting ?? nodeNameOf(nodeId);
}

function requested(identity: MeshIdentity): CertificateRequest['identity'] {
  const { meshId, kemKey } = identity;
  if (meshId === null || kemKey === null) return malformed('request.meshIdentity', 'mesh id and KEM key are required');
  return { ...identity, meshId, kemKey };
}

function assertNode({ key, identity }: Pick<CertificateRequest, 'key' | 'identity'>): void {
  if (Buffer.compare(nodeIdOf(key.postQuantum), identity.nodeId) !== 0) throw trustError('trustchain.node_id_mismatch');
}
