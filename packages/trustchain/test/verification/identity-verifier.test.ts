import type { IdentityClaim, IdentityVerifier, LocalIdentity } from '@hypermesh/stoq';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CLOCK_SKEW_MS_MAX, LEAF_LIFETIME_MS_MAX, RENEW_EXPIRED_MS_MAX } from '../../src/constants.ts';
import { nodeIdOf } from '../../src/genesis/ids.ts';
import { TRUSTCHAIND_NAME } from '../../src/genesis/validation.ts';
import { REVOCATION_LIFETIME_MS } from '../../src/revocation/update.ts';
import { encodeKeyClaim, encodeSetEntryClaim, keyClaimId } from '../../src/verification/identity-message.ts';
import { createIdentityVerifier, type IdentityVerifierComponents } from '../../src/verification/identity-verifier.ts';
import {
  createBundleIdentity,
  createPinnedIdentity,
  createRawKeyIdentity,
  createSetEntryIdentity,
} from '../../src/verification/local-identity.ts';
import { genesisSetEntries, type SetEntry } from '../../src/verification/set-entries.ts';
import { createKeys, createLeaf, type Keys } from '../fixtures.ts';
import { removeFolders } from '../log/fixtures.ts';
import { bundleOf, createMesh, hold, type Holder, HOUR_MS, issue, type MeshFixture, nextPolicy, MESH_TIMEOUT_MS } from './fixtures.ts';
import { encodeBundle } from '../../src/certificate/bundle.ts';

let mesh: MeshFixture;
let holder: Holder;
let other: Keys;
beforeAll(async () => {
  mesh = await createMesh(1);
  other = await createKeys(mesh.authority.crypto);
}, MESH_TIMEOUT_MS);
afterAll(async () => {
  await mesh.close();
  await removeFolders();
});
beforeEach(async () => {
  await mesh.revocationLog.publish();
  await mesh.revocations.apply(mesh.revocationLog.update(mesh.revocations.size()));
  const now = mesh.clock.now();
  holder = await issue(mesh, { notBefore: now - HOUR_MS }, holder?.keys);
});

const refusal = (suffix: string) => expect.objectContaining({ code: `trustchain.${suffix}` });
const verifierOf = (change: Partial<IdentityVerifierComponents> = {}): IdentityVerifier => {
  const { trust, revocations, clock } = mesh;
  return createIdentityVerifier({ trust, revocations, clock, crypto: mesh.authority.crypto, ...change });
};
const claimOf = (identity: LocalIdentity, role: IdentityClaim['role'] = 'client'): IdentityClaim => ({
  kind: identity.kind,
  bundle: identity.bundle(),
  role,
});
const signerOf = (keys: Keys) => mesh.authority.crypto.createHybridSigner(keys.classical, keys.postQuantum);
const otherMesh = new Uint8Array(32).fill(9);

