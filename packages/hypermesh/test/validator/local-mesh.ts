import { createSocket } from 'node:dgram';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Carrier,
  createCrypto,
  createHost,
  createMemoryCarrier,
  createMemoryNetwork,
  createQuicCarrier,
  type Crypto,
  type Host,
  type HybridPublicKey,
  type HybridSigner,
  type KeyPair,
  type MemoryNetwork,
  type SignatureAlgorithm,
  systemClock,
  systemEntropy,
} from '@hypermesh/stoq';
import { createLogger } from '@hypermesh/stoq/host';
import {
  createIdentityVerifier,
  createRoot,
  createSetEntryIdentity,
  createTrust,
  type Genesis,
  GENESIS_VERSION,
  meshIdOf,
  nodeIdOf,
  TRUSTCHAIND_NAME,
} from '@hypermesh/trustchain';
import { createMeshClient, type MeshAccount, type MeshClient } from '../../src/client/mesh-client.ts';
import { validatorTargets } from '../../src/client/validator-targets.ts';
import { createFollower, type Follower } from '../../src/follower/follower.ts';
import type { Machine } from '../../src/machine/machine.ts';
import { createValidator, type Validator, type ValidatorComponents } from '../../src/validator/validator.ts';
import { createRegisterMachine, registerAccounts } from '../executor/register-machine.ts';

interface HybridKeys {
  readonly classical: KeyPair<'ed25519'>;
  readonly postQuantum: KeyPair<'falcon1024'>;
  readonly publicKey: HybridPublicKey;
  readonly signer: HybridSigner;
}

interface ValidatorKeys {
  readonly name: string;
  readonly session: HybridKeys;
  readonly vote: KeyPair<SignatureAlgorithm>;
  readonly address: string;
}

/** All keys of a mesh: slow to make, so once for several meshes. */
export interface MeshKeys {
  readonly crypto: Crypto;
  readonly validators: readonly Omit<ValidatorKeys, 'address'>[];
  readonly client: HybridKeys;
  readonly root: Parameters<typeof createRoot>[0];
  readonly logs: Readonly<Record<keyof Genesis['logs'], HybridKeys>>;
  readonly operator: HybridKeys;
  readonly accounts: readonly HybridKeys[];
}

export async function createMeshKeys(
  options: { readonly validators?: number; readonly accounts?: number; readonly voteAlgorithm?: SignatureAlgorithm } = {},
): Promise<MeshKeys> {
  const crypto = await createCrypto();
  const pair = (): Promise<HybridKeys> => hybridKeys(crypto);
  const many = (count: number): Promise<HybridKeys[]> => Promise.all(Array.from({ length: count }, pair));
  const [sessions, accounts, client, operator, certificates, packages, revocations] = await Promise.all([
    many(options.validators ?? 4),
    many(options.accounts ?? 1),
    pair(),
    pair(),
    pair(),
    pair(),
    pair(),
  ]);
  const validators = await Promise.all(
    sessions.map(async (session, at) => ({
      name: `v${at}`,
      session,
      vote: await crypto.generateKeyPair(options.voteAlgorithm ?? 'falcon1024'),
    })),
  );
  const [classical, postQuantum] = await Promise.all([crypto.generateKeyPair('ed25519'), crypto.generateKeyPair('falcon1024')]);
  const root = { classical: crypto.createSigner(classical), postQuantum: crypto.createSigner(postQuantum) };
  return { crypto, validators, client, root, logs: { certificates, packages, revocations }, operator, accounts };
}

export interface LocalMeshOptions {
  readonly carrier?: 'quic' | 'memory';
  readonly roundTimeoutMsBase?: number;
}

export interface RunningValidator {
  readonly name: string;
  readonly validator: Validator;
  readonly host: Host;
  readonly alarms: Error[];
  stop(): Promise<void>;
}

const LOGGER = createLogger({ name: 'test', level: 'silent' });

