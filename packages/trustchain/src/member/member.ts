import { readFile } from 'node:fs/promises';
import { type Carrier, type Clock, createHost, type Crypto, type Entropy, type Host, type LocalIdentity } from '@hypermesh/stoq';
import type { Startable } from '@hypermesh/stoq/host';
import { enrol } from '../client/certification.ts';
import type { MemberKeys } from '../client/member-keys.ts';
import { createRenewer, type Renewer, verifyOwn } from '../client/renewer.ts';
import { pause, type RetryDelays, retryDelay } from '../client/retry.ts';
import { createRevocationFollower, type RevocationFollower } from '../client/revocation-follower.ts';
import { createTrustClient, type TrustClient, trustchainTarget } from '../client/trust-client.ts';
import { trustError } from '../errors.ts';
import { nodeIdOf } from '../genesis/ids.ts';
import { ZONE } from '../init/plan.ts';
import { replaceFile } from '../keys/durable-file.ts';
import { createResolver, type Resolver } from '../names/resolver.ts';
import { createRevocationState, type RevocationState } from '../revocation/revocation-state.ts';
import { createIdentityVerifier } from '../verification/identity-verifier.ts';
import { type BundleIdentity, createBundleIdentity, createRawKeyIdentity, createSetEntryIdentity } from '../verification/local-identity.ts';
import { createTrust, type Trust } from '../verification/trust.ts';
import type { MemberHome } from './home.ts';

export interface MemberConfig {
  readonly home: MemberHome;
  /** Addresses to serve on; none for a client. */
  readonly listen: readonly string[];
  /** Name of its entry in genesis: a validator serves and calls by it before it has a certificate. */
  readonly setEntry: string | null;
}

export interface MemberComponents {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly carriers: readonly Carrier[];
  readonly keys: MemberKeys;
  /** Each failure to enrol, renew or follow revocations; it goes on trying. */
  readonly onError: (what: 'enrolment' | 'renewal' | 'revocations', error: unknown) => void;
}

/**
 * One identity of a mesh at work: its host, its certificate from enrolment through every renewal, what it knows of
 * revocations and names. `membership` runs while the host does; both are started and stopped by the caller, host first.
 */
export interface Member {
  /** 32 bytes. */
  readonly nodeId: Uint8Array;
  readonly trust: Trust;
  readonly revocations: RevocationState;
  readonly host: Host;
  readonly membership: Startable;
  readonly client: TrustClient;
  readonly resolver: Resolver;
  /** The encoded bundle once there is a certificate; null before. */
  bundle(): Uint8Array | null;
  /** Resolves once the certificate is there and revocations are current: from then on peers accept each other by certificate. */
  ready(signal: AbortSignal): Promise<void>;
  /** For a health check: why the certificate is of no use, or null. */
  problem(): string | null;
}

export async function createMember(config: MemberConfig, components: MemberComponents): Promise<Member> {
  const { home } = config;
  const { crypto, clock } = components;
  const trust = await createTrust(home.genesis, { crypto, policyPath: home.policyPath });
  const revocations = await createRevocationState({ trust, crypto, clock, path: home.revocationPath });
  const member = new HomeMember(config, components, trust, revocations);
  await member.load();
  return member;
}

const ENROL_DELAYS: RetryDelays = { minMs: 250, maxMs: 15_000 };
const READY_POLL_MS = 50;

class HomeMember implements Member {
  readonly nodeId: Uint8Array;
  readonly trust: Trust;
  readonly revocations: RevocationState;
  readonly host: Host;
  readonly membership: Startable;
  readonly client: TrustClient;
  readonly resolver: Resolver;
  readonly #config: MemberConfig;
  readonly #components: MemberComponents;
  readonly #fixed: LocalIdentity;
  readonly #ending = new AbortController();
  readonly #follower: RevocationFollower;
  #identity: BundleIdentity | undefined;
  #renewer: Renewer | undefined;
  #enrolling: Promise<void> = Promise.resolve();
  /** Why enrolment has ended without a certificate: nothing to retry. */
  #refused: unknown;

