import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  acceptSession,
  type Address,
  type Carrier,
  CodedError,
  createCrypto,
  createHost,
  createMemoryCarrier,
  createMemoryNetwork,
  createQuicCarrier,
  createRpcClient,
  type Crypto,
  type Host,
  type HostConfig,
  type IdentityKind,
  type MemoryNetwork,
  pause,
  type PeerTarget,
  type Session,
  type SessionEvent,
  singleSession,
  stoqError,
  systemClock,
  systemEntropy,
} from '@hypermesh/stoq';
import { DIAL_UNANSWERED_MS } from '../../src/host/pooled-peer.ts';
import { SampleLog, sampleContract, sampleHandlers } from '../rpc/sample-service.ts';
import { createPeer, type Peer, PeerBook } from './peers.ts';

let crypto: Crypto;
let alice: Peer;
let bob: Peer;
let mallory: Peer;
let network: MemoryNetwork;
const hosts: Host[] = [];

beforeAll(async () => {
  crypto = await createCrypto({ signingThreads: 1 });
  [alice, bob, mallory] = [await createPeer(crypto), await createPeer(crypto), await createPeer(crypto)];
}, 30_000);
afterAll(() => crypto.close());
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.stop({ graceMs: 0 })));
});

interface Options extends Partial<HostConfig> {
  readonly kinds?: readonly IdentityKind[];
  readonly carriers?: readonly (Carrier & { close?(): Promise<void> })[];
  readonly verifier?: PeerBook;
  readonly events?: SessionEvent[];
  readonly log?: SampleLog;
}

function hostOf(peer: Peer, options: Options = {}): Host {
  const { kinds = ['bundle'], carriers = [createQuicCarrier()], verifier = new PeerBook().list(alice).list(bob), events, log } = options;
  const observer = { called: () => {}, session: (event: SessionEvent) => void events?.push(event) };
  const host = createHost(
    { crypto, clock: systemClock, entropy: systemEntropy, carriers, verifier, observer },
    { listen: [], ...options, identities: () => kinds.map((kind) => peer.identity(kind)) },
  );
  host.serve(sampleContract, sampleHandlers(log ?? new SampleLog()));
  hosts.push(host);
  return host;
}

async function listening(peer: Peer, options: Options = {}): Promise<Host> {
  const host = hostOf(peer, { listen: ['127.0.0.1:0'], ...options });
  await host.start();
  return host;
}

function targetOf(host: Host, changes: Partial<PeerTarget> = {}): PeerTarget {
  return { addresses: host.addresses(), expect: 'bundle', ...changes };
}

async function failureOf(call: Promise<unknown>): Promise<CodedError> {
  const error = await call.then(
    (value) => value,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CodedError);
  return error as CodedError;
}

describe.each<['quic' | 'memory', Address]>([
  ['quic', '127.0.0.1:0'],
  ['quic', '[::1]:0'],
  ['memory', 'server:0'],
])('over %s at %s', (kind, address) => {
  const carrier = (): Carrier => (kind === 'quic' ? createQuicCarrier() : createMemoryCarrier(network));

  it('calls, streams, errors and large answers pass', async () => {
    network = createMemoryNetwork();
    const server = await listening(alice, { carriers: [carrier()], listen: [address] });
    const client = hostOf(bob, { carriers: [carrier()] });
    const calls = client.connect(sampleContract, targetOf(server, { id: alice.id }));
    expect(await Promise.all([calls.add({ a: 1, b: 2 }), calls.add({ a: 3, b: 4 })])).toEqual([{ sum: 3 }, { sum: 7 }]);
    const values: number[] = [];
    for await (const value of calls.count({ from: 0, to: 200 })) values.push(value);
    expect(values).toEqual(Array.from({ length: 200 }, (_, n) => n));
    expect(await failureOf(calls.fail('coded'))).toMatchObject({ code: 'stoq.blob_missing', data: { digest: 'abc' } });
    expect(await failureOf(calls.operate(null))).toMatchObject({ code: 'stoq.rpc_forbidden' });
    expect(Buffer.compare(await calls.blob(11 * 1024 * 1024), Buffer.alloc(11 * 1024 * 1024, 7))).toBe(0);
    expect(await calls.upload(new Uint8Array(11 * 1024 * 1024))).toBe(11 * 1024 * 1024);
  });

  it('an answer beyond the credit of its reader arrives before its server has closed', async () => {
    network = createMemoryNetwork({ delayMs: () => 5 });
    const log = new SampleLog();
    const server = await listening(alice, { carriers: [carrier()], listen: [address], log });
    const client = hostOf(bob, { carriers: [carrier()], sessionLimits: { streamCreditBytes: 2 * 1024 } });
    const calls = client.connect(sampleContract, targetOf(server));
    const text = 'y'.repeat(15_000);
    const answer = calls.once(text, { deadlineMs: 30_000 });
    await log.until(({ started }) => started.length === 1);
    await server.stop();
    expect(await answer).toBe(text);
  });

  it('cancellation and deadlines reach the handler', async () => {
    network = createMemoryNetwork();
    const log = new SampleLog();
    const server = await listening(alice, { carriers: [carrier()], listen: [address], log });
    const calls = hostOf(bob, { carriers: [carrier()] }).connect(sampleContract, targetOf(server));
    const controller = new AbortController();
    const cancelled = failureOf(calls.hang('a', { signal: controller.signal }));
    await log.until(({ started }) => started.length === 1);
    controller.abort();
    expect((await cancelled).code).toBe('stoq.rpc_cancelled');
    expect((await failureOf(calls.hang('b', { deadlineMs: 50 }))).code).toBe('stoq.rpc_deadline');
    for await (const chunk of calls.chunks(32 * 1024)) if (chunk.length > 0) break;
    await log.until(({ aborted }) => aborted.length === 3);
    expect(log.aborted.find(({ name }) => name === 'a')?.code).toBe('stoq.rpc_cancelled');
    expect(log.aborted.find(({ name }) => name === 'b')?.code).toBe('stoq.rpc_deadline');
    expect(log.aborted.find(({ name }) => name === 'chunks')?.code).toBe('stoq.rpc_cancelled');
  });
});

