import { createSocket } from 'node:dgram';
import { createQuicCarrier, encode, hybridPublicKeyCodec } from '@hypermesh/stoq';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { createBundleIdentity } from '../../src/verification/local-identity.ts';
import { removeFolders } from '../log/fixtures.ts';
import { createMesh, type Holder, issue, type MeshFixture, MESH_TIMEOUT_MS } from '../verification/fixtures.ts';
import { echoContract, startPeer } from './peers.ts';
import { tapCarrier, tapDatagrams } from './taps.ts';

const MARKER = 'the-marker-that-nobody-may-see';
const PAYLOAD = MARKER.repeat(5_000);
// Shorter than any marker: a piece of one in a packet is found as well.
const PIECE_BYTES = 8;

let mesh: MeshFixture;
let holders: { readonly client: Holder; readonly server: Holder };
beforeAll(async () => {
  mesh = await createMesh(1);
  holders = {
    client: await issue(mesh, { names: ['client-name.mesh'] }),
    server: await issue(mesh, { names: ['server-name.mesh'] }),
  };
}, MESH_TIMEOUT_MS);
afterAll(async () => {
  await mesh.close();
  await removeFolders();
});

/** What must not be seen, by what it is. */
function secrets(): ReadonlyMap<string, Uint8Array> {
  const named: [string, Uint8Array][] = [
    ['request and response', Buffer.from(MARKER)],
    ['response', Buffer.from(' answered')],
    ['name of the method', Buffer.from('secret-service')],
    ['issuer', Buffer.from('Test Issuer')],
    ['intermediate', mesh.authority.intermediate.der.subarray(100)],
  ];
  for (const [side, { leaf, keys, bundle }] of Object.entries(holders)) {
    named.push(
      [`name of the ${side}`, Buffer.from(leaf.alternativeNames?.names[0] as string)],
      [`node id of the ${side}`, leaf.identity.nodeId as Uint8Array],
      [`certificate of the ${side}`, leaf.der.subarray(200)],
      [`keys of the ${side}`, encode(hybridPublicKeyCodec, keys.publicKey).subarray(100)],
      [`checkpoint shown by the ${side}`, bundle.checkpoint],
    );
  }
  return new Map(named);
}

/** Which secrets are there, by any of some pieces of each. */
function found(seen: readonly Uint8Array[]): string[] {
  const bytes = Buffer.concat(seen);
  const pieces = (secret: Uint8Array): Uint8Array[] =>
    Array.from({ length: Math.min(64, secret.length - PIECE_BYTES + 1) }, (_, index) => secret.subarray(index, index + PIECE_BYTES));
  return [...secrets()].filter(([, secret]) => pieces(secret).some((piece) => bytes.includes(Buffer.from(piece)))).map(([name]) => name);
}

test('neither datagrams nor the bytes under QUIC show payloads, certificates or names', { timeout: 20_000 }, async () => {
  const seen: Uint8Array[] = [];
  const [client, server] = [holders.client, holders.server];
  const listening = await startPeer(mesh, createBundleIdentity(server.encoded, server.signer), {
    listen: ['127.0.0.1:0'],
    carrier: tapCarrier(seen),
  });
  const dialling = await startPeer(mesh, createBundleIdentity(client.encoded, client.signer), { carrier: tapCarrier(seen) });
  const tap = await tapDatagrams(listening.host.addresses()[0] as string);
  onTestFinished(async () => {
    await Promise.all([dialling.host.stop({ graceMs: 0 }), listening.host.stop({ graceMs: 0 })]);
    await tap.close();
  });
  const peer = dialling.host.connect(echoContract, { addresses: [tap.address], expect: 'bundle' });
  expect((await peer.echo({ text: PAYLOAD })).text).toBe(`${PAYLOAD} answered`);
  expect(listening.callers[0]?.names).toEqual(['client-name.mesh']);
  // Everything went by the taps: request and response, seen on both sides of the carrier.
  expect(Buffer.concat(tap.datagrams).length).toBeGreaterThan(2 * PAYLOAD.length);
  expect(Buffer.concat(seen).length).toBeGreaterThan(4 * PAYLOAD.length);
  expect(found(tap.datagrams)).toEqual([]);
  expect(found(seen)).toEqual([]);
});

test('a tap would find every one of them in the clear', { timeout: 20_000 }, async () => {
  const names = [...secrets().keys()];
  const seen: Uint8Array[] = [];
  const [carrier, other] = [tapCarrier(seen), createQuicCarrier()];
  const listener = await other.listen('127.0.0.1:0', () => {});
  const tap = await tapDatagrams(listener.address);
  const socket = createSocket('udp4');
  onTestFinished(async () => {
    socket.close();
    await Promise.all([carrier.close(), other.close()]);
    await tap.close();
  });
  const connection = await carrier.dial(tap.address, { signal: AbortSignal.timeout(10_000) });
  const stream = await connection.openStream();
  for (const secret of secrets().values()) {
    await stream.write(secret);
    for (let at = 0; at < secret.length; at += 1_000) socket.send(secret.subarray(at, at + 1_000), Number(tap.address.split(':')[1]));
  }
  expect(found(seen)).toEqual(names);
  await vi.waitUntil(() => found(tap.datagrams).length === names.length, { timeout: 10_000, interval: 20 });
});