/** A mesh of real validators in this process: real keys, sessions, disks. */
export class LocalMesh {
  readonly crypto: Crypto;
  readonly genesis: Genesis;
  readonly accounts: readonly MeshAccount[];
  readonly directory: string;
  readonly running: Map<string, RunningValidator> = new Map();
  readonly network: MemoryNetwork;
  readonly #keys: readonly ValidatorKeys[];
  readonly #client: HybridKeys;
  readonly #options: LocalMeshOptions;
  readonly #hosts: Host[] = [];

  private constructor(
    parts: Pick<LocalMesh, 'crypto' | 'genesis' | 'accounts' | 'directory'>,
    keys: readonly ValidatorKeys[],
    client: HybridKeys,
    options: LocalMeshOptions,
  ) {
    this.crypto = parts.crypto;
    this.genesis = parts.genesis;
    this.accounts = parts.accounts;
    this.directory = parts.directory;
    this.network = createMemoryNetwork();
    this.#keys = keys;
    this.#client = client;
    this.#options = options;
  }

  static async create(keys: MeshKeys, options: LocalMeshOptions = {}): Promise<LocalMesh> {
    const validators = await Promise.all(
      keys.validators.map(async (entry, at) => ({ ...entry, address: await addressOf(entry.name, at, options) })),
    );
    const genesis = await genesisOf(keys, validators);
    const accounts = keys.accounts.map(({ publicKey, signer }) => ({ owner: nodeIdOf(publicKey.postQuantum), signer }));
    const directory = await mkdtemp(join(tmpdir(), 'mesh-'));
    return new LocalMesh({ crypto: keys.crypto, genesis, accounts, directory }, validators, keys.client, options);
  }

  get names(): string[] {
    return this.#keys.map(({ name }) => name);
  }

  machines(): Machine[] {
    return [createRegisterMachine(this.accounts.map(({ owner, signer }) => ({ owner, key: signer.publicKey })))];
  }

  async start(...names: readonly string[]): Promise<void> {
    await Promise.all((names.length === 0 ? this.names : names).map((name) => this.startOne(name)));
  }

  /** `alter` replaces what a test wants to replace of one validator. */
  async startOne(
    name: string,
    machines: readonly Machine[] = this.machines(),
    alter: (components: ValidatorComponents) => Partial<ValidatorComponents> = () => ({}),
  ): Promise<RunningValidator> {
    const keys = this.#keys.find((candidate) => candidate.name === name)!;
    const host = await this.#host(keys.name, keys.session, [keys.address]);
    const alarms: Error[] = [];
    const { crypto, genesis } = this;
    const components: ValidatorComponents = {
      host,
      crypto,
      machines,
      clock: systemClock,
      entropy: systemEntropy,
      accounts: registerAccounts,
      voteSigner: crypto.createSigner(keys.vote),
      logger: LOGGER,
      alarm: (error) => alarms.push(error),
    };
    const validator = createValidator(
      { ...components, ...alter(components) },
      {
        genesis,
        directory: join(this.directory, name),
        nodeId: nodeIdOf(keys.session.publicKey.postQuantum),
        roundTimeoutMsBase: this.#options.roundTimeoutMsBase ?? 500,
        roundTimeoutMsMax: 2_000,
      },
    );
    await validator.start();
    await host.start();
    const running: RunningValidator = {
      name,
      validator,
      host,
      alarms,
      stop: async () => {
        this.running.delete(name);
        await host.stop({ graceMs: 0 });
        await validator.stop();
      },
    };
    this.running.set(name, running);
    return running;
  }

  async stop(...names: readonly string[]): Promise<void> {
    await Promise.all(names.map(async (name) => this.running.get(name)?.stop()));
  }

  validator(name: string): Validator {
    return this.running.get(name)!.validator;
  }

  /** A client that shows itself as trustchaind, which genesis lists and which is no validator. */
  async client(names: readonly string[] = this.names): Promise<MeshClient> {
    const host = await this.clientHost();
    const targets = validatorTargets(this.genesis, 'set-entry').filter((_, at) => names.includes(this.names[at]!));
    return createMeshClient({ host, crypto: this.crypto, clock: systemClock }, { genesis: this.genesis, targets });
  }

