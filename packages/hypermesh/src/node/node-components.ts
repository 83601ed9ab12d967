import type { BlobStore, Clock, Crypto, Entropy, Host, Signer } from '@hypermesh/stoq';
import type { Health, Logger, Metrics, Startable } from '@hypermesh/stoq/host';
import type { Genesis, ValidatorEntry } from '@hypermesh/trustchain';
import type { PackageSource } from '../agent/desired.ts';
import type { MeshAccount } from '../client/mesh-client.ts';
import type { IngressConfig } from '../ingress/ingress.ts';
import type { Machine } from '../machine/machine.ts';
import type { Capacity } from '../mesh-machine/node.ts';
import type { RuntimeDriver } from '../runtime/driver.ts';

export interface HypermeshConfig {
  /** Name of this validator in genesis. */
  readonly name: string;
  /** Owned by this daemon. */
  readonly directory: string;
  /** Null for a node without a door for ordinary HTTP clients. */
  readonly ingress: IngressConfig | null;
  /** What workloads may have together; null for what the machine has less a reserve. */
  readonly capacity: Capacity | null;
}

export interface HypermeshSecrets {
  /** Signs this node's transactions. */
  readonly account: MeshAccount;
  /** The only signer of this vote key anywhere. */
  readonly voteSigner: Signer;
  readonly witness: Signer<'ml-dsa-44'>;
}

/** What the ledger makes of counted requests. */
export interface Metering {
  /** Signs, as this ingress, that the placement has answered so many requests. */
  countersign(placement: string, requests: number): Promise<Uint8Array>;
  /** The machine and the operations that record signed counts. */
  operationsOf(counted: readonly Uint8Array[]): { readonly machine: string; readonly operations: readonly Uint8Array[] };
}

export interface HypermeshComponents {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly genesis: Genesis;
  /** Not started yet; shows the set entry of genesis and the certificate of this node. */
  readonly host: Host;
  /** Keeps the certificate and what is known of revocations; runs while the host does. */
  readonly membership: Startable;
  /** Those of genesis. */
  readonly machines: readonly Machine[];
  readonly drivers: readonly RuntimeDriver[];
  readonly packages: PackageSource;
  /** What this node has fetched and serves to others. */
  readonly blobs: BlobStore;
  readonly metering: Metering;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  readonly health?: Health;
  /** The validator has stopped for good. */
  readonly alarm: (error: Error) => void;
}

/** What the parts of one node share. */
export interface NodeParts {
  readonly config: HypermeshConfig;
  readonly secrets: HypermeshSecrets;
  readonly components: HypermeshComponents;
  /** This validator in genesis. */
  readonly self: ValidatorEntry;
}
