import {
  acceptSession,
  blobContract,
  connectSession,
  createCrypto,
  createMemoryCarrier,
  createMemoryNetwork,
  createPinnedIdentity,
  createPinnedVerifier,
  createRpcServer,
  type Crypto,
  type HybridSigner,
  type IdentityVerifier,
  type MemoryCarrier,
  type Session,
  type SessionStream,
  systemClock,
  systemEntropy,
} from '@hypermesh/stoq';
import { onTestFinished } from 'vitest';
import type { Front } from '../src/judge.ts';

export interface Peers {
  readonly crypto: Crypto;
  readonly server: HybridSigner;
  readonly client: HybridSigner;
  readonly verifier: IdentityVerifier;
}

/** What a server does otherwise with the streams of its peers. */
export type Alteration = (stream: SessionStream, session: Session) => Partial<SessionStream>;

export interface AlteredServer {
  readonly front: Front;
  readonly carrier: MemoryCarrier;
}

export async function createPeers(): Promise<Peers> {
  const crypto = await createCrypto();
  const signer = async (): Promise<HybridSigner> =>
    crypto.createHybridSigner(await crypto.generateKeyPair('ed25519'), await crypto.generateKeyPair('falcon1024'));
  const [server, client] = [await signer(), await signer()];
  const everybody = [server, client].map(({ publicKey }) => ({ key: publicKey, roles: ['owner'], names: ['peer'] }) as const);
  return { crypto, server, client, verifier: createPinnedVerifier(everybody) };
}

/** Serves blobs as every server does, but for the alteration. */
export async function startServer(peers: Peers, alteration: Alteration = () => ({})): Promise<AlteredServer> {
  const network = createMemoryNetwork();
  const [near, far] = [createMemoryCarrier(network), createMemoryCarrier(network)];
  onTestFinished(async () => {
    await near.close();
    await far.close();
  });
  const rpc = createRpcServer({ clock: systemClock });
  rpc.serve(blobContract, {
    stat: async () => ({ sizeBytes: 1 }),
    get: async function* ({ digest }) {
      yield { bytes: digest };
    },
  });
  const identities = () => [createPinnedIdentity(peers.server)];
  const { address } = await far.listen('server:0', (connection) => {
    const signal = new AbortController().signal;
    void acceptSession({ ...peers, connection, identities, clock: systemClock, entropy: systemEntropy, signal }).then((session) =>
      rpc.attach(alteredSession(session, alteration)),
    );
  });
  const identity = createPinnedIdentity(peers.client);
  return { front: { daemon: 'server', kind: 'stoqd', address, expect: 'pinned', identity }, carrier: near };
}

export async function connect({ crypto, verifier }: Peers, { front, carrier }: AlteredServer): Promise<Session> {
  const signal = new AbortController().signal;
  const connection = await carrier.dial(front.address, { signal });
  return connectSession({ ...front, crypto, verifier, connection, clock: systemClock, entropy: systemEntropy, signal });
}

function alteredSession(session: Session, alteration: Alteration): Session {
  const acceptStream = async (): Promise<SessionStream | null> => {
    const stream = await session.acceptStream();
    return stream === null ? null : altered(stream, alteration(stream, session));
  };
  return altered(session, { acceptStream });
}

/** The object with other methods in place of some. */
function altered<T extends object>(original: T, methods: Partial<T>): T {
  return new Proxy(original, {
    get(target, name) {
      const value: unknown = Reflect.get(methods, name) ?? Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
