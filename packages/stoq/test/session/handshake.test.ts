import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type CarrierConnection,
  CodedError,
  createHandshakeGate,
  hasCode,
  type HybridSignature,
  type LocalIdentity,
  stoqError,
  systemEntropy,
} from '../../src/index.ts';
import { FRAME_HEAD_BYTES, writeFrameHead } from '../../src/session/frame.ts';
import { HandshakeChannel } from '../../src/session/handshake-channel.ts';
import { startClient } from '../../src/session/key-exchange.ts';
import { sessionLimits } from '../../src/session/limits.ts';
import {
  alertCodec,
  type ClientHello,
  clientHelloCodec,
  decodeMessage,
  encodeMessage,
  MESSAGE,
  MESSAGE_BYTES_MAX,
} from '../../src/session/messages.ts';
import { PARAMETER } from '../../src/session/parameters.ts';
import { connectMemory, connectQuic, createTestVerifier, createWorld, shake, type World, codeOf, codesOf, deaf } from './fixtures.ts';

let world: World;

beforeAll(async () => {
  world = await createWorld();
});

afterAll(() => world.crypto.close());

const signedBy = (identity: LocalIdentity, change: (signature: HybridSignature) => HybridSignature): LocalIdentity => ({
  kind: identity.kind,
  bundle: () => identity.bundle(),
  signer: () => ({
    publicKey: identity.signer().publicKey,
    sign: async (message) => change(await identity.signer().sign(message)),
  }),
});

describe.each([
  ['memory', connectMemory],
  ['quic', connectQuic],
])('over %s', (_, connect) => {
  const revoked = (): CodedError => new CodedError('trustchain.certificate_revoked', { message: 'revoked', retryable: false });

  test.each(['client', 'server'] as const)('what the verifier of the %s says is the code on both sides', async (refuser) => {
    const connections = await connect();
    const verifier = createTestVerifier();
    verifier.refuseWith = revoked();
    const { client, server } = shake(
      world,
      connections,
      refuser === 'client' ? { clientVerifier: verifier } : { serverVerifier: verifier },
    );
    expect(await codeOf(client)).toBe('trustchain.certificate_revoked');
    expect(await codeOf(server)).toBe('trustchain.certificate_revoked');
    await connections.dialer.closed;
    await connections.listener.closed;
    await connections.close();
  });

  test('verifiers are asked about the other side, its kind and role', async () => {
    const connections = await connect();
    const clientVerifier = createTestVerifier();
    const serverVerifier = createTestVerifier();
    const { client, server } = shake(world, connections, { clientVerifier, serverVerifier });
    await Promise.all([client, server]);
    expect(clientVerifier.claims).toEqual([{ kind: 'set-entry', role: 'server', bundle: world.server.bundle() }]);
    expect(serverVerifier.claims).toEqual([{ kind: 'bundle', role: 'client', bundle: world.client.bundle() }]);
    await connections.close();
  });
});