describe('identities', () => {
  it('one host shows each peer the kind that it expects', async () => {
    const verifier = new PeerBook().list(alice, { roles: ['validator'] }).list(bob);
    const server = await listening(alice, { kinds: ['set-entry', 'bundle'], verifier });
    const client = hostOf(bob, { kinds: ['bundle', 'raw-key', 'set-entry'], verifier });
    const byBundle = client.connect(sampleContract, targetOf(server));
    const bySet = client.connect(sampleContract, targetOf(server, { expect: 'set-entry' }));
    const enrolling = client.connect(sampleContract, targetOf(server, { expect: 'set-entry', as: 'raw-key' }));
    expect((await failureOf(byBundle.setOnly(null))).code).toBe('stoq.rpc_forbidden');
    expect(await bySet.setOnly(null)).toBe('set');
    expect(await enrolling.enrol(null)).toBe('raw-key');
    expect((await failureOf(enrolling.add({ a: 1, b: 1 }))).code).toBe('stoq.rpc_forbidden');
  });

  it.each<[string, () => Promise<[Host, Partial<PeerTarget>, Options]>]>([
    ['a server with another id than expected', async () => [await listening(alice), { id: bob.id }, {}]],
    ['a server that has no identity of the kind', async () => [await listening(alice), { expect: 'set-entry', as: 'bundle' }, {}]],
    ['a server that the client does not know', async () => [await listening(alice), {}, { verifier: new PeerBook() }]],
    ['a client that the server does not know', async () => [await listening(alice, { verifier: new PeerBook().list(alice) }), {}, {}]],
    ['an own kind that the client lacks', async () => [await listening(alice), { as: 'pinned' }, {}]],
  ])('%s is refused', async (_, arrange) => {
    const [server, target, options] = await arrange();
    const calls = hostOf(bob, options).connect(sampleContract, targetOf(server, target));
    expect((await failureOf(calls.add({ a: 1, b: 1 }))).code).toBe('stoq.identity_refused');
  });

  it('a peer that is not listed gets no session, and the host says so', async () => {
    const events: SessionEvent[] = [];
    const server = await listening(alice, { events });
    const client = hostOf(mallory, { verifier: new PeerBook().list(alice), events });
    await failureOf(client.connect(sampleContract, targetOf(server)).add({ a: 1, b: 1 }));
    await expect.poll(() => new Set(events.map(({ kind }) => kind))).toEqual(new Set(['refused', 'unreachable']));
  });
});

