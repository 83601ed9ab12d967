import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Clock, createMemoryCarrier, createMemoryNetwork, type SessionStream, stoqError } from '../../src/index.ts';
import {
  codeOf,
  type Connections,
  connectMemory,
  connectQuic,
  createPair,
  createTestVerifier,
  createWorld,
  type Pair,
  type PairOptions,
  readAll,
  shake,
  type World,
} from './fixtures.ts';

let world: World;
const open: Connections[] = [];

beforeAll(async () => {
  world = await createWorld();
});

afterAll(async () => {
  for (const connections of open) await connections.close();
  await world.crypto.close();
});

const pairOf = async (options: PairOptions = {}): Promise<Pair> => {
  const pair = await createPair(world, options);
  open.push(pair.connections);
  return pair;
};

const accepted = async ({ server }: Pair): Promise<SessionStream> => {
  const stream = await server.acceptStream();
  if (stream === null) throw new Error('the session ended');
  return stream;
};

const turns = async (count = 20): Promise<void> => {
  for (let index = 0; index < count; index++) await new Promise((resolve) => setImmediate(resolve));
};

describe.each([
  ['memory', connectMemory],
  ['quic', connectQuic],
])('the end over %s', (_, connect) => {
  test('an error of one side is the code of the other, and everything open fails with it', async () => {
    const pair = await pairOf({ connections: await connect() });
    const stream = await pair.client.openStream();
    await stream.write(Uint8Array.of(1));
    const other = await accepted(pair);
    await other.read();
    const waiting = [codeOf(other.read()), codeOf(stream.read()), codeOf(pair.server.ping({ signal: new AbortController().signal }))];
    pair.client.abort(stoqError('stoq.identity_refused'));
    pair.client.abort(stoqError('stoq.rpc_internal'));
    expect(await pair.client.ended).toEqual({ code: 'stoq.identity_refused', by: 'local' });
    expect(await pair.server.ended).toEqual({ code: 'stoq.identity_refused', by: 'peer' });
    for (const code of waiting) expect(await code).toBe('stoq.identity_refused');
    expect(await codeOf(pair.client.openStream())).toBe('stoq.identity_refused');
    expect(await codeOf(pair.server.openStream())).toBe('stoq.identity_refused');
    expect(await codeOf(other.write(Uint8Array.of(1)))).toBe('stoq.identity_refused');
    expect(await pair.client.acceptStream()).toBeNull();
    await pair.connections.dialer.closed;
    await pair.connections.listener.closed;
  });

  test('a revoked peer loses its live session and is told so', async () => {
    const verifier = createTestVerifier();
    const pair = await pairOf({ connections: await connect(), serverVerifier: verifier });
    verifier.change();
    await pair.client.ping({ signal: AbortSignal.timeout(5_000) });
    const stream = await pair.client.openStream();
    const reading = codeOf(stream.read());
    verifier.revoked = true;
    verifier.change();
    expect(await pair.server.ended).toEqual({ code: 'stoq.session_revoked', by: 'local' });
    expect(await pair.client.ended).toEqual({ code: 'stoq.session_revoked', by: 'peer' });
    expect(await reading).toBe('stoq.session_revoked');
    expect(verifier.listeners.size).toBe(0);
  });

  test('a lost connection ends both sides', async () => {
    const pair = await pairOf({ connections: await connect() });
    const stream = await pair.client.openStream();
    const reading = codeOf(stream.read());
    pair.connections.listener.close();
    expect(await pair.client.ended).toEqual({ code: 'stoq.carrier_closed', by: 'peer' });
    expect(await pair.server.ended).toEqual({ code: 'stoq.carrier_closed', by: 'peer' });
    expect(await reading).toBe('stoq.carrier_closed');
    await pair.client.close();
  });

  test('both sides may close at once', async () => {
    const pair = await pairOf({ connections: await connect() });
    await Promise.all([pair.client.close(), pair.server.close(), pair.client.close()]);
    expect((await pair.client.ended).code).toBe('closed');
    expect((await pair.server.ended).code).toBe('closed');
  });
});

