import { createCatalogd } from '@hypermesh/catalog';
import { systemClock, systemEntropy } from '@hypermesh/stoq';
import { createLifeCycle, type Daemon, type DaemonContext } from '@hypermesh/stoq/host';
import { z } from 'zod';
import { createAlarm } from '../parts/alarm.ts';
import { joinedMember } from '../parts/joined.ts';
import { createMachines } from '../parts/machines.ts';
import { dataDirectoryOf, memberConfigShape, type MemberDaemonConfig, openDaemonMember } from '../parts/member-config.ts';
import { publishedMember } from '../parts/published.ts';
import { withCrypto } from '../parts/with-crypto.ts';

export interface CatalogdDaemonConfig extends MemberDaemonConfig {
  readonly blobs: { readonly quotaBytes: number };
}

// Every version of every package of a small mesh.
const BLOB_QUOTA_BYTES: number = 8 * 1024 * 1024 * 1024;

export const catalogdSchema: z.ZodType<CatalogdDaemonConfig> = z.strictObject({
  ...memberConfigShape,
  blobs: z.strictObject({ quotaBytes: z.int().positive().default(BLOB_QUOTA_BYTES) }).prefault({}),
});

export async function composeCatalogd(context: DaemonContext<CatalogdDaemonConfig>): Promise<Daemon> {
  const { config, logger, metrics, health } = context;
  const { member, crypto } = await openDaemonMember(context);
  const { genesis, host } = member;
  const daemon = createCatalogd(
    { directory: dataDirectoryOf(config, 'catalog'), quotaBytes: config.blobs.quotaBytes },
    {
      crypto,
      clock: systemClock,
      entropy: systemEntropy,
      genesis,
      host,
      membership: publishedMember(member, 'catalog', logger),
      machines: await createMachines(genesis, crypto),
      logger,
      metrics,
      health,
      alarm: createAlarm(context),
    },
  );
  const lifeCycle = createLifeCycle([
    ['catalogd', daemon],
    ['member', joinedMember(member, crypto, 'catalogd', logger)],
  ]);
  return withCrypto({ addresses: () => daemon.addresses(), start: () => lifeCycle.start(), stop: () => lifeCycle.stop() }, crypto);
}