describe('refusals', () => {
  const refusing = (error: unknown): ReturnType<typeof createTestVerifier> => {
    const verifier = createTestVerifier();
    verifier.refuseWith = error;
    return verifier;
  };

  test('what is not a coded error reaches the peer without its text', async () => {
    const codes = await codesOf(world, { serverVerifier: refusing(new Error('secret path')) });
    expect(codes.client).toBe('stoq.identity_refused');
    expect(codes.server).toContain('secret path');
  });

  test('a full signing queue is overload to the peer', async () => {
    const busy = signedBy(world.server, () => {
      throw stoqError('stoq.signing_overload');
    });
    const codes = await codesOf(world, { server: { identities: () => [busy] } });
    expect(codes).toEqual({ client: 'stoq.handshake_overload', server: 'stoq.signing_overload' });
  });

  test('a server without the wanted kind of identity', async () => {
    const codes = await codesOf(world, { client: { expect: 'pinned' } });
    expect(codes).toEqual({ client: 'stoq.identity_refused', server: 'stoq.identity_refused' });
  });

  test('a server with another id than the expected one, before the client has shown its own', async () => {
    const serverVerifier = createTestVerifier();
    const codes = await codesOf(world, { client: { expectId: new Uint8Array(32) }, serverVerifier });
    expect(codes).toEqual({ client: 'stoq.identity_refused', server: 'stoq.identity_refused' });
    expect(serverVerifier.claims).toEqual([]);
  });

  test('a server that shows another kind than the client wants', async () => {
    const connections = await connectMemory();
    // Of the wanted kind while it is chosen, of another when it is shown.
    const kinds: ('set-entry' | 'bundle')[] = ['set-entry', 'bundle'];
    const lying: LocalIdentity = {
      bundle: () => world.server.bundle(),
      signer: () => world.server.signer(),
      get kind() {
        return kinds.shift() ?? 'bundle';
      },
    };
    const { client } = shake(world, connections, { server: { identities: () => [lying] } });
    expect(await codeOf(client)).toBe('stoq.identity_refused');
    await connections.close();
  });

  test('a verifier that finds another kind than the claimed one', async () => {
    const verifier = createTestVerifier();
    const lenient = {
      ...verifier,
      verify: async (claim: Parameters<typeof verifier.verify>[0]) => ({ ...(await verifier.verify(claim)), kind: 'raw-key' as const }),
    };
    expect(await codesOf(world, { serverVerifier: lenient })).toEqual({ client: 'stoq.identity_refused', server: 'stoq.identity_refused' });
  });

  const thief = (): LocalIdentity => ({ kind: 'bundle', bundle: () => world.client.bundle(), signer: () => world.stranger.signer() });
  const empty = (algorithm: 'ed25519'): { algorithm: 'ed25519'; bytes: Uint8Array } => ({ algorithm, bytes: new Uint8Array(64) });
  test.each([
    ['keys of somebody else', () => thief()],
    ['the Ed25519 leg blanked', () => signedBy(world.client, (signature) => ({ ...signature, classical: empty('ed25519') }))],
    ['the Ed25519 leg by another key', () => mixed('classical')],
    ['the FALCON leg by another key', () => mixed('postQuantum')],
  ])('a client with %s', async (_, identity) => {
    expect(await codesOf(world, { client: { identity: identity() } })).toEqual({
      client: 'stoq.handshake_forged',
      server: 'stoq.handshake_forged',
    });
  });

  const mixed = (leg: keyof HybridSignature): LocalIdentity => ({
    kind: 'bundle',
    bundle: () => world.client.bundle(),
    signer: () => ({
      publicKey: world.client.signer().publicKey,
      sign: async (message) => ({
        ...(await world.client.signer().sign(message)),
        [leg]: (await world.stranger.signer().sign(message))[leg],
      }),
    }),
  });

  test('a server with keys of somebody else', async () => {
    const impostor: LocalIdentity = { kind: 'set-entry', bundle: () => world.server.bundle(), signer: () => world.stranger.signer() };
    const codes = await codesOf(world, { server: { identities: () => [impostor] } });
    expect(codes).toEqual({ client: 'stoq.handshake_forged', server: 'stoq.handshake_forged' });
  });
});

