import 'reflect-metadata';
import { execFileSync } from 'node:child_process';
import { X509Certificate as NodeCertificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509Certificate as PeculiarCertificate } from '@peculiar/x509';
import { CodedError } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Certificate, parseCertificate } from '../../src/certificate/certificate.ts';
import { wrapDer } from '../../src/certificate/der.ts';
import { encodeName } from '../../src/certificate/distinguished-name.ts';
import { encodeAlgorithm, encodeSubjectKey } from '../../src/certificate/encoding.ts';
import { encodeMeshIdentity, type MeshIdentity } from '../../src/certificate/mesh-identity.ts';
import { encodeAuthorityKeyId, lint, OID, type ProfileName } from '../../src/certificate/profile.ts';
import { verifyCertificateSignature } from '../../src/certificate/signature.ts';
import {
  LEAF_LIFETIME_MS_MAX,
  OID_ALT_SIGNATURE_ALGORITHM,
  OID_ALT_SIGNATURE_VALUE,
  OID_ED25519,
  OID_FALCON_1024,
  OID_MESH_IDENTITY,
  OID_SUBJECT_ALT_NAME,
  OID_SUBJECT_ALT_PUBLIC_KEY_INFO,
} from '../../src/constants.ts';
import { nodeIdOf, nodeUriOf } from '../../src/genesis/ids.ts';
import { type AuthorityFixture, createAuthority, createKeys, createLeaf, type Keys, NOW } from '../fixtures.ts';
import { encodeValidity, FIELD, forge, type Forgery, hexBytes, pem } from '../forge.ts';

let authority: AuthorityFixture;
let nodeKeys: Keys;
let leaf: Certificate;

beforeAll(async () => {
  authority = await createAuthority();
  nodeKeys = await createKeys(authority.crypto);
  leaf = await createLeaf(authority, nodeKeys, { names: ['node-1.mesh', '2001:db8::1'] });
});
afterAll(() => authority.crypto.close());

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof CodedError)
      return `${error.code.replace('trustchain.', '')}${error.data['rule'] === undefined ? '' : `:${String(error.data['rule'])}`}`;
    throw error;
  }
  return 'accepted';
}

