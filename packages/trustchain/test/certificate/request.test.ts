import { execFileSync } from 'node:child_process';
import { createCrypto, type Crypto, hasCode } from '@hypermesh/stoq';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRequest, parseRequest, type RequestFields, verifyRequestSignature } from '../../src/certificate/request.ts';
import { nodeIdOf, nodeNameOf, nodeUriOf } from '../../src/genesis/ids.ts';
import { createKeys, type Keys } from '../fixtures.ts';
import { pem } from '../forge.ts';

let crypto: Crypto;
let keys: Keys;
let fields: RequestFields;
let der: Uint8Array;

beforeAll(async () => {
  crypto = await createCrypto();
  keys = await createKeys(crypto);
  fields = { meshId: new Uint8Array(32).fill(3), kemKey: keys.kem.publicKey, roles: ['node', 'service'], names: ['n.mesh', '::1'] };
  der = await createRequest(keys.pair, fields);
});
afterAll(() => crypto.close());

describe('a certificate request', () => {
  test('round-trips all keys, names and roles', () => {
    const request = parseRequest(der);
    const nodeId = nodeIdOf(keys.publicKey.postQuantum);
    expect(request).toMatchObject({
      commonName: 'n.mesh',
      key: keys.publicKey,
      identity: { nodeId, meshId: fields.meshId, kemKey: fields.kemKey, roles: ['node', 'service'] },
      alternativeNames: { uris: [nodeUriOf(nodeId)], names: ['n.mesh', '::1'] },
    });
    expect(() => verifyRequestSignature(request, crypto)).not.toThrow();
  });

  test('is the same for the same keys and fields, so that a repetition is recognised', async () => {
    expect(await createRequest(keys.pair, fields)).toEqual(der);
  });

  test('takes the node id as common name when it asks for no DNS name', async () => {
    const request = parseRequest(await createRequest(keys.pair, { ...fields, names: ['::1'] }));
    expect(request.commonName).toBe(nodeNameOf(request.identity.nodeId));
  });

  test('is read and verified by OpenSSL', () => {
    const run = (...args: string[]) =>
      execFileSync('openssl', ['req', '-noout', ...args], { input: pem(der, 'CERTIFICATE REQUEST'), stdio: 'pipe' }).toString();
    expect(run('-subject')).toContain('n.mesh');
    expect(() => run('-verify')).not.toThrow();
  });

  test('a changed byte never passes', () => {
    for (let at = 0; at < der.length; at += 11) {
      const changed = Uint8Array.from(der);
      changed[at] = (changed[at] as number) ^ 0x80;
      expect(() => verifyRequestSignature(parseRequest(changed), crypto), `byte ${at}`).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^trustchain\./) }),
      );
    }
  });

  test('mutations and truncations end in a coded error or in the same request', () => {
    const edit = fc.record({ at: fc.nat(der.length - 1), byte: fc.nat(255), cut: fc.nat(der.length) });
    fc.assert(
      fc.property(edit, ({ at, byte, cut }) => {
        const changed = Uint8Array.from(der.subarray(0, byte % 2 === 0 ? der.length : cut));
        if (at < changed.length) changed[at] = byte;
        try {
          parseRequest(changed);
        } catch (error) {
          expect((error as { code: string }).code).toMatch(/^(trustchain|stoq)\./);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('a request for another node id is refused', () => {
    const text = Buffer.from(der).toString('latin1');
    const nodeId = Buffer.from(nodeIdOf(keys.publicKey.postQuantum)).toString('latin1');
    const changed = Buffer.from(text.replace(nodeId, 'x'.repeat(32)), 'latin1');
    expect(() => parseRequest(changed)).toThrow(expect.objectContaining({ code: 'trustchain.node_id_mismatch' }));
  });

  test('a swapped Ed25519 key fails the proof of possession', () => {
    const changed = Buffer.from(der);
    const at = changed.indexOf(Buffer.from(keys.publicKey.classical.bytes));
    changed.fill(1, at, at + 32);
    try {
      verifyRequestSignature(parseRequest(changed), crypto);
      expect.unreachable();
    } catch (error) {
      expect(hasCode(error, 'trustchain.possession_failed')).toBe(true);
    }
  });
});
