import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CarrierStream, type Session, type SessionLimits } from '../../src/index.ts';
import { encodeControl } from '../../src/session/control.ts';
import { RECORD } from '../../src/session/record.ts';
import { codeOf, type Connections, connectMemory, createPair, createWorld, readAll, shake, type World } from './fixtures.ts';
import { type RawPeer, shakeHandsByHand } from './raw-peer.ts';
import { type Alter, flipBit, tap } from './tap.ts';

let world: World;
const open: Connections[] = [];
const NONE = new Uint8Array();

beforeAll(async () => {
  world = await createWorld();
});

afterAll(async () => {
  for (const connections of open) await connections.close();
  await world.crypto.close();
});

interface Siege {
  readonly server: Session;
  readonly peer: RawPeer;
  readonly connections: Connections;
  readonly clock: SteppedClock;
}

/** A server whose client holds the keys and does as it likes. */
const besiege = async (limits: Partial<SessionLimits> = {}): Promise<Siege> => {
  const connections = await connectMemory();
  open.push(connections);
  const never = { ...connections.dialer, openStream: () => new Promise<CarrierStream>(() => {}) };
  const clock = new SteppedClock();
  const { server } = shake(world, { ...connections, dialer: { ...never, close: () => {} } }, { server: { limits, clock } });
  const peer = await shakeHandsByHand(world, connections.dialer);
  return { server: await server, peer, connections, clock };
};

/** Reads whatever arrives, so that what is wrong with it is seen. */
const readEverything = (session: Session): void => {
  const run = async (): Promise<void> => {
    for (let stream = await session.acceptStream(); stream !== null; stream = await session.acceptStream()) {
      readAll(stream).catch(() => {});
    }
  };
  void run();
};

