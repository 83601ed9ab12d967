import { hasCode } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseCertificate } from '../src/certificate/certificate.ts';
import { decodeBundle } from '../src/certificate/bundle.ts';
import { createMeshFixture, type MeshFixture } from './mesh-fixture.ts';

let mesh: MeshFixture;

beforeAll(async () => {
  mesh = await createMeshFixture();
  await mesh.startTrustchain();
}, 60_000);
afterAll(() => mesh?.[Symbol.asyncDispose]());

describe('a member', () => {
  test('enrols by its token, and then calls as what its certificate says', async () => {
    const member = await mesh.join('stoqd');
    await member.host.start();
    const { client } = member.following;
    const bundle = decodeBundle(member.membership.identities()[0]?.bundle() as Uint8Array);
    const leaf = parseCertificate(bundle.leaf);
    expect(leaf.alternativeNames?.names).toEqual(['stoqd.mesh']);
    expect(await client.status({ serial: leaf.serial })).toMatchObject({ state: 'valid', logIndex: bundle.logIndex });
    expect(hasCode(null, 'x')).toBe(false);
    await member[Symbol.asyncDispose]();
  });
});
