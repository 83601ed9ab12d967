import { join } from 'node:path';
import { createWasmDriver } from '@hypermesh/catalog';
import { createHypermesh, createOciDriver, type HypermeshConfig } from '@hypermesh/mesh';
import { createBlobStore, systemClock, systemEntropy } from '@hypermesh/stoq';
import type { Daemon, DaemonContext } from '@hypermesh/stoq/host';
import { z } from 'zod';
import { createAlarm } from '../parts/alarm.ts';
import { createMachines } from '../parts/machines.ts';
import { dataDirectoryOf, memberConfigShape, type MemberDaemonConfig, openDaemonMember } from '../parts/member-config.ts';
import { createMetering } from '../parts/metering.ts';
import { createPackageSource } from '../parts/packages.ts';
import { loadValidatorKeys } from '../parts/validator-keys.ts';
import { withCrypto } from '../parts/with-crypto.ts';

export interface HypermeshdConfig extends MemberDaemonConfig, Pick<HypermeshConfig, 'name' | 'ingress' | 'capacity'> {
  readonly blobs: { readonly quotaBytes: number };
}

// Packages of the workloads of one node.
const BLOB_QUOTA_BYTES: number = 2 * 1024 * 1024 * 1024;
const REQUEST_MS = 30_000;

export const hypermeshdSchema: z.ZodType<HypermeshdConfig> = z.strictObject({
  ...memberConfigShape,
  name: z.string().min(1),
  ingress: z
    .strictObject({ host: z.string(), port: z.int().min(0).max(65_535), requestMsMax: z.int().min(1).default(REQUEST_MS) })
    .nullable()
    .default(null),
  capacity: z
    .strictObject({ cpuMillis: z.int().min(1), memoryBytes: z.int().min(1), workloads: z.int().min(0) })
    .nullable()
    .default(null),
  blobs: z.strictObject({ quotaBytes: z.int().positive().default(BLOB_QUOTA_BYTES) }).prefault({}),
});

/** A validator and node with the machines, drivers and packages of the whole stack. */
export async function composeHypermeshd(context: DaemonContext<HypermeshdConfig>): Promise<Daemon> {
  const { config, logger, metrics, health } = context;
  const { member, crypto, account } = await openDaemonMember(context);
  const directory = dataDirectoryOf(config, 'hypermesh');
  const blobs = createBlobStore({ directory: join(directory, 'blobs'), quotaBytes: config.blobs.quotaBytes });
  const { genesis, host } = member;
  const daemon = await createHypermesh(
    { ...config, directory },
    { account, ...(await loadValidatorKeys(config, crypto)) },
    {
      crypto,
      clock: systemClock,
      entropy: systemEntropy,
      genesis,
      host,
      membership: member.following,
      machines: await createMachines(genesis, crypto),
      drivers: [createWasmDriver({ cacheDirectory: join(directory, 'modules') }), createOciDriver({ clock: systemClock })],
      packages: createPackageSource(directory, {
        member,
        blobs,
        nodes: () => genesis.validators.map(({ addresses, nodeId: id }) => ({ addresses, id, expect: 'bundle' })),
      }),
      blobs,
      metering: createMetering(member),
      logger,
      metrics,
      health,
      alarm: createAlarm(context),
    },
  );
  return withCrypto(daemon, crypto);
}
