import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock, systemEntropy } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeBundle } from '../../src/certificate/bundle.ts';
import { type Membership, openMembership } from '../../src/client.ts';
import { createMeshFixture, type MeshFixture } from '../mesh-fixture.ts';

const SLOW_MS = 60_000;

let mesh: MeshFixture;
let failures: unknown[];

beforeAll(async () => {
  mesh = await createMeshFixture({ members: ['stoqd'] });
}, SLOW_MS);
afterAll(() => mesh?.[Symbol.asyncDispose]());

function open(name: string, signal: AbortSignal = AbortSignal.timeout(SLOW_MS)): Promise<Membership> {
  failures = [];
  const { crypto } = mesh;
  const components = { crypto, clock: systemClock, entropy: systemEntropy, onError: (error: unknown) => failures.push(error) };
  return openMembership({ home: mesh.homeOf(name) }, components, { signal });
}

describe('a membership', () => {
  test('waits for TrustChain to start, and gives up when told to', { timeout: SLOW_MS }, async () => {
    const ending = new AbortController();
    const opening = open('stoqd', ending.signal);
    ending.abort(mesh);
    await expect(opening).rejects.toBeDefined();
  });

  test('is enrolled from the token alone, genesis included', { timeout: SLOW_MS }, async () => {
    const genesisPath = join(mesh.homeOf('stoqd'), 'genesis.bin');
    const genesis = await readFile(genesisPath);
    await rm(genesisPath);
    await mesh.startTrustchain();
    const membership = await open('stoqd');
    expect(membership.nodeId).toEqual(mesh.mesh.nodeIds.get('stoqd'));
    expect(await readFile(genesisPath)).toEqual(genesis);
    expect(membership.identities().map(({ kind }) => kind)).toEqual(['bundle']);
    await mesh.stopTrustchain();
  });

  test('needs neither TrustChain nor token once the bundle is on disk', { timeout: SLOW_MS }, async () => {
    await rm(join(mesh.homeOf('stoqd'), 'token'));
    const membership = await open('stoqd');
    expect(decodeBundle(membership.identities()[0]?.bundle() as Uint8Array).logIndex).toBe(0);
    expect(failures).toEqual([]);
  });

  test('of a validator shows its entry in genesis as well', { timeout: SLOW_MS }, async () => {
    await mesh.startTrustchain();
    const membership = await open('node-1');
    expect(membership.identities().map(({ kind }) => kind)).toEqual(['bundle', 'set-entry']);
    await mesh.stopTrustchain();
  });

  test.each([
    ['no bundle and no token', async (home: string) => rm(join(home, 'data', 'bundle')), 'trustchain.token_invalid'],
    ['a token that is none', async (home: string) => writeFile(join(home, 'token'), 'nonsense\n'), 'trustchain.token_invalid'],
    ['another passphrase', async (home: string) => writeFile(join(home, 'passphrase'), 'guess\n'), 'trustchain.keystore_locked'],
  ])('with %s is refused', { timeout: SLOW_MS }, async (_what, damage, code) => {
    await damage(mesh.homeOf('stoqd'));
    await expect(open('stoqd')).rejects.toMatchObject({ code });
  });
});
