import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCrypto, type Crypto, decode, equalBytes, hasCode, sha256, systemClock, systemEntropy } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assertIntermediate, assertIssuerKeys } from '../../src/ca/authority.ts';
import { parseCertificate } from '../../src/certificate/certificate.ts';
import { invitationsCodec } from '../../src/enrolment/invitations.ts';
import { parseJoinToken, tokenHashOf } from '../../src/enrolment/join-token.ts';
import { decodeGenesis, meshIdOf } from '../../src/genesis/genesis.ts';
import { nodeNameOf } from '../../src/genesis/ids.ts';
import { IDENTITY_KEY, ISSUER_KEY, KEM_KEY, VOTE_KEY, WITNESS_KEY } from '../../src/init/key-plan.ts';
import { createMesh, type NewMesh } from '../../src/init/mesh.ts';
import { writeMesh } from '../../src/init/mesh-files.ts';
import { createMeshPlan, type MeshPlan } from '../../src/init/plan.ts';
import { loadSigningPair, openKeystore, readPassphrase } from '../../src/keys/keystore.ts';
import { keyClaimId } from '../../src/verification/identity-message.ts';
import { NOW } from '../fixtures.ts';

const SUPPLY = 10n ** 18n;
const clock = { ...systemClock, now: () => NOW };

let crypto: Crypto;
let plan: MeshPlan;
let mesh: NewMesh;
let parent: string;
let directory: string;

beforeAll(async () => {
  crypto = await createCrypto();
  plan = createMeshPlan({
    meshName: 'test',
    trustchaind: ['127.0.0.1:9292'],
    validators: ['validator-1', 'validator-2'].map((name, index) => ({ name, addresses: [`127.0.0.1:${9300 + index}`] })),
    supplyUnits: SUPPLY,
    user: 'alice',
    endowment: 5n,
  });
  mesh = await createMesh(plan, { crypto, entropy: systemEntropy, clock });
  parent = await mkdtemp(join(tmpdir(), 'init-'));
  directory = join(parent, 'mesh dir');
  await writeMesh(directory, mesh.files);
});
afterAll(async () => {
  await crypto.close();
  await rm(parent, { recursive: true });
});

const file = (path: string): Promise<Uint8Array> => readFile(join(directory, path)).then((bytes) => new Uint8Array(bytes));
const open = async (folder: string) =>
  openKeystore(join(directory, folder, 'keystore'), await readPassphrase(join(directory, folder, 'passphrase')), {
    entropy: systemEntropy,
    now: clock.now,
  });

