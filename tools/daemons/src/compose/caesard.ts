import { createCaesard } from '@hypermesh/caesar';
import { systemClock } from '@hypermesh/stoq';
import type { Daemon, DaemonContext } from '@hypermesh/stoq/host';
import { z } from 'zod';
import { createAlarm } from '../parts/alarm.ts';
import { createMachines } from '../parts/machines.ts';
import { dataDirectoryOf, memberConfigShape, type MemberDaemonConfig, openDaemonMember } from '../parts/member-config.ts';
import { publishedMember } from '../parts/published.ts';
import { withCrypto } from '../parts/with-crypto.ts';

export interface CaesardDaemonConfig extends MemberDaemonConfig {
  /** How often a period is closed; null leaves it to others. */
  readonly periodMs: number | null;
}

const PERIOD_MS: number = 60 * 60 * 1_000;

export const caesardSchema: z.ZodType<CaesardDaemonConfig> = z.strictObject({
  ...memberConfigShape,
  periodMs: z.int().min(1_000).nullable().default(PERIOD_MS),
});

export async function composeCaesard(context: DaemonContext<CaesardDaemonConfig>): Promise<Daemon> {
  const { config, logger, metrics, health } = context;
  const { member, crypto, account } = await openDaemonMember(context);
  const { genesis, host } = member;
  const daemon = createCaesard(
    { directory: dataDirectoryOf(config, 'caesar'), periodMs: config.periodMs },
    { account },
    {
      crypto,
      clock: systemClock,
      genesis,
      host,
      membership: publishedMember(member, 'caesar', logger),
      bundle: () => member.bundle(),
      machines: await createMachines(genesis, crypto),
      logger,
      metrics,
      health,
      alarm: createAlarm(context),
    },
  );
  return withCrypto(daemon, crypto);
}
