import { join } from 'node:path';
import {
  type BlobStore,
  type Clock,
  type Crypto,
  createBlobStore,
  type Entropy,
  type Handlers,
  type Host,
  serveBlobs,
} from '@hypermesh/stoq';
import { createLifeCycle, type Daemon, type Health, type Logger, type Metrics, type Startable } from '@hypermesh/stoq/host';
import type { Genesis } from '@hypermesh/trustchain';
import { createFollower, type Follower } from '@hypermesh/mesh';
import { ask, type Machine, meshAccounts, type Query } from '@hypermesh/mesh/machine';
import { catalogContract, type CatalogMethods, type IndexAnswer } from './api.ts';
import { INDEX_MACHINE } from './index/index-machine.ts';
import { INDEX_QUERIES } from './index/index-query.ts';
import { createUploads, type Uploads } from './upload/uploads.ts';

export interface CatalogdConfig {
  /** Owned by this daemon. */
  readonly directory: string;
  /** What all blobs may take, unfinished uploads included. */
  readonly quotaBytes: number;
}

export interface CatalogdComponents {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly genesis: Genesis;
  /** Not started yet. */
  readonly host: Host;
  /** Keeps the certificate; runs while the host does. */
  readonly membership: Startable;
  readonly machines: readonly Machine[];
  readonly logger: Logger;
  readonly metrics?: Metrics;
  readonly health?: Health;
  /** The follower has stopped for good. */
  readonly alarm: (error: Error) => void;
}

export interface Catalogd extends Daemon {
  readonly follower: Follower;
  readonly blobs: BlobStore;
}

/** Follows the log, answers for the package index from what it has re-executed, takes uploads and serves blobs. */
export function createCatalogd(config: CatalogdConfig, components: CatalogdComponents): Catalogd {
  const { host, clock, entropy, genesis, membership, metrics, health } = components;
  const follower = createFollower(
    { ...components, accounts: meshAccounts },
    { directory: join(config.directory, 'log'), genesis, as: 'bundle' },
  );
  const blobs = createBlobStore({ directory: join(config.directory, 'blobs'), quotaBytes: config.quotaBytes, entropy });
  const uploads = createUploads({ directory: join(config.directory, 'uploads'), store: blobs, quotaBytes: config.quotaBytes, clock });
  host.serve(catalogContract, handlersOf(follower, uploads));
  serveBlobs(host, blobs);
  health?.check(
    'ready',
    'follower',
    () => follower.status().halted || (follower.status().following === '' ? 'no validator answers' : null),
  );
  metrics?.observed({ name: 'catalog_log_height', help: 'Height of the log that the index is of' }, () => follower.status().height);
  metrics?.observed({ name: 'catalog_blobs_bytes', help: 'What the blobs take of the quota' }, () => blobs.usedBytes());
  const lifeCycle = createLifeCycle([
    ['blobs', blobs],
    ['uploads', uploads],
    ['host', host],
    ['membership', membership],
    ['follower', follower],
  ]);
  return {
    follower,
    blobs,
    start: () => lifeCycle.start(),
    stop: () => lifeCycle.stop(),
    addresses: () => ({ stoq: host.addresses() }),
  };
}

function handlersOf(follower: Follower, uploads: Uploads): Handlers<CatalogMethods> {
  const read = <Argument, Answer>(method: string, query: Query<Argument, Answer>, argument: Argument): IndexAnswer<Answer> => ({
    height: follower.height,
    value: ask(follower, INDEX_MACHINE, method, query, argument),
  });
  return {
    upload: (piece, { peer }) => uploads.take(peer.id, piece),
    resolve: async (wanted) => read('resolve', INDEX_QUERIES.resolve, wanted),
    list: async ({ name }) => read('list', INDEX_QUERIES.list, name),
  };
}