describe('hellos', () => {
  const hello = (change: (hello: ClientHello) => ClientHello): Uint8Array => {
    const start = startClient({ binding: { kind: 'none' }, limits: sessionLimits(), entropy: systemEntropy, expect: 'set-entry' });
    return encodeMessage(clientHelloCodec, change(decodeMessage(clientHelloCodec, start.hello)));
  };
  const parameters = (change: (list: ClientHello['parameters'][number][]) => void): ((from: ClientHello) => ClientHello) => {
    return (from) => {
      const list = [...from.parameters];
      change(list);
      return { ...from, parameters: list };
    };
  };
  const valued = (id: number, ...value: readonly number[]): ((from: ClientHello) => ClientHello) =>
    parameters((list) => {
      const index = list.findIndex((parameter) => parameter.id === id);
      list[index] = { id, critical: true, value: Uint8Array.from(value) };
    });

  test.each<[string, string, (from: ClientHello) => ClientHello]>([
    ['an unknown version', 'stoq.handshake_version', (from) => ({ ...from, versions: [2, 3] })],
    ['no version', 'stoq.handshake_version', (from) => ({ ...from, versions: [] })],
    ['an unknown suite', 'stoq.handshake_version', (from) => ({ ...from, suites: [0, 2] })],
    [
      'an unknown critical parameter',
      'stoq.handshake_parameter',
      parameters((list) => list.push({ id: 0xff00, critical: true, value: Uint8Array.of() })),
    ],
    ['a missing parameter', 'stoq.handshake_parameter', parameters((list) => list.splice(2, 1))],
    ['no wish for an identity', 'stoq.handshake_parameter', parameters((list) => list.splice(4, 1))],
    ['a repeated parameter', 'stoq.handshake_parameter', parameters((list) => list.splice(1, 0, list[0] as never))],
    ['FALCON off', 'stoq.handshake_parameter', valued(PARAMETER.falcon, 0)],
    ['extensions off', 'stoq.handshake_parameter', valued(PARAMETER.extensions, 0)],
    ['a token algorithm below the floor', 'stoq.handshake_parameter', valued(PARAMETER.tokenAlgorithm, 0)],
    ['records below the minimum', 'stoq.handshake_parameter', valued(PARAMETER.recordBytes, 0, 0, 0, 1)],
    ['a size that is no integer', 'stoq.handshake_parameter', valued(PARAMETER.streamCredit, 1)],
    ['a wish for a bare key', 'stoq.handshake_parameter', valued(PARAMETER.serverIdentity, ...Buffer.from('raw-key'))],
    ['an unknown kind of identity', 'stoq.handshake_parameter', valued(PARAMETER.serverIdentity, 1, 2)],
    ['an all-zero X25519 share', 'stoq.handshake_malformed', (from) => ({ ...from, x25519: new Uint8Array(32) })],
    ['an ML-KEM key outside its field', 'stoq.handshake_malformed', (from) => ({ ...from, kem: new Uint8Array(1568).fill(0xff) })],
  ])('%s is refused, and the client learns why', async (_, code, change) => {
    const connections = await connectMemory();
    const { server } = shake(world, { ...connections, dialer: deaf(connections.dialer) });
    const channel = new HandshakeChannel(await connections.dialer.openStream());
    await channel.send('clientHello', hello(change));
    expect(await codeOf(channel.receive('serverHello'))).toBe(code);
    expect(await codeOf(server)).toBe(code);
    await connections.close();
  });

  test('unknown parameters that are not critical, later versions and suites do not disturb', async () => {
    const connections = await connectMemory();
    const { server } = shake(world, { ...connections, dialer: deaf(connections.dialer) });
    const channel = new HandshakeChannel(await connections.dialer.openStream());
    const extended = parameters((list) => list.push({ id: 0xff00, critical: false, value: Uint8Array.of(1) }));
    await channel.send(
      'clientHello',
      hello((from) => extended({ ...from, versions: [9, 1], suites: [9, 1] })),
    );
    expect(await channel.receive('serverHello')).toBeInstanceOf(Uint8Array);
    await connections.close();
    expect(await codeOf(server)).toMatch(/^stoq\./);
  });

  const frame = (type: number, length: number, body: Uint8Array = new Uint8Array()): Uint8Array => {
    const bytes = new Uint8Array(FRAME_HEAD_BYTES + body.length);
    writeFrameHead(bytes, 0, type, length);
    bytes.set(body, FRAME_HEAD_BYTES);
    return bytes;
  };

  test.each([
    ['above its length limit, before its body is there', frame(MESSAGE.clientHello, MESSAGE_BYTES_MAX.clientHello + 1)],
    ['of a type that is not its turn', frame(MESSAGE.clientProof, 10)],
    ['of an unknown type', frame(99, 10)],
    ['that is no CBOR', frame(MESSAGE.clientHello, 3, Uint8Array.of(0xff, 1, 2))],
    ['that is an alert which is no alert', frame(MESSAGE.alert, 1, Uint8Array.of(0x80))],
  ])('a message %s is refused', async (_, bytes) => {
    const connections = await connectMemory();
    const { server } = shake(world, { ...connections, dialer: deaf(connections.dialer) });
    const stream = await connections.dialer.openStream();
    await stream.write(bytes);
    expect(await codeOf(server)).toBe('stoq.handshake_malformed');
    await connections.close();
  });

  test('an alert without protection may not speak of identities', async () => {
    const connections = await connectMemory();
    const { server } = shake(world, { ...connections, dialer: deaf(connections.dialer) });
    const channel = new HandshakeChannel(await connections.dialer.openStream());
    await channel.send('alert', encodeMessage(alertCodec, { code: 'trustchain.certificate_revoked', retryable: false }));
    expect(await codeOf(server)).toBe('stoq.handshake_forged');
    await connections.close();
  });
});

