import { systemEntropy } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createIntermediate, createRoot } from '../../src/ca/authority.ts';
import { parseCertificate } from '../../src/certificate/certificate.ts';
import type { Bundle } from '../../src/certificate/bundle.ts';
import { LEAF_LIFETIME_MS_MAX, OID_ALT_SIGNATURE_VALUE, OID_SUBJECT_ALT_PUBLIC_KEY_INFO } from '../../src/constants.ts';
import { parseCheckpoint } from '../../src/note/checkpoint.ts';
import { formatNote, parseNote } from '../../src/note/note.ts';
import { type BundleVerification, createVerificationCache, verifyBundle } from '../../src/verification/bundle-verification.ts';
import { createAuthority, createLeaf, NOW } from '../fixtures.ts';
import { encodeValidity, FIELD, forge } from '../forge.ts';
import { removeFolders } from '../log/fixtures.ts';
import { bundleOf, createMesh, type Holder, HOUR_MS, issue, type MeshFixture, nextPolicy, quorumFor, MESH_TIMEOUT_MS } from './fixtures.ts';

let mesh: MeshFixture;
let holder: Holder;
beforeAll(async () => {
  mesh = await createMesh(4);
  holder = await issue(mesh, { names: ['node-1.mesh', '2001:db8::1'] });
}, MESH_TIMEOUT_MS);
afterAll(async () => {
  await mesh.close();
  await removeFolders();
});

const verification = (change: Partial<BundleVerification> = {}): BundleVerification => ({
  at: mesh.clock.now(),
  trust: mesh.trust,
  revocation: mesh.revocations,
  crypto: mesh.authority.crypto,
  ...change,
});
const flipped = (bytes: Uint8Array): Uint8Array => bytes.with(bytes.length - 1, (bytes.at(-1) as number) ^ 1);
const refusal = (suffix: string) => expect.objectContaining({ code: `trustchain.${suffix}` });

describe('a sound bundle', () => {
  test('proves who its holder is', () => {
    const identity = verifyBundle(holder.encoded, verification());
    expect(identity).toMatchObject({
      nodeId: holder.leaf.identity.nodeId,
      meshId: mesh.trust.meshId,
      key: holder.keys.publicKey,
      kemKey: holder.keys.kem.publicKey,
      roles: ['node'],
      names: ['node-1.mesh', '2001:db8::1'],
      serial: holder.leaf.serial,
      revocationIds: [holder.leaf.serial, mesh.authority.intermediate.serial],
      logIndex: holder.bundle.logIndex,
      expired: false,
    });
  });

  test.each([
    ['the first second', NOW],
    ['30 s before it begins, by the clock of the verifier', NOW - 30_000],
    ['30 s after its end', NOW + LEAF_LIFETIME_MS_MAX + 30_000],
  ])('is valid at %s', (_, at) => {
    expect(verifyBundle(holder.bundle, verification({ at })).serial).toBe(holder.leaf.serial);
  });

  test('is judged anew when it is cached', () => {
    const cache = createVerificationCache();
    expect(verifyBundle(holder.bundle, verification({ cache }))).toEqual(verifyBundle(holder.bundle, verification({ cache })));
    const late = NOW + LEAF_LIFETIME_MS_MAX + 31_000;
    expect(() => verifyBundle(holder.bundle, verification({ cache, at: late }))).toThrow(refusal('certificate_expired'));
  });
});

