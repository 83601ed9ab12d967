import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { put } from '../executor/register-machine.ts';
import { LocalMesh } from './local-mesh.ts';

const soon = (): AbortSignal => AbortSignal.timeout(20_000);

describe.each(['memory', 'quic'] as const)('four validators over %s', (carrier) => {
  let mesh: LocalMesh;
  beforeAll(async () => {
    mesh = await LocalMesh.create({ carrier });
    await mesh.start();
  }, 30_000);
  afterAll(() => mesh.close(), 30_000);

  test('commit, and prove it', async () => {
    const client = await mesh.client();
    const receipt = await client.transact(mesh.accounts[0]!, 'mesh', [put('a', '1')], { signal: soon() });
    expect(receipt).toMatchObject({ code: '', index: 0 });
    expect(Buffer.from((await client.query('mesh', 'register', Buffer.from('a'))).result).toString()).toBe('1');
  }, 30_000);
});