  constructor(config: MemberConfig, components: MemberComponents, trust: Trust, revocations: RevocationState) {
    const { crypto, clock, entropy, carriers, keys, onError } = components;
    const { signer } = keys;
    this.#config = config;
    this.#components = components;
    this.trust = trust;
    this.revocations = revocations;
    this.nodeId = nodeIdOf(signer.publicKey.postQuantum);
    const { meshId, genesis } = trust;
    this.#fixed =
      config.setEntry === null ? createRawKeyIdentity(meshId, signer) : createSetEntryIdentity({ meshId, name: config.setEntry }, signer);
    const verifier = createIdentityVerifier({ trust, revocations, clock, crypto });
    const identities = (): readonly LocalIdentity[] => (this.#identity === undefined ? [this.#fixed] : [this.#fixed, this.#identity]);
    this.host = createHost({ crypto, clock, entropy, carriers, verifier }, { identities, listen: config.listen });
    this.client = createTrustClient(this.host, trustchainTarget(genesis, config.setEntry === null ? 'bundle' : 'set-entry'));
    this.resolver = createResolver({
      crypto,
      clock,
      trust: { meshId, zone: ZONE, key: genesis.trustchaind.sessionKey },
      ask: (question, options) => this.client['names.resolve'](question, options),
    });
    this.#follower = createRevocationFollower({
      client: this.client,
      state: revocations,
      clock,
      entropy,
      onError: (error) => onError('revocations', error),
    });
    this.membership = { start: () => this.#start(), stop: () => this.#stop() };
  }

  /** Takes over the bundle of an earlier run. */
  async load(): Promise<void> {
    const encoded = await readFile(this.#config.home.bundlePath).catch(() => null);
    if (encoded !== null) this.#adopt(Uint8Array.from(encoded));
  }

  bundle(): Uint8Array | null {
    return this.#identity?.bundle() ?? null;
  }

  problem(): string | null {
    return this.#renewer === undefined ? 'there is no certificate yet' : this.#renewer.problem();
  }

  async ready(signal: AbortSignal): Promise<void> {
    const { clock } = this.#components;
    const isReady = (): boolean => this.#identity !== undefined && (this.revocations.nextUpdate() ?? 0) > clock.now();
    while (!isReady()) {
      if (this.#refused !== undefined) throw this.#refused;
      if (signal.aborted) throw trustError('trustchain.enrolment_refused', { reason: this.problem() ?? 'no current revocations' });
      await pause(clock, READY_POLL_MS, signal);
    }
  }

  async #start(): Promise<void> {
    this.#enrolling = this.#enrol();
  }

  async #stop(): Promise<void> {
    this.#ending.abort();
    await this.#enrolling;
    await Promise.all([this.#follower.stop(), this.#renewer?.stop()]);
  }

  async #enrol(): Promise<void> {
    const { clock, entropy, onError } = this.#components;
    const { signal } = this.#ending;
    for (let failures = 0; this.#identity === undefined && !signal.aborted; failures++) {
      try {
        await this.#enrolOnce(signal);
      } catch (error) {
        if (signal.aborted) return;
        onError('enrolment', error);
        if (isFinal(error)) {
          this.#refused = error;
          return;
        }
        await pause(clock, retryDelay(failures, ENROL_DELAYS, entropy), signal);
      }
    }
    if (signal.aborted) return;
    await this.#renewer?.start();
    await this.#follower.start();
  }

  async #enrolOnce(signal: AbortSignal): Promise<void> {
    const { home, setEntry } = this.#config;
    const { keys } = this.#components;
    const { meshId, genesis } = this.trust;
    if (home.token === null) throw trustError('trustchain.token_invalid', { reason: 'the home holds neither certificate nor join token' });
    const newcomer = createTrustClient(this.host, trustchainTarget(genesis, setEntry === null ? 'raw-key' : 'set-entry'));
    const encoded = await enrol(newcomer, { meshId, keys }, home.token, { signal });
    verifyOwn(encoded, { ...this.#components, trust: this.trust, revocation: this.revocations });
    await replaceFile(home.bundlePath, encoded);
    this.#adopt(encoded);
  }

  #adopt(encoded: Uint8Array): void {
    const { keys, onError } = this.#components;
    this.#identity = createBundleIdentity(encoded, keys.signer);
    this.#renewer = createRenewer(
      { bundlePath: this.#config.home.bundlePath },
      {
        ...this.#components,
        client: this.client,
        identity: this.#identity,
        trust: this.trust,
        revocation: this.revocations,
        onError: (error) => onError('renewal', error),
      },
    );
  }
}

/** What no repetition mends: the token, the request or the keys are not accepted. */
function isFinal(error: unknown): boolean {
  return (
    trustError.is(error, 'trustchain.token_invalid') ||
    trustError.is(error, 'trustchain.token_used') ||
    trustError.is(error, 'trustchain.possession_failed')
  );
}