describe('a graceful close', () => {
  test('waits for what the peer has not read, also on streams without an end', async () => {
    const pair = await pairOf();
    const ended = await pair.client.openStream();
    await ended.write(new Uint8Array(1000));
    await ended.finish();
    const open = await pair.client.openStream();
    await open.write(new Uint8Array(1000));
    let closed = false;
    const closing = pair.client.close().then(() => (closed = true));
    expect(await codeOf(pair.client.openStream())).toBe('stoq.session_closed');
    await turns();
    expect(closed).toBe(false);
    expect(await codeOf(pair.server.openStream())).toBe('stoq.session_closed');
    expect(await readAll(await accepted(pair))).toHaveLength(1000);
    await turns();
    expect(closed).toBe(false);
    expect(await (await accepted(pair)).read()).toHaveLength(1000);
    await closing;
    expect(await pair.server.ended).toEqual({ code: 'closed', by: 'peer' });
  });

  test('ends after its grace', async () => {
    const clock = new SteppedClock();
    const pair = await pairOf({ clock });
    const stream = await pair.client.openStream();
    await stream.write(Uint8Array.of(1));
    const closing = pair.client.close({ graceMs: 300 });
    await turns();
    clock.step(299);
    await turns();
    expect(await Promise.race([pair.client.ended, Promise.resolve('alive')])).toBe('alive');
    clock.step(1);
    await closing;
    expect(await pair.client.ended).toEqual({ code: 'closed', by: 'local' });
  });

  test('of a session that has ended already is done at once', async () => {
    const pair = await pairOf();
    await pair.client.close();
    await pair.client.close();
    await pair.server.close();
    expect(await pair.server.ended).toEqual({ code: 'closed', by: 'peer' });
  });
});

