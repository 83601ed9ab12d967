import { join } from 'node:path';
import {
  type Carrier,
  type Clock,
  createCrypto,
  createQuicCarrier,
  type Crypto,
  type Entropy,
  type Host,
  sha256,
  systemClock,
  systemEntropy,
} from '@hypermesh/stoq';
import type { Daemon, DaemonContext, Health, Logger, Metrics } from '@hypermesh/stoq/host';
import { POLICIES_PER_ANSWER_MAX, trustchainContract, type TrustRoots } from './api.ts';
import { createIssuer } from './ca/issuer.ts';
import { loadTrustchainSecrets, type TrustchainConfig, type TrustchainSecrets } from './config.ts';
import { createChallenges } from './enrolment/challenges.ts';
import { createEnrolment } from './enrolment/enrolment.ts';
import { createInvitations, type Invitations } from './enrolment/invitations.ts';
import type { NameHolder } from './enrolment/name-policy.ts';
import { trustError } from './errors.ts';
import { encodeGenesis } from './genesis/genesis.ts';
import { ZONE } from './init/plan.ts';
import { KeyedTurns } from './log/keyed-turns.ts';
import { createTrustchainMetrics, observeTrustchain, type TrustchainMetrics } from './metrics.ts';
import { publishOwnName } from './names/own-name.ts';
import { createZone, type Zone } from './names/zone.ts';
import { createRevocationLog, type RevocationLog } from './revocation/revocation-log.ts';
import { REVOCATION_LIFETIME_MS } from './revocation/update.ts';
import { closeLogs, type Home, openLogs, readHome } from './service/durable-state.ts';
import { createTrustchainHandlers } from './service/handlers.ts';
import type { Logs } from './service/log-handlers.ts';
import { createNameHolder } from './service/name-holder.ts';
import { observeEnrolment } from './service/observed-enrolment.ts';
import { createRateLimit } from './service/rate-limit.ts';
import { createRegister, type Register } from './service/register.ts';
import { openStateStore } from './service/state-store.ts';
import { createTrustchainHost, lateRevocations } from './service/trustchain-host.ts';
import { createValidators, type Validators } from './service/validators.ts';
import { createWitnessWatch, type WitnessWatch } from './service/witness-watch.ts';
import { keyClaimId } from './verification/identity-message.ts';
import { createTrust, type Trust } from './verification/trust.ts';
import { encodePolicyHistory } from './witness/policy.ts';

export interface TrustchainComponents {
  readonly crypto: Crypto;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly clock?: Clock;
  readonly entropy?: Entropy;
  /** By default QUIC. */
  readonly carriers?: readonly Carrier[];
}

