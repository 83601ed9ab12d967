import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Campaign, CampaignName, CampaignReport } from './campaign.ts';
import type { FaultsOptions } from './command.ts';
import { runExclusive } from './exclusive/exclusive.ts';
import { Findings } from './findings.ts';
import { runGuests } from './guests/guests.ts';
import { runKills } from './kills/kills.ts';
import { openTestBed } from './mesh/test-bed.ts';
import { runOutage } from './outage/outage.ts';

const RUNNERS: Readonly<Record<CampaignName, Campaign>> = {
  kills: runKills,
  exclusive: runExclusive,
  guests: runGuests,
  outage: runOutage,
};

export interface RunContext {
  readonly signal: AbortSignal;
  readonly onProgress: (text: string) => void;
}

/** Runs each campaign on a new mesh of its own, one after the other. The mesh of one that found something is kept to be looked at. */
export async function runCampaigns({ campaigns, rounds, seed }: FaultsOptions, context: RunContext): Promise<readonly CampaignReport[]> {
  const reports: CampaignReport[] = [];
  for (const name of campaigns) {
    if (context.signal.aborted) break;
    reports.push(await runCampaign(name, { rounds, seed }, context));
  }
  return reports;
}

async function runCampaign(
  name: CampaignName,
  { rounds, seed }: Pick<FaultsOptions, 'rounds' | 'seed'>,
  { signal, onProgress }: RunContext,
): Promise<CampaignReport> {
  const startedAt = performance.now();
  const findings = new Findings(signal);
  const say = (text: string): void => onProgress(`${name}: ${text}`);
  const directory = await mkdtemp(join(tmpdir(), `hypermesh-faults-${name}-`));
  await findings.check(name, async () => {
    await using bed = await openTestBed({
      directory,
      signal,
      onProgress: say,
      onLost: (daemon) => findings.violation(`${daemon} ended although nobody killed it`),
    });
    await RUNNERS[name]({ bed, rounds, seed, findings, onProgress: say });
  });
  const { counts, violations } = findings;
  const isInterrupted = signal.aborted;
  if (violations.length === 0) await rm(directory, { recursive: true, force: true });
  else say(`${violations.length} violations; state and logs are in ${directory}`);
  return { name, durationMs: Math.round(performance.now() - startedAt), isInterrupted, counts, violations };
}