describe('sessions', () => {
  it('are shared by all clients of a target and reported', async () => {
    const events: SessionEvent[] = [];
    const server = await listening(alice);
    const client = hostOf(bob, { events });
    const [one, other] = [client.connect(sampleContract, targetOf(server)), client.connect(sampleContract, targetOf(server))];
    await Promise.all([one.add({ a: 1, b: 1 }), other.add({ a: 1, b: 1 })]);
    await client.stop();
    expect(events).toMatchObject([
      { kind: 'opened', side: 'client' },
      { kind: 'ended', side: 'client', code: 'closed', by: 'local' },
    ]);
  });

  it('are replaced after the peer has restarted at the same address', async () => {
    const first = await listening(alice);
    const [address] = first.addresses() as [Address];
    const client = hostOf(bob);
    const calls = client.connect(sampleContract, { addresses: [address], expect: 'bundle', id: alice.id });
    expect(await calls.add({ a: 1, b: 1 })).toEqual({ sum: 2 });
    await first.stop();
    const second = await listening(alice, { listen: [address] });
    expect(second.addresses()).toEqual([address]);
    await expect.poll(() => calls.add({ a: 2, b: 2 }).catch((error: CodedError) => error.code), { timeout: 10_000 }).toEqual({ sum: 4 });
  });

  it('with a peer that comes back are open as soon as it calls, however long nobody answered there', async () => {
    const spare = await listening(alice);
    const [address = ''] = spare.addresses();
    await spare.stop({ graceMs: 0 });
    const events: SessionEvent[] = [];
    const caller = await listening(bob, { events });
    const call = caller
      .connect(sampleContract, { addresses: [address], expect: 'bundle', id: alice.id })
      .add({ a: 1, b: 2 }, { deadlineMs: 10_000 });
    await pause(systemClock, DIAL_UNANSWERED_MS, new AbortController().signal);
    const back = await listening(alice, { listen: [address] });
    await back.connect(sampleContract, targetOf(caller)).add({ a: 1, b: 2 });
    expect(await call).toEqual({ sum: 3 });
    // Not by the next repetition of the first dial, which comes after three seconds.
    expect(events).toContainEqual(
      expect.objectContaining({ kind: 'unreachable', error: expect.objectContaining({ code: 'stoq.carrier_timeout' }) }),
    );
  });

  it('are found although the first address is dead', async () => {
    const gone = await listening(mallory);
    const dead = gone.addresses();
    await gone.stop();
    const server = await listening(alice);
    const calls = hostOf(bob).connect(sampleContract, targetOf(server, { addresses: [...dead, ...server.addresses()] }));
    expect(await calls.add({ a: 1, b: 1 }, { deadlineMs: 5_000 })).toEqual({ sum: 2 });
  });

  it('go to whichever address proves the expected id', async () => {
    const verifier = new PeerBook().list(alice).list(bob).list(mallory);
    const [wrong, right] = [await listening(mallory, { verifier }), await listening(alice, { verifier })];
    const addresses = [...wrong.addresses(), ...right.addresses()];
    const calls = hostOf(bob, { verifier }).connect(sampleContract, { addresses, expect: 'bundle', id: alice.id });
    expect(await calls.add({ a: 1, b: 1 }, { deadlineMs: 5_000 })).toEqual({ sum: 2 });
  });

  it('carry calls of the dialled peer too', async () => {
    network = createMemoryNetwork();
    const accepted = Promise.withResolvers<Session>();
    const common = { crypto, clock: systemClock, entropy: systemEntropy, verifier: new PeerBook().list(bob) };
    const identities = (): [ReturnType<Peer['identity']>] => [alice.identity('bundle')];
    const { signal } = new AbortController();
    const raw = createMemoryCarrier(network);
    const listener = await raw.listen('raw:0', (connection) => {
      accepted.resolve(acceptSession({ ...common, connection, identities, signal }));
    });
    const dialler = hostOf(bob, { carriers: [createMemoryCarrier(network)] });
    const own = failureOf(dialler.connect(sampleContract, { addresses: [listener.address], expect: 'bundle' }).hang('x'));
    const back = createRpcClient(sampleContract, singleSession(await accepted.promise), { clock: systemClock });
    expect(await back.add({ a: 5, b: 6 })).toEqual({ sum: 11 });
    await raw.close();
    await own;
  });

  it('above the limit are refused, and a place is free again when one ends', async () => {
    const server = await listening(alice, { sessionsMax: 1 });
    const [one, other] = [hostOf(bob), hostOf(bob)];
    await one.connect(sampleContract, targetOf(server)).add({ a: 1, b: 1 });
    const calls = other.connect(sampleContract, targetOf(server));
    expect((await failureOf(calls.add({ a: 1, b: 1 }))).code).toMatch(/^stoq\.(carrier_|handshake_)/);
    await one.stop();
    await expect.poll(() => calls.add({ a: 1, b: 1 }).catch(() => null), { timeout: 10_000 }).toEqual({ sum: 2 });
  });

  it('to nowhere say why', async () => {
    network = createMemoryNetwork();
    const client = hostOf(bob, { carriers: [createMemoryCarrier(network)] });
    const call = (addresses: readonly Address[]): Promise<CodedError> =>
      failureOf(client.connect(sampleContract, { addresses, expect: 'bundle' }).add({ a: 1, b: 1 }));
    expect((await call(['nowhere:1'])).code).toBe('stoq.carrier_refused');
    expect((await call(['no address'])).code).toBe('stoq.carrier_address');
    expect((await call([])).code).toBe('stoq.carrier_address');
  });
});