describe('bundles', () => {
  test('make an identity of the certificate, until the session must end', async () => {
    const identity = createBundleIdentity(holder.encoded, holder.signer);
    const peer = await verifierOf().verify(claimOf(identity));
    expect(peer).toEqual({
      kind: 'bundle',
      id: nodeIdOf(holder.keys.publicKey.postQuantum),
      key: holder.keys.publicKey,
      roles: ['node'],
      names: ['node-1.mesh'],
      notAfter: holder.leaf.notAfter + CLOCK_SKEW_MS_MAX,
      revocationIds: [holder.leaf.serial, mesh.authority.intermediate.serial],
      restricted: false,
    });
  });

  test('are replaced when they are renewed, with the same keys only', async () => {
    const identity = createBundleIdentity(holder.encoded, holder.signer);
    const leaf = await createLeaf(mesh.authority, holder.keys, { notBefore: mesh.clock.now() });
    const renewed = await hold(mesh, holder.keys, leaf);
    identity.replace(renewed.encoded);
    expect(identity.current()).toEqual(renewed.bundle);
    expect((await verifierOf().verify(claimOf(identity))).revocationIds[0]).toBe(leaf.serial);
    const foreign = encodeBundle(await bundleOf(mesh, await createLeaf(mesh.authority, other)));
    expect(() => identity.replace(foreign)).toThrow(refusal('config_invalid'));
    expect(() => createBundleIdentity(holder.encoded.subarray(1), holder.signer)).toThrow(refusal('bundle_malformed'));
    expect(identity.signer()).toBe(holder.signer);
  });

  test('that expired renew in a restricted session, as clients of a server that allows it', async () => {
    const claim = claimOf(createBundleIdentity(holder.encoded, holder.signer));
    mesh.clock.step(LEAF_LIFETIME_MS_MAX + 72 * HOUR_MS);
    const renewing = verifierOf({ accept: { bundle: 'renewable' } });
    await expect(verifierOf().verify(claim)).rejects.toThrow(refusal('certificate_expired'));
    await expect(renewing.verify({ ...claim, role: 'server' })).rejects.toThrow(refusal('certificate_expired'));
    const peer = await renewing.verify(claim);
    expect(peer).toMatchObject({ restricted: true, notAfter: holder.leaf.notAfter + CLOCK_SKEW_MS_MAX + RENEW_EXPIRED_MS_MAX });
    expect(renewing.stillValid(peer)).toBe(true);
  });

  test('are not taken by a side that wants none', async () => {
    const claim = claimOf(createBundleIdentity(holder.encoded, holder.signer));
    await expect(verifierOf({ accept: { bundle: 'none' } }).verify(claim)).rejects.toThrow(refusal('identity_kind_refused'));
  });

  test('are refused while the revocation view is stale, except to renew in a restricted session', async () => {
    mesh.clock.step(REVOCATION_LIFETIME_MS + 1);
    const fresh = await issue(mesh, { notBefore: mesh.clock.now() }, holder.keys);
    const claim = claimOf(createBundleIdentity(fresh.encoded, fresh.signer));
    await expect(verifierOf().verify(claim)).rejects.toThrow(refusal('revocation_stale'));
    expect((await verifierOf({ accept: { bundle: 'renewable' } }).verify(claim)).restricted).toBe(true);
  });
});

describe('a live session of a bundle', () => {
  test('ends when the certificate is revoked, expires, or nobody can tell', async () => {
    const verifier = verifierOf();
    const peer = await verifier.verify(claimOf(createBundleIdentity(holder.encoded, holder.signer)));
    let calls = 0;
    const unsubscribe = verifier.onChange(() => calls++);
    expect(verifier.stillValid(peer)).toBe(true);
    await mesh.revocationLog.revoke({ serial: holder.leaf.serial, reason: 'superseded', invalidityDate: null, revoker: peer.id });
    expect(verifier.stillValid(peer)).toBe(true);
    await mesh.revocations.apply(mesh.revocationLog.update(mesh.revocations.size()));
    expect([verifier.stillValid(peer), calls]).toEqual([false, 1]);
    unsubscribe();

    const stranger = { ...peer, revocationIds: ['00'] };
    expect(verifier.stillValid(stranger)).toBe(true);
    mesh.clock.step((peer.notAfter as number) - mesh.clock.now());
    expect(verifier.stillValid(stranger)).toBe(true);
    mesh.clock.step(1);
    expect(verifier.stillValid(stranger)).toBe(false);
    const lasting = { ...stranger, notAfter: null };
    mesh.clock.step(REVOCATION_LIFETIME_MS);
    expect([verifier.stillValid(lasting), verifier.stillValid({ ...lasting, restricted: true })]).toEqual([false, true]);
  });
});