describe('on the wire', () => {
  test('no plaintext is seen, and nothing has the length of nothing', async () => {
    const seen: Uint8Array[] = [];
    const connections = await connectMemory();
    open.push(connections);
    const watching: Alter = ({ bytes }) => {
      seen.push(bytes);
      return bytes;
    };
    const { client, server } = await createPair(world, { connections: { ...connections, dialer: tap(connections.dialer, watching) } });
    const stream = await client.openStream();
    const secret = Buffer.from('the secret of the day, in the clear');
    await stream.write(secret);
    await stream.finish();
    const other = await server.acceptStream();
    expect(Buffer.from(other === null ? NONE : await readAll(other))).toEqual(secret);
    expect(Buffer.concat(seen).includes(secret.subarray(0, 8))).toBe(false);
    expect(Buffer.concat(seen).includes(Buffer.from('stoq.'))).toBe(false);
  });

  // Id, head, payload and tag of the first record on the first stream after the control stream.
  test.each([
    ['the id', 3],
    ['the type', 4],
    ['the length', 7],
    ['the payload', 10],
    ['the tag', 8 + 100],
  ])('a bit flipped in %s ends the session', async (_, at) => {
    const connections = await connectMemory();
    open.push(connections);
    const { client, server } = await createPair(world, {
      connections: { ...connections, dialer: tap(connections.dialer, flipBit(1, 'sent', at)) },
    });
    const stream = await client.openStream();
    await stream.write(new Uint8Array(100));
    await stream.write(new Uint8Array(100));
    await stream.finish();
    readEverything(server);
    const expected = at === 3 ? ['stoq.record_malformed', 'stoq.record_forged'] : ['stoq.record_forged'];
    expect(expected).toContain((await server.ended).code);
    expect((await server.ended).by).toBe('local');
    expect(expected).toContain((await client.ended).code);
    expect((await client.ended).by).toBe('peer');
  });

  test('a bit flipped on the control stream ends the session', async () => {
    const connections = await connectMemory();
    open.push(connections);
    let armed = false;
    const alter: Alter = ({ stream, direction, bytes }) => {
      if (armed && stream === 0 && direction === 'sent') bytes[6] = (bytes[6] as number) ^ 1;
      return bytes;
    };
    const { client, server } = await createPair(world, { connections: { ...connections, dialer: tap(connections.dialer, alter) } });
    armed = true;
    await codeOf(client.ping({ signal: AbortSignal.timeout(5_000) }));
    expect(await server.ended).toEqual({ code: 'stoq.record_forged', by: 'local' });
  });

  test.each([
    ['between two records', 2],
    ['within a record', 1],
  ])('a stream cut %s is not a clean end', async (_, keep) => {
    const connections = await connectMemory();
    open.push(connections);
    let writes = 0;
    const alter: Alter = ({ stream, direction, bytes }) => {
      if (stream !== 1 || direction !== 'sent') return bytes;
      writes++;
      if (writes < keep) return bytes;
      return writes === keep && keep === 1 ? bytes.subarray(0, 50) : null;
    };
    const { client, server } = await createPair(world, { connections: { ...connections, dialer: tap(connections.dialer, alter) } });
    const stream = await client.openStream();
    await stream.write(new Uint8Array(100));
    await new Promise((resolve) => setImmediate(resolve));
    await stream.write(new Uint8Array(100));
    await stream.finish();
    const other = await server.acceptStream();
    expect(await codeOf(other === null ? Promise.resolve() : readAll(other))).toBe('stoq.record_forged');
    expect(await server.ended).toEqual({ code: 'stoq.record_forged', by: 'local' });
  });

  test('records swapped, dropped or repeated end the session', async () => {
    for (const order of [[1, 0], [1], [0, 0]]) {
      const { server, peer, connections } = await besiege();
      const sealer = peer.sealer(2);
      const records = [1, 2].map((value) => sealer.seal(RECORD.data, Uint8Array.of(value), 1024, 0));
      const stream = await connections.dialer.openStream();
      await stream.write(Buffer.concat([Uint8Array.of(0, 0, 0, 2), ...order.map((index) => records[index] as Uint8Array)]));
      readEverything(server);
      expect((await server.ended).code).toBe('stoq.record_forged');
    }
  });

  test('records of one stream mean nothing on another', async () => {
    const { server, peer, connections } = await besiege();
    const stream = await connections.dialer.openStream();
    await stream.write(Buffer.concat([Uint8Array.of(0, 0, 0, 2), peer.sealer(4).seal(RECORD.data, Uint8Array.of(1), 1024, 0)]));
    readEverything(server);
    expect((await server.ended).code).toBe('stoq.record_forged');
  });

  test('a copy of a whole stream is not delivered again', async () => {
    const { server, peer, connections } = await besiege();
    const sealer = peer.sealer(2);
    const bytes = Buffer.concat([
      Uint8Array.of(0, 0, 0, 2),
      sealer.seal(RECORD.data, Uint8Array.of(7), 1024, 0),
      sealer.seal(RECORD.end, NONE, 1024, 0),
    ]);
    const streams = await Promise.all([connections.dialer.openStream(), connections.dialer.openStream()]);
    for (const stream of streams) await stream.write(bytes);
    const other = await server.acceptStream();
    expect(other === null ? NONE : await readAll(other)).toEqual(Uint8Array.of(7));
    expect(await codeOf((streams[1] as CarrierStream).read(1))).toBe('stoq.carrier_reset');
    await peer.openStream(4, [RECORD.data, Uint8Array.of(8)]);
    expect(await (await server.acceptStream())?.read()).toEqual(Uint8Array.of(8));
  });

  test('a control stream that ends without a goodbye is not a clean end', async () => {
    const { server, peer } = await besiege();
    await peer.channel.stream.finish();
    expect((await server.ended).code).toBe('stoq.record_forged');
  });
});

