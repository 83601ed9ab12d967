import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { decodeBundle } from '../src/certificate/bundle.ts';
import { parseCertificate } from '../src/certificate/certificate.ts';
import { createTrust } from '../src/verification/trust.ts';
import { verifyBundle } from '../src/verification/bundle-verification.ts';
import { enrol } from '../src/client.ts';
import { createMeshFixture, type MeshFixture, type Newcomer } from './mesh-fixture.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

const ENTRY = fileURLToPath(new URL('trustchaind.entry.ts', import.meta.url));
/** Certificates that trustchaind hands out before it is killed in the middle of the next one. */
const ROUNDS = [0, 1, 2];

let mesh: MeshFixture;
let daemon: ChildProcess;

beforeAll(async () => {
  mesh = await createMeshFixture({ members: ['stoqd'] });
});
afterAll(async () => {
  daemon?.kill('SIGKILL');
  await mesh?.[Symbol.asyncDispose]();
});

async function start(): Promise<void> {
  const { home, listen } = mesh.config;
  const flags = [
    '--set',
    `home=${JSON.stringify(home)}`,
    '--set',
    `listen=${JSON.stringify(listen)}`,
    '--set',
    'admin.listen=null',
    '--set',
    'log.level=error',
  ];
  daemon = spawn(process.execPath, ['--conditions=@hypermesh/source', ENTRY, ...flags], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(daemon.stdout as NonNullable<ChildProcess['stdout']>, 'data');
}

async function kill(): Promise<void> {
  const ended = once(daemon, 'exit');
  daemon.kill('SIGKILL');
  await ended;
}

function request({ client, keys, token }: Newcomer, signal: AbortSignal): Promise<Uint8Array> {
  return enrol(client, { meshId: mesh.mesh.meshId, keys }, token, { signal });
}

describe('trustchaind killed at any moment', () => {
  test('has every certificate that it handed out, once, and serves the same request again', async () => {
    const { crypto } = mesh;
    const trust = await createTrust(mesh.mesh.genesis, { crypto });
    const revocation = { find: () => null, nextUpdate: () => null };
    const handedOut = new Map<string, number>();
    for (const round of ROUNDS) {
      await start();
      await using newcomer = await mesh.contact('stoqd');
      const dying = new AbortController();
      const take = async (signal: AbortSignal): Promise<void> => {
        const bundle = await request(newcomer, signal);
        const identity = verifyBundle(bundle, { at: systemClock.now(), trust, revocation, crypto, renewal: true });
        handedOut.set(identity.serial, identity.logIndex);
      };
      for (let count = 0; count <= round; count++) await take(AbortSignal.timeout(30_000));
      const inFlight = take(dying.signal).catch(() => undefined);
      // A different moment each time: before, while, and after the batch is staged, signed and published.
      await new Promise((resolve) => setTimeout(resolve, round * 15));
      await kill();
      dying.abort();
      await inFlight;
    }
    await start();
    await using member = await mesh.join('stoqd');
    const { client } = member.following;
    for (const [serial, logIndex] of handedOut) {
      expect(await client.status({ serial })).toMatchObject({ state: 'valid', logIndex });
      const { bundle } = await client.bundle({ serial });
      expect(parseCertificate(decodeBundle(bundle).leaf).serial).toBe(serial);
    }
    expect(new Set(handedOut.values()).size).toBe(handedOut.size);
    await kill();
  });
});
