import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Carrier,
  type Clock,
  createHost,
  createQuicCarrier,
  type Crypto,
  type Entropy,
  type Host,
  type IdentityVerifier,
  type LocalIdentity,
  pause,
  replaceFile,
} from '@hypermesh/stoq';
import { BUNDLE_BYTES_MAX } from '../constants.ts';
import { JOIN_TOKEN_CHARS_MAX, parseJoinToken } from '../enrolment/join-token.ts';
import { trustError } from '../errors.ts';
import { decodeGenesis, encodeGenesis, GENESIS_BYTES_MAX, type Genesis } from '../genesis/genesis.ts';
import { nodeIdOf } from '../genesis/ids.ts';
import { openKeystore, readPassphrase } from '../keys/keystore.ts';
import { createRevocationState, type RevocationState } from '../revocation/revocation-state.ts';
import { type AcceptedIdentities, createIdentityVerifier } from '../verification/identity-verifier.ts';
import { type BundleIdentity, createBundleIdentity, createRawKeyIdentity, createSetEntryIdentity } from '../verification/local-identity.ts';
import { createTrust, type Trust } from '../verification/trust.ts';
import { decodePolicyHistory } from '../witness/policy.ts';
import { enrol } from './certification.ts';
import { createFirstContactVerifier, fetchGenesis, firstContactTarget } from './first-contact.ts';
import { loadMemberKeys, type MemberKeys } from './member-keys.ts';
import { createRenewer, type Renewer, verifyOwn } from './renewer.ts';
import { type RetryDelays, retryDelay } from './retry.ts';
import { createRevocationFollower } from './revocation-follower.ts';
import { createTrustClient, type TrustClient, trustchainTarget } from './trust-client.ts';

export interface MembershipConfig {
  /** Folder with keystore, passphrase and join token; genesis and bundle are kept in it. */
  readonly home: string;
  /** By default the one in the home. */
  readonly passphraseFile?: string | null;
  /** By default bundles and set entries. */
  readonly accept?: AcceptedIdentities;
  readonly bootstrapPollMs?: number;
  readonly pollMs?: number;
}

export interface MembershipComponents {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Carriers of the short-lived host that enrols; by default QUIC. */
  readonly enrolmentCarriers?: () => readonly Carrier[];
  readonly onError: (error: unknown) => void;
}

/** A daemon or user as a member of a mesh: who it is, whom it believes, and what keeps both current. */
export interface Membership {
  readonly meshId: Uint8Array;
  readonly nodeId: Uint8Array;
  readonly genesis: Genesis;
  readonly keys: MemberKeys;
  readonly trust: Trust;
  readonly revocations: RevocationState;
  /** For `HostComponents`. */
  readonly verifier: IdentityVerifier;
  /** For `HostConfig`: the certificate, and for a validator its entry in genesis. */
  readonly identities: () => readonly LocalIdentity[];
  /** Renews, and follows revocations and the witness policy, through the host of the process. */
  follow(host: Pick<Host, 'connect'>): Following;
}

export interface Following {
  readonly client: TrustClient;
  readonly renewer: Renewer;
  start(): Promise<void>;
  stop(): Promise<void>;
}

const DIRECTORY_MODE = 0o700;
// trustchaind may be starting at the same time; a refusal is not retried.
const ENROLMENT_DELAYS: RetryDelays = { minMs: 250, maxMs: 5_000 };

/**
 * Opens the membership in a home, and enrols first where there is no bundle yet: it retries until TrustChain answers, and
 * throws what TrustChain refuses with. Throws the codes of `openKeystore`, `trustchain.token_invalid`, or the signal's reason.
 */
export async function openMembership(
  config: MembershipConfig,
  components: MembershipComponents,
  options: { readonly signal: AbortSignal },
): Promise<Membership> {
  const { home } = config;
  const { clock, crypto } = components;
  const keys = await openKeys(config, components);
  await mkdir(join(home, 'data'), { recursive: true, mode: DIRECTORY_MODE });
  const stored = await readIfThere(paths(home).bundle, BUNDLE_BYTES_MAX);
  const known = await readIfThere(paths(home).genesis, GENESIS_BYTES_MAX);
  const { genesis, bundle } =
    stored === null || known === null
      ? await enrolUntilDone(config, keys, components, options)
      : { genesis: decodeGenesis(known), bundle: stored };

  const trust = await createTrust(genesis, { crypto, policyPath: paths(home).policies });
  const revocations = await createRevocationState({ trust, crypto, clock, path: paths(home).revocations });
  const { accept } = config;
  const verifier = createIdentityVerifier({ trust, revocations, clock, crypto, ...(accept === undefined ? {} : { accept }) });
  const identity = createBundleIdentity(bundle, keys.signer);
  const identities = identitiesOf(identity, keys, trust);
  return {
    meshId: trust.meshId,
    nodeId: nodeIdOf(keys.signer.publicKey.postQuantum),
    genesis,
    keys,
    trust,
    revocations,
    verifier,
    identities: () => identities,
    follow: (host) => follow(host, { identity, keys, trust, revocations }, config, components),
  };
}

