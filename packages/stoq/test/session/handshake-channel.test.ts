import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectMemory, createWorld, shake, type World, codeOf, codesOf, deaf } from './fixtures.ts';
import { type Alter, flipBit, tap } from './tap.ts';

let world: World;

beforeAll(async () => {
  world = await createWorld();
});

afterAll(() => world.crypto.close());

describe('a man in the middle', () => {
  test('sees neither identity', async () => {
    const seen: Uint8Array[] = [];
    const watching: Alter = ({ bytes }) => {
      seen.push(bytes);
      return bytes;
    };
    expect(await codesOf(world, {}, watching)).toEqual({ client: 'none', server: 'none' });
    const wire = Buffer.concat(seen);
    expect(wire.length).toBeGreaterThan(2 * 4000);
    for (const identity of [world.client, world.server]) {
      const { classical, postQuantum } = identity.signer().publicKey;
      expect(wire.includes(Buffer.from(classical.bytes))).toBe(false);
      expect(wire.includes(Buffer.from(postQuantum.bytes.subarray(0, 32)))).toBe(false);
    }
  });

  test('cannot flip a bit of any message', async () => {
    const sizes = await messageSizes();
    const flips = fc.oneof(
      fc.record({ direction: fc.constant('sent' as const), at: fc.integer({ min: 0, max: sizes.sent - 1 }), bit: fc.nat(7) }),
      fc.record({ direction: fc.constant('received' as const), at: fc.integer({ min: 0, max: sizes.received - 1 }), bit: fc.nat(7) }),
    );
    await fc.assert(
      fc.asyncProperty(flips, async ({ direction, at, bit }) => {
        const clock = new SteppedClock();
        const connections = await connectMemory();
        const dialer = tap(connections.dialer, flipBit(0, direction, at, bit));
        const { client, server } = shake(world, { ...connections, dialer }, { clock });
        const codes = Promise.all([codeOf(client), codeOf(server)]);
        // An altered length may leave a side waiting for bytes that never come: the deadline is part of the answer.
        const settled = codes.then(() => true);
        while (!(await Promise.race([settled, new Promise<false>((resolve) => setTimeout(() => resolve(false), 60))]))) clock.step(5_000);
        const [clientCode, serverCode] = await codes;
        await connections.close();
        expect(clientCode).toMatch(/^stoq\./);
        // The last message is the server's: flipped, the server has a session, which ends with the connection.
        if (direction === 'sent') expect(serverCode).toMatch(/^stoq\./);
      }),
      { numRuns: 40 },
    );
  }, 60_000);

  const messageSizes = async (): Promise<{ sent: number; received: number }> => {
    const sizes = { sent: 0, received: 0 };
    const connections = await connectMemory();
    const dialer = tap(connections.dialer, ({ direction, bytes }) => {
      sizes[direction] += bytes.length;
      return bytes;
    });
    const { client, server } = shake(world, { ...connections, dialer });
    await Promise.all([client, server]);
    await connections.close();
    // Signatures differ in length by a few bytes from run to run.
    return { sent: sizes.sent - 64, received: sizes.received - 64 };
  };

  test('cannot replay what a client sent', async () => {
    const sent: Uint8Array[] = [];
    await codesOf(world, {}, ({ direction, bytes }) => {
      if (direction === 'sent') sent.push(bytes);
      return bytes;
    });
    const connections = await connectMemory();
    const { server } = shake(world, { ...connections, dialer: deaf(connections.dialer) });
    const stream = await connections.dialer.openStream();
    for (const bytes of sent) await stream.write(bytes);
    expect(await codeOf(server)).toBe('stoq.handshake_forged');
    await connections.close();
  });

  test('cannot sit between two carriers that prove their keys', async () => {
    const towardsClient = await connectMemory();
    const towardsServer = await connectMemory();
    const { client, server } = shake(world, {
      dialer: towardsClient.dialer,
      listener: towardsServer.listener,
      close: async () => {},
    });
    const near = await towardsClient.listener.acceptStream();
    const far = await towardsServer.dialer.openStream();
    const pump = async (from: typeof far, to: typeof far): Promise<void> => {
      for (let bytes = await from.read(65_536); bytes !== null; bytes = await from.read(65_536)) await to.write(bytes);
    };
    const pumps = Promise.allSettled([pump(near as typeof far, far), pump(far, near as typeof far)]);
    expect(await codeOf(client)).toBe('stoq.handshake_forged');
    await towardsClient.close();
    await towardsServer.close();
    await pumps;
    expect(await codeOf(server)).toMatch(/^stoq\.(handshake|carrier)_/);
  });

  test('may relay where the carrier proves no keys', async () => {
    const connections = await connectMemory({}, null);
    expect(connections.dialer.binding).toEqual({ kind: 'none' });
    const { client, server } = shake(world, connections);
    expect((await client).exportKey('x', new Uint8Array(), 32)).toEqual((await server).exportKey('x', new Uint8Array(), 32));
    await connections.close();
  });
});
