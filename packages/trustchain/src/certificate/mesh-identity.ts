import { ALGORITHMS, type PublicKey, type Role } from '@hypermesh/stoq';
import * as asn1js from 'asn1js';
import { OID_ML_KEM_1024, ROLE_COUNT_MAX } from '../constants.ts';
import { trustError } from '../errors.ts';
import { childrenOf, cursorOf, malformed, readObjectId, readOctetBits, readSequence, readSmallInteger, readUtf8, TAG } from './der.ts';

/**
 * Contents of the private extension (`OID_MESH_IDENTITY`):
 *
 *     MeshIdentity ::= SEQUENCE {
 *       version      INTEGER (1),
 *       nodeId       OCTET STRING (SIZE (32)),
 *       meshId   [0] IMPLICIT OCTET STRING (SIZE (32)) OPTIONAL,  -- absent in roots
 *       kemKey   [1] EXPLICIT SubjectPublicKeyInfo OPTIONAL,      -- ML-KEM-1024; absent in CA certificates
 *       roles        SEQUENCE OF UTF8String }                     -- ascending, no duplicates
 */
export interface MeshIdentity {
  readonly nodeId: Uint8Array;
  readonly meshId: Uint8Array | null;
  readonly kemKey: PublicKey<'ml-kem-1024'> | null;
  readonly roles: readonly Role[];
}

const VERSION = 1;
const ID_BYTES = 32;
const ROLES: readonly Role[] = ['node', 'operator', 'owner', 'service', 'validator', 'viewer'];

export function encodeMeshIdentity(identity: MeshIdentity): Uint8Array {
  const value: asn1js.BaseBlock[] = [new asn1js.Integer({ value: VERSION }), new asn1js.OctetString({ valueHex: identity.nodeId })];
  if (identity.meshId !== null) {
    value.push(new asn1js.Primitive({ idBlock: { tagClass: 3, tagNumber: 0 }, valueHex: identity.meshId }));
  }
  if (identity.kemKey !== null) {
    const algorithm = new asn1js.Sequence({ value: [new asn1js.ObjectIdentifier({ value: OID_ML_KEM_1024 })] });
    const key = new asn1js.BitString({ valueHex: identity.kemKey.bytes });
    const spki = new asn1js.Sequence({ value: [algorithm, key] });
    value.push(new asn1js.Constructed({ idBlock: { tagClass: 3, tagNumber: 1 }, value: [spki] }));
  }
  const roles = identity.roles.toSorted().map((role) => new asn1js.Utf8String({ value: role }));
  value.push(new asn1js.Sequence({ value: roles }));
  return new Uint8Array(new asn1js.Sequence({ value }).toBER());
}

/** Throws `trustchain.certificate_malformed` or `trustchain.algorithm_refused`. */
export function decodeMeshIdentity(der: Uint8Array): MeshIdentity {
  const path = 'meshIdentity';
  const fields = readSequence(der, path);
  if (readSmallInteger(fields.take(TAG.integer, 'version'), path) !== VERSION) malformed(path, 'unknown version');
  const nodeId = idOf(fields.take(TAG.octetString, 'nodeId').body, `${path}.nodeId`);
  const mesh = fields.takeIf(TAG.context(0));
  const kem = fields.takeIf(TAG.contextConstructed(1));
  const roles = childrenOf(fields.take(TAG.sequence, 'roles'), `${path}.roles`).map((element) => {
    const word = readUtf8(element, `${path}.roles`);
    return ROLES.find((role) => role === word) ?? malformed(`${path}.roles`, 'unknown role');
  });
  fields.end();
  if (roles.length > ROLE_COUNT_MAX || roles.some((role, i) => i > 0 && role <= (roles[i - 1] as Role))) {
    malformed(`${path}.roles`, 'not ascending');
  }
  return {
    nodeId,
    meshId: mesh === null ? null : idOf(mesh.body, `${path}.meshId`),
    kemKey: kem === null ? null : kemKeyOf(kem.body, `${path}.kemKey`),
    roles,
  };
}

function idOf(body: Uint8Array, path: string): Uint8Array {
  return body.length === ID_BYTES ? body.slice() : malformed(path, `expected ${ID_BYTES} bytes`);
}

function kemKeyOf(der: Uint8Array, path: string): PublicKey<'ml-kem-1024'> {
  const spki = readSequence(der, path);
  const algorithm = cursorOf(spki.take(TAG.sequence, 'algorithm'), `${path}.algorithm`);
  const oid = readObjectId(algorithm.take(TAG.objectId, 'oid'), path);
  algorithm.end();
  if (oid !== OID_ML_KEM_1024) throw trustError('trustchain.algorithm_refused', { path, oid });
  const bytes = readOctetBits(spki.take(TAG.bitString, 'key'), path).slice();
  spki.end();
  if (bytes.length !== ALGORITHMS['ml-kem-1024'].publicKeyBytes) malformed(path, 'wrong key length');
  return { algorithm: 'ml-kem-1024', bytes };
}