  async clientHost(): Promise<Host> {
    const host = await this.#host(TRUSTCHAIND_NAME, this.#client, []);
    await host.start();
    this.#hosts.push(host);
    return host;
  }

  async follower(name: string, machines: readonly Machine[] = this.machines()): Promise<{ follower: Follower; alarms: Error[] }> {
    const alarms: Error[] = [];
    const host = await this.clientHost();
    const { crypto, genesis } = this;
    const components = { host, crypto, machines, clock: systemClock, accounts: registerAccounts, logger: LOGGER };
    const follower = createFollower(
      { ...components, alarm: (error) => alarms.push(error) },
      { genesis, directory: join(this.directory, name), as: 'set-entry' },
    );
    return { follower, alarms };
  }

  async close(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.stop({ graceMs: 0 })));
    await this.stop(...this.running.keys());
    await rm(this.directory, { recursive: true, force: true });
  }

  async #host(name: string, keys: HybridKeys, listen: readonly string[]): Promise<Host> {
    const { crypto } = this;
    const trust = await createTrust(this.genesis, { crypto });
    const revocations = { find: () => null, nextUpdate: () => null, onChange: () => () => {} };
    const verifier = createIdentityVerifier({ trust, revocations, clock: systemClock, crypto });
    const identity = createSetEntryIdentity({ meshId: meshIdOf(this.genesis), name }, keys.signer);
    return createHost(
      { crypto, clock: systemClock, entropy: systemEntropy, carriers: [this.#carrier(name)], verifier },
      { identities: () => [identity], listen },
    );
  }

  #carrier(host: string): Carrier {
    return this.#options.carrier === 'quic' ? createQuicCarrier() : createMemoryCarrier(this.network, { host });
  }
}

async function hybridKeys(crypto: Crypto): Promise<HybridKeys> {
  const [classical, postQuantum] = await Promise.all([crypto.generateKeyPair('ed25519'), crypto.generateKeyPair('falcon1024')]);
  const signer = crypto.createHybridSigner(classical, postQuantum);
  return { classical, postQuantum, publicKey: signer.publicKey, signer };
}

async function addressOf(name: string, at: number, { carrier }: LocalMeshOptions): Promise<string> {
  return carrier === 'quic' ? `127.0.0.1:${await freePort()}` : `${name}:${7000 + at}`;
}

async function genesisOf(keys: MeshKeys, entries: readonly ValidatorKeys[]): Promise<Genesis> {
  const { crypto, root, client, logs, operator } = keys;
  const now = systemClock.now();
  const certificate = await createRoot(root, { commonName: 'Test Root', notBefore: now - 1000 }, { crypto, entropy: systemEntropy });
  const log = (name: keyof MeshKeys['logs']): Genesis['logs']['packages'] => ({ origin: `test/${name}`, ...logs[name].publicKey });
  const validators = await Promise.all(
    entries.map(async ({ name, session, vote, address }) => ({
      name,
      nodeId: nodeIdOf(session.publicKey.postQuantum),
      voteKey: vote.publicKey,
      sessionKey: session.publicKey,
      witnessKey: (await crypto.generateKeyPair('ml-dsa-44')).publicKey,
      addresses: [address],
    })),
  );
  return {
    version: GENESIS_VERSION,
    meshName: 'test',
    createdAt: now,
    roots: [certificate.der],
    trustchaind: { sessionKey: client.publicKey, addresses: ['127.0.0.1:1'] },
    logs: { certificates: log('certificates'), packages: log('packages'), revocations: log('revocations') },
    validators,
    machines: [{ name: 'mesh', version: 1 }],
    pools: [],
    operators: { threshold: 1, keys: [operator.publicKey] },
    parameters: [],
  };
}

/** A port that was free a moment ago: genesis names addresses before anybody listens. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}
