import { join } from 'node:path';
import { type Clock, type Crypto, type Handlers, type Host } from '@hypermesh/stoq';
import { createLifeCycle, type Daemon, type Health, type Logger, type Metrics, type Startable } from '@hypermesh/stoq/host';
import type { Genesis } from '@hypermesh/trustchain';
import { createFollower, createMeshClient, type Follower, type MeshAccount, validatorTargets } from '@hypermesh/mesh';
import { joinMesh } from '@hypermesh/mesh/client';
import { ask, type Machine, meshAccounts, type Query } from '@hypermesh/mesh/machine';
import { type AtHeight, caesarContract, type CaesarMethods } from './api.ts';
import { CAESAR_MACHINE } from './caesar-machine.ts';
import { CAESAR_QUERIES } from './query.ts';
import { createPeriodCloser } from './settlement/period-closer.ts';

export interface CaesardConfig {
  /** Owned by this daemon. */
  readonly directory: string;
  /** How often a settlement period is closed; null leaves it to others. */
  readonly periodMs: number | null;
}

export interface CaesardSecrets {
  readonly account: MeshAccount;
}

export interface CaesardComponents {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly genesis: Genesis;
  /** Not started yet. */
  readonly host: Host;
  /** Keeps the certificate; runs while the host does. */
  readonly membership: Startable;
  /** The encoded certificate bundle of the account. */
  readonly bundle: () => Uint8Array;
  readonly machines: readonly Machine[];
  readonly logger: Logger;
  readonly metrics?: Metrics;
  readonly health?: Health;
  /** The follower has stopped for good. */
  readonly alarm: (error: Error) => void;
}

export interface Caesard extends Daemon {
  readonly follower: Follower;
}

// A member joins once in its life; the mesh may be forming at that time.
const JOIN_MS_MAX = 60_000;

/** Follows the log, answers for the books from what it has re-executed, and has periods closed. */
export function createCaesard(config: CaesardConfig, secrets: CaesardSecrets, components: CaesardComponents): Caesard {
  const { host, clock, crypto, genesis, membership, logger, metrics, health } = components;
  const follower = createFollower(
    { ...components, accounts: meshAccounts },
    { directory: join(config.directory, 'log'), genesis, as: 'bundle' },
  );
  const client = createMeshClient({ host, crypto, clock }, { genesis, targets: validatorTargets(genesis, 'bundle') });
  host.serve(caesarContract, handlersOf(follower));
  const closer = createPeriodCloser({
    periodMs: config.periodMs,
    lastPeriod: () => ask(follower, CAESAR_MACHINE, 'period.last', CAESAR_QUERIES['period.last'], 0),
    order: async (operation, signal) => void (await client.transact(secrets.account, CAESAR_MACHINE, [operation], { signal })),
    clock,
    onFailure: (error) => logger.warn({ err: error }, 'the period was not closed'),
  });
  health?.check(
    'ready',
    'follower',
    () => follower.status().halted || (follower.status().following === '' ? 'no validator answers' : null),
  );
  metrics?.observed({ name: 'caesar_log_height', help: 'Height of the log that the books are of' }, () => follower.status().height);
  const member: Startable = {
    async start() {
      const request = { bundle: components.bundle(), name: 'caesard', token: null, addresses: host.addresses() };
      await joinMesh(client, secrets.account, request, { signal: AbortSignal.timeout(JOIN_MS_MAX) });
    },
    stop: () => Promise.resolve(),
  };
  const lifeCycle = createLifeCycle([
    ['host', host],
    ['membership', membership],
    ['follower', follower],
    ['member', member],
    ['periods', closer],
  ]);
  return {
    follower,
    start: () => lifeCycle.start(),
    stop: () => lifeCycle.stop(),
    addresses: () => ({ stoq: host.addresses() }),
  };
}

function handlersOf(follower: Follower): Handlers<CaesarMethods> {
  const read = <Argument, Answer>(method: string, query: Query<Argument, Answer>, argument: Argument): AtHeight<Answer> => ({
    height: follower.height,
    value: ask(follower, CAESAR_MACHINE, method, query, argument),
  });
  const queries = CAESAR_QUERIES;
  return {
    account: async ({ account }) => read('account', queries.account, account),
    accounts: async ({ after }) => read('accounts', queries.accounts, after),
    escrow: async (key) => read('escrow', queries.escrow, key),
    period: async ({ number }) => read('period', queries.period, number),
    lastPeriod: async () => read('period.last', queries['period.last'], 0),
    audit: async () => read('audit', queries.audit, 0),
  };
}
