import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectMemory, connectQuic, createPair, createWorld, type Pair, readAll, type World } from './fixtures.ts';

let world: World;

beforeAll(async () => {
  world = await createWorld();
});

afterAll(() => world.crypto.close());

describe.each([
  ['memory', connectMemory],
  ['quic', connectQuic],
])('over %s', (_, connect) => {
  let pair: Pair;

  beforeAll(async () => {
    pair = await createPair(world, { connections: await connect() });
  });

  afterAll(() => pair.connections.close());

  test('both sides know who the other is', () => {
    expect(pair.client.peer.key).toEqual(world.server.signer().publicKey);
    expect(pair.server.peer.key).toEqual(world.client.signer().publicKey);
  });

  test('both sides export the same keys', () => {
    const context = Uint8Array.of(1);
    const key = pair.client.exportKey('token', context, 32);
    expect(pair.server.exportKey('token', context, 32)).toEqual(key);
    expect(pair.server.exportKey('other', context, 32)).not.toEqual(key);
    expect(pair.server.exportKey('token', Uint8Array.of(2), 32)).not.toEqual(key);
  });

  test('a stream carries bytes both ways and both ends', async () => {
    const stream = await pair.client.openStream();
    await stream.write(Buffer.from('question'));
    await stream.finish();
    const other = await pair.server.acceptStream();
    if (other === null) throw new Error('no stream');
    expect(Buffer.from(await readAll(other)).toString()).toBe('question');
    await other.write(Buffer.from('answer'));
    await other.finish();
    expect(Buffer.from(await readAll(stream)).toString()).toBe('answer');
  });

  test('the server opens streams too, and the opener may read first', async () => {
    const stream = await pair.server.openStream();
    const reading = readAll(stream);
    const other = await pair.client.acceptStream();
    await other?.write(Buffer.from('unasked'));
    await other?.finish();
    expect(Buffer.from(await reading).toString()).toBe('unasked');
  });

  test('16 MiB arrive unchanged', async () => {
    const bytes = new Uint8Array(16 * 1024 * 1024).map((_value, index) => (index * 31) >> 3);
    const stream = await pair.client.openStream();
    const arrived = pair.server.acceptStream().then((other) => (other === null ? new Uint8Array() : readAll(other)));
    for (let at = 0; at < bytes.length; at += 256 * 1024) await stream.write(bytes.subarray(at, at + 256 * 1024));
    await stream.finish();
    expect(Buffer.compare(await arrived, bytes)).toBe(0);
  });

  test('ping answers', async () => {
    expect(await pair.client.ping({ signal: AbortSignal.timeout(5_000) })).toBeGreaterThanOrEqual(0);
  });
});

describe.each([
  ['memory', connectMemory],
  ['quic', connectQuic],
])('closing over %s', (_, connect) => {
  test('a graceful close delivers all and both sides see it', async () => {
    const { client, server, connections } = await createPair(world, { connections: await connect() });
    const stream = await client.openStream();
    await stream.write(new Uint8Array(300_000));
    await stream.finish();
    const closing = client.close();
    const other = await server.acceptStream();
    expect(other === null ? 0 : (await readAll(other)).length).toBe(300_000);
    await closing;
    expect(await client.ended).toEqual({ code: 'closed', by: 'local' });
    expect(await server.ended).toEqual({ code: 'closed', by: 'peer' });
    expect(await server.acceptStream()).toBeNull();
    await connections.close();
  });
});