describe('a peer that breaks the protocol is cut off', () => {
  const u32 = 0xffff_fff0;
  test.each<[string, string, (peer: RawPeer, connections: Connections) => Promise<unknown>, Partial<SessionLimits>?]>([
    [
      'more than the credit of a stream',
      'stoq.flow_violation',
      (peer) => peer.openStream(2, [RECORD.data, new Uint8Array(3000)]),
      { streamCreditBytes: 2048 },
    ],
    [
      'more than the credit of the session',
      'stoq.flow_violation',
      async (peer) => {
        await peer.openStream(2, [RECORD.data, new Uint8Array(2400)]);
        await peer.openStream(4, [RECORD.data, new Uint8Array(2700)]);
      },
      { streamCreditBytes: 4096, sessionCreditBytes: 5000 },
    ],
    ['more streams than allowed', 'stoq.flow_violation', (peer) => peer.openStream(6), { streamsMax: 2 }],
    ['a stream of the other side', 'stoq.record_malformed', (peer) => peer.openStream(1)],
    ['a second control stream', 'stoq.record_malformed', (peer) => peer.openStream(0)],
    [
      'a record above the limit',
      'stoq.record_forged',
      (peer) => peer.openStream(2, [RECORD.data, new Uint8Array(2048)]),
      { recordBytesMax: 1024 },
    ],
    ['an empty data record', 'stoq.record_malformed', (peer) => peer.openStream(2, [RECORD.data, NONE])],
    ['an end with a payload', 'stoq.record_malformed', (peer) => peer.openStream(2, [RECORD.end, Uint8Array.of(1)])],
    ['a control record on a stream', 'stoq.record_forged', (peer) => peer.openStream(2, [RECORD.control, Uint8Array.of(1)])],
    ['bytes behind the end', 'stoq.record_forged', (peer) => peer.openStream(2, [RECORD.end, NONE], [RECORD.data, Uint8Array.of(1)])],
    [
      'an id that is cut short',
      'stoq.record_forged',
      async (_peer, { dialer }) => {
        const stream = await dialer.openStream();
        await stream.write(Uint8Array.of(0, 0));
        await stream.finish();
      },
    ],
    [
      'carrier streams that never say their id',
      'stoq.flow_violation',
      async (_peer, { dialer }) => {
        for (let index = 0; index < 4; index++) await (await dialer.openStream()).write(Uint8Array.of(0));
      },
      { streamsMax: 3 },
    ],
    ['data on the control stream', 'stoq.record_forged', (peer) => peer.sendControlRecord(RECORD.data, Uint8Array.of(1))],
    ['an unknown control frame', 'stoq.record_malformed', (peer) => peer.sendControlRecord(RECORD.control, Uint8Array.of(99))],
    ['half a control frame', 'stoq.record_malformed', (peer) => peer.sendControlRecord(RECORD.control, Uint8Array.of(1, 0))],
    [
      'an integer that is none',
      'stoq.record_malformed',
      (peer) => peer.sendControlRecord(RECORD.control, Uint8Array.of(4, 255, 255, 255, 255, 255, 255, 255, 255)),
    ],
    ['a code that is none', 'stoq.record_malformed', (peer) => peer.sendControlRecord(RECORD.control, Uint8Array.of(9, 3, 65, 66, 67))],
    [
      'credit for a stream that never was',
      'stoq.record_malformed',
      (peer) => peer.sendControl({ type: 'stream-credit', stream: 1, limit: 9 }),
    ],
    ['credit for the control stream', 'stoq.record_malformed', (peer) => peer.sendControl({ type: 'stream-credit', stream: 0, limit: 9 })],
    ['an acknowledged end that never was', 'stoq.record_malformed', (peer) => peer.sendControl({ type: 'end-read', stream: 2 })],
    [
      'a reset of a stream that never was',
      'stoq.record_malformed',
      (peer) => peer.sendControl({ type: 'reset', stream: 1, code: 0, sent: 0 }),
    ],
    [
      'a reset far beyond the streams allowed',
      'stoq.flow_violation',
      (peer) => peer.sendControl({ type: 'reset', stream: u32, code: 0, sent: 0 }),
    ],
    [
      'a reset with more than the credit',
      'stoq.flow_violation',
      (peer) => peer.sendControl({ type: 'reset', stream: 2, code: 0, sent: 1e9 }),
    ],
    [
      'a reset with less than what arrived',
      'stoq.record_malformed',
      async (peer) => {
        await peer.openStream(2, [RECORD.data, new Uint8Array(10)]);
        await new Promise((resolve) => setImmediate(resolve));
        await peer.sendControl({ type: 'reset', stream: 2, code: 0, sent: 3 });
      },
    ],
    [
      'an acknowledged end of a stream that goes on',
      'stoq.record_malformed',
      async (peer) => {
        await peer.openStream(2, [RECORD.data, new Uint8Array(10)]);
        await new Promise((resolve) => setImmediate(resolve));
        await peer.sendControl({ type: 'end-read', stream: 2 });
      },
    ],
  ])('%s', async (_, code, attack, limits = {}) => {
    const { server, peer, connections, clock } = await besiege(limits);
    readEverything(server);
    await attack(peer, connections);
    expect(await server.ended).toEqual({ code, by: 'local' });
    clock.step(1_000);
    await connections.listener.closed;
  });

  test('questions without end by a peer that never reads', async () => {
    const { server, peer } = await besiege();
    const pings = Buffer.concat(Array.from({ length: 5_000 }, () => encodeControl({ type: 'ping', token: 1 })));
    for (let round = 0; round < 80; round++) {
      if ((await Promise.race([server.ended, Promise.resolve('alive')])) !== 'alive') break;
      await peer.sendControlRecord(RECORD.control, pings).catch(() => {});
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await server.ended).code).toBe('stoq.flow_violation');
  });

  test('credit that shrinks is ignored, an answer nobody asked for too', async () => {
    const { server, peer } = await besiege();
    await peer.sendControl({ type: 'session-credit', limit: 1 }, { type: 'streams', limit: 0 }, { type: 'pong', token: 77 });
    const stream = await server.openStream();
    await stream.write(Uint8Array.of(1));
    await peer.openStream(2, [RECORD.data, Uint8Array.of(5)]);
    expect(await (await server.acceptStream())?.read()).toEqual(Uint8Array.of(5));
  });

  test('a stream that the carrier breaks while the reason stays away', async () => {
    const clock = new SteppedClock();
    const connections = await connectMemory();
    open.push(connections);
    const never = { ...connections.dialer, openStream: () => new Promise<CarrierStream>(() => {}), close: () => {} };
    const { server } = shake(world, { ...connections, dialer: never }, { server: { clock } });
    const peer = await shakeHandsByHand(world, connections.dialer);
    const session = await server;
    const stream = await peer.openStream(2, [RECORD.data, Uint8Array.of(1)]);
    const other = await session.acceptStream();
    await other?.read();
    const reading = codeOf(other?.read() ?? Promise.resolve());
    stream.abort();
    await new Promise((resolve) => setImmediate(resolve));
    clock.step(5_000);
    expect(await reading).toBe('stoq.record_malformed');
    expect((await session.ended).code).toBe('stoq.record_malformed');
  });

  test('a carrier stream that keeps its id to itself is given up', async () => {
    const clock = new SteppedClock();
    const connections = await connectMemory();
    open.push(connections);
    const { server } = await createPair(world, { connections, clock });
    const stream = await connections.dialer.openStream();
    await stream.write(Uint8Array.of(0));
    await new Promise((resolve) => setImmediate(resolve));
    clock.step(10_000);
    expect(await codeOf(stream.read(1))).toBe('stoq.carrier_reset');
    // The clock went on without a sign of life: the session is over for that, not for the stream.
    expect((await Promise.race([server.ended, Promise.resolve({ code: 'alive' })])).code).toMatch(/^(alive|stoq.session_idle)$/);
  });
});

describe('random bytes', () => {
  test('as records of a stream end the session with a typed error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 4, maxLength: 200 }), async (bytes) => {
        const { server, connections } = await besiege();
        const stream = await connections.dialer.openStream();
        await stream.write(Buffer.concat([Uint8Array.of(0, 0, 0, 2), bytes]));
        await stream.finish();
        readEverything(server);
        expect((await server.ended).code).toBe('stoq.record_forged');
        await connections.close();
      }),
      { numRuns: 25 },
    );
  }, 30_000);

  test('as authentic control records leave the session alive or end it with a typed error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (bytes) => {
        const { server, peer, connections } = await besiege();
        await peer.sendControlRecord(RECORD.control, bytes);
        await peer.sendControl({ type: 'close', code: 'closed' }).catch(() => {});
        expect((await server.ended).code).toMatch(/^(closed|[a-z]+\.[a-z0-9_]+)$/);
        await connections.close();
      }),
      { numRuns: 25 },
    );
  }, 30_000);
});
