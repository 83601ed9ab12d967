import { createHash } from 'node:crypto';
import type { HybridPublicKey } from '@hypermesh/stoq';
import {
  INTERMEDIATE_LIFETIME_MS_MAX,
  LEAF_LIFETIME_MS_MAX,
  OID_ALT_SIGNATURE_ALGORITHM,
  OID_MESH_IDENTITY,
  OID_SUBJECT_ALT_PUBLIC_KEY_INFO,
  ROOT_LIFETIME_MS_MAX,
  SERIAL_BYTES,
} from '../constants.ts';
import { trustError } from '../errors.ts';
import { nodeIdOf, nodeNameOf, nodeUriOf } from '../genesis/ids.ts';
import type { CertificateBody } from './certificate.ts';
import { wrapDer } from './der.ts';

export type ProfileName = 'root' | 'intermediate' | 'leaf';

/** What a certificate of one kind must be. */
export interface Profile {
  readonly lifetimeMsMax: number;
  /** DER of the values that are the same in every certificate of the profile; all critical but extKeyUsage. */
  readonly basicConstraints: string;
  readonly keyUsage: string;
  readonly extendedKeyUsage: string | null;
  readonly meshId: boolean;
  readonly kemKey: boolean;
  readonly alternativeNames: boolean;
}

export const OID = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

const CERTIFICATE_AND_CRL_SIGN = '03020106';
const DIGITAL_SIGNATURE = '03020780';
const SERVER_AND_CLIENT_AUTHENTICATION = '301406082b0601050507030106082b06010505070302';

export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  root: {
    lifetimeMsMax: ROOT_LIFETIME_MS_MAX,
    // cA, pathLenConstraint 1
    basicConstraints: '30060101ff020101',
    keyUsage: CERTIFICATE_AND_CRL_SIGN,
    extendedKeyUsage: null,
    meshId: false,
    kemKey: false,
    alternativeNames: false,
  },
  intermediate: {
    lifetimeMsMax: INTERMEDIATE_LIFETIME_MS_MAX,
    // cA, pathLenConstraint 0
    basicConstraints: '30060101ff020100',
    keyUsage: CERTIFICATE_AND_CRL_SIGN,
    extendedKeyUsage: null,
    meshId: true,
    kemKey: false,
    alternativeNames: false,
  },
  leaf: {
    lifetimeMsMax: LEAF_LIFETIME_MS_MAX,
    // not a CA
    basicConstraints: '3000',
    keyUsage: DIGITAL_SIGNATURE,
    extendedKeyUsage: SERVER_AND_CLIENT_AUTHENTICATION,
    meshId: true,
    kemKey: true,
    alternativeNames: true,
  },
};

const KEY_ID_BYTES = 20;

/** RFC 7093, method 1, over both keys of the subject, so that neither can be swapped under one id. */
export function keyIdOf(key: HybridPublicKey): Uint8Array {
  const hash = createHash('sha256').update(key.classical.bytes).update(key.postQuantum.bytes).digest();
  return Uint8Array.from(hash.subarray(0, KEY_ID_BYTES));
}

/** subjectKeyIdentifier value. */
export function encodeSubjectKeyId(keyId: Uint8Array): Uint8Array {
  return wrapDer(0x04, [keyId]);
}

/** authorityKeyIdentifier value: keyIdentifier [0] only. */
export function encodeAuthorityKeyId(keyId: Uint8Array): Uint8Array {
  return wrapDer(0x30, [wrapDer(0x80, [keyId])]);
}

/**
 * Holds a certificate, or one about to be signed, to its profile. `issuerKey` is the key that signs it.
 * Throws `trustchain.profile_violated` with the rule, or `trustchain.node_id_mismatch`.
 */
export function lint(body: CertificateBody, name: ProfileName, issuerKey: HybridPublicKey): void {
  const profile = PROFILES[name];
  const rule = (id: string, holds: boolean): void => {
    if (!holds) throw trustError('trustchain.profile_violated', { profile: name, rule: id, subject: body.commonName });
  };
  lintExtensions(body, profile, issuerKey, rule);
  rule('serial', body.serial.length === SERIAL_BYTES * 2);
  rule('lifetime', body.notAfter - body.notBefore <= profile.lifetimeMsMax);
  rule('self-issued', (Buffer.compare(body.issuer, body.subject) === 0) === (name === 'root'));
  lintIdentity(body, profile, rule);
}

type Rule = (id: string, holds: boolean) => void;

function lintExtensions(body: CertificateBody, profile: Profile, issuerKey: HybridPublicKey, rule: Rule): void {
  const exactly = (oid: string, critical: boolean, value: string | null): boolean => {
    const extension = body.extensions.get(oid);
    if (value === null || extension === undefined) return value === null && extension === undefined;
    return extension.critical === critical && Buffer.from(extension.value).toString('hex') === value;
  };
  rule('basic-constraints', exactly(OID.basicConstraints, true, profile.basicConstraints));
  rule('key-usage', exactly(OID.keyUsage, true, profile.keyUsage));
  rule('extended-key-usage', exactly(OID.extendedKeyUsage, false, profile.extendedKeyUsage));
  rule('subject-key-id', exactly(OID.subjectKeyIdentifier, false, hex(encodeSubjectKeyId(keyIdOf(body.key)))));
  rule('authority-key-id', exactly(OID.authorityKeyIdentifier, false, hex(encodeAuthorityKeyId(keyIdOf(issuerKey)))));
  // Name constraints come with federation; ignoring them would widen what the issuer allowed (RFC 5280, 6.1.4).
  rule('name-constraints', !body.extensions.has(OID.nameConstraints));
  for (const [oid, { critical }] of body.extensions) {
    rule('critical-extension', !critical || oid === OID.basicConstraints || oid === OID.keyUsage);
  }
  for (const oid of [OID_SUBJECT_ALT_PUBLIC_KEY_INFO, OID_ALT_SIGNATURE_ALGORITHM, OID_MESH_IDENTITY]) {
    rule('hybrid-extensions', body.extensions.has(oid));
  }
}

function lintIdentity(body: CertificateBody, profile: Profile, rule: Rule): void {
  const { identity, alternativeNames: names } = body;
  const nodeId = nodeIdOf(body.key.postQuantum);
  if (Buffer.compare(nodeId, identity.nodeId) !== 0) {
    throw trustError('trustchain.node_id_mismatch', { subject: body.commonName });
  }
  rule('mesh-id', (identity.meshId !== null) === profile.meshId);
  rule('kem-key', (identity.kemKey !== null) === profile.kemKey);
  rule('roles', identity.roles.length > 0 === profile.alternativeNames);
  rule('alternative-names', (names !== null) === profile.alternativeNames);
  if (names === null) return;
  rule('node-uri', names.uris.length === 1 && names.uris[0] === nodeUriOf(nodeId));
  rule('common-name', body.commonName === nodeNameOf(nodeId) || names.names.includes(body.commonName));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