/** The daemon of TrustChain. */
export interface Trustchain extends Daemon {
  readonly meshId: Uint8Array;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

type Parts = Required<TrustchainComponents> & { readonly home: Home; readonly trust: Trust };

// The head is signed each minute; after this an operator should look before verifiers refuse at 36 h.
const HEAD_AGE_ALERT_MS = 10 * 60_000;

/** Reads the home; `start` opens what is durable, recovers it and serves. */
export async function createTrustchain(
  config: TrustchainConfig,
  secrets: TrustchainSecrets,
  components: TrustchainComponents,
): Promise<Trustchain> {
  const home = await readHome(config.home, components.crypto);
  assertSecrets(secrets, home);
  const trust = await createTrust(home.genesis, { crypto: components.crypto, policyPath: join(config.home, 'witness-policies') });
  let running: { readonly host: Host; readonly stack: AsyncDisposableStack } | undefined;

  const stop = async (): Promise<void> => running?.stack.disposeAsync();
  return {
    meshId: trust.meshId,
    async start() {
      const { carriers = [createQuicCarrier()] } = components;
      running = await start(config, secrets, { clock: systemClock, entropy: systemEntropy, ...components, carriers, home, trust });
    },
    stop,
    [Symbol.asyncDispose]: stop,
    addresses: () => ({ stoq: running?.host.addresses() ?? [] }),
  };
}

/** The daemon with its own cryptography, opened from its keystore: what the executable runs. */
export async function createTrustchaind({ config, logger, metrics, health }: DaemonContext<TrustchainConfig>): Promise<Daemon> {
  const crypto = await createCrypto();
  const secrets = await loadTrustchainSecrets(config, { crypto, entropy: systemEntropy, now: () => systemClock.now() });
  const trustchain = await createTrustchain(config, secrets, { crypto, logger, metrics, health });
  return {
    ...trustchain,
    async stop() {
      await trustchain.stop();
      await crypto.close();
    },
  };
}

/** Everything in the order of dependence. When a step fails, those before it are undone. */
async function start(
  config: TrustchainConfig,
  secrets: TrustchainSecrets,
  parts: Parts,
): Promise<{ readonly host: Host; readonly stack: AsyncDisposableStack }> {
  const { clock, crypto, home, logger, trust } = parts;
  await using opening = new AsyncDisposableStack();

  const late = lateRevocations(clock);
  const host = createTrustchainHost({ listen: config.listen, session: secrets.session }, { ...parts, revocations: late.source });
  opening.defer(() => host.stop());
  const metrics = createTrustchainMetrics(parts.metrics);
  const validators = createValidators({ trust, crypto, clock, host, onFailure: metrics.witnessFailed });

  const durable = opening.use(await openDurable(config, secrets, { ...parts, witnesses: validators.witnesses }));
  const { logs, revocations, zone } = durable;
  late.bind(revocations);
  instrument(parts, { logs, revocations, zone });
  const watch = watchWitnesses(config, parts, { validators, logs, revocations });
  serve(config, secrets, { ...parts, ...durable, host, measured: metrics, policy: validators.policy });
  addChecks(parts, { revocations, validators, watch, opening });

  await host.start();
  revocations.start((error) => logger.warn({ err: error }, 'no new revocation head; trying again in a minute'));
  opening.defer(() => revocations.stop());
  watch.start();
  opening.defer(() => watch.stop());
  await publishOwnName(zone, home.genesis.trustchaind, clock);
  return { host, stack: opening.move() };
}

interface Durable {
  readonly logs: Logs;
  readonly register: Register;
  readonly revocations: RevocationLog;
  readonly invitations: Invitations;
  readonly holderOf: NameHolder;
  readonly zone: Zone;
}

/** Opens and recovers the logs and what is derived from them. */
async function openDurable(
  config: TrustchainConfig,
  secrets: TrustchainSecrets,
  { clock, crypto, home, trust, witnesses }: Parts & Pick<Validators, 'witnesses'>,
): Promise<Durable & AsyncDisposable> {
  await using opening = new AsyncDisposableStack();
  const logs = await openLogs(config.home, { genesis: home.genesis, signers: secrets.logs, crypto, clock, witnesses });
  opening.defer(() => closeLogs(logs));
  const state = await openStateStore(join(config.home, 'data', 'state'));
  opening.defer(() => state.close());

  const register = createRegister(state.map('register'), logs.certificates);
  await register.follow();
  const revocations = await createRevocationLog({
    log: logs.revocations,
    signers: secrets.logs.revocations,
    clock,
    nodeOf: async (serial) => (await register.bySerial(serial)).nodeId,
  });
  const invitations = createInvitations(state.map('invitations'), clock);
  await invitations.add(home.invitations.filter(({ expiresAt }) => expiresAt > clock.now()));
  const holderOf = createNameHolder({ register, revocations, clock });
  const zone = await createZone(
    { meshId: trust.meshId, zone: ZONE },
    { stored: state.map('names'), signer: secrets.session, clock, holderOf },
  );
  const opened = opening.move();
  return { logs, register, revocations, invitations, holderOf, zone, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

interface Serving extends Parts, Durable, Pick<Validators, 'policy'> {
  readonly host: Host;
  readonly measured: TrustchainMetrics;
}

function serve(config: TrustchainConfig, secrets: TrustchainSecrets, serving: Serving): void {
  const { clock, crypto, entropy, home, host, invitations, logs, measured, policy, register, revocations, trust, zone } = serving;
  const { genesis, intermediate } = home;
  const { meshId } = trust;
  const issuer = createIssuer(
    { intermediate, leafLifetimeMs: config.leafLifetimeMs },
    { crypto, clock, entropy, keys: secrets.issuer, log: logs.certificates },
  );
  const challenges = { enrol: createChallenges({ clock, entropy }), renew: createChallenges({ clock, entropy }) };
  const turns = new KeyedTurns();
  const enrolment = createEnrolment({ ...serving, meshId, zone: ZONE, issuer, challenges, turns, validators: genesis.validators });
  host.serve(
    trustchainContract,
    createTrustchainHandlers({
      clock,
      entropy,
      meshId,
      genesis: encodeGenesis(genesis),
      enrolment: observeEnrolment(enrolment, measured, clock),
      invitations,
      issuer,
      register,
      certificates: logs.certificates,
      logs,
      revocations,
      zone,
      policy,
      turns,
      rateLimit: createRateLimit(config.rateLimit, clock),
      roots: (afterPolicy) => rootsOf(serving, afterPolicy),
      contact: () => contactOf(serving),
      revoked: measured.revoked,
    }),
  );
}

interface Measured {
  readonly logs: Logs;
  readonly revocations: RevocationLog;
  readonly zone: Zone;
}

function instrument({ metrics, trust, clock }: Parts, { logs, revocations, zone }: Measured): void {
  observeTrustchain(metrics, {
    certificates: () => logs.certificates.size(),
    packages: () => logs.packages.size(),
    revocations: () => logs.revocations.size(),
    names: () => zone.size,
    witnessPolicyVersion: () => trust.policy().version,
    revocationHeadAgeSeconds: () => headAgeMs(revocations, clock) / 1000,
  });
}

interface Watched {
  readonly validators: Validators;
  readonly logs: Logs;
  readonly revocations: RevocationLog;
}

function watchWitnesses(config: TrustchainConfig, { clock, logger, trust }: Parts, watched: Watched): WitnessWatch {
  const { validators, logs, revocations } = watched;
  return createWitnessWatch(
    { pollMs: config.policyPollMs },
    {
      trust,
      validators,
      logs: Object.values(logs),
      revocations,
      clock,
      onError(error) {
        logger.warn({ err: error }, 'the logs are not under the newest witness policy yet; trying again');
      },
    },
  );
}

interface Checked {
  readonly revocations: RevocationLog;
  readonly validators: Validators;
  readonly watch: WitnessWatch;
  readonly opening: AsyncDisposableStack;
}

function addChecks({ clock, health, trust }: Parts, { revocations, validators, watch, opening }: Checked): void {
  const headCheck = health.check('ready', 'revocation-head', () =>
    headAgeMs(revocations, clock) > HEAD_AGE_ALERT_MS ? 'the signed revocation head is older than 10 minutes' : null,
  );
  const witnessCheck = health.check('ready', 'witnesses', () =>
    watch.coveredVersion() === trust.policy().version ? null : 'the logs lack cosignatures of a quorum of validators',
  );
  const validatorCheck = health.check('ready', 'validators', () => validators.problem());
  opening.defer(() => {
    for (const remove of [headCheck, witnessCheck, validatorCheck]) remove();
  });
}

function headAgeMs(revocations: RevocationLog, clock: Clock): number {
  return clock.now() - ((revocations.nextUpdate() ?? 0) - REVOCATION_LIFETIME_MS);
}

function rootsOf({ home, trust }: Parts, afterPolicy: number): TrustRoots {
  const newer = trust.history().slice(afterPolicy, afterPolicy + POLICIES_PER_ANSWER_MAX);
  return {
    roots: home.genesis.roots,
    intermediates: [home.intermediate.der],
    phase: Math.min(trust.policy().version, 1),
    witnessPolicies: encodePolicyHistory(newer),
  };
}

function contactOf({ home: { genesis }, trust }: Parts): {
  meshId: Uint8Array;
  rootFingerprint: Uint8Array;
  serverId: Uint8Array;
  addresses: readonly string[];
} {
  const { sessionKey, addresses } = genesis.trustchaind;
  return { meshId: trust.meshId, rootFingerprint: sha256(genesis.roots[0] as Uint8Array), serverId: keyClaimId(sessionKey), addresses };
}

/** The keystore must be that of this mesh. Throws `trustchain.config_invalid`. */
function assertSecrets({ session, logs }: TrustchainSecrets, { genesis }: Home): void {
  const same = keyClaimId(session.publicKey);
  if (Buffer.compare(same, keyClaimId(genesis.trustchaind.sessionKey)) !== 0) {
    throw trustError('trustchain.config_invalid', { reason: 'the session keys are not those of genesis' });
  }
  for (const name of ['certificates', 'packages', 'revocations'] as const) {
    const { classical, postQuantum } = logs[name];
    const held = keyClaimId({ classical: classical.publicKey, postQuantum: postQuantum.publicKey });
    if (Buffer.compare(held, keyClaimId(genesis.logs[name])) !== 0) {
      throw trustError('trustchain.config_invalid', { reason: 'the log keys are not those of genesis', log: name });
    }
  }
}