describe('time', () => {
  test('a session ends when the identity of the peer does, however far off', async () => {
    const clock = new SteppedClock();
    const verifier = createTestVerifier();
    const monthMs = 31 * 86_400_000;
    verifier.notAfter = clock.now() + monthMs;
    const limits = { pingIntervalMs: 2 * monthMs, idleTimeoutMs: 3 * monthMs };
    const pair = await pairOf({ clock, clientVerifier: verifier, client: { limits }, server: { limits } });
    clock.step(monthMs - 1);
    expect(await Promise.race([pair.client.ended, Promise.resolve('alive')])).toBe('alive');
    clock.step(1);
    expect(await pair.client.ended).toEqual({ code: 'stoq.session_revoked', by: 'local' });
    expect(await pair.server.ended).toEqual({ code: 'stoq.session_revoked', by: 'peer' });
  });

  test('an identity that was revoked during the handshake gets no session', async () => {
    const verifier = createTestVerifier();
    verifier.revoked = true;
    const pair = await pairOf({ serverVerifier: verifier });
    expect(await pair.server.ended).toEqual({ code: 'stoq.session_revoked', by: 'local' });
    expect(await pair.client.ended).toEqual({ code: 'stoq.session_revoked', by: 'peer' });
  });

  const silenced = async (): Promise<{
    pair: Pair;
    clock: SteppedClock;
    network: ReturnType<typeof createMemoryNetwork>;
  }> => {
    const clock = new SteppedClock();
    const network = createMemoryNetwork();
    const client = createMemoryCarrier(network, { host: 'here' });
    const server = createMemoryCarrier(network);
    const arrived = Promise.withResolvers<Connections['listener']>();
    const listener = await server.listen('there:0', arrived.resolve);
    const dialer = await client.dial(listener.address, { signal: new AbortController().signal });
    const connections = { dialer, listener: await arrived.promise, close: () => client.close() };
    return { pair: await pairOf({ connections, clock }), clock, network };
  };

  test('silence is asked about, and ends the session when there is no answer', async () => {
    const { pair, clock, network } = await silenced();
    for (let minute = 0; minute < 12; minute++) {
      clock.step(5_000);
      await turns();
    }
    expect(await Promise.race([pair.client.ended, Promise.resolve('alive')])).toBe('alive');
    network.hold('here', 'there');
    for (let step = 0; step < 4; step++) {
      clock.step(5_000);
      await turns();
    }
    expect(await pair.client.ended).toEqual({ code: 'stoq.session_idle', by: 'local' });
    expect(await pair.server.ended).toEqual({ code: 'stoq.session_idle', by: 'local' });
    clock.step(1_000);
    await pair.client.close();
  });

  test('a session is unresponsive while the peer does not answer what it was sent', async () => {
    const { pair, clock, network } = await silenced();
    const stream = await pair.client.openStream();
    const pass = async (...stepsMs: number[]): Promise<boolean> => {
      for (const ms of stepsMs) {
        clock.step(ms);
        await turns();
      }
      return pair.client.isUnresponsive;
    };
    await stream.write(Uint8Array.of(1));
    await turns();
    // Nobody reads what was sent: the answer to a ping halfway will do.
    expect(await pass(999, 1, 1_000)).toBe(false);
    network.hold('here', 'there');
    await stream.write(Uint8Array.of(2));
    expect(await pass(999, 1, 999)).toBe(false);
    expect(await pass(1)).toBe(true);
    network.release('here', 'there');
    expect(await pass(0)).toBe(false);
  });

  test('a process that was held up itself asks before it gives up', async () => {
    const steps = new SteppedClock();
    let heldUpMs = 0;
    const clock: Clock = {
      now: () => steps.now(),
      monotonic: () => steps.monotonic() + heldUpMs,
      after: (delayMs, callback) => steps.after(delayMs, callback),
    };
    const pair = await pairOf({ clock });
    heldUpMs = 60_000;
    steps.step(5_000);
    await turns();
    expect(await Promise.race([pair.client.ended, Promise.resolve('alive')])).toBe('alive');
    for (let step = 0; step < 4; step++) {
      steps.step(5_000);
      await turns();
    }
    expect(await Promise.race([pair.client.ended, Promise.resolve('alive')])).toBe('alive');
  });

  test('ping measures, and gives up with its signal', async () => {
    const { pair, clock, network } = await silenced();
    network.hold('here', 'there');
    const controller = new AbortController();
    const pinging = pair.client.ping({ signal: controller.signal });
    const givenUp = codeOf(pair.client.ping({ signal: controller.signal }));
    await turns();
    clock.step(40);
    network.release('here', 'there');
    expect(await pinging).toBe(40);
    network.hold('here', 'there');
    const late = codeOf(pair.client.ping({ signal: controller.signal }));
    controller.abort(stoqError('stoq.rpc_cancelled'));
    expect(await givenUp).toBe('none');
    expect(await late).toBe('stoq.rpc_cancelled');
    expect(await codeOf(pair.client.ping({ signal: controller.signal }))).toBe('stoq.rpc_cancelled');
    network.release('here', 'there');
  });

  test('keys change with time', async () => {
    const clock = new SteppedClock();
    const limits = { rekeyIntervalMs: 1_000 };
    const pair = await pairOf({ clock, client: { limits }, server: { limits } });
    const stream = await pair.client.openStream();
    await stream.write(Uint8Array.of(1));
    const other = await accepted(pair);
    expect(await other.read()).toEqual(Uint8Array.of(1));
    clock.step(1_000);
    await stream.write(Uint8Array.of(2));
    await stream.finish();
    expect(await readAll(other)).toEqual(Uint8Array.of(2));
  });

  test('no timer is left when a session has ended', async () => {
    const clock = new SteppedClock();
    const pair = await pairOf({ clock });
    const stream = await pair.client.openStream();
    await stream.write(Uint8Array.of(1));
    await stream.finish();
    await readAll(await accepted(pair));
    await pair.client.close();
    await pair.server.close();
    await turns();
    expect(clock.timers).toBe(0);
  });
});

test('a session that is ready after its deadline is not kept', async () => {
  const clock = new SteppedClock();
  const verifier = createTestVerifier();
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const slow = {
    ...verifier,
    verify: async (claim: Parameters<typeof verifier.verify>[0]) => {
      asked.resolve();
      await answer.promise;
      return verifier.verify(claim);
    },
  };
  const connections = await connectMemory();
  open.push(connections);
  const { client, server } = shake(world, connections, { client: { clock }, serverVerifier: slow });
  await asked.promise;
  clock.step(10_000);
  expect(await codeOf(client)).toBe('stoq.handshake_timeout');
  answer.resolve();
  expect((await (await server).ended).code).not.toBe('closed');
  clock.step(1_000);
  await connections.dialer.closed;
});
