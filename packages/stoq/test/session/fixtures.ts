import {
  type AcceptOptions,
  acceptSession,
  blake3,
  type CarrierConnection,
  type Clock,
  CodedError,
  type ConnectOptions,
  connectSession,
  createCrypto,
  createMemoryCarrier,
  createMemoryNetwork,
  createQuicCarrier,
  type Crypto,
  decode,
  encode,
  type Entropy,
  hybridPublicKeyCodec,
  type IdentityClaim,
  type IdentityKind,
  type IdentityVerifier,
  type LocalIdentity,
  type MemoryNetworkOptions,
  type PeerIdentity,
  type Session,
  systemClock,
  systemEntropy,
} from '../../src/index.ts';
import { type Alter, tap } from './tap.ts';

/** A verifier that believes every key, and what a test tells it otherwise. */
export interface TestVerifier extends IdentityVerifier {
  refuseWith: unknown;
  claims: IdentityClaim[];
  revoked: boolean;
  notAfter: number | null;
  listeners: Set<() => void>;
  change(): void;
}

export function createTestVerifier(): TestVerifier {
  const verifier: TestVerifier = {
    refuseWith: undefined,
    claims: [],
    revoked: false,
    notAfter: null,
    listeners: new Set(),
    async verify(claim): Promise<PeerIdentity> {
      verifier.claims.push(claim);
      if (verifier.refuseWith !== undefined) throw verifier.refuseWith;
      return {
        kind: claim.kind,
        id: blake3(claim.bundle),
        key: decode(hybridPublicKeyCodec, claim.bundle),
        roles: [],
        names: [],
        notAfter: verifier.notAfter,
        revocationIds: [],
        restricted: false,
      };
    },
    stillValid: () => !verifier.revoked,
    onChange(listener) {
      verifier.listeners.add(listener);
      return () => verifier.listeners.delete(listener);
    },
    change: () => {
      for (const listener of verifier.listeners) listener();
    },
  };
  return verifier;
}

export interface World {
  readonly crypto: Crypto;
  readonly client: LocalIdentity;
  readonly server: LocalIdentity;
  /** Keys of nobody in particular. */
  readonly stranger: LocalIdentity;
}

export async function createWorld(): Promise<World> {
  const crypto = await createCrypto({ signingThreads: 1 });
  return {
    crypto,
    client: await createIdentity(crypto, 'bundle'),
    server: await createIdentity(crypto, 'set-entry'),
    stranger: await createIdentity(crypto, 'bundle'),
  };
}

export async function createIdentity(crypto: Crypto, kind: IdentityKind): Promise<LocalIdentity> {
  const signer = crypto.createHybridSigner(await crypto.generateKeyPair('ed25519'), await crypto.generateKeyPair('falcon1024'));
  const bundle = encode(hybridPublicKeyCodec, signer.publicKey);
  return { kind, bundle: () => bundle, signer: () => signer };
}

export interface Connections {
  readonly dialer: CarrierConnection;
  readonly listener: CarrierConnection;
  close(): Promise<void>;
}

export async function connectMemory(options: MemoryNetworkOptions = {}, key?: null): Promise<Connections> {
  const network = createMemoryNetwork(options);
  return connectOver(createMemoryCarrier(network, key === null ? { key } : {}), createMemoryCarrier(network), 'server:0');
}

export async function connectQuic(): Promise<Connections> {
  return connectOver(createQuicCarrier(), createQuicCarrier(), '127.0.0.1:0');
}

type ClosableCarrier = ReturnType<typeof createQuicCarrier> | ReturnType<typeof createMemoryCarrier>;

async function connectOver(client: ClosableCarrier, server: ClosableCarrier, address: string): Promise<Connections> {
  const arrived = Promise.withResolvers<CarrierConnection>();
  const listener = await server.listen(address, arrived.resolve);
  const dialer = await client.dial(listener.address, { signal: new AbortController().signal });
  return {
    dialer,
    listener: await arrived.promise,
    async close() {
      await client.close();
      await server.close();
    },
  };
}

export interface PairOptions {
  readonly connections?: Connections;
  readonly clock?: Clock;
  readonly entropy?: Entropy;
  readonly client?: Partial<ConnectOptions>;
  readonly server?: Partial<AcceptOptions>;
  readonly clientVerifier?: IdentityVerifier;
  readonly serverVerifier?: IdentityVerifier;
}

export interface Handshakes {
  readonly client: Promise<Session>;
  readonly server: Promise<Session>;
}

export function shake(world: World, connections: Connections, options: PairOptions = {}): Handshakes {
  const common = {
    crypto: world.crypto,
    clock: options.clock ?? systemClock,
    entropy: options.entropy ?? systemEntropy,
    signal: new AbortController().signal,
  };
  const server = acceptSession({
    ...common,
    connection: connections.listener,
    identities: () => [world.server],
    verifier: options.serverVerifier ?? createTestVerifier(),
    ...options.server,
  });
  const client = connectSession({
    ...common,
    connection: connections.dialer,
    identity: world.client,
    expect: 'set-entry',
    verifier: options.clientVerifier ?? createTestVerifier(),
    ...options.client,
  });
  client.catch(() => {});
  server.catch(() => {});
  return { client, server };
}

export interface Pair {
  readonly client: Session;
  readonly server: Session;
  readonly connections: Connections;
}

export async function createPair(world: World, options: PairOptions = {}): Promise<Pair> {
  const connections = options.connections ?? (await connectMemory());
  const { client, server } = shake(world, connections, options);
  return { client: await client, server: await server, connections };
}

/** All bytes up to the end. */
export async function readAll(stream: { read(): Promise<Uint8Array | null> }): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) chunks.push(chunk);
  return Uint8Array.from(Buffer.concat(chunks));
}

/** The code with which it failed; `none` if it did not. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: unknown) => (error instanceof CodedError ? error.code : `not coded: ${String(error)}`),
  );
}

/** How the handshake of both sides ended, with a man in the middle at the client's end if there is one. */
export async function codesOf(world: World, options: PairOptions, alter?: Alter): Promise<{ client: string; server: string }> {
  const connections = await connectMemory();
  const dialer = alter === undefined ? connections.dialer : tap(connections.dialer, alter);
  const { client, server } = shake(world, { ...connections, dialer }, options);
  const codes = { client: await codeOf(client), server: await codeOf(server) };
  await connections.close();
  return codes;
}

/** A connection on which `connectSession` waits for ever, so that the test speaks instead. */
export function deaf(connection: CarrierConnection): CarrierConnection {
  return {
    role: 'dialer',
    remoteAddress: connection.remoteAddress,
    binding: connection.binding,
    closed: connection.closed,
    close: () => {},
    acceptStream: async () => null,
    openStream: () => new Promise(() => {}),
  };
}
