import { CodedError, type LocalIdentity, systemEntropy } from '@hypermesh/stoq';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { createIntermediate } from '../../src/ca/authority.ts';
import { type Bundle, encodeBundle } from '../../src/certificate/bundle.ts';
import { OID_SUBJECT_ALT_PUBLIC_KEY_INFO } from '../../src/constants.ts';
import { createAuthority, createKeys, createLeaf, type Keys, NOW } from '../fixtures.ts';
import { forge } from '../forge.ts';
import { removeFolders } from '../log/fixtures.ts';
import { bundleOf, createMesh, type Holder, HOUR_MS, issue, type MeshFixture, MESH_TIMEOUT_MS } from '../verification/fixtures.ts';
import { echoContract, type Peer, startPeer } from './peers.ts';

let mesh: MeshFixture;
let sound: Holder;
let keys: Keys;
beforeAll(async () => {
  mesh = await createMesh(1);
  sound = await issue(mesh, { names: ['sound.mesh'] });
  keys = await createKeys(mesh.authority.crypto);
}, MESH_TIMEOUT_MS);
afterAll(async () => {
  await mesh.close();
  await removeFolders();
});

const otherMesh = new Uint8Array(32).fill(9);
const bundleHeld = async (fields: Parameters<typeof createLeaf>[2] = {}): Promise<Bundle> => (await issue(mesh, fields, keys)).bundle;

/** What each peer shows; all hold the keys that they show. */
const shown: Readonly<Record<string, () => Promise<Bundle>>> = {
  unlogged: async () => ({ ...(await bundleHeld()), leaf: (await createLeaf(mesh.authority, keys)).der }),
  expired: () => bundleHeld({ notBefore: NOW - 48 * HOUR_MS }),
  async revoked() {
    const { bundle, leaf } = await issue(mesh, {}, keys);
    await mesh.revocationLog.revoke({
      serial: leaf.serial,
      reason: 'superseded',
      invalidityDate: null,
      revoker: leaf.identity.nodeId as Uint8Array,
    });
    await mesh.revocationLog.publish();
    await mesh.revocations.apply(mesh.revocationLog.update(mesh.revocations.size()));
    return bundle;
  },
  async 'foreign root'() {
    const foreign = await createAuthority(mesh.trust.meshId);
    onTestFinished(() => foreign.crypto.close());
    return bundleOf({ ...mesh, authority: foreign }, await createLeaf(foreign, keys));
  },
  'foreign mesh': async () => bundleOf(mesh, await createLeaf(mesh.authority, keys, { meshId: otherMesh })),
  async 'issuer of a foreign mesh under the same root'() {
    const { crypto, root, rootKeys, issuerKeys } = mesh.authority;
    const request = { commonName: 'Test Issuer', meshId: otherMesh, notBefore: NOW };
    const components = { crypto, entropy: systemEntropy };
    const intermediate = await createIntermediate(
      { certificate: root.der, keys: rootKeys.pair },
      issuerKeys.publicKey,
      request,
      components,
    );
    const authority = { ...mesh.authority, intermediate };
    return bundleOf({ ...mesh, authority }, await createLeaf(authority, keys, { meshId: otherMesh }));
  },
  'FALCON signature stripped': () => stripped({ withoutAlternative: true }),
  'FALCON key stripped': () => stripped({ extensions: { [OID_SUBJECT_ALT_PUBLIC_KEY_INFO]: null } }),
};

async function stripped(forgery: Omit<Parameters<typeof forge>[1], 'signer'>): Promise<Bundle> {
  const leaf = await createLeaf(mesh.authority, keys);
  return bundleOf(mesh, { der: await forge(leaf, { signer: mesh.authority.issuerKeys.pair, ...forgery }) });
}

/** Shows a bundle without looking at it, as a hostile peer does. */
function identityOf(bundle: Bundle, { classical, postQuantum }: Keys): LocalIdentity {
  const signer = mesh.authority.crypto.createHybridSigner(classical, postQuantum);
  const encoded = encodeBundle(bundle);
  return { kind: 'bundle', bundle: () => encoded, signer: () => signer };
}

async function start(identity: LocalIdentity, listen: readonly string[]): Promise<Peer> {
  const peer = await startPeer(mesh, identity, { listen });
  onTestFinished(() => peer.host.stop({ graceMs: 0 }));
  return peer;
}

async function call(client: Peer, server: Peer): Promise<string> {
  const target = { addresses: server.host.addresses(), expect: 'bundle' } as const;
  return client.host
    .connect(echoContract, target)
    .echo({ text: 'hello' }, { deadlineMs: 5_000 })
    .then(
      ({ text }) => text,
      (error: unknown) => (error instanceof CodedError ? error.code : String(error)),
    );
}

test('a peer with a sound certificate is served, in either role', async () => {
  const other = await issue(mesh, { names: ['other.mesh'] }, keys);
  const client = await start(identityOf(other.bundle, keys), []);
  const server = await start(identityOf(sound.bundle, sound.keys), ['127.0.0.1:0']);
  expect(await call(client, server)).toBe('hello answered');
  expect([client.opened, server.opened, server.refused]).toEqual([['sound.mesh'], ['other.mesh'], []]);
  expect(server.callers).toMatchObject([{ kind: 'bundle', names: ['other.mesh'], restricted: false }]);
});

test.each([
  ['unlogged', 'trustchain.certificate_unlogged'],
  ['expired', 'trustchain.certificate_expired'],
  ['revoked', 'trustchain.certificate_revoked'],
  ['foreign root', 'trustchain.chain_untrusted'],
  ['foreign mesh', 'trustchain.mesh_mismatch'],
  ['issuer of a foreign mesh under the same root', 'trustchain.mesh_mismatch'],
  ['FALCON signature stripped', 'trustchain.signature_stripped'],
  ['FALCON key stripped', 'trustchain.signature_stripped'],
])('%s: %s on both sides, as client and as server', { timeout: 20_000 }, async (name, code) => {
  const bad = identityOf(await (shown[name] as () => Promise<Bundle>)(), keys);
  const good = identityOf(sound.bundle, sound.keys);
  for (const [dialling, listening] of [
    [bad, good],
    [good, bad],
  ] as const) {
    const client = await start(dialling, []);
    const server = await start(listening, ['127.0.0.1:0']);
    expect(await call(client, server)).toBe(code);
    await vi.waitUntil(() => server.refused.length > 0, { timeout: 5_000, interval: 10 });
    expect([...new Set(server.refused)]).toEqual([code]);
    expect([client.opened, server.opened, server.callers]).toEqual([[], [], []]);
  }
});
