import { type Clock, systemClock, systemEntropy } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeBundle } from '../../src/certificate/bundle.ts';
import { parseCertificate } from '../../src/certificate/certificate.ts';
import { type Member, openMember } from '../../src/client.ts';
import { createMeshFixture, type MeshFixture } from '../mesh-fixture.ts';

const SLOW_MS = 60_000;

let mesh: MeshFixture;
let server: Member;
let client: Member;

beforeAll(async () => {
  mesh = await createMeshFixture({ members: ['catalogd', 'alice'] });
  await mesh.startTrustchain();
  server = await start('catalogd', ['127.0.0.1:0', '127.0.0.1:0']);
  client = await start('alice', []);
}, SLOW_MS);
afterAll(async () => {
  for (const member of [client, server]) {
    await member?.following.stop();
    await member?.host.stop({ graceMs: 0 });
  }
  await mesh?.[Symbol.asyncDispose]();
});

async function start(name: string, listen: readonly string[], clock: Clock = systemClock): Promise<Member> {
  const signal = AbortSignal.timeout(SLOW_MS);
  const components = { crypto: mesh.crypto, clock, entropy: systemEntropy, onError: () => undefined };
  const member = await openMember({ home: mesh.homeOf(name), listen }, components, { signal });
  await member.host.start();
  await member.following.start();
  return member;
}

describe('members at work', () => {
  test('find each other by name once revocations are current', { timeout: SLOW_MS }, async () => {
    const signal = AbortSignal.timeout(SLOW_MS);
    await Promise.all([server.ready(signal), client.ready(signal)]);
    await server.publish('catalog', { signal });
    expect(await client.find('catalog', { signal })).toEqual({
      addresses: server.host.addresses(),
      id: server.nodeId,
      expect: 'bundle',
    });
    await expect(client.find('caesar', { signal })).rejects.toMatchObject({ code: 'trustchain.name_unknown' });
    await expect(client.publish('alice', { signal })).rejects.toMatchObject({ code: 'trustchain.name_refused' });
    expect(client.bundle()).toEqual(client.identities()[0]?.bundle());
  });

  test('whose certificate has expired are ready when it is renewed, and may then do everything', { timeout: SLOW_MS }, async () => {
    const signal = AbortSignal.timeout(SLOW_MS);
    const clock = { ...systemClock, now: () => Date.now() + 40 * 3_600_000 };
    await mesh.stopTrustchain();
    await mesh.startTrustchain({ clock });
    const late = await start('alice', [], clock);
    await late.ready(signal);
    expect(parseCertificate(decodeBundle(late.bundle()).leaf).notAfter).toBeGreaterThan(clock.now());
    // The session that renewed was a restricted one.
    await expect(late.find('caesar', { signal })).rejects.toMatchObject({ code: 'trustchain.name_unknown' });
    await late.following.stop();
    await late.host.stop({ graceMs: 0 });
  });

  test('do not wait for ever', { timeout: SLOW_MS }, async () => {
    await mesh.stopTrustchain();
    const member = await openMember(
      { home: mesh.homeOf('alice'), listen: [] },
      {
        crypto: mesh.crypto,
        clock: { ...systemClock, now: () => Date.now() + 90 * 3_600_000 },
        entropy: systemEntropy,
        onError: () => undefined,
      },
      { signal: AbortSignal.timeout(SLOW_MS) },
    );
    await expect(member.ready(AbortSignal.timeout(10))).rejects.toMatchObject({ code: 'trustchain.revocation_stale' });
    await member.host.stop({ graceMs: 0 });
  });
});