describe('a hybrid certificate', () => {
  test('says what was asked for', () => {
    expect(leaf).toMatchObject({
      commonName: 'node-1.mesh',
      notBefore: NOW,
      notAfter: NOW + LEAF_LIFETIME_MS_MAX,
      key: nodeKeys.publicKey,
      identity: {
        nodeId: nodeIdOf(nodeKeys.publicKey.postQuantum),
        meshId: authority.meshId,
        kemKey: nodeKeys.kem.publicKey,
        roles: ['node'],
      },
      alternativeNames: { names: ['node-1.mesh', '2001:db8::1'] },
    });
    expect(leaf.serial).toMatch(/^[4-7][0-9a-f]{39}$/);
  });

  test('is accepted by OpenSSL as a classical chain', () => {
    const folder = mkdtempSync(join(tmpdir(), 'trustchain-'));
    try {
      const path = (name: string, certificate: Certificate): string => {
        writeFileSync(join(folder, name), pem(certificate.der));
        return join(folder, name);
      };
      const [root, issuer, node] = [path('r', authority.root), path('i', authority.intermediate), path('n', leaf)];
      const at = ['-attime', String(NOW / 1000 + 60)];
      const verify = (...more: string[]) =>
        execFileSync('openssl', ['verify', '-x509_strict', ...at, '-CAfile', root, '-untrusted', issuer, ...more, node], { stdio: 'pipe' });
      expect(verify('-purpose', 'sslserver', '-verify_hostname', 'node-1.mesh').toString()).toContain('OK');
      expect(verify('-purpose', 'sslclient', '-verify_ip', '2001:db8::1').toString()).toContain('OK');
      expect(() => verify('-verify_hostname', 'node-2.mesh')).toThrow(/Hostname mismatch|hostname mismatch/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('is read alike by node:crypto and by @peculiar/x509', async () => {
    const native = new NodeCertificate(Buffer.from(leaf.der));
    expect(native.verify(new NodeCertificate(Buffer.from(authority.intermediate.der)).publicKey)).toBe(true);
    expect(native.checkHost('node-1.mesh')).toBe('node-1.mesh');
    expect(native.serialNumber.toLowerCase()).toBe(leaf.serial);
    const peculiar = new PeculiarCertificate(leaf.der);
    expect(peculiar.subject).toBe('CN=node-1.mesh');
    expect(peculiar.notAfter.getTime()).toBe(leaf.notAfter);
    // asn1js writes the arc of 128 bits but cannot read it.
    const readable = [...leaf.extensions.keys()].map((oid) => (oid === OID_MESH_IDENTITY ? '2.25' : oid));
    expect(peculiar.extensions.map((extension) => extension.type)).toEqual(readable);
  });

  test('both legs verify under the issuer and under nobody else', () => {
    const check = (certificate: Certificate, issuer: Certificate) =>
      codeOf(() => verifyCertificateSignature(certificate, issuer.key, authority.crypto));
    expect(check(leaf, authority.intermediate)).toBe('accepted');
    expect(check(authority.intermediate, authority.root)).toBe('accepted');
    expect(check(authority.root, authority.root)).toBe('accepted');
    expect(check(leaf, authority.root)).toBe('signature_failed');
  });

  test('one leg under a foreign key is refused, whichever it is', async () => {
    for (const [classical, postQuantum] of [
      [nodeKeys, authority.issuerKeys],
      [authority.issuerKeys, nodeKeys],
    ] as const) {
      const signer = { classical: classical.pair.classical, postQuantum: postQuantum.pair.postQuantum };
      const forged = parseCertificate(await forge(leaf, { signer }));
      expect(codeOf(() => verifyCertificateSignature(forged, authority.intermediate.key, authority.crypto))).toBe('signature_failed');
    }
  });

  test('no change of one byte is accepted', () => {
    const stride = 7;
    for (let at = 0; at < leaf.der.length; at += stride) {
      const changed = Uint8Array.from(leaf.der);
      changed[at] = (changed[at] as number) ^ 0x01;
      const code = codeOf(() => verifyCertificateSignature(parseCertificate(changed), authority.intermediate.key, authority.crypto));
      expect(code, `byte ${at}`).not.toBe('accepted');
    }
  });

  test('no truncation is accepted', () => {
    for (let length = 0; length < leaf.der.length; length += 97) {
      expect(codeOf(() => parseCertificate(leaf.der.subarray(0, length)))).toBe('certificate_malformed');
    }
    expect(codeOf(() => parseCertificate(new Uint8Array(41 * 1024)))).toBe('certificate_malformed');
  });
});

const ext = (value: string | Uint8Array, critical = false) => ({ critical, value: typeof value === 'string' ? hexBytes(value) : value });
const mesh = (change: Partial<MeshIdentity>) => ext(encodeMeshIdentity({ ...leaf.identity, ...change }));
const uri = () => nodeUriOf(leaf.identity.nodeId);
const san = (...items: [tag: number, text: string][]) =>
  ext(
    wrapDer(
      0x30,
      items.map(([tag, text]) => wrapDer(tag, [Buffer.from(text)])),
    ),
  );
type Case = readonly [name: string, expected: string, change: () => Omit<Forgery, 'signer'>];

/** Each case is signed by the true issuer: only the verifier's own rules stand against it. */
const leafCases: readonly Case[] = [
  ['nothing changed', 'accepted', () => ({})],
  ['FALCON signature missing', 'signature_stripped', () => ({ withoutAlternative: true })],
  ['FALCON key missing', 'signature_stripped', () => ({ extensions: { [OID_SUBJECT_ALT_PUBLIC_KEY_INFO]: null } })],
  ['FALCON algorithm missing', 'signature_stripped', () => ({ extensions: { [OID_ALT_SIGNATURE_ALGORITHM]: null } })],
  [
    'all of FALCON missing',
    'signature_stripped',
    () => ({ withoutAlternative: true, extensions: { [OID_ALT_SIGNATURE_ALGORITHM]: null, [OID_SUBJECT_ALT_PUBLIC_KEY_INFO]: null } }),
  ],
  [
    'FALCON algorithm swapped',
    'algorithm_refused',
    () => ({ extensions: { [OID_ALT_SIGNATURE_ALGORITHM]: ext(encodeAlgorithm(OID_ED25519)) } }),
  ],
  [
    'FALCON-512 named',
    'algorithm_refused',
    () => ({ extensions: { [OID_ALT_SIGNATURE_ALGORITHM]: ext(encodeAlgorithm('1.3.9999.3.11')) } }),
  ],
  [
    'FALCON key of another algorithm',
    'algorithm_refused',
    () => ({ extensions: { [OID_SUBJECT_ALT_PUBLIC_KEY_INFO]: ext(encodeSubjectKey(OID_ED25519, new Uint8Array(32))) } }),
  ],
  [
    'FALCON key too short',
    'certificate_malformed',
    () => ({ extensions: { [OID_SUBJECT_ALT_PUBLIC_KEY_INFO]: ext(encodeSubjectKey(OID_FALCON_1024, new Uint8Array(897))) } }),
  ],
  [
    'FALCON key of another node',
    'profile_violated:subject-key-id',
    () => ({
      extensions: { [OID_SUBJECT_ALT_PUBLIC_KEY_INFO]: ext(encodeSubjectKey(OID_FALCON_1024, authority.root.key.postQuantum.bytes)) },
    }),
  ],
  ['node id of another node', 'node_id_mismatch', () => ({ extensions: { [OID_MESH_IDENTITY]: mesh({ nodeId: new Uint8Array(32) }) } })],
  ['no mesh identity', 'certificate_malformed', () => ({ extensions: { [OID_MESH_IDENTITY]: null } })],
  ['no mesh id', 'profile_violated:mesh-id', () => ({ extensions: { [OID_MESH_IDENTITY]: mesh({ meshId: null }) } })],
  ['no KEM key', 'profile_violated:kem-key', () => ({ extensions: { [OID_MESH_IDENTITY]: mesh({ kemKey: null }) } })],
  ['no role', 'profile_violated:roles', () => ({ extensions: { [OID_MESH_IDENTITY]: mesh({ roles: [] }) } })],
  [
    'mesh identity critical',
    'profile_violated:critical-extension',
    () => ({ extensions: { [OID_MESH_IDENTITY]: { ...mesh({}), critical: true } } }),
  ],
  ['leaf as CA', 'profile_violated:basic-constraints', () => ({ extensions: { [OID.basicConstraints]: ext('30030101ff', true) } })],
  ['basic constraints missing', 'profile_violated:basic-constraints', () => ({ extensions: { [OID.basicConstraints]: null } })],
  ['basic constraints not critical', 'profile_violated:basic-constraints', () => ({ extensions: { [OID.basicConstraints]: ext('3000') } })],
  ['key usage missing', 'profile_violated:key-usage', () => ({ extensions: { [OID.keyUsage]: null } })],
  ['key usage keyCertSign', 'profile_violated:key-usage', () => ({ extensions: { [OID.keyUsage]: ext('03020204', true) } })],
  [
    'extended key usage codeSigning',
    'profile_violated:extended-key-usage',
    () => ({ extensions: { [OID.extendedKeyUsage]: ext('300a06082b06010505070303') } }),
  ],
  [
    'extended key usage any',
    'profile_violated:extended-key-usage',
    () => ({ extensions: { [OID.extendedKeyUsage]: ext('30060604551d2500') } }),
  ],
  ['extended key usage missing', 'profile_violated:extended-key-usage', () => ({ extensions: { [OID.extendedKeyUsage]: null } })],
  [
    'subject key id wrong',
    'profile_violated:subject-key-id',
    () => ({ extensions: { [OID.subjectKeyIdentifier]: ext(wrapDer(4, [new Uint8Array(20)])) } }),
  ],
  [
    'authority key id wrong',
    'profile_violated:authority-key-id',
    () => ({ extensions: { [OID.authorityKeyIdentifier]: ext(encodeAuthorityKeyId(new Uint8Array(20))) } }),
  ],
  ['authority key id missing', 'profile_violated:authority-key-id', () => ({ extensions: { [OID.authorityKeyIdentifier]: null } })],
  ['name constraints', 'profile_violated:name-constraints', () => ({ extensions: { [OID.nameConstraints]: ext('3000') } })],
  ['unknown critical extension', 'profile_violated:critical-extension', () => ({ extensions: { '1.2.3.4': ext('0500', true) } })],
  ['unknown extension that is not critical', 'accepted', () => ({ extensions: { '1.2.3.4': ext('0500') } })],
  ['25 h', 'profile_violated:lifetime', () => ({ fields: { [FIELD.validity]: encodeValidity(NOW, NOW + 25 * 3_600_000) } })],
  ['365 d', 'profile_violated:lifetime', () => ({ fields: { [FIELD.validity]: encodeValidity(NOW, NOW + 365 * 86_400_000) } })],
  ['end before begin', 'certificate_malformed', () => ({ fields: { [FIELD.validity]: encodeValidity(NOW, NOW - 1000) } })],
  ['serial of 16 octets', 'profile_violated:serial', () => ({ fields: { [FIELD.serial]: wrapDer(2, [new Uint8Array(16).fill(1)]) } })],
  ['serial of 21 octets', 'profile_violated:serial', () => ({ fields: { [FIELD.serial]: wrapDer(2, [new Uint8Array(21).fill(1)]) } })],
  ['serial negative', 'certificate_malformed', () => ({ fields: { [FIELD.serial]: wrapDer(2, [new Uint8Array(20).fill(0xff)]) } })],
  ['version 1', 'certificate_malformed', () => ({ fields: { [FIELD.version]: hexBytes('a003020100') } })],
  ['signature algorithm RSA', 'algorithm_refused', () => ({ fields: { [FIELD.signature]: encodeAlgorithm('1.2.840.113549.1.1.11') } })],
  [
    'subject key RSA',
    'algorithm_refused',
    () => ({ fields: { [FIELD.key]: encodeSubjectKey('1.2.840.113549.1.1.1', new Uint8Array(32)) } }),
  ],
  ['algorithm with NULL parameters', 'certificate_malformed', () => ({ fields: { [FIELD.signature]: hexBytes('300706032b65700500') } })],
  ['self-issued leaf', 'profile_violated:self-issued', () => ({ fields: { [FIELD.issuer]: encodeName('node-1.mesh') } })],
  ['common name that no SAN holds', 'profile_violated:common-name', () => ({ fields: { [FIELD.subject]: encodeName('node-2.mesh') } })],
  [
    'common name of 65 characters',
    'name_refused',
    () => ({
      fields: {
        [FIELD.subject]: wrapDer(0x30, [
          wrapDer(0x31, [wrapDer(0x30, [hexBytes('0603550403'), wrapDer(0x0c, [Buffer.from('a'.repeat(65))])])]),
        ]),
      },
    }),
  ],
  ['SAN missing', 'profile_violated:alternative-names', () => ({ extensions: { [OID_SUBJECT_ALT_NAME]: null } })],
  ['SAN without the node', 'profile_violated:node-uri', () => ({ extensions: { [OID_SUBJECT_ALT_NAME]: san([0x82, 'node-1.mesh']) } })],
  [
    'SAN with another node',
    'profile_violated:node-uri',
    () => ({ extensions: { [OID_SUBJECT_ALT_NAME]: san([0x86, `mesh://${'a'.repeat(52)}`], [0x82, 'node-1.mesh']) } }),
  ],
  [
    'SAN with a second URI',
    'profile_violated:node-uri',
    () => ({ extensions: { [OID_SUBJECT_ALT_NAME]: san([0x86, uri()], [0x86, 'https://x'], [0x82, 'node-1.mesh']) } }),
  ],
  [
    'SAN with a wildcard',
    'name_refused',
    () => ({ extensions: { [OID_SUBJECT_ALT_NAME]: san([0x86, uri()], [0x82, '*.mesh'], [0x82, 'node-1.mesh']) } }),
  ],
  [
    'SAN with IPv4',
    'name_refused',
    () => ({ extensions: { [OID_SUBJECT_ALT_NAME]: san([0x86, uri()], [0x87, 'abcd'], [0x82, 'node-1.mesh']) } }),
  ],
  [
    'SAN twice the same',
    'certificate_malformed',
    () => ({ extensions: { [OID_SUBJECT_ALT_NAME]: san([0x86, uri()], [0x82, 'node-1.mesh'], [0x82, 'node-1.mesh']) } }),
  ],
];

const authorityCases: readonly (readonly [ProfileName, ...Case])[] = [
  ['root', 'root unchanged', 'accepted', () => ({})],
  [
    'root',
    'root with a mesh id',
    'profile_violated:mesh-id',
    () => ({ extensions: { [OID_MESH_IDENTITY]: ext(encodeMeshIdentity({ ...authority.root.identity, meshId: authority.meshId })) } }),
  ],
  [
    'root',
    'root without pathLen',
    'profile_violated:basic-constraints',
    () => ({ extensions: { [OID.basicConstraints]: ext('30030101ff', true) } }),
  ],
  [
    'root',
    'root of 11 years',
    'profile_violated:lifetime',
    () => ({ fields: { [FIELD.validity]: encodeValidity(NOW, NOW + 4015 * 86_400_000) } }),
  ],
  ['root', 'root with another issuer', 'profile_violated:self-issued', () => ({ fields: { [FIELD.issuer]: encodeName('Other') } })],
  [
    'root',
    'root beyond 2050',
    'accepted',
    () => ({ fields: { [FIELD.validity]: encodeValidity(Date.UTC(2049, 0, 1), Date.UTC(2051, 0, 1)) } }),
  ],
  ['intermediate', 'intermediate unchanged', 'accepted', () => ({})],
  [
    'intermediate',
    'intermediate without a mesh id',
    'profile_violated:mesh-id',
    () => ({ extensions: { [OID_MESH_IDENTITY]: ext(encodeMeshIdentity({ ...authority.intermediate.identity, meshId: null })) } }),
  ],
  [
    'intermediate',
    'intermediate with pathLen 1',
    'profile_violated:basic-constraints',
    () => ({ extensions: { [OID.basicConstraints]: ext('30060101ff020101', true) } }),
  ],
  [
    'intermediate',
    'intermediate that is no CA',
    'profile_violated:basic-constraints',
    () => ({ extensions: { [OID.basicConstraints]: ext('3000', true) } }),
  ],
  [
    'intermediate',
    'intermediate with SAN',
    'profile_violated:alternative-names',
    () => ({ extensions: { [OID_SUBJECT_ALT_NAME]: san([0x82, 'a.mesh']) } }),
  ],
  [
    'intermediate',
    'intermediate with a role',
    'profile_violated:roles',
    () => ({ extensions: { [OID_MESH_IDENTITY]: ext(encodeMeshIdentity({ ...authority.intermediate.identity, roles: ['operator'] })) } }),
  ],
  [
    'intermediate',
    'intermediate of 4 years',
    'profile_violated:lifetime',
    () => ({ fields: { [FIELD.validity]: encodeValidity(NOW, NOW + 1460 * 86_400_000) } }),
  ],
];

describe('profiles', () => {
  test.each(leafCases)('leaf: %s -> %s', async (_, expected, change) => {
    const der = await forge(leaf, { ...change(), signer: authority.issuerKeys.pair });
    expect(
      codeOf(() => {
        const certificate = parseCertificate(der);
        verifyCertificateSignature(certificate, authority.intermediate.key, authority.crypto);
        lint(certificate, 'leaf', authority.intermediate.key);
      }),
    ).toBe(expected);
  });

  test.each(authorityCases)('%s: %s -> %s', async (profile, _, expected, change) => {
    const original = profile === 'root' ? authority.root : authority.intermediate;
    const der = await forge(original, { ...change(), signer: authority.rootKeys.pair });
    expect(codeOf(() => lint(parseCertificate(der), profile, authority.root.key))).toBe(expected);
  });

  test('an extension given twice and a flood of extensions are refused', async () => {
    const subjectKeyIdAsKeyUsage = Buffer.from(leaf.der).toString('latin1').replace('\x55\x1d\x0e', '\x55\x1d\x0f');
    expect(codeOf(() => parseCertificate(Buffer.from(subjectKeyIdAsKeyUsage, 'latin1')))).toBe('certificate_malformed');
    const many = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`1.2.3.${i}`, ext('0500')]));
    const flooded = await forge(leaf, { signer: authority.issuerKeys.pair, extensions: many });
    expect(codeOf(() => parseCertificate(flooded))).toBe('certificate_malformed');
  });

  test('the alternative signature covers everything but itself and the classical algorithm', () => {
    const covered = Buffer.from(leaf.alternativeSigned);
    expect(covered.includes(Buffer.from(hexBytes('0603551d48')))).toBe(true);
    expect(covered.includes(Buffer.from(hexBytes('0603551d4a')))).toBe(false);
    expect(leaf.extensions.has(OID_ALT_SIGNATURE_VALUE)).toBe(true);
    expect(covered.includes(Buffer.from(leaf.subject))).toBe(true);
  });
});