describe('refusals', () => {
  const note = () => parseNote(holder.bundle.checkpoint);
  const withoutSignature = (index: number) => formatNote({ ...note(), signatures: note().signatures.toSpliced(index, 1) });

  test.each<[string, string, () => Partial<Bundle>, (() => Partial<BundleVerification>)?]>([
    ['not yet valid', 'certificate_not_yet_valid', () => ({}), () => ({ at: NOW - 30_001 })],
    ['expired', 'certificate_expired', () => ({}), () => ({ at: NOW + LEAF_LIFETIME_MS_MAX + 30_001 })],
    ['no intermediate', 'chain_untrusted', () => ({ intermediates: [] })],
    [
      'an unknown intermediate form',
      'unsupported',
      () => ({ intermediates: [mesh.authority.intermediate.der, mesh.authority.intermediate.der] }),
    ],
    ['the root as intermediate', 'profile_violated', () => ({ intermediates: [mesh.authority.root.der] })],
    ['the leaf as its own issuer', 'chain_untrusted', () => ({ intermediates: [holder.leaf.der] })],
    ['garbage as leaf', 'certificate_malformed', () => ({ leaf: Uint8Array.of(0x30, 0) })],
    ['a bit of the leaf changed', 'signature_failed', () => ({ leaf: flipped(holder.leaf.der) })],
    ['rotations', 'unsupported', () => ({ rotations: [Uint8Array.of(1)] })],
    ['an index outside the tree', 'certificate_unlogged', () => ({ logIndex: 1_000_000 })],
    ['no proof for a later index', 'certificate_unlogged', () => ({ logIndex: holder.bundle.logIndex + 1 })],
    ['a longer proof', 'certificate_unlogged', () => ({ inclusionProof: [...holder.bundle.inclusionProof, new Uint8Array(32)] })],
    ['garbage as checkpoint', 'checkpoint_malformed', () => ({ checkpoint: Uint8Array.of(1) })],
    ['no Ed25519 signature of the log', 'checkpoint_unsigned', () => ({ checkpoint: withoutSignature(0) })],
    ['no FALCON signature of the log', 'checkpoint_unsigned', () => ({ checkpoint: withoutSignature(1) })],
    ['a checkpoint of another log', 'checkpoint_unsigned', () => ({ checkpoint: mesh.revocationLog.log.checkpoint() })],
    ['no revocation snapshot', 'revocation_stale', () => ({}), () => ({ revocation: { find: () => null, nextUpdate: () => null } })],
    ['a stale snapshot', 'revocation_stale', () => ({}), () => ({ revocation: { find: () => null, nextUpdate: () => NOW } })],
  ])('%s: %s', (_, code, change, options) => {
    expect(() => verifyBundle({ ...holder.bundle, ...change() }, verification(options?.()))).toThrow(refusal(code));
  });

  test('trailing bytes are no bundle', () => {
    expect(() => verifyBundle(Uint8Array.of(...holder.encoded, 0), verification())).toThrow(refusal('bundle_malformed'));
  });

  test('a certificate that was never logged', async () => {
    const leaf = await createLeaf(mesh.authority, holder.keys);
    expect(() => verifyBundle({ ...holder.bundle, leaf: leaf.der }, verification())).toThrow(refusal('certificate_unlogged'));
  });

  test('a root that is not of this mesh', async () => {
    const foreign = await createAuthority(mesh.trust.meshId);
    const leaf = await createLeaf(foreign, holder.keys);
    const bundle = await bundleOf({ ...mesh, authority: foreign }, leaf);
    expect(() => verifyBundle(bundle, verification())).toThrow(refusal('chain_untrusted'));
    await foreign.crypto.close();
  });

  test('a leaf of the known issuer for another mesh', async () => {
    const leaf = await createLeaf(mesh.authority, holder.keys, { meshId: new Uint8Array(32).fill(9) });
    const bundle = await bundleOf(mesh, leaf);
    expect(() => verifyBundle(bundle, verification())).toThrow(refusal('mesh_mismatch'));
  });

  test.each([
    ['signature', { withoutAlternative: true }],
    ['signature algorithm', { extensions: { '2.5.29.73': null } }],
    ['key', { extensions: { [OID_SUBJECT_ALT_PUBLIC_KEY_INFO]: null } }],
  ])('a leaf without the FALCON %s', async (_, forgery) => {
    const der = await forge(holder.leaf, { signer: mesh.authority.issuerKeys.pair, ...forgery });
    const bundle = await bundleOf(mesh, { der });
    expect(() => verifyBundle(bundle, verification())).toThrow(refusal('signature_stripped'));
  });

  test('a leaf whose FALCON signature is that of another certificate', async () => {
    const other = holder.leaf.extensions.get(OID_ALT_SIGNATURE_VALUE)?.value as Uint8Array;
    const fresh = await createLeaf(mesh.authority, holder.keys);
    const extensions = { [OID_ALT_SIGNATURE_VALUE]: { critical: false, value: other } };
    const der = await forge(fresh, { signer: mesh.authority.issuerKeys.pair, withoutAlternative: true, extensions });
    expect(parseCertificate(der).serial).toBe(fresh.serial);
    const bundle = await bundleOf(mesh, { der });
    expect(() => verifyBundle(bundle, verification())).toThrow(refusal('signature_failed'));
  });

  test('an issuer whose time is over, or longer than that of its root', async () => {
    const { crypto, rootKeys, root, issuerKeys } = mesh.authority;
    const late = mesh.authority.intermediate.notAfter;
    const leaf = await createLeaf(mesh.authority, holder.keys, { notBefore: late - HOUR_MS });
    const bundle = await bundleOf(mesh, leaf);
    const revocation = { find: () => null, nextUpdate: () => Infinity };
    expect(verifyBundle(bundle, verification({ at: late, revocation })).serial).toBe(leaf.serial);
    expect(() => verifyBundle(bundle, verification({ at: late + 30_001, revocation }))).toThrow(refusal('certificate_expired'));

    const components = { crypto, entropy: systemEntropy };
    const request = { commonName: root.commonName, notBefore: NOW - 1000 };
    const elder = await createRoot(rootKeys.pair, request, components);
    const authority = { certificate: elder.der, keys: rootKeys.pair };
    const early = { commonName: 'Test Issuer', meshId: mesh.trust.meshId, notBefore: NOW - 1000 };
    const issuer = await createIntermediate(authority, issuerKeys.publicKey, early, components);
    expect(() => verifyBundle({ ...holder.bundle, intermediates: [issuer.der] }, verification())).toThrow(refusal('chain_untrusted'));
  });

  test('a leaf that breaks its profile, though its issuer has signed it', async () => {
    const fields = { [FIELD.validity]: encodeValidity(NOW, NOW + LEAF_LIFETIME_MS_MAX + 1000) };
    const der = await forge(holder.leaf, { signer: mesh.authority.issuerKeys.pair, fields });
    const bundle = await bundleOf(mesh, { der });
    expect(() => verifyBundle(bundle, verification())).toThrow(refusal('profile_violated'));
  });

  test('a leaf whose issuer is revoked', () => {
    const { serial } = mesh.authority.intermediate;
    const revoked = { serial, reason: 'ca-compromise', invalidityDate: null, time: NOW, revoker: new Uint8Array(32) } as const;
    const revocation = { find: (asked: string) => (asked === serial ? revoked : null), nextUpdate: () => Infinity };
    expect(() => verifyBundle(holder.bundle, verification({ revocation }))).toThrow(refusal('certificate_revoked'));
  });

  test('every single changed byte of the leaf', () => {
    for (let at = 0; at < holder.leaf.der.length; at += 97) {
      const leaf = holder.leaf.der.with(at, (holder.leaf.der[at] as number) ^ 0x40);
      expect(() => verifyBundle({ ...holder.bundle, leaf }, verification())).toThrow(/./);
    }
  });
});

