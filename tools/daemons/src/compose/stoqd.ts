import { systemClock } from '@hypermesh/stoq';
import { createLifeCycle, type Daemon, type DaemonContext } from '@hypermesh/stoq/host';
import { createStoqd } from '@hypermesh/stoq/stoqd';
import { memberOf } from '@hypermesh/trustchain/client';
import { z } from 'zod';
import { joinedMember } from '../parts/joined.ts';
import { dataDirectoryOf, memberConfigShape, type MemberDaemonConfig, openDaemonMembership } from '../parts/member-config.ts';
import { publishedMember } from '../parts/published.ts';
import { withCrypto } from '../parts/with-crypto.ts';

export interface StoqdDaemonConfig extends MemberDaemonConfig {
  readonly blobs: { readonly quotaBytes: number };
}

const BLOB_QUOTA_BYTES: number = 4 * 1024 * 1024 * 1024;

export const stoqdSchema: z.ZodType<StoqdDaemonConfig> = z.strictObject({
  ...memberConfigShape,
  blobs: z.strictObject({ quotaBytes: z.int().positive().default(BLOB_QUOTA_BYTES) }).prefault({}),
});

export async function composeStoqd(context: DaemonContext<StoqdDaemonConfig>): Promise<Daemon> {
  const { config, logger, metrics } = context;
  const { membership, crypto } = await openDaemonMembership(context);
  const { verifier, identities } = membership;
  const directory = dataDirectoryOf(config, 'blobs');
  const stoqd = createStoqd(
    { listen: config.listen, blobs: { directory, quotaBytes: config.blobs.quotaBytes } },
    { identities },
    { crypto, verifier, metrics },
  );
  const member = memberOf(membership, stoqd.host, { crypto, clock: systemClock });
  const lifeCycle = createLifeCycle([
    ['stoqd', stoqd],
    ['membership', publishedMember(member, 'stoqd', logger)],
    ['member', joinedMember(member, crypto, 'stoqd', logger)],
  ]);
  return withCrypto({ start: () => lifeCycle.start(), stop: () => lifeCycle.stop(), addresses: () => stoqd.addresses() }, crypto);
}