describe('deadlines', () => {
  test('a client that trickles is cut off and told so', async () => {
    const clock = new SteppedClock();
    const connections = await connectMemory();
    const { server } = shake(world, { ...connections, dialer: deaf(connections.dialer) }, { clock });
    const stream = await connections.dialer.openStream();
    await stream.write(Uint8Array.of(MESSAGE.clientHello, 0));
    await new Promise((resolve) => setImmediate(resolve));
    clock.step(9_999);
    await stream.write(Uint8Array.of(8));
    clock.step(1);
    expect(await codeOf(server)).toBe('stoq.handshake_timeout');
    expect(await codeOf(new HandshakeChannel(stream).receive('serverHello'))).toBe('stoq.handshake_timeout');
    clock.step(1_000);
    await connections.listener.closed;
    await connections.close();
  });

  test('a client that opens no stream at all is cut off', async () => {
    const clock = new SteppedClock();
    const connections = await connectMemory();
    const { server } = shake(world, { ...connections, dialer: deaf(connections.dialer) }, { clock });
    clock.step(10_000);
    expect(await codeOf(server)).toBe('stoq.handshake_timeout');
    await connections.listener.closed;
    expect(clock.timers).toBe(0);
    await connections.close();
  });

  test('the signal ends the wait with its reason', async () => {
    const connections = await connectMemory();
    const controller = new AbortController();
    const { client, server } = shake(
      world,
      { ...connections, listener: silent(connections.listener) },
      { client: { signal: controller.signal } },
    );
    controller.abort(new Error('changed my mind'));
    await expect(client).rejects.toThrow('changed my mind');
    await connections.dialer.closed;
    void server;
    await connections.close();
  });

  const silent = (connection: CarrierConnection): CarrierConnection => ({
    role: 'listener',
    remoteAddress: connection.remoteAddress,
    binding: connection.binding,
    closed: connection.closed,
    close: () => connection.close(),
    openStream: () => connection.openStream(),
    acceptStream: () => new Promise(() => {}),
  });

  test('a signal that has fired ends it before anything is sent', async () => {
    const codes = await codesOf(world, { client: { signal: AbortSignal.abort(stoqError('stoq.rpc_cancelled')) } });
    expect(codes.client).toBe('stoq.rpc_cancelled');
    expect(codes.server).toMatch(/^stoq\./);
  });
});

describe('the gate of an acceptor', () => {
  test('refuses above its limits with a code that the client sees, and frees places', async () => {
    const gate = createHandshakeGate(new SteppedClock(), { handshakesMax: 1 });
    const release = gate.admit('elsewhere:1');
    expect(await codesOf(world, { server: { gate } })).toEqual({ client: 'stoq.handshake_overload', server: 'stoq.handshake_overload' });
    release();
    release();
    expect(await codesOf(world, { server: { gate } })).toEqual({ client: 'none', server: 'none' });
    expect(await codesOf(world, { server: { gate }, client: { expect: 'pinned' } })).toEqual({
      client: 'stoq.identity_refused',
      server: 'stoq.identity_refused',
    });
    expect(hasCode(await gateError(gate), 'stoq.handshake_overload')).toBe(true);
  });

  const gateError = async (gate: ReturnType<typeof createHandshakeGate>): Promise<unknown> => {
    gate.admit('a:1');
    try {
      gate.admit('b:1');
    } catch (error) {
      return error;
    }
    return undefined;
  };
});