describe('a leaf that expired', () => {
  const at = () => NOW + LEAF_LIFETIME_MS_MAX + 29 * 24 * HOUR_MS;

  test('may renew for 30 days, though the revocation view is stale', () => {
    expect(verifyBundle(holder.bundle, verification({ at: at(), renewal: true })).expired).toBe(true);
    const later = at() + 2 * 24 * HOUR_MS;
    expect(() => verifyBundle(holder.bundle, verification({ at: later, renewal: true }))).toThrow(refusal('certificate_expired'));
  });
});

describe('revocation', () => {
  test('of the leaf or of its issuer ends the identity; an earlier signature stands', async () => {
    const revoked = await issue(mesh);
    mesh.clock.step(1);
    const { serial } = revoked.leaf;
    const revoker = new Uint8Array(32);
    await mesh.revocationLog.revoke({ serial, reason: 'superseded', invalidityDate: null, revoker });
    await mesh.revocations.apply(mesh.revocationLog.update(mesh.revocations.size()));
    const now = mesh.clock.now();
    expect(() => verifyBundle(revoked.bundle, verification())).toThrow(refusal('certificate_revoked'));
    expect(() => verifyBundle(revoked.bundle, verification({ renewal: true }))).toThrow(refusal('certificate_revoked'));
    expect(verifyBundle(revoked.bundle, verification({ at: now - 31_000 })).serial).toBe(serial);

    mesh.clock.step(1);
    await mesh.revocationLog.revoke({ serial, reason: 'key-compromise', invalidityDate: now - 60_000, revoker });
    await mesh.revocations.apply(mesh.revocationLog.update(mesh.revocations.size()));
    expect(() => verifyBundle(revoked.bundle, verification({ at: now - 31_000 }))).toThrow(refusal('certificate_revoked'));
    expect(verifyBundle(revoked.bundle, verification({ at: now - 61_000 })).serial).toBe(serial);
    expect(verifyBundle(holder.bundle, verification()).serial).toBe(holder.leaf.serial);
  });
});

describe('witnesses', () => {
  test('from policy version 1 on a quorum must have cosigned, unless the verifier takes version 0', async () => {
    const before = verification();
    expect(await mesh.trust.adopt([await nextPolicy(mesh)])).toBe(true);
    expect(() => verifyBundle(holder.bundle, before)).toThrow(refusal('witness_quorum_missing'));
    expect(verifyBundle(holder.bundle, { ...before, policyVersionMin: 0 }).serial).toBe(holder.leaf.serial);

    mesh.cosigning = quorumFor(mesh);
    await mesh.certificates.refresh();
    const { index, proof, checkpoint } = await mesh.certificates.receipt(holder.bundle.logIndex);
    const fresh: Bundle = { ...holder.bundle, logIndex: index, inclusionProof: proof, checkpoint };
    const cache = createVerificationCache();
    expect(verifyBundle(fresh, verification({ cache })).serial).toBe(holder.leaf.serial);
    expect(parseCheckpoint(checkpoint).note.signatures).toHaveLength(5);

    const note = parseNote(checkpoint);
    const changed = note.signatures.map(({ bytes, ...rest }, i) => ({ ...rest, bytes: i === 4 ? flipped(bytes) : bytes }));
    const forged = formatNote({ ...note, signatures: changed });
    expect(() => verifyBundle({ ...fresh, checkpoint: forged }, verification({ cache }))).toThrow(refusal('witness_quorum_missing'));
    const fewer = formatNote({ ...note, signatures: note.signatures.slice(0, 4) });
    expect(() => verifyBundle({ ...fresh, checkpoint: fewer }, verification({ cache }))).toThrow(refusal('witness_quorum_missing'));
  });
});