describe('carriers', () => {
  it('take the addresses that are theirs, when listening and when dialling', async () => {
    network = createMemoryNetwork();
    const carriers = (): Carrier[] => [createQuicCarrier(), createMemoryCarrier(network)];
    const server = await listening(alice, { carriers: carriers(), listen: ['127.0.0.1:0', 'inside:7'] });
    expect(server.addresses()[1]).toBe('inside:7');
    for (const address of server.addresses()) {
      const calls = hostOf(bob, { carriers: carriers() }).connect(sampleContract, { addresses: [address], expect: 'bundle' });
      expect(await calls.add({ a: 1, b: 1 })).toEqual({ sum: 2 });
    }
  });
});

describe('life cycle', () => {
  it('a failed start undoes what was started', async () => {
    network = createMemoryNetwork();
    const host = hostOf(alice, { carriers: [createMemoryCarrier(network)], listen: ['a:1', 'a:1'] });
    await expect(host.start()).rejects.toMatchObject({ code: 'stoq.carrier_address' });
    await listening(alice, { carriers: [createMemoryCarrier(network)], listen: ['a:1'] });
  });

  it('a stop during the start ends it', async () => {
    network = createMemoryNetwork();
    const host = hostOf(alice, { carriers: [createMemoryCarrier(network)], listen: ['a:1', 'a:2'] });
    const starting = host.start();
    await host.stop();
    await expect(starting).rejects.toMatchObject({ code: 'stoq.session_closed' });
    await listening(alice, { carriers: [createMemoryCarrier(network)], listen: ['a:1', 'a:2'] });
  });

  it('stop waits for calls under way, then ends', async () => {
    const log = new SampleLog();
    const server = await listening(alice, { log });
    const calls = hostOf(bob).connect(sampleContract, targetOf(server));
    const late = failureOf(calls.hang('slow', { deadlineMs: 400 }));
    await log.until(({ started }) => started.length === 1);
    const stopping = server.stop();
    expect((await failureOf(calls.add({ a: 1, b: 1 }))).code).toBe('stoq.rpc_stopping');
    expect(await late).toMatchObject({ code: 'stoq.rpc_deadline' });
    await stopping;
    expect(server.stop()).toBe(server.stop());
  });

  it.each([1, 200])('stop aborts what exceeds the grace of %i ms and what has no end, and says so', async (graceMs) => {
    const log = new SampleLog();
    const server = await listening(alice, { log });
    const calls = hostOf(bob).connect(sampleContract, targetOf(server));
    const unary = failureOf(calls.hang('u', { deadlineMs: 60_000 }));
    const stream = failureOf(
      (async () => {
        for await (const value of calls.drip('s', { deadlineMs: 60_000 })) expect(value).toBe(1);
      })(),
    );
    await log.until(({ started }) => started.length === 2);
    await server.stop({ graceMs });
    expect((await unary).code).toBe('stoq.rpc_stopping');
    expect((await stream).code).toBe('stoq.rpc_stopping');
    expect(log.aborted.map(({ code }) => code)).toEqual(['stoq.rpc_stopping', 'stoq.rpc_stopping']);
  });

  it('a stopped host calls no more', async () => {
    const server = await listening(alice);
    const client = hostOf(bob);
    const calls = client.connect(sampleContract, targetOf(server));
    await calls.add({ a: 1, b: 1 });
    await client.stop();
    expect((await failureOf(calls.add({ a: 1, b: 1 }))).code).toBe('stoq.session_closed');
  });

  it('refuses to be misused', async () => {
    const host = await listening(alice);
    expect(() => host.serve(sampleContract, sampleHandlers(new SampleLog()))).toThrow(/before the start/);
    await expect(host.start()).rejects.toThrow(/starts once/);
    const twice = hostOf(alice);
    expect(() => twice.serve(sampleContract, sampleHandlers(new SampleLog()))).toThrow(/served once/);
    expect(stoqError.catalogue['stoq.rpc_stopping'].retryable).toBe(true);
  });
});

it('a quiet session closes without waiting for a peer that is silent', async () => {
  network = createMemoryNetwork({ delayMs: () => 1 });
  const server = await listening(alice, { carriers: [createMemoryCarrier(network)], listen: ['server:0'] });
  const client = hostOf(bob, { carriers: [createMemoryCarrier(network)] });
  const calls = client.connect(sampleContract, targetOf(server));
  for (let n = 0; n < 10; n++) await calls.echo(n);
  // Longer than either side waits before it acknowledges.
  await new Promise((resolve) => setTimeout(resolve, 300));
  for (const address of ['memory-1', 'memory-2', 'memory-3']) network.hold('server', address);
  const startedAt = performance.now();
  await client.stop();
  // Otherwise it waits for 5 s or more.
  expect(performance.now() - startedAt).toBeLessThan(2_500);
});