describe('set entries', () => {
  const identityOf = (name: string, meshId = mesh.trust.meshId): LocalIdentity =>
    createSetEntryIdentity(
      { meshId, name },
      signerOf((mesh.genesis.validators[0] as MeshFixture['genesis']['validators'][number]).session),
    );

  test.each([
    ['validator-1', ['node', 'validator'], () => mesh.genesis.validators[0]?.session],
    [TRUSTCHAIND_NAME, ['service'], () => mesh.genesis.session],
  ])('%s is known by genesis', async (name, roles, keys) => {
    const key = (keys() as Keys).publicKey;
    const verifier = verifierOf();
    const peer = await verifier.verify(claimOf(identityOf(name), 'server'));
    const id = nodeIdOf(key.postQuantum);
    expect(peer).toEqual({ kind: 'set-entry', id, key, roles, names: [name], notAfter: null, revocationIds: [], restricted: false });
    expect(verifier.stillValid(peer)).toBe(true);
  });

  test('are not held up by a stale revocation view', async () => {
    const verifier = verifierOf({ revocations: { find: () => null, nextUpdate: () => null, onChange: () => () => undefined } });
    expect(verifier.stillValid(await verifier.verify(claimOf(identityOf('validator-1'))))).toBe(true);
  });

  test.each<[string, string, () => IdentityClaim, Partial<IdentityVerifierComponents>?]>([
    ['an unknown name', 'identity_unknown', () => claimOf(identityOf('validator-9'))],
    ['another mesh', 'mesh_mismatch', () => claimOf(identityOf('validator-1', otherMesh))],
    ['garbage', 'identity_malformed', () => ({ ...claimOf(identityOf('validator-1')), bundle: Uint8Array.of(1) })],
    ['a side that takes none', 'identity_kind_refused', () => claimOf(identityOf('validator-1')), { accept: { setEntry: false } }],
  ])('%s: %s', async (_, code, claim, change) => {
    await expect(verifierOf(change).verify(claim())).rejects.toThrow(refusal(code));
  });

  test('of a validator that left the set, or changed its key, are no longer valid', async () => {
    const entry = genesisSetEntries(mesh.genesis.genesis).find('validator-1') as SetEntry;
    let current: SetEntry | null = entry;
    const verifier = verifierOf({ setEntries: { find: () => current } });
    const peer = await verifier.verify(claimOf(identityOf('validator-1')));
    expect(verifier.stillValid(peer)).toBe(true);
    current = { ...entry, key: other.publicKey };
    expect(verifier.stillValid(peer)).toBe(false);
    current = null;
    expect(verifier.stillValid(peer)).toBe(false);
  });
});

describe('bare keys', () => {
  test('enrol at a server that allows it, and do nothing else', async () => {
    const identity = createRawKeyIdentity(mesh.trust.meshId, signerOf(other));
    const verifier = verifierOf({ accept: { rawKey: true } });
    const peer = await verifier.verify(claimOf(identity));
    expect(peer).toMatchObject({ kind: 'raw-key', id: keyClaimId(other.publicKey), key: other.publicKey, roles: [], restricted: true });
    expect(verifier.stillValid(peer)).toBe(true);
    await expect(verifier.verify(claimOf(identity, 'server'))).rejects.toThrow(refusal('identity_kind_refused'));
    await expect(verifierOf().verify(claimOf(identity))).rejects.toThrow(refusal('identity_kind_refused'));
    const elsewhere = claimOf(createRawKeyIdentity(otherMesh, signerOf(other)));
    await expect(verifier.verify(elsewhere)).rejects.toThrow(refusal('mesh_mismatch'));
  });

  test('that are pinned do what the pin says', async () => {
    const pin = { key: other.publicKey, roles: ['operator'], names: ['console'] } as const;
    const verifier = verifierOf({ accept: { pinned: [pin] } });
    const peer = await verifier.verify(claimOf(createPinnedIdentity(mesh.trust.meshId, signerOf(other)), 'server'));
    expect(peer).toMatchObject({
      kind: 'pinned',
      id: keyClaimId(other.publicKey),
      roles: ['operator'],
      names: ['console'],
      restricted: false,
    });
    const stranger = claimOf(createPinnedIdentity(mesh.trust.meshId, holder.signer));
    await expect(verifier.verify(stranger)).rejects.toThrow(refusal('identity_kind_refused'));
  });

  test('in another encoding are refused', async () => {
    const verifier = verifierOf({ accept: { rawKey: true } });
    const encoded = encodeKeyClaim({ meshId: mesh.trust.meshId, key: other.publicKey });
    const wrong = [encoded.subarray(1), Uint8Array.of(...encoded, 0), encodeSetEntryClaim({ meshId: mesh.trust.meshId, name: 'x' })];
    for (const bundle of wrong) {
      await expect(verifier.verify({ kind: 'raw-key', bundle, role: 'client' })).rejects.toThrow(refusal('identity_malformed'));
    }
  });
});

describe('witness policy', () => {
  test('version 1 refuses bundles of phase 0, except where fresh ones are handed out', async () => {
    await mesh.trust.adopt([await nextPolicy(mesh)]);
    const claim = claimOf(createBundleIdentity(holder.encoded, holder.signer));
    await expect(verifierOf().verify(claim)).rejects.toThrow(refusal('witness_quorum_missing'));
    expect((await verifierOf({ policyVersionMin: 0 }).verify(claim)).restricted).toBe(false);
  });
});
