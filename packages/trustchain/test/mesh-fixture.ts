import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createCrypto,
  type Crypto,
  type Host,
  createHost,
  createQuicCarrier,
  systemClock,
  systemEntropy,
  type Clock,
} from '@hypermesh/stoq';
import { createHealth, createLogger, createMetrics, type Health, type Metrics } from '@hypermesh/stoq/host';
import {
  createFirstContactVerifier,
  createTrustClient,
  firstContactTarget,
  type Following,
  loadMemberKeys,
  type MemberKeys,
  type Membership,
  openMembership,
  type TrustClient,
} from '../src/client.ts';
import { loadTrustchainSecrets, type TrustchainConfig, trustchainConfigSchema } from '../src/config.ts';
import { type JoinToken, parseJoinToken } from '../src/enrolment/join-token.ts';
import { createMesh, type NewMesh } from '../src/init/mesh.ts';
import { writeMesh } from '../src/init/mesh-files.ts';
import { createMeshPlan } from '../src/init/plan.ts';
import { openKeystore, readPassphrase } from '../src/keys/keystore.ts';
import { createTrustchain, type Trustchain } from '../src/trustchain.ts';
import { createRawKeyIdentity } from '../src/verification/local-identity.ts';

/** A mesh on disk and its trustchaind on a real socket. */
export interface MeshFixture extends AsyncDisposable {
  readonly crypto: Crypto;
  readonly directory: string;
  readonly mesh: NewMesh;
  readonly config: TrustchainConfig;
  health: Health;
  metrics: Metrics;
  homeOf(name: string): string;
  startTrustchain(options?: { clock?: Clock }): Promise<Trustchain>;
  stopTrustchain(): Promise<void>;
  /** Enrols where needed, and starts a host with the identity of that member. */
  join(
    name: string,
    options?: { clock?: Clock; listen?: readonly string[]; serve?: (host: Host, member: Membership) => void },
  ): Promise<Member>;
  contact(name: string): Promise<Newcomer>;
}

/** A newcomer's session with trustchaind: bare keys, and the token of a member that has not enrolled. */
export interface Newcomer extends AsyncDisposable {
  readonly client: TrustClient;
  readonly keys: MemberKeys;
  readonly token: JoinToken;
}

export interface Member extends AsyncDisposable {
  readonly membership: Membership;
  readonly host: Host;
  readonly following: Following;
  readonly errors: unknown[];
}

/** Keys are the cost (FALCON, 50 ms of a core each): only the members asked for are made. */
export async function createMeshFixture(
  options: { validatorCount?: number; members?: readonly string[]; config?: object } = {},
): Promise<MeshFixture> {
  const { validatorCount = 1, members: wanted = ['stoqd', 'alice'] } = options;
  const crypto = await createCrypto();
  const ports = await freeUdpPorts(1 + validatorCount);
  const address = (index: number): string => `127.0.0.1:${ports[index]}`;
  const plan = createMeshPlan({
    meshName: 'test',
    trustchaind: [address(0)],
    validators: Array.from({ length: validatorCount }, (_, index) => ({ name: `node-${index + 1}`, addresses: [address(index + 1)] })),
    supplyUnits: 1_000n,
    user: 'alice',
    endowment: 0n,
  });
  const mesh = await createMesh(
    { ...plan, members: plan.members.filter(({ name }) => wanted.includes(name)), endowments: [] },
    { crypto, entropy: systemEntropy, clock: systemClock },
  );
  const parent = await mkdtemp(join(tmpdir(), 'trustchain-'));
  const directory = join(parent, 'mesh');
  await writeMesh(directory, mesh.files);
  const homeOf = (name: string): string => join(directory, 'nodes', name);
  const config = trustchainConfigSchema.parse({
    home: homeOf('trustchaind'),
    listen: [address(0)],
    policyPollMs: 50,
    ...options.config,
  });
  const members = new Set<Member>();
  let running: Trustchain | undefined;

  const fixture: MeshFixture = {
    crypto,
    directory,
    mesh,
    config,
    health: createHealth(),
    metrics: createMetrics({ name: 'trustchaind' }),
    homeOf,
    async startTrustchain({ clock = systemClock } = {}) {
      fixture.health = createHealth();
      fixture.metrics = createMetrics({ name: 'trustchaind' });
      const secrets = await loadTrustchainSecrets(config, { crypto, entropy: systemEntropy, now: () => clock.now() });
      const logger = createLogger({ name: 'trustchaind', level: 'silent' });
      running = await createTrustchain(config, secrets, { crypto, clock, logger, metrics: fixture.metrics, health: fixture.health });
      await running.start();
      return running;
    },
    async stopTrustchain() {
      await running?.stop();
      running = undefined;
    },
    async join(name, { clock = systemClock, listen = [], serve } = {}) {
      const errors: unknown[] = [];
      const membership = await openMembership(
        { home: homeOf(name), bootstrapPollMs: 50, pollMs: 200 },
        { crypto, clock, entropy: systemEntropy, onError: (error) => errors.push(error) },
        { signal: AbortSignal.timeout(20_000) },
      );
      const { identities, verifier } = membership;
      const host = createHost({ crypto, clock, entropy: systemEntropy, carriers: [createQuicCarrier()], verifier }, { identities, listen });
      serve?.(host, membership);
      const following = membership.follow(host);
      await host.start();
      const member: Member = {
        membership,
        host,
        following,
        errors,
        async [Symbol.asyncDispose]() {
          members.delete(member);
          await following.stop();
          await host.stop({ graceMs: 0 });
        },
      };
      members.add(member);
      return member;
    },
    async contact(name) {
      const entropy = systemEntropy;
      const passphrase = await readPassphrase(join(homeOf(name), 'passphrase'));
      const keystore = await openKeystore(join(homeOf(name), 'keystore'), passphrase, { entropy, now: Date.now });
      const keys = loadMemberKeys(keystore, crypto);
      const token = parseJoinToken(mesh.tokens.get(name) as string);
      const host = createHost(
        { crypto, clock: systemClock, entropy, carriers: [createQuicCarrier()], verifier: createFirstContactVerifier(token) },
        { identities: () => [createRawKeyIdentity(token.meshId, keys.signer)], listen: [] },
      );
      await host.start();
      const client = createTrustClient(host, firstContactTarget(token));
      return { client, keys, token, [Symbol.asyncDispose]: () => host.stop({ graceMs: 0 }) };
    },
    async [Symbol.asyncDispose]() {
      for (const member of members) await member[Symbol.asyncDispose]();
      await running?.stop();
      await crypto.close();
      await rm(parent, { recursive: true, force: true });
    },
  };
  return fixture;
}

async function freeUdpPorts(count: number): Promise<number[]> {
  const sockets = Array.from({ length: count }, () => createSocket('udp4'));
  const ports = await Promise.all(
    sockets.map(async (socket) => {
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
      return socket.address().port;
    }),
  );
  await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))));
  return ports;
}
