import { z } from 'zod';
import { serveBlobs } from './blob/serve.ts';
import { type BlobStore, createBlobStore } from './blob/store.ts';
import { createQuicCarrier } from './carrier/quic/carrier.ts';
import { systemClock } from './clock.ts';
import { systemEntropy } from './crypto/entropy.ts';
import { type Daemon, type DaemonConfig, daemonConfigShape } from './host/daemon.ts';
import type { Host, HostComponents } from './host/host.ts';
import { createLifeCycle } from './host/life-cycle.ts';
import type { Metrics } from './host/metrics.ts';
import { createHost } from './host/network-host.ts';
import { circuitContract, circuitsUnsupported } from './relay/circuit-contract.ts';
import type { LocalIdentity } from './session/identity.ts';

export interface StoqdConfig {
  /** Literal addresses, e.g. `0.0.0.0:9292`. */
  readonly listen: readonly string[];
  readonly blobs: { readonly directory: string; readonly quotaBytes: number };
}

// Room for the packages of a small mesh on the smallest machine that is expected to serve them.
const BLOB_QUOTA_BYTES: number = 4 * 1024 * 1024 * 1024;

/** Keys of `StoqdConfig`, to be spread into the schema of a daemon that adds its own. */
export const stoqdConfigShape: { readonly [K in keyof StoqdConfig]: z.ZodType<StoqdConfig[K]> } = {
  listen: z.array(z.string()).min(1),
  blobs: z.strictObject({ directory: z.string().min(1), quotaBytes: z.int().positive().default(BLOB_QUOTA_BYTES) }),
};

export const stoqdConfigSchema: z.ZodType<StoqdConfig & DaemonConfig> = z.strictObject({ ...daemonConfigShape, ...stoqdConfigShape });

/** What proves who the node is; see `HostConfig.identities`. */
export interface StoqdSecrets {
  readonly identities: () => readonly LocalIdentity[];
}

/** `crypto` and `verifier` come from outside; the others stand in for those of the system. */
export interface StoqdComponents extends Pick<HostComponents, 'crypto' | 'verifier'>, Partial<Omit<HostComponents, 'crypto' | 'verifier'>> {
  readonly metrics?: Metrics;
}

export interface Stoqd extends Daemon {
  readonly host: Host;
  readonly store: BlobStore;
}

/** An edge node: keeps blobs and serves them by digest; answers `stoq.unsupported` to whoever asks for a circuit. */
export function createStoqd(config: StoqdConfig, secrets: StoqdSecrets, components: StoqdComponents): Stoqd {
  const { metrics, ...parts } = components;
  const store = createBlobStore({ ...config.blobs, entropy: parts.entropy ?? systemEntropy });
  const host = createHost(
    { clock: systemClock, entropy: systemEntropy, carriers: [createQuicCarrier()], ...parts },
    { identities: secrets.identities, listen: config.listen },
  );
  serveBlobs(host, store);
  host.serve(circuitContract, circuitsUnsupported);
  metrics?.observed({ name: 'stoq_blobs_bytes', help: 'What the blobs of this node take of its quota' }, () => store.usedBytes());
  const lifeCycle = createLifeCycle([
    ['blobs', store],
    ['host', host],
  ]);
  return {
    host,
    store,
    start: () => lifeCycle.start(),
    stop: () => lifeCycle.stop(),
    addresses: () => ({ stoq: host.addresses() }),
  };
}
