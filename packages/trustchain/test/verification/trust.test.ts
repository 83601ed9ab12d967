import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { meshIdOf } from '../../src/genesis/genesis.ts';
import { createTrust } from '../../src/verification/trust.ts';
import { encodePolicyHistory, POLICY_HISTORY_BYTES_MAX } from '../../src/witness/policy.ts';
import { createFolder, removeFolders } from '../log/fixtures.ts';
import { createMesh, type MeshFixture, nextPolicy, MESH_TIMEOUT_MS } from './fixtures.ts';

let mesh: MeshFixture;
beforeAll(async () => {
  mesh = await createMesh(4);
}, MESH_TIMEOUT_MS);
afterAll(async () => {
  await mesh.close();
  await removeFolders();
});

const refusal = (suffix: string) => expect.objectContaining({ code: `trustchain.${suffix}` });
const createFresh = (policyPath?: string) =>
  createTrust(mesh.genesis.genesis, { crypto: mesh.authority.crypto, ...(policyPath === undefined ? {} : { policyPath }) });

describe('trust', () => {
  test('starts from genesis', async () => {
    const trust = await createFresh();
    expect(trust.meshId).toEqual(meshIdOf(mesh.genesis.genesis));
    expect(trust.roots.map(({ serial }) => serial)).toEqual([mesh.authority.root.serial]);
    expect(trust.policy()).toMatchObject({ version: 0, threshold: 3 });
    expect(trust.history()).toEqual([]);
    expect(trust.policiesFrom(1)).toEqual([]);
  });

  test('takes newer policies in order, tells its listeners, and remembers them over a restart', async () => {
    const policyPath = join(await createFolder(), 'policies');
    const trust = await createFresh(policyPath);
    const first = await nextPolicy({ ...mesh, trust });
    let calls = 0;
    const unsubscribe = trust.onPolicy(() => calls++);
    expect(await trust.adopt([first])).toBe(true);
    const second = await nextPolicy({ ...mesh, trust }, { threshold: 4 });
    expect(await trust.adopt([first, second])).toBe(true);
    expect(await trust.adopt([first, second])).toBe(false);
    expect(await trust.adopt([])).toBe(false);
    unsubscribe();
    expect(calls).toBe(2);
    expect(trust.policy()).toEqual(second.policy);
    expect(trust.policiesFrom(1)).toEqual([first.policy, second.policy]);

    const again = await createFresh(policyPath);
    expect(again.policy()).toEqual(second.policy);
    expect(again.history()).toEqual([first, second]);
    expect((await stat(policyPath)).mode & 0o777).toBe(0o600);
  });

  test('takes several versions at once, or none of them', async () => {
    const trust = await createFresh();
    const first = await nextPolicy({ ...mesh, trust });
    const second = await nextPolicy({ ...mesh, trust }, { version: 2 });
    const unsigned = { ...second, signatures: second.signatures.slice(1) };
    await expect(trust.adopt([first, unsigned])).rejects.toThrow(refusal('witness_quorum_missing'));
    expect(trust.policy().version).toBe(0);
    await expect(trust.adopt([second])).rejects.toThrow(refusal('witness_policy_refused'));
    expect(await trust.adopt([first, second])).toBe(true);
    const contradiction = await nextPolicy({ ...mesh, trust }, { version: 1, threshold: 4 });
    await expect(trust.adopt([contradiction])).rejects.toThrow(refusal('witness_policy_refused'));
    expect(trust.policy().version).toBe(2);
  });

  test('does not start from a file that does not follow from genesis', async () => {
    const policyPath = join(await createFolder(), 'policies');
    const trust = await createFresh(policyPath);
    await trust.adopt([await nextPolicy({ ...mesh, trust })]);
    const bytes = await readFile(policyPath);
    await writeFile(policyPath, bytes.subarray(1));
    await expect(createFresh(policyPath)).rejects.toThrow(refusal('witness_policy_malformed'));
    const forged = await nextPolicy(mesh, {}, 2);
    await writeFile(policyPath, encodePolicyHistory([forged]));
    await expect(createFresh(policyPath)).rejects.toThrow(refusal('witness_quorum_missing'));
    await writeFile(policyPath, new Uint8Array(POLICY_HISTORY_BYTES_MAX + 1));
    await expect(createFresh(policyPath)).rejects.toThrow(refusal('witness_policy_malformed'));
    await expect(createFresh(join(policyPath, 'x'))).rejects.toThrow(/ENOTDIR/);
  });
});