describe('a new mesh on disk', () => {
  test('has a folder for everybody, readable by the owner only', async () => {
    expect((await readdir(directory)).toSorted()).toEqual(['genesis.bin', 'nodes', 'operators', 'root']);
    expect((await readdir(join(directory, 'nodes'))).toSorted()).toEqual([
      'alice',
      'caesard',
      'catalogd',
      'stoqd',
      'trustchaind',
      'validator-1',
      'validator-2',
    ]);
    for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
      const { mode } = await stat(join(entry.parentPath, entry.name));
      expect(mode & 0o777).toBe(entry.isDirectory() ? 0o700 : 0o600);
    }
  });

  test('has a genesis of which the hash is the mesh id, with the supply shared out exactly', async () => {
    const genesis = decodeGenesis(await file('genesis.bin'));
    expect(meshIdOf(genesis)).toEqual(mesh.meshId);
    expect(genesis.pools).toEqual([
      { account: `owner/${nodeNameOf(mesh.nodeIds.get('alice') as Uint8Array)}`, amount: 5n },
      { account: 'pool/rewards', amount: SUPPLY - 5n },
    ]);
    expect(genesis.machines.map(({ name, version }) => `${name}/${version}`)).toEqual(['mesh/1', 'catalog/1', 'caesar/1']);
    expect(await file('nodes/caesard/genesis.bin')).toEqual(await file('genesis.bin'));
  });

  test('has an intermediate under the root, whose keys trustchaind holds', async () => {
    const genesis = decodeGenesis(await file('genesis.bin'));
    const intermediate = parseCertificate(await file('nodes/trustchaind/intermediate.der'));
    const root = parseCertificate(genesis.roots[0] as Uint8Array);
    expect(() => assertIntermediate(intermediate, root, mesh.meshId, crypto)).not.toThrow();
    const keystore = await open('nodes/trustchaind');
    expect(() => assertIssuerKeys(intermediate, loadSigningPair(keystore, ISSUER_KEY, crypto))).not.toThrow();
    expect(loadSigningPair(keystore, IDENTITY_KEY, crypto).postQuantum.publicKey).toEqual(genesis.trustchaind.sessionKey.postQuantum);
  });

  test('gives every validator the keys that genesis names', async () => {
    const genesis = decodeGenesis(await file('genesis.bin'));
    for (const entry of genesis.validators) {
      const keystore = await open(`nodes/${entry.name}`);
      expect(keystore.get(VOTE_KEY).publicKey).toEqual(entry.voteKey);
      expect(keystore.get(WITNESS_KEY).publicKey).toEqual(entry.witnessKey);
      expect(keystore.get(IDENTITY_KEY.postQuantum).publicKey).toEqual(entry.sessionKey.postQuantum);
      expect(keystore.get(KEM_KEY).publicKey.algorithm).toBe('ml-kem-1024');
    }
  });

  test('invites everybody who will enrol, and stores no secret of a token', async () => {
    const genesis = decodeGenesis(await file('genesis.bin'));
    const packed = await file('nodes/trustchaind/invitations.bin');
    const invitations = decode(invitationsCodec, packed);
    expect(invitations).toHaveLength(6);
    const token = parseJoinToken(new TextDecoder().decode(await file('nodes/validator-1/token')));
    expect(token).toMatchObject({
      meshId: mesh.meshId,
      rootFingerprint: sha256(genesis.roots[0] as Uint8Array),
      serverId: keyClaimId(genesis.trustchaind.sessionKey),
      addresses: ['127.0.0.1:9292'],
    });
    const hash = tokenHashOf(mesh.meshId, token.secret);
    expect(invitations.find(({ tokenHash }) => equalBytes(tokenHash, hash))).toMatchObject({
      roles: ['node', 'validator'],
      names: ['validator-1.mesh'],
    });
    expect(Buffer.from(packed).includes(Buffer.from(token.secret))).toBe(false);
  });

  test('is not overwritten', async () => {
    const again = writeMesh(directory, [{ path: 'genesis.bin', bytes: Uint8Array.of(1) }]);
    await expect(again).rejects.toSatisfy((error) => hasCode(error, 'trustchain.mesh_exists'));
    expect(await readdir(parent)).toEqual(['mesh dir']);
    const empty = join(parent, 'empty');
    await mkdir(empty);
    await writeMesh(empty, [{ path: 'a/b', bytes: Uint8Array.of(1) }]);
    expect(await readdir(empty)).toEqual(['a']);
    await rm(empty, { recursive: true });
  });
});

describe('a plan that cannot be', () => {
  const cases: [string, Partial<MeshPlan>, string][] = [
    ['two of one name', { members: [{ name: 'validator-1', roles: ['node'], names: [] }] }, 'trustchain.config_invalid'],
    ['a name that is no folder', { members: [{ name: '../x', roles: ['node'], names: [] }] }, 'trustchain.config_invalid'],
    ['more than the supply', { endowments: [{ member: 'validator-1', amount: SUPPLY + 1n }] }, 'trustchain.config_invalid'],
    ['an endowment of nobody', { endowments: [{ member: 'bob', amount: 1n }] }, 'trustchain.config_invalid'],
    ['no validator', { validators: [] }, 'trustchain.genesis_malformed'],
  ];
  test.each(cases)('%s', async (_name, change, code) => {
    const small: MeshPlan = { ...plan, validators: plan.validators.slice(0, 1), members: [], endowments: [], ...change };
    const made = createMesh(small, { crypto, entropy: systemEntropy, clock });
    await expect(made).rejects.toSatisfy((error) => hasCode(error, code));
  });
});