function paths(home: string): Readonly<Record<'genesis' | 'token' | 'bundle' | 'policies' | 'revocations', string>> {
  return {
    genesis: join(home, 'genesis.bin'),
    token: join(home, 'token'),
    bundle: join(home, 'data', 'bundle'),
    policies: join(home, 'data', 'witness-policies'),
    revocations: join(home, 'data', 'revocations'),
  };
}

async function openKeys({ home, passphraseFile }: MembershipConfig, components: MembershipComponents): Promise<MemberKeys> {
  const { clock, crypto, entropy } = components;
  const passphrase = await readPassphrase(passphraseFile ?? join(home, 'passphrase'));
  const keystore = await openKeystore(join(home, 'keystore'), passphrase, { entropy, now: () => clock.now() });
  try {
    return loadMemberKeys(keystore, crypto);
  } finally {
    keystore.close();
  }
}

interface Enrolled {
  readonly genesis: Genesis;
  readonly bundle: Uint8Array;
}

async function enrolUntilDone(
  config: MembershipConfig,
  keys: MemberKeys,
  components: MembershipComponents,
  { signal }: { readonly signal: AbortSignal },
): Promise<Enrolled> {
  for (let failures = 0; ; failures++) {
    signal.throwIfAborted();
    try {
      return await enrolOnce(config, keys, components, signal);
    } catch (error) {
      if (!isRetryable(error)) throw error;
      components.onError(error);
      await pause(components.clock, retryDelay(failures, ENROLMENT_DELAYS, components.entropy), signal);
    }
  }
}

function isRetryable(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'retryable' in error && error.retryable === true;
}

/** Genesis, then the bundle: each on disk before it is used, so that a crash anywhere repeats what is missing. */
async function enrolOnce(
  { home }: MembershipConfig,
  keys: MemberKeys,
  components: MembershipComponents,
  signal: AbortSignal,
): Promise<Enrolled> {
  const { clock, crypto, entropy, enrolmentCarriers = () => [createQuicCarrier()] } = components;
  const line = await readIfThere(paths(home).token, JOIN_TOKEN_CHARS_MAX + 1);
  if (line === null)
    throw trustError('trustchain.token_invalid', { reason: 'no certificate yet, and no join token', path: paths(home).token });
  const token = parseJoinToken(Buffer.from(line).toString('utf8'));
  const identity = createRawKeyIdentity(token.meshId, keys.signer);
  const host = createHost(
    { crypto, clock, entropy, carriers: enrolmentCarriers(), verifier: createFirstContactVerifier(token) },
    { identities: () => [identity], listen: [] },
  );
  await host.start();
  try {
    const client = createTrustClient(host, firstContactTarget(token));
    const genesis = await fetchGenesis(client, token, { signal });
    await replaceFile(paths(home).genesis, encodeGenesis(genesis));
    const trust = await createTrust(genesis, { crypto, policyPath: paths(home).policies });
    await trust.adopt(decodePolicyHistory((await client.roots({ afterPolicy: trust.policy().version }, { signal })).witnessPolicies));
    const bundle = await enrol(client, { meshId: token.meshId, keys }, token, { signal });
    const revocation = { find: () => null, nextUpdate: () => null };
    verifyOwn(bundle, { trust, revocation, crypto, clock, keys });
    await replaceFile(paths(home).bundle, bundle);
    return { genesis, bundle };
  } finally {
    await host.stop({ graceMs: 0 });
  }
}

function identitiesOf(identity: BundleIdentity, keys: MemberKeys, { genesis, meshId }: Trust): readonly LocalIdentity[] {
  const nodeId = nodeIdOf(keys.signer.publicKey.postQuantum);
  const entry = genesis.validators.find((validator) => Buffer.compare(validator.nodeId, nodeId) === 0);
  return entry === undefined ? [identity] : [identity, createSetEntryIdentity({ meshId, name: entry.name }, keys.signer)];
}

interface Followed {
  readonly identity: BundleIdentity;
  readonly keys: MemberKeys;
  readonly trust: Trust;
  readonly revocations: RevocationState;
}

function follow(
  host: Pick<Host, 'connect'>,
  { identity, keys, trust, revocations }: Followed,
  { home, bootstrapPollMs, pollMs }: MembershipConfig,
  components: MembershipComponents,
): Following {
  const client = createTrustClient(host, trustchainTarget(trust.genesis, 'bundle'));
  const polls = { ...(bootstrapPollMs === undefined ? {} : { bootstrapPollMs }), ...(pollMs === undefined ? {} : { pollMs }) };
  const renewer = createRenewer(
    { bundlePath: paths(home).bundle, ...polls },
    { ...components, client, identity, keys, trust, revocation: revocations },
  );
  const follower = createRevocationFollower({ ...components, client, state: revocations });
  return {
    client,
    renewer,
    async start() {
      await Promise.all([renewer.start(), follower.start()]);
    },
    async stop() {
      await Promise.all([renewer.stop(), follower.stop()]);
    },
  };
}

async function readIfThere(path: string, bytesMax: number): Promise<Uint8Array | null> {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await readFile(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  if (bytes.length > bytesMax) throw trustError('trustchain.config_invalid', { path, bytesMax });
  return bytes;
}
